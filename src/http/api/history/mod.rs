//! `/api/v1/history…`: what was, by kind of record.

mod export;
mod query;
mod table;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use hyper::{Response, StatusCode, header, http::request::Parts};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::timeout;

pub(super) use self::export::export;
pub(super) use self::query::Asked;
use self::table::send;
pub(in crate::http) use self::{query::parameters, table::schema};
use crate::{
    history::{
        History, HistoryState, Kind, MOST_ROWS, Page, Query, ReadError, Shape, WriteFailure,
    },
    http::{
        negotiate,
        problem::{Problem, json},
        reply::Body,
        resource::Extent,
    },
    id::ProcessName,
};

/// `GET /api/v1/history`.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "HistoryStatus")]
pub(in crate::http) struct Status {
    state: HistoryState,
    problem: Option<String>,
    records_written: u64,
    records_lost: u64,
    write_failures: Vec<Failures>,
    size_bytes: u64,
    kinds: Vec<Kind>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "HistoryFailures")]
struct Failures {
    reason: WriteFailure,
    count: u64,
}

pub(super) async fn answer(
    history: &Arc<History>,
    asked: Option<(Kind, Extent)>,
    head: &Parts,
) -> Response<Body> {
    let answered = match asked {
        None => Ok(json(&status(history))),
        Some((kind, Extent::Part)) => records(history, kind, head).await,
        Some((kind, Extent::All)) => {
            let none = || Err(problem(&ReadError::Off));
            export(history, kind, head, &none).await
        }
    };
    answered.unwrap_or_else(Problem::into_reply)
}

fn status(history: &History) -> Status {
    let status = history.status();
    let failures = WriteFailure::ALL.iter().map(|reason| Failures {
        reason: *reason,
        count: status.failures[reason.index()],
    });
    Status {
        state: status.state,
        problem: status.problem.clone(),
        records_written: status.written,
        records_lost: status.lost,
        write_failures: failures.collect(),
        size_bytes: status.bytes,
        kinds: Kind::ALL.to_vec(),
    }
}

async fn records(history: &History, kind: Kind, head: &Parts) -> Result<Response<Body>, Problem> {
    let asked = Asked::of(kind, Extent::Part, head)?;
    let csv = asked.csv.unwrap_or_else(|| prefers_csv(head));
    let page = history
        .read(asked.query)
        .await
        .map_err(|error| problem(&error))?;
    Ok(send(kind, &page, csv))
}

pub(super) fn prefers_csv(head: &Parts) -> bool {
    let accept = head.headers.get(header::ACCEPT);
    negotiate::csv_rather_than_json(accept.and_then(|value| value.to_str().ok()))
}

/// Who asks what memory knows as well waits no longer for the history.
const SOON: Duration = Duration::from_secs(2);

/// What a process held before a moment, as far as there is a history that tells it soon; the rows
/// of [`Kind::Memory`], the oldest first.
pub(super) async fn memory_before(
    history: &History,
    process: &ProcessName,
    (from, to): (Option<SystemTime>, Option<SystemTime>),
    shape: Shape,
) -> Option<Page> {
    let query = Query {
        kind: Kind::Memory,
        subject: Some(process.to_string()),
        from,
        to,
        shape,
    };
    timeout(SOON, history.read(query)).await.ok()?.ok()
}

pub(super) fn problem(error: &ReadError) -> Problem {
    let (status, remedy) = match error {
        ReadError::Off => (
            StatusCode::CONFLICT,
            "Set `history.path` in the configuration and reload.".to_owned(),
        ),
        ReadError::Unavailable(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "/api/v1/history tells how it fares; ask again when the file at `history.path` can be used.".to_owned(),
        ),
        ReadError::Busy | ReadError::Stopped => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Ask again in a few seconds.".to_owned(),
        ),
        ReadError::Unanswered => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Look at the disk of `history.path`, its mount or its server.".to_owned(),
        ),
        ReadError::TooLong => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Ask for a shorter time with `from` and `to`, or for one name.".to_owned(),
        ),
        ReadError::TooMany => (
            StatusCode::BAD_REQUEST,
            format!(
                "Ask for a larger `step`, a shorter time or one name: at most {MOST_ROWS} rows fit."
            ),
        ),
        ReadError::NoSteps => (
            StatusCode::BAD_REQUEST,
            "Leave `step` out.".to_owned(),
        ),
    };
    let busy = status == StatusCode::SERVICE_UNAVAILABLE;
    let words = error.to_string();
    let mut letters = words.chars();
    let detail: String = letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default();
    let problem = Problem::new(status, format!("{detail}."), remedy);
    if busy {
        problem.retry_after(5)
    } else {
        problem
    }
}
