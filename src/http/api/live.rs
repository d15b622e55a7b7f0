//! What `/api/v1/events` sends: a picture every second, and what has changed in between.

use std::{collections::BTreeMap, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use super::{memory::document::Process, sources::Source, status::Status, values::Moment};
use crate::{
    alarms::{Book, Change},
    buffers::BufferKind,
    id::ProcessName,
    memory::verdict::{Pattern, Severity, Verdict},
    status::{STEP, Snapshot},
};

/// Below this a level is as good as silence, in dBFS.
const FLOOR_DBFS: f64 = -100.0;

#[derive(JsonSchema, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[schemars(rename = "Event")]
enum Message<'a> {
    Snapshot {
        time: Moment,
        status: Box<Status>,
        sources: Vec<Source>,
        /// Levels of the last five minutes in dBFS, the oldest first, null where no audio came;
        /// only when there are new ones.
        #[serde(skip_serializing_if = "Option::is_none")]
        levels: Option<Levels<'a>>,
        memory: Vec<Process>,
        /// Whether clips may be asked for.
        audio: bool,
    },
    /// Something happened to an alarm.
    Alarm {
        #[serde(flatten)]
        change: &'a Change,
    },
    Pattern {
        time: Moment,
        process: &'a str,
        pattern: Pattern,
        before: Option<Pattern>,
        confidence: f64,
        severity: Severity,
        recommendation: &'a str,
    },
}

#[derive(JsonSchema, Serialize)]
struct Levels<'a> {
    step_seconds: f64,
    dbfs: BTreeMap<&'a str, Vec<Option<f64>>>,
}

/// What is sent, for those who ask beforehand.
pub(in crate::http) fn described(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<Message<'_>>()
}

/// How each process's memory behaved in a picture.
pub(in crate::http) type Patterns = BTreeMap<ProcessName, Pattern>;

/// The picture, with the past of the levels or without.
pub(in crate::http) fn snapshot(
    snapshot: &Snapshot,
    alarms: &Book,
    with_levels: bool,
    audio: bool,
    age: Duration,
    uptime: Duration,
) -> String {
    let message = Message::Snapshot {
        time: Moment(snapshot.taken_wall),
        status: Box::new(Status::of(Some(snapshot), alarms, age, uptime)),
        sources: snapshot.sources.iter().map(Source::from).collect(),
        levels: with_levels.then(|| levels(snapshot)),
        memory: snapshot
            .memory
            .iter()
            .map(|process| Process::of(process))
            .collect(),
        audio,
    };
    written(&message)
}

/// What happened to an alarm.
pub(in crate::http) fn alarm(change: &Change) -> String {
    written(&Message::Alarm { change })
}

/// How memory behaves that behaved differently before; nothing for a process that is new.
pub(in crate::http) fn patterns(before: &Patterns, snapshot: &Snapshot) -> (Patterns, Vec<String>) {
    let verdicts = |process: &'_ crate::memory::ProcessStatus| -> Option<(ProcessName, Verdict)> {
        Some((process.name.clone(), process.verdict.clone()?))
    };
    let now: Vec<_> = snapshot
        .memory
        .iter()
        .filter_map(|process| verdicts(process))
        .collect();
    let changed = now.iter().filter_map(|(name, verdict)| {
        let earlier = before.get(name)?;
        (*earlier != verdict.pattern).then(|| {
            written(&Message::Pattern {
                time: Moment(snapshot.taken_wall),
                process: name.as_str(),
                pattern: verdict.pattern,
                before: Some(*earlier),
                confidence: verdict.confidence,
                severity: verdict.severity,
                recommendation: &verdict.recommendation,
            })
        })
    });
    let changed = changed.collect();
    let now = now
        .into_iter()
        .map(|(name, verdict)| (name, verdict.pattern))
        .collect();
    (now, changed)
}

fn levels(snapshot: &Snapshot) -> Levels<'_> {
    let dbfs = snapshot.sources.iter().filter_map(|source| {
        let series = source.recent[BufferKind::Capture.index()].as_deref()?;
        let levels = series.iter().map(|point| {
            let dbfs = 20.0 * f64::from(point.rms?).log10();
            Some((dbfs.max(FLOOR_DBFS) * 10.0).round() / 10.0)
        });
        Some((source.id.as_str(), levels.collect()))
    });
    Levels {
        step_seconds: STEP.as_secs_f64(),
        dbfs: dbfs.collect(),
    }
}

fn written(message: &Message<'_>) -> String {
    // Nothing in it can fail to be written; a client does without what did.
    serde_json::to_string(message).unwrap_or_default()
}
