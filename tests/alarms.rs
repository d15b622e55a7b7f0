//! Alarms of the whole program: a source is killed, and who was to be told is told, also when he
//! fails, hangs and comes back, and when the program itself is killed in between.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

#[path = "alarms/manager.rs"]
mod manager;
#[path = "alarms/receiver.rs"]
mod receiver;
#[path = "support/tls_front.rs"]
#[allow(dead_code, unreachable_pub, reason = "a part of it is used here")]
mod tls_front;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use manager::Alertmanager;
use receiver::{Receiver, Way};
use serde_json::Value;
use support::{Exporter, Scratch, Server};

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

#[test]
fn a_source_is_killed_and_the_webhook_is_told_of_it_and_of_its_end() {
    let receiver = Receiver::start(OK);
    let scratch = Scratch::new();
    let server = Server::hostile(&[]);
    let notify = format!(
        "alarms: {{ keep_firing: 0s }}\n\
         notify: {{ webhooks: [ {{ url: \"{}\" }} ], file: {{ path: alarms.jsonl }} }}\n",
        receiver.url()
    );
    let path = config(&scratch, &server.url("/play"), &notify);
    let exporter = Exporter::with_config(&path);
    let playing = exporter.until_state("garden", "streaming");
    let own = [("source", "garden")];
    let active = "myaudio_alarm_active";
    assert_eq!(playing.matching(active, &own).len(), 8, "from the start");
    exporter.process.until("an alarm of the start is over", || {
        alarms(&exporter, "?state=firing&source=garden").is_empty()
    });

    let killed = Instant::now();
    drop(server);
    let told = receiver.until("it is told", |request| {
        request.at > killed && request.status() == "firing"
    });
    println!("from the kill to the webhook: {:?}", told.at - killed);
    let all = receiver.requests().into_iter();
    let since = all.filter(|request| request.at > killed && request.status() == "firing");
    assert_eq!(since.count(), 1);
    let alert = &told.body["alerts"][0];
    assert_eq!(told.body["version"], "4");
    assert_eq!(told.body["groupKey"], "{}:{alertname=\"SourceDown\"}");
    assert_eq!(alert["labels"]["source"], "garden");
    assert_eq!(alert["labels"]["severity"], "critical");
    assert_eq!(alert["endsAt"], "0001-01-01T00:00:00Z");
    let alarm = down(&exporter);
    assert_eq!(alert["fingerprint"], alarm["id"]);
    let scrape = exporter.scrape();
    let labels = [("alarm", "source_down"), ("source", "garden")];
    assert_eq!(scrape.sum(active, &labels), 1.0);

    // Switched off, it is no longer missed; gone, it has no series.
    let text = std::fs::read_to_string(&path).unwrap();
    let off = text.replace("- name: garden", "- enabled: false\n  name: garden");
    std::fs::write(&path, off).unwrap();
    assert_eq!(exporter.reload().0, 200);
    let ended = receiver.until("it hears of the end", |request| {
        request.status() == "resolved" && request.at > told.at
    });
    assert_eq!(ended.ids(), [id(&alarm)]);
    assert_ne!(ended.body["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
    let lines = std::fs::read_to_string(scratch.path("alarms.jsonl")).unwrap();
    let of_alarm = lines.lines().filter(|line| line.contains(&id(&alarm)));
    let events: Vec<Value> = of_alarm.map(|l| serde_json::from_str(l).unwrap()).collect();
    let events: Vec<_> = events.iter().map(|line| line["event"].as_str()).collect();
    assert_eq!(events, [Some("fired"), Some("resolved")]);
    std::fs::write(&path, text.replace("name: garden", "name: yard")).unwrap();
    assert_eq!(exporter.reload().0, 200);
    exporter.until("its series are gone", |scrape| {
        scrape.matching(active, &own).is_empty()
            && scrape.matching(active, &[("source", "yard")]).len() == 8
    });
}

#[test]
fn a_receiver_that_fails_hangs_and_comes_back_gets_it_and_holds_up_nobody() {
    let (poor, good, elsewhere) = (
        Receiver::start(Way::Status(500)),
        Receiver::start(OK),
        Receiver::start(OK),
    );
    let scratch = Scratch::new();
    scratch.write("headers", "# who we are\nX-Token: CANARY-HEADER\n");
    let user = poor.url().replace("http://", "http://us%40er:CANARY-PASS@");
    let notify = format!(
        "notify:\n  webhooks:\n  - {{ url: \"{user}\", headers_file: headers, timeout: 500ms }}\n  \
         - {{ url: \"{}\" }}\n",
        good.url()
    );
    let exporter = Exporter::with_config(&config(&scratch, NOWHERE, &notify));
    let alarm = down(&exporter);
    good.until("the good one is told at once", |request| {
        request.ids() == [id(&alarm)]
    });
    let reasons = [
        (Way::Status(503), "server_error"),
        (Way::Redirect(elsewhere.port), "redirected"),
        (Way::Status(404), "rejected"),
        (Way::Hang, "timeout"),
    ];
    for (way, reason) in reasons {
        let before = failures(&exporter, "webhook", reason);
        poor.set(way);
        exporter.until(reason, |_| failures(&exporter, "webhook", reason) > before);
    }
    poor.set(OK);
    let taken = poor.until("it gets it after all", |request| request.way == OK);
    assert_eq!(taken.ids(), [id(&alarm)]);
    assert_eq!(taken.header("x-token"), Some("CANARY-HEADER"));
    // us@er:CANARY-PASS
    let basic = "Basic dXNAZXI6Q0FOQVJZLVBBU1M=";
    assert_eq!(taken.header("authorization"), Some(basic));
    let key = taken.header("idempotency-key").unwrap().to_owned();
    let same = |request: &receiver::Request| request.header("idempotency-key") == Some(&key);
    assert!(poor.requests().iter().all(same), "one notification");
    exporter.until("it is counted", |scrape| {
        scrape.sum("myaudio_notifications_total", &[("channel", "webhook")]) == 2.0
    });
    assert_eq!(poor.taken().len(), 1);
    assert!(elsewhere.requests().is_empty(), "a redirect was followed");
    let log = exporter.process.output();
    for secret in ["CANARY", "SECRET-PATH", "dXNAZXI6"] {
        assert!(!log.contains(secret), "{secret} in the log:\n{log}");
    }
}

#[test]
fn killed_between_firing_and_delivery_it_delivers_the_same_alarm_afterwards() {
    let receiver = Receiver::start(Way::Hang);
    let scratch = Scratch::new();
    let notify = format!(
        "alarms: {{ state_file: state.json }}\n\
         notify: {{ webhooks: [ {{ url: \"{}\", timeout: 500ms }} ] }}\n",
        receiver.url()
    );
    let path = config(&scratch, NOWHERE, &notify);
    let mut exporter = Exporter::with_config(&path);
    let alarm = id(&down(&exporter));
    receiver.until("it is being told", |request| {
        request.ids() == [alarm.clone()]
    });
    exporter.process.signal("KILL");
    exporter.process.wait(Duration::from_secs(10));
    receiver.set(OK);
    let saved = std::fs::read_to_string(scratch.path("state.json")).unwrap();
    assert!(saved.contains(&alarm) && !saved.contains("SECRET-PATH"));

    let again = Exporter::with_config(&path);
    assert_eq!(id(&down(&again)), alarm);
    let taken = receiver.until("it is delivered", |request| request.way == OK);
    assert_eq!(taken.ids(), std::slice::from_ref(&alarm));
    // Once taken it does not wait any more, also not for the next start.
    again.process.until("it is crossed off", || {
        let saved = std::fs::read_to_string(scratch.path("state.json")).unwrap();
        let saved: Value = serde_json::from_str(&saved).unwrap();
        let mut targets = saved["targets"].as_object().unwrap().values();
        targets.all(|target| target["parcels"] == Value::Array(Vec::new()))
    });
    drop(again);
    let third = Exporter::with_config(&path);
    assert_eq!(id(&down(&third)), alarm);
    // Something of the third process's own proves that it has told what it had to.
    let (status, _) = post(&third, &format!("/api/v1/alarms/{alarm}/resolve"), "");
    assert_eq!(status, 200);
    receiver.until("it is told of the end", |request| {
        request.status() == "resolved"
    });
    assert_eq!(receiver.taken().len(), 2);
}

#[test]
fn a_real_alertmanager_knows_what_is_on_and_what_is_over() {
    let manager = Alertmanager::start();
    // What it is not told of ends there after four hours.
    let patient = Alertmanager::start();
    let scratch = Scratch::new();
    let notify = format!(
        "alarms: {{ state_file: state.json }}\n\
         notify: {{ alertmanagers: [ {{ url: \"{}\", resend: 1s }}, {{ url: \"{}\", resend: 1h }} ] }}\n",
        manager.url, patient.url
    );
    let path = config(&scratch, NOWHERE, &notify);
    let exporter = Exporter::with_config(&path);
    let alarm = id(&down(&exporter));
    let is_down = |alert: &Value| alert["labels"]["alertname"] == "SourceDown";
    let active = manager.until("it is on", |active| active.iter().any(is_down));
    let alert = active.iter().find(|alert| is_down(alert)).unwrap();
    assert_eq!(alert["annotations"]["id"], alarm.as_str());
    assert_eq!(alert["labels"]["source"], "garden");
    // It is sent again before it ends by itself: 4 s after the last time.
    let begin = alert["startsAt"].clone();
    let end = alert["endsAt"].clone();
    let later = manager.until("it is renewed", |active| {
        active
            .iter()
            .any(|alert| is_down(alert) && alert["endsAt"] != end)
    });
    let alert = later.iter().find(|alert| is_down(alert)).unwrap();
    assert_eq!(alert["startsAt"], begin);
    patient.until("it is on", |active| active.iter().any(is_down));
    let (status, _) = post(&exporter, &format!("/api/v1/alarms/{alarm}/resolve"), "");
    assert_eq!(status, 200);
    manager.until("it is over", |active| !active.iter().any(is_down));
    patient.until("it is over at once", |active| !active.iter().any(is_down));
    assert_eq!(failures(&exporter, "alertmanager", "rejected"), 0.0);
}

#[test]
fn people_acknowledge_and_resolve_over_the_api() {
    let scratch = Scratch::new();
    let more = "watch: [ { name: ghost, command: no-such-program-runs-here } ]\n";
    let exporter = Exporter::with_config(&config(&scratch, NOWHERE, more));
    let alarm = down(&exporter);
    let path = format!("/api/v1/alarms/{}", id(&alarm));
    assert_eq!(alarm["runbook"], "docs/runbooks/SourceDown.md");
    assert_eq!(alarm["subject"]["name"], "garden");
    assert!(alarm["recommendations"][0].as_str().unwrap().len() > 10);
    assert!(alarm["figures"]["expected_seconds"].is_number());
    let (status, said) = post(
        &exporter,
        &format!("{path}/acknowledge"),
        r#"{"author": "kim", "note": "on my way"}"#,
    );
    assert_eq!(
        (status, &said["acknowledged"]["author"]),
        (200, &"kim".into())
    );
    assert_eq!(said["state"], "firing");
    let (status, said) = post(&exporter, &format!("{path}/acknowledge"), "");
    assert_eq!(status, 409);
    assert!(said["remedy"].is_string());
    let (status, _) = post(&exporter, &format!("{path}/resolve"), r#"{"note": 5}"#);
    assert_eq!(status, 400);
    let (status, said) = post(&exporter, &format!("{path}/resolve"), "");
    assert_eq!((status, &said["resolution"]), (200, &"manual".into()));
    assert_eq!(post(&exporter, &format!("{path}/resolve"), "").0, 409);
    assert_eq!(post(&exporter, "/api/v1/alarms/0123/resolve", "").0, 404);
    assert_eq!(exporter.get("/api/v1/alarms/0123").0, 404);
    assert_eq!(exporter.get("/api/v1/alarms?state=pending").0, 400);
    assert_eq!(
        exporter.get(&format!("{path}/resolve")).0,
        405,
        "no change by GET"
    );
    assert_eq!(
        alarms(&exporter, "?state=firing&type=source_down"),
        [] as [Value; 0]
    );
    let resolved = alarms(&exporter, "?state=resolved&source=garden");
    assert_eq!(id(&resolved[0]), id(&alarm));
    let (status, text) = exporter.get("/api/v1/memory/alerts");
    assert!(status == 200 && !text.contains("source_down"), "{text}");
}

#[test]
fn over_tls_only_who_proves_himself_is_told() {
    let receiver = Receiver::start(OK);
    let own = tls_front::Identity::self_signed("localhost");
    let port = tls_front::start(&own, receiver.port, false);
    let scratch = Scratch::new();
    let hook = |path: &str, pin: &str| {
        format!(
            "  - {{ url: \"https://localhost:{port}/{path}\", tls: {{ pin_sha256: \"{pin}\" }} }}\n"
        )
    };
    let notify = format!(
        "notify:\n  webhooks:\n{}{}",
        hook("trusted", &own.fingerprint()),
        hook("stranger", &format!("{:064x}", 7))
    );
    let exporter = Exporter::with_config(&config(&scratch, NOWHERE, &notify));
    receiver.until("it is told", |request| {
        request.head.starts_with("POST /trusted")
    });
    exporter.until("the other one is refused", |_| {
        failures(&exporter, "webhook", "tls") > 0.0
    });
    let told = receiver.requests();
    assert!(
        told.iter()
            .all(|request| !request.head.contains("/stranger"))
    );
}

#[test]
fn a_change_of_pattern_is_told_to_who_asked_for_it() {
    let (asked, other) = (Receiver::start(OK), Receiver::start(OK));
    let scratch = Scratch::new();
    let more = format!(
        "memory: {{ sample_interval: 100ms, analysis_interval: 100ms, baseline_after: 500ms }}\n\
         notify:\n  webhooks:\n  - {{ url: \"{}\", patterns: true }}\n  - {{ url: \"{}\" }}\n",
        asked.url(),
        other.url()
    );
    let _exporter = Exporter::with_config(&config(&scratch, NOWHERE, &more));
    let is_pattern = |request: &receiver::Request| {
        request.body["commonLabels"]["alertname"] == "MemoryPatternChanged"
    };
    let told = asked.until("the pattern is told", is_pattern);
    let labels = &told.body["alerts"][0]["labels"];
    assert_eq!(labels["process"], "self");
    assert_eq!(labels["previous_pattern"], "unknown");
    assert_ne!(labels["pattern"], "unknown");
    other.until("the other one hears of alarms", |request| {
        !is_pattern(request)
    });
    assert!(!other.requests().iter().any(is_pattern));
}

#[test]
fn a_receiver_whose_answer_does_not_end_is_told_once() {
    let receiver = Receiver::start(Way::Unfinished);
    let scratch = Scratch::new();
    let notify = format!(
        "notify: {{ webhooks: [ {{ url: \"{}\", timeout: 500ms }} ] }}\n",
        receiver.url()
    );
    let exporter = Exporter::with_config(&config(&scratch, NOWHERE, &notify));
    exporter.until("it counts as taken", |scrape| {
        scrape.sum("myaudio_notifications_total", &[("channel", "webhook")]) == 1.0
    });
    assert_eq!(failures(&exporter, "webhook", "timeout"), 0.0);
    assert_eq!(receiver.requests().len(), 1);
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

#[test]
fn whoever_cannot_be_told_is_named_in_the_status_until_he_can() {
    let receiver = Receiver::start(Way::Status(500));
    let scratch = Scratch::new();
    let notified = format!(
        "alarms: {{ state_file: folder/state.json }}\n\
         notify: {{ webhooks: [ {{ url: \"{}\" }} ], file: {{ path: folder/alarms.jsonl }} }}\n",
        receiver.url()
    );
    let path = config(&scratch, NOWHERE, &notified);
    let checked = support::run(
        env!("CARGO_BIN_EXE_audio-capture-exporter"),
        &["--config.check", "--config.file", path.to_str().unwrap()],
        "",
    );
    for key in ["alarms.state_file: its directory", "notify.file.path: its"] {
        assert!(checked.contains(key), "{checked}");
    }
    let exporter = Exporter::with_config(&path);
    exporter.process.until("all three are named", || {
        notify(&exporter).is_some_and(|text| {
            [
                "webhook 1 (http://127.0.0.1:",
                "alarms.state_file",
                "notify.file",
            ]
            .iter()
            .all(|what| text.contains(what))
        })
    });
    let monitoring = &status(&exporter)["monitoring"];
    assert_eq!(monitoring["running"], false);
    assert_eq!(monitoring["notifications"], false);
    let log = exporter.process.output();
    assert!(log.contains("alarms.state_file: ") && log.contains("cannot be written"));
    std::fs::create_dir(scratch.path("folder")).unwrap();
    receiver.set(OK);
    exporter
        .process
        .until("it is mended", || notify(&exporter).is_none());
    let lines = std::fs::read_to_string(scratch.path("folder/alarms.jsonl")).unwrap();
    assert!(lines.contains("source_down"), "{lines}");
    let saved = std::fs::read_to_string(scratch.path("folder/state.json")).unwrap();
    assert!(saved.contains("source_down"));
}

#[test]
fn of_two_on_one_state_file_the_second_keeps_its_hands_off() {
    let receiver = Receiver::start(OK);
    let scratch = Scratch::new();
    let notified = format!(
        "alarms: {{ state_file: state.json, keep_firing: 0s }}\n\
         notify: {{ webhooks: [ {{ url: \"{}\" }} ] }}\n",
        receiver.url()
    );
    let path = config(&scratch, NOWHERE, &notified);
    let first = Exporter::with_config(&path);
    let alarm = id(&down(&first));
    receiver.until("it is told", |request| request.ids() == [alarm.clone()]);
    let saved = || std::fs::read_to_string(scratch.path("state.json")).unwrap_or_default();
    first
        .process
        .until("it is saved", || saved().contains(&alarm));

    let text = std::fs::read_to_string(&path).unwrap();
    let other = scratch.write("other.yaml", &text.replace("garden", "yard"));
    let second = Exporter::with_config(&other);
    let own = id(&down(&second));
    second.process.until("it says why", || {
        notify(&second).is_some_and(|text| text.contains("another process"))
    });
    receiver.until("its own alarm is told", |request| {
        request.ids() == [own.clone()]
    });
    assert!(saved().contains(&alarm) && !saved().contains(&own));
    assert!(
        receiver
            .requests()
            .iter()
            .all(|request| request.status() == "firing")
    );
}

#[test]
fn what_is_acknowledged_is_on_the_disk_before_the_answer() {
    let scratch = Scratch::new();
    let more = "alarms: { state_file: state.json }\n";
    let path = config(&scratch, NOWHERE, more);
    for attempt in 0..5 {
        let mut exporter = Exporter::with_config(&path);
        let alarm = id(&down(&exporter));
        let at = format!("/api/v1/alarms/{alarm}/acknowledge");
        assert_eq!(post(&exporter, &at, "").0, 200);
        exporter.process.signal("KILL");
        exporter.process.wait(Duration::from_secs(10));
        let saved = std::fs::read_to_string(scratch.path("state.json")).unwrap();
        let saved: Value = serde_json::from_str(&saved).unwrap();
        let of_alarm = &saved["alarms"]["firing"].as_array().unwrap()[0]["status"];
        assert_eq!(of_alarm["id"], alarm.as_str());
        assert!(of_alarm["acknowledged"].is_object(), "attempt {attempt}");
        std::fs::remove_file(scratch.path("state.json")).unwrap();
    }
}
