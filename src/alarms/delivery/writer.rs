//! The thread that writes to the disk: a disk that hangs holds up nobody else.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
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
    },
    shutdown::{TaskKind, Tasks},
};

/// How many writes may wait.
const WAITING: usize = 64;
/// How long the state's way to the disk is waited for before what it holds is sent.
const PATIENCE: Duration = Duration::from_secs(5);

enum Job {
    State {
        path: PathBuf,
        text: Vec<u8>,
        done: oneshot::Sender<()>,
    },
    Lines {
        file: FileOptions,
        lines: String,
        count: u64,
    },
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

    /// Appends lines to the file.
    pub(super) fn append(&self, file: FileOptions, lines: String, count: u64) {
        let job = Job::Lines { file, lines, count };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.jobs.try_send(job)
        {
            let tally = self.book.tally();
            tally.note_failed(Channel::File, FailureReason::Dropped);
        }
    }
}

fn work(jobs: &Receiver<Job>, book: &Book) {
    // Said once, and again when it has worked in between.
    let mut told = false;
    while let Ok(job) = jobs.recv() {
        let written = match job {
            Job::State { path, text, done } => {
                let saved = save(&path, &text);
                let _nobody_waits_any_more = done.send(());
                saved.map_err(|error| ("alarms.state_file", error))
            }
            Job::Lines { file, lines, count } => {
                let appended = append(&file, &lines);
                let tally = book.tally();
                match &appended {
                    Ok(()) => tally.note_sent(Channel::File, count),
                    Err(_) => tally.note_failed(Channel::File, FailureReason::Disk),
                }
                appended.map_err(|error| ("notify.file", error))
            }
        };
        match written {
            Ok(()) => told = false,
            Err((key, error)) if !std::mem::replace(&mut told, true) => {
                tracing::warn!(key, %error, "cannot be written; check its path, permissions and disk");
            }
            Err(_) => {}
        }
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
    file.write_all(lines.as_bytes())
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
}
