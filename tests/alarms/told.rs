//! Who is told by other ways: Alertmanagers, people, the status.

use serde_json::Value;

use crate::{
    NOWHERE, OK, alarms, config, down, failures, id,
    manager::Alertmanager,
    notify, post,
    receiver::{Receiver, Way},
    status,
    support::{self, Exporter, Scratch},
};

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
