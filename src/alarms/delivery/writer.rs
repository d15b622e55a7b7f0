//! The thread that writes to the disk: a disk that hangs holds up nobody else.

use std::{
    collections::VecDeque,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

use tokio::sync::oneshot;

use crate::{
    alarms::{
        book::Book,
        disk::{save, with_suffix},
        options::FileOptions,
        tally::{Channel, FailureReason},
        troubles::{NOTIFY_FILE, STATE_FILE},
    },
    shutdown::{TaskKind, Tasks},
};

/// How many writes may wait.
const WAITING: usize = 64;
/// How long the state's way to the disk is waited for before what it holds is sent.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many lines wait for a disk that refuses them.
const MOST_LINES: usize = 1_000;
/// How often they are tried again when nothing else comes.
const RETRY: Duration = Duration::from_secs(5);

enum Job {
    State {
        path: PathBuf,
        text: Vec<u8>,
        done: oneshot::Sender<()>,
    },
    Lines {
        file: FileOptions,
        lines: String,
    },
    /// The file is not wanted any more, or another one is.
    Forget,
}

/// Lines that the disk has not taken yet, the oldest first.
#[derive(Debug, Default)]
struct Backlog {
    file: Option<FileOptions>,
    lines: VecDeque<String>,
}

/// The way to the thread. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: SyncSender<Job>,
    book: Arc<Book>,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(super) fn start(tasks: &Tasks, book: Arc<Book>) -> io::Result<Self> {
        let (jobs, waiting) = sync_channel(WAITING);
        let counting = Arc::clone(&book);
        tasks.thread(TaskKind::Alarms, "alarms", move || {
            work(&waiting, &counting);
        })?;
        Ok(Self { jobs, book })
    }

    /// Saves the state, and waits until it is on the disk, at most five seconds.
    pub(super) async fn save(&self, path: PathBuf, text: Vec<u8>) {
        let (done, saved) = oneshot::channel();
        let job = Job::State { path, text, done };
        if self.jobs.try_send(job).is_err() {
            tracing::warn!("the state of alarms is not saved: the disk does not keep up");
            return;
        }
        if tokio::time::timeout(PATIENCE, saved).await.is_err() {
            tracing::warn!("the state of alarms is not on the disk after {PATIENCE:?}");
        }
    }

    /// Appends lines to the file, as soon as the disk takes them.
    pub(super) fn append(&self, file: FileOptions, lines: String) {
        let job = Job::Lines { file, lines };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.jobs.try_send(job)
        {
            let tally = self.book.tally();
            tally.note_failed(Channel::File, FailureReason::Dropped);
        }
    }

    /// Gives up what waits for the file.
    pub(super) fn forget(&self) {
        // One that does not keep up gives it up by and by.
        let _told = self.jobs.try_send(Job::Forget);
    }
}

fn work(jobs: &Receiver<Job>, book: &Book) {
    let mut backlog = Backlog::default();
    loop {
        let next = if backlog.lines.is_empty() {
            jobs.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            jobs.recv_timeout(RETRY)
        };
        match next {
            Ok(Job::State { path, text, done }) => {
                let saved = save(&path, &text);
                tell(book, STATE_FILE, saved);
                let _nobody_waits_any_more = done.send(());
            }
            Ok(Job::Lines { file, lines }) => {
                backlog.add(file, &lines, book);
                backlog.write(book);
            }
            Ok(Job::Forget) => {
                backlog = Backlog::default();
                book.troubles().over(NOTIFY_FILE);
            }
            Err(RecvTimeoutError::Timeout) => backlog.write(book),
            Err(RecvTimeoutError::Disconnected) => {
                if !backlog.lines.is_empty() {
                    backlog.write(book);
                }
                break;
            }
        }
    }
}

/// The log and the status hear of what fails, and of its end.
fn tell(book: &Book, key: &str, written: io::Result<()>) {
    match written {
        Ok(()) => {
            if book.troubles().over(key) {
                tracing::info!(key, "can be written again");
            }
        }
        Err(error) => {
            let problem = format!("{error}; check its path, permissions and disk");
            if book.troubles().note(key, &problem) {
                tracing::warn!(key, "cannot be written: {problem}");
            }
        }
    }
}

impl Backlog {
    fn add(&mut self, file: FileOptions, lines: &str, book: &Book) {
        self.file = Some(file);
        self.lines
            .extend(lines.split_inclusive('\n').map(str::to_owned));
        let surplus = self.lines.len().saturating_sub(MOST_LINES);
        for _dropped in self.lines.drain(..surplus) {
            let tally = book.tally();
            tally.note_failed(Channel::File, FailureReason::Dropped);
        }
    }

    /// Writes what the disk takes.
    fn write(&mut self, book: &Book) {
        let Some(file) = &self.file else { return };
        let mut written = Ok(());
        while let Some(line) = self.lines.front() {
            written = append(file, line);
            if written.is_err() {
                book.tally().note_failed(Channel::File, FailureReason::Disk);
                break;
            }
            book.tally().note_sent(Channel::File, 1);
            self.lines.pop_front();
        }
        tell(book, NOTIFY_FILE, written);
    }
}

/// Appends, and puts the file aside before it grows beyond its limit.
fn append(file: &FileOptions, lines: &str) -> io::Result<()> {
    let FileOptions {
        path,
        max_bytes,
        keep,
    } = file;
    let size = fs::metadata(path).map_or(0, |file| file.len());
    if size > 0 && size + lines.len() as u64 > max_bytes.0 {
        let older = |number: usize| with_suffix(path, &format!(".{number}"));
        if *keep == 0 {
            fs::remove_file(path)?;
        } else {
            for number in (1..*keep).rev() {
                // There may not be as many yet.
                let _moved = fs::rename(older(number), older(number + 1));
            }
            fs::rename(path, older(1))?;
        }
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    let size = file.metadata()?.len();
    file.write_all(lines.as_bytes()).inspect_err(|_| {
        // It is tried again: no half of a line may stay.
        let _cut = file.set_len(size);
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::ByteSize;

    #[test]
    fn the_newest_lines_are_kept_in_so_many_files() {
        let folder = std::env::temp_dir().join(format!("alarms-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = FileOptions {
            path: folder.join("alarms.jsonl"),
            max_bytes: ByteSize(25),
            keep: 2,
        };
        for number in 0..10 {
            append(&file, &format!("line {number:04}\n")).unwrap();
        }
        let read = |suffix| fs::read_to_string(with_suffix(&file.path, suffix));
        let lines = |suffix| read(suffix).unwrap().lines().count();
        assert_eq!(read("").unwrap(), "line 0008\nline 0009\n");
        assert_eq!((lines(".1"), lines(".2")), (2, 2));
        assert!(read(".3").is_err());
        assert!(read(".2").unwrap().starts_with("line 0004"));
        fs::remove_dir_all(&folder).unwrap();
        assert!(append(&file, "x\n").is_err(), "the folder has gone");
    }

    #[test]
    fn lines_wait_for_a_disk_that_refuses_them() {
        let folder = std::env::temp_dir().join(format!("alarms-late-{}", std::process::id()));
        let file = FileOptions {
            path: folder.join("alarms.jsonl"),
            max_bytes: ByteSize(1 << 20),
            keep: 2,
        };
        let (book, mut backlog) = (Book::default(), Backlog::default());
        for number in 0..MOST_LINES + 2 {
            backlog.add(file.clone(), &format!("{number}\n"), &book);
        }
        backlog.write(&book);
        assert!(book.troubles().has(NOTIFY_FILE), "the folder is not there");
        let failed = |reason| book.tally().failed(Channel::File, reason);
        assert_eq!(failed(FailureReason::Dropped), 2);
        assert_eq!(failed(FailureReason::Disk), 1);
        fs::create_dir_all(&folder).unwrap();
        backlog.write(&book);
        assert!(!book.troubles().has(NOTIFY_FILE));
        let text = fs::read_to_string(&file.path).unwrap();
        assert_eq!(text.lines().count(), MOST_LINES);
        assert_eq!(text.lines().next(), Some("2"));
        assert_eq!(book.tally().sent(Channel::File), MOST_LINES as u64);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn each_file_that_cannot_be_written_is_told_of_by_itself() {
        let book = Book::default();
        let refused = || Err(io::Error::from(io::ErrorKind::PermissionDenied));
        tell(&book, NOTIFY_FILE, refused());
        tell(&book, STATE_FILE, refused());
        tell(&book, NOTIFY_FILE, Ok(()));
        assert!(book.troubles().has(STATE_FILE) && !book.troubles().has(NOTIFY_FILE));
    }
}
