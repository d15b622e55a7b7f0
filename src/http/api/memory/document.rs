//! Watched processes, as JSON. What is not known is null.

use schemars::JsonSchema;
use serde::Serialize;

use super::past::{Held, Level};
use crate::{
    http::api::values::Moment as Time,
    id::ProcessName,
    memory::{Analysis, ProcessStatus, Reading, Rollup, thresholds, verdict},
};

/// One process.
#[derive(JsonSchema, Serialize)]
pub(in crate::http) struct Process {
    name: String,
    up: bool,
    pids: Vec<u32>,
    /// Why it is not up, or what is missing.
    problem: Option<Problem>,
    reading: Option<Figures>,
    baseline_bytes: Option<u64>,
    verdict: Option<Verdict>,
    /// What is counted and piles up: `open_fds`, `threads`, `processes`.
    growing: Vec<verdict::Counted>,
    /// Fixed limits that it is above.
    crossings: Vec<Crossing>,
    restarts: u64,
    cpu_seconds: f64,
    major_page_faults: u64,
    minor_page_faults: u64,
    oom_kills: Option<u64>,
    /// Only where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_depth: Option<InDepth>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "MemoryProblem")]
struct Problem {
    reason: crate::memory::ReadFailure,
    problem: String,
}

/// What it holds.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "MemoryFigures")]
struct Figures {
    read_at: Time,
    resident_bytes: u64,
    swap_bytes: Option<u64>,
    anonymous_bytes: Option<u64>,
    file_bytes: Option<u64>,
    heap_bytes: Option<u64>,
    external_bytes: Option<u64>,
    buffer_bytes: Option<u64>,
    allocator_active_bytes: Option<u64>,
    allocator_resident_bytes: Option<u64>,
    fragmentation_ratio: Option<f64>,
    limit_bytes: Option<u64>,
    pressure_ratio: Option<f64>,
    processes: u32,
    unread_processes: u32,
    threads: u64,
    tasks: Option<u64>,
    collecting_ratio: Option<f64>,
    open_fds: Option<u64>,
    /// Of this process, and not among the former: what it keeps open to watch others.
    watching_fds: Option<u64>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "MemoryVerdict")]
struct Verdict {
    pattern: verdict::Pattern,
    confidence: f64,
    severity: verdict::Severity,
    recommendation: String,
    slope_bytes_per_second: f64,
    slope_interval: Option<[f64; 2]>,
    lasting_seconds: f64,
    growth_ratio: Option<f64>,
    seconds_to_limit: Option<f64>,
    seconds_to_limit_interval: Option<[Option<f64>; 2]>,
    samples: u64,
    span_seconds: f64,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "MemoryCrossing")]
struct Crossing {
    threshold: thresholds::Threshold,
    value: f64,
    limit: f64,
    text: String,
}

/// What is its own alone, or why that is not known.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "MemoryInDepth")]
struct InDepth {
    proportional_bytes: Option<u64>,
    unshared_bytes: Option<u64>,
    swap_bytes: Option<u64>,
    problem: Option<Problem>,
}

/// The newest moments of one process, the oldest first.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "MemoryPast")]
pub(in crate::http) struct Moments {
    name: String,
    moments: Vec<OneMoment>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "MemoryMoment")]
struct OneMoment {
    time: Time,
    resident_bytes: u64,
    swap_bytes: u64,
    heap_bytes: Option<u64>,
    external_bytes: Option<u64>,
    processes: u32,
}

/// How one process has grown lately: from the first to the last moment in the time asked for.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "MemoryGrowth")]
pub(in crate::http) struct Growth {
    name: String,
    from: Option<Time>,
    to: Option<Time>,
    samples: usize,
    first_bytes: Option<u64>,
    last_bytes: Option<u64>,
    least_bytes: Option<u64>,
    most_bytes: Option<u64>,
    #[serde(rename = "growth_bytes")]
    bytes: Option<i64>,
    #[serde(rename = "growth_bytes_per_minute")]
    bytes_per_minute: Option<f64>,
}

impl Process {
    pub(in crate::http::api) fn of(status: &ProcessStatus) -> Self {
        let problem = status.problem.as_ref();
        Self {
            name: status.name.to_string(),
            up: status.up,
            pids: status.pids.clone(),
            problem: problem.map(Problem::from),
            reading: status.reading.as_ref().map(Figures::from),
            baseline_bytes: status.baseline,
            verdict: status.verdict.as_ref().map(Verdict::from),
            growing: status.growing.clone(),
            crossings: status.crossings.iter().map(Crossing::from).collect(),
            restarts: status.totals.restarts,
            cpu_seconds: status.totals.cpu_seconds,
            major_page_faults: status.totals.major_faults,
            minor_page_faults: status.totals.minor_faults,
            oom_kills: status.totals.oom_kills,
            in_depth: None,
        }
    }

    pub(super) fn in_depth(analysis: &Analysis) -> Self {
        let rollup = analysis.rollup.as_ref();
        let figure = |of: fn(&Rollup) -> u64| rollup.ok().map(of);
        Self {
            in_depth: Some(InDepth {
                proportional_bytes: figure(|rollup| rollup.proportional),
                unshared_bytes: figure(|rollup| rollup.unshared),
                swap_bytes: figure(|rollup| rollup.swap),
                problem: rollup.err().map(Problem::from),
            }),
            ..Self::of(&analysis.status)
        }
    }
}

impl From<&crate::memory::Unreadable> for Problem {
    fn from(unreadable: &crate::memory::Unreadable) -> Self {
        Self {
            reason: unreadable.reason,
            problem: unreadable.problem.clone(),
        }
    }
}

impl From<&Reading> for Figures {
    fn from(reading: &Reading) -> Self {
        let kinds = reading.kinds;
        Self {
            read_at: reading.taken.into(),
            resident_bytes: reading.resident,
            swap_bytes: reading.swap,
            anonymous_bytes: kinds.anonymous,
            file_bytes: kinds.file,
            heap_bytes: kinds.heap,
            external_bytes: kinds.external,
            buffer_bytes: kinds.buffers,
            allocator_active_bytes: kinds.allocator_active,
            allocator_resident_bytes: kinds.allocator_resident,
            fragmentation_ratio: kinds.fragmentation,
            limit_bytes: reading.limit,
            pressure_ratio: reading.pressure,
            processes: reading.processes,
            unread_processes: reading.unread_processes,
            threads: reading.threads,
            tasks: reading.tasks,
            collecting_ratio: reading.collecting,
            open_fds: reading.open_fds,
            watching_fds: reading.watching_fds,
        }
    }
}

impl From<&verdict::Verdict> for Verdict {
    fn from(verdict: &verdict::Verdict) -> Self {
        Self {
            pattern: verdict.pattern,
            confidence: verdict.confidence,
            severity: verdict.severity,
            recommendation: verdict.recommendation.clone(),
            slope_bytes_per_second: verdict.slope_bytes_per_second,
            slope_interval: verdict.slope_interval.map(<[f64; 2]>::from),
            lasting_seconds: verdict.lasting.as_secs_f64(),
            growth_ratio: verdict.growth_ratio,
            seconds_to_limit: verdict.seconds_to_limit,
            // Never is null.
            seconds_to_limit_interval: verdict.seconds_to_limit_interval.map(
                |(soonest, latest)| {
                    [soonest, latest].map(|seconds| seconds.is_finite().then_some(seconds))
                },
            ),
            samples: verdict.samples,
            span_seconds: verdict.span.as_secs_f64(),
        }
    }
}

impl From<&thresholds::Crossing> for Crossing {
    fn from(crossing: &thresholds::Crossing) -> Self {
        Self {
            threshold: crossing.threshold,
            value: crossing.value,
            limit: crossing.limit,
            text: crossing.to_string(),
        }
    }
}

impl Moments {
    pub(super) fn of(name: &ProcessName, moments: &[Held]) -> Self {
        Self {
            name: name.to_string(),
            moments: moments.iter().map(OneMoment::from).collect(),
        }
    }
}

impl From<&Held> for OneMoment {
    fn from(held: &Held) -> Self {
        Self {
            time: Time(held.at),
            resident_bytes: held.resident,
            swap_bytes: held.swap,
            heap_bytes: held.heap,
            external_bytes: held.external,
            processes: held.processes,
        }
    }
}

impl Growth {
    pub(super) fn of(name: &ProcessName, levels: &[Level]) -> Self {
        let (first, last) = (levels.first(), levels.last());
        let growth = first
            .zip(last)
            .filter(|_| levels.len() > 1)
            .map(|(first, last)| last.bytes.cast_signed() - first.bytes.cast_signed());
        let passed = first
            .zip(last)
            .and_then(|(first, last)| last.at.duration_since(first.at).ok())
            .map(|passed| passed.as_secs_f64() / 60.0)
            .filter(|minutes| *minutes > 0.0);
        Self {
            name: name.to_string(),
            from: first.map(|first| Time(first.at)),
            to: last.map(|last| Time(last.at)),
            samples: levels.len(),
            first_bytes: first.map(|first| first.bytes),
            last_bytes: last.map(|last| last.bytes),
            least_bytes: levels.iter().map(|level| level.least).min(),
            most_bytes: levels.iter().map(|level| level.most).max(),
            bytes: growth,
            bytes_per_minute: growth
                .zip(passed)
                .map(|(growth, minutes)| growth as f64 / minutes),
        }
    }
}
