//! `/api/v1/memory/consumers`: who uses the program's memory.

use hyper::{Response, http::request::Parts};
use schemars::JsonSchema;
use serde::Serialize;

use super::View;
use crate::{
    http::{
        parameters::{self, Parameter, Shape},
        problem::json,
        reply::Body,
    },
    objects::{Category, Consumer, MAX_CONSUMERS},
};

/// How many are told unless the client asks for another number.
const USUAL: usize = 10;
pub(in crate::http) const PARAMETERS: [Parameter; 1] = [TOP];
const TOP: Parameter = Parameter::new(
    "top",
    Shape::Number(0, MAX_CONSUMERS as u64),
    "At most so many, the greatest first; 10 unless given.",
);

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Consumers")]
pub(in crate::http) struct Document {
    consumers: Vec<Row>,
    /// How many are remembered.
    known: usize,
    /// How many made room for others, and how many uses found none.
    evicted: u64,
    untracked: u64,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Consumer")]
struct Row {
    category: Category,
    name: String,
    call_site: String,
    current_bytes: u64,
    peak_bytes: u64,
    average_bytes: u64,
    calls: u64,
    active: u64,
}

pub(super) fn answer(view: &View<'_>, head: &Parts) -> Response<Body> {
    let asked = match parameters::of(head, &PARAMETERS) {
        Ok(asked) => asked,
        Err(problem) => return problem.into_reply(),
    };
    let top = asked.number(&TOP).map_or(USUAL, |top| top as usize);
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

impl From<Consumer> for Row {
    fn from(consumer: Consumer) -> Self {
        Self {
            category: consumer.category,
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
