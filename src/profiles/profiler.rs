//! Taking profiles, one at a time, on a thread of its own.

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch},
    time::sleep,
};

use super::{ProfileError, ProfileKind, StoreOptions, cpu, heap, jemalloc, store};
use crate::shutdown::{TaskKind, Tasks};

/// The longest that CPU time may be sampled.
pub const LONGEST: Duration = Duration::from_secs(60);

/// Which profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Of the heap as it is.
    Heap,
    /// Of the CPU time from now on, for so long, at most [`LONGEST`].
    Cpu(Duration),
}

/// Takes profiles of this process.
pub struct Profiler {
    tasks: Tasks,
    turn: Arc<Semaphore>,
    options: watch::Sender<Option<StoreOptions>>,
    /// Samples of what is allocated were asked for, whatever the configuration says.
    by_hand: AtomicBool,
    pub(super) written: [AtomicU64; ProfileKind::COUNT],
    pub(super) failures: [AtomicU64; ProfileKind::COUNT],
}

impl Wanted {
    fn kind(self) -> ProfileKind {
        match self {
            Self::Heap => ProfileKind::Heap,
            Self::Cpu(_) => ProfileKind::Cpu,
        }
    }
}

impl Profiler {
    /// One that writes nothing until it is configured. Its threads end with `tasks`.
    #[must_use]
    pub fn new(tasks: &Tasks) -> Arc<Self> {
        Arc::new(Self {
            tasks: tasks.clone(),
            turn: Arc::new(Semaphore::new(1)),
            options: watch::Sender::new(None),
            // The environment may have asked.
            by_hand: AtomicBool::new(jemalloc::samples().unwrap_or(false)),
            written: Default::default(),
            failures: Default::default(),
        })
    }

    /// Switches the samples of what is allocated on or off. Off, they cost next to nothing; what
    /// was allocated meanwhile is in no heap profile, and none is written periodically. On, they
    /// stay so until this switches them off; off, until this or [`Self::configure`] switches them on.
    ///
    /// # Errors
    /// [`ProfileError`] where the allocator has no profiler.
    pub fn sample_heap(&self, on: bool) -> Result<(), ProfileError> {
        switch(on)?;
        self.by_hand.store(on, Relaxed);
        Ok(())
    }

    /// From now on profiles are written where and as often as the configuration says; not at all
    /// without a directory. With one, the samples of what is allocated are switched on; when it is
    /// taken away they end, unless somebody has asked for them by [`Self::sample_heap`].
    pub fn configure(&self, options: Option<StoreOptions>) {
        let ends = options.is_none() && self.options.borrow().is_some();
        let switched = match (&options, jemalloc::samples()) {
            (Some(_), Ok(false)) => switch(true),
            (Some(_), Err(error)) => Err(error),
            (None, Ok(true)) if ends && !self.by_hand.load(Relaxed) => switch(false),
            _ => Ok(()),
        };
        if let Err(error) = switched {
            tracing::warn!(%error, "there will be no heap profiles");
        }
        self.options.send_if_modified(|before| {
            let changed = *before != options;
            *before = options;
            changed
        });
    }

    /// Takes a profile: `profile.proto`, gzipped.
    ///
    /// Cancellation safe: dropping the future ends the sampling soon after.
    ///
    /// # Errors
    /// [`ProfileError`]; [`ProfileError::Busy`] while another is taken.
    pub async fn take(&self, wanted: Wanted) -> Result<Vec<u8>, ProfileError> {
        self.on_thread(self.turn()?, wanted, Ok).await
    }

    /// Only one is taken at a time; who asks is told so, and asks again.
    fn turn(&self) -> Result<OwnedSemaphorePermit, ProfileError> {
        let turn = Arc::clone(&self.turn).try_acquire_owned();
        turn.map_err(|_| ProfileError::Busy)
    }

    /// Takes a profile and writes it into the directory: its path.
    ///
    /// # Errors
    /// [`ProfileError`]; it is counted, and in the log. [`ProfileError::Busy`] while another is
    /// taken: nothing has failed then, and nothing is counted.
    pub async fn write(&self, wanted: Wanted) -> Result<PathBuf, ProfileError> {
        let options = self.options.borrow().clone();
        let options = options.ok_or(ProfileError::NoDirectory)?;
        self.write_into(options, self.turn()?, wanted).await
    }

    async fn write_into(
        &self,
        options: StoreOptions,
        turn: OwnedSemaphorePermit,
        wanted: Wanted,
    ) -> Result<PathBuf, ProfileError> {
        let kind = wanted.kind();
        let save = move |profile: Vec<u8>| {
            let now = SystemTime::now();
            let path = store::write(&options, kind, now, &profile)?;
            // The profile is there: who asked for it has it, and only the log tells of the rest.
            if let Err(error) = store::retain(&options, &path, now) {
                tracing::warn!(%error, "old profiles that should be removed stay: check the \
                    permissions of the files in `profiles.directory`");
            }
            Ok(path)
        };
        let written = self.on_thread(turn, wanted, save).await;
        match &written {
            Ok(path) => {
                self.written[kind.index()].fetch_add(1, Relaxed);
                tracing::info!(profile = kind.as_str(), path = %path.display(), "a profile was written");
            }
            Err(error) => {
                self.failures[kind.index()].fetch_add(1, Relaxed);
                tracing::warn!(profile = kind.as_str(), %error, "no profile was written");
            }
        }
        written
    }

    async fn on_thread<T: Send + 'static>(
        &self,
        turn: OwnedSemaphorePermit,
        wanted: Wanted,
        then: impl FnOnce(Vec<u8>) -> Result<T, ProfileError> + Send + 'static,
    ) -> Result<T, ProfileError> {
        let (reply, answer) = oneshot::channel();
        let tasks = self.tasks.clone();
        self.tasks.thread(TaskKind::Profile, "profile", move || {
            let gone = || reply.is_closed() || tasks.is_cancelled();
            let profile = match wanted {
                Wanted::Heap => heap::take(),
                Wanted::Cpu(duration) => cpu::take(duration.min(LONGEST), &gone),
            };
            let done = profile.and_then(then);
            jemalloc::give_back();
            // Before the answer: who has it may ask for the next.
            drop(turn);
            // Who asked may have gone.
            let _told = reply.send(done);
        })?;
        answer.await.map_err(|_| ProfileError::Stopping)?
    }

    /// Writes a heap profile as often as the configuration says, until the program stops. One that
    /// falls due while another is taken waits for that. While the samples are switched off by hand
    /// there is nothing to write, and that is no failure.
    pub async fn write_periodically(self: Arc<Self>) {
        let mut options = self.options.subscribe();
        loop {
            let configured = options.borrow_and_update().clone();
            let due = async {
                let Some(configured) = configured else {
                    return std::future::pending().await;
                };
                sleep(configured.every).await;
                let turn = Arc::clone(&self.turn).acquire_owned().await;
                (configured, turn)
            };
            tokio::select! {
                () = self.tasks.cancelled() => return,
                // The sender is our own and lives.
                _ = options.changed() => {}
                (configured, turn) = due => {
                    // Nobody closes the semaphore.
                    let Ok(turn) = turn else { return };
                    if matches!(jemalloc::samples(), Ok(false)) {
                        continue;
                    }
                    // It is counted and in the log; the next one may succeed.
                    let _noted = self.write_into(configured, turn, Wanted::Heap).await;
                }
            }
        }
    }
}

fn switch(on: bool) -> Result<(), ProfileError> {
    jemalloc::sample(on)?;
    tracing::info!(on, "the samples of what is allocated were switched");
    Ok(())
}

impl fmt::Debug for Profiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Profiler({:?})", *self.options.borrow())
    }
}
