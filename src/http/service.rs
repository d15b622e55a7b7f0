//! What a request gets.

use std::sync::Arc;

use bytes::Bytes;
use hyper::{Method, Request, Response, StatusCode, body::Incoming, http::request::Parts};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    time::Instant,
};

use super::{
    Assets, Limits, WebOptions,
    access::Access,
    admission::{Admission, Peer},
    api, audio, body,
    commands::{Command, reload},
    events::Events,
    health,
    metrics::{HttpMetrics, Rejection},
    openapi::Description,
    page, probe,
    problem::Problem,
    profile,
    reply::{Body, reply},
    resource::Resource,
    route::Route,
    scrape::scrape,
};
use crate::{
    alarms::Book, buffers::Buffers, history::History, memory::Memory, metrics::Registry,
    objects::Objects, profiles::Profiler, status::Snapshot,
};

/// Everything that an answer needs; shared by all connections.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) telemetry_path: String,
    pub(super) assets: Assets,
    pub(super) limits: Limits,
    pub(super) admission: Admission,
    pub(super) web: watch::Receiver<Arc<WebOptions>>,
    pub(super) access: watch::Receiver<Arc<Access>>,
    pub(super) buffers: Arc<Buffers>,
    pub(super) memory: Arc<Memory>,
    pub(super) objects: Arc<Objects>,
    pub(super) history: Arc<History>,
    pub(super) alarms: Arc<Book>,
    pub(super) profiler: Arc<Profiler>,
    pub(super) metrics: Arc<HttpMetrics>,
    pub(super) registry: Arc<Registry>,
    pub(super) snapshot: watch::Receiver<Option<Arc<Snapshot>>>,
    pub(super) commands: mpsc::Sender<Command>,
    /// What is served, for programs.
    pub(super) description: Description,
    /// Requests in progress.
    pub(super) turns: Arc<Semaphore>,
    /// Probes in progress.
    pub(super) probes: Semaphore,
    /// Sockets that tell what happens.
    pub(super) events: Events,
    /// Clips and live streams in progress.
    pub(super) audio: audio::Turns,
    pub(super) started: Instant,
}

impl Service {
    pub(super) async fn answer(&self, request: Request<Incoming>, peer: &Peer) -> Response<Body> {
        let (head, body) = request.into_parts();
        let mut reply = match self.admission.admit(&head, peer).await {
            Ok(route) => self.respond(route, &head, body).await,
            Err(problem) => problem.into_reply(),
        };
        for (name, value) in &self.access.borrow().headers {
            reply.headers_mut().insert(name, value.clone());
        }
        reply
    }

    fn reject(&self, reason: Rejection, problem: Problem) -> Problem {
        self.metrics.reject(reason);
        problem
    }

    async fn respond(&self, route: Route, head: &Parts, body: Incoming) -> Response<Body> {
        let turn = match Arc::clone(&self.turns).try_acquire_owned() {
            Ok(turn) if !route.is_health() => Some(turn),
            Err(_) if !route.is_health() => {
                let problem = self.reject(Rejection::Requests, Problem::too_many());
                return problem.into_reply();
            }
            _ => None,
        };
        let mut reply = match route {
            Route::Page => self.page(),
            Route::PagePart(part) => reply(StatusCode::OK, part.content_type, part.text),
            Route::OpenApi => self.description.answer(&head.headers),
            Route::Events => self.events.answer(head, &self.metrics),
            Route::Telemetry => scrape(&self.registry, &self.metrics, &head.headers),
            Route::Healthy => health::healthy(self.age()),
            Route::Ready => health::ready(self.snapshot.borrow().as_ref()),
            Route::Asset { content_type, text } => reply(StatusCode::OK, content_type, text),
            Route::Probe => probe::probe(&self.commands, &self.probes, head).await,
            Route::Audio(sound) => audio::answer(&self.desk(), &sound, head).await,
            Route::Profile(wanted) => match self.read_if_any(head, body).await {
                Ok(_) => profile::answer(&self.profiler, wanted, head).await,
                Err(problem) => problem.into_reply(),
            },
            Route::Api(resource) => self.api(&resource, head, body).await,
            Route::Reload => match self.read(body).await {
                Ok(_) => reload(&self.commands, self.limits.command).await,
                Err(problem) => problem.into_reply(),
            },
        };
        // Listeners stay for hours; they have a limit of their own.
        if let Some(turn) = turn.filter(|_| !reply.body().is_live()) {
            reply.body_mut().hold(turn);
        }
        reply
    }

    fn age(&self) -> std::time::Duration {
        health::age(
            self.snapshot.borrow().as_ref(),
            self.started,
            Instant::now(),
        )
    }

    fn view(&self) -> api::View<'_> {
        api::View {
            snapshot: self.snapshot.borrow().clone(),
            buffers: &self.buffers,
            memory: &self.memory,
            objects: &self.objects,
            history: &self.history,
            alarms: &self.alarms,
            commands: (&self.commands, self.limits.command),
            age: self.age(),
            uptime: self.started.elapsed(),
        }
    }

    fn desk(&self) -> audio::Desk<'_> {
        audio::Desk {
            web: &self.web,
            snapshot: self.snapshot.borrow().clone(),
            buffers: &self.buffers,
            turns: &self.audio,
            limits: &self.limits,
            metrics: &self.metrics,
        }
    }

    fn page(&self) -> Response<Body> {
        let snapshot = self.snapshot.borrow().clone();
        page::page(&page::View {
            snapshot: snapshot.as_deref(),
            age: self.age(),
            alarms: &self.alarms,
            telemetry_path: &self.telemetry_path,
            assets: self.assets,
        })
    }

    /// The request's body, also where nobody needs it: then the connection can go on.
    async fn read(&self, body: Incoming) -> Result<Bytes, Problem> {
        body::read(body, &self.limits)
            .await
            .map_err(|(reason, problem)| self.reject(reason, problem))
    }

    /// The same, but a body that comes with a question is not waited for.
    async fn read_if_any(&self, head: &Parts, body: Incoming) -> Result<Bytes, Problem> {
        match head.method {
            Method::GET | Method::HEAD => Ok(Bytes::new()),
            _ => self.read(body).await,
        }
    }

    async fn api(&self, resource: &Resource, head: &Parts, body: Incoming) -> Response<Body> {
        match self.read_if_any(head, body).await {
            Ok(body) => api::answer(&self.view(), resource, head, &body).await,
            Err(problem) => problem.into_reply(),
        }
    }
}
