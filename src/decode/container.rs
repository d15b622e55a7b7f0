//! Demultiplexing and decoding a container on a thread of its own.
//!
//! The demuxer reads synchronously and may take its time, so it never runs on the shared
//! pools. It hands blocks over a short queue: when nobody takes them it waits, and when
//! the taker is dropped it ends.

use std::{fmt, io};

use tokio::sync::mpsc;

use super::{
    block::{ContainerEnd, Opened, SampleBlock, Sender, Stop},
    demux,
};
use crate::shutdown::{TaskKind, Tasks};

/// Blocks in the queue between the thread and its taker.
const QUEUE: usize = 4;

/// What the thread opens: called again for each round of a looped file. Its error is
/// words for the owner.
pub type Open<E> = Box<dyn FnMut() -> Result<Opened, E> + Send>;

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

fn run<E>(mut open: Open<E>, looped: bool, sender: &Sender<E>) {
    loop {
        let stop = match open() {
            // A panic of the demuxer or decoder ends this thread: it is counted, and the
            // taker learns it from the closed queue.
            Ok(opened) => demux::play(opened, sender),
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
