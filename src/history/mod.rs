//! What was: samples, verdicts, alarms, allocations and operations, kept in a file of `SQLite`'s.
//!
//! One thread writes, in batches, and nobody waits for it: a [`Recorder`] hands a record over or
//! counts it as lost. Another reads for those who ask, on a connection of its own. Without a
//! configured path there is no file, and what is recorded goes nowhere.
//!
//! Sequence is the order of recording; time is the wall clock's, which people set: rows are
//! numbered in the one and dated by the other. `docs/history.md` tells what that means when the
//! clock is set back.

mod cell;
mod error;
mod insert;
mod kind;
mod metrics;
mod open;
mod options;
mod read;
mod record;
mod retention;
mod schema;
mod state;
#[cfg(test)]
mod tests;
mod work;
mod writer;

use std::{
    io,
    sync::{
        Arc,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::{Duration, SystemTime},
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};

pub use self::{
    cell::Cell,
    error::OpenError,
    kind::Kind,
    options::{HistoryOptions, Pace, Retain},
    read::{Cursor, MOST_ROWS, Page, Query, ReadError, Shape},
    record::{
        AlarmRecord, AllocationRecord, ConsumerSample, MemorySample, Operation, Record,
        SourceSample, VerdictRecord,
    },
    state::{HistoryState, HistoryStatus, WriteFailure},
};
use self::{state::Shared, writer::Writer};
use crate::shutdown::{TaskKind, Tasks};

/// Records on their way to the thread, at most.
const QUEUE: usize = 8_192;
/// Questions that wait, at most.
const QUESTIONS: usize = 8;

/// The history, whether or not one is kept.
#[derive(Debug)]
pub struct History {
    shared: Arc<Shared>,
    recorder: Recorder,
    options: watch::Sender<Option<HistoryOptions>>,
    questions: mpsc::Sender<Question>,
    /// How long an answer may take.
    patience: Duration,
}

/// Where records are handed over. Clones share the queue.
#[derive(Clone, Debug)]
pub struct Recorder {
    /// Whether a history is configured.
    on: Arc<AtomicBool>,
    queue: mpsc::Sender<Record>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Question {
    query: Query,
    reply: oneshot::Sender<Result<Page, ReadError>>,
}

impl History {
    /// Starts the threads, which end with `tasks`. No history is kept until
    /// [`Self::configure`] names a file.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(tasks: &Tasks, pace: Pace) -> io::Result<Arc<Self>> {
        let shared = Arc::new(Shared::new(pace.unanswered));
        let (queue, records) = mpsc::channel(QUEUE);
        let (options, configured) = watch::channel(None);
        let (questions, asked) = mpsc::channel(QUESTIONS);
        let runtime = || {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.enable_time().build()
        };
        let writer = Writer::new(Arc::clone(&shared), pace);
        let (group, clock) = (tasks.clone(), runtime()?);
        tasks.thread(TaskKind::History, "history", move || {
            clock.block_on(writer::run(writer, group, records, configured));
        })?;
        let (group, clock) = (tasks.clone(), runtime()?);
        let state = Arc::clone(&shared);
        tasks.thread(TaskKind::History, "history-read", move || {
            clock.block_on(answer(&state, group, asked));
        })?;
        let recorder = Recorder {
            on: Arc::default(),
            queue,
            shared: Arc::clone(&shared),
        };
        Ok(Arc::new(Self {
            shared,
            recorder,
            options,
            questions,
            patience: pace.unanswered,
        }))
    }

    /// From now on history is kept as the configuration says; `None`: not at all. A file that
    /// cannot be used is no error here: [`Self::status`] and the log say it, and it is tried
    /// again later.
    pub fn configure(&self, options: Option<HistoryOptions>) {
        let on = options.is_some();
        // The thread knows of a file before it is given anything for it.
        if !on {
            self.recorder.on.store(false, Release);
        }
        self.options.send_if_modified(|before| {
            let changed = *before != options;
            *before = options;
            changed
        });
        if on {
            self.recorder.on.store(true, Release);
        }
    }

    /// Where records are handed over.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// How it fares.
    pub fn status(&self) -> HistoryStatus {
        self.shared.status()
    }

    /// Reads the past, on the reader's thread. What was recorded in the last [`Pace::gather`] may
    /// be missing. Ends after [`Pace::unanswered`] at the latest. Cancellation safe.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn read(&self, query: Query) -> Result<Page, ReadError> {
        if self.shared.reading.hangs() {
            return Err(ReadError::Unanswered);
        }
        let (reply, answer) = oneshot::channel();
        let question = Question { query, reply };
        self.questions
            .try_send(question)
            .map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(_) => ReadError::Busy,
                mpsc::error::TrySendError::Closed(_) => ReadError::Stopped,
            })?;
        match timeout(self.patience, answer).await {
            Ok(answer) => answer.unwrap_or(Err(ReadError::Stopped)),
            Err(_) => Err(ReadError::Unanswered),
        }
    }
}

impl Recorder {
    /// Whether what is recorded is kept.
    pub fn is_on(&self) -> bool {
        self.on.load(Acquire)
    }

    /// Hands a record over. Never waits: where the thread is too far behind, the record is
    /// counted as lost.
    pub fn record(&self, record: impl Into<Record>) {
        if self.is_on() && self.queue.try_send(record.into()).is_err() {
            self.shared.lost.fetch_add(1, Relaxed);
        }
    }

    /// Records what the program did, or refused to do, and how that went.
    pub fn did(&self, operation: &'static str, outcome: Result<&str, &str>) {
        let (outcome, words) = match outcome {
            Ok(words) => ("done", words),
            Err(words) => ("refused", words),
        };
        self.record(Operation {
            at: SystemTime::now(),
            operation,
            outcome,
            words: words.to_owned(),
        });
    }
}

/// The reader's thread.
async fn answer(shared: &Shared, tasks: Tasks, mut questions: mpsc::Receiver<Question>) {
    loop {
        let question = tokio::select! {
            () = tasks.cancelled() => return,
            question = questions.recv() => match question {
                Some(question) => question,
                None => return,
            },
        };
        if question.reply.is_closed() {
            continue;
        }
        let took = shared.reading.time(|| {
            let answer = read_for(shared, &question.query);
            // Who has gone needs no answer.
            let _sent = question.reply.send(answer);
        });
        if let Some(took) = took {
            tracing::error!(
                seconds = took.as_secs(),
                "the disk of the history did not answer who reads for so long"
            );
        }
    }
}

fn read_for(shared: &Shared, query: &Query) -> Result<Page, ReadError> {
    let condition = shared.condition().clone();
    match (condition.state, condition.path) {
        (HistoryState::Off, _) => Err(ReadError::Off),
        (_, Some(path)) => read::read(&path, query).inspect_err(|error| {
            if let ReadError::Unavailable(problem) = error {
                tracing::warn!("{problem}");
                // Who writes looks whether the file is still there.
                shared.doubt.notify_one();
            }
        }),
        (_, None) => {
            let problem = condition.problem;
            Err(ReadError::Unavailable(problem.unwrap_or_else(|| {
                "the history is being opened".to_owned()
            })))
        }
    }
}
