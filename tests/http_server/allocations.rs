//! `/api/v1/allocations`.

use std::time::{Duration, Instant};

use audio_capture_exporter::{
    buffers::{Asker, BufferKind, Lease, ReaderKind, StartAt},
    id::SourceId,
    units::{AudioFormat, ByteSize},
};
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client, ask, get},
    fixture::{Fixture, Setup, start},
};

const PATH: &str = "/api/v1/allocations";
const MONO: AudioFormat = AudioFormat {
    sample_rate: 8_000,
    channels: 1,
};

fn lease(server: &Fixture, name: &str) -> Lease {
    server.buffers.lease(SourceId::new(name).unwrap()).unwrap()
}

#[track_caller]
fn allocate(asker: &Asker, format: AudioFormat) -> bool {
    asker
        .allocate_if_needed(BufferKind::Capture, format, Duration::from_secs(60))
        .is_ok()
}

fn put(server: &Fixture, body: &str, headers: &str) -> Answer {
    let mut client = Client::connect(server.address);
    let length = body.len();
    client.send(format!(
        "PUT {PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    ));
    client.answer(false)
}

fn report(server: &Fixture, query: &str) -> Value {
    let answer = get(server.address, &format!("{PATH}{query}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_str(answer.text()).unwrap()
}

#[test]
fn the_ledger_is_told_and_who_asked_once_tracking_is_switched_on() {
    let server = start(Setup::default());
    let garden = lease(&server, "garden");
    assert!(allocate(&garden.asker(), MONO));
    let before = report(&server, "");
    assert_eq!(before["tracker"]["tracking"], false);
    assert_eq!(before["attempts"], json!([]));
    assert_eq!(before["ledger"][0]["attempted"], 1);

    let answer = put(&server, r#"{"tracking": true, "backtraces": true}"#, "");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(allocate(&garden.asker(), MONO));
    server.buffers.set_budget(ByteSize(1_000_000));
    let gate = lease(&server, "gate");
    let line = line!() + 1;
    assert!(!allocate(&gate.asker(), MONO));

    let after = report(&server, "?limit=1");
    assert_eq!(after["tracker"]["recorded"], 2);
    let attempt = &after["attempts"][0];
    assert_eq!(after["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(attempt["source"], "gate");
    assert_eq!(
        attempt["site"],
        format!("tests/http_server/allocations.rs:{line}")
    );
    assert_eq!(attempt["outcome"], "error");
    assert_eq!(attempt["requested_bytes"], 960_000.0);
    let error = attempt["error"].as_str().unwrap();
    assert!(error.contains("960000 B"), "the arithmetic: {error}");
    let frames = attempt["backtrace"].as_array().unwrap();
    let named = |frame: &Value| frame.as_str().unwrap().contains("the_ledger_is_told");
    assert!(frames.iter().any(named), "{frames:?}");
    assert_eq!(after["callers"][0]["repeated_blocked"], 1);
    assert_eq!(after["ledger"][0]["repeated_blocked"], 1);
    let of_gate = &after["ledger"][2];
    assert_eq!(
        (&of_gate["source"], &of_gate["buffer_type"]),
        (&json!("gate"), &json!("capture"))
    );
    assert_eq!(of_gate["errors"], json!({ "over_budget": 1 }));

    let of_garden = report(&server, "?source=garden");
    let rows = of_garden["ledger"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "one for each kind of buffer");
    assert!(rows.iter().all(|row| row["source"] == "garden"), "{rows:?}");
    assert_eq!(of_garden["attempts"][0]["outcome"], "repeated_blocked");
    assert_eq!(
        get(server.address, &format!("{PATH}?source=nobody")).status,
        404
    );

    assert_eq!(put(&server, r#"{"tracking": false}"#, "").status, 200);
    assert!(allocate(&garden.asker(), MONO));
    let ended = report(&server, "");
    assert_eq!(ended["tracker"]["recorded"], 2, "kept, and not added to");
    assert_eq!(ended["ledger"][0]["attempted"], 3);
}

#[test]
fn a_person_gets_text() {
    let server = start(Setup::default());
    let garden = lease(&server, "garden");
    let text = get(server.address, &format!("{PATH}?format=text"));
    assert!(
        text.text().contains("DEBUG_BUFFER_ALLOC=true"),
        "{}",
        text.text()
    );
    put(&server, r#"{"tracking": true}"#, "");
    allocate(&garden.asker(), MONO);
    allocate(&garden.asker(), MONO);
    let preferred = ask(server.address, "GET", PATH, "accept: text/plain\r\n");
    assert_eq!(
        preferred.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    for words in [
        "garden capture: 2 = 1 + 1 + 0; 1 live",
        "garden capture from tests::http_server::allocations (tests/http_server/allocations.rs:",
        "60 s of 8000 Hz × 1 = 960000 B",
        "attempted = first_allocation + repeated_blocked + error:",
        ": first_allocation\n",
        ": repeated_blocked\n",
    ] {
        assert!(preferred.text().contains(words), "{}", preferred.text());
    }
}

#[test]
fn what_a_removed_source_left_is_told_until_its_last_reader_goes() {
    let server = start(Setup::default());
    let garden = lease(&server, "garden");
    allocate(&garden.asker(), MONO);
    let buffer = server
        .buffers
        .get(garden.asker().source(), BufferKind::Capture);
    let reader = buffer.unwrap().subscribe(ReaderKind::Live, StartAt::Now);
    drop(garden);
    let held = report(&server, "");
    assert_eq!(held["departed"][0]["source"], "garden");
    assert_eq!(held["departed"][0]["retired_bytes"], 960_000);
    assert_eq!(held["budget"]["used_bytes"], 960_000);
    drop(reader);
    let gone = report(&server, "");
    assert_eq!(gone["departed"], json!([]));
    assert_eq!(gone["budget"]["used_bytes"], 0);
}

#[test]
fn a_source_that_keeps_asking_is_told_in_words() {
    let server = start(Setup::default());
    let garden = lease(&server, "garden");
    let started = Instant::now();
    for second in 0..60 {
        server
            .buffers
            .watch_allocations(started + Duration::from_secs(second));
        allocate(&garden.asker(), MONO);
    }
    let row = &report(&server, "")["ledger"][0];
    assert_eq!(row["anomaly"]["kind"], "repeating");
    assert!(row["anomaly"]["per_second"].as_f64().unwrap() > 0.1);
    let text = get(server.address, &format!("{PATH}?format=text"));
    assert!(text.text().contains("connect.backoff"), "{}", text.text());
}

#[test]
fn only_an_honest_and_exact_switch_is_obeyed() {
    let server = start(Setup::default());
    for (body, headers, status) in [
        ("", "", 400),
        ("{", "", 400),
        ("{}", "", 400),
        ("[]", "", 400),
        (r#"{"tracking": "yes"}"#, "", 400),
        (r#"{"tracking": true, "backtrace": true}"#, "", 400),
        (r#"{"tracking": false, "backtraces": true}"#, "", 400),
        (r#"{"tracking": true} {}"#, "", 400),
        (
            r#"{"tracking": true}"#,
            "origin: http://evil.example\r\n",
            403,
        ),
        (
            r#"{"tracking": true}"#,
            "sec-fetch-site: cross-site\r\n",
            403,
        ),
        (&" ".repeat(100_000), "", 413),
    ] {
        let answer = put(&server, body, headers);
        assert_eq!(answer.status, status, "{body} {}", answer.text());
        let remedy = answer.problem()["remedy"].as_str().unwrap().len();
        assert!(remedy > 0);
    }
    let post = ask(server.address, "POST", PATH, "");
    assert_eq!(
        (post.status, post.header("allow")),
        (405, Some("GET, HEAD, PUT"))
    );
    for query in ["?limit=x", "?source=..%2F", "?wanted=1", "?limit=1&limit=2"] {
        assert_eq!(
            get(server.address, &format!("{PATH}{query}")).status,
            400,
            "{query}"
        );
    }
    assert!(!server.buffers.tracker().is_on());
}
