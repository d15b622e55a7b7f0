//! A child process that ends with the test.

use std::{
    process::{Child, ChildStderr, Command, ExitStatus},
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use super::{PATIENCE, Stopwatch, lines_of};

#[derive(Default)]
struct Lines {
    seen: Mutex<Vec<String>>,
    more: Condvar,
}

/// A running child; dropping it kills it.
pub struct Running {
    child: Child,
    lines: Arc<Lines>,
    /// Kept open, never read.
    _unread: Option<ChildStderr>,
}

impl Running {
    pub fn start(command: &mut Command) -> Self {
        Self::spawn(command, true)
    }

    /// Like [`Self::start`], but what it writes to its standard error is never read.
    pub fn start_unread(command: &mut Command) -> Self {
        Self::spawn(command, false)
    }

    fn spawn(command: &mut Command, read_errors: bool) -> Self {
        let mut child = command.spawn().unwrap_or_else(|error| {
            panic!("{command:?} does not start: {error}; see scripts/test")
        });
        let lines = Arc::new(Lines::default());
        let sink = |lines: &Arc<Lines>| {
            let lines = Arc::clone(lines);
            move |line| {
                lines.seen.lock().unwrap().push(line);
                lines.more.notify_all();
            }
        };
        lines_of(child.stdout.take().unwrap(), sink(&lines));
        let mut unread = child.stderr.take();
        if read_errors {
            lines_of(unread.take().unwrap(), sink(&lines));
        }
        Self {
            child,
            lines,
            _unread: unread,
        }
    }

    /// Waits for a line of its output that says something.
    #[track_caller]
    pub fn wait_for_line<T>(&mut self, mut find: impl FnMut(&str) -> Option<T>) -> T {
        let watch = Stopwatch::start();
        let mut lines = self.lines.seen.lock().unwrap();
        let mut looked_at = 0;
        loop {
            if let Some(found) = lines[looked_at..].iter().find_map(|line| find(line)) {
                return found;
            }
            looked_at = lines.len();
            let late = watch.elapsed() >= PATIENCE;
            assert!(!late, "not said in time:\n{}", lines.join("\n"));
            let step = Duration::from_millis(200);
            lines = self.lines.more.wait_timeout(lines, step).unwrap().0;
            if lines.len() == looked_at
                && let Some(status) = self.child.try_wait().unwrap()
            {
                panic!("ended with {status}:\n{}", lines.join("\n"));
            }
        }
    }

    /// Waits until something outside of it holds.
    #[track_caller]
    pub fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let watch = Stopwatch::start();
        while !holds() {
            let late = watch.elapsed() >= PATIENCE;
            assert!(!late, "not in time: {what}\n{}", self.output());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Everything it has written so far.
    pub fn output(&self) -> String {
        self.lines.seen.lock().unwrap().join("\n")
    }

    /// Its standard input, where that was piped.
    pub fn stdin(&mut self) -> std::process::ChildStdin {
        self.child.stdin.take().unwrap()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        super::run("kill", &[&format!("-{name}"), &self.id().to_string()], "");
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for the end.
    #[track_caller]
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let watch = Stopwatch::start();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                watch.elapsed() < limit,
                "did not end within {limit:?}:\n{}",
                self.output()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// How many of its threads wait for something; none while another does not.
    pub fn sleeping_threads(&self) -> usize {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.id()));
        let mut waiting = 0;
        for task in tasks.into_iter().flatten().flatten() {
            match std::fs::read_to_string(task.path().join("stat")) {
                Ok(stat) if stat.rsplit(") ").next().unwrap().starts_with('S') => waiting += 1,
                _ => return 0,
            }
        }
        waiting
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> u64 {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.id())).unwrap();
        let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
        pages * 4096
    }

    /// Processor time used so far, in seconds.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
        // A tick is 10 ms to user space, on every kernel.
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Threads.
    pub fn threads(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/task", self.id()))
            .unwrap()
            .count()
    }

    /// Open descriptors.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.id()))
            .unwrap()
            .count()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
