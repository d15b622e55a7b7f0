//! Alarms of the whole program: a source is killed, and who was to be told is told, also when he
//! fails, hangs and comes back, and when the program itself is killed in between.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

#[path = "alarms/manager.rs"]
mod manager;
#[path = "alarms/receiver.rs"]
mod receiver;
#[path = "alarms/state.rs"]
mod state;
#[path = "support/tls_front.rs"]
#[allow(dead_code, unreachable_pub, reason = "a part of it is used here")]
mod tls_front;
#[path = "alarms/told.rs"]
mod told;
#[path = "alarms/webhooks.rs"]
mod webhooks;

use std::path::PathBuf;

use receiver::Way;
use serde_json::Value;
use support::{Exporter, Scratch};

const OK: Way = Way::Status(200);

/// A configuration of one source that fires at once when it is down.
fn config(scratch: &Scratch, url: &str, more: &str) -> PathBuf {
    let text = format!(
        "sources:\n- name: garden\n  url: {url}\n  alarms: {{ for: {{ source_down: 0s }} }}\n\
         connect: {{ backoff: {{ initial: 100ms, max: 200ms }} }}\n{more}"
    );
    scratch.write("config.yaml", &text)
}

const NOWHERE: &str = "rtsp://127.0.0.1:9/";

fn alarms(exporter: &Exporter, query: &str) -> Vec<Value> {
    let (status, text) = exporter.get(&format!("/api/v1/alarms{query}"));
    assert_eq!(status, 200, "{text}");
    let mut document: Value = serde_json::from_str(&text).unwrap();
    match document["alarms"].take() {
        Value::Array(alarms) => alarms,
        other => panic!("{other}"),
    }
}

/// Waits for the alarm of the source that is down.
#[track_caller]
fn down(exporter: &Exporter) -> Value {
    let mut found = None;
    exporter.process.until("source_down fires", || {
        found = alarms(exporter, "?state=firing&type=source_down").pop();
        found.is_some()
    });
    found.unwrap()
}

fn id(alarm: &Value) -> String {
    alarm["id"].as_str().unwrap().to_owned()
}

fn post(exporter: &Exporter, path: &str, body: &str) -> (u16, Value) {
    let url = format!("http://{}{path}", exporter.address);
    let arguments = [
        "-sS",
        "-X",
        "POST",
        "-d",
        body,
        "-w",
        "\n%{http_code}",
        &url,
    ];
    let text = support::run("curl", &arguments, "");
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), serde_json::from_str(body).unwrap())
}

fn failures(exporter: &Exporter, channel: &str, reason: &str) -> f64 {
    let labels = [("channel", channel), ("reason", reason)];
    let name = "myaudio_notification_failures_total";
    exporter.scrape().sum(name, &labels)
}

fn status(exporter: &Exporter) -> Value {
    serde_json::from_str(&exporter.get("/api/v1/status").1).unwrap()
}

/// What the status says about notifications.
fn notify(exporter: &Exporter) -> Option<String> {
    let reasons = status(exporter)["reasons"].take();
    let mut reasons = reasons.as_array().unwrap().iter();
    let found = reasons.find(|reason| reason["subject"] == "notify")?;
    Some(found["text"].as_str().unwrap().to_owned())
}
