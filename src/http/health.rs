//! Liveness and readiness.

use std::{sync::Arc, time::Duration};

use hyper::{Response, StatusCode};
use tokio::time::Instant;

use super::{
    problem::Problem,
    reply::{Body, plain},
};
use crate::{
    alarms::Book,
    status::{Overall, STALE_AFTER, Snapshot},
};

/// How long ago the capture side last reported, or the server started.
pub(super) fn age(snapshot: Option<&Arc<Snapshot>>, started: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(snapshot.map_or(started, |snapshot| snapshot.taken))
}

/// How all of it is, alarms among it.
pub(super) fn overall(snapshot: Option<&Snapshot>, alarms: &Book, age: Duration) -> Overall {
    let mut overall = Overall::of(snapshot, age);
    alarms.add_to(&mut overall);
    overall
}

/// 200 while the capture side reports; says nothing about any camera.
pub(super) fn healthy(age: Duration) -> Response<Body> {
    if age <= STALE_AFTER {
        return plain("healthy\n");
    }
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        format!("The capture side has not reported for {} s.", age.as_secs()),
        "Restart the process; its log may say what happened. If it happens again, please report it.",
    )
    .into_reply()
}

/// 200 once the capture side has reported for the first time.
pub(super) fn ready(snapshot: Option<&Arc<Snapshot>>) -> Response<Body> {
    if snapshot.is_some() {
        return plain("ready\n");
    }
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "The capture side has not reported yet.",
        "Ask again in a second.",
    )
    .retry_after(1)
    .into_reply()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_side_that_never_reports_is_dead_after_as_long() {
        let started = Instant::now();
        let status = |later| healthy(age(None, started, started + later)).status();
        assert_eq!(status(STALE_AFTER), StatusCode::OK);
        let too_late = STALE_AFTER + Duration::from_secs(1);
        assert_eq!(status(too_late), StatusCode::SERVICE_UNAVAILABLE);
    }
}
