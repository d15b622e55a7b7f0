//! What processes held: the latest samples, which memory has, and before those what the history
//! remembers, or memory where it has nothing.

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
    memory::{Memory, Moment, Past},
};

/// Steps in which the history tells of growth.
const STEPS: u32 = 1_000;
/// The history has a process's samples so near to one another, or as far apart as they were taken.
const NEAR: Duration = Duration::from_secs(60);

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

/// What memory remembers of a process.
pub(super) fn of(memory: &Memory, name: &ProcessName) -> Past {
    memory.past(name).unwrap_or_default()
}

/// The last `count` moments, the oldest first.
pub(super) async fn newest(
    known: &Past,
    history: &History,
    name: &ProcessName,
    count: usize,
) -> Vec<Held> {
    let recent: Vec<Held> = known.recent().map(Held::from).collect();
    let missing = count.saturating_sub(recent.len());
    if missing == 0 {
        return recent[recent.len() - count..].to_vec();
    }
    let before = recent.first().map(|first| first.at);
    let page = memory_before(history, name, (None, before), Shape::Newest(missing)).await;
    let rows = page.map(|page| page.rows).unwrap_or_default();
    let told = rows.iter().filter_map(|row| held(row)).collect();
    let rare = known.rare().map(Held::from);
    let mut moments = filled(told, rare, |held| held.at, NEAR);
    moments.drain(..moments.len().saturating_sub(missing));
    moments.extend(recent);
    moments
}

/// How much a process held in the latest `span`.
pub(super) async fn levels(
    known: &Past,
    history: &History,
    name: &ProcessName,
    span: Duration,
) -> Vec<Level> {
    let recent: Vec<Held> = known.recent().map(Held::from).collect();
    let end = recent.last().map_or_else(SystemTime::now, |last| last.at);
    let Some(start) = end.checked_sub(span) else {
        return Vec::new();
    };
    let mut levels = Vec::new();
    let before = recent.first().map_or(end, |first| first.at);
    if before > start {
        let step = (span / STEPS).max(Duration::from_secs(1));
        let range = (Some(start), Some(before));
        let page = memory_before(history, name, range, Shape::Steps(step)).await;
        let rows = page.map(|page| page.rows).unwrap_or_default();
        let told = rows.iter().filter_map(|row| level(row)).collect();
        let rare = known.rare().map(Held::from).filter(|held| held.at >= start);
        let rare = rare.map(|held| Level::from(&held));
        levels = filled(told, rare, |level| level.at, step.max(NEAR));
    }
    let recent = recent.iter().filter(|held| held.at >= start);
    levels.extend(recent.map(Level::from));
    levels
}

/// What the history told, and of the rare moments that memory keeps those of which it told
/// nothing; the oldest first. What it told at a time holds for what comes within `lasts`.
fn filled<T>(
    mut told: Vec<T>,
    rare: impl Iterator<Item = T>,
    at: fn(&T) -> SystemTime,
    lasts: Duration,
) -> Vec<T> {
    told.sort_by_key(at);
    let within = |earlier: SystemTime, later: SystemTime, most: Duration| {
        let apart = later.duration_since(earlier);
        apart.is_ok_and(|apart| apart < most)
    };
    let is_told = |moment: &T| {
        let moment = at(moment);
        let next = told.partition_point(|row| at(row) <= moment);
        let before = next.checked_sub(1).map(|before| at(&told[before]));
        let after = told.get(next).map(at);
        before.is_some_and(|before| within(before, moment, lasts))
            || after.is_some_and(|after| within(moment, after, NEAR))
    };
    let untold: Vec<T> = rare.filter(|moment| !is_told(moment)).collect();
    told.extend(untold);
    told.sort_by_key(at);
    told
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
        let known = of(memory, &status.name);
        for held in known.moments().map(Held::from).filter(range) {
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

impl From<&Held> for Level {
    fn from(held: &Held) -> Self {
        Self {
            at: held.at,
            bytes: held.resident,
            least: held.resident,
            most: held.resident,
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

#[cfg(test)]
#[path = "past/tests.rs"]
mod tests;
