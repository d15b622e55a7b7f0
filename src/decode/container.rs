//! Demultiplexing and decoding a container on a thread of its own.
//!
//! The demuxer reads synchronously and may take its time, so it never runs on the shared
//! pools. It hands blocks over a short queue: when nobody takes them it waits, and when
//! the taker is dropped it ends.

use std::{fmt, io, sync::Arc, time::Duration};

use tokio::sync::mpsc;

use super::{
    block::{ContainerEnd, Opened, Progress, SampleBlock, Sender, Stop},
    demux,
    timed::{ReadingTime, Timed},
};
use crate::shutdown::{TaskKind, Tasks};

/// Blocks in the queue between the thread and its taker.
const QUEUE: usize = 4;

/// A live container that is shorter holds no audio, and nobody needs to hear of it.
const HARDLY_ANYTHING: u64 = 4096;

/// What the thread opens: called again for each round of a looped file. Its error is
/// words for the owner.
pub type Open<E> = Box<dyn FnMut() -> Result<Opened, E> + Send>;

/// What follows the end of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounds {
    /// Nothing.
    Once,
    /// The same once more.
    Looped,
    /// Whatever is opened next, as often as there is something; also after one that cannot
    /// be played. Opening waits until there is.
    Live,
}

/// A container being decoded.
pub struct Container<E> {
    blocks: mpsc::Receiver<Result<SampleBlock, ContainerEnd<E>>>,
    reading: ReadingTime,
}

impl<E: Send + 'static> Container<E> {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(tasks: &Tasks, name: &str, open: Open<E>, rounds: Rounds) -> io::Result<Self> {
        let (sender, blocks) = mpsc::channel(QUEUE);
        let reading = ReadingTime::default();
        let time = reading.clone();
        tasks.thread(TaskKind::Container, name, move || {
            run(open, rounds, &sender, &time);
        })?;
        Ok(Self { blocks, reading })
    }

    /// How long the thread has opened and read its bytes so far; decoding them is not in it.
    pub fn reading(&self) -> Duration {
        self.reading.so_far()
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

fn run<E>(mut open: Open<E>, rounds: Rounds, sender: &Sender<E>, time: &ReadingTime) {
    loop {
        let mut progress = Arc::<Progress>::default();
        let stop = match time.of(&mut open) {
            // A panic of the demuxer or decoder ends this thread: it is counted, and the
            // taker learns it from the closed queue.
            Ok(mut opened) => {
                let media = opened.media;
                let time = time.clone();
                opened.media = Box::new(Timed { media, time });
                progress = Arc::clone(&opened.progress);
                demux::play(opened, sender)
            }
            Err(error) => Stop::Ended(ContainerEnd::Open(error)),
        };
        match stop {
            Stop::Ended(ContainerEnd::EndOfFile) if rounds != Rounds::Once => {}
            // What ended so soon was cut off or replaced; what did not is known for what it is.
            Stop::Ended(ContainerEnd::Unsupported { .. } | ContainerEnd::Broken(_))
                if rounds == Rounds::Live && progress.ended_within(HARDLY_ANYTHING) => {}
            Stop::Ended(
                ContainerEnd::Unsupported { problem, .. } | ContainerEnd::Broken(problem),
            ) if rounds == Rounds::Live => {
                if sender
                    .blocking_send(Ok(SampleBlock::Skipped(problem)))
                    .is_err()
                {
                    return;
                }
            }
            Stop::Ended(end) => {
                // When nobody listens any more there is nobody to tell.
                let _told = sender.blocking_send(Err(end));
                return;
            }
            Stop::NobodyListens => return,
        }
    }
}
