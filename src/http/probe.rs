//! `GET /probe?target=NAME`: one probe of one configured source, as Prometheus asks for it.

use std::{sync::Arc, time::Duration};

use hyper::{HeaderMap, Response, StatusCode, http::request::Parts};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{
    commands::{Command, send, unavailable},
    guard::is_foreign,
    parameters::{self, Parameter, Shape},
    problem::Problem,
    reply::Body,
    scrape::exposition,
};
use crate::{
    metrics::Registry,
    probe::{ProbeMetrics, Refused, Report},
};

/// Probes at once: each opens a session of its own.
pub(super) const AT_ONCE: usize = 4;
/// How long to listen from the first audio on, time permitting.
const LISTEN: Duration = Duration::from_secs(2);
/// What Prometheus announces as its patience, in seconds.
const SCRAPE_TIMEOUT: &str = "x-prometheus-scrape-timeout-seconds";
/// Its default patience (prometheus.io, `scrape_timeout`).
const DEFAULT_TIMEOUT: f64 = 10.0;
/// The longest that anybody may make a probe last, in seconds.
const LONGEST: f64 = 120.0;
/// How much sooner the answer is ready, in seconds.
const OFFSET: f64 = 0.5;
/// How long the answer may take beyond the probe's own limit.
const GRACE: Duration = Duration::from_secs(2);

/// What may be asked.
pub(super) const PARAMETERS: [Parameter; 2] = [TARGET, MODULE];
const TARGET: Parameter =
    Parameter::new("target", Shape::Text, "The name of a configured source.").needed();
const MODULE: Parameter = Parameter::new(
    "module",
    Shape::Word(&["audio"]),
    "How to probe; there is only one way.",
);

pub(super) async fn probe(
    commands: &mpsc::Sender<Command>,
    turns: &Semaphore,
    head: &Parts,
) -> Response<Body> {
    let target = match target(head.uri.query().unwrap_or_default()) {
        Ok(target) => target,
        Err(problem) => return problem.into_reply(),
    };
    // Nobody's page shall make this program connect to a camera.
    if is_foreign(head) {
        return forbidden("A page of another site asked for this.").into_reply();
    }
    let Ok(_turn) = turns.try_acquire() else {
        return unavailable("Too many probes are under way.");
    };
    let limit = limit(&head.headers);
    let (reply, answer) = oneshot::channel();
    let command = Command::Probe {
        target,
        listen: LISTEN,
        limit,
        reply,
    };
    if let Err(refused) = send(commands, command) {
        return refused;
    }
    match tokio::time::timeout(limit + GRACE, answer).await {
        Ok(Ok(Ok(report))) => expose(report, &head.headers),
        Ok(Ok(Err(Refused::NotAllowed))) => {
            forbidden("No source of this name may be probed.").into_reply()
        }
        Ok(Ok(Err(Refused::Pipe))) => pipe().into_reply(),
        Ok(Err(_)) | Err(_) => unavailable("The capture side has not answered."),
    }
}

fn expose(report: Report, headers: &HeaderMap) -> Response<Body> {
    // Its own registry: a probe's answer holds nothing of the program's own metrics.
    let mut registry = Registry::default();
    match registry.register(Arc::new(ProbeMetrics(report))) {
        Ok(()) => exposition(&registry, headers),
        Err(error) => Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            error.to_string(),
            "This is a bug; please report it.",
        )
        .into_reply(),
    }
}

fn forbidden(detail: &str) -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        detail,
        "Ask on this machine for a source by its configured name, as /probe?target=NAME; \
         `probe.targets` in the configuration lists those that are allowed.",
    )
}

fn pipe() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "This source is a pipe, and a second reader would take its audio away from the capture.",
        "Look at its series in /metrics instead, such as myaudio_source_up and \
         myaudio_signal_rms_ratio.",
    )
}

/// The one `target`; the one `module` there is need not be named.
pub(super) fn target(query: &str) -> Result<String, Problem> {
    let asked = parameters::read(query, &PARAMETERS)?;
    Ok(asked.text(&TARGET).unwrap_or_default().to_owned())
}

/// What Prometheus will wait for, a little less, so that it gets to see the failure.
pub(super) fn limit(headers: &HeaderMap) -> Duration {
    let announced = headers
        .get(SCRAPE_TIMEOUT)
        .and_then(|value| value.to_str().ok()?.parse::<f64>().ok())
        .filter(|seconds| seconds.is_finite() && *seconds > 0.0)
        .unwrap_or(DEFAULT_TIMEOUT)
        .min(LONGEST);
    Duration::from_secs_f64((announced - OFFSET).max(announced / 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_comes_before_the_scrape_times_out() {
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(SCRAPE_TIMEOUT, text.parse().unwrap());
            limit(&headers).as_secs_f64()
        };
        assert_eq!(of("5"), 4.5);
        assert_eq!(of("0.6"), 0.3);
        assert_eq!(of("1e300"), 119.5);
        for nonsense in ["", "-1", "NaN", "inf", "soon"] {
            assert_eq!(of(nonsense), 9.5, "{nonsense}");
        }
        assert_eq!(limit(&HeaderMap::new()).as_secs_f64(), 9.5);
    }

    #[test]
    fn only_one_target_is_understood() {
        assert_eq!(target("module=audio&target=a%3Ab").unwrap(), "a:b");
        for bad in [
            "",
            "target=a&target=b",
            "target=a&module=video",
            "url=a",
            "module=audio",
        ] {
            assert!(target(bad).is_err(), "{bad}");
        }
    }
}
