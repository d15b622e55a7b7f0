//! What there is under `/api/v1/`.

use hyper::Method;

use super::access::Role;
use crate::id::SourceId;

/// The methods that something knows, also as `Allow` lists them.
pub(super) type Methods = (&'static [Method], &'static str);

/// The methods of what can only be read.
pub(super) const READ_ONLY: Methods = (&[Method::GET, Method::HEAD], "GET, HEAD");

/// One thing under `/api/v1/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    /// `sources`.
    Sources,
    /// `sources/{name}`.
    Source(SourceId),
    /// `allocations`.
    Allocations,
    /// `objects`.
    Objects,
    /// `objects/{name}`, of which the name may be any text.
    Object(String),
    /// `memory/consumers`.
    Consumers,
    /// `memory/…`.
    Memory(MemoryView),
}

/// What there is about memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MemoryView {
    Status,
    History,
    Growth,
    Analyze,
    Baseline,
}

impl MemoryView {
    const ALL: [Self; 5] = [
        Self::Status,
        Self::History,
        Self::Growth,
        Self::Analyze,
        Self::Baseline,
    ];

    /// Its path below `memory/`.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::History => "history",
            Self::Growth => "growth",
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
            ("sources", None, None, None) => Some(Self::Sources),
            ("sources", Some(name), None, None) => Some(Self::Source(source_id(name)?)),
            ("allocations", None, None, None) => Some(Self::Allocations),
            ("objects", None, None, None) => Some(Self::Objects),
            ("objects", Some(name), None, None) if !name.is_empty() => {
                Some(Self::Object(unescaped(name)))
            }
            ("memory", Some("consumers"), None, None) => Some(Self::Consumers),
            ("memory", Some(view), None, None) => MemoryView::of(view).map(Self::Memory),
            _ => None,
        }
    }

    /// The role that asking for it takes; to change it is another matter.
    pub(super) fn role(&self) -> Role {
        match self {
            Self::Sources
            | Self::Source(_)
            | Self::Allocations
            | Self::Objects
            | Self::Object(_)
            | Self::Consumers
            | Self::Memory(_) => Role::Status,
        }
    }

    /// The methods it knows, also as `Allow` lists them.
    pub(super) fn methods(&self) -> Methods {
        match self {
            Self::Memory(MemoryView::Analyze | MemoryView::Baseline) => (&[Method::POST], "POST"),
            Self::Sources | Self::Source(_) | Self::Objects | Self::Consumers | Self::Memory(_) => {
                READ_ONLY
            }
            Self::Object(_) => (
                &[Method::GET, Method::HEAD, Method::PUT, Method::POST],
                "GET, HEAD, PUT, POST",
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
