//! The control groups that a process belongs to, in both versions of them, and who is in one.
//!
//! Source: cgroups(7); the kernel's `cgroup-v2.rst` and `cgroup-v1/memory.rst`.

use std::path::{Component, Path, PathBuf};

use super::{Proc, Unreadable, entries, failure::if_known, read};

/// Where the second version is mounted below the root of cgroups, alone and beside the first.
const UNIFIED: [&str; 2] = ["", "unified"];
/// The hierarchies in which a group is looked for by name.
const HIERARCHIES: [&str; 6] = ["", "unified", "systemd", "memory", "pids", "cpu"];
/// The most groups that a search goes through.
const MOST_GROUPS: usize = 20_000;

/// The groups that account for a process's memory, as paths below their mounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::memory) struct Groups {
    root: PathBuf,
    /// Of the second version.
    unified: Option<PathBuf>,
    /// Of the first version's memory controller.
    memory: Option<PathBuf>,
    /// A path leads out of what this process may see.
    outside: bool,
}

impl Groups {
    /// Those of `/proc/PID/cgroup`. A path that leads out of what this process may see
    /// (`/../…`, from inside another namespace) is left out.
    pub(in crate::memory) fn parse(membership: &str, root: &Path) -> Self {
        let mut groups = Self {
            root: root.to_owned(),
            ..Self::default()
        };
        for line in membership.lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
                continue;
            };
            if controllers.is_empty() {
                groups.unified = inside(path);
                groups.outside |= groups.unified.is_none();
            } else if controllers.split(',').any(|name| name == "memory") {
                groups.memory = inside(path);
                groups.outside |= groups.memory.is_none();
            }
        }
        groups
    }

    /// Whether what limits the process can be seen from here: its groups are there, or are also
    /// `ours`, which a container sees as the root of its mount whatever their path is.
    pub(in crate::memory) fn visible(&self, ours: &Self) -> bool {
        let there = |mounts: &[&str], group: &Option<PathBuf>| {
            group.as_ref().is_none_or(|group| {
                let mut places = mounts.iter().map(|mount| self.root.join(mount));
                places.any(|mount| mount.join(group).is_dir())
            })
        };
        let all = || there(&UNIFIED, &self.unified) && there(&["memory"], &self.memory);
        !self.outside && (self == ours || all())
    }

    /// Every file that may hold a limit of the memory.
    ///
    /// Ancestors count too: any of them may be tighter. In a container the path can be the
    /// host's and lead nowhere; the walk up then still ends at the container's own root.
    pub(in crate::memory) fn limit_files(&self) -> Vec<PathBuf> {
        let all = |mount: &str, group: &Path, file: &str| -> Vec<PathBuf> {
            let mount = self.root.join(mount);
            let groups = group.ancestors();
            groups.map(|group| mount.join(group).join(file)).collect()
        };
        let unified = self.unified.iter().flat_map(|group| {
            UNIFIED
                .map(|mount| all(mount, group, "memory.max"))
                .into_iter()
                .flatten()
        });
        let memory = self.memory.iter();
        let memory = memory.flat_map(|group| all("memory", group, "memory.limit_in_bytes"));
        unified.chain(memory).collect()
    }

    /// Files that count how often somebody in the group was killed for want of memory, the
    /// mount's own last.
    pub(in crate::memory) fn oom_files(&self) -> Vec<PathBuf> {
        let memory = self.memory.iter().flat_map(|group| {
            group_and_root(group).map(|group| self.root.join("memory").join(group))
        });
        self.unified("memory.events")
            .chain(memory.map(|group| group.join("memory.oom_control")))
            .collect()
    }

    /// Files that tell the group's memory pressure, which only the second version has, the
    /// mount's own last.
    pub(in crate::memory) fn pressure_files(&self) -> Vec<PathBuf> {
        self.unified("memory.pressure").collect()
    }

    /// A file of the group of the second version, wherever that is mounted.
    fn unified<'a>(&'a self, file: &'a str) -> impl Iterator<Item = PathBuf> + 'a {
        let groups = self.unified.iter().flat_map(|group| group_and_root(group));
        groups.flat_map(move |group| {
            UNIFIED.map(|mount| self.root.join(mount).join(group).join(file))
        })
    }
}

/// A group, and the root of its mount: in a container the path can be the host's and lead
/// nowhere, and the root is the container's own group.
fn group_and_root(group: &Path) -> impl Iterator<Item = &Path> {
    let root = Path::new("");
    std::iter::once(group).chain((group != root).then_some(root))
}

/// A group's path below a mount; `None` where it would leave it.
fn inside(path: &str) -> Option<PathBuf> {
    let path = Path::new(path.trim_start_matches('/'));
    path.components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        .then(|| path.to_owned())
}

/// The number behind a name in a file of `name number` lines.
pub(super) fn read_count(file: &Path, name: &str) -> Option<u64> {
    let text = read(file).ok()?;
    text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next()? == name).then(|| words.next()?.parse().ok())?
    })
}

impl Proc {
    /// The memory groups of a process; none where it does not tell.
    pub(in crate::memory) fn groups(&self, pid: u32) -> Groups {
        let membership = self.read(pid, "cgroup").unwrap_or_default();
        Groups::parse(&membership, self.cgroups())
    }

    /// Those of this process.
    pub(in crate::memory) fn own_groups(&self) -> Groups {
        let membership = read(&self.root.join("self/cgroup")).unwrap_or_default();
        Groups::parse(&membership, self.cgroups())
    }

    /// The directory of a group that the configuration names by its path.
    pub(super) fn group(&self, path: &str) -> Option<PathBuf> {
        let path = inside(path.strip_prefix("/sys/fs/cgroup").unwrap_or(path))?;
        let mut places = HIERARCHIES
            .iter()
            .map(|mount| self.cgroups.join(mount).join(&path));
        places.find(|group| group.join("cgroup.procs").is_file())
    }

    /// The directory of a systemd unit's group, of the system's units or of a user's.
    pub(super) fn unit(&self, unit: &str) -> Result<Option<PathBuf>, Unreadable> {
        let mut most = MOST_GROUPS;
        for mount in HIERARCHIES {
            let mut next: Vec<PathBuf> = ["system.slice", "user.slice", "machine.slice"]
                .map(|slice| self.cgroups.join(mount).join(slice))
                .into();
            while let Some(folder) = next.pop() {
                for entry in entries(&folder)? {
                    if most == 0 {
                        return Ok(None);
                    }
                    most -= 1;
                    let name = entry.file_name();
                    let Some(name) = name.to_str() else { continue };
                    if name == unit {
                        return Ok(Some(entry.path()));
                    }
                    // Units are in slices, and those of a user below that user's manager.
                    let is_slice = Path::new(name)
                        .extension()
                        .is_some_and(|kind| kind == "slice");
                    if is_slice || name.starts_with("user@") {
                        next.push(entry.path());
                    }
                }
            }
        }
        Ok(None)
    }
}

/// Everybody in a group and the groups inside it. Zero is one whom this namespace cannot see.
pub(super) fn members(group: &Path) -> Result<Vec<u32>, Unreadable> {
    let mut members = Vec::new();
    let mut next = vec![group.to_owned()];
    let mut most = MOST_GROUPS;
    while let Some(folder) = next.pop() {
        let text = if_known(read(&folder.join("cgroup.procs")))?;
        let pids = text.lines().filter_map(|line| line.parse::<u32>().ok());
        members.extend(pids.filter(|pid| *pid != 0));
        for entry in entries(&folder)? {
            if most > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                most -= 1;
                next.push(entry.path());
            }
        }
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use super::{super::tree_for_tests::Tree, *};

    #[test]
    fn both_versions_are_understood_and_none_leads_out() {
        let root = Path::new("/c");
        let groups = Groups::parse("4:cpu,memory:/docker/a\n9:name=systemd:/x\n0::/s/b\n", root);
        assert_eq!(
            groups.oom_files(),
            [
                "/c/s/b/memory.events",
                "/c/unified/s/b/memory.events",
                "/c/memory.events",
                "/c/unified/memory.events",
                "/c/memory/docker/a/memory.oom_control",
                "/c/memory/memory.oom_control"
            ]
            .map(PathBuf::from)
        );
        assert_eq!(groups.pressure_files().len(), 4);
        let outside = Groups::parse("0::/../../system.slice/x\n4:memory:/a/../../b\nz\n", root);
        assert!(outside.limit_files().is_empty() && outside.oom_files().is_empty());
    }

    #[test]
    fn counts_are_found_by_their_whole_name() {
        let tree = Tree::new();
        let file = tree.write("events", "oom 9\noom_kill 3\noom_group_kill 4\nodd\n");
        assert_eq!(read_count(&file, "oom_kill"), Some(3));
        assert_eq!(read_count(&file, "odd"), None);
        assert_eq!(read_count(&file, "other"), None);
        assert_eq!(read_count(Path::new("/nonexistent"), "oom"), None);
    }

    #[test]
    fn groups_are_found_by_path_and_units_by_name() {
        let tree = Tree::new();
        tree.write(
            "cgroup/unified/system.slice/bird.service/cgroup.procs",
            "7\n0\n",
        );
        tree.write(
            "cgroup/unified/system.slice/bird.service/in/cgroup.procs",
            "8\n",
        );
        let manager = "cgroup/systemd/user.slice/user-7.slice/user@7.service/app.slice";
        tree.write(&format!("{manager}/bat.service/cgroup.procs"), "9\n");
        let proc = tree.proc();
        let bird = proc.group("/system.slice/bird.service").unwrap();
        assert_eq!(members(&bird), Ok(vec![7, 8]));
        assert_eq!(
            proc.group("/sys/fs/cgroup/system.slice/bird.service"),
            Some(bird.clone())
        );
        assert_eq!(proc.unit("bird.service"), Ok(Some(bird)));
        let bat = proc.unit("bat.service").unwrap().unwrap();
        assert_eq!(members(&bat), Ok(vec![9]));
        assert_eq!(proc.unit("bee.service"), Ok(None));
        assert_eq!(proc.group("system.slice/../../etc"), None);
        assert_eq!(proc.group("system.slice"), None, "no group of processes");
    }
}
