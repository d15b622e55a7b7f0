//! `/api/v1/memory/consumers`: who uses the program's memory.

use hyper::{Response, StatusCode, http::request::Parts};
use serde::Serialize;

use super::{View, json};
use crate::{
    http::{problem::Problem, reply::Body},
    objects::{Consumer, MAX_CONSUMERS},
};

/// How many are told unless the client asks for another number.
const TOP: usize = 10;

#[derive(Serialize)]
struct Document {
    consumers: Vec<Row>,
    /// How many are remembered.
    known: usize,
    /// How many made room for others, and how many uses found none.
    evicted: u64,
    untracked: u64,
}

#[derive(Serialize)]
struct Row {
    category: &'static str,
    name: String,
    call_site: String,
    current_bytes: u64,
    peak_bytes: u64,
    average_bytes: u64,
    calls: u64,
    active: u64,
}

pub(super) fn answer(view: &View<'_>, head: &Parts) -> Response<Body> {
    let top = match top(head.uri.query().unwrap_or_default()) {
        Ok(top) => top,
        Err(problem) => return problem.into_reply(),
    };
    let consumers = view.buffers.holdings().consumers();
    let (rows, known) = consumers.top(top);
    let (evicted, untracked) = consumers.lost();
    json(&Document {
        consumers: rows.into_iter().map(Row::from).collect(),
        known,
        evicted,
        untracked,
    })
}

fn top(query: &str) -> Result<usize, Problem> {
    let wrong = || {
        Problem::new(
            StatusCode::BAD_REQUEST,
            format!("The only parameter is `top`, once: a number from 0 to {MAX_CONSUMERS}."),
            "Ask for /api/v1/memory/consumers?top=10.",
        )
    };
    let mut asked = None;
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let top = value.parse().ok().filter(|top| *top <= MAX_CONSUMERS);
        let top = top.ok_or_else(wrong)?;
        if key != "top" || asked.replace(top).is_some() {
            return Err(wrong());
        }
    }
    Ok(asked.unwrap_or(TOP))
}

impl From<Consumer> for Row {
    fn from(consumer: Consumer) -> Self {
        Self {
            category: consumer.category.as_str(),
            name: consumer.name.to_string(),
            call_site: format!("{}:{}", consumer.site.file(), consumer.site.line()),
            current_bytes: consumer.current,
            peak_bytes: consumer.peak,
            average_bytes: consumer.average,
            calls: consumer.calls,
            active: consumer.active,
        }
    }
}
