//! `audio_capture_exporter_history_*`.

use std::fmt;

use super::{History, HistoryState, WriteFailure};
use crate::metrics::{Expose, Exposition, Family};

static STATE: Family = Family::gauge(
    "audio_capture_exporter_history_state",
    "What the history is doing; exactly one state is 1",
    &["state"],
);
static FAILURES: Family = Family::counter(
    "audio_capture_exporter_history_write_failures_total",
    "Attempts to open or write the history that failed",
    &["reason"],
);
static WRITTEN: Family = Family::counter(
    "audio_capture_exporter_history_records_total",
    "Records written into the history",
    &[],
);
static LOST: Family = Family::counter(
    "audio_capture_exporter_history_lost_records_total",
    "Records lost because the history could not be written for too long, or not fast enough",
    &[],
);
static BYTES: Family = Family::gauge(
    "audio_capture_exporter_history_size_bytes",
    "What the content of the history's file takes",
    &[],
);
static FAMILIES: [&Family; 5] = [&STATE, &FAILURES, &WRITTEN, &LOST, &BYTES];

impl Expose for History {
    fn families(&self) -> &'static [&'static Family] {
        &FAMILIES
    }

    fn expose(&self, out: &mut Exposition<'_>) -> fmt::Result {
        let status = self.status();
        out.family(&STATE, |series| {
            HistoryState::ALL
                .iter()
                .try_for_each(|state| series.sample(&[state.as_str()], status.state == *state))
        })?;
        out.family(&FAILURES, |series| {
            WriteFailure::ALL.iter().try_for_each(|reason| {
                series.sample(&[reason.as_str()], status.failures[reason.index()])
            })
        })?;
        out.family(&WRITTEN, |series| series.sample(&[], status.written))?;
        out.family(&LOST, |series| series.sample(&[], status.lost))?;
        out.family(&BYTES, |series| series.sample(&[], status.bytes))
    }
}
