//! The API under `/api/v1/`: JSON about what the page and the metrics show.

pub(super) mod alarms;
pub(super) mod allocations;
mod buffer;
pub(super) mod consumers;
pub(super) mod history;
pub(super) mod live;
pub(super) mod memory;
pub(super) mod objects;
pub(super) mod sources;
pub(super) mod status;
mod values;

use std::{sync::Arc, time::Duration};

use hyper::{Response, http::request::Parts};
use tokio::sync::mpsc;

use super::{
    commands::{self, Command},
    parameters,
    problem::{Problem, json},
    reply::Body,
    resource::Resource,
};
use crate::{
    alarms::Book, buffers::Buffers, history::History, memory::Memory, objects::Objects,
    status::Snapshot,
};

/// What answers are made from.
pub(super) struct View<'a> {
    /// The last picture; `None` while the program starts.
    pub(super) snapshot: Option<Arc<Snapshot>>,
    pub(super) buffers: &'a Buffers,
    pub(super) memory: &'a Memory,
    pub(super) objects: &'a Objects,
    pub(super) history: &'a Arc<History>,
    pub(super) alarms: &'a Book,
    /// Where commands go, and how long an answer is waited for.
    pub(super) commands: (&'a mpsc::Sender<Command>, Duration),
    /// How old the picture is.
    pub(super) age: Duration,
    /// Since when the server runs.
    pub(super) uptime: Duration,
}

/// Answers a request whose method is known to fit.
pub(super) async fn answer(
    view: &View<'_>,
    resource: &Resource,
    head: &Parts,
    body: &[u8],
) -> Response<Body> {
    if let Err(problem) = read_nothing(resource, head) {
        return problem.into_reply();
    }
    match (resource, &view.snapshot) {
        (Resource::Status, snapshot) => json(&status::Status::of(
            snapshot.as_deref(),
            view.alarms,
            view.age,
            view.uptime,
        )),
        (Resource::Sources | Resource::Source(_), None) => Problem::starting().into_reply(),
        (Resource::Sources, Some(snapshot)) => json(&sources::all(snapshot)),
        (Resource::Source(id), Some(snapshot)) => match sources::one(snapshot, view.buffers, id) {
            Some(source) => json(&source),
            None => Problem::unknown_source().into_reply(),
        },
        (Resource::Reconnect(id), _) => {
            let (commands, patience) = view.commands;
            commands::reconnect(commands, id.clone(), patience).await
        }
        (Resource::Memory(what), _) => memory::answer(view.memory, view.history, *what, head).await,
        (Resource::Allocations, _) => allocations::answer(view.buffers, head, body),
        (Resource::Objects, _) => objects::all(view.objects),
        (Resource::Object(name), _) => objects::one(view.objects, name, head, body),
        (Resource::History(asked), _) => history::answer(view.history, *asked, head).await,
        (Resource::Consumers, _) => consumers::answer(view, head),
        (Resource::Alarms, _) => alarms::all(view.alarms, head, false),
        (Resource::MemoryAlerts, _) => alarms::all(view.alarms, head, true),
        (Resource::Alarm(id, verb), _) => alarms::one(view.alarms, id, *verb, head, body).await,
    }
}

/// Refuses a query of those that have no parameters; all others read theirs. Every resource is
/// named here, so that a new one does not take any query because nobody thought of it.
fn read_nothing(resource: &Resource, head: &Parts) -> Result<(), Problem> {
    match resource {
        Resource::Status
        | Resource::Sources
        | Resource::Source(_)
        | Resource::Reconnect(_)
        | Resource::Objects
        | Resource::Object(_)
        | Resource::History(None) => parameters::of(head, &[]).map(drop),
        Resource::Memory(_)
        | Resource::Allocations
        | Resource::History(Some(_))
        | Resource::Consumers
        | Resource::Alarms
        | Resource::MemoryAlerts
        | Resource::Alarm(..) => Ok(()),
    }
}
