//! What a request gets.

use std::sync::Arc;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, header, http::request::Parts};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    time::Instant,
};

use super::{
    Assets, Limits,
    guard::Guard,
    health,
    metrics::{HttpMetrics, Rejection},
    page, probe,
    problem::Problem,
    reload::{Command, reload},
    reply::{Body, reply},
    scrape::scrape,
};
use crate::{metrics::Registry, status::Snapshot};

/// Who can reach a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exposure {
    /// Only this machine.
    Loopback,
    /// The network.
    Network,
}

/// Everything that an answer needs; shared by all connections.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) telemetry_path: String,
    pub(super) assets: Assets,
    pub(super) limits: Limits,
    pub(super) guard: Guard,
    pub(super) metrics: Arc<HttpMetrics>,
    pub(super) registry: Arc<Registry>,
    pub(super) snapshot: watch::Receiver<Option<Arc<Snapshot>>>,
    pub(super) commands: mpsc::Sender<Command>,
    /// Requests in progress.
    pub(super) turns: Arc<Semaphore>,
    /// Probes in progress.
    pub(super) probes: Semaphore,
    pub(super) started: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Page,
    Style,
    Telemetry,
    Healthy,
    Ready,
    Reload,
    Probe,
    Asset {
        content_type: &'static str,
        text: &'static str,
    },
}

impl Route {
    const fn methods(self) -> (&'static [Method], &'static str) {
        match self {
            Self::Reload => (&[Method::POST, Method::PUT], "POST, PUT"),
            _ => (&[Method::GET, Method::HEAD], "GET, HEAD"),
        }
    }

    /// Cheap, and asked by those who restart what does not answer: a busy server is not
    /// a dead one.
    const fn is_health(self) -> bool {
        matches!(self, Self::Healthy | Self::Ready)
    }
}

impl Service {
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        exposure: Exposure,
    ) -> Response<Body> {
        let (head, body) = request.into_parts();
        match self.admit(&head, exposure) {
            Ok(route) => self.respond(route, &head, body).await,
            Err(problem) => problem.into_reply(),
        }
    }

    fn reject(&self, reason: Rejection, problem: Problem) -> Problem {
        self.metrics.reject(reason);
        problem
    }

    fn admit(&self, head: &Parts, exposure: Exposure) -> Result<Route, Problem> {
        self.guard
            .check(head)
            .map_err(|(reason, problem)| self.reject(reason, problem))?;
        let route = self.route(head.uri.path());
        let public = route.is_some_and(|route| route.is_health() || route == Route::Telemetry);
        if exposure == Exposure::Network && !public {
            return Err(self.reject(Rejection::Exposure, self.not_on_the_network()));
        }
        let route = route.ok_or_else(|| {
            Problem::new(
                StatusCode::NOT_FOUND,
                "Nothing is served under this path.",
                "Start at /.",
            )
        })?;
        let (methods, allow) = route.methods();
        if methods.contains(&head.method) {
            return Ok(route);
        }
        let problem = Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "This path does not know the request's method.",
            format!("Use {allow}."),
        );
        Err(problem.with(header::ALLOW, allow))
    }

    fn route(&self, path: &str) -> Option<Route> {
        if path == self.telemetry_path {
            return Some(Route::Telemetry);
        }
        match path {
            "/" => Some(Route::Page),
            "/style.css" => Some(Route::Style),
            "/-/healthy" => Some(Route::Healthy),
            "/-/ready" => Some(Route::Ready),
            "/-/reload" => Some(Route::Reload),
            "/probe" => Some(Route::Probe),
            _ => self.asset(path),
        }
    }

    fn asset(&self, path: &str) -> Option<Route> {
        let name = path.strip_prefix('/')?;
        let (folder, file) = name.split_once('/')?;
        let content_type = match (folder, file.rsplit_once('.')?.1) {
            ("grafana", "json") => "application/json",
            ("alerts", "yaml") => "application/yaml",
            _ => return None,
        };
        let (_, text) = self.assets.iter().find(|(known, _)| *known == name)?;
        Some(Route::Asset { content_type, text })
    }

    fn not_on_the_network(&self) -> Problem {
        Problem::new(
            StatusCode::FORBIDDEN,
            format!(
                "This address can be reached from the network and has no authentication, so it serves \
                 only {}, /-/healthy and /-/ready.",
                self.telemetry_path
            ),
            "Ask on this machine over a loopback listener such as 127.0.0.1:10480, for example \
             through an SSH tunnel.",
        )
    }

    async fn respond(&self, route: Route, head: &Parts, body: Incoming) -> Response<Body> {
        let turn = match Arc::clone(&self.turns).try_acquire_owned() {
            Ok(turn) if !route.is_health() => Some(turn),
            Err(_) if !route.is_health() => {
                let problem = self.reject(Rejection::Requests, too_many());
                return problem.into_reply();
            }
            _ => None,
        };
        let mut reply = match route {
            Route::Page => self.page(),
            Route::Style => page::style(),
            Route::Telemetry => scrape(&self.registry, &self.metrics, &head.headers),
            Route::Healthy => health::healthy(self.age()),
            Route::Ready => health::ready(self.snapshot.borrow().as_ref()),
            Route::Asset { content_type, text } => reply(StatusCode::OK, content_type, text),
            Route::Probe => probe::probe(&self.commands, &self.probes, head).await,
            Route::Reload => match self.discard(body).await {
                Ok(()) => reload(&self.commands, self.limits.command).await,
                Err(problem) => problem.into_reply(),
            },
        };
        reply.body_mut().hold(turn);
        reply
    }

    fn age(&self) -> std::time::Duration {
        health::age(
            self.snapshot.borrow().as_ref(),
            self.started,
            Instant::now(),
        )
    }

    fn page(&self) -> Response<Body> {
        let snapshot = self.snapshot.borrow().clone();
        page::page(&page::View {
            snapshot: snapshot.as_deref(),
            age: self.age(),
            telemetry_path: &self.telemetry_path,
            assets: self.assets,
        })
    }

    /// Reads a body that nobody needs, so that the connection can go on.
    async fn discard(&self, body: Incoming) -> Result<(), Problem> {
        let read = Limited::new(body, self.limits.body_bytes).collect();
        match tokio::time::timeout(self.limits.body, read).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                let problem = Problem::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    format!(
                        "The request's body is larger than {} bytes.",
                        self.limits.body_bytes
                    ),
                    "Send no body.",
                );
                Err(self.reject(Rejection::Oversized, problem.close()))
            }
            Ok(Err(_)) => {
                let problem = Problem::new(
                    StatusCode::BAD_REQUEST,
                    "The request's body is broken.",
                    "Send no body.",
                );
                Err(self.reject(Rejection::Malformed, problem.close()))
            }
            Err(_) => {
                let problem = Problem::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "The request's body did not arrive in time.",
                    "Send no body.",
                );
                Err(self.reject(Rejection::SlowRequest, problem.close()))
            }
        }
    }
}

fn too_many() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "Too many requests are in progress.",
        "Ask less often, or raise --web.max-requests.",
    )
    .retry_after(1)
}
