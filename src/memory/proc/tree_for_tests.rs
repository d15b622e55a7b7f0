//! A `/proc` and a `/sys/fs/cgroup` of a test's own.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

use super::Proc;

/// A directory that goes away with the value.
pub(in crate::memory) struct Tree(PathBuf, AtomicU64);

impl Tree {
    pub(in crate::memory) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Relaxed);
        let root =
            std::env::temp_dir().join(format!("memory-tree-{}-{number}", std::process::id()));
        for folder in ["proc", "cgroup"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        Self(root, AtomicU64::new(0))
    }

    pub(in crate::memory) fn proc(&self) -> Proc {
        Proc {
            now: Some(self.1.load(Relaxed)),
            ..Proc::at(self.0.join("proc"), self.0.join("cgroup"))
        }
    }

    /// Sets the time, in ticks after the machine's start; 0 at first.
    pub(in crate::memory) fn now(&self, ticks: u64) {
        self.1.store(ticks, Relaxed);
    }

    pub(in crate::memory) fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// A process that started at tick 100.
    pub(in crate::memory) fn process(&self, pid: u32, parent: u32, comm: &str, args: &[&str]) {
        self.process_started(pid, parent, comm, args, 100);
    }

    pub(in crate::memory) fn process_started(
        &self,
        pid: u32,
        parent: u32,
        comm: &str,
        args: &[&str],
        started: u64,
    ) {
        let stat = format!(
            "{pid} ({comm}) S {parent} 1 1 0 -1 0 5 0 3 0 250 50 0 0 20 0 2 0 {started} 1 1"
        );
        self.write(&format!("proc/{pid}/stat"), &stat);
        let line: String = args.iter().map(|arg| format!("{arg}\0")).collect();
        self.write(&format!("proc/{pid}/cmdline"), &line);
        self.resident(pid, 100);
    }

    /// Sets CPU ticks, and what its children had used that ended: `state` is `S` or `Z`.
    pub(in crate::memory) fn used(
        &self,
        (pid, parent): (u32, u32),
        state: char,
        started: u64,
        (used, waited): (u64, u64),
    ) {
        let stat = format!(
            "{pid} (x) {state} {parent} 1 1 0 -1 0 {used} {waited} {used} {waited} {used} 0 \
             {waited} 0 20 0 2 0 {started} 1 1"
        );
        self.write(&format!("proc/{pid}/stat"), &stat);
        self.resident(pid, if state == 'Z' { 0 } else { 100 });
    }

    /// Sets how many pages a process has in RAM.
    pub(in crate::memory) fn resident(&self, pid: u32, pages: u64) {
        self.write(
            &format!("proc/{pid}/statm"),
            &format!("9999 {pages} 7 1 0 5 0\n"),
        );
    }

    /// Sets how many descriptors a process has open: the size of its `fd`, as the kernel tells it.
    pub(in crate::memory) fn descriptors(&self, pid: u32, open: u64) {
        self.write(&format!("proc/{pid}/fd"), &"x".repeat(open as usize));
    }

    /// Ends a process.
    pub(in crate::memory) fn end(&self, pid: u32) {
        // What somebody holds open of it must fail like the kernel's, or at least be empty.
        self.write(&format!("proc/{pid}/statm"), "0 0 0 0 0 0 0\n");
        fs::remove_dir_all(self.0.join(format!("proc/{pid}"))).unwrap();
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _best_effort = fs::remove_dir_all(&self.0);
    }
}
