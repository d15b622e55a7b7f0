//! Finding a process by what the configuration says of it, each time anew.

use std::{collections::BTreeSet, fmt, path::PathBuf};

use super::{
    Look, ReadFailure, Stat, Unreadable, cgroup, failure::missing, identity::Identity,
    pid_file::PidFile,
};
use crate::shutdown::Tasks;

/// How a process is named in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The file name in its first argument, or the name that the kernel knows it by.
    Command(String),
    /// Its number.
    Pid(u32),
    /// The file that holds its number.
    PidFile(PathBuf),
    /// A control group, with the groups inside it: the path below `/sys/fs/cgroup`.
    Cgroup(String),
    /// A systemd unit with its suffix.
    Unit(String),
}

/// Finds the same process again.
#[derive(Debug)]
pub(in crate::memory) struct Finder {
    selector: Selector,
    pid_file: PidFile,
    /// Ourselves, whom a name never means.
    me: u32,
    /// Of a number: whom it meant at first.
    meant: Option<Identity>,
    /// Where a unit's group was last.
    group: Option<PathBuf>,
}

impl Finder {
    /// What may hang is read on threads of `tasks`.
    pub(in crate::memory) fn new(selector: Selector, tasks: &Tasks) -> Self {
        Self {
            selector,
            pid_file: PidFile::new(tasks),
            me: std::process::id(),
            meant: None,
            group: None,
        }
    }

    /// The processes at the head of the trees that are meant; at least one.
    pub(in crate::memory) fn find(&mut self, look: &Look<'_>) -> Result<BTreeSet<u32>, Unreadable> {
        let found = self.find_in(look);
        // Nobody is missed by who could not see.
        look.complete().and(found)
    }

    fn find_in(&mut self, look: &Look<'_>) -> Result<BTreeSet<u32>, Unreadable> {
        let proc = look.proc();
        let found = match &self.selector {
            Selector::Command(command) => {
                let mut members = named(look, command);
                members.remove(&self.me);
                look.roots(&members)
            }
            Selector::Pid(pid) => {
                let pid = *pid;
                let found = alive(look, pid).map_err(|error| match error.reason {
                    // It was there: no namespace keeps it from us.
                    ReadFailure::NotFound if self.meant.is_some() => ended(look, pid),
                    _ => error,
                })?;
                if *self.meant.get_or_insert(found) != found {
                    return Err(missing(format!(
                        "process {pid} has ended, and another has its number now; name the process \
                         by its command, unit or pid file, which find it again"
                    )));
                }
                [pid].into()
            }
            Selector::PidFile(path) => {
                let pid = self.pid_file.number(path)?;
                [alive(look, pid)?.pid].into()
            }
            Selector::Cgroup(path) => {
                let group = proc.group(path);
                let group = group.ok_or_else(|| missing(format!(
                    "there is no control group {path:?} below /sys/fs/cgroup; see the group's path in \
                     /proc/PID/cgroup of the process"
                )))?;
                in_group(look, &group)?
            }
            Selector::Unit(unit) => {
                let known = self.group.take().filter(|group| group.is_dir());
                let group = match known {
                    Some(group) => Some(group),
                    None => proc.unit(unit)?,
                };
                let group = group.ok_or_else(|| {
                    missing(format!(
                        "no unit {unit:?} of systemd runs; see systemctl status"
                    ))
                })?;
                let found = in_group(look, &group);
                self.group = Some(group);
                found?
            }
        };
        if !found.is_empty() {
            return Ok(found);
        }
        Err(match proc.hides() {
            Some(hides) => Unreadable::hidden(hides),
            None => missing(format!("no process runs that is {}", self.selector)),
        })
    }
}

/// Everybody whose first argument or name is this command. The kernel cuts its own name after
/// 15 bytes, so a longer command is known by its argument alone.
fn named(look: &Look<'_>, command: &str) -> BTreeSet<u32> {
    let by_argument = look.commands().iter().filter(|(_, name)| *name == command);
    let by_name = look
        .everybody()
        .iter()
        .filter(|(_, stat)| stat.comm == command);
    by_argument
        .map(|(pid, _)| *pid)
        .chain(by_name.map(|(pid, _)| *pid))
        .collect()
}

fn in_group(look: &Look<'_>, group: &std::path::Path) -> Result<BTreeSet<u32>, Unreadable> {
    let members: BTreeSet<u32> = cgroup::members(group)?.into_iter().collect();
    let alive = |pid: &u32| look.everybody().contains_key(pid);
    Ok(look.roots(&members.into_iter().filter(alive).collect()))
}

/// Who has this number.
fn alive(look: &Look<'_>, pid: u32) -> Result<Identity, Unreadable> {
    let proc = look.proc();
    let error = match look.stat(pid) {
        Ok(stat) if stat.kernel => {
            return Err(missing(format!(
                "{pid} is a thread of the kernel, which has no memory of its own; name another \
                 process"
            )));
        }
        Ok(stat) if !stat.ended => {
            if let Some(process) = proc.process_of(pid).filter(|process| *process != pid) {
                return Err(missing(format!(
                    "{pid} is not a process but a thread of process {process}; name that"
                )));
            }
            let started = stat.start_ticks;
            return Ok(Identity { pid, started });
        }
        Ok(_) => return Err(ended(look, pid)),
        Err(error) => error,
    };
    if error.reason != ReadFailure::Vanished {
        return Err(error);
    }
    Err(match proc.hides().filter(|_| exists(pid)) {
        Some(hides) => Unreadable::hidden(hides),
        None => missing(format!(
            "there is no process {pid}; in a container, share the pid namespace of the recorder's \
             (docker: --pid, Kubernetes: shareProcessNamespace)"
        )),
    })
}

/// What was there is there no more, or nothing that could be read.
fn ended(look: &Look<'_>, pid: u32) -> Unreadable {
    let goes_on = |stat: &Stat| stat.ended && stat.threads > 1;
    missing(if look.stat(pid).is_ok_and(|stat| goes_on(&stat)) {
        format!(
            "the first thread of process {pid} has ended, and the system tells nothing of the \
             memory that the others hold; let that thread wait for them"
        )
    } else {
        format!("process {pid} has ended")
    })
}

/// Whether a process has this number, seen or not.
fn exists(pid: u32) -> bool {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| {
        !matches!(
            rustix::process::test_kill_process(pid),
            Err(rustix::io::Errno::SRCH)
        )
    })
}

/// The selector as a message puts it: `no process runs that is …`.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(command) => write!(f, "called {command:?}"),
            Self::Pid(pid) => write!(f, "number {pid}"),
            Self::PidFile(_) => f.write_str("named by the pid file"),
            Self::Cgroup(path) => write!(f, "in the control group {path:?}"),
            Self::Unit(unit) => write!(f, "of the unit {unit:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tree_for_tests::Tree, *};

    fn find(tree: &Tree, finder: &mut Finder) -> Result<Vec<u32>, ReadFailure> {
        let proc = tree.proc();
        let found = finder.find(&Look::new(&proc));
        found
            .map(|roots| roots.into_iter().collect())
            .map_err(|error| error.reason)
    }

    fn once(tree: &Tree, selector: Selector) -> Result<Vec<u32>, ReadFailure> {
        find(tree, &mut Finder::new(selector, &Tasks::default()))
    }

    fn command(name: &str) -> Selector {
        Selector::Command(name.to_owned())
    }

    #[test]
    fn a_command_is_known_by_its_argument_and_by_its_name() {
        let tree = Tree::new();
        tree.process(10, 1, "birdnet-go", &["/usr/bin/birdnet-go", "realtime"]);
        tree.process(11, 10, "birdnet-go", &["birdnet-go"]);
        tree.process(20, 1, "sh", &["sh", "-c", "birdnet-go"]);
        tree.process(30, 1, "nginx", &["nginx: master process"]);
        tree.process(
            40,
            1,
            "recorder-with-a",
            &["/opt/recorder-with-a-long-name"],
        );
        tree.process(41, 1, "recorder-with-a", &["/opt/recorder-with-another"]);
        tree.process(50, 1, "kthread", &[]);
        tree.process(60, 1, "odd) S 1 (x", &["odd"]);
        for (name, expected) in [
            ("birdnet-go", Ok(vec![10])),
            ("nginx", Ok(vec![30])),
            ("recorder-with-a-long-name", Ok(vec![40])),
            ("kthread", Ok(vec![50])),
            ("odd", Ok(vec![60])),
            ("bird", Err(ReadFailure::NotFound)),
            ("realtime", Err(ReadFailure::NotFound)),
        ] {
            assert_eq!(once(&tree, command(name)), expected, "{name}");
        }
    }

    #[test]
    fn several_of_a_name_are_all_meant_but_never_ourselves() {
        let tree = Tree::new();
        let me = std::process::id();
        tree.process(me, 1, "ffmpeg", &["ffmpeg"]);
        assert_eq!(once(&tree, command("ffmpeg")), Err(ReadFailure::NotFound));
        let others = [me + 1, me + 2];
        for pid in others {
            tree.process(pid, 1, "ffmpeg", &["ffmpeg"]);
        }
        assert_eq!(once(&tree, command("ffmpeg")), Ok(others.to_vec()));
    }

    #[test]
    fn a_number_means_the_process_that_had_it_first() {
        let tree = Tree::new();
        let mut finder = Finder::new(Selector::Pid(4_100_000), &Tasks::default());
        assert_eq!(find(&tree, &mut finder), Err(ReadFailure::NotFound));
        tree.process_started(4_100_000, 1, "x", &["x"], 500);
        assert_eq!(find(&tree, &mut finder), Ok(vec![4_100_000]));
        tree.process_started(4_100_000, 1, "x", &["x"], 900);
        assert_eq!(find(&tree, &mut finder), Err(ReadFailure::NotFound));
        tree.process_started(4_100_000, 1, "x", &["x"], 500);
        assert_eq!(find(&tree, &mut finder), Ok(vec![4_100_000]));
    }

    #[test]
    fn a_number_that_was_there_has_ended() {
        let tree = Tree::new();
        let mut finder = Finder::new(Selector::Pid(10), &Tasks::default());
        let mut said = || {
            let proc = tree.proc();
            finder.find(&Look::new(&proc)).map_err(|it| it.problem)
        };
        assert!(said().unwrap_err().contains("share the pid namespace"));
        tree.process(10, 1, "x", &["x"]);
        assert_eq!(said(), Ok([10].into()));
        tree.used((10, 1), 'Z', 100, (0, 0));
        // The tree's processes have two threads.
        assert!(said().unwrap_err().contains("the first thread"));
        let stat = "10 (x) Z 1 1 1 0 -1 0 5 0 3 0 250 50 0 0 20 0 1 0 100 1 1";
        tree.write("proc/10/stat", stat);
        assert_eq!(said(), Err("process 10 has ended".to_owned()));
        tree.end(10);
        assert_eq!(said(), Err("process 10 has ended".to_owned()));
    }

    #[test]
    fn a_thread_is_no_process() {
        let tree = Tree::new();
        let said = |pid| {
            let proc = tree.proc();
            let found = Finder::new(Selector::Pid(pid), &Tasks::default()).find(&Look::new(&proc));
            found.map_err(|error| error.problem)
        };
        tree.process(10, 1, "x", &["x"]);
        tree.write("proc/10/status", "Name:\tx\nTgid:\t10\nPid:\t10\n");
        assert_eq!(said(10), Ok([10].into()));
        tree.process(11, 1, "x", &["x"]);
        tree.write("proc/11/status", "Name:\tx\nTgid:\t10\nPid:\t11\n");
        assert!(said(11).unwrap_err().contains("a thread of process 10"));
        let stat = "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0";
        tree.write("proc/2/stat", stat);
        assert!(said(2).unwrap_err().contains("a thread of the kernel"));
    }

    #[test]
    fn a_pid_file_is_read_each_time() {
        let tree = Tree::new();
        let path = tree.write("run/x.pid", "7\n");
        let mut finder = Finder::new(Selector::PidFile(path.clone()), &Tasks::default());
        tree.process(8, 1, "x", &["x"]);
        assert_eq!(find(&tree, &mut finder), Err(ReadFailure::NotFound));
        tree.write("run/x.pid", " 8 \nmore");
        assert_eq!(find(&tree, &mut finder), Ok(vec![8]));
        for bad in ["", "x", "-8", "0", "99999999999", &"8".repeat(200)] {
            tree.write("run/x.pid", bad);
            let found = find(&tree, &mut finder);
            assert_eq!(found, Err(ReadFailure::Malformed), "{bad:?}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(find(&tree, &mut finder), Err(ReadFailure::NotFound));
        std::fs::create_dir(&path).unwrap();
        assert_eq!(find(&tree, &mut finder), Err(ReadFailure::Malformed));
    }

    #[test]
    fn groups_and_units_mean_the_trees_inside_them() {
        let tree = Tree::new();
        let unit = "cgroup/system.slice/bird.service";
        tree.write(&format!("{unit}/cgroup.procs"), "10\n11\n12\n99\n");
        tree.process(10, 1, "x", &["x"]);
        tree.process(11, 10, "y", &["y"]);
        tree.process(12, 1, "z", &["z"]);
        let by_unit = Selector::Unit("bird.service".to_owned());
        assert_eq!(once(&tree, by_unit.clone()), Ok(vec![10, 12]));
        let by_path = Selector::Cgroup("system.slice/bird.service".to_owned());
        assert_eq!(once(&tree, by_path), Ok(vec![10, 12]));
        tree.write(&format!("{unit}/cgroup.procs"), "");
        assert_eq!(once(&tree, by_unit), Err(ReadFailure::NotFound));
        let gone = Selector::Unit("bee.service".to_owned());
        assert_eq!(once(&tree, gone), Err(ReadFailure::NotFound));
    }

    #[test]
    fn what_is_not_there_may_be_hidden() {
        let tree = Tree::new();
        let root = tree.proc().root().display().to_string();
        let mount = format!("30 1 0:30 / {root} rw - proc proc rw,hidepid=2\n");
        tree.write("proc/self/mountinfo", &mount);
        assert_eq!(once(&tree, command("x")), Err(ReadFailure::Hidden));
        // This process exists, and the tree does not show it.
        let me = Selector::Pid(std::process::id());
        assert_eq!(once(&tree, me), Err(ReadFailure::Hidden));
        assert_eq!(
            once(&tree, Selector::Pid(4_100_000)),
            Err(ReadFailure::NotFound)
        );
    }
}
