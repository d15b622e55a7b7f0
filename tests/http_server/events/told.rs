//! What a client is told.

use std::time::Duration;

use audio_capture_exporter::{
    id::ProcessName,
    memory::{
        ProcessStatus, Totals,
        verdict::{Pattern, Severity, Verdict},
    },
    sources::State,
    status::Snapshot,
};
use serde_json::Value;

use super::{Socket, serving};
use crate::{
    client::{PATIENCE, get},
    fixture::{Setup, source, start},
};

#[test]
fn a_client_sees_the_picture_and_each_one_after_it() {
    let server = start(Setup::default());
    let mut early = Socket::open(&server);
    server.publish(Duration::ZERO, vec![source("garden")]);
    let first = early.message();
    assert_eq!(first["type"], "snapshot");
    assert_eq!(first["status"]["level"], "critical");
    assert_eq!(first["sources"][0]["state"], "stalled");
    assert!(first["levels"].is_object(), "{first}");

    let mut mended = source("garden");
    mended.state = State::Streaming;
    server.publish(Duration::ZERO, vec![mended]);
    let mut late = Socket::open(&server);
    for socket in [&mut early, &mut late] {
        let message = socket.message();
        assert_eq!(message["status"]["level"], "ok", "{message}");
        assert_eq!(message["sources"][0]["state_text"], "streaming");
    }
    // What the page reads is what the API tells.
    let status: Value =
        serde_json::from_slice(&get(server.address, "/api/v1/status").body).unwrap();
    assert_eq!(status["level"], "ok");
    assert_eq!(status["text"], "The source is streaming.");
    assert_eq!(server.rejected_at_all(), 0);
}

#[test]
fn a_verdict_that_changes_is_an_event() {
    let server = serving(source("garden"));
    let mut socket = Socket::open(&server);
    socket.message();
    let publish = |pattern| {
        let mut snapshot = Snapshot::clone(server.snapshots.borrow().as_ref().unwrap());
        snapshot.taken = tokio::time::Instant::now();
        let verdict = Verdict {
            pattern,
            confidence: 0.95,
            slope_bytes_per_second: 1.0,
            slope_interval: None,
            lasting: Duration::ZERO,
            growth_ratio: None,
            floor_growth_ratio: None,
            severity: Severity::Critical,
            recommendation: "find out what grows".to_owned(),
            seconds_to_limit: None,
            seconds_to_limit_interval: None,
            samples: 100,
            span: Duration::from_secs(3_000),
        };
        let process = ProcessStatus {
            name: ProcessName::new("recorder").unwrap(),
            up: true,
            pids: vec![1],
            reading: None,
            totals: Totals::default(),
            baseline: None,
            verdict: Some(verdict),
            crossings: Vec::new(),
            growing: Vec::new(),
            problem: None,
        };
        snapshot.memory = vec![process.into()];
        server.snapshots.send_replace(Some(snapshot.into()));
    };
    publish(Pattern::Stable);
    assert_eq!(socket.message()["type"], "snapshot");
    publish(Pattern::Leak);
    let picture = socket.message();
    assert_eq!(picture["status"]["level"], "critical", "{picture}");
    let event = socket.message();
    assert_eq!(event["type"], "pattern", "{event}");
    assert_eq!(
        (&event["before"], &event["pattern"]),
        (&"stable".into(), &"leak".into())
    );
    assert_eq!(event["process"], "recorder");
    assert_eq!(event["recommendation"], "find out what grows");
}

#[test]
fn the_end_of_the_program_is_told() {
    let server = serving(source("garden"));
    let mut socket = Socket::open(&server);
    socket.message();
    let closing = std::thread::Builder::new()
        .spawn(move || socket.closed_with())
        .unwrap();
    assert!(server.drain(PATIENCE));
    assert_eq!(closing.join().unwrap(), 1001);
}
