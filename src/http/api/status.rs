//! `GET /api/v1/status`: how all of it is.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use super::values::Moment;
use crate::{
    memory::{
        ProcessStatus,
        verdict::{Pattern, Severity},
    },
    sources::State,
    status::{Level, Overall, STALE_AFTER, Snapshot, SourceStatus, in_words},
};

/// The document. Never better than the worst part of what it tells about.
#[derive(JsonSchema, Serialize)]
pub(in crate::http) struct Status {
    /// `ok`, `warning` or `critical`.
    #[schemars(with = "Level")]
    level: &'static str,
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
    task_panics: u64,
}

#[derive(JsonSchema, Serialize)]
struct Reason {
    subject: String,
    #[schemars(with = "Level")]
    level: &'static str,
    text: String,
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
    #[schemars(with = "State")]
    state: &'static str,
    #[schemars(with = "Level")]
    level: &'static str,
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
    #[schemars(with = "Option<Pattern>")]
    pattern: Option<&'static str>,
    #[schemars(with = "Option<Severity>")]
    severity: Option<&'static str>,
}

impl Status {
    pub(in crate::http) fn of(
        snapshot: Option<&Snapshot>,
        age: Duration,
        uptime: Duration,
    ) -> Self {
        let overall = Overall::of(snapshot, age);
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
        Self {
            level: overall.level.as_str(),
            text: overall.text,
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
            task_panics: program.panics,
        }
    }
}

impl From<crate::status::Reason> for Reason {
    fn from(reason: crate::status::Reason) -> Self {
        Self {
            subject: reason.subject,
            level: reason.level.as_str(),
            text: reason.text,
        }
    }
}

impl From<&SourceStatus> for Source {
    fn from(status: &SourceStatus) -> Self {
        Self {
            name: status.id.to_string(),
            state: status.state.as_str(),
            level: status.level().as_str(),
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
            pattern: verdict.map(|verdict| verdict.pattern.as_str()),
            severity: verdict.map(|verdict| verdict.severity.as_str()),
        }
    }
}
