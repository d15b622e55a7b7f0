//! What goes into a container's thread and what comes out of it.

use std::{
    fmt,
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use symphonia::core::io::{MediaSource, ReadOnlySource};
use tokio::sync::mpsc;

use crate::units::AudioFormat;

/// Bytes ready to be taken apart.
pub struct Opened {
    /// Positioned at the start.
    pub(super) media: Box<dyn MediaSource>,
    /// What the bytes are said to be: a file's extension in lower case, or what a server's
    /// content type means. The bytes decide; this explains what they are not.
    pub(super) claimed: Option<String>,
    /// How far a stream was read.
    pub(super) progress: Arc<Progress>,
    /// It is read while it is being sent or written.
    pub(super) live: bool,
}

/// How far a stream was read.
#[derive(Debug, Default)]
pub(super) struct Progress {
    bytes: AtomicU64,
    ended: AtomicBool,
}

impl Progress {
    /// Whether its end was reached within so many bytes.
    pub(super) fn ended_within(&self, bytes: u64) -> bool {
        self.ended.load(Relaxed) && self.bytes.load(Relaxed) <= bytes
    }
}

impl Opened {
    /// Bytes that come once and in order, such as a live stream. Its reads block, so they
    /// must end when the session does.
    pub fn stream(bytes: impl Read + Send + Sync + 'static, claimed: Option<String>) -> Self {
        let progress = Arc::default();
        let counted = Counted {
            bytes,
            progress: Arc::clone(&progress),
        };
        Self {
            media: Box::new(ReadOnlySource::new(counted)),
            claimed,
            progress,
            live: true,
        }
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opened({:?})", self.claimed)
    }
}

/// Counts what is read through it.
struct Counted<R> {
    bytes: R,
    progress: Arc<Progress>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(into)?;
        self.progress.bytes.fetch_add(count as u64, Relaxed);
        if count == 0 && !into.is_empty() {
            self.progress.ended.store(true, Relaxed);
        }
        Ok(count)
    }
}

/// Decoded audio.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleBlock {
    /// The container was opened and holds this codec, by its name in lower case. Comes
    /// first, and again with each round of a looped file and each link of a chained stream.
    Started(String),
    /// Interleaved samples, full scale ±1.
    Samples(AudioFormat, Vec<f32>),
    /// A packet that could not be decoded.
    Undecodable,
    /// A whole file ended before its header or index says; so much is missing.
    CutOff(Duration),
    /// With [`Rounds::Live`](super::Rounds::Live): a container that cannot be played, or not
    /// on from here, in words for the owner. Another one may follow.
    Skipped(String),
}

/// Why no more blocks come.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContainerEnd<E> {
    /// It could not be opened.
    #[error("{0}")]
    Open(E),
    /// Nothing in it is audio that can be decoded here.
    #[error("{problem}")]
    Unsupported {
        /// The name of its codec or container, in lower case, where known.
        codec: Option<&'static str>,
        /// Words for the owner.
        problem: String,
    },
    /// Reading failed, or too much of it is broken.
    #[error("{0}")]
    Broken(String),
    /// It ended.
    #[error("it ended")]
    EndOfFile,
}

pub(super) type Sender<E> = mpsc::Sender<Result<SampleBlock, ContainerEnd<E>>>;

/// Why a round over the file stopped.
pub(super) enum Stop<E> {
    /// The taker is gone.
    NobodyListens,
    Ended(ContainerEnd<E>),
}
