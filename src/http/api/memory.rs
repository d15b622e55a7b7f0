//! `/api/v1/memory/…`: what is watched, its past, and looks on demand.

mod chart;
pub(super) mod document;
mod past;
mod report;

use std::time::{Duration, SystemTime};

use hyper::{Response, StatusCode, http::request::Parts};
use serde::Serialize;

use self::document::{Growth, Moments, Process};
use super::json;
use crate::{
    history::{History, Operation},
    http::{problem::Problem, reply::Body, resource::MemoryView},
    id::ProcessName,
    memory::{Memory, Stopped},
};

/// Moments in an answer unless the client asks for another number, and at most.
const MOMENTS: usize = 50;
const MOST_MOMENTS: usize = 5_000;
/// Minutes that growth is told of unless the client asks for others, and at most: a month.
const MINUTES: u64 = 30;
const MOST_MINUTES: u64 = 44_640;

/// How long a look on demand may take: one of a process with much memory takes tens of
/// milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked, as the query says it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Query {
    process: Option<ProcessName>,
    number: Option<u64>,
}

#[derive(Serialize)]
struct Processes<T> {
    processes: Vec<T>,
}

/// Everybody, and whether they are still looked at.
#[derive(Serialize)]
struct Status {
    last_look_seconds_ago: f64,
    held_up: bool,
    processes: Vec<Process>,
}

/// How many baselines were set.
#[derive(Serialize)]
struct Baselines {
    baselines_set: usize,
}

pub(super) async fn answer(
    memory: &Memory,
    history: &History,
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
    let query = Query::parse(view, head.uri.query().unwrap_or_default())?;
    let watched: Vec<_> = memory
        .processes()
        .into_iter()
        .filter(|status| {
            query
                .process
                .as_ref()
                .is_none_or(|name| *name == status.name)
        })
        .collect();
    if watched.is_empty() {
        return Err(unknown());
    }
    let number = |usual: u64| query.number.unwrap_or(usual);
    Ok(match view {
        MemoryView::Status => json(&Status {
            last_look_seconds_ago: memory.since_last_look().as_secs_f64(),
            held_up: memory.overdue().is_some(),
            processes: watched.iter().map(|status| Process::of(status)).collect(),
        }),
        MemoryView::History => {
            let count = number(MOMENTS as u64) as usize;
            let mut processes = Vec::new();
            for status in &watched {
                let moments = past::newest(memory, history, &status.name, count).await;
                processes.push(Moments::of(&status.name, &moments));
            }
            json(&Processes { processes })
        }
        MemoryView::Growth => {
            let span = Duration::from_secs(60 * number(MINUTES));
            let mut processes = Vec::new();
            for status in &watched {
                let levels = past::levels(memory, history, &status.name, span).await;
                processes.push(Growth::of(&status.name, &levels));
            }
            json(&Processes { processes })
        }
        MemoryView::Report => report::write(memory, history, &watched).await,
        // Answered before this, by its own parameters.
        MemoryView::Export => return Err(unknown()),
        MemoryView::Analyze => {
            let analyses = memory.analyze(query.process).await.map_err(stopped)?;
            json(&Processes {
                processes: analyses.iter().map(Process::in_depth).collect(),
            })
        }
        MemoryView::Baseline => {
            let baselines_set = memory.set_baseline(query.process).await.map_err(stopped)?;
            tracing::info!(baselines_set, "baselines of memory were set");
            history.recorder().record(Operation {
                at: SystemTime::now(),
                operation: "baseline",
                outcome: "done",
                words: format!("{baselines_set} set"),
            });
            json(&Baselines { baselines_set })
        }
    })
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

impl Query {
    fn parse(view: MemoryView, query: &str) -> Result<Self, Problem> {
        let (number, most) = match view {
            MemoryView::History => ("count", MOST_MOMENTS as u64),
            MemoryView::Growth => ("minutes", MOST_MINUTES),
            _ => ("", 0),
        };
        let wrong = |detail: String| {
            let more = match number {
                "" => String::new(),
                number => format!("&{number}=30"),
            };
            let path = view.path();
            let remedy =
                format!("Ask for /api/v1/memory/{path}?process=NAME{more}, each at most once.");
            Problem::new(StatusCode::BAD_REQUEST, detail, remedy)
        };
        let mut asked = Self::default();
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let again = if key == "process" {
                let own = (value == ProcessName::own().as_str()).then(ProcessName::own);
                let name = own.or_else(|| ProcessName::new(&value).ok());
                let name =
                    name.ok_or_else(|| wrong("`process` is not a process's name.".to_owned()))?;
                asked.process.replace(name).is_some()
            } else if !number.is_empty() && key == number {
                let value = value.parse().ok().filter(|n| (1..=most).contains(n));
                let value = value.ok_or_else(|| {
                    wrong(format!("`{number}` is not a number from 1 to {most}."))
                })?;
                asked.number.replace(value).is_some()
            } else {
                return Err(wrong(
                    "There is a parameter that is not known here.".to_owned(),
                ));
            };
            if again {
                return Err(wrong("A parameter is there twice.".to_owned()));
            }
        }
        Ok(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_parameters_are_understood() {
        let history = |query| Query::parse(MemoryView::History, query);
        let asked = history("process=bird%3A1&count=7").unwrap();
        assert_eq!(asked.process.unwrap().as_str(), "bird:1");
        assert_eq!(asked.number, Some(7));
        assert!(history("process=self").unwrap().process.unwrap().is_own());
        assert_eq!(history("").unwrap(), Query::default());
        for bad in [
            "count=0",
            "count=5001",
            "count=-1",
            "count=1&count=1",
            "process=",
            "process=..%2F..",
            "process=a&process=a",
            "minutes=5",
            "x",
        ] {
            assert!(history(bad).is_err(), "{bad}");
        }
        assert!(Query::parse(MemoryView::Growth, "minutes=44640").is_ok());
        assert!(Query::parse(MemoryView::Growth, "minutes=44641").is_err());
        assert!(Query::parse(MemoryView::Status, "count=1").is_err());
    }
}
