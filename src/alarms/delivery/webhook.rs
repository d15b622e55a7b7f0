//! One webhook: what waits for it is sent in order, each until it is taken.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use tokio::sync::Notify;

use super::{
    outbox::Outbox,
    post::{Failure, post},
};
use crate::{
    alarms::{
        book::Book,
        options::Endpoint,
        tally::{Channel, FailureReason},
    },
    backoff::{Backoff, Policy},
    net::Dialler,
};

/// Sends what waits, for ever. `taken` is told when something went.
///
/// To be dropped when it is no longer wanted: what was under way may have arrived.
pub(super) async fn run(
    outbox: Arc<Outbox>,
    name: String,
    endpoint: Endpoint,
    dialler: Arc<Dialler>,
    book: Arc<Book>,
    taken: Arc<Notify>,
) {
    let tally = book.tally();
    let mut trouble = Trouble::new(name, Arc::clone(&book));
    loop {
        let parcel = outbox.next().await;
        if parcel.is_stale(SystemTime::now()) {
            tally.note_failed(Channel::Webhook, FailureReason::Dropped);
            tracing::warn!(
                id = parcel.id,
                to = endpoint.host(),
                "not sent within a day: dropped"
            );
            outbox.done(&parcel.id);
            taken.notify_one();
            continue;
        }
        let body = Bytes::from(parcel.body.to_string());
        let sent = post(&dialler, &endpoint, &endpoint.url, &parcel.id, body).await;
        let failure = match sent {
            Ok(()) => {
                tally.note_sent(Channel::Webhook, 1);
                trouble.over();
                None
            }
            Err(failure) => {
                tally.note_failed(Channel::Webhook, failure.reason);
                trouble.note(&failure);
                Some(failure)
            }
        };
        match failure {
            Some(failure) if !failure.is_final => trouble.pause().await,
            _ => {
                outbox.done(&parcel.id);
                taken.notify_one();
            }
        }
    }
}

/// Attempts that fail: how long to wait, and that the log and the status hear of it.
#[derive(Debug)]
pub(super) struct Trouble {
    /// Of the target, with the host that it is at.
    name: String,
    book: Arc<Book>,
    backoff: Backoff,
    told: Option<FailureReason>,
}

impl Trouble {
    pub(super) fn new(name: String, book: Arc<Book>) -> Self {
        Self {
            name,
            book,
            backoff: Backoff::default(),
            told: None,
        }
    }

    pub(super) fn over(&mut self) {
        self.backoff = Backoff::default();
        self.book.troubles().over(&self.name);
        if self.told.take().is_some() {
            tracing::info!("{} takes notifications again", self.name);
        }
    }

    pub(super) fn note(&mut self, failure: &Failure) {
        self.backoff.failed();
        let problem = &failure.problem;
        self.book.troubles().note(&self.name, problem);
        if self.told.replace(failure.reason) != Some(failure.reason) {
            tracing::warn!("{}: a notification failed: {problem}", self.name);
        }
    }

    /// The jittered time until the next attempt. Cancellation safe.
    pub(super) async fn pause(&self) {
        let minutes = Duration::from_secs(300);
        let policy = Policy::new(Duration::from_secs(1), minutes, Duration::ZERO);
        let delay = self
            .backoff
            .delay(&policy.unwrap_or_default(), Backoff::random_unit());
        tokio::time::sleep(delay).await;
    }
}

impl Drop for Trouble {
    /// A target that is gone fails nobody.
    fn drop(&mut self) {
        self.book.troubles().over(&self.name);
    }
}
