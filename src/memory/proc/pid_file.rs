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
            None => (self.read(path)?, PATIENCE),
        };
        match answer.recv_timeout(patience) {
            Ok(number) => {
                let ours = |unread: &Unreadable| unread.reason == ReadFailure::Local;
                if !number.as_ref().is_err_and(ours) {
                    self.last = number.as_ref().ok().copied();
                }
                number
            }
            Err(RecvTimeoutError::Timeout) => {
                self.late = Some(answer);
                self.last.ok_or_else(unanswered)
            }
            Err(RecvTimeoutError::Disconnected) => Err(unanswered()),
        }
    }

    fn read(&self, path: &Path) -> Result<Receiver<Answer>, Unreadable> {
        let (tell, answer) = mpsc::channel();
        let path = path.to_owned();
        let started = self.tasks.thread(TaskKind::Memory, "pid file", move || {
            // Who asked may have gone.
            let _told = tell.send(number_in(&path));
        });
        started.map_err(|error| {
            let problem = format!("no thread can be had to read the pid file: {error}");
            Unreadable::new(ReadFailure::Local, problem)
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

/// What is in the file is of no use.
fn useless(problem: impl Into<String>) -> Unreadable {
    Unreadable::new(ReadFailure::Malformed, problem)
}

fn number_in(path: &Path) -> Answer {
    let read = || -> io::Result<Option<Vec<u8>>> {
        // Asked before it is opened: opening a FIFO waits for a writer.
        if !fs::metadata(path)?.is_file() {
            return Ok(None);
        }
        let mut content = Vec::new();
        File::open(path)?.take(MOST).read_to_end(&mut content)?;
        Ok(Some(content))
    };
    let content = read().map_err(|error| refused(&error))?.ok_or_else(|| {
        useless(
            "the pid file is a directory, a pipe or a device; name the file that the recorder \
             writes its number into",
        )
    })?;
    if content.iter().all(u8::is_ascii_whitespace) {
        return Err(useless(
            "the pid file is empty; the recorder has not written its number into it, or its disk \
             was full",
        ));
    }
    let text = String::from_utf8_lossy(&content);
    let number = text
        .lines()
        .next()
        .and_then(|line| line.trim().parse().ok());
    number.filter(|pid| *pid != 0).ok_or_else(|| {
        useless(
            "the pid file has no number of a process on its first line; check that it is the file \
             that the recorder writes",
        )
    })
}

fn refused(error: &io::Error) -> Unreadable {
    if let Some(local) = Unreadable::local(error) {
        return local;
    }
    match error.kind() {
        io::ErrorKind::NotFound => {
            missing("the pid file does not exist; the recorder writes it when it runs".to_owned())
        }
        io::ErrorKind::PermissionDenied => Unreadable::new(
            ReadFailure::PermissionDenied,
            "the pid file may not be read; let the user of this program read it",
        ),
        kind => useless(format!(
            "the pid file cannot be read: {error}; {}",
            remedy(kind, error)
        )),
    }
}

/// What to do about an error of reading a pid file: most leave its path in no doubt.
fn remedy(kind: io::ErrorKind, error: &io::Error) -> &'static str {
    const EIO: i32 = 5;
    const ELOOP: i32 = 40;
    match (kind, error.raw_os_error()) {
        (io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename, _) | (_, Some(ELOOP)) => {
            "check its path"
        }
        (io::ErrorKind::StaleNetworkFileHandle, _) => "mount its file system anew",
        (_, Some(EIO)) => "see to its disk or, on a network file system, to its server",
        _ => "it is tried again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::proc::tree_for_tests::Tree;

    /// What is said of it.
    fn said(path: &Path) -> String {
        let unreadable = number_in(path).unwrap_err();
        assert_eq!(unreadable.reason, ReadFailure::Malformed);
        unreadable.problem
    }

    #[test]
    fn what_is_of_no_use_is_told_by_what_it_is() {
        let tree = Tree::new();
        for (content, expected) in [("", "is empty"), (" \n", "is empty"), ("x", "no number")] {
            let path = tree.write("run/x.pid", content);
            assert!(said(&path).contains(expected), "{content:?}");
        }
        let path = tree.write("run/x.pid", "");
        std::fs::write(&path, b"\xff\xfe1").unwrap();
        assert!(said(&path).contains("no number"));
        std::fs::write(&path, b"12\n\xff").unwrap();
        assert_eq!(number_in(&path), Ok(12));
        let above = path.parent().unwrap();
        assert!(said(above).contains("is a directory, a pipe"));
        let fifo = above.join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.unwrap().success());
        assert!(said(&fifo).contains("is a directory, a pipe"));
        let ring = above.join("ring");
        std::os::unix::fs::symlink(&ring, &ring).unwrap();
        assert!(said(&ring).contains("cannot be read"), "{}", said(&ring));
        assert!(said(&ring).contains("check its path"), "{}", said(&ring));
        let below_a_file = path.join("x.pid");
        assert!(said(&below_a_file).contains("check its path"));
    }

    /// An error of the disk or of want is none of the path.
    #[test]
    fn what_to_do_fits_the_error() {
        for (code, expected) in [
            (5, "see to its disk"),
            (12, "no memory left"),
            (20, "check its path"),
            (23, "fs.file-max"),
            (24, "LimitNOFILE="),
            (36, "check its path"),
            (40, "check its path"),
            (116, "mount its file system anew"),
            (11, "it is tried again"),
        ] {
            let said = refused(&io::Error::from_raw_os_error(code)).problem;
            assert!(said.contains(expected), "{said}");
            let blames_path = said.contains("its path");
            assert_eq!(blames_path, expected == "check its path", "{said}");
        }
    }
}
