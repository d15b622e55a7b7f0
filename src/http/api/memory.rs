//! `/api/v1/memory/…`: what is watched, its past, and looks on demand.

mod chart;
pub(super) mod document;
mod past;
mod report;

use std::{sync::Arc, time::Duration};

use hyper::{Response, StatusCode, http::request::Parts};
use schemars::JsonSchema;
use serde::Serialize;

pub(in crate::http) use self::document::{Growth, Moments, Process};
use crate::{
    history::History,
    http::{
        parameters::{self, Parameter, Shape},
        problem::{Problem, json},
        reply::Body,
        resource::MemoryView,
    },
    id::ProcessName,
    memory::{Memory, Stopped},
};

/// Moments in an answer unless the client asks for another number, and at most.
const MOMENTS: u64 = 50;
const MOST_MOMENTS: u64 = 5_000;
/// Minutes that growth is told of unless the client asks for others, and at most: a month.
const MINUTES: u64 = 30;
const MOST_MINUTES: u64 = 44_640;

/// How long a look on demand may take: one of a process with much memory takes tens of
/// milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

const PROCESS: Parameter = Parameter::new("process", Shape::Name, "Only this process.");
const COUNT: Parameter = Parameter::new(
    "count",
    Shape::Number(1, MOST_MOMENTS),
    "At most so many moments of each process; 50 unless given.",
);
const SPAN: Parameter = Parameter::new(
    "minutes",
    Shape::Number(1, MOST_MINUTES),
    "How far back; 30 unless given.",
);

/// What may be asked of a view; an export has the parameters of the history.
pub(in crate::http) fn parameters(view: MemoryView) -> &'static [Parameter] {
    match view {
        MemoryView::History => &[PROCESS, COUNT],
        MemoryView::Growth => &[PROCESS, SPAN],
        MemoryView::Export => past::parameters(),
        MemoryView::Status | MemoryView::Report | MemoryView::Analyze | MemoryView::Baseline => {
            &[PROCESS]
        }
    }
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "{T}List")]
pub(in crate::http) struct Processes<T> {
    processes: Vec<T>,
}

/// Everybody, and whether they are still looked at.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "MemoryStatus")]
pub(in crate::http) struct Status {
    last_look_seconds_ago: f64,
    held_up: bool,
    processes: Vec<Process>,
}

/// How many baselines were set.
#[derive(JsonSchema, Serialize)]
pub(in crate::http) struct Baselines {
    baselines_set: usize,
}

pub(super) async fn answer(
    memory: &Memory,
    history: &Arc<History>,
    view: MemoryView,
    head: &Parts,
) -> Response<Body> {
    let told = async {
        match view {
            MemoryView::Export => past::export(memory, history, head).await,
            _ => tell(memory, history, view, head).await,
        }
    };
    let answered = match tokio::time::timeout(PATIENCE, told).await {
        Ok(answered) => answered,
        Err(_) => Err(busy()),
    };
    answered.unwrap_or_else(Problem::into_reply)
}

async fn tell(
    memory: &Memory,
    history: &History,
    view: MemoryView,
    head: &Parts,
) -> Result<Response<Body>, Problem> {
    let asked = parameters::of(head, parameters(view))?;
    let process = asked.text(&PROCESS).and_then(named);
    let watched: Vec<_> = memory
        .processes()
        .into_iter()
        .filter(|status| process.as_ref().is_none_or(|name| *name == status.name))
        .collect();
    if watched.is_empty() {
        return Err(unknown());
    }
    Ok(match view {
        MemoryView::Status => json(&Status {
            last_look_seconds_ago: memory.since_last_look().as_secs_f64(),
            held_up: memory.overdue().is_some(),
            processes: watched.iter().map(|status| Process::of(status)).collect(),
        }),
        MemoryView::History => {
            let count = asked.number(&COUNT).unwrap_or(MOMENTS) as usize;
            let mut processes = Vec::new();
            for status in &watched {
                let moments = past::newest(
                    &past::of(memory, &status.name),
                    history,
                    &status.name,
                    count,
                )
                .await;
                processes.push(Moments::of(&status.name, &moments));
            }
            json(&Processes { processes })
        }
        MemoryView::Growth => {
            let span = Duration::from_secs(60 * asked.number(&SPAN).unwrap_or(MINUTES));
            let mut processes = Vec::new();
            for status in &watched {
                let levels =
                    past::levels(&past::of(memory, &status.name), history, &status.name, span)
                        .await;
                processes.push(Growth::of(&status.name, &levels));
            }
            json(&Processes { processes })
        }
        MemoryView::Report => report::write(memory, history, &watched).await,
        // Answered before this, by its own parameters.
        MemoryView::Export => return Err(unknown()),
        MemoryView::Analyze => {
            let analyses = memory.analyze(process).await.map_err(stopped)?;
            json(&Processes {
                processes: analyses.iter().map(Process::in_depth).collect(),
            })
        }
        MemoryView::Baseline => {
            let baselines_set = memory.set_baseline(process).await.map_err(stopped)?;
            tracing::info!(baselines_set, "baselines of memory were set");
            let words = format!("{baselines_set} set");
            history.recorder().did("baseline", Ok(&words));
            json(&Baselines { baselines_set })
        }
    })
}

/// A process's name, which may also be that of this one.
fn named(name: &str) -> Option<ProcessName> {
    let own = (name == ProcessName::own().as_str()).then(ProcessName::own);
    own.or_else(|| ProcessName::new(name).ok())
}

fn unknown() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "No process of this name is watched.",
        "/api/v1/memory/status lists the names; `watch` in the configuration adds one.",
    )
}

fn busy() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "The watch over memory has not answered.",
        "Try again in a few seconds; if that does not help, look at the log.",
    )
    .retry_after(5)
}

fn stopped(_: Stopped) -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "Memory is not watched any more: the program stops.",
        "Ask again when it has started again.",
    )
}
