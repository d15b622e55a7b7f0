//! The report's content. Sizes are in bytes, times in seconds.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    buffers::{
        AllocationAnomaly, AllocationResult, AnomalyKind, BufferKind, Buffers, Caller, Calls,
        ErrorType, Recording, ReleaseReason, Retired, Statement, TrackedAttempt,
    },
    http::api::values::Moment,
    id::SourceId,
    units::BYTES_PER_SAMPLE,
};

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Allocations")]
pub(in crate::http) struct Document {
    pub(super) budget: Budget,
    /// By source and buffer.
    pub(super) ledger: Vec<Row>,
    /// Buffers of removed sources that somebody still reads.
    pub(super) departed: Vec<Departed>,
    pub(super) tracker: Tracker,
    pub(super) callers: Vec<CallerRow>,
    /// The newest first.
    pub(super) attempts: Vec<Attempt>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "AllocationBudget")]
pub(super) struct Budget {
    pub(super) limit_bytes: u64,
    pub(super) used_bytes: u64,
    /// Part of what is in use.
    pub(super) pooled_bytes: u64,
    pub(super) pool_limit_bytes: u64,
    pub(super) pool_reused: u64,
}

/// One source's books of one buffer.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "LedgerRow")]
pub(super) struct Row {
    pub(super) source: String,
    pub(super) buffer_type: BufferKind,
    pub(super) attempted: u64,
    pub(super) first_allocation: u64,
    pub(super) repeated_blocked: u64,
    pub(super) error: u64,
    /// Those that happened.
    pub(super) errors: BTreeMap<&'static str, u64>,
    /// Those that happened.
    pub(super) releases: BTreeMap<&'static str, u64>,
    pub(super) live_buffers: u64,
    pub(super) live_bytes: u64,
    pub(super) retired_buffers: u64,
    pub(super) retired_bytes: u64,
    pub(super) anomaly: Option<Anomaly>,
}

#[derive(JsonSchema, Serialize)]
pub(in crate::http::api) struct Anomaly {
    kind: AnomalyKind,
    per_second: f64,
    lasting_seconds: f64,
    pub(super) words: String,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "DepartedSource")]
pub(super) struct Departed {
    pub(super) source: String,
    pub(super) retired_buffers: u64,
    pub(super) retired_bytes: u64,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "AllocationTracker")]
pub(in crate::http) struct Tracker {
    pub(super) tracking: bool,
    pub(super) backtraces: bool,
    pub(super) since: Option<Moment>,
    pub(super) recorded: u64,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "AllocationCaller")]
pub(super) struct CallerRow {
    pub(super) source: String,
    pub(super) buffer_type: BufferKind,
    pub(super) site: String,
    pub(super) caller: String,
    pub(super) attempted: u64,
    pub(super) first_allocation: u64,
    pub(super) repeated_blocked: u64,
    pub(super) error: u64,
    pub(super) last: Moment,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "AllocationAttempt")]
pub(super) struct Attempt {
    pub(super) number: u64,
    pub(super) time: Moment,
    pub(super) source: String,
    pub(super) buffer_type: BufferKind,
    pub(super) site: String,
    pub(super) caller: String,
    pub(super) sample_rate: u32,
    pub(super) channels: u16,
    pub(super) duration_seconds: f64,
    pub(super) requested_bytes: f64,
    pub(super) outcome: AllocationResult,
    pub(super) error: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) backtrace: Vec<String>,
}

impl Document {
    /// About one source, or all; with at most `limit` attempts.
    pub(super) fn of(buffers: &Buffers, source: Option<&SourceId>, limit: usize) -> Self {
        let wanted = |id: &SourceId| source.is_none_or(|source| source == id);
        let recording = buffers.tracker().recording(source, limit);
        let rows = buffers.statements().into_iter();
        let departed = buffers.departed().into_iter();
        let (used, limit) = buffers.budget();
        let pooled = buffers.pooled();
        Self {
            budget: Budget {
                limit_bytes: limit.0,
                used_bytes: used.0,
                pooled_bytes: pooled.bytes.0,
                pool_limit_bytes: pooled.limit.0,
                pool_reused: pooled.reused,
            },
            ledger: rows
                .filter(|(id, ..)| wanted(id))
                .map(|(id, kind, statement)| row(&id, kind, &statement))
                .collect(),
            departed: departed
                .filter(|(id, _)| wanted(id))
                .map(|(id, Retired { buffers, bytes })| Departed {
                    source: id.to_string(),
                    retired_buffers: buffers,
                    retired_bytes: bytes,
                })
                .collect(),
            tracker: tracker(&recording),
            callers: recording.callers.iter().map(caller).collect(),
            attempts: recording.attempts.iter().map(attempt).collect(),
        }
    }

    /// Whether there is nothing to tell about any source.
    pub(super) fn is_empty(&self) -> bool {
        self.ledger.is_empty() && self.departed.is_empty() && self.callers.is_empty()
    }
}

pub(super) fn tracker(recording: &Recording) -> Tracker {
    Tracker {
        tracking: recording.tracking.on,
        backtraces: recording.tracking.backtraces,
        since: recording.since.map(Moment),
        recorded: recording.recorded,
    }
}

fn row(id: &SourceId, kind: BufferKind, statement: &Statement) -> Row {
    let Statement {
        books,
        levels,
        anomaly,
        ..
    } = statement;
    let happened = |(_, count): &(&str, u64)| *count > 0;
    let errors = ErrorType::ALL
        .iter()
        .map(|e| (e.as_str(), books.errors(*e)));
    let releases = ReleaseReason::ALL.iter();
    let releases = releases.map(|r| (r.as_str(), books.releases(*r)));
    Row {
        source: id.to_string(),
        buffer_type: kind,
        attempted: books.count(AllocationResult::Attempted),
        first_allocation: books.count(AllocationResult::FirstAllocation),
        repeated_blocked: books.count(AllocationResult::RepeatedBlocked),
        error: books.count(AllocationResult::Error),
        errors: errors.filter(happened).collect(),
        releases: releases.filter(happened).collect(),
        live_buffers: books.live(),
        live_bytes: levels.capacity_bytes,
        retired_buffers: levels.retired.buffers,
        retired_bytes: levels.retired.bytes,
        anomaly: anomaly.map(Anomaly::from),
    }
}

fn caller((caller, calls): &(Caller, Calls)) -> CallerRow {
    let count = |result: AllocationResult| calls.outcomes[result.index()];
    CallerRow {
        source: caller.source.to_string(),
        buffer_type: caller.kind,
        site: caller.site.to_string(),
        caller: caller.site.module(),
        attempted: count(AllocationResult::Attempted),
        first_allocation: count(AllocationResult::FirstAllocation),
        repeated_blocked: count(AllocationResult::RepeatedBlocked),
        error: count(AllocationResult::Error),
        last: Moment(calls.last),
    }
}

fn attempt(attempt: &TrackedAttempt) -> Attempt {
    let frames = attempt.duration.as_secs_f64() * f64::from(attempt.format.sample_rate);
    let frame_bytes = f64::from(attempt.format.channels) * BYTES_PER_SAMPLE as f64;
    Attempt {
        number: attempt.number,
        time: Moment(attempt.at),
        source: attempt.source.to_string(),
        buffer_type: attempt.kind,
        site: attempt.site.to_string(),
        caller: attempt.site.module(),
        sample_rate: attempt.format.sample_rate,
        channels: attempt.format.channels,
        duration_seconds: attempt.duration.as_secs_f64(),
        requested_bytes: frames.floor() * frame_bytes,
        outcome: attempt.outcome,
        error: attempt.error.clone(),
        backtrace: attempt.backtrace(),
    }
}

impl From<AllocationAnomaly> for Anomaly {
    fn from(anomaly: AllocationAnomaly) -> Self {
        Self {
            kind: anomaly.kind,
            per_second: anomaly.per_second,
            lasting_seconds: anomaly.lasting.as_secs_f64(),
            words: anomaly.to_string(),
        }
    }
}
