//! Prints without being held up: a pipe that nobody reads and a terminal that was paused (Ctrl-S)
//! block a write for as long as they like.

use std::{io, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    time::sleep,
};

use crate::{
    app::signals::StopSignals,
    shutdown::{TaskKind, Tasks},
};

/// So long is waited for a write once the program was told to stop.
const GRACE: Duration = Duration::from_secs(1);

/// What is to be written where, and whom to tell that it is.
struct Text {
    onto: Onto,
    bytes: Vec<u8>,
    done: oneshot::Sender<io::Result<()>>,
}

enum Onto {
    Output,
    Errors,
}

/// The standard output and error, written to by a thread that nobody waits for.
pub(super) struct Printer {
    texts: mpsc::Sender<Text>,
    stop: StopSignals,
    /// It was told while something was being written.
    told: bool,
}

/// Why something was not printed.
pub(super) enum Unprinted {
    Failed(io::Error),
    /// The program was told to stop while it could not be written.
    HeldUp,
}

impl Printer {
    /// Starts the thread, and replaces the signals' default handlers.
    pub(super) fn start() -> io::Result<Self> {
        let stop = StopSignals::new()?;
        let (texts, mut come) = mpsc::channel::<Text>(1);
        Tasks::default().thread(TaskKind::Memory, "print", move || {
            while let Some(text) = come.blocking_recv() {
                // Who waited may have left.
                let _told = text.done.send(text.onto.write(&text.bytes));
            }
        })?;
        Ok(Self {
            texts,
            stop,
            told: false,
        })
    }

    /// Waits for a signal to stop, unless one came while something was printed. Cancellation safe.
    pub(super) async fn told_to_stop(&mut self) {
        if !self.told {
            self.stop.asked().await;
            self.told = true;
        }
    }

    /// Prints, and waits until it is written, or a little longer than a signal to stop.
    pub(super) async fn print(&mut self, text: Vec<u8>) -> Result<(), Unprinted> {
        self.write(Onto::Output, text).await
    }

    /// The same, of what is wrong.
    pub(super) async fn complain(&mut self, problem: &str) -> Result<(), Unprinted> {
        let line = format!("audio-capture-exporter: {problem}\n");
        self.write(Onto::Errors, line.into_bytes()).await
    }

    async fn write(&mut self, onto: Onto, bytes: Vec<u8>) -> Result<(), Unprinted> {
        let (done, written) = oneshot::channel();
        let text = Text { onto, bytes, done };
        // A thread that is gone has panicked.
        let gone = || Unprinted::Failed(io::ErrorKind::BrokenPipe.into());
        self.texts.send(text).await.map_err(|_| gone())?;
        let held_up = async {
            self.told_to_stop().await;
            sleep(GRACE).await;
        };
        tokio::select! {
            biased;
            written = written => written.map_err(|_| gone())?.map_err(Unprinted::Failed),
            () = held_up => Err(Unprinted::HeldUp),
        }
    }
}

impl Onto {
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut out: Box<dyn io::Write> = match self {
            Self::Output => Box::new(io::stdout()),
            Self::Errors => Box::new(io::stderr()),
        };
        out.write_all(bytes)?;
        out.flush()
    }
}
