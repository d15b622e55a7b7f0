//! Sources, as JSON.

use serde::Serialize;

use super::{
    buffer::{self, Buffer},
    values::Format,
};
use crate::{
    buffers::Buffers,
    id::SourceId,
    status::{Snapshot, SourceStatus},
};

/// `GET /api/v1/sources`: every configured source, in order of names.
#[derive(Serialize)]
pub(super) struct Sources {
    sources: Vec<Source>,
}

/// One source. Durations are in seconds.
#[derive(Serialize)]
pub(super) struct Source {
    name: String,
    kind: &'static str,
    state: &'static str,
    state_seconds: f64,
    /// What is wrong and what to do.
    problem: Option<String>,
    codec: Option<String>,
    format: Option<Format>,
    audio_seconds: f64,
    expected_seconds: f64,
    /// Root mean square of the latest audio, full scale 1.
    rms: Option<f64>,
}

/// `GET /api/v1/sources/{name}`: the source and its buffers.
#[derive(Serialize)]
pub(super) struct SourceInDepth {
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
        Self {
            name: status.id.to_string(),
            kind: status.kind.as_str(),
            state: status.state.as_str(),
            state_seconds: status.since.as_secs_f64(),
            problem: status.problem.clone(),
            codec: status.codec.clone(),
            format: status.format.map(Format::from),
            audio_seconds: status.audio_seconds,
            expected_seconds: status.expected_seconds,
            rms: status.rms,
        }
    }
}
