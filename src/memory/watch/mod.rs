//! Watching: this process and those of the configuration, read and judged on a thread of
//! their own.

mod judgement;
mod members;
mod metrics;
mod own;
mod past;
mod pulse;
mod rollups;
mod sampler;
mod status;
mod surroundings;
mod target;
mod usage;
mod whose;

use std::{io, sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot, watch};

pub(super) use self::members::{Held, Members};
use self::{
    own::Own,
    pulse::Pulse,
    rollups::Rollups,
    sampler::Sampler,
    status::{Glimpse, Subject},
};
pub use self::{
    own::OwnFigures,
    past::{Moment, Past},
    status::{Analysis, Kinds, ProcessStatus, Reading, Totals},
};
use super::MemoryOptions;
use crate::{
    id::ProcessName,
    metrics::Roster,
    net::Dialler,
    shutdown::{TaskKind, Tasks},
};

/// The most processes that may be watched.
pub const MAX_WATCHES: usize = 64;

/// The longest time between two looks whether a process is there; samples may be rarer.
const LOOK: Duration = Duration::from_secs(5);

/// Orders that may wait.
const ORDERS: usize = 4;

/// What the configuration says, and how often it has said something.
type Wanted = (u64, MemoryOptions);

/// Everybody whose memory is watched.
#[derive(Debug)]
pub struct Memory {
    roster: Roster<ProcessName, Subject>,
    /// No queue: however late the thread comes to it, it finds what was said last.
    wanted: watch::Sender<Wanted>,
    /// The number of what is in force.
    applied: watch::Receiver<u64>,
    orders: mpsc::Sender<Order>,
    pulse: Arc<Pulse>,
    rollups: Rollups,
}

/// What the thread is asked to do.
enum Order {
    Analyze(Option<ProcessName>, oneshot::Sender<Vec<Glimpse>>),
    Baseline(Option<ProcessName>, oneshot::Sender<usize>),
}

/// The thread is not there, because the program stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("memory is not watched any more: the program stops")]
pub struct Stopped;

impl Memory {
    /// Starts the thread, which ends with `tasks` and watches this process by the defaults
    /// until [`Self::apply`] says more. `own` tells what only this process knows of itself;
    /// it is asked at every sample and must not wait.
    ///
    /// # Errors
    /// When the system gives no thread or runtime.
    pub fn start(
        tasks: &Tasks,
        own: impl Fn() -> OwnFigures + Send + 'static,
    ) -> io::Result<Arc<Self>> {
        let (orders, asked) = mpsc::channel(ORDERS);
        let (wanted, say) = watch::channel(Wanted::default());
        let (done, applied) = watch::channel(0);
        let roster = Roster::default();
        let sampler = Sampler::new(tasks, roster.clone(), Own::new(own));
        // What the memory of a recorder costs to read is small, but it blocks; and to ask it
        // over HTTP needs a runtime.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let group = tasks.clone();
        let pulse = Arc::new(Pulse::new());
        let beating = Arc::clone(&pulse);
        tasks.thread(TaskKind::Memory, "memory", move || {
            let dialler = Dialler::new(&group);
            runtime.block_on(sampler::run(
                sampler,
                dialler,
                group,
                (say, done),
                asked,
                beating,
            ));
            runtime.shutdown_background();
        })?;
        Ok(Arc::new(Self {
            roster,
            wanted,
            applied,
            orders,
            pulse,
            rollups: Rollups::new(tasks),
        }))
    }

    /// Watches what the options say. Who was watched by equal options keeps its history. Done
    /// when the series are there.
    ///
    /// # Errors
    /// [`Stopped`]. Cancellation safe: who does not wait any longer has said it all the same; of
    /// several calls the last one holds.
    pub async fn apply(&self, options: MemoryOptions) -> Result<(), Stopped> {
        let mut mine = 0;
        self.wanted.send_modify(|(number, wanted)| {
            *number += 1;
            (mine, *wanted) = (*number, options);
        });
        let mut applied = self.applied.clone();
        let done = applied.wait_for(|number| *number >= mine).await;
        done.map(|_| ()).map_err(|_| Stopped)
    }

    /// Reads and judges one process or all of them now, with the figures that are too dear to be
    /// read each time. Adds no sample.
    ///
    /// # Errors
    /// [`Stopped`]. Cancellation safe: nothing is changed.
    pub async fn analyze(&self, which: Option<ProcessName>) -> Result<Vec<Analysis>, Stopped> {
        let glimpses = self.order(|reply| Order::Analyze(which, reply)).await?;
        self.rollups.of(glimpses).await.ok_or(Stopped)
    }

    /// How long nobody was looked at, where that is longer than it should be: the thread hangs in
    /// a file system that does not answer, or gets no CPU.
    pub fn overdue(&self) -> Option<Duration> {
        self.pulse.overdue()
    }

    /// How long ago everybody was last looked at.
    pub fn since_last_look(&self) -> Duration {
        self.pulse.age()
    }

    /// Takes what one process or all of them hold now for the baseline; how many that were.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn set_baseline(&self, which: Option<ProcessName>) -> Result<usize, Stopped> {
        self.order(|reply| Order::Baseline(which, reply)).await
    }

    async fn order<T>(
        &self,
        order: impl FnOnce(oneshot::Sender<T>) -> Order,
    ) -> Result<T, Stopped> {
        let (reply, answer) = oneshot::channel();
        let sent = self.orders.send(order(reply)).await;
        sent.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }

    /// Everybody as last read, in order of names.
    pub fn processes(&self) -> Vec<Arc<ProcessStatus>> {
        let members = self.roster.members();
        members
            .iter()
            .map(|(_, subject)| subject.status())
            .collect()
    }

    /// What a process held before; `None` for one that is not watched.
    pub fn past(&self, name: &ProcessName) -> Option<Past> {
        Some(self.roster.get(name)?.past())
    }
}

#[cfg(test)]
mod tests;
