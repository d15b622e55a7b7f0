//! The thread that writes.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant, SystemTime},
};

use tokio::{
    sync::{mpsc, watch},
    time::sleep_until,
};

use super::{
    HistoryOptions, HistoryState, Pace, Record, WriteFailure,
    error::{OpenError, is_broken_file},
    insert::{self, Names},
    open::{self, Opened},
    retention,
    state::{Condition, Shared},
};
use crate::shutdown::Tasks;

/// Records that wait, at most, while the file cannot be written: some megabytes. Then the oldest
/// are lost.
const WAITING: usize = 8_192;
/// So many are written at once, also before their time.
const BATCH: usize = 2_048;

/// What the thread knows.
pub(super) struct Writer {
    shared: Arc<Shared>,
    pace: Pace,
    options: Option<HistoryOptions>,
    file: Option<Opened>,
    names: Names,
    waiting: VecDeque<Record>,
    /// When the first of those that wait came.
    since: Option<Instant>,
    /// Failures in a row, and when the next attempt is due.
    failures: u32,
    retry: Option<Instant>,
    tidy: Instant,
    /// Whether somebody could not read the file.
    in_doubt: bool,
}

/// Writes until `tasks` is cancelled, then once more.
pub(super) async fn run(
    mut writer: Writer,
    tasks: Tasks,
    mut records: mpsc::Receiver<Record>,
    mut options: watch::Receiver<Option<HistoryOptions>>,
) {
    let shared = Arc::clone(&writer.shared);
    let mut came = Vec::new();
    loop {
        let due = writer.due();
        tokio::select! {
            biased;
            () = tasks.cancelled() => break,
            changed = options.changed() => match changed {
                Ok(()) => {
                    // What came before belongs into the file before, if there was one.
                    while writer.options.is_some()
                        && let Ok(record) = records.try_recv()
                    {
                        writer.keep(record);
                    }
                    let now = options.borrow_and_update().clone();
                    writer.timed(|writer| writer.adopt(now));
                }
                Err(_) => break,
            },
            count = records.recv_many(&mut came, BATCH) => {
                if count == 0 {
                    break;
                }
                came.drain(..).for_each(|record| writer.keep(record));
            }
            () = sleep_until(due.into()) => {}
            () = shared.doubt.notified() => writer.in_doubt = true,
        }
        writer.timed(Writer::work);
    }
    while let Ok(record) = records.try_recv() {
        writer.keep(record);
    }
    writer.timed(Writer::close);
}

/// Until the first attempt has ended.
const OPENING: &str = "there is no history yet: its file is being opened";

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, pace: Pace) -> Self {
        Self {
            shared,
            pace,
            options: None,
            file: None,
            names: Names::new(),
            waiting: VecDeque::new(),
            since: None,
            failures: 0,
            retry: None,
            tidy: Instant::now(),
            in_doubt: false,
        }
    }

    /// When there will be something to do.
    fn due(&self) -> Instant {
        if self.options.is_none() {
            return Instant::now() + Duration::from_secs(3_600);
        }
        if let Some(retry) = self.retry {
            return retry;
        }
        let batch = self.since.map(|since| since + self.pace.gather);
        batch.map_or(self.tidy, |batch| batch.min(self.tidy))
    }

    /// Does something with the disk, which may take its time.
    fn timed(&mut self, piece: impl FnOnce(&mut Self)) {
        let shared = Arc::clone(&self.shared);
        if let Some(took) = shared.writing.time(|| piece(self)) {
            shared.failed(WriteFailure::Timeout);
            tracing::error!(
                seconds = took.as_secs(),
                "the disk of the history did not answer for so long"
            );
        }
    }

    fn keep(&mut self, record: Record) {
        if self.waiting.len() == WAITING {
            self.waiting.pop_front();
            self.shared.lost.fetch_add(1, Relaxed);
        }
        self.waiting.push_back(record);
        self.since.get_or_insert_with(Instant::now);
    }

    /// Goes on as the configuration says now.
    fn adopt(&mut self, options: Option<HistoryOptions>) {
        let path = |options: &Option<HistoryOptions>| options.as_ref().map(|o| o.path.clone());
        if path(&self.options) != path(&options) {
            self.close();
            (self.failures, self.retry) = (0, None);
            self.shared.bytes.store(0, Relaxed);
            let (state, problem) = match options {
                Some(_) => (HistoryState::Refused, Some(OPENING.to_owned())),
                None => (HistoryState::Off, None),
            };
            self.tell(state, problem, false);
        }
        self.options = options;
        self.tidy = Instant::now();
    }

    /// Does what is due.
    fn work(&mut self) {
        let now = Instant::now();
        let Some(options) = self.options.clone() else {
            self.waiting.clear();
            self.since = None;
            return;
        };
        if self.retry.is_some_and(|retry| now < retry) {
            return;
        }
        let is_ripe = self
            .since
            .is_some_and(|since| now >= since + self.pace.gather);
        // After a failure an empty transaction proves nothing: tidying tries the disk then.
        let writes = is_ripe || self.waiting.len() >= BATCH || self.retry.is_some();
        if writes || now >= self.tidy || self.in_doubt {
            self.in_doubt = false;
            self.look(&options);
        }
        if self.file.is_none() {
            match open::open(&options.path) {
                Ok(opened) => {
                    tracing::info!(file = %options.path.display(), "history is kept");
                    self.file = Some(opened);
                }
                Err(error) => return self.refused(&error),
            }
        }
        let outcome = if writes { self.write() } else { Ok(()) };
        let outcome = outcome.and_then(|()| {
            if now >= self.tidy {
                self.tidy(&options)
            } else {
                Ok(())
            }
        });
        match outcome {
            Ok(()) => self.well(),
            Err(error) => self.failed(&error),
        }
    }

    /// Gives the file up if it is no longer the one at its path.
    fn look(&mut self, options: &HistoryOptions) {
        let path = &options.path;
        let Some(gone) = self.file.take_if(|file| !file.is_at(path)) else {
            return;
        };
        if let Err(error) = gone.settle() {
            tracing::warn!(%error, "the journal of the history's old file could not be emptied");
        }
        let reason = WriteFailure::Removed;
        self.shared.failed(reason);
        tracing::error!(
            file = %path.display(),
            "the history's file was removed or replaced while it was written, and what was in it is \
             no longer told: {}",
            reason.remedy()
        );
        self.names.clear();
        self.tidy = Instant::now();
    }

    /// Writes all that waits.
    fn write(&mut self) -> rusqlite::Result<()> {
        // They go on waiting.
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let batch = self.waiting.make_contiguous();
        if !batch.is_empty() {
            insert::write(&mut file.connection, &mut self.names, batch)?;
            let written = batch.len() as u64;
            self.shared.written.fetch_add(written, Relaxed);
        }
        self.waiting.clear();
        self.since = None;
        Ok(())
    }

    /// Removes what is too old or too much.
    fn tidy(&mut self, options: &HistoryOptions) -> rusqlite::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let connection = &file.connection;
        let mut more = retention::remove_old(connection, &options.retain, SystemTime::now())?;
        more |= retention::shrink(connection, options.max_size)?;
        let used = retention::used(connection)?;
        self.shared.bytes.store(used, Relaxed);
        let pause = if more {
            self.pace.gather
        } else {
            self.pace.tidy
        };
        self.tidy = Instant::now() + pause;
        Ok(())
    }

    fn well(&mut self) {
        if self.failures > 0 {
            tracing::info!("history is kept again");
        }
        (self.failures, self.retry) = (0, None);
        self.tell(HistoryState::Writing, None, true);
    }

    fn failed(&mut self, error: &rusqlite::Error) {
        let reason = WriteFailure::of(error);
        self.shared.failed(reason);
        let problem = format!("history cannot be written: {error}; {}", reason.remedy());
        self.later(HistoryState::Failing, problem);
        let broken = is_broken_file(error);
        if broken {
            self.file = None;
            self.names.clear();
            let path = self.options.as_ref().map(|options| options.path.clone());
            match path.map(|path| open::move_aside(&path)) {
                Some(Err(error)) => {
                    tracing::error!(%error, "the broken file of the history cannot be moved aside");
                }
                _ => self.retry = Some(Instant::now()),
            }
        }
    }

    fn refused(&mut self, error: &OpenError) {
        self.shared.failed(WriteFailure::of_opening(error));
        self.later(
            HistoryState::Refused,
            format!("there is no history: {error}"),
        );
    }

    /// Tries again later; says so once.
    fn later(&mut self, state: HistoryState, problem: String) {
        let known = self.shared.condition().problem.as_ref() == Some(&problem);
        if !known {
            tracing::error!("{problem}");
        }
        let readable = self.file.is_some();
        self.tell(state, Some(problem), readable);
        let wait = self.pace.retry * 2u32.saturating_pow(self.failures);
        self.failures = (self.failures + 1).min(16);
        // Without jitter: there is nobody else to meet at this file.
        self.retry = Some(Instant::now() + wait.min(self.pace.longest_retry));
    }

    fn tell(&self, state: HistoryState, problem: Option<String>, readable: bool) {
        let path = self.options.as_ref().map(|options| options.path.clone());
        *self.shared.condition() = Condition {
            state,
            problem,
            path: path.filter(|_| readable),
        };
    }

    /// Writes what waits, if it can be, and gives the file back.
    fn close(&mut self) {
        if let Some(options) = self.options.clone() {
            self.look(&options);
            if let Err(error) = self.write() {
                self.shared.failed(WriteFailure::of(&error));
                tracing::warn!(%error, "the history cannot be written");
            }
            // Without a file nothing was written either.
            let lost = self.waiting.len();
            if lost > 0 {
                self.shared.lost.fetch_add(lost as u64, Relaxed);
                tracing::warn!(lost, "the last records of the history were not written");
            }
        }
        self.waiting.clear();
        self.since = None;
        self.names.clear();
        self.file = None;
    }
}
