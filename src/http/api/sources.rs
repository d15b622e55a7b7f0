//! Sources, as JSON.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    allocations::Anomaly,
    buffer::{self, Buffer},
    values::{Format, Moment},
};
use crate::{
    buffers::Buffers,
    id::SourceId,
    signal::{self, Silence},
    sources::{GapCause, SourceKind, State},
    status::{self, Level, Snapshot, SourceStatus, in_words},
};

/// `GET /api/v1/sources`: every configured source, in order of names.
#[derive(JsonSchema, Serialize)]
pub(in crate::http) struct Sources {
    sources: Vec<Source>,
}

/// One source. Durations are in seconds.
#[derive(JsonSchema, Serialize)]
pub(super) struct Source {
    name: String,
    kind: SourceKind,
    state: State,
    /// The state in words.
    state_text: &'static str,
    state_seconds: f64,
    /// When audio last came; null before the first.
    last_audio: Option<Moment>,
    /// How long none has come; null while none is expected.
    without_audio_seconds: Option<f64>,
    /// How urgent it is, all things considered.
    level: Level,
    /// What is wrong and what to do.
    problem: Option<String>,
    codec: Option<String>,
    format: Option<Format>,
    audio_seconds: f64,
    expected_seconds: f64,
    /// What the audio is like; null while none flows.
    signal: Option<Signal>,
    /// Whether it keeps asking for a buffer.
    allocation_anomaly: Option<Anomaly>,
    /// What is odd although audio flows, in words.
    troubles: Vec<String>,
    coverage: Coverage,
    /// Seconds of missing audio, by cause.
    gap_seconds: BTreeMap<&'static str, f64>,
    expected: Expected,
    /// In which aspects it sends something else than expected.
    mismatches: Vec<&'static str>,
    transport: Option<&'static str>,
    attempts: u64,
    disconnects: u64,
    next_attempt: Option<Moment>,
    buffered_seconds: f64,
    capacity_seconds: f64,
}

/// How much of the audio that was due has come lately.
#[derive(JsonSchema, Serialize)]
struct Coverage {
    hour: Covered,
    day: Covered,
}

#[derive(JsonSchema, Serialize)]
struct Covered {
    /// How far back it goes: less than an hour or a day after a start.
    over_seconds: f64,
    expected_seconds: f64,
    audio_seconds: f64,
    /// Null when nothing was due.
    ratio: Option<f64>,
}

/// What the operator expects; null where anything will do.
#[derive(JsonSchema, Serialize)]
struct Expected {
    codec: Option<String>,
    sample_rate: Option<u32>,
    channels: Option<u16>,
}

/// What the audio is like at the moment. Ratios are relative to full scale.
#[derive(JsonSchema, Serialize)]
struct Signal {
    /// Root mean square of the analysis window; null while `silence` is `digital`, too.
    rms_dbfs: Option<f64>,
    rms_ratio: Option<f64>,
    dc_offset_ratio: Option<f64>,
    /// Of the last 60 s.
    peak_ratio: f64,
    /// The part of the samples of the last 60 s that was clipped.
    clipped_ratio: f64,
    /// How the latest half second is silent, if it is.
    silence: Option<Silence>,
    /// How much audio was silent without a break.
    silent_seconds: f64,
    silent: bool,
    stuck: bool,
}

/// `GET /api/v1/sources/{name}`: the source and its buffers.
#[derive(JsonSchema, Serialize)]
pub(in crate::http) struct SourceInDepth {
    #[serde(flatten)]
    source: Source,
    buffers: Vec<Buffer>,
}

pub(super) fn all(snapshot: &Snapshot) -> Sources {
    Sources {
        sources: snapshot.sources.iter().map(Source::from).collect(),
    }
}

/// `None` for a source that is not configured.
pub(super) fn one(snapshot: &Snapshot, buffers: &Buffers, id: &SourceId) -> Option<SourceInDepth> {
    let status = snapshot.sources.iter().find(|source| source.id == *id)?;
    Some(SourceInDepth {
        source: status.into(),
        buffers: buffer::live(buffers, status),
    })
}

impl From<&SourceStatus> for Source {
    fn from(status: &SourceStatus) -> Self {
        let (_, state_text) = in_words(status.state);
        let detail = &status.detail;
        let gaps = GapCause::ALL.iter().map(|cause| cause.as_str());
        let (buffered, capacity) = status.buffered;
        Self {
            name: status.id.to_string(),
            kind: status.kind,
            state: status.state,
            state_text,
            level: status.level(),
            state_seconds: status.since.as_secs_f64(),
            last_audio: status.last_audio.map(Moment),
            without_audio_seconds: status.without_audio.map(|without| without.as_secs_f64()),
            problem: status.problem.clone(),
            codec: status.codec.clone(),
            format: status.format.map(Format::from),
            audio_seconds: status.audio_seconds,
            expected_seconds: status.expected_seconds,
            signal: status.signal.as_ref().map(Signal::from),
            allocation_anomaly: status.allocation_anomaly.map(Anomaly::from),
            troubles: status.troubles().collect(),
            coverage: Coverage {
                hour: Covered::from(&detail.coverage.hour),
                day: Covered::from(&detail.coverage.day),
            },
            gap_seconds: gaps.zip(detail.gap_seconds).collect(),
            expected: Expected {
                codec: detail.expect.codec.clone(),
                sample_rate: detail.expect.sample_rate,
                channels: detail.expect.channels,
            },
            mismatches: status.mismatches.clone(),
            transport: detail.transport,
            attempts: detail.attempts,
            disconnects: detail.disconnects,
            next_attempt: detail.next_attempt.map(Moment),
            buffered_seconds: buffered.as_secs_f64(),
            capacity_seconds: capacity.as_secs_f64(),
        }
    }
}

impl From<&status::Covered> for Covered {
    fn from(covered: &status::Covered) -> Self {
        Self {
            over_seconds: covered.over.as_secs_f64(),
            expected_seconds: covered.expected_seconds,
            audio_seconds: covered.audio_seconds,
            ratio: covered.ratio(),
        }
    }
}

impl From<&signal::View> for Signal {
    fn from(view: &signal::View) -> Self {
        let window = view.window;
        let silent_for = window.map(|window| window.silent_for).unwrap_or_default();
        Self {
            rms_dbfs: view.dbfs(),
            rms_ratio: window.map(|window| window.rms),
            dc_offset_ratio: window.map(|window| window.dc_offset),
            peak_ratio: view.peak,
            clipped_ratio: view.clipped,
            silence: view.silence(),
            silent_seconds: silent_for.as_secs_f64(),
            silent: view.silent,
            stuck: view.stuck,
        }
    }
}
