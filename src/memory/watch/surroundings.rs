//! What a process's control groups say: how much it may have, how hard memory is to get there,
//! and who was killed for it.

use std::time::Duration;

use crate::memory::{
    limits,
    proc::{Groups, Kills, Pressure, Proc},
};

/// The groups of the process at the head.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// `None` where they cannot be seen, as those of another container.
    groups: Option<Groups>,
    pressure: Pressure,
    kills: Kills,
}

impl Surroundings {
    /// Another process is at the head now, perhaps in another group.
    pub(super) fn enter(&mut self, proc: &Proc, head: u32) {
        let groups = proc.groups(head);
        self.groups = groups.visible(&proc.own_groups()).then_some(groups);
    }

    /// The most memory that the head may have, in bytes. Not known where its groups cannot be
    /// seen: they may allow far less than the machine has.
    pub(super) fn limit(&self, proc: &Proc) -> Option<u64> {
        let groups = self.groups.as_ref()?;
        limits::tightest(proc, groups).map(|size| size.0)
    }

    /// The part of the time since the last look in which somebody waited for memory, in the
    /// head's group where that is told, else on the whole machine.
    pub(super) fn pressure(&mut self, proc: &Proc, now: Duration) -> Option<f64> {
        let groups = self.groups.as_ref();
        let mut files = groups.map(Groups::pressure_files).unwrap_or_default();
        files.push(proc.root().join("pressure/memory"));
        self.pressure.observe(&files, now)
    }

    /// How many were killed since the first look, where that is told; also while nobody runs.
    pub(super) fn oom_kills(&mut self) -> Option<u64> {
        let files = self.groups.as_ref().map(Groups::oom_files);
        self.kills.observe(&files.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::proc::tree_for_tests::Tree;

    #[test]
    fn kills_are_counted_from_the_first_look_across_groups_made_anew() {
        let tree = Tree::new();
        tree.write("proc/7/cgroup", "0::/a\n");
        tree.write("cgroup/a/cgroup.procs", "7\n");
        let events = |count| {
            tree.write(
                "cgroup/a/memory.events",
                &format!("oom 1\noom_kill {count}\n"),
            )
        };
        let mut surroundings = Surroundings::default();
        surroundings.enter(&tree.proc(), 7);
        assert_eq!(surroundings.oom_kills(), None, "not told");
        let file = events(5);
        assert_eq!(surroundings.oom_kills(), Some(0));
        events(7);
        assert_eq!(surroundings.oom_kills(), Some(2));
        std::fs::remove_file(file).unwrap();
        assert_eq!(surroundings.oom_kills(), Some(2));
        events(1);
        assert_eq!(surroundings.oom_kills(), Some(3));
    }

    #[test]
    fn a_limit_outside_of_what_can_be_seen_is_not_taken_for_ours() {
        let tree = Tree::new();
        tree.write("proc/meminfo", "MemTotal: 4096 kB\n");
        tree.write("proc/7/cgroup", "0::/../other\n");
        tree.write("proc/8/cgroup", "0::/a/b\n");
        tree.write("cgroup/memory.max", "1000\n");
        tree.write("cgroup/a/memory.max", "2000\n");
        let limit = |pid| {
            let mut surroundings = Surroundings::default();
            surroundings.enter(&tree.proc(), pid);
            surroundings.limit(&tree.proc())
        };
        assert_eq!(limit(7), None);
        assert_eq!(limit(8), None, "a path of the host's, not to be seen here");
        tree.write("cgroup/a/b/cgroup.procs", "8\n");
        assert_eq!(limit(8), Some(1000));
        // In our own group the root of the mount is the group.
        tree.write("proc/9/cgroup", "0::/docker/abc\n");
        tree.write("proc/self/cgroup", "0::/docker/abc\n");
        tree.write("cgroup/memory.events", "oom_kill 3\n");
        assert_eq!(limit(9), Some(1000));
        let mut surroundings = Surroundings::default();
        surroundings.enter(&tree.proc(), 9);
        assert_eq!(surroundings.oom_kills(), Some(0));
    }
}
