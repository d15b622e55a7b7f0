//! What people and other programs say: alarms and objects.

use hyper::Method;
use serde_json::json;

use super::operation::{Operation, Part, Path};
use crate::{
    alarms::AlarmStatus,
    http::api::{
        alarms::{self, All, Remark},
        objects::{self, Object, Post, Put},
    },
};

fn id() -> Part {
    Part {
        name: "id",
        means: "As it is in the list.",
        schema: json!({ "type": "string", "pattern": "^[0-9a-f]{16}$" }),
        example: json!("4f1d2c0a9b8e7d66"),
    }
}

pub(super) fn alarms() -> Path {
    let operation = Operation::new("The active alarms first, then those that are over.")
        .query(&alarms::PARAMETERS)
        .json::<All>();
    Path::read("/api/v1/alarms", operation)
}

pub(super) fn memory_alerts() -> Path {
    let operation = Operation::new("The same, of processes alone.")
        .query(&alarms::PARAMETERS)
        .json::<All>();
    Path::read("/api/v1/memory/alerts", operation)
}

pub(super) fn alarm() -> Path {
    let operation = Operation::new("One alarm.").json::<AlarmStatus>();
    Path::read("/api/v1/alarms/{id}", operation).part(id())
}

pub(super) fn acknowledge() -> Path {
    said("/api/v1/alarms/{id}/acknowledge", "Somebody has seen it.")
}

pub(super) fn resolve() -> Path {
    said("/api/v1/alarms/{id}/resolve", "It is over.")
}

fn said(template: &str, summary: &'static str) -> Path {
    let operation = Operation::new(summary)
        .body::<Remark>(false)
        .json::<AlarmStatus>()
        .problems(&[409]);
    Path::with(template, Method::POST, operation).part(id())
}

pub(super) fn objects() -> Path {
    let operation = Operation::new("How many of a thing there are, of all that is tracked.");
    Path::read("/api/v1/objects", operation.json::<objects::All>())
}

pub(super) fn object() -> Path {
    let read = Operation::new("How many of it there are.").json::<Object>();
    let put = Operation::new("Says what a reporter has.").body::<Put>(true);
    let post = Operation::new("Says what came or went.").body::<Post>(true);
    let forget = Operation::new("Takes back everything that was reported, and the peak with it.");
    let told = |operation: Operation| operation.json::<Object>().problems(&[409]);
    Path::read("/api/v1/objects/{name}", read)
        .and(Method::PUT, told(put))
        .and(Method::POST, told(post))
        .and(Method::DELETE, told(forget))
        .part(Part::name("The object's name."))
}
