//! What there is under `/api/v1/`.

use hyper::Method;

use super::access::Role;
use crate::{history::Kind, id::SourceId};

/// The methods that something knows, also as `Allow` lists them.
pub(super) type Methods = (&'static [Method], &'static str);

/// The methods of what can only be read.
pub(super) const READ_ONLY: Methods = (&[Method::GET, Method::HEAD], "GET, HEAD");

/// One thing under `/api/v1/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    /// `status`.
    Status,
    /// `sources`.
    Sources,
    /// `sources/{name}`.
    Source(SourceId),
    /// `sources/{name}/reconnect`.
    Reconnect(SourceId),
    /// `allocations`.
    Allocations,
    /// `objects`.
    Objects,
    /// `objects/{name}`, of which the name may be any text.
    Object(String),
    /// `history`, or one kind of its records: a part, or all of them.
    History(Option<(Kind, Extent)>),
    /// `memory/consumers`.
    Consumers,
    /// `memory/…`.
    Memory(MemoryView),
    /// `alarms`.
    Alarms,
    /// `memory/alerts`.
    MemoryAlerts,
    /// `alarms/{id}`, and what may be said of it.
    Alarm(String, Option<Verb>),
}

/// How much of what there is an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// A page, or steps.
    Part,
    /// Everything that fits the question.
    All,
}

/// What may be said of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// `acknowledge`: somebody has seen it.
    Acknowledge,
    /// `resolve`: it is over.
    Resolve,
}

/// What there is about memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MemoryView {
    Status,
    History,
    Growth,
    Export,
    Report,
    Analyze,
    Baseline,
}

impl MemoryView {
    const ALL: [Self; 7] = [
        Self::Status,
        Self::History,
        Self::Growth,
        Self::Export,
        Self::Report,
        Self::Analyze,
        Self::Baseline,
    ];

    /// Its path below `memory/`.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::History => "history",
            Self::Growth => "growth",
            Self::Export => "export",
            Self::Report => "report",
            Self::Analyze => "analyze",
            Self::Baseline => "baseline",
        }
    }

    fn of(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.path() == path)
    }
}

impl Resource {
    /// The resource at a path below `/api/v1/`. A name holds no character that would need
    /// an escape in a path, but clients may escape its colon.
    pub(super) fn of(path: &str) -> Option<Self> {
        let mut parts = path.split('/');
        match (parts.next()?, parts.next(), parts.next(), parts.next()) {
            ("status", None, None, None) => Some(Self::Status),
            ("sources", None, None, None) => Some(Self::Sources),
            ("sources", Some(name), None, None) => Some(Self::Source(source_id(name)?)),
            ("sources", Some(name), Some("reconnect"), None) => {
                Some(Self::Reconnect(source_id(name)?))
            }
            ("allocations", None, None, None) => Some(Self::Allocations),
            ("objects", None, None, None) => Some(Self::Objects),
            ("objects", Some(name), None, None) if !name.is_empty() => {
                Some(Self::Object(unescaped(name)))
            }
            ("history", None, None, None) => Some(Self::History(None)),
            ("history", Some(kind), rest, None) => {
                let kind = Kind::ALL.iter().find(|known| known.as_str() == kind)?;
                let extent = match rest {
                    None => Extent::Part,
                    Some("export") => Extent::All,
                    Some(_) => return None,
                };
                Some(Self::History(Some((*kind, extent))))
            }
            ("alarms", None, None, None) => Some(Self::Alarms),
            ("alarms", Some(id), verb, None) if !id.is_empty() => {
                let verb = match verb {
                    None => None,
                    Some("acknowledge") => Some(Verb::Acknowledge),
                    Some("resolve") => Some(Verb::Resolve),
                    Some(_) => return None,
                };
                Some(Self::Alarm(id.to_owned(), verb))
            }
            ("memory", Some("alerts"), None, None) => Some(Self::MemoryAlerts),
            ("memory", Some("consumers"), None, None) => Some(Self::Consumers),
            ("memory", Some(view), None, None) => MemoryView::of(view).map(Self::Memory),
            _ => None,
        }
    }

    /// The role that asking for it takes; to change it is another matter.
    pub(super) fn role(&self) -> Role {
        match self {
            Self::Status
            | Self::Sources
            | Self::Source(_)
            | Self::Reconnect(_)
            | Self::Allocations
            | Self::Objects
            | Self::Object(_)
            | Self::History(_)
            | Self::Consumers
            | Self::Memory(_)
            | Self::Alarms
            | Self::MemoryAlerts
            | Self::Alarm(..) => Role::Status,
        }
    }

    /// The methods it knows, also as `Allow` lists them.
    pub(super) fn methods(&self) -> Methods {
        match self {
            Self::Memory(MemoryView::Analyze | MemoryView::Baseline)
            | Self::Reconnect(_)
            | Self::Alarm(_, Some(_)) => (&[Method::POST], "POST"),
            Self::Status
            | Self::Sources
            | Self::Source(_)
            | Self::Objects
            | Self::Consumers
            | Self::History(_)
            | Self::Memory(_)
            | Self::Alarms
            | Self::MemoryAlerts
            | Self::Alarm(_, None) => READ_ONLY,
            Self::Object(_) => (
                &[
                    Method::GET,
                    Method::HEAD,
                    Method::PUT,
                    Method::POST,
                    Method::DELETE,
                ],
                "GET, HEAD, PUT, POST, DELETE",
            ),
            Self::Allocations => (&[Method::GET, Method::HEAD, Method::PUT], "GET, HEAD, PUT"),
        }
    }
}

/// Audio of one source, under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sound {
    /// `sources/{name}/clip.wav`.
    Clip(SourceId),
    /// `sources/{name}/live.wav`.
    Live(SourceId),
    /// Either in another format.
    NotWav,
}

impl Sound {
    /// The audio at a path below `/api/v1/`.
    pub(super) fn of(path: &str) -> Option<Self> {
        let (name, file) = path.strip_prefix("sources/")?.split_once('/')?;
        let source = source_id(name)?;
        match file.split_once('.')? {
            ("clip", "wav") => Some(Self::Clip(source)),
            ("live", "wav") => Some(Self::Live(source)),
            ("clip" | "live", other) if !other.contains('/') => Some(Self::NotWav),
            _ => None,
        }
    }
}

fn source_id(part: &str) -> Option<SourceId> {
    SourceId::new(&unescaped(part)).ok()
}

fn unescaped(part: &str) -> String {
    part.replace("%3A", ":").replace("%3a", ":")
}
