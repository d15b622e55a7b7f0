//! The `probe_*` families: one report, in a registry of its own.

use std::fmt;

use super::Report;
use crate::metrics::{Expose, Exposition, Family};

static SUCCESS: Family = Family::gauge(
    "probe_success",
    "Whether audio arrived and did not break off (1) or not (0)",
    &[],
);
static DURATION: Family = Family::gauge("probe_duration_seconds", "How long the probe took", &[]);
static FIRST_AUDIO: Family = Family::gauge(
    "probe_first_audio_seconds",
    "From the beginning of the probe to the first audio; absent without audio",
    &[],
);
static AUDIO_INFO: Family = Family::gauge(
    "probe_audio_info",
    "What the source sends; always 1, absent when not known",
    &["codec", "sample_rate", "channels", "transport"],
);
static LOST: Family = Family::gauge(
    "probe_packets_lost",
    "RTP packets that the sequence numbers show as lost",
    &[],
);
static LEVEL: Family = Family::gauge(
    "probe_level_rms_ratio",
    "Root mean square of what was heard, full scale 1; absent without audio",
    &[],
);
static FAILURE: Family = Family::gauge(
    "probe_failure_info",
    "Why the probe failed; always 1, absent when it succeeded",
    &["reason"],
);
static FAMILIES: [&Family; 7] = [
    &SUCCESS,
    &DURATION,
    &FIRST_AUDIO,
    &AUDIO_INFO,
    &LOST,
    &LEVEL,
    &FAILURE,
];

/// One report as metrics.
#[derive(Debug)]
pub struct ProbeMetrics(pub Report);

impl Expose for ProbeMetrics {
    fn families(&self) -> &'static [&'static Family] {
        &FAMILIES
    }

    fn expose(&self, out: &mut Exposition<'_>) -> fmt::Result {
        let report = &self.0;
        out.family(&SUCCESS, |series| series.sample(&[], report.success()))?;
        out.family(&DURATION, |series| {
            series.sample(&[], report.took.as_secs_f64())
        })?;
        if let Some(first) = report.first_audio {
            out.family(&FIRST_AUDIO, |series| {
                series.sample(&[], first.as_secs_f64())
            })?;
        }
        let info = &report.info;
        if let Some(codec) = &info.codec {
            let number = |n: Option<u32>| n.map_or_else(|| "unknown".to_owned(), |n| n.to_string());
            let rate = number(info.format.map(|format| format.sample_rate));
            let channels = number(info.format.map(|format| format.channels.into()));
            let transport = info.transport.unwrap_or("unknown");
            out.family(&AUDIO_INFO, |series| {
                series.sample(&[codec, &rate, &channels, transport], 1u64)
            })?;
        }
        out.family(&LOST, |series| series.sample(&[], report.tally.lost))?;
        if report.levels.samples > 0 {
            out.family(&LEVEL, |series| series.sample(&[], report.levels.rms()))?;
        }
        if let Some(failure) = &report.failure {
            out.family(&FAILURE, |series| series.sample(&[failure.reason], 1u64))?;
        }
        Ok(())
    }
}
