//! One session's loop: next → decode → measure → push.
//!
//! This is where the organs meet: a source yields packets, a decoder makes samples of
//! them, the meter measures them, the ring keeps them, and the account is told of each
//! second. Nothing here retries; the supervisor does.

mod container;
mod files;
mod live;
mod packets;
mod pipe;
mod sink;
mod watch;

use crate::{
    buffers::Asker,
    decode::Opened,
    shutdown::Tasks,
    signal::Meter,
    sources::{
        Account, ConnectOptions, LiveLocation, Location, OpenError, SessionEnd, SourceOptions,
        open_file,
    },
};

/// What a session needs.
pub struct Context<'a> {
    /// Where its helpers are spawned.
    pub tasks: &'a Tasks,
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
}

/// How a session ended.
#[derive(Debug)]
pub enum End {
    /// It never yielded audio that can be used.
    NotOpened(OpenError),
    /// It was open and is over.
    Closed(SessionEnd),
    /// A file was played to its end.
    Finished,
}

/// Runs one session to its end.
///
/// Cancellation safe: dropping the future closes what it opened; audio already pushed
/// stays in the buffer.
pub async fn run(context: &Context<'_>) -> End {
    let ended = match &context.options.location {
        Location::Rtsp(target) => packets::run(context, target).await,
        Location::File { path, looped } => {
            let path = path.clone();
            let open =
                move || open_file(&path).map(|source| Opened::file(source.file, source.extension));
            container::run(context, Box::new(open), *looped).await
        }
        Location::Live(LiveLocation::Follow { path }) => files::follow(context, path).await,
        Location::Live(LiveLocation::Segments(folder)) => files::segments(context, folder).await,
        Location::Live(LiveLocation::Pipe { path, pcm }) => {
            pipe::run(context, path.as_deref(), *pcm).await
        }
    };
    match ended {
        Ok(never) => match never {},
        Err(end) => end,
    }
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
