//! Commands to the capture side.

use std::time::Duration;

use hyper::{Response, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::{
    problem::{Problem, json},
    reply::{Body, plain},
};
use crate::{
    id::SourceId,
    probe::{Refused, Report},
    supervisor::ReconnectRefused,
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
    /// Open a new session of a source.
    Reconnect {
        /// Whose.
        source: SourceId,
        /// Whether it is being opened.
        reply: oneshot::Sender<Result<(), ReconnectRefused>>,
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

/// What `POST /api/v1/sources/{name}/reconnect` answers.
#[derive(JsonSchema, Serialize)]
pub(super) struct Reconnecting {
    text: &'static str,
}

/// `POST /-/reload`.
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

/// `POST /api/v1/sources/{name}/reconnect`.
pub(super) async fn reconnect(
    commands: &mpsc::Sender<Command>,
    source: SourceId,
    patience: Duration,
) -> Response<Body> {
    let (reply, answer) = oneshot::channel();
    if let Err(refused) = send(commands, Command::Reconnect { source, reply }) {
        return refused;
    }
    match tokio::time::timeout(patience, answer).await {
        Ok(Ok(Ok(()))) => {
            let mut reply = json(&Reconnecting {
                text: "A new session is being opened.",
            });
            *reply.status_mut() = StatusCode::ACCEPTED;
            reply
        }
        Ok(Ok(Err(refused))) => not_reconnected(refused).into_reply(),
        Ok(Err(_)) => unavailable("The capture side dropped the command."),
        Err(_) => unavailable("The capture side has not answered yet; it may still reconnect."),
    }
}

fn not_reconnected(refused: ReconnectRefused) -> Problem {
    match refused {
        ReconnectRefused::Unknown => Problem::unknown_source(),
        ReconnectRefused::Disabled => Problem::new(
            StatusCode::CONFLICT,
            "The source is switched off.",
            "Set `enabled: true` for it in the configuration and reload.",
        ),
        ReconnectRefused::TooSoon(rest) => Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "A new session was asked for a moment ago.",
            "See in /api/v1/sources what has become of it; ask again in some seconds.",
        )
        .retry_after(rest.as_secs() as u32 + 1),
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
