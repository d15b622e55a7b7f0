//! The `myaudio_signal_*` families.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use super::Levels;
use crate::{
    id::SourceId,
    metrics::{AlreadyPresent, Expose, Exposition, Family, Membership, Roster},
};

static SAMPLES: Family = Family::counter(
    "myaudio_signal_samples_total",
    "Decoded samples measured, all channels counted",
    &["source"],
);
static ENERGY: Family = Family::counter(
    "myaudio_signal_energy_total",
    "Sum of squared samples, full scale 1; 10*log10(rate(energy)/rate(samples)) is dBFS",
    &["source"],
);
static FAMILIES: [&Family; 2] = [&SAMPLES, &ENERGY];

/// The measurements of one source.
#[derive(Debug, Default)]
pub struct Meter(Mutex<Totals>);

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    samples: u64,
    energy: f64,
    latest: Levels,
}

/// All sources' measurements, as a scrape sees them.
#[derive(Debug, Default)]
pub struct Meters {
    roster: Roster<SourceId, Meter>,
}

/// Keeps one source's meter, and with it its series, alive.
pub type MeterMembership = Membership<SourceId, Meter>;

impl Meters {
    /// Adds a source; its series exist at zero from here on.
    ///
    /// # Errors
    /// [`AlreadyPresent`] when a source of this name is still there.
    pub fn open(&self, id: &SourceId) -> Result<MeterMembership, AlreadyPresent> {
        self.roster.join(id.clone(), Arc::default())
    }

    /// The measurement of a source's latest block; `None` for an unknown source.
    pub fn latest(&self, id: &SourceId) -> Option<Levels> {
        self.roster.get(id).map(|meter| meter.totals().latest)
    }
}

impl Meter {
    /// Adds a measured block.
    pub fn record(&self, levels: Levels) {
        let mut totals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        totals.samples += levels.samples;
        totals.energy += levels.energy;
        totals.latest = levels;
    }

    /// The measurement of everything so far as if it were one block.
    pub fn overall(&self) -> Levels {
        let Totals {
            samples, energy, ..
        } = self.totals();
        Levels { samples, energy }
    }

    fn totals(&self) -> Totals {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Expose for Meters {
    fn families(&self) -> &'static [&'static Family] {
        &FAMILIES
    }

    fn expose(&self, out: &mut Exposition<'_>) -> fmt::Result {
        let rows: Vec<_> = self
            .roster
            .members()
            .into_iter()
            .map(|(id, meter)| (id, meter.totals()))
            .collect();
        out.family(&SAMPLES, |series| {
            rows.iter()
                .try_for_each(|(id, totals)| series.sample(&[id.as_str()], totals.samples))
        })?;
        out.family(&ENERGY, |series| {
            rows.iter()
                .try_for_each(|(id, totals)| series.sample(&[id.as_str()], totals.energy))
        })
    }
}
