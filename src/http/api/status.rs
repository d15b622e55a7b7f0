//! `GET /api/v1/status`: how all of it is.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use super::values::Moment;
use crate::{
    alarms::{AlarmKind, AlarmStatus, Book, Severity as AlarmSeverity},
    history::HistoryState,
    http::health,
    memory::{
        ProcessStatus,
        verdict::{Pattern, Severity},
    },
    sources::State,
    status::{About, Level, STALE_AFTER, Snapshot, SourceStatus, in_words},
};

/// The document. Never better than the worst part of what it tells about.
#[derive(JsonSchema, Serialize)]
pub(in crate::http) struct Status {
    /// `ok`, `warning` or `critical`.
    level: Level,
    text: String,
    /// What is wrong, the worst first.
    reasons: Vec<Reason>,
    version: &'static str,
    uptime_seconds: f64,
    capture: Capture,
    configuration: Configuration,
    /// How many sources are in each state that occurs.
    states: BTreeMap<&'static str, usize>,
    sources: Vec<Source>,
    /// Null before the first report.
    budget: Option<Budget>,
    memory: Vec<Process>,
    /// Those that are on; `/api/v1/alarms` has all of them.
    alarms: Vec<Alarm>,
    monitoring: Monitoring,
    task_panics: u64,
}

#[derive(JsonSchema, Serialize)]
struct Reason {
    /// A source and a process may have the same name.
    about: About,
    subject: String,
    level: Level,
    text: String,
    /// The parts of `text` of which only alarms tell: no `problem` or trouble of a source or
    /// process has them.
    alarms: Vec<String>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "AlarmInShort")]
struct Alarm {
    id: String,
    #[serde(rename = "type")]
    kind: AlarmKind,
    subject: String,
    severity: AlarmSeverity,
    since: Moment,
    acknowledged: bool,
}

/// Whether those who should look do.
#[derive(JsonSchema, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent answers to as many questions"
)]
struct Monitoring {
    /// All that follows.
    running: bool,
    /// The capture side reports.
    capture: bool,
    /// Processes are looked at when it is time.
    memory: bool,
    /// Alarms are judged every second.
    alarms: bool,
    /// Whoever is to be told of alarms can be, and what is to survive a restart is kept.
    notifications: bool,
    /// What the history is doing.
    history: HistoryState,
}

/// The capture side, which reports every second.
#[derive(JsonSchema, Serialize)]
struct Capture {
    alive: bool,
    last_report: Option<Moment>,
    age_seconds: f64,
}

#[derive(JsonSchema, Serialize)]
struct Configuration {
    last_load_failed: bool,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "SourceInShort")]
struct Source {
    name: String,
    state: State,
    level: Level,
    text: &'static str,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "BudgetInShort")]
struct Budget {
    used_bytes: u64,
    limit_bytes: u64,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "ProcessInShort")]
struct Process {
    name: String,
    up: bool,
    resident_bytes: Option<u64>,
    pattern: Option<Pattern>,
    severity: Option<Severity>,
}

impl Status {
    pub(in crate::http) fn of(
        snapshot: Option<&Snapshot>,
        alarms: &Book,
        age: Duration,
        uptime: Duration,
    ) -> Self {
        let overall = health::overall(snapshot, alarms, age);
        let sources = snapshot
            .map(|snapshot| snapshot.sources.as_slice())
            .unwrap_or_default();
        let count = |state: State| {
            sources
                .iter()
                .filter(|source| source.state == state)
                .count()
        };
        let states = State::ALL
            .iter()
            .map(|state| (state.as_str(), count(*state)));
        let memory = snapshot
            .map(|snapshot| snapshot.memory.as_slice())
            .unwrap_or_default();
        let program = snapshot
            .map(|snapshot| snapshot.program)
            .unwrap_or_default();
        let monitoring = Monitoring::of(snapshot, alarms, age);
        Self {
            level: overall.level,
            text: overall.text(),
            reasons: overall.reasons.into_iter().map(Reason::from).collect(),
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: uptime.as_secs_f64(),
            capture: Capture {
                alive: age <= STALE_AFTER,
                last_report: snapshot.map(|snapshot| Moment(snapshot.taken_wall)),
                age_seconds: age.as_secs_f64(),
            },
            configuration: Configuration {
                last_load_failed: program.reload_failed,
            },
            states: states.filter(|(_, count)| *count > 0).collect(),
            sources: sources.iter().map(Source::from).collect(),
            budget: snapshot.map(|snapshot| Budget {
                used_bytes: snapshot.budget.0.0,
                limit_bytes: snapshot.budget.1.0,
            }),
            memory: memory
                .iter()
                .map(|process| Process::from(process.as_ref()))
                .collect(),
            alarms: alarms.active().into_iter().map(Alarm::from).collect(),
            monitoring,
            task_panics: program.panics,
        }
    }
}

impl Monitoring {
    fn of(snapshot: Option<&Snapshot>, alarms: &Book, age: Duration) -> Self {
        let capture = snapshot.is_some() && age <= STALE_AFTER;
        let memory = snapshot.is_some_and(|s| s.program.memory_overdue.is_none());
        let (alarms, notifications) = (alarms.is_watched(), alarms.is_heard());
        let history = snapshot.map_or(HistoryState::Off, |s| s.history.state);
        let kept = matches!(history, HistoryState::Off | HistoryState::Writing);
        Self {
            running: capture && memory && alarms && notifications && kept,
            capture,
            memory,
            alarms,
            notifications,
            history,
        }
    }
}

impl From<AlarmStatus> for Alarm {
    fn from(alarm: AlarmStatus) -> Self {
        Self {
            id: alarm.id,
            kind: alarm.key.kind,
            subject: alarm.key.subject.name,
            severity: alarm.evidence.severity,
            since: Moment(alarm.since),
            acknowledged: alarm.acknowledged.is_some(),
        }
    }
}

impl From<crate::status::Reason> for Reason {
    fn from(reason: crate::status::Reason) -> Self {
        Self {
            about: reason.about,
            subject: reason.subject,
            level: reason.level,
            text: reason.text,
            alarms: reason.alarms,
        }
    }
}

impl From<&SourceStatus> for Source {
    fn from(status: &SourceStatus) -> Self {
        Self {
            name: status.id.to_string(),
            state: status.state,
            level: status.level(),
            text: in_words(status.state).1,
        }
    }
}

impl From<&ProcessStatus> for Process {
    fn from(process: &ProcessStatus) -> Self {
        let verdict = process.verdict.as_ref();
        Self {
            name: process.name.to_string(),
            up: process.up,
            resident_bytes: process.reading.as_ref().map(|reading| reading.resident),
            pattern: verdict.map(|verdict| verdict.pattern),
            severity: verdict.map(|verdict| verdict.severity),
        }
    }
}
