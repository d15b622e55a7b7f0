//! What another configuration changes beside the sources, in words.

use std::{collections::HashSet, fmt};

use super::Config;
use crate::{id::SourceId, listed::list};

/// What differs between two configurations beside the sources, by the names and keys of the
/// configuration. Holds no value, as one may be a secret; targets of `notify`, which are known by
/// their addresses alone, are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigChanges {
    watches: Lists,
    objects: Lists,
    webhooks: Counts,
    alertmanagers: Counts,
    /// Sources that stay and have other alarms.
    alarms_of: Vec<String>,
    settings: Vec<&'static str>,
}

/// Of things with a name, in the order of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Lists {
    added: Vec<String>,
    removed: Vec<String>,
    changed: Vec<String>,
}

/// Of things whose name may be a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Counts {
    added: usize,
    removed: usize,
    changed: usize,
}

impl ConfigChanges {
    /// At the start: all that has a name is added, and no setting is another.
    pub fn at_start(config: &Config) -> Self {
        let mut before = config.clone();
        before.memory.watches.clear();
        before.objects.clear();
        before.notify.webhooks.clear();
        before.notify.alertmanagers.clear();
        Self::between(&before, config)
    }

    /// From one to the other.
    pub fn between(before: &Config, after: &Config) -> Self {
        let (told, tells) = (&before.notify, &after.notify);
        Self {
            watches: Lists::of(&before.memory.watches, &after.memory.watches, |watch| {
                watch.name.as_str()
            }),
            objects: Lists::of(&before.objects, &after.objects, |object| {
                object.name.as_str()
            }),
            webhooks: Counts::of(&told.webhooks, &tells.webhooks, |webhook| {
                webhook.endpoint.url.as_str()
            }),
            alertmanagers: Counts::of(&told.alertmanagers, &tells.alertmanagers, |manager| {
                manager.endpoint.url.as_str()
            }),
            alarms_of: alarms_of(before, after),
            settings: settings(before, after),
        }
    }
}

impl Lists {
    fn of<T: PartialEq>(before: &[T], after: &[T], name: impl Fn(&T) -> &str) -> Self {
        let same_name = |all: &[T], one: &T| all.iter().position(|other| name(other) == name(one));
        let named = |all: &[T], wanted: &dyn Fn(&T) -> bool| {
            let wanted = all.iter().filter(|one| wanted(one));
            wanted.map(|one| name(one).to_owned()).collect()
        };
        Self {
            added: named(after, &|one| same_name(before, one).is_none()),
            removed: named(before, &|one| same_name(after, one).is_none()),
            changed: named(after, &|one| {
                same_name(before, one).is_some_and(|at| before[at] != *one)
            }),
        }
    }
}

impl Counts {
    fn of<T: PartialEq>(before: &[T], after: &[T], name: impl Fn(&T) -> &str) -> Self {
        let lists = Lists::of(before, after, name);
        Self {
            added: lists.added.len(),
            removed: lists.removed.len(),
            changed: lists.changed.len(),
        }
    }
}

fn alarms_of(before: &Config, after: &Config) -> Vec<String> {
    let policies = &before.alarms.sources;
    let others = after.alarms.sources.iter().filter(|(id, policy)| {
        let known = policies.get(*id);
        known.is_some_and(|known| known != *policy)
    });
    let mut names: Vec<_> = others.map(|(id, _)| id.to_string()).collect();
    names.sort();
    names
}

/// The keys whose fields differ.
macro_rules! differing {
    ($before:expr, $after:expr, $($key:literal: $($field:ident).+,)+) => {
        [$(($key, differs(&$before.$($field).+, &$after.$($field).+))),+]
    };
}

fn differs<T: PartialEq>(before: &T, after: &T) -> bool {
    before != after
}

/// The keys beside lists of things with names whose values are others.
fn settings(before: &Config, after: &Config) -> Vec<&'static str> {
    let keys = differing!(before, after,
        "buffers.memory_budget": memory_budget,
        "buffers.pool": pool,
        "connect.timeout": connect.timeout,
        "connect.per_host": connect.dials.per_host,
        "connect.total": connect.dials.total,
        "connect.backoff": connect.backoff,
        "memory.sample_interval": memory.judge.sample_interval,
        "memory.analysis_interval": memory.judge.analysis_interval,
        "memory.baseline_after": memory.judge.baseline_after,
        "memory.window": memory.judge.window,
        "memory.min_points": memory.judge.min_points,
        "memory.confidence": memory.judge.confidence,
        "memory.limit": memory.own_limit,
        "memory.thresholds": memory.thresholds,
        "profiles": profiles,
        "history": history,
        "alarms.max_per_hour": alarms.max_per_hour,
        "alarms.max_per_hour_each": alarms.max_per_hour_each,
        "alarms.keep_firing": alarms.keep_firing,
        "alarms.reopen_after": alarms.reopen_after,
        "alarms.disabled": alarms.disabled,
        "alarms.state_file": alarms.state_file,
        "notify.external_url": notify.external_url,
        "notify.repeat_interval": notify.repeat_interval,
        "notify.file": notify.file,
        "web.allowed_hosts": web.allowed_hosts,
        "web.audio": web.audio,
        "web.roles": web.roles,
    );
    let probed = [(
        "probe.targets",
        probed(before, after) != probed(after, before),
    )];
    let others = keys.into_iter().chain(probed);
    let others = others.filter(|(_, differs)| *differs);
    others.map(|(key, _)| key).collect()
}

/// The sources of both that the first lets be probed: by default that are all it has.
fn probed<'a>(config: &'a Config, other: &Config) -> HashSet<&'a SourceId> {
    let in_both = |id: &&SourceId| {
        let has = |config: &Config| config.sources.iter().any(|source| source.id == **id);
        has(config) && has(other)
    };
    config.probe_targets.iter().filter(in_both).collect()
}

impl fmt::Display for ConfigChanges {
    /// Begins with a comma, to follow what is said of sources; nothing where nothing changes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, lists) in [("watch", &self.watches), ("object", &self.objects)] {
            list(f, &format!("{what} added"), &lists.added)?;
            list(f, &format!("{what} removed"), &lists.removed)?;
            list(f, &format!("{what} changed"), &lists.changed)?;
        }
        for (what, counts) in [
            ("webhooks", &self.webhooks),
            ("Alertmanagers", &self.alertmanagers),
        ] {
            for (count, verb) in [
                (counts.added, "added"),
                (counts.removed, "removed"),
                (counts.changed, "changed"),
            ] {
                if count > 0 {
                    write!(f, ", {what} {verb}: {count}")?;
                }
            }
        }
        list(f, "alarms of sources changed", &self.alarms_of)?;
        list(f, "settings changed", &self.settings)
    }
}

#[cfg(test)]
mod tests;
