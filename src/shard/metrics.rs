//! The shard at `/metrics`.

use std::fmt;

use super::Shard;
use crate::metrics::{Expose, Exposition, Family};

static INDEX: Family = Family::gauge(
    "audio_capture_exporter_shard_index",
    "Which of the shards this exporter is, counted from 0",
    &[],
);
static COUNT: Family = Family::gauge(
    "audio_capture_exporter_shard_total",
    "Among how many exporters the configured sources are divided; 1 where they are not",
    &[],
);
static FAMILIES: [&Family; 2] = [&INDEX, &COUNT];

impl Expose for Shard {
    fn families(&self) -> &'static [&'static Family] {
        &FAMILIES
    }

    fn expose(&self, out: &mut Exposition<'_>) -> fmt::Result {
        out.family(&INDEX, |series| series.sample(&[], u64::from(self.index())))?;
        out.family(&COUNT, |series| series.sample(&[], u64::from(self.total())))
    }
}
