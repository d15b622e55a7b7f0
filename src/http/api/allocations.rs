//! `/api/v1/allocations`: the ledger, who asked, and the switch of the tracker.

mod document;
mod text;

use hyper::{HeaderMap, Method, Response, StatusCode, header, http::request::Parts};
use schemars::JsonSchema;
use serde::Deserialize;

pub(super) use self::document::Anomaly;
pub(in crate::http) use self::document::{Document, Tracker};
use crate::{
    buffers::{Buffers, KEPT_ATTEMPTS, Tracking},
    http::{
        body, negotiate,
        parameters::{self, Parameter, Shape},
        problem::{Problem, json},
        reply::{Body, plain},
    },
    id::SourceId,
};

/// Attempts in an answer unless the client asks for another number.
const ATTEMPTS: usize = 100;

/// The body of a `PUT`.
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
#[schemars(extend("not" = {
    "properties": { "tracking": { "const": false }, "backtraces": { "const": true } },
    "required": ["backtraces"],
}))]
pub(in crate::http) struct Switch {
    tracking: bool,
    #[serde(default)]
    backtraces: bool,
}

/// What a `GET` may ask for.
pub(in crate::http) const PARAMETERS: [Parameter; 3] = [SOURCE, LIMIT, FORMAT];
const SOURCE: Parameter = Parameter::new("source", Shape::Name, "Only this source.");
const LIMIT: Parameter = Parameter::new(
    "limit",
    Shape::Number(0, KEPT_ATTEMPTS as u64),
    "At most so many attempts; 100 unless given.",
);
const FORMAT: Parameter = Parameter::new(
    "format",
    Shape::Word(&["json", "text"]),
    "JSON, or a report for people; without it `Accept` decides.",
);

pub(super) fn answer(buffers: &Buffers, head: &Parts, body: &[u8]) -> Response<Body> {
    let answer = if head.method == Method::PUT {
        switch(buffers, head, body)
    } else {
        report(buffers, head)
    };
    answer.unwrap_or_else(Problem::into_reply)
}

fn switch(buffers: &Buffers, head: &Parts, body: &[u8]) -> Result<Response<Body>, Problem> {
    parameters::of(head, &[])?;
    let example = r#"{"tracking": true, "backtraces": false}"#;
    let wanted: Switch = body::json(body, example)?;
    if wanted.backtraces && !wanted.tracking {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "Backtraces are recorded only while attempts are.",
            format!("Send for example {example}."),
        ));
    }
    buffers.tracker().set(Tracking {
        on: wanted.tracking,
        backtraces: wanted.backtraces,
    });
    let (tracking, backtraces) = (wanted.tracking, wanted.backtraces);
    tracing::info!(tracking, backtraces, "the tracker of allocations was set");
    Ok(json(&document::tracker(
        &buffers.tracker().recording(None, 0),
    )))
}

fn report(buffers: &Buffers, head: &Parts) -> Result<Response<Body>, Problem> {
    let asked = parameters::of(head, &PARAMETERS)?;
    let source = asked
        .text(&SOURCE)
        .and_then(|name| SourceId::new(name).ok());
    let limit = asked
        .number(&LIMIT)
        .map_or(ATTEMPTS, |limit| limit as usize);
    let document = Document::of(buffers, source.as_ref(), limit);
    if source.is_some() && document.is_empty() {
        return Err(Problem::unknown_source());
    }
    let text = asked.text(&FORMAT).map(|format| format == "text");
    if text.unwrap_or_else(|| prefers_text(&head.headers)) {
        return Ok(plain(text::write(&document)));
    }
    Ok(json(&document))
}

fn prefers_text(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    negotiate::text_rather_than_json(accept.and_then(|value| value.to_str().ok()))
}
