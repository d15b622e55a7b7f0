//! `objects`: names that other programs report under, and thresholds.

use std::collections::HashSet;

use super::{mistake::shown, section::Section};
use crate::objects::{MAX_NAMES, Name, ObjectOptions, Own, Thresholds};

/// Reads the list; items with a mistake are left out.
pub(super) fn objects(top: &Section<'_>) -> Vec<ObjectOptions> {
    let mut names = HashSet::new();
    let items = top.sections("objects", MAX_NAMES);
    let mut found = Vec::new();
    for section in &items {
        let options = object(section);
        let Some(options) = options else { continue };
        if names.insert(options.name.clone()) {
            found.push(options);
        } else {
            let problem = format!("{} is there twice", shown(options.name.as_str()));
            section.mistake("name", problem, "keep one of the two");
        }
    }
    let foreign = found
        .iter()
        .filter(|options| !is_own(&options.name))
        .count();
    let most = MAX_NAMES - Own::COUNT;
    if foreign > most {
        let problem = format!("{foreign} names, at most {most} are possible");
        top.mistake("objects", problem, "leave some out");
    }
    found
}

fn object(section: &Section<'_>) -> Option<ObjectOptions> {
    let thresholds = Thresholds {
        max_count: section.integer("max_count").map(u64::from),
        max_bytes: section.bytes("max_bytes").map(|size| size.0),
    };
    let expire_after = section.duration("expire_after");
    let Some(text) = section.text("name") else {
        if !section.has("name") {
            section.mistake("name", "is missing", "write the name that is reported");
        }
        return None;
    };
    let name = Name::new(text)
        .map_err(|invalid| {
            let problem = format!("{} is not a name", shown(text));
            section.mistake("name", problem, invalid.to_string());
        })
        .ok()?;
    if is_own(&name) && section.has("expire_after") {
        let problem = "the program counts this object itself, and that never expires";
        section.mistake("expire_after", problem, "remove the key");
    }
    Some(ObjectOptions {
        name,
        thresholds,
        expire_after,
    })
}

fn is_own(name: &Name) -> bool {
    Own::ALL.iter().any(|own| own.as_str() == name.as_str())
}
