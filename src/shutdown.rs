//! Task tracking and cancellation: the only place that spawns.
//!
//! Every task and thread is spawned through [`Tasks`], so that a drain can wait for all
//! of them and a panic is counted, never swallowed.

use std::{
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::FutureExt as _;
use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::closed_set::closed_set;

closed_set! {
    /// What a task is for: the label of its panic counter.
    pub enum TaskKind {
        /// One source's supervisor.
        Supervisor => "supervisor",
        /// One session of a source: connecting, decoding, buffering.
        Session => "session",
        /// The analysis of one source's signal.
        Analysis => "analysis",
        /// The loopback relay of one RTSP session.
        Relay => "relay",
        /// A container's demultiplexer and decoder thread.
        Container => "container",
        /// The thread that opens an audio device and holds it.
        Device => "device",
        /// A name lookup.
        Lookup => "lookup",
        /// A one-off probe.
        Probe => "probe",
        /// The clock that publishes the snapshot and the heartbeat.
        Heartbeat => "heartbeat",
        /// The thread that takes a profile.
        Profile => "profile",
        /// One HTTP connection or the HTTP thread.
        Http => "http",
        /// The thread that reads processes' memory, and what it asks over HTTP.
        Memory => "memory",
        /// The threads that write and read the history.
        History => "history",
        /// What decides about alarms, and what tells others of them.
        Alarms => "alarms",
        /// The demo's RTSP server.
        Demo => "demo",
    }
}

/// Spawns tasks that belong together and stops them together. Clones share the group.
#[derive(Clone, Debug)]
pub struct Tasks {
    tracker: TaskTracker,
    token: CancellationToken,
    panics: PerKind,
    running: PerKind,
}

/// A number for each kind of task.
type PerKind = Arc<[AtomicU64; TaskKind::COUNT]>;

/// A task or thread that runs; it is counted down however it ends.
struct Running(PerKind, TaskKind);

impl Default for Tasks {
    fn default() -> Self {
        Self {
            tracker: TaskTracker::new(),
            token: CancellationToken::new(),
            panics: Arc::new(std::array::from_fn(|_| AtomicU64::new(0))),
            running: Arc::new(std::array::from_fn(|_| AtomicU64::new(0))),
        }
    }
}

impl Tasks {
    /// A group of its own that is cancelled with this one, counts its panics here, and
    /// can be cancelled and drained alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            tracker: TaskTracker::new(),
            token: self.token.child_token(),
            panics: Arc::clone(&self.panics),
            running: Arc::clone(&self.running),
        }
    }

    /// Spawns a task on the current runtime. A panic is logged and counted; the handle
    /// then yields `None`.
    pub fn spawn<F>(&self, kind: TaskKind, task: F) -> JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let group = self.clone();
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the tracked way to spawn"
        )]
        tokio::spawn(
            self.tracker
                .track_future(async move { group.contain(kind, task).await }),
        )
    }

    /// Runs a future in place. A panic is logged and counted, and yields `None`: the
    /// caller decides how to go on.
    pub async fn contain<F: Future>(&self, kind: TaskKind, task: F) -> Option<F::Output> {
        let _until_the_end = self.begin(kind);
        let output = std::panic::AssertUnwindSafe(task).catch_unwind().await;
        if output.is_err() {
            note_panic(&self.panics, kind);
        }
        output.ok()
    }

    /// Starts a named thread that the drain waits for. It must watch [`Self::is_cancelled`]
    /// or end when its channel closes.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn thread<F>(&self, kind: TaskKind, name: &str, body: F) -> io::Result<()>
    where
        F: FnOnce() + Send + 'static,
    {
        let token = self.tracker.token();
        let panics = Arc::clone(&self.panics);
        let running = self.begin(kind);
        // The kernel keeps 15 bytes of a thread's name.
        let name: String = name.chars().take(15).collect();
        std::thread::Builder::new().name(name).spawn(move || {
            // In this order: who waits for the end finds nothing running.
            let _held_until_the_end = (running, token);
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).is_err() {
                note_panic(&panics, kind);
            }
        })?;
        Ok(())
    }

    /// Asks every task of this group and its children to stop.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// Whether [`Self::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Completes when the group is cancelled. Cancellation safe.
    pub async fn cancelled(&self) {
        self.token.cancelled().await;
    }

    /// Cancels the group and waits for its own tasks (not its children's), at most
    /// `deadline`. True when all ended.
    pub async fn drain(&self, deadline: Duration) -> bool {
        self.token.cancel();
        self.tracker.close();
        tokio::time::timeout(deadline, self.tracker.wait())
            .await
            .is_ok()
    }

    /// How many tasks and threads of this group are running.
    pub fn running(&self) -> usize {
        self.tracker.len()
    }

    /// How many tasks and threads of a kind are running, of all groups that descend from the
    /// same one.
    pub fn running_of(&self, kind: TaskKind) -> u64 {
        self.running[kind.index()].load(Relaxed)
    }

    fn begin(&self, kind: TaskKind) -> Running {
        self.running[kind.index()].fetch_add(1, Relaxed);
        Running(Arc::clone(&self.running), kind)
    }

    /// Panics so far, per kind of task.
    pub fn panics(&self) -> impl Iterator<Item = (TaskKind, u64)> + '_ {
        TaskKind::ALL
            .iter()
            .map(|kind| (*kind, self.panics[kind.index()].load(Relaxed)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0[self.1.index()].fetch_sub(1, Relaxed);
    }
}

fn note_panic(panics: &[AtomicU64; TaskKind::COUNT], kind: TaskKind) {
    panics[kind.index()].fetch_add(1, Relaxed);
    tracing::error!(
        task = kind.as_str(),
        "a task panicked; this is a bug, please report it"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_counted_and_the_rest_goes_on() {
        let tasks = Tasks::default();
        let lost = tasks.spawn(TaskKind::Supervisor, async { panic!("on purpose") });
        let kept = tasks.spawn(TaskKind::Supervisor, async { 7 });
        assert!(lost.await.unwrap().is_none());
        assert_eq!(kept.await.unwrap(), Some(7));
        let counted: u64 = tasks.panics().map(|(_, count)| count).sum();
        assert_eq!(counted, 1);
        assert_eq!(tasks.running_of(TaskKind::Supervisor), 0);
    }

    #[tokio::test]
    async fn a_drain_waits_for_tasks_and_threads_and_says_when_it_could_not() {
        let tasks = Tasks::default();
        let inner = tasks.clone();
        tasks.spawn(TaskKind::Supervisor, async move { inner.cancelled().await });
        let (release, wait) = std::sync::mpsc::channel::<()>();
        tasks
            .thread(TaskKind::Container, "waits", move || {
                assert!(wait.recv().is_err());
            })
            .unwrap();
        assert!(
            !tasks.drain(Duration::from_millis(20)).await,
            "the thread still runs"
        );
        assert_eq!(tasks.child().running_of(TaskKind::Container), 1);
        drop(release);
        assert!(tasks.drain(Duration::from_secs(10)).await);
        assert_eq!(tasks.running(), 0);
        assert_eq!(tasks.running_of(TaskKind::Container), 0);
    }
}
