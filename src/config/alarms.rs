//! `alarms` and `sources[].alarms`: when an alarm fires, and how often somebody is told.

use std::{collections::HashMap, path::Path};

use super::{mistake::shown, section::Section, silence};
use crate::{
    alarms::{AlarmKind, AlarmOptions, Scope, SourcePolicy},
    id::SourceId,
};

/// Reads the section; the policies of sources come with them.
pub(super) fn alarms(
    top: &Section<'_>,
    base: &Path,
    sources: HashMap<SourceId, SourcePolicy>,
) -> AlarmOptions {
    let section = top.section("alarms");
    AlarmOptions {
        max_per_hour: section.number("max_per_hour"),
        max_per_hour_each: section.number("max_per_hour_each"),
        keep_firing: section.duration("keep_firing"),
        reopen_after: section.duration("reopen_after"),
        disabled: disabled(&section, AlarmKind::ALL),
        state_file: section.text("state_file").map(|path| base.join(path)),
        sources,
    }
}

/// Reads what differs for one source.
pub(super) fn policy(section: &Section<'_>) -> SourcePolicy {
    let of_sources: Vec<AlarmKind> = AlarmKind::of(Scope::Source).collect();
    let hold = section.section("for");
    let given = of_sources.iter().filter(|kind| hold.has(kind.as_str()));
    SourcePolicy {
        disabled: disabled(section, &of_sources),
        hold: given
            .map(|kind| (*kind, hold.duration(kind.as_str())))
            .collect(),
        quiet_hours: silence::quiet_hours(section),
    }
}

fn disabled(section: &Section<'_>, known: &[AlarmKind]) -> Vec<AlarmKind> {
    let mut disabled = Vec::new();
    for name in section.texts("disabled") {
        match known.iter().find(|kind| kind.as_str() == name) {
            Some(kind) => disabled.push(*kind),
            None => {
                let names: Vec<&str> = known.iter().map(|kind| kind.as_str()).collect();
                let problem = format!("{} is no alarm", shown(name));
                let remedy = format!("known here: {}", names.join(", "));
                section.mistake("disabled", problem, remedy);
            }
        }
    }
    disabled
}
