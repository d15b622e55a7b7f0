//! Who runs, and who is whose child. One look serves every watch of a round.

use std::{
    cell::{OnceCell, RefCell},
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use super::{
    Proc, ReadFailure, Unreadable, entries, failure::if_known, identity::Identity, read, stat::Stat,
};

/// So many threads are asked for their children without a look at how many processes there are:
/// a listing of `/proc` costs more than asking them, on all but the smallest machines.
const FEW_THREADS: u64 = 64;

/// The processes at one moment, read when somebody needs them and then kept.
pub(in crate::memory) struct Look<'a> {
    proc: &'a Proc,
    /// Those that were asked for one by one.
    some: RefCell<BTreeMap<u32, Stat>>,
    numbers: OnceCell<Option<Vec<u32>>>,
    everybody: OnceCell<BTreeMap<u32, Stat>>,
    by_parent: OnceCell<BTreeMap<u32, Vec<u32>>>,
    commands: OnceCell<BTreeMap<u32, String>>,
    /// Why somebody is missing who may be there.
    incomplete: RefCell<Option<Unreadable>>,
}

impl<'a> Look<'a> {
    pub(in crate::memory) fn new(proc: &'a Proc) -> Self {
        Self {
            proc,
            some: RefCell::default(),
            numbers: OnceCell::new(),
            everybody: OnceCell::new(),
            by_parent: OnceCell::new(),
            commands: OnceCell::new(),
            incomplete: RefCell::default(),
        }
    }

    pub(in crate::memory) fn proc(&self) -> &'a Proc {
        self.proc
    }

    /// Fails when something could not be read for a reason of our own: who was not seen may be
    /// there for all that.
    pub(in crate::memory) fn complete(&self) -> Result<(), Unreadable> {
        self.incomplete.borrow().clone().map_or(Ok(()), Err)
    }

    /// Somebody could not be read. Counts when that was for a reason of our own.
    pub(in crate::memory) fn missed(&self, unread: &Unreadable) {
        if unread.reason == ReadFailure::Local {
            *self.incomplete.borrow_mut() = Some(unread.clone());
        }
    }

    /// What was read, or nothing.
    fn known<T: Default>(&self, read: Result<T, Unreadable>) -> T {
        let read = read.inspect_err(|unread| self.missed(unread));
        read.unwrap_or_default()
    }

    /// One that may have ended.
    pub(super) fn stat(&self, pid: u32) -> Result<Stat, Unreadable> {
        let known = self
            .everybody
            .get()
            .and_then(|everybody| everybody.get(&pid).cloned());
        if let Some(stat) = known.or_else(|| self.some.borrow().get(&pid).cloned()) {
            return Ok(stat);
        }
        let stat = self.proc.stat(pid);
        let stat = stat.inspect_err(|unread| self.missed(unread))?;
        self.some.borrow_mut().insert(pid, stat.clone());
        Ok(stat)
    }

    /// Everybody that lives, by number. What ends while it is read is left out.
    pub(super) fn everybody(&self) -> &BTreeMap<u32, Stat> {
        self.everybody.get_or_init(|| {
            let numbers = self.numbers().unwrap_or_default().iter();
            numbers
                .filter_map(|pid| Some((*pid, self.stat(*pid).ok()?)))
                .filter(|(_, stat)| !stat.ended)
                .collect()
        })
    }

    /// The numbers of everybody, read without a look at any of them; `None` when they cannot be
    /// known: `/proc` cannot be listed, or lists nobody, not even who asks.
    fn numbers(&self) -> Option<&[u32]> {
        let listed = self.numbers.get_or_init(|| {
            let entries = self.known(entries(self.proc.root()));
            let number = |entry: &fs::DirEntry| entry.file_name().to_str()?.parse().ok();
            let numbers: Vec<u32> = entries.iter().filter_map(number).collect();
            Some(numbers).filter(|numbers| !numbers.is_empty())
        });
        listed.as_deref()
    }

    /// The children of everybody who has some.
    fn by_parent(&self) -> &BTreeMap<u32, Vec<u32>> {
        self.by_parent.get_or_init(|| {
            let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
            for (pid, stat) in self.everybody() {
                children.entry(stat.parent).or_default().push(*pid);
            }
            children
        })
    }

    /// The children of a process that has so many threads.
    fn children(&self, pid: u32, threads: u64) -> Vec<u32> {
        if self.asks_threads(threads) {
            return self.known(self.proc.children(pid, threads));
        }
        self.by_parent().get(&pid).cloned().unwrap_or_default()
    }

    /// Whether each of so many threads is asked for its children, where it can be, or everybody for
    /// their parent: a file each, either way, but those are read once for all watches.
    fn asks_threads(&self, threads: u64) -> bool {
        if !self.proc.lists_children {
            return false;
        }
        let parents_are_known = || {
            let everybody = self.everybody.get();
            everybody.is_some_and(|everybody| !everybody.is_empty())
        };
        let fewer_processes = || {
            let numbers = self.numbers();
            numbers.is_some_and(|numbers| threads > numbers.len() as u64)
        };
        threads == 1 || !parents_are_known() && (threads <= FEW_THREADS || !fewer_processes())
    }

    /// The file name in everybody's first argument; kernel threads have none.
    pub(super) fn commands(&self) -> &BTreeMap<u32, String> {
        self.commands.get_or_init(|| {
            let command = |pid: &u32| {
                let line = self.known(if_known(read(&self.proc.path(*pid, "cmdline"))));
                let first = line.split('\0').next()?;
                let name = first.rsplit('/').next().filter(|name| !name.is_empty())?;
                Some((*pid, name.to_owned()))
            };
            self.everybody().keys().filter_map(command).collect()
        })
    }

    /// Those among `members` that are nobody's descendants there.
    pub(super) fn roots(&self, members: &BTreeSet<u32>) -> BTreeSet<u32> {
        let everybody = self.everybody();
        let is_root = |pid: &&u32| {
            let mut seen = BTreeSet::new();
            let mut at = **pid;
            // A number that was given anew while we read could close a ring.
            while let Some(parent) = everybody.get(&at).map(|stat| stat.parent)
                && seen.insert(parent)
            {
                if members.contains(&parent) {
                    return parent == **pid;
                }
                at = parent;
            }
            true
        };
        members.iter().filter(is_root).copied().collect()
    }

    /// The roots and everybody that descends from them, each with who it is.
    ///
    /// Where the kernel lists children it is asked along the tree, else, and for a process of very
    /// many threads, everybody is asked for its parent. A child whose parent has ended belongs to another tree.
    pub(in crate::memory) fn trees(&self, roots: &BTreeSet<u32>) -> BTreeMap<Identity, Stat> {
        let mut found = BTreeMap::new();
        let mut next: Vec<u32> = roots.iter().copied().collect();
        let mut seen: BTreeSet<u32> = roots.clone();
        while let Some(pid) = next.pop() {
            let Some(stat) = self.stat(pid).ok().filter(|stat| !stat.ended) else {
                continue;
            };
            let children = self.children(pid, stat.threads);
            next.extend(children.into_iter().filter(|child| seen.insert(*child)));
            let started = stat.start_ticks;
            found.insert(Identity { pid, started }, stat);
        }
        found
    }
}

impl Proc {
    /// The children of every thread of a process, which has so many.
    fn children(&self, pid: u32, threads: u64) -> Result<Vec<u32>, Unreadable> {
        let of = |thread: &Path| if_known(read(&thread.join("children")));
        let lists = if threads == 1 {
            of(&self.path(pid, &format!("task/{pid}")))?
        } else {
            let threads = entries(&self.path(pid, "task"))?.into_iter();
            let lists: Result<String, Unreadable> =
                threads.map(|thread| of(&thread.path())).collect();
            lists?
        };
        let numbers = lists.split_ascii_whitespace();
        Ok(numbers.filter_map(|number| number.parse().ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tree_for_tests::Tree, *};

    fn family() -> Tree {
        let tree = Tree::new();
        for (pid, parent) in [(1, 0), (10, 1), (11, 10), (12, 11), (20, 1), (21, 20)] {
            tree.process(pid, parent, "x", &["x"]);
        }
        tree
    }

    fn pids(trees: &BTreeMap<Identity, Stat>) -> Vec<u32> {
        trees.keys().map(|identity| identity.pid).collect()
    }

    #[test]
    fn a_tree_has_all_descendants_and_nobody_else() {
        let tree = family();
        let proc = tree.proc();
        assert!(!proc.lists_children);
        let trees = Look::new(&proc).trees(&[10].into());
        assert_eq!(pids(&trees), [10, 11, 12]);
    }

    #[test]
    fn a_kernel_that_lists_children_is_asked_along_the_tree_only() {
        let tree = family();
        tree.write("proc/thread-self/children", "");
        tree.write("proc/10/task/10/children", "");
        tree.write("proc/10/task/15/children", "11 \n");
        tree.write("proc/11/task/11/children", "12 99 ");
        let proc = tree.proc();
        let look = Look::new(&proc);
        assert_eq!(
            pids(&look.trees(&[10].into())),
            [10, 11, 12],
            "99 has ended"
        );
        assert!(look.everybody.get().is_none(), "nobody else was asked");
    }

    #[test]
    fn a_process_of_one_thread_is_asked_without_listing_it() {
        let tree = family();
        tree.write("proc/thread-self/children", "");
        let stat = "10 (x) S 1 1 1 0 -1 0 5 0 3 0 250 50 0 0 20 0 1 0 100 1 1";
        tree.write("proc/10/stat", stat);
        tree.write("proc/10/task/10/children", "11 ");
        tree.write("proc/10/task/15/children", "20 ");
        let proc = tree.proc();
        let trees = Look::new(&proc).trees(&[10].into());
        assert_eq!(pids(&trees), [10, 11], "15 is no thread of it");
    }

    /// `family` with a 10 of so many threads, whose list says another than the parents do: 20
    /// instead of 11.
    fn threaded(threads: u64) -> Tree {
        let tree = family();
        tree.write("proc/thread-self/children", "");
        let stat = format!("10 (x) S 1 1 1 0 -1 0 5 0 3 0 250 50 0 0 20 0 {threads} 0 100 1 1");
        tree.write("proc/10/stat", &stat);
        tree.write("proc/10/task/15/children", "20 ");
        tree
    }

    #[test]
    fn one_of_few_threads_is_asked_without_a_listing_of_all_processes() {
        for threads in [2, FEW_THREADS] {
            let tree = threaded(threads);
            let proc = tree.proc();
            let look = Look::new(&proc);
            assert_eq!(pids(&look.trees(&[10].into())), [10, 20]);
            assert!(look.numbers.get().is_none(), "{threads}");
        }
    }

    #[test]
    fn one_of_many_threads_is_asked_thread_by_thread_if_there_are_more_processes() {
        let found = |threads: u64, processes: u32| {
            let tree = threaded(threads);
            for pid in 1_006..1_000 + processes {
                tree.process(pid, 1, "x", &["x"]);
            }
            let proc = tree.proc();
            let look = Look::new(&proc);
            pids(&look.trees(&[10].into()))
        };
        assert_eq!(found(80, 80), [10, 20]);
        assert_eq!(found(81, 80), [10, 11, 12]);
    }

    #[test]
    fn where_processes_cannot_be_listed_the_threads_are_asked_however_many_they_are() {
        let nobody = Tree::new();
        assert_eq!(Look::new(&nobody.proc()).numbers(), None, "empty");
        let nowhere = Proc::at("/nonexistent", "/nonexistent");
        assert_eq!(Look::new(&nowhere).numbers(), None);
        let tree = threaded(2_000);
        let proc = tree.proc();
        let look = Look::new(&proc);
        look.numbers.set(None).unwrap();
        // As a watch by command has asked before.
        assert!(look.everybody().is_empty());
        assert_eq!(pids(&look.trees(&[10].into())), [10, 20]);
    }

    #[test]
    fn roots_are_those_without_an_ancestor_among_them() {
        let tree = family();
        let proc = tree.proc();
        let look = Look::new(&proc);
        assert_eq!(look.roots(&[10, 12, 21].into()), [10, 21].into());
        assert_eq!(look.roots(&[12].into()), [12].into());
    }

    #[test]
    fn a_ring_of_parents_ends() {
        let tree = Tree::new();
        tree.process(5, 6, "x", &["x"]);
        tree.process(6, 5, "y", &["y"]);
        let proc = tree.proc();
        let look = Look::new(&proc);
        assert_eq!(look.roots(&[5].into()), [5].into());
        assert_eq!(pids(&look.trees(&[5].into())), [5, 6]);
    }
}
