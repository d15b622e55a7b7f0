//! One session's loop: next → decode → measure → push.
//!
//! This is where the organs meet: a source yields packets, a decoder makes samples of
//! them, the meter measures them, the ring keeps them, and the account is told of each
//! second. Nothing here retries; the supervisor does.

mod analysis;
mod arrivals;
mod container;
mod continuity;
#[cfg(feature = "device")]
mod device;
mod files;
mod live;
mod pace;
mod packets;
mod pipe;
mod sink;
mod stream;
mod undecodable;
mod watch;

pub use analysis::Analysis;

use std::sync::Arc;

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{
    buffers::Asker,
    decode::Opened,
    net::Dialler,
    shutdown::Tasks,
    signal::Meter,
    sources::{
        Account, ConnectOptions, FailureReason, KeptPipe, LiveLocation, Location, OpenError,
        SessionEnd, SourceOptions, open_file,
    },
};

/// What a session needs.
pub struct Context<'a> {
    /// Where its helpers are spawned.
    pub tasks: &'a Tasks,
    /// What opens its connections.
    pub dialler: &'a Dialler,
    /// What the operator configured.
    pub options: &'a SourceOptions,
    /// Deadlines.
    pub connect: ConnectOptions,
    /// Where its story is told.
    pub account: &'a Account,
    /// Where its level goes.
    pub meter: &'a Meter,
    /// The right to ask for its buffer.
    pub asker: &'a Asker,
    /// One permit: held by the thread that reads the source's file or holds its device,
    /// however long it hangs.
    pub thread_turn: &'a Arc<Semaphore>,
    /// The source's pipe, which outlives its sessions.
    pub pipe: &'a KeptPipe,
}

/// How a session ended.
#[derive(Debug)]
pub enum End {
    /// It never yielded audio that can be used.
    NotOpened(OpenError),
    /// It was open and is over.
    Closed(SessionEnd),
    /// What it sent cannot be decoded, which was told; it was listened to for a while all
    /// the same.
    Unheard(SessionEnd),
    /// A file was played to its end.
    Finished,
    /// The standard input has ended: whoever wrote to it is gone for good.
    InputEnded,
    /// A file was played, but its end came before its header or index says.
    CutOff(String),
}

/// Runs one session to its end.
///
/// Cancellation safe: dropping the future closes what it opened; audio already pushed
/// stays in the buffer.
pub async fn run(context: &Context<'_>) -> End {
    let ended = match &context.options.location {
        Location::Rtsp(target) => packets::run(context, target).await,
        Location::Http(target) => stream::run(context, target).await,
        Location::File { path, looped } => {
            let path = path.clone();
            let turn = file_turn(context).await;
            let turn = match turn {
                Ok(turn) => turn,
                Err(error) => return error.into(),
            };
            let open = move || {
                let _held_by_the_thread = &turn;
                open_file(&path).map(|source| Opened::file(source.file, source.extension))
            };
            container::run(context, Box::new(open), *looped).await
        }
        Location::Live(LiveLocation::Follow { path }) => {
            files::run(context, files::Files::Followed(path)).await
        }
        Location::Live(LiveLocation::Segments(folder)) => {
            files::run(context, files::Files::Segments(folder)).await
        }
        Location::Live(LiveLocation::Pipe { path, pcm }) => {
            pipe::run(context, path.as_deref(), *pcm).await
        }
        #[cfg(feature = "device")]
        Location::Device(name) => device::run(context, name).await,
        // The configuration refuses it.
        #[cfg(not(feature = "device"))]
        Location::Device(_) => {
            let error = OpenError::new(FailureReason::Unsupported, crate::sources::NO_DEVICES);
            Err(error.into())
        }
    };
    match ended {
        Ok(never) => match never {},
        Err(end) => end,
    }
}

async fn file_turn(context: &Context<'_>) -> Result<OwnedSemaphorePermit, OpenError> {
    thread_turn(context).await.ok_or_else(|| {
        let text =
            "an earlier attempt still waits for the file; is its disk or network share there?";
        OpenError::new(FailureReason::File, text)
    })
}

/// Waits for the thread of an earlier attempt. A dead disk or sound server keeps it for ever,
/// and each further thread would be lost in the same way.
async fn thread_turn(context: &Context<'_>) -> Option<OwnedSemaphorePermit> {
    let turn = Arc::clone(context.thread_turn).acquire_owned();
    timeout(context.connect.timeout, turn).await.ok()?.ok()
}

/// A session ends in an [`End`], never in success.
type Ended = Result<std::convert::Infallible, End>;

impl From<OpenError> for End {
    fn from(error: OpenError) -> Self {
        Self::NotOpened(error)
    }
}

impl From<SessionEnd> for End {
    fn from(end: SessionEnd) -> Self {
        Self::Closed(end)
    }
}
