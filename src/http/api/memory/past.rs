//! What processes held: what memory remembers, and what the history remembers before that.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use hyper::{Response, http::request::Parts};

use crate::{
    history::{Cell, History, Kind, Page, Query, Shape},
    http::{
        api::history::{self, Asked, memory_before},
        parameters::Parameter,
        problem::Problem,
        reply::Body,
        resource::Extent,
    },
    id::ProcessName,
    memory::{Memory, Moment},
};

/// Steps in which the history tells of growth.
const STEPS: u32 = 1_000;

/// A process at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Held {
    pub(super) at: SystemTime,
    pub(super) resident: u64,
    pub(super) swap: u64,
    pub(super) heap: Option<u64>,
    pub(super) external: Option<u64>,
    pub(super) processes: u32,
}

/// How much a process held in a step of time, or at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Level {
    pub(super) at: SystemTime,
    pub(super) bytes: u64,
    pub(super) least: u64,
    pub(super) most: u64,
}

/// The last `count` moments, the oldest first.
pub(super) async fn newest(
    memory: &Memory,
    history: &History,
    name: &ProcessName,
    count: usize,
) -> Vec<Held> {
    let known = remembered(memory, name);
    let missing = count.saturating_sub(known.len());
    if missing == 0 {
        return known[known.len() - count..].to_vec();
    }
    let before = known.first().map(|first| first.at);
    let page = memory_before(history, name, (None, before), Shape::Newest(missing)).await;
    let rows = page.map(|page| page.rows).unwrap_or_default();
    let mut moments: Vec<Held> = rows.iter().filter_map(|row| held(row)).collect();
    moments.extend(known);
    moments
}

/// How much a process held in the latest `span`.
pub(super) async fn levels(
    memory: &Memory,
    history: &History,
    name: &ProcessName,
    span: Duration,
) -> Vec<Level> {
    let known = remembered(memory, name);
    let end = known.last().map_or_else(SystemTime::now, |last| last.at);
    let Some(start) = end.checked_sub(span) else {
        return Vec::new();
    };
    let mut levels = Vec::new();
    let before = known.first().map_or(end, |first| first.at);
    if before > start {
        let step = (span / STEPS).max(Duration::from_secs(1));
        let range = (Some(start), Some(before));
        let page = memory_before(history, name, range, Shape::Steps(step)).await;
        let rows = page.map(|page| page.rows).unwrap_or_default();
        levels.extend(rows.iter().filter_map(|row| level(row)));
    }
    let at_once = |held: &Held| Level {
        at: held.at,
        bytes: held.resident,
        least: held.resident,
        most: held.resident,
    };
    levels.extend(known.iter().filter(|held| held.at >= start).map(at_once));
    levels
}

/// What an export may be asked for.
pub(super) fn parameters() -> &'static [Parameter] {
    history::parameters(Kind::Memory, Extent::All)
}

/// `GET /api/v1/memory/export`: all samples there are, also where there is no history.
pub(super) async fn export(
    memory: &Memory,
    history: &Arc<History>,
    head: &Parts,
) -> Result<Response<Body>, Problem> {
    let asked = Asked::of(Kind::Memory, Extent::All, head)?;
    let remembered = || Ok(all_remembered(memory, &asked.query));
    history::export(history, Kind::Memory, head, &remembered).await
}

/// What is known without a history.
fn all_remembered(memory: &Memory, query: &Query) -> Page {
    let whole = |value: u64| Cell::Integer(value.cast_signed());
    let optional = |value: Option<u64>| value.map_or(Cell::Null, whole);
    let mut rows = Vec::new();
    let about = |name: &ProcessName| {
        let subject = query.subject.as_deref();
        subject.is_none_or(|subject| subject == name.as_str())
    };
    let range = |held: &Held| {
        query.from.is_none_or(|from| held.at >= from) && query.to.is_none_or(|to| held.at < to)
    };
    for status in memory.processes() {
        if !about(&status.name) {
            continue;
        }
        for held in remembered(memory, &status.name).into_iter().filter(range) {
            rows.push(vec![
                Cell::Time(held.at),
                Cell::Text(status.name.to_string()),
                whole(held.resident),
                whole(held.swap),
                optional(held.heap),
                optional(held.external),
                whole(u64::from(held.processes)),
            ]);
        }
    }
    Page {
        columns: vec![
            "time",
            "process",
            "resident_bytes",
            "swap_bytes",
            "heap_bytes",
            "external_bytes",
            "processes",
        ],
        rows,
        next: None,
    }
}

fn remembered(memory: &Memory, name: &ProcessName) -> Vec<Held> {
    let past = memory.past(name);
    let moments = past.iter().flat_map(|past| past.moments().map(Held::from));
    moments.collect()
}

impl From<&Moment> for Held {
    fn from(moment: &Moment) -> Self {
        Self {
            at: moment.at.wall(),
            resident: moment.resident,
            swap: moment.swap,
            heap: moment.heap,
            external: moment.external,
            processes: moment.processes,
        }
    }
}

fn held(row: &[Cell]) -> Option<Held> {
    let [
        Cell::Time(at),
        _,
        resident,
        swap,
        heap,
        external,
        processes,
        ..,
    ] = row
    else {
        return None;
    };
    Some(Held {
        at: *at,
        resident: bytes(resident)?,
        swap: bytes(swap).unwrap_or_default(),
        heap: bytes(heap),
        external: bytes(external),
        processes: bytes(processes).unwrap_or_default() as u32,
    })
}

fn level(row: &[Cell]) -> Option<Level> {
    let [Cell::Time(at), _, mean, least, most, ..] = row else {
        return None;
    };
    Some(Level {
        at: *at,
        bytes: bytes(mean)?,
        least: bytes(least)?,
        most: bytes(most)?,
    })
}

fn bytes(cell: &Cell) -> Option<u64> {
    match cell {
        Cell::Integer(whole) => u64::try_from(*whole).ok(),
        _ => None,
    }
}
