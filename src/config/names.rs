//! The names of sources: each belongs to one, and some may be probed.

use std::collections::HashMap;

use super::{
    mistake::{Mistakes, shown},
    section::Section,
    source::Placed,
};
use crate::{id::SourceId, sources::SourceKind};

/// The sources that may be probed over HTTP: names only, so that no request can make this
/// program connect to an address that the configuration does not hold. `complete`: no source
/// is missing for a mistake of its own.
pub(super) fn probe_targets(
    section: &Section<'_>,
    placed: &[Placed],
    complete: bool,
) -> Vec<SourceId> {
    let options = || placed.iter().map(|placed| &placed.options);
    if !section.has("targets") {
        return options().map(|options| options.id.clone()).collect();
    }
    let mut targets = Vec::new();
    for name in section.texts("targets") {
        match options().find(|options| options.id.as_str() == name) {
            Some(options) if options.location.kind() == SourceKind::Pipe => {
                let problem = format!("{} reads a pipe, which has one reader", shown(name));
                let remedy =
                    "leave it out: its audio is in /metrics, and a probe would take it away";
                section.mistake("targets", problem, remedy);
            }
            Some(options) => targets.push(options.id.clone()),
            None if !complete => {}
            None => {
                let problem = format!("{} is not the name of a source", shown(name));
                let remedy = "write the `name` of one of the sources";
                section.mistake("targets", problem, remedy);
            }
        }
    }
    targets
}

/// Every name belongs to one source: it is the label that tells their series apart.
pub(super) fn once(placed: &[Placed], mistakes: &Mistakes) {
    let mut first: HashMap<&str, &str> = HashMap::new();
    for Placed {
        options,
        path,
        line,
        ..
    } in placed
    {
        let name = options.id.as_str();
        if let Some(other) = first.get(name) {
            let problem = format!("the name `{name}` is already that of {other}");
            let remedy = if line.is_some() {
                "give each source a `name` of its own"
            } else {
                "write NAME=URL with a name of its own"
            };
            mistakes.add(*line, path, problem, remedy);
        } else {
            first.insert(name, path);
        }
    }
}
