//! Demultiplexing and decoding a container on a thread of its own.
//!
//! The demuxer reads synchronously and may take its time, so it never runs on the shared
//! pools. It hands blocks over a short queue: when nobody takes them it waits, and when
//! the taker is dropped it ends.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    panic::{AssertUnwindSafe, catch_unwind},
};

use symphonia::core::io::{MediaSource, ReadOnlySource};
use tokio::sync::mpsc;

use super::demux;
use crate::{
    shutdown::{TaskKind, Tasks},
    units::AudioFormat,
};

/// Blocks in the queue between the thread and its taker.
const QUEUE: usize = 4;
/// What the thread opens: called again for each round of a looped file. Its error is
/// words for the owner.
pub type Open<E> = Box<dyn FnMut() -> Result<Opened, E> + Send>;

/// Bytes ready to be taken apart.
pub struct Opened {
    /// Positioned at the start.
    pub(super) media: Box<dyn MediaSource>,
    /// What the bytes are said to be: a file's extension in lower case, or what a server's
    /// content type means. The bytes decide; this explains what they are not.
    pub(super) claimed: Option<String>,
}

impl Opened {
    /// A regular file, which may be sought in.
    pub fn file(file: File, claimed: Option<String>) -> Self {
        let media = Box::new(file);
        Self { media, claimed }
    }

    /// Bytes that come once and in order, such as a live stream. Its reads block, so they
    /// must end when the session does.
    pub fn stream(bytes: impl Read + Send + Sync + 'static, claimed: Option<String>) -> Self {
        let media = Box::new(ReadOnlySource::new(bytes));
        Self { media, claimed }
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opened({:?})", self.claimed)
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

/// A container being decoded.
pub struct Container<E> {
    blocks: mpsc::Receiver<Result<SampleBlock, ContainerEnd<E>>>,
}

impl<E: Send + 'static> Container<E> {
    /// Starts the thread. With `looped` the file is opened again at its end.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(tasks: &Tasks, name: &str, open: Open<E>, looped: bool) -> io::Result<Self> {
        let (sender, blocks) = mpsc::channel(QUEUE);
        tasks.thread(TaskKind::Container, name, move || {
            run(open, looped, &sender);
        })?;
        Ok(Self { blocks })
    }

    /// The next block. Cancellation safe.
    ///
    /// # Errors
    /// [`ContainerEnd`]: no more will come.
    pub async fn next(&mut self) -> Result<SampleBlock, ContainerEnd<E>> {
        let lost = || {
            Err(ContainerEnd::Broken(
                "the decoder failed; this is a bug".into(),
            ))
        };
        self.blocks.recv().await.unwrap_or_else(lost)
    }
}

impl<E> fmt::Debug for Container<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Container")
    }
}

pub(super) type Sender<E> = mpsc::Sender<Result<SampleBlock, ContainerEnd<E>>>;

/// Why a round over the file stopped.
pub(super) enum Stop<E> {
    /// The taker is gone.
    NobodyListens,
    Ended(ContainerEnd<E>),
}

fn run<E>(mut open: Open<E>, looped: bool, sender: &Sender<E>) {
    loop {
        let stop = match open() {
            // Demuxers and decoders parse what strangers made; a panic costs one source.
            Ok(opened) => catch_unwind(AssertUnwindSafe(|| demux::play(opened, sender)))
                .unwrap_or_else(|_| Stop::Ended(ContainerEnd::Broken("the decoder failed".into()))),
            Err(error) => Stop::Ended(ContainerEnd::Open(error)),
        };
        match stop {
            Stop::Ended(ContainerEnd::EndOfFile) if looped => {}
            Stop::Ended(end) => {
                // When nobody listens any more there is nobody to tell.
                let _told = sender.blocking_send(Err(end));
                return;
            }
            Stop::NobodyListens => return,
        }
    }
}
