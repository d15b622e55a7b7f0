//! Webhooks that work, fail, hang, answer without an end, and must prove who they are.

use std::time::Instant;

use serde_json::Value;

use crate::{
    NOWHERE, OK, alarms, config, down, failures, id,
    receiver::{self, Receiver, Way},
    support::{Exporter, Scratch, Server},
    tls_front,
};

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
