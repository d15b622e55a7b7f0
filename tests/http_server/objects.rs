//! `/api/v1/objects` and `/api/v1/memory/consumers`.

use std::time::Duration;

use audio_capture_exporter::{
    buffers::{BufferKind, Lease, ReaderKind, StartAt},
    id::SourceId,
    objects::{MAX_REPORTERS, Own},
    units::AudioFormat,
};
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client, ask, get},
    fixture::{Fixture, Setup, eventually, start},
};

const PATH: &str = "/api/v1/objects/cache:items";

fn send(server: &Fixture, method: &str, path: &str, body: &str, headers: &str) -> Answer {
    let mut client = Client::connect(server.address);
    let length = body.len();
    client.send(format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    ));
    client.answer(false)
}

#[track_caller]
fn report(server: &Fixture, method: &str, who: &str, count: i64, bytes: &Value) -> Answer {
    let body = json!({ "reporter": who, "count": count, "bytes": bytes }).to_string();
    send(server, method, PATH, &body, "")
}

#[track_caller]
fn document(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_str(answer.text()).unwrap()
}

#[test]
fn several_reporters_add_up_and_come_and_go() {
    let server = start(Setup::default());
    document(&report(&server, "PUT", "a", 4, &json!(100)));
    document(&report(&server, "POST", "b", 5, &json!(50)));
    document(&report(&server, "POST", "b", -2, &json!(-20)));
    let seen = document(&get(server.address, &PATH.replace(':', "%3A")));
    assert_eq!((&seen["count"], &seen["bytes"]), (&json!(7), &json!(130)));
    assert_eq!(seen["peak_count"], 9);
    assert_eq!(
        (&seen["own"], &seen["over_threshold"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(seen["reporters"][1]["name"], "b");
    assert_eq!(seen["reporters"][1]["count"], 3);
    let over = document(&report(&server, "PUT", "a", 8, &Value::Null));
    assert_eq!(
        (&over["count"], &over["over_threshold"]),
        (&json!(11), &json!(true))
    );
    let below = report(&server, "POST", "a", -9, &Value::Null);
    assert_eq!(below.status, 409);
    assert_eq!(
        document(&get(server.address, PATH))["count"],
        11,
        "unchanged"
    );
}

#[test]
fn the_programs_own_are_counted_and_nobody_elses_business() {
    let server = start(Setup::default());
    let all = document(&get(server.address, "/api/v1/objects"));
    let names: Vec<&str> = all["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|object| object["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), Own::COUNT + 1, "{names:?}");
    let connections = |server: &Fixture| {
        let answer = get(server.address, "/api/v1/objects/http_connections");
        document(&answer)["count"].as_u64().unwrap()
    };
    let waiting: Vec<Client> = (0..5).map(|_| Client::connect(server.address)).collect();
    eventually("six connections", || connections(&server) == 6);
    drop(waiting);
    eventually("one connection", || connections(&server) == 1);
    for own in Own::ALL {
        let path = format!("/api/v1/objects/{own}");
        let answer = send(
            &server,
            "PUT",
            &path,
            r#"{"reporter": "x", "count": 1}"#,
            "",
        );
        assert_eq!(answer.status, 409, "{own}");
    }
}

#[test]
fn only_honest_reports_under_known_names_are_taken() {
    let server = start(Setup::default());
    let good = r#"{"reporter": "a", "count": 1}"#;
    for (path, body, headers, status) in [
        ("/api/v1/objects/other", good, "", 404),
        ("/api/v1/objects/cache%3Aitems%00", good, "", 404),
        ("/api/v1/objects/CACHE:ITEMS", good, "", 404),
        (
            &format!("/api/v1/objects/{}", "x".repeat(4_000)),
            good,
            "",
            404,
        ),
        (PATH, "", "", 400),
        (PATH, "[]", "", 400),
        (PATH, r#"{"count": 1}"#, "", 400),
        (PATH, r#"{"reporter": "a"}"#, "", 400),
        (PATH, r#"{"reporter": "", "count": 1}"#, "", 400),
        (PATH, r#"{"reporter": "a b", "count": 1}"#, "", 400),
        (PATH, r#"{"reporter": "<a>", "count": 1}"#, "", 400),
        (PATH, r#"{"reporter": "a", "count": -1}"#, "", 400),
        (PATH, r#"{"reporter": "a", "count": 1.5}"#, "", 400),
        (PATH, r#"{"reporter": "a", "count": 1e99}"#, "", 400),
        (PATH, r#"{"reporter": "a", "count": 1, "size": 2}"#, "", 400),
        (PATH, good, "origin: http://evil.example\r\n", 403),
        (PATH, good, "sec-fetch-site: cross-site\r\n", 403),
        (PATH, &" ".repeat(100_000), "", 413),
        (&format!("{PATH}/more"), good, "", 404),
    ] {
        let answer = send(&server, "PUT", path, body, headers);
        assert_eq!(answer.status, status, "{path} {body} {}", answer.text());
        assert!(!answer.problem()["remedy"].as_str().unwrap().is_empty());
    }
    let unknown = get(server.address, "/api/v1/objects/other");
    assert_eq!(unknown.status, 404);
    let remedy = unknown.problem()["remedy"].to_string();
    assert!(
        remedy.contains("`objects` in the configuration"),
        "{remedy}"
    );
    let patch = ask(server.address, "PATCH", PATH, "");
    let allow = Some("GET, HEAD, PUT, POST, DELETE");
    assert_eq!((patch.status, patch.header("allow")), (405, allow));
    assert_eq!(document(&get(server.address, PATH))["count"], 0);
}

/// A wrong number would be the peak until the program ends.
#[test]
fn a_report_that_was_wrong_can_be_taken_back() {
    let server = start(Setup::default());
    let wrong = json!({ "reporter": "a", "count": u64::MAX }).to_string();
    document(&send(&server, "PUT", PATH, &wrong, ""));
    document(&report(&server, "PUT", "a", 3, &json!(30)));
    let seen = document(&get(server.address, PATH));
    assert_eq!(
        (&seen["count"], &seen["peak_count"]),
        (&json!(3), &json!(u64::MAX))
    );
    let foreign = "sec-fetch-site: cross-site\r\n";
    assert_eq!(send(&server, "DELETE", PATH, "", foreign).status, 403);
    let gone = document(&send(&server, "DELETE", PATH, "", ""));
    assert_eq!(
        (&gone["count"], &gone["peak_count"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(gone["reporters"], json!([]));
    let again = document(&report(&server, "PUT", "a", 4, &Value::Null));
    assert_eq!(again["peak_count"], 4);
    for (path, status) in [
        ("/api/v1/objects/http_connections", 409),
        ("/api/v1/objects/other", 404),
    ] {
        assert_eq!(send(&server, "DELETE", path, "", "").status, status);
    }
}

#[test]
fn a_seventeenth_reporter_is_turned_away() {
    let server = start(Setup::default());
    for number in 0..MAX_REPORTERS {
        document(&report(
            &server,
            "PUT",
            &format!("r{number}"),
            1,
            &Value::Null,
        ));
    }
    let late = report(&server, "PUT", "late", 1, &Value::Null);
    assert_eq!(late.status, 409);
    assert!(
        late.problem()["remedy"]
            .as_str()
            .unwrap()
            .contains("expire_after")
    );
    assert_eq!(document(&get(server.address, PATH))["count"], 16);
    document(&report(&server, "PUT", "r0", 2, &Value::Null));
}

#[test]
fn consumers_are_told_by_name_and_line() {
    let server = start(Setup::default());
    let mono = |rate| AudioFormat {
        sample_rate: rate,
        channels: 1,
    };
    let lease = |name: &str| server.buffers.lease(SourceId::new(name).unwrap()).unwrap();
    let (small, large) = (lease("small"), lease("large"));
    let minute = Duration::from_secs(60);
    let ask = |lease: &Lease, rate| {
        let asker = lease.asker();
        let line = line!() + 1;
        let made = asker.allocate_if_needed(BufferKind::Capture, mono(rate), minute);
        made.unwrap();
        line
    };
    ask(&small, 8_000);
    ask(&large, 16_000);
    // The old one goes before the new one is made.
    let line = ask(&large, 32_000);
    let path = "/api/v1/memory/consumers";
    let top = document(&get(server.address, &format!("{path}?top=1")));
    assert_eq!(top["known"], 2);
    assert_eq!(
        top["consumers"],
        json!([{
            "category": "buffer", "name": "large/capture",
            "call_site": format!("tests/http_server/objects.rs:{line}"),
            "current_bytes": 3_840_000, "peak_bytes": 3_840_000, "average_bytes": 2_880_000,
            "calls": 2, "active": 1,
        }])
    );
    // A retired buffer is in use as long as somebody reads it.
    let of_small = server
        .buffers
        .get(small.asker().source(), BufferKind::Capture);
    let reader = of_small.unwrap().subscribe(ReaderKind::Live, StartAt::Now);
    drop((small, large));
    let held = server.buffers.holdings();
    let counted = || {
        let buffers = held.buffers(BufferKind::Capture).amount();
        (buffers.count, buffers.bytes, held.readers().amount().count)
    };
    assert_eq!(counted(), (1, Some(960_000), 1));
    drop(reader);
    assert_eq!(counted(), (0, Some(0), 0));
    let rest = document(&get(server.address, path));
    assert_eq!(rest["consumers"][1]["current_bytes"], 0);
    for bad in ["?top=-1", "?top=1001", "?top=1&top=1", "?most=1", "?top="] {
        assert_eq!(
            get(server.address, &format!("{path}{bad}")).status,
            400,
            "{bad}"
        );
    }
}
