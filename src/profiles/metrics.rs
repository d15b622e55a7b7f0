//! Profiles at `/metrics`.

use std::{fmt, sync::atomic::Ordering::Relaxed};

use super::{ProfileKind, Profiler};
use crate::metrics::{Expose, Exposition, Family};

static WRITTEN: Family = Family::counter(
    "audio_capture_exporter_profiles_written_total",
    "Profiles written to the directory of the configuration",
    &["profile"],
);
static FAILURES: Family = Family::counter(
    "audio_capture_exporter_profile_failures_total",
    "Profiles that should have been written to the directory and were not",
    &["profile"],
);
static FAMILIES: [&Family; 2] = [&WRITTEN, &FAILURES];

impl Expose for Profiler {
    fn families(&self) -> &'static [&'static Family] {
        &FAMILIES
    }

    fn expose(&self, out: &mut Exposition<'_>) -> fmt::Result {
        for (family, counters) in [(&WRITTEN, &self.written), (&FAILURES, &self.failures)] {
            out.family(family, |series| {
                ProfileKind::ALL.iter().try_for_each(|kind| {
                    series.sample(&[kind.as_str()], counters[kind.index()].load(Relaxed))
                })
            })?;
        }
        Ok(())
    }
}
