//! What a reload changes, and what it leaves alone.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{
    LABEL, files, nobody,
    support::{Exporter, Scrape, Scratch},
};

#[test]
fn a_reload_says_what_it_changes_of_the_watch_over_processes() {
    let scratch = Scratch::new();
    let text = |watch: &str, memory: &str| {
        let off = "sources: [ { name: off, url: \"rtsp://127.0.0.1:9/\", enabled: false } ]\n";
        format!("{off}watch: [ {watch} ]\nmemory: {{ {memory} }}\n")
    };
    let one = "{ name: one, command: none-such }, { name: two, command: nor-this }";
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &text(one, "")));
    let process = &exporter.process;
    process.until("the start says it, too", || {
        let started = "0 untouched, source added: off, watch added: one two";
        process.output().contains(started)
    });
    let sources = "0 added, 0 removed, 0 changed, 1 untouched";
    let other = "{ name: three, command: none-such }, { name: two, command: another }";
    for (watch, memory, told) in [
        (one, "", ""),
        (
            other,
            "",
            ", watch added: three, watch removed: one, watch changed: two",
        ),
        (
            other,
            "sample_interval: 7s",
            ", settings changed: memory.sample_interval",
        ),
        ("", "sample_interval: 7s", ", watch removed: three two"),
        ("", "sample_interval: 7s", ""),
    ] {
        scratch.write("config.yaml", &text(watch, memory));
        let (status, summary) = exporter.reload();
        assert_eq!(
            (status, summary.trim().to_owned()),
            (200, format!("{sources}{told}"))
        );
        let logged = format!("configuration reloaded: {sources}{told}");
        process.until("the log says so, too", || {
            process.output().contains(&logged)
        });
    }
}

#[test]
fn a_reload_says_what_it_changes_of_objects_alarms_and_who_is_told() {
    let scratch = Scratch::new();
    let text = |alarms: &str, rest: &str| {
        format!(
            "sources: [ {{ name: off, url: \"rtsp://127.0.0.1:9/\", enabled: false, \
             alarms: {{ {alarms} }} }} ]\n{rest}\n"
        )
    };
    let hook = "notify: { webhooks: [ { url: \"http://ada:CANARY@127.0.0.1:9/CANARY\" } ] }";
    let objects = "objects: [ { name: clips } ]";
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &text("", objects)));
    let process = &exporter.process;
    process.until("the start names the object", || {
        process
            .output()
            .contains("0 untouched, source added: off, object added: clips\"")
    });
    let sources = "0 added, 0 removed, 0 changed, 1 untouched";
    let later = "for: { source_down: 9m }";
    for (alarms, rest, told) in [
        ("", hook, ", object removed: clips, webhooks added: 1"),
        (later, hook, ", alarms of sources changed: off"),
        (later, "", ", webhooks removed: 1"),
        (
            later,
            "alarms: { keep_firing: 7s }\nhistory: { path: past.db }\nweb: { audio: true }",
            ", settings changed: history alarms.keep_firing web.audio",
        ),
        (
            later,
            "alarms: { keep_firing: 7s }\nhistory: { path: past.db }\nweb: { audio: true }",
            "",
        ),
    ] {
        scratch.write("config.yaml", &text(alarms, rest));
        let (status, summary) = exporter.reload();
        assert_eq!(
            (status, summary.trim().to_owned()),
            (200, format!("{sources}{told}"))
        );
        let logged = format!("configuration reloaded: {sources}{told}\"");
        process.until("the log says so, too", || {
            process.output().contains(&logged)
        });
    }
    assert!(!process.output().contains("CANARY"));
}

#[test]
fn a_reload_touches_only_what_changed() {
    let scratch = Scratch::new();
    files(
        &scratch,
        &[
            ("a", 8_000, 1),
            ("b", 8_000, 1),
            ("b2", 16_000, 2),
            ("c", 8_000, 1),
        ],
    );
    let source =
        |name: &str, file: &str| format!("- {{ name: {name}, url: {file}.wav, loop: true }}\n");
    let (a, b, gone) = (source("a", "a"), source("b", "b"), source("gone", "c"));
    let config = scratch.write("config.yaml", &format!("sources:\n{a}{b}{gone}"));
    let exporter = Exporter::with_config(&config);
    exporter.until("all stream", |scrape| {
        scrape.sum("myaudio_source_up", &[]) == 3.0
    });

    let (b, new) = (source("b", "b2"), source("new", "c"));
    scratch.write("config.yaml", &format!("sources:\n{a}{b}{new}"));
    let (status, summary) = exporter.reload();
    assert_eq!(status, 200, "{summary}");
    let told = "1 added, 1 removed, 1 changed, 1 untouched, source added: new, \
                source removed: gone, source changed: b";
    assert_eq!(summary.trim(), told);
    let logged = format!("configuration reloaded: {told}\"");
    exporter.process.until("the log says so, too", || {
        exporter.process.output().contains(&logged)
    });
    let scrape = exporter.until("the new state", |scrape| {
        scrape.sum("myaudio_source_up", &[]) == 3.0 && scrape.ledger("b")[0] == 2.0
    });
    // Untouched: no session, no attempt, no gap.
    assert_eq!(scrape.ledger("a"), [1.0, 1.0, 0.0, 0.0]);
    assert_eq!(
        scrape.value("myaudio_source_connect_attempts_total", &[(LABEL, "a")]),
        1.0
    );
    assert!(scrape.unexplained_seconds("a").abs() < 0.5);
    // Another format: a new epoch, and the old buffer is released and uncharged.
    assert_eq!(scrape.ledger("b"), [2.0, 2.0, 0.0, 0.0]);
    let capture = [(LABEL, "b"), ("buffer_type", "capture")];
    let released = [&capture[..], &[("reason", "format_change")]].concat();
    assert_eq!(
        scrape.value("myaudio_buffer_releases_total", &released),
        1.0
    );
    let capacity = scrape.value("myaudio_buffer_capacity_bytes", &capture);
    assert_eq!(capacity, 60.0 * 16_000.0 * 2.0 * 2.0);
    let used = scrape.value("audio_capture_exporter_memory_budget_used_bytes", &[]);
    // Each with three seconds more for the analysis.
    assert_eq!(used, (capacity + 2.0 * 60.0 * 8_000.0 * 2.0) / 60.0 * 63.0);
    // Removed: not a single series is left.
    let left: Vec<_> = scrape
        .samples
        .iter()
        .filter(|(_, labels, _)| labels.get(LABEL).is_some_and(|name| name == "gone"))
        .collect();
    assert!(left.is_empty(), "{left:?}");

    // A bad file changes nothing, and says everything that is wrong.
    scratch.write(
        "config.yaml",
        "sources: [ { url: a.wav, stal_after: 2s } ]\nwat: 1\n",
    );
    let (status, problem) = exporter.reload();
    assert_eq!(status, 422);
    assert!(
        problem.contains("stal_after") && problem.contains("wat"),
        "{problem}"
    );
    exporter.process.until("the log says so, too", || {
        let log = exporter.process.output();
        log.contains("configuration not reloaded, the running one stays: ")
            && log.contains("stal_after")
    });
    let scrape = exporter.scrape();
    assert_eq!(
        scrape.value("audio_capture_exporter_config_last_reload_successful", &[]),
        0.0
    );
    assert_eq!(scrape.sum("myaudio_source_up", &[]), 3.0);
    assert_eq!(
        scrape.value("myaudio_source_connect_attempts_total", &[(LABEL, "a")]),
        1.0
    );

    // SIGHUP does the same as the route.
    scratch.write("config.yaml", &format!("sources:\n{}", source("a", "a")));
    exporter.process.signal("HUP");
    let scrape = exporter.until("only a is left, and that counts as a success", |scrape| {
        scrape.matching("myaudio_source_up", &[]).len() == 1
            && scrape.value("audio_capture_exporter_config_last_reload_successful", &[]) == 1.0
    });
    assert_eq!(scrape.ledger("a"), [1.0, 1.0, 0.0, 0.0]);
}

#[test]
fn a_reload_that_changes_nothing_hurries_nobody_who_waits() {
    let scratch = Scratch::new();
    let url = format!("rtsp://{}/x", nobody());
    let text = |connect: &str| {
        format!("connect: {{ {connect} }}\nsources: [ {{ name: down, url: \"{url}\" }} ]\n")
    };
    let slow = "backoff: { initial: 60s, max: 60s }";
    let config = scratch.write("config.yaml", &text(slow));
    let exporter = Exporter::with_config(&config);
    let of = |scrape: &Scrape, name| scrape.sum(name, &[("source", "down")]);
    let due = "myaudio_source_next_attempt_timestamp_seconds";
    let attempts = "myaudio_source_connect_attempts_total";
    let now = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs_f64()
    };
    // The dice decide; the odds are seven to one for the first throw.
    let before = exporter.until_within(
        Duration::from_secs(120),
        "a wait of some length",
        |scrape| of(scrape, due) > now() + 8.0,
    );
    // Neither does one that changes something else, or lets those wait who come later.
    let longer = "timeout: 9s, backoff: { initial: 60s, max: 90s }";
    for connect in [slow, slow, slow, longer, longer] {
        scratch.write("config.yaml", &text(connect));
        assert_eq!(exporter.reload().0, 200);
    }
    let after = exporter.scrape();
    assert_eq!(of(&after, attempts), of(&before, attempts));
    assert!((of(&after, due) - of(&before, due)).abs() < 0.01);
    // A shorter one does help.
    scratch.write(
        "config.yaml",
        &text("backoff: { initial: 100ms, max: 200ms }"),
    );
    assert_eq!(exporter.reload().0, 200);
    exporter.until_within(Duration::from_secs(5), "attempts", |scrape| {
        of(scrape, attempts) >= of(&before, attempts) + 2.0
    });
}
