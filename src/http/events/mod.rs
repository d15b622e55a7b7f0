//! `/api/v1/events`: a WebSocket that tells what `/api/v1/status` and its likes show, as it
//! happens.
//!
//! A picture is written once, whoever listens. Each client has at most one message under way; one
//! that is slow misses the pictures in between, and one that takes nothing for long is dropped.
//! Source: RFC 6455.

mod feed;
mod handshake;
mod session;

use std::sync::Arc;

use hyper::{Response, StatusCode, header, http::request::Parts, upgrade::OnUpgrade};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use self::feed::{Feed, Press};
pub(super) use self::session::run;
use super::{
    guard,
    metrics::{HttpMetrics, Rejection},
    parameters,
    problem::Problem,
    reply::{Body, reply},
};
use crate::alarms::Book;

/// What sockets are opened from.
#[derive(Debug)]
pub(super) struct Events {
    turns: Arc<Semaphore>,
    press: Arc<Press>,
}

/// A connection that becomes a WebSocket once its answer is sent.
#[derive(Clone)]
pub(super) struct Accepted {
    upgrade: OnUpgrade,
    press: Arc<Press>,
    _turn: Arc<OwnedSemaphorePermit>,
}

impl Events {
    /// At most so many `sockets` at once.
    pub(super) fn new(
        sockets: usize,
        snapshot: feed::Snapshots,
        alarms: Arc<Book>,
        web: feed::Web,
        started: Instant,
    ) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(sockets.min(Semaphore::MAX_PERMITS))),
            press: Arc::new(Press::new(snapshot, alarms, web, started)),
        }
    }

    /// Answers a request for a socket. The connection finds an [`Accepted`] among the answer's
    /// extensions.
    pub(super) fn answer(&self, head: &Parts, metrics: &HttpMetrics) -> Response<Body> {
        self.accept(head, metrics)
            .unwrap_or_else(Problem::into_reply)
    }

    fn accept(&self, head: &Parts, metrics: &HttpMetrics) -> Result<Response<Body>, Problem> {
        // A browser opens sockets to anywhere for any page: the same-origin policy does not
        // cover them (RFC 6455 §10.2).
        if guard::is_foreign(head) {
            metrics.reject(Rejection::Origin);
            let detail = "A page of another origin asked for the events.";
            let remedy = "Open this server's own page, or ask with a program that sends no Origin.";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail, remedy));
        }
        parameters::of(head, &[])?;
        let key = handshake::key(head)?;
        let upgrade = head.extensions.get::<OnUpgrade>().cloned();
        let upgrade = upgrade.ok_or_else(handshake::not_a_socket)?;
        let turn = Arc::clone(&self.turns).try_acquire_owned().map_err(|_| {
            metrics.reject(Rejection::Requests);
            let detail = "There are as many event sockets at once as there may be.";
            let remedy = "Close a page that is open elsewhere, or ask /api/v1/status instead.";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail, remedy).retry_after(30)
        })?;
        let mut switching = reply(StatusCode::SWITCHING_PROTOCOLS, "application/json", "");
        let headers = switching.headers_mut();
        headers.remove(header::CONTENT_TYPE);
        headers.insert(
            header::CONNECTION,
            header::HeaderValue::from_static("upgrade"),
        );
        headers.insert(
            header::UPGRADE,
            header::HeaderValue::from_static("websocket"),
        );
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, handshake::accept(key));
        switching.extensions_mut().insert(Accepted {
            upgrade,
            press: Arc::clone(&self.press),
            _turn: Arc::new(turn),
        });
        Ok(switching)
    }
}

impl Accepted {
    fn feed(&self) -> Feed {
        Feed::new(Arc::clone(&self.press))
    }
}
