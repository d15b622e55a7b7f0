//! The web file in force, and the one on the disk.
//!
//! Certificates are renewed every few weeks, by programs that know nothing of this one. So the
//! files are looked at every second; one that has changed comes into force, and one with a mistake
//! does not.

use std::{
    convert::Infallible,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    time::Duration,
};

use tokio::sync::watch;

use crate::{
    config::{ConfigErrors, load_web},
    http::{Access, HttpMetrics},
    shutdown::{TaskKind, Tasks},
};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Which file a path leads to, and in which state: device, inode, length, and the times of the
/// last changes of content and of anything.
type Print = (u64, u64, u64, (i64, i64), (i64, i64));

/// Why a web file does not come into force.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// It has mistakes.
    #[error("{0}")]
    Mistakes(ConfigErrors),
    /// A file that is just being written must not open what it is to protect.
    #[error(
        "{path}: switches off {what}, which takes a restart; put it back, or restart to serve without \
         it", path = .file.display()
    )]
    LessProtection {
        /// The web file.
        file: PathBuf,
        /// What it does not have any more.
        what: &'static str,
    },
}

/// Keeps what the web file says.
#[derive(Debug)]
pub(super) struct WebFile {
    path: PathBuf,
    looked: Mutex<Looked>,
    access: watch::Sender<Arc<Access>>,
    metrics: Arc<HttpMetrics>,
}

/// The files of the last reading, as they were before it.
#[derive(Debug)]
struct Looked {
    files: Vec<PathBuf>,
    prints: Vec<Option<Print>>,
}

impl WebFile {
    /// Reads the file at `path`. Blocks.
    pub(super) fn open(path: &Path, metrics: Arc<HttpMetrics>) -> Result<Self, ConfigErrors> {
        let read = || load_web(path).map_err(|bad| bad.errors);
        // Only the file says which others there are, and what changes while they are read is to
        // be found by the first look.
        let files = read()?.files;
        let prints = prints(&files);
        let access = read()?.access;
        Ok(Self {
            path: path.to_owned(),
            looked: Mutex::new(Looked { files, prints }),
            access: watch::Sender::new(Arc::new(access)),
            metrics,
        })
    }

    /// Where what is in force appears.
    pub(super) fn access(&self) -> watch::Receiver<Arc<Access>> {
        self.access.subscribe()
    }

    /// Looks at the files until `tasks` is cancelled.
    pub(super) fn watch(self: Arc<Self>, tasks: &Tasks) -> io::Result<()> {
        let (held, released) = mpsc::channel::<Infallible>();
        let group = tasks.clone();
        tasks.spawn(TaskKind::Http, async move {
            group.cancelled().await;
            drop(held);
        });
        tasks.thread(TaskKind::Http, "web-file", move || {
            while released.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                self.look();
            }
        })
    }

    /// Reads the files again if one of them has changed.
    fn look(&self) {
        let changed = {
            let looked = self.lock();
            prints(&looked.files) != looked.prints
        };
        if changed {
            // What comes of it is in the log.
            let _told = self.reload();
        }
    }

    /// Reads the files and puts what they say in force. Blocks.
    pub(super) fn reload(&self) -> Result<(), Refused> {
        let files = self.lock().files.clone();
        let before = prints(&files);
        let (loaded, files_now) = match load_web(&self.path) {
            Ok(file) => (Ok(file.access), file.files),
            Err(bad) => (Err(Refused::Mistakes(bad.errors)), bad.files),
        };
        // Files that were not known before are read once more at the next look.
        let known = files_now == files;
        *self.lock() = Looked {
            files: files_now,
            prints: if known { before } else { Vec::new() },
        };
        let accepted = loaded.and_then(|access| self.put_in_force(access));
        self.metrics.web_file_loaded(accepted.is_ok());
        match &accepted {
            Ok(()) => tracing::info!("the web file and its certificates are in force as they are"),
            Err(refused) => tracing::error!("the web file in force stays: {refused}"),
        }
        accepted
    }

    fn put_in_force(&self, access: Access) -> Result<(), Refused> {
        let old = self.access.borrow().clone();
        let file = self.path.clone();
        let less = |what| Err(Refused::LessProtection { file, what });
        if old.tls.is_some() && access.tls.is_none() {
            return less("TLS");
        }
        if !old.users.is_empty() && access.users.is_empty() {
            return less("passwords");
        }
        if old.authenticates() && !access.authenticates() {
            return less("the authority of clients' certificates");
        }
        self.access.send_replace(Arc::new(access));
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Looked> {
        // Nothing between lock and unlock can panic half-way.
        self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn prints(files: &[PathBuf]) -> Vec<Option<Print>> {
    let print = |path: &PathBuf| {
        let file = fs::metadata(path).ok()?;
        let times = (
            (file.mtime(), file.mtime_nsec()),
            (file.ctime(), file.ctime_nsec()),
        );
        Some((file.dev(), file.ino(), file.len(), times.0, times.1))
    };
    files.iter().map(print).collect()
}
