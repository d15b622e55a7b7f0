//! `/api/v1/allocations`: the ledger, who asked, and the switch of the tracker.

mod document;
mod text;

use hyper::{HeaderMap, Method, Response, StatusCode, header, http::request::Parts};
use serde::Deserialize;

pub(super) use self::document::Anomaly;
use self::document::Document;
use super::json;
use crate::{
    buffers::{Buffers, KEPT_ATTEMPTS, Tracking},
    http::{
        body, negotiate,
        problem::Problem,
        reply::{Body, plain},
    },
    id::SourceId,
};

/// Attempts in an answer unless the client asks for another number.
const ATTEMPTS: usize = 100;

/// The body of a `PUT`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    tracking: bool,
    #[serde(default)]
    backtraces: bool,
}

/// What a `GET` asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Query {
    limit: Option<usize>,
    source: Option<SourceId>,
    text: Option<bool>,
}

pub(super) fn answer(buffers: &Buffers, head: &Parts, body: &[u8]) -> Response<Body> {
    let answer = if head.method == Method::PUT {
        switch(buffers, body)
    } else {
        report(buffers, head)
    };
    answer.unwrap_or_else(Problem::into_reply)
}

fn switch(buffers: &Buffers, body: &[u8]) -> Result<Response<Body>, Problem> {
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
    let query = Query::parse(head.uri.query().unwrap_or_default())?;
    let limit = query.limit.unwrap_or(ATTEMPTS);
    let document = Document::of(buffers, query.source.as_ref(), limit);
    if query.source.is_some() && document.is_empty() {
        return Err(Problem::unknown_source());
    }
    if query.text.unwrap_or_else(|| prefers_text(&head.headers)) {
        return Ok(plain(text::write(&document)));
    }
    Ok(json(&document))
}

fn prefers_text(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    negotiate::text_rather_than_json(accept.and_then(|value| value.to_str().ok()))
}

impl Query {
    fn parse(query: &str) -> Result<Self, Problem> {
        let wrong = |detail: String| {
            let remedy =
                "Ask for /api/v1/allocations?source=NAME&limit=100&format=text, each at most once.";
            Problem::new(StatusCode::BAD_REQUEST, detail, remedy)
        };
        let mut asked = Self::default();
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let again = match key.as_ref() {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| *limit <= KEPT_ATTEMPTS);
                    let limit = limit.ok_or_else(|| {
                        wrong(format!(
                            "`limit` is not a number from 0 to {KEPT_ATTEMPTS}."
                        ))
                    })?;
                    asked.limit.replace(limit).is_some()
                }
                "source" => {
                    let source = SourceId::new(&value)
                        .map_err(|_| wrong("`source` is not a source's name.".to_owned()))?;
                    asked.source.replace(source).is_some()
                }
                "format" => {
                    let text = match value.as_ref() {
                        "text" => true,
                        "json" => false,
                        _ => return Err(wrong("`format` is neither text nor json.".to_owned())),
                    };
                    asked.text.replace(text).is_some()
                }
                _ => {
                    let known = "There is a parameter beside `source`, `limit` and `format`.";
                    return Err(wrong(known.to_owned()));
                }
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
        let asked = Query::parse("source=cam%3A1&limit=0&format=text").unwrap();
        assert_eq!(asked.limit, Some(0));
        assert_eq!(asked.source.unwrap().as_str(), "cam:1");
        assert_eq!(asked.text, Some(true));
        assert_eq!(Query::parse("").unwrap(), Query::default());
        for bad in [
            "limit=-1",
            "limit=1001",
            "limit=99999999999999999999",
            "limit=",
            "limit=1&limit=1",
            "source=",
            "source=a/b",
            "source=..%2F..",
            "format=xml",
            "sources=a",
        ] {
            assert!(Query::parse(bad).is_err(), "{bad}");
        }
    }
}
