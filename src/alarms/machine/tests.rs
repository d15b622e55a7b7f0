mod book;
mod course;
mod saved;
mod told;

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use Event::{Acknowledged, Fired, Resolved, Worsened};
use Reading::{Between, Clear, Unknown};

use super::*;
use crate::{
    alarms::{
        alarm::Subject,
        kind::{AlarmKind, Scope, Severity},
        notices::Reason,
        options::SourcePolicy,
    },
    id::SourceId,
};

const SECOND: Duration = Duration::from_secs(1);
const NEVER_AGAIN: Duration = Duration::from_secs(1 << 30);

fn at(second: u64) -> Now {
    let steady = Duration::from_secs(second);
    Now {
        steady,
        wall: UNIX_EPOCH + Duration::from_secs(1_000_000) + steady,
    }
}

fn key(name: &str) -> Key {
    Key::new(AlarmKind::Silent, Subject::new(Scope::Source, name))
}

fn raised(severity: Severity) -> Reading {
    Reading::Raised(Evidence {
        severity,
        trigger: "it is silent".to_owned(),
        value: Some(1.0),
        threshold: None,
        figures: BTreeMap::new(),
        recommendations: Vec::new(),
    })
}

fn bad() -> Reading {
    raised(Severity::Warning)
}

/// `for` and `keep_firing` of so many seconds, and no limits.
fn options(hold: u64, keep: u64) -> AlarmOptions {
    let policy = SourcePolicy {
        hold: HashMap::from([(AlarmKind::Silent, SECOND * hold as u32)]),
        ..SourcePolicy::default()
    };
    let names = (0..4).map(|n| SourceId::new(&format!("s{n}")).unwrap());
    AlarmOptions {
        max_per_hour: 1_000,
        max_per_hour_each: 1_000,
        keep_firing: SECOND * keep as u32,
        sources: names.map(|name| (name, policy.clone())).collect(),
        ..AlarmOptions::default()
    }
}

/// One alarm, looked at once a second.
struct One {
    machine: Machine,
    options: AlarmOptions,
    second: u64,
}

impl One {
    fn new(options: AlarmOptions) -> Self {
        Self {
            machine: Machine::default(),
            options,
            second: 0,
        }
    }

    /// Sees the same for so many seconds; what happened, and in which second.
    fn see(&mut self, reading: &Reading, seconds: u64) -> Vec<(u64, Event)> {
        let mut events = Vec::new();
        for _ in 0..seconds {
            let outcome = self.look([(key("s0"), reading.clone())]);
            let changes = outcome.changes.into_iter();
            events.extend(changes.map(|change| (self.second, change.event)));
            self.second += 1;
        }
        events
    }

    fn look(&mut self, seen: impl IntoIterator<Item = (Key, Reading)>) -> Outcome {
        let now = at(self.second);
        self.machine.look(seen, &self.options, NEVER_AGAIN, now)
    }

    fn id(&self) -> String {
        self.machine.firing().next().unwrap().id.clone()
    }
}

fn mark() -> Mark {
    Mark {
        at: UNIX_EPOCH,
        author: None,
        note: None,
    }
}

/// So many sources that are silent from now on.
fn crowd(count: usize) -> Vec<(Key, Reading)> {
    (0..count).map(|n| (key(&format!("c{n}")), bad())).collect()
}
