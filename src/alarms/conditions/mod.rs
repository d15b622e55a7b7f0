//! What a snapshot says about every possible alarm. Pure.

mod exporter;
mod process;
mod source;

use std::collections::BTreeMap;

use super::{
    alarm::{Evidence, Key},
    kind::Severity,
    machine::Reading,
    options::AlarmOptions,
};
use crate::status::Snapshot;

/// Every possible alarm that the configuration allows, with what the snapshot says about it.
pub(super) fn seen<'a>(
    snapshot: &'a Snapshot,
    options: &'a AlarmOptions,
) -> impl Iterator<Item = (Key, Reading)> + 'a {
    let sources = snapshot.sources.iter().flat_map(source::readings);
    let processes = snapshot.memory.iter();
    let processes = processes.flat_map(process::readings);
    let rest = exporter::readings(snapshot);
    let all = sources.chain(processes).chain(rest);
    all.filter(|(key, _)| options.allows(key))
}

/// What holds, or that all is well.
fn raised_if(holds: bool, evidence: impl FnOnce() -> Evidence) -> Reading {
    if holds {
        Reading::Raised(evidence())
    } else {
        Reading::Clear
    }
}

/// A figure against two limits: above the higher it raises, up to the lower it clears.
fn judged(value: f64, raise: f64, clear: f64, evidence: impl FnOnce() -> Evidence) -> Reading {
    if value > raise {
        Reading::Raised(evidence())
    } else if value > clear {
        Reading::Between
    } else {
        Reading::Clear
    }
}

/// Evidence without a figure.
fn evidence(severity: Severity, trigger: String, remedy: impl Into<String>) -> Evidence {
    Evidence {
        severity,
        trigger,
        value: None,
        threshold: None,
        figures: BTreeMap::new(),
        recommendations: vec![remedy.into()],
    }
}

/// Adds the figure and what it is held against.
fn with(mut evidence: Evidence, value: f64, threshold: f64) -> Evidence {
    evidence.value = Some(value);
    evidence.threshold = Some(threshold);
    evidence
}

#[cfg(test)]
mod tests;
