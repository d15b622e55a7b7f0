//! Reloading the configuration over HTTP.

use std::time::Duration;

use hyper::{Response, StatusCode};
use tokio::sync::{mpsc, oneshot};

use super::{
    problem::Problem,
    reply::{Body, plain},
};

/// What the server asks of the capture side.
#[derive(Debug)]
pub enum Command {
    /// Read the configuration again and apply it.
    Reload {
        /// One line about what changed, or every mistake in the file, free of secrets.
        /// Nothing has changed when it was refused.
        reply: oneshot::Sender<Result<String, String>>,
    },
}

pub(super) async fn reload(commands: &mpsc::Sender<Command>, patience: Duration) -> Response<Body> {
    let (reply, answer) = oneshot::channel();
    match commands.try_send(Command::Reload { reply }) {
        Ok(()) => {}
        Err(mpsc::error::TrySendError::Full(_)) => {
            return unavailable("Earlier commands are still waiting.");
        }
        Err(mpsc::error::TrySendError::Closed(_)) => {
            return unavailable("The capture side takes no commands any more.");
        }
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

fn unavailable(detail: &str) -> Response<Body> {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        detail,
        "Try again in a few seconds; if that does not help, look at /-/healthy and the log.",
    )
    .retry_after(5)
    .into_reply()
}
