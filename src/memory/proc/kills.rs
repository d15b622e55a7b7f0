//! Kills for want of memory in a control group, also where the group has gone with them.
//!
//! A service whose process is killed is taken down at once, its group with it, and what starts in
//! its place has a new group whose count begins with nothing. The group above counts on: what it
//! counted and none of the groups in it did, happened in one that has gone.
//! Source: the kernel's `cgroup-v2.rst`, `memory.events`.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs,
    os::unix::fs::{DirEntryExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use super::read_count;

/// What counts them in the second version of control groups, with those of the groups inside.
const EVENTS: &str = "memory.events";
const KILLS: &str = "oom_kill";
/// The most groups beside each other that are looked at.
const MOST_BESIDE: usize = 2_000;
/// A scan into which a kill falls is made again, at most so often.
const SCANS: usize = 3;

/// Follows the kills in the group of one process after another.
#[derive(Debug, Default)]
pub(in crate::memory) struct Kills {
    /// Since the first look that was told any number.
    total: Option<u64>,
    group: Option<Group>,
    above: Option<Above>,
}

/// A group at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    file: PathBuf,
    counted: Counted,
    /// It was there at the last look.
    there: bool,
}

/// A count, and whose: groups that are made anew under the same name have another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counted {
    number: u64,
    kills: u64,
}

impl Counted {
    /// How many are new since a look before, which may have been at another group of that name.
    fn since(self, before: Option<Self>) -> u64 {
        match before {
            Some(before) if before.number == self.number && before.kills <= self.kills => {
                self.kills - before.kills
            }
            _ => self.kills,
        }
    }
}

impl Group {
    fn read(file: &Path) -> Option<Self> {
        let kills = read_count(file, KILLS)?;
        let number = fs::metadata(file.parent()?).ok()?.ino();
        Some(Self {
            file: file.to_owned(),
            counted: Counted { number, kills },
            there: true,
        })
    }

    fn name(&self) -> Option<&OsStr> {
        self.file.parent()?.file_name()
    }
}

/// The group above, and those in it, as they were when its count last changed.
#[derive(Debug)]
struct Above {
    file: PathBuf,
    kills: u64,
    inside: BTreeMap<OsString, Counted>,
}

impl Above {
    /// The one above the group of this file; none where it does not count for those inside.
    fn of(file: &Path) -> Option<Self> {
        if file.file_name()? != EVENTS {
            return None;
        }
        let folder = file.parent()?.parent()?;
        Self::read(&folder.join(EVENTS))
    }

    fn read(file: &Path) -> Option<Self> {
        let mut kills = read_count(file, KILLS)?;
        let mut inside = BTreeMap::new();
        for _ in 0..SCANS {
            inside = scan(file.parent()?)?;
            let after = read_count(file, KILLS)?;
            if std::mem::replace(&mut kills, after) == after {
                break;
            }
        }
        Some(Self {
            file: file.to_owned(),
            kills,
            inside,
        })
    }

    /// How many it counted since then that no group did which is there now.
    fn lost_since(&self, before: &Self) -> u64 {
        let counted =
            |(name, now): (&OsString, &Counted)| now.since(before.inside.get(name).copied());
        let told: u64 = self.inside.iter().map(counted).sum();
        self.kills.saturating_sub(before.kills).saturating_sub(told)
    }

    fn has(&self, group: &Group) -> bool {
        let now = group.name().and_then(|name| self.inside.get(name));
        now.is_some_and(|now| now.number == group.counted.number)
    }
}

/// The groups in a directory; `None` where they are too many.
fn scan(folder: &Path) -> Option<BTreeMap<OsString, Counted>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).ok()?.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if found.len() == MOST_BESIDE {
                return None;
            }
            let number = entry.ino();
            // One that goes meanwhile, or does not count, counts nothing.
            if let Some(kills) = read_count(&entry.path().join(EVENTS), KILLS) {
                found.insert(entry.file_name(), Counted { number, kills });
            }
        }
    }
    Some(found)
}

impl Kills {
    /// How many there were since the first look, where that is told. Reads the first of `files`
    /// that is there, and then that one for as long as it is among them.
    pub(in crate::memory) fn observe(&mut self, files: &[PathBuf]) -> Option<u64> {
        let known = self.group.as_ref();
        let known = known.filter(|group| files.contains(&group.file));
        let found = match known {
            Some(known) => Group::read(&known.file),
            None => files.iter().find_map(|file| Group::read(file)),
        };
        let lost = self.lost();
        let Some(found) = found else {
            if let Some(group) = &mut self.group {
                group.there = false;
                self.total = self.total.map(|total| total + lost);
            }
            return self.total;
        };
        let same_place = self.group.as_ref().filter(|known| known.file == found.file);
        let new = match same_place {
            Some(known) => found.counted.since(Some(known.counted)),
            None => {
                self.above = Above::of(&found.file);
                0
            }
        };
        self.total = Some(self.total.unwrap_or(0) + lost + new);
        self.group = Some(found);
        self.total
    }

    /// How many there were in the known group that it cannot tell any more.
    fn lost(&mut self) -> u64 {
        let (Some(group), Some(before)) = (&self.group, &self.above) else {
            return 0;
        };
        if read_count(&before.file, KILLS).is_none_or(|kills| kills == before.kills) {
            return 0;
        }
        let Some(now) = Above::read(&before.file) else {
            return 0;
        };
        let gone = group.there && !now.has(group);
        let lost = if gone { now.lost_since(before) } else { 0 };
        self.above = Some(now);
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tree_for_tests::Tree, *};

    /// Groups of a slice, which counts for all of them as the kernel does.
    struct Slice {
        tree: Tree,
        root: PathBuf,
        above: u64,
        below: BTreeMap<&'static str, u64>,
        made: u32,
    }

    impl Slice {
        fn new(services: &[&'static str]) -> Self {
            let tree = Tree::new();
            let root = tree.proc().cgroups().to_owned();
            let mut slice = Self {
                tree,
                root,
                above: 0,
                below: BTreeMap::new(),
                made: 0,
            };
            slice.write("", 0);
            for service in services {
                slice.make(service);
            }
            slice
        }

        fn path(&self, service: &str) -> PathBuf {
            self.root.join("s").join(service)
        }

        fn write(&self, service: &str, kills: u64) {
            let text = format!("oom 1\noom_kill {kills}\n");
            self.tree
                .write(&format!("cgroup/s/{service}/{EVENTS}"), &text);
        }

        /// A new group, which a file system may otherwise give the number of one that has gone.
        fn make(&mut self, service: &'static str) {
            self.made += 1;
            let elsewhere = format!("made-{}", self.made);
            fs::create_dir(self.root.join(&elsewhere)).unwrap();
            if self.path(service).exists() {
                self.remove(service);
            }
            fs::rename(self.root.join(elsewhere), self.path(service)).unwrap();
            self.below.insert(service, 0);
            self.write(service, 0);
        }

        fn remove(&mut self, service: &'static str) {
            fs::remove_dir_all(self.path(service)).unwrap();
        }

        fn kill(&mut self, service: &'static str) {
            self.above += 1;
            *self.below.get_mut(service).unwrap() += 1;
            self.write(service, self.below[service]);
            self.write("", self.above);
        }

        fn files(&self, service: &str) -> [PathBuf; 1] {
            [self.path(service).join(EVENTS)]
        }
    }

    #[test]
    fn a_kill_that_takes_its_group_along_is_counted_once() {
        let mut slice = Slice::new(&["bird", "bat"]);
        for _ in 0..3 {
            slice.kill("bat");
            slice.kill("bird");
        }
        let mut kills = Kills::default();
        let files = slice.files("bird");
        assert_eq!(kills.observe(&files), Some(0), "before the watch");
        slice.kill("bird");
        assert_eq!(kills.observe(&files), Some(1), "told by the group itself");
        // The service manager is faster than the next look.
        slice.kill("bird");
        slice.make("bird");
        assert_eq!(kills.observe(&files), Some(2));
        assert_eq!(kills.observe(&files), Some(2));
        // Restarted slowly: it is noticed while there is no group.
        slice.kill("bird");
        slice.remove("bird");
        assert_eq!(kills.observe(&files), Some(3));
        assert_eq!(kills.observe(&files), Some(3));
        slice.make("bird");
        assert_eq!(kills.observe(&files), Some(3));
        // Several times between two looks, once more in the group that is there.
        slice.kill("bird");
        slice.make("bird");
        slice.kill("bird");
        slice.make("bird");
        slice.kill("bird");
        assert_eq!(kills.observe(&files), Some(6));
    }

    #[test]
    fn kills_beside_it_are_not_its_own() {
        let mut slice = Slice::new(&["bird", "bat", "bee"]);
        slice.kill("bee");
        let mut kills = Kills::default();
        let files = slice.files("bird");
        assert_eq!(kills.observe(&files), Some(0));
        // Others are killed while it restarts by itself.
        slice.kill("bat");
        slice.make("bird");
        assert_eq!(kills.observe(&files), Some(0));
        // Others go with their kills while it stays.
        slice.kill("bat");
        slice.make("bat");
        slice.kill("bee");
        slice.remove("bee");
        assert_eq!(kills.observe(&files), Some(0));
        // And while it is not there.
        slice.remove("bird");
        assert_eq!(kills.observe(&files), Some(0));
        slice.kill("bat");
        slice.remove("bat");
        assert_eq!(kills.observe(&files), Some(0));
        slice.make("bird");
        assert_eq!(kills.observe(&files), Some(0));
        slice.kill("bird");
        assert_eq!(kills.observe(&files), Some(1));
    }

    #[test]
    fn a_first_version_or_a_group_at_the_top_counts_for_itself() {
        let tree = Tree::new();
        let told = |file: &str, kills: u64| tree.write(file, &format!("oom_kill {kills}\n"));
        // What has processes of its own counts their kills only.
        told("cgroup/memory/memory.oom_control", 1);
        let group = told("cgroup/memory/a/memory.oom_control", 1);
        let mut kills = Kills::default();
        assert_eq!(kills.observe(std::slice::from_ref(&group)), Some(0));
        told("cgroup/memory/memory.oom_control", 2);
        fs::remove_file(&group).unwrap();
        assert_eq!(kills.observe(&[group]), Some(0));
        let top = told("cgroup/memory.events", 4);
        assert_eq!(Kills::default().observe(&[top]), Some(0));
    }

    #[test]
    fn another_place_begins_anew_and_the_first_one_is_kept() {
        let mut slice = Slice::new(&["bird", "bat"]);
        slice.kill("bat");
        let (bird, bat) = (slice.files("bird"), slice.files("bat"));
        let mut kills = Kills::default();
        assert_eq!(kills.observe(&bird), Some(0));
        assert_eq!(kills.observe(&bat), Some(0), "what was before");
        slice.kill("bat");
        assert_eq!(kills.observe(&bat), Some(1));
        // The root of the mount, which stands in for a group that is not to be seen, does not for
        // one that has gone.
        let root = slice.tree.write("cgroup/memory.events", "oom_kill 9\n");
        slice.remove("bat");
        let [bat] = bat;
        assert_eq!(kills.observe(&[bat, root]), Some(1));
    }
}
