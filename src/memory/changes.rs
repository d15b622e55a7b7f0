//! What another configuration changes of the watch over memory, in words.

use std::fmt;

use super::{MemoryOptions, WatchOptions};
use crate::id::ProcessName;

/// What is different between two configurations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryChanges {
    /// Processes that are watched from now on.
    pub added: Vec<ProcessName>,
    /// Those that are not watched any more.
    pub removed: Vec<ProcessName>,
    /// Those that are looked for or judged otherwise, and begin anew.
    pub changed: Vec<ProcessName>,
    /// Whether intervals or limits of all of them are others.
    pub adjusted: bool,
}

impl MemoryChanges {
    /// From one to the other.
    pub fn between(before: &MemoryOptions, after: &MemoryOptions) -> Self {
        let of_name = |options: &MemoryOptions, name: &ProcessName| {
            let mut watches = options.watches.iter();
            watches.find(|watch| watch.name == *name).cloned()
        };
        let names = |options: &MemoryOptions, wanted: &dyn Fn(&WatchOptions) -> bool| {
            let watches = options.watches.iter().filter(|watch| wanted(watch));
            watches.map(|watch| watch.name.clone()).collect()
        };
        Self {
            added: names(after, &|watch| of_name(before, &watch.name).is_none()),
            removed: names(before, &|watch| of_name(after, &watch.name).is_none()),
            changed: names(after, &|watch| {
                of_name(before, &watch.name).is_some_and(|before| before != *watch)
            }),
            adjusted: (&before.judge, &before.thresholds, before.own_limit)
                != (&after.judge, &after.thresholds, after.own_limit),
        }
    }
}

impl fmt::Display for MemoryChanges {
    /// Begins with a comma, to follow what is said of sources; nothing where nothing changes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [
            (&self.added, "added"),
            (&self.removed, "removed"),
            (&self.changed, "changed"),
        ];
        for (names, what) in lists.iter().filter(|(names, _)| !names.is_empty()) {
            let names: Vec<_> = names.iter().map(ProcessName::as_str).collect();
            write!(f, ", watch {what}: {}", names.join(" "))?;
        }
        if self.adjusted {
            f.write_str(", memory adjusted")?;
        }
        Ok(())
    }
}
