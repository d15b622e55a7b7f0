//! An alarm as everybody sees it: the API, the page, the log, receivers, the history.

use std::{
    collections::BTreeMap,
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    kind::{AlarmKind, AlarmState, Event, Resolution, Scope, Severity},
    wire,
};

/// What an alarm is about.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize,
)]
#[schemars(rename = "AlarmSubject")]
pub struct Subject {
    /// What kind of thing.
    pub scope: Scope,
    /// Its configured name; `exporter` for the program as a whole.
    pub name: String,
}

/// What tells one alarm from another. There is never more than one that fires of a key.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize,
)]
#[schemars(rename = "AlarmKey")]
pub struct Key {
    /// What is wrong.
    #[serde(rename = "type")]
    pub kind: AlarmKind,
    /// With what.
    pub subject: Subject,
    /// In which respect, where there are several: the threshold that is crossed. Else empty.
    pub aspect: String,
}

/// Why an alarm counts as one: what the snapshot showed.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[schemars(rename = "AlarmEvidence")]
pub struct Evidence {
    /// How bad it is.
    pub severity: Severity,
    /// What was seen, in words; free of secrets.
    pub trigger: String,
    /// The figure that was too high, where there is one.
    pub value: Option<f64>,
    /// What it is held against, in the same unit.
    pub threshold: Option<f64>,
    /// Further figures of that moment.
    pub figures: BTreeMap<String, f64>,
    /// What to do.
    pub recommendations: Vec<String>,
}

/// What a person said of an alarm.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[schemars(rename = "AlarmMark")]
pub struct Mark {
    /// When.
    #[serde(with = "wire::moment")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: SystemTime,
    /// Who, if told; at most [`Mark::AUTHOR`] characters.
    pub author: Option<String>,
    /// What, if told; at most [`Mark::NOTE`] characters.
    pub note: Option<String>,
}

impl Mark {
    /// The longest author, in characters.
    pub const AUTHOR: usize = 64;
    /// The longest note, in characters.
    pub const NOTE: usize = 500;
}

/// One alarm at one moment, active or over.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize, Deserialize)]
#[schemars(rename = "Alarm")]
pub struct AlarmStatus {
    /// The same for as long as it lasts, also after a restart: 16 hexadecimal digits.
    pub id: String,
    /// What is wrong with what.
    #[serde(flatten)]
    pub key: Key,
    /// Whether it is still on.
    pub state: AlarmState,
    /// What the latest snapshot that showed it had; the severity never falls while it lasts.
    #[serde(flatten)]
    pub evidence: Evidence,
    /// When the condition began.
    #[serde(with = "wire::moment")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub since: SystemTime,
    /// When the alarm fired.
    #[serde(with = "wire::moment")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub fired_at: SystemTime,
    /// When it was over.
    #[serde(with = "wire::maybe_moment")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub resolved_at: Option<SystemTime>,
    /// Why it is over.
    pub resolution: Option<Resolution>,
    /// Whether the latest snapshot could tell; an alarm of which nothing is known stays.
    pub known: bool,
    /// Who has seen it. It stays, but is not repeated.
    pub acknowledged: Option<Mark>,
    /// Who resolved it by hand.
    pub resolved_by: Option<Mark>,
    /// The path of its runbook in the repository.
    pub runbook: String,
}

impl AlarmStatus {
    /// Whether it is still on.
    pub fn is_firing(&self) -> bool {
        self.state == AlarmState::Firing
    }
}

impl Subject {
    /// A source, process or object of this name.
    pub fn new(scope: Scope, name: &str) -> Self {
        Self {
            scope,
            name: name.to_owned(),
        }
    }

    /// This program as a whole.
    pub fn exporter() -> Self {
        Self::new(Scope::Exporter, "exporter")
    }
}

impl Key {
    /// The key of an alarm in its only respect.
    pub fn new(kind: AlarmKind, subject: Subject) -> Self {
        Self {
            kind,
            subject,
            aspect: String::new(),
        }
    }

    /// The id of the alarm of this key that began then: nothing random, so that nobody needs to
    /// remember it to say it again.
    pub fn id(&self, since: SystemTime) -> String {
        let millis = since
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis());
        let Subject { scope, name } = &self.subject;
        let text = format!("{}\n{scope}\n{name}\n{}\n{millis}", self.kind, self.aspect);
        wire::digest(&text)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scope {
            Scope::Exporter => f.write_str("the exporter"),
            scope => write!(f, "{scope} {}", self.name),
        }
    }
}

/// Something happened to an alarm: for the log, the history and whoever listens.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize)]
#[schemars(rename = "AlarmChange")]
pub struct Change {
    /// When.
    #[serde(with = "wire::moment")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: SystemTime,
    /// What.
    pub event: Event,
    /// The alarm after it.
    pub alarm: AlarmStatus,
}
