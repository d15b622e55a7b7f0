//! `/api/v1/objects`: how many of a thing there are, by name; and other programs' reports.

use std::time::Instant;

use hyper::{Method, Response, StatusCode, http::request::Parts};
use serde::{Deserialize, Serialize};

use super::json;
use crate::{
    http::{body, problem::Problem, reply::Body},
    objects::{Amount, MAX_REPORTERS, Name, Objects, Report, ReportError, Status, Thresholds},
};

/// `GET /api/v1/objects`.
#[derive(Serialize)]
struct All {
    objects: Vec<Object>,
}

/// One object.
#[derive(Serialize)]
struct Object {
    name: String,
    own: bool,
    count: u64,
    bytes: Option<u64>,
    peak_count: u64,
    peak_bytes: Option<u64>,
    max_count: Option<u64>,
    max_bytes: Option<u64>,
    over_threshold: bool,
    growing: bool,
    reporters: Vec<Reporter>,
}

/// One reporter's part.
#[derive(Serialize)]
struct Reporter {
    name: String,
    count: u64,
    bytes: Option<u64>,
    age_seconds: f64,
}

/// The body of a `PUT`: what there is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Put {
    reporter: String,
    count: u64,
    bytes: Option<u64>,
}

/// The body of a `POST`: what came and went.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Post {
    reporter: String,
    count: i64,
    bytes: Option<i64>,
}

pub(super) fn all(objects: &Objects) -> Response<Body> {
    let all = objects.all(Instant::now());
    json(&All {
        objects: all.into_iter().map(Object::from).collect(),
    })
}

pub(super) fn one(objects: &Objects, name: &str, head: &Parts, body: &[u8]) -> Response<Body> {
    let now = Instant::now();
    let status = match head.method {
        Method::PUT => put(objects, now, name, body),
        Method::POST => post(objects, now, name, body),
        Method::DELETE => objects.forget(now, name).map_err(refused),
        _ => objects.one(now, name).ok_or_else(unknown),
    };
    match status {
        Ok(status) => json(&Object::from(status)),
        Err(problem) => problem.into_reply(),
    }
}

fn put(objects: &Objects, now: Instant, name: &str, body: &[u8]) -> Result<Status, Problem> {
    let put: Put = body::json(
        body,
        r#"{"reporter": "recorder-1", "count": 12, "bytes": 4096}"#,
    )?;
    let amount = Amount {
        count: put.count,
        bytes: put.bytes,
    };
    let reporter = reporter(&put.reporter)?;
    objects.set(now, name, reporter, amount).map_err(refused)
}

fn post(objects: &Objects, now: Instant, name: &str, body: &[u8]) -> Result<Status, Problem> {
    let post: Post = body::json(
        body,
        r#"{"reporter": "recorder-1", "count": -1, "bytes": -4096}"#,
    )?;
    let reporter = reporter(&post.reporter)?;
    objects
        .change(now, name, reporter, post.count, post.bytes)
        .map_err(refused)
}

fn reporter(name: &str) -> Result<Name, Problem> {
    Name::new(name).map_err(|invalid| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "`reporter` is not a name.",
            format!("Say who reports, the same each time: {invalid}."),
        )
    })
}

fn unknown() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "No object of this name is tracked.",
        "/api/v1/objects lists the names; add a `name` to `objects` in the configuration and reload.",
    )
}

fn refused(error: ReportError) -> Problem {
    match error {
        ReportError::Unknown => unknown(),
        ReportError::Own => Problem::new(
            StatusCode::CONFLICT,
            "This program counts this object itself.",
            "Add another `name` to `objects` in the configuration and report under that.",
        ),
        ReportError::TooMany => Problem::new(
            StatusCode::CONFLICT,
            format!("{MAX_REPORTERS} others report this object already."),
            "Use the same `reporter` each time; one that falls silent makes room after its \
             `expire_after`.",
        ),
        ReportError::OutOfRange => Problem::new(
            StatusCode::CONFLICT,
            "The change leads below zero, or beyond what can be counted.",
            "The reporter may have expired in between: PUT what there is, then go on.",
        ),
    }
}

impl From<Status> for Object {
    fn from(status: Status) -> Self {
        let Status {
            name,
            own,
            amount,
            peak,
            thresholds:
                Thresholds {
                    max_count,
                    max_bytes,
                },
            over,
            growing,
            reports,
        } = status;
        Self {
            name,
            own,
            count: amount.count,
            bytes: amount.bytes,
            peak_count: peak.count,
            peak_bytes: peak.bytes,
            max_count,
            max_bytes,
            over_threshold: over,
            growing,
            reporters: reports.into_iter().map(Reporter::from).collect(),
        }
    }
}

impl From<Report> for Reporter {
    fn from(report: Report) -> Self {
        Self {
            name: report.reporter.to_string(),
            count: report.amount.count,
            bytes: report.amount.bytes,
            age_seconds: report.age.as_secs_f64(),
        }
    }
}
