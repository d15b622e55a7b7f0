//! The `myaudio_signal_*` families.

use std::{fmt, sync::Arc};

use super::{Meter, Silence, View, meter::Totals};
use crate::{
    id::SourceId,
    metrics::{AlreadyPresent, Expose, Exposition, Family, Membership, Roster, Value},
};

const SOURCE: &[&str] = &["source"];

static SAMPLES: Family = Family::counter(
    "myaudio_signal_samples_total",
    "Decoded samples measured, all channels counted",
    SOURCE,
);
static ENERGY: Family = Family::counter(
    "myaudio_signal_energy_total",
    "Sum of squared samples, full scale 1; 10*log10(rate(energy)/rate(samples)) is dBFS",
    SOURCE,
);
static CLIPPED: Family = Family::counter(
    "myaudio_signal_clipped_samples_total",
    "Samples at the limits of 16 bit, damaged blocks left out",
    SOURCE,
);
static SILENT_SECONDS: Family = Family::counter(
    "myaudio_signal_silent_seconds_total",
    "Received audio that was silent; the kinds exclude each other",
    &["source", "kind"],
);
static PEAK: Family = Family::gauge(
    "myaudio_signal_peak_ratio",
    "Largest magnitude of the last 60 s, full scale 1; NaN while no audio flows",
    SOURCE,
);
static RMS: Family = Family::gauge(
    "myaudio_signal_rms_ratio",
    "Root mean square of the analysis window, full scale 1; NaN while no audio flows",
    SOURCE,
);
static DC_OFFSET: Family = Family::gauge(
    "myaudio_signal_dc_offset_ratio",
    "Mean of the analysis window, full scale 1; NaN while no audio flows",
    SOURCE,
);
static SILENT: Family = Family::gauge(
    "myaudio_signal_silent",
    "Whether audio flows and has been silent for too long, quiet hours excepted",
    SOURCE,
);
static STUCK: Family = Family::gauge(
    "myaudio_signal_stuck",
    "Whether audio flows and the same comes again and again",
    SOURCE,
);
static FAMILIES: [&Family; 9] = [
    &SAMPLES,
    &ENERGY,
    &CLIPPED,
    &SILENT_SECONDS,
    &PEAK,
    &RMS,
    &DC_OFFSET,
    &SILENT,
    &STUCK,
];

/// All sources' measurements, as a scrape sees them.
#[derive(Debug, Default)]
pub struct Meters {
    roster: Roster<SourceId, Meter>,
}

/// Keeps one source's meter, and with it its series, alive.
pub type MeterMembership = Membership<SourceId, Meter>;

impl Meters {
    /// Adds a source; its series exist from here on.
    ///
    /// # Errors
    /// [`AlreadyPresent`] when a source of this name is still there.
    pub fn open(&self, id: &SourceId) -> Result<MeterMembership, AlreadyPresent> {
        self.roster.join(id.clone(), Arc::default())
    }

    /// What a source's audio is like at the moment; `None` while none flows.
    pub fn view(&self, id: &SourceId) -> Option<View> {
        self.roster.get(id)?.view()
    }
}

struct Row {
    id: SourceId,
    totals: Totals,
    view: Option<View>,
}

impl Expose for Meters {
    fn families(&self) -> &'static [&'static Family] {
        &FAMILIES
    }

    fn expose(&self, out: &mut Exposition<'_>) -> fmt::Result {
        let members = self.roster.members().into_iter();
        let rows: Vec<Row> = members
            .map(|(id, meter)| Row {
                id,
                totals: meter.totals(),
                view: meter.view(),
            })
            .collect();
        single(out, &SAMPLES, &rows, |row| row.totals.levels.samples)?;
        single(out, &ENERGY, &rows, |row| row.totals.levels.energy)?;
        single(out, &CLIPPED, &rows, |row| row.totals.levels.clipped)?;
        out.family(&SILENT_SECONDS, |series| {
            for row in &rows {
                for kind in Silence::ALL {
                    let seconds = row.totals.silent[kind.index()].as_secs_f64();
                    series.sample(&[row.id.as_str(), kind.as_str()], seconds)?;
                }
            }
            Ok(())
        })?;
        single(out, &PEAK, &rows, |row| known(row.view.map(|v| v.peak)))?;
        let window = |row: &Row| row.view.and_then(|view| view.window);
        single(out, &RMS, &rows, |row| known(window(row).map(|w| w.rms)))?;
        single(out, &DC_OFFSET, &rows, |row| {
            known(window(row).map(|w| w.dc_offset))
        })?;
        let is = |row: &Row, which: fn(View) -> bool| row.view.is_some_and(which);
        single(out, &SILENT, &rows, |row| is(row, |view| view.silent))?;
        single(out, &STUCK, &rows, |row| is(row, |view| view.stuck))
    }
}

/// A measurement of audio that does not flow would be a lie: what is not known is no number.
fn known(value: Option<f64>) -> f64 {
    value.unwrap_or(f64::NAN)
}

/// One series for each source.
fn single<V: Into<Value>>(
    out: &mut Exposition<'_>,
    family: &'static Family,
    rows: &[Row],
    value: impl Fn(&Row) -> V,
) -> fmt::Result {
    out.family(family, |series| {
        rows.iter()
            .try_for_each(|row| series.sample(&[row.id.as_str()], value(row)))
    })
}
