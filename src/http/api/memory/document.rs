//! Watched processes, as JSON. What is not known is null.

use std::time::Duration;

use serde::Serialize;

use crate::{
    http::api::values::Moment as Time,
    id::ProcessName,
    memory::{Analysis, Moment, Past, ProcessStatus, Reading, Rollup, thresholds, verdict},
};

/// One process.
#[derive(Serialize)]
pub(in crate::http::api) struct Process {
    name: String,
    up: bool,
    pids: Vec<u32>,
    /// Why it is not up, or what is missing.
    problem: Option<Problem>,
    reading: Option<Figures>,
    baseline_bytes: Option<u64>,
    verdict: Option<Verdict>,
    /// Fixed limits that it is above.
    crossings: Vec<Crossing>,
    restarts: u64,
    cpu_seconds: f64,
    major_page_faults: u64,
    oom_kills: Option<u64>,
    /// Only where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_depth: Option<InDepth>,
}

#[derive(Serialize)]
struct Problem {
    reason: &'static str,
    problem: String,
}

/// What it holds.
#[derive(Serialize)]
struct Figures {
    read_at: Time,
    resident_bytes: u64,
    swap_bytes: Option<u64>,
    anonymous_bytes: Option<u64>,
    file_bytes: Option<u64>,
    heap_bytes: Option<u64>,
    external_bytes: Option<u64>,
    buffer_bytes: Option<u64>,
    fragmentation_ratio: Option<f64>,
    limit_bytes: Option<u64>,
    pressure_ratio: Option<f64>,
    processes: u32,
    threads: u64,
    tasks: Option<u64>,
    collecting_ratio: Option<f64>,
    open_fds: Option<u64>,
}

#[derive(Serialize)]
struct Verdict {
    pattern: &'static str,
    confidence: f64,
    severity: &'static str,
    recommendation: String,
    slope_bytes_per_second: f64,
    lasting_seconds: f64,
    growth_ratio: Option<f64>,
    seconds_to_limit: Option<f64>,
    samples: u64,
    span_seconds: f64,
}

#[derive(Serialize)]
struct Crossing {
    threshold: &'static str,
    value: f64,
    limit: f64,
    text: String,
}

/// What is its own alone, or why that is not known.
#[derive(Serialize)]
struct InDepth {
    proportional_bytes: Option<u64>,
    unshared_bytes: Option<u64>,
    swap_bytes: Option<u64>,
    problem: Option<Problem>,
}

/// The newest moments of one process, the oldest first.
#[derive(Serialize)]
pub(super) struct History {
    name: String,
    moments: Vec<OneMoment>,
}

#[derive(Serialize)]
struct OneMoment {
    time: Time,
    resident_bytes: u64,
    swap_bytes: u64,
    heap_bytes: Option<u64>,
    external_bytes: Option<u64>,
    processes: u32,
}

/// How one process has grown lately: from the first to the last moment in the time asked for.
#[derive(Serialize)]
pub(super) struct Growth {
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
            crossings: status.crossings.iter().map(Crossing::from).collect(),
            restarts: status.totals.restarts,
            cpu_seconds: status.totals.cpu_seconds,
            major_page_faults: status.totals.major_faults,
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
            reason: unreadable.reason.as_str(),
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
            fragmentation_ratio: kinds.fragmentation,
            limit_bytes: reading.limit,
            pressure_ratio: reading.pressure,
            processes: reading.processes,
            threads: reading.threads,
            tasks: reading.tasks,
            collecting_ratio: reading.collecting,
            open_fds: reading.open_fds,
        }
    }
}

impl From<&verdict::Verdict> for Verdict {
    fn from(verdict: &verdict::Verdict) -> Self {
        Self {
            pattern: verdict.pattern.as_str(),
            confidence: verdict.confidence,
            severity: verdict.severity.as_str(),
            recommendation: verdict.recommendation.clone(),
            slope_bytes_per_second: verdict.slope_bytes_per_second,
            lasting_seconds: verdict.lasting.as_secs_f64(),
            growth_ratio: verdict.growth_ratio,
            seconds_to_limit: verdict.seconds_to_limit,
            samples: verdict.samples,
            span_seconds: verdict.span.as_secs_f64(),
        }
    }
}

impl From<&thresholds::Crossing> for Crossing {
    fn from(crossing: &thresholds::Crossing) -> Self {
        Self {
            threshold: crossing.threshold.as_str(),
            value: crossing.value,
            limit: crossing.limit,
            text: crossing.to_string(),
        }
    }
}

impl History {
    pub(super) fn of(name: &ProcessName, past: &Past, count: usize) -> Self {
        let moments = past.moments();
        let skipped = moments.len().saturating_sub(count);
        Self {
            name: name.to_string(),
            moments: moments.skip(skipped).map(OneMoment::from).collect(),
        }
    }
}

impl From<&Moment> for OneMoment {
    fn from(moment: &Moment) -> Self {
        Self {
            time: moment.at.into(),
            resident_bytes: moment.resident,
            swap_bytes: moment.swap,
            heap_bytes: moment.heap,
            external_bytes: moment.external,
            processes: moment.processes,
        }
    }
}

impl Growth {
    pub(super) fn of(name: &ProcessName, past: &Past, span: Duration) -> Self {
        let newest = past.moments().next_back();
        let since = |moment: &&Moment| {
            newest.is_some_and(|newest| newest.at.saturating_since(moment.at) <= span)
        };
        let moments: Vec<&Moment> = past.moments().filter(since).collect();
        let (first, last) = (moments.first(), moments.last());
        let all = moments.iter().map(|moment| moment.resident);
        let growth = first
            .zip(last)
            .filter(|_| moments.len() > 1)
            .map(|(first, last)| last.resident.cast_signed() - first.resident.cast_signed());
        let passed = first
            .zip(last)
            .map(|(first, last)| last.at.saturating_since(first.at).as_secs_f64() / 60.0)
            .filter(|minutes| *minutes > 0.0);
        Self {
            name: name.to_string(),
            from: first.map(|first| first.at.into()),
            to: last.map(|last| last.at.into()),
            samples: moments.len(),
            first_bytes: first.map(|first| first.resident),
            last_bytes: last.map(|last| last.resident),
            least_bytes: all.clone().min(),
            most_bytes: all.max(),
            bytes: growth,
            bytes_per_minute: growth
                .zip(passed)
                .map(|(growth, minutes)| growth as f64 / minutes),
        }
    }
}
