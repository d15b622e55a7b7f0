//! The number in a pid file, which may lie on a file system that does not answer.
//!
//! It is read on a thread of its own; the watch over memory, which has others to look at, waits for
//! it a moment and only once. Until there is an answer the number that was read last holds.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::Duration,
};

use super::{ReadFailure, Unreadable, failure::missing};
use crate::shutdown::{TaskKind, Tasks};

/// The longest content that is looked at.
const MOST: u64 = 64;

/// How long a look waits for a file that answers at all.
const PATIENCE: Duration = Duration::from_millis(250);

/// What was in the file.
type Answer = Result<u32, Unreadable>;

/// Reads a pid file, for each look anew.
#[derive(Debug)]
pub(super) struct PidFile {
    /// Nobody waits for the end of its threads: a drain cannot end a read that hangs.
    tasks: Tasks,
    /// The answer that a look did not get in time.
    late: Option<Receiver<Answer>>,
    last: Option<u32>,
}

impl PidFile {
    pub(super) fn new(tasks: &Tasks) -> Self {
        Self {
            tasks: tasks.child(),
            late: None,
            last: None,
        }
    }

    /// The number in it, or the one that was in it when it last answered.
    pub(super) fn number(&mut self, path: &Path) -> Answer {
        let (answer, patience) = match self.late.take() {
            Some(late) => (late, Duration::ZERO),
            None => (self.read(path).map_err(|_| unanswered())?, PATIENCE),
        };
        match answer.recv_timeout(patience) {
            Ok(number) => {
                self.last = number.as_ref().ok().copied();
                number
            }
            Err(RecvTimeoutError::Timeout) => {
                self.late = Some(answer);
                self.last.ok_or_else(unanswered)
            }
            Err(RecvTimeoutError::Disconnected) => Err(unanswered()),
        }
    }

    fn read(&self, path: &Path) -> io::Result<Receiver<Answer>> {
        let (tell, answer) = mpsc::channel();
        let path = path.to_owned();
        self.tasks.thread(TaskKind::Memory, "pid file", move || {
            // Who asked may have gone.
            let _told = tell.send(number_in(&path));
        })?;
        Ok(answer)
    }
}

fn unanswered() -> Unreadable {
    Unreadable::new(
        ReadFailure::Timeout,
        "the pid file's file system does not answer; see to its server, or put the file on a local \
         disk",
    )
}

fn number_in(path: &Path) -> Answer {
    let read = || -> io::Result<String> {
        // Asked before it is opened: opening a FIFO waits for a writer.
        if !fs::metadata(path)?.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut text = String::new();
        File::open(path)?.take(MOST).read_to_string(&mut text)?;
        Ok(text)
    };
    let text = read().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            missing("the pid file does not exist; the recorder writes it when it runs".to_owned())
        }
        io::ErrorKind::PermissionDenied => Unreadable::new(
            ReadFailure::PermissionDenied,
            "the pid file may not be read; let the user of this program read it",
        ),
        _ => Unreadable::malformed("the pid file, a small text file with a number,"),
    })?;
    let number = text
        .lines()
        .next()
        .and_then(|line| line.trim().parse().ok());
    number.filter(|pid| *pid != 0).ok_or_else(|| {
        Unreadable::malformed("the pid file, which holds a number on its first line,")
    })
}
