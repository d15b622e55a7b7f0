//! Watched processes, and how memory is judged.

use std::{collections::HashMap, path::Path};

use url::Url;

use super::{mistake::shown, section::Section};
use crate::{
    id::ProcessName,
    memory::{MAX_WATCHES, MemoryOptions, Selector, WatchOptions, thresholds::Thresholds, verdict},
};

/// The keys that say which process is meant.
const SELECTORS: [&str; 5] = ["command", "pid", "pid_file", "cgroup", "systemd"];

/// Reads `watch` and `memory` of the whole file.
pub(super) fn memory(top: &Section<'_>, base: &Path) -> MemoryOptions {
    let section = top.section("memory");
    MemoryOptions {
        judge: judge(&section),
        thresholds: thresholds(&section.section("thresholds")),
        own_limit: section.bytes("limit").map(|size| size.0),
        watches: watches(top, base),
    }
}

fn judge(section: &Section<'_>) -> verdict::Options {
    let (window, min_points) = (section.number("window"), section.number("min_points"));
    if min_points > window {
        let problem = format!("more than `window`, which is {window}");
        section.mistake(
            "min_points",
            problem,
            "raise `window` or lower `min_points`",
        );
    }
    verdict::Options {
        sample_interval: section.duration("sample_interval"),
        analysis_interval: section.duration("analysis_interval"),
        baseline_after: section.duration("baseline_after"),
        window,
        min_points,
        confidence: section.number("confidence") as f64 / 100.0,
    }
}

fn thresholds(section: &Section<'_>) -> Thresholds {
    let percent = |key| section.number(key) as f64 / 100.0;
    let bytes = |key| section.size(key).0;
    Thresholds {
        growth_ratio: percent("growth_percent"),
        external_bytes: bytes("external"),
        resident_to_heap_ratio: percent("resident_to_heap_percent"),
        resident_bytes: bytes("resident"),
        growth_bytes_per_second: bytes("growth_per_minute") as f64 / 60.0,
        task_growth_ratio: percent("task_growth_percent"),
        pressure_ratio: percent("pressure_percent"),
        idle_heap_ratio: percent("idle_heap_percent"),
    }
}

fn watches(top: &Section<'_>, base: &Path) -> Vec<WatchOptions> {
    let mut first: HashMap<String, String> = HashMap::new();
    let mut watches = Vec::new();
    for section in top.sections("watch", MAX_WATCHES) {
        let Some(watch) = watch(&section, base) else {
            continue;
        };
        let name = watch.name.as_str().to_owned();
        if let Some(other) = first.get(&name) {
            let problem = format!("the name `{name}` is already that of {other}");
            section.mistake("name", problem, "give each process a `name` of its own");
        } else {
            first.insert(name, section.path().to_owned());
            watches.push(watch);
        }
    }
    watches
}

fn watch(section: &Section<'_>, base: &Path) -> Option<WatchOptions> {
    // Everything is read before anything is given up, so that every mistake shows.
    let metrics_url = metrics_url(section);
    let memory_limit = section.bytes("memory_limit").map(|size| size.0);
    let selector = selector(section, base);
    let name = name(section, selector.as_ref());
    Some(WatchOptions {
        name: name?,
        selector: selector?,
        metrics_url,
        memory_limit,
    })
}

/// The one selector that is there.
fn selector(section: &Section<'_>, base: &Path) -> Option<Selector> {
    let text = |key| section.text(key).filter(|text| usable(section, key, text));
    let command = text("command").filter(|command| {
        !command.contains('/') || {
            let problem = format!("{} is a path", shown(command));
            let remedy = "write the file name alone: a process is known by the last part of its \
                      first argument";
            section.mistake("command", problem, remedy);
            false
        }
    });
    let found = [
        command.map(|command| Selector::Command(command.to_owned())),
        section.integer("pid").map(Selector::Pid),
        text("pid_file").map(|path| Selector::PidFile(base.join(path))),
        text("cgroup").and_then(|path| cgroup(section, path)),
        text("systemd").map(|unit| Selector::Unit(with_suffix(unit))),
    ];
    let given: Vec<&str> = SELECTORS
        .into_iter()
        .filter(|key| section.has(key))
        .collect();
    match given[..] {
        [] => {
            let remedy = "add one of command, pid, pid_file, cgroup and systemd";
            section.mistake(
                "command",
                "missing: nothing says which process it is",
                remedy,
            );
            None
        }
        [_] => found.into_iter().flatten().next(),
        [kept, other, ..] => {
            let problem = format!("there is `{kept}` as well");
            section.mistake(other, problem, "keep the one that says which process it is");
            None
        }
    }
}

/// Notes a text that can name nothing.
fn usable(section: &Section<'_>, key: &str, text: &str) -> bool {
    let usable = !text.is_empty() && text.len() <= 4096 && !text.contains(char::is_control);
    if !usable {
        section.mistake(
            key,
            "empty, too long, or with a control character",
            "correct it",
        );
    }
    usable
}

fn cgroup(section: &Section<'_>, path: &str) -> Option<Selector> {
    if path.split('/').any(|part| part == "..") {
        let remedy = "write the group's path below /sys/fs/cgroup";
        section.mistake("cgroup", format!("{} leads upward", shown(path)), remedy);
        return None;
    }
    Some(Selector::Cgroup(path.to_owned()))
}

/// A unit is a service unless its name says otherwise, as for `systemctl`.
fn with_suffix(unit: &str) -> String {
    let known = [".service", ".scope", ".slice"];
    if known.iter().any(|suffix| unit.ends_with(suffix)) {
        unit.to_owned()
    } else {
        format!("{unit}.service")
    }
}

fn name(section: &Section<'_>, selector: Option<&Selector>) -> Option<ProcessName> {
    let written = section.text("name");
    if written.is_none() && section.has("name") {
        return None;
    }
    let default = match selector {
        Some(Selector::Command(command)) => Some(command.as_str()),
        Some(Selector::Unit(unit)) => Some(unit.trim_end_matches(".service")),
        // The mistake is noted.
        None if written.is_none() => return None,
        _ => None,
    };
    let Some(text) = written.or(default) else {
        section.mistake("name", "missing", "give the process a `name`");
        return None;
    };
    match ProcessName::new(text) {
        Ok(name) => Some(name),
        Err(error) => {
            let problem = format!("{} cannot be the name of a process", shown(text));
            section.mistake("name", problem, error.to_string().trim_end());
            None
        }
    }
}

/// Never quotes the address: it may hold a token.
fn metrics_url(section: &Section<'_>) -> Option<Url> {
    let written = section.text("metrics_url")?;
    let wrong = |problem: &str, remedy: &str| {
        section.mistake("metrics_url", problem, remedy);
        None
    };
    let Ok(url) = Url::parse(written) else {
        return wrong("not an address", "write http://127.0.0.1:8090/metrics");
    };
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return wrong(
            "neither http:// nor https://",
            "write http://127.0.0.1:8090/metrics",
        );
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong(
            "has credentials, which are not supported here",
            "let the recorder serve its metrics without a password to this machine",
        );
    }
    Some(url)
}
