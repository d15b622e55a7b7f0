//! Commands to the capture side, and the one that reloads the configuration.

use std::time::Duration;

use hyper::{Response, StatusCode};
use tokio::sync::{mpsc, oneshot};

use super::{
    problem::Problem,
    reply::{Body, plain},
};
use crate::probe::{Refused, Report};

/// What the server asks of the capture side.
#[derive(Debug)]
pub enum Command {
    /// Read the configuration again and apply it.
    Reload {
        /// One line about what changed, or every mistake in the file, free of secrets.
        /// Nothing has changed when it was refused.
        reply: oneshot::Sender<Result<String, String>>,
    },
    /// Probe a source, if the configuration allows it. A dropped receiver stops the probe.
    Probe {
        /// The source's name, as the client wrote it.
        target: String,
        /// How long to listen from the first audio on.
        listen: Duration,
        /// The longest that all of it may take.
        limit: Duration,
        /// What was found.
        reply: oneshot::Sender<Result<Report, Refused>>,
    },
}

pub(super) async fn reload(commands: &mpsc::Sender<Command>, patience: Duration) -> Response<Body> {
    let (reply, answer) = oneshot::channel();
    if let Err(refused) = send(commands, Command::Reload { reply }) {
        return refused;
    }
    match tokio::time::timeout(patience, answer).await {
        Ok(Ok(Ok(summary))) => plain(format!("{summary}\n")),
        Ok(Ok(Err(mistakes))) => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            mistakes,
            "Correct the configuration and reload again; the running one is unchanged.",
        )
        .into_reply(),
        Ok(Err(_)) => unavailable("The capture side dropped the command."),
        Err(_) => unavailable("The capture side has not answered yet; it may still reload."),
    }
}

/// Hands a command to the capture side, or says why it takes none.
#[expect(clippy::result_large_err, reason = "the error is the response")]
pub(super) fn send(
    commands: &mpsc::Sender<Command>,
    command: Command,
) -> Result<(), Response<Body>> {
    commands.try_send(command).map_err(|refused| match refused {
        mpsc::error::TrySendError::Full(_) => unavailable("Earlier commands are still waiting."),
        mpsc::error::TrySendError::Closed(_) => {
            unavailable("The capture side takes no commands any more.")
        }
    })
}

pub(super) fn unavailable(detail: &str) -> Response<Body> {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        detail,
        "Try again in a few seconds; if that does not help, look at /-/healthy and the log.",
    )
    .retry_after(5)
    .into_reply()
}
