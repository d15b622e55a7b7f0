//! A live buffer, its readers and its recent past, as JSON.

use schemars::JsonSchema;
use serde::Serialize;

use super::values::{Format, Moment};
use crate::{
    buffers::{BufferKind, BufferStats, Buffers, ReaderKind, ReaderStats},
    status::{Point, STEP, SourceStatus},
};

/// One live buffer. Durations are in seconds.
#[derive(JsonSchema, Serialize)]
pub(super) struct Buffer {
    #[serde(rename = "buffer_type")]
    kind: BufferKind,
    format: Format,
    capacity_bytes: u64,
    capacity_seconds: f64,
    buffered_seconds: f64,
    /// What only a build with statistics knows.
    #[serde(flatten)]
    statistics: Option<Statistics>,
    recent: Option<Recent>,
}

/// What happened to the buffer since it was allocated.
#[derive(JsonSchema, Serialize)]
struct Statistics {
    created_at: Moment,
    /// When audio was last pushed.
    last_update: Option<Moment>,
    pushes: u64,
    refused_pushes: u64,
    /// Over the last step of `recent`; `null` before the first.
    pushes_per_second: Option<f32>,
    pulls: u64,
    overflows: u64,
    dropped_frames: u64,
    /// The worst attached reader's lag as a part of the capacity.
    utilization_ratio: f64,
    /// Above 80 %.
    high: bool,
    /// Above 95 %.
    critical: bool,
    active_readers: usize,
    readers: Vec<Reader>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "BufferReader")]
struct Reader {
    id: u64,
    kind: ReaderKind,
    position_frames: u64,
    lag_frames: u64,
    lag_seconds: f64,
    pulls: u64,
    pulled_frames: u64,
    dropped_frames: u64,
    last_pull: Option<Moment>,
}

/// The recent past, the oldest point first.
#[derive(JsonSchema, Serialize)]
struct Recent {
    step_seconds: f64,
    points: Vec<RecentPoint>,
}

#[derive(JsonSchema, Serialize)]
struct RecentPoint {
    time: Moment,
    pushes_per_second: f32,
    bytes_per_second: f32,
    fill_ratio: f32,
    worst_lag_seconds: f32,
    rms: Option<f32>,
}

/// A source's live buffers.
pub(super) fn live(buffers: &Buffers, source: &SourceStatus) -> Vec<Buffer> {
    let of_kind = |kind: &BufferKind| {
        let buffer = buffers.get(&source.id, *kind)?;
        let points = source.recent[kind.index()].as_deref();
        let rate = points.and_then(|points| Some(points.last()?.pushes));
        let stats = buffer.stats();
        Some(Buffer {
            kind: *kind,
            format: buffer.format().into(),
            capacity_bytes: buffer.capacity_bytes(),
            capacity_seconds: buffer.capacity().as_secs_f64(),
            buffered_seconds: buffer.buffered().as_secs_f64(),
            statistics: stats.map(|stats| Statistics::of(&stats, rate)),
            recent: points.map(|points| Recent {
                step_seconds: STEP.as_secs_f64(),
                points: points.iter().map(RecentPoint::from).collect(),
            }),
        })
    };
    BufferKind::ALL.iter().filter_map(of_kind).collect()
}

impl Statistics {
    fn of(stats: &BufferStats, pushes_per_second: Option<f32>) -> Self {
        Self {
            created_at: stats.created_at.into(),
            last_update: stats.last_update.map(Moment::from),
            pushes: stats.pushes,
            refused_pushes: stats.refused_pushes,
            pushes_per_second,
            pulls: stats.pulls,
            overflows: stats.overflows,
            dropped_frames: stats.dropped_frames,
            utilization_ratio: stats.utilization(),
            high: stats.is_high(),
            critical: stats.is_critical(),
            active_readers: stats.active_readers(),
            readers: stats.readers.iter().map(Reader::from).collect(),
        }
    }
}

impl From<&ReaderStats> for Reader {
    fn from(reader: &ReaderStats) -> Self {
        Self {
            id: reader.id,
            kind: reader.kind,
            position_frames: reader.position,
            lag_frames: reader.lag_frames,
            lag_seconds: reader.lag.as_secs_f64(),
            pulls: reader.pulls,
            pulled_frames: reader.pulled_frames,
            dropped_frames: reader.dropped_frames,
            last_pull: reader.last_pull.map(Moment::from),
        }
    }
}

impl From<&Point> for RecentPoint {
    fn from(point: &Point) -> Self {
        Self {
            time: point.at.into(),
            pushes_per_second: point.pushes,
            bytes_per_second: point.bytes,
            fill_ratio: point.fill,
            worst_lag_seconds: point.worst_lag,
            rms: point.rms,
        }
    }
}
