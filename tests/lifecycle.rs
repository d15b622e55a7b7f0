//! Reload, removal, budget and shutdown, on the running program.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use support::{Exporter, Scrape, Scratch, write_tone};

const LABEL: &str = "source";

fn files(scratch: &Scratch, names: &[(&str, u32, u16)]) {
    for (name, rate, channels) in names {
        write_tone(
            &scratch.path(&format!("{name}.wav")),
            *rate,
            *channels,
            2.0,
            -20.0,
        );
    }
}

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
        let started = "0 untouched, watch added: one two";
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
            .contains("0 untouched, object added: clips\"")
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
    let config = scratch.write(
        "config.yaml",
        &format!(
            "sources:\n{}{}{}",
            source("a", "a"),
            source("b", "b"),
            source("gone", "c")
        ),
    );
    let exporter = Exporter::with_config(&config);
    exporter.until("all stream", |scrape| {
        scrape.sum("myaudio_source_up", &[]) == 3.0
    });

    scratch.write(
        "config.yaml",
        &format!(
            "sources:\n{}{}{}",
            source("a", "a"),
            source("b", "b2"),
            source("new", "c")
        ),
    );
    let (status, summary) = exporter.reload();
    assert_eq!(status, 200, "{summary}");
    assert_eq!(summary.trim(), "1 added, 1 removed, 1 changed, 1 untouched");
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
fn a_budget_that_is_exceeded_at_run_time_is_a_state_and_spares_the_rest() {
    let scratch = Scratch::new();
    files(&scratch, &[("small", 8_000, 1), ("large", 48_000, 2)]);
    // What is expected fits; what comes does not.
    let config = scratch.write(
        "config.yaml",
        "buffers: { memory_budget: 2MiB }\nsources:\n\
         - { url: small.wav, loop: true, expect: { sample_rate: 8000, channels: 1 } }\n\
         - { url: large.wav, loop: true, expect: { sample_rate: 8000, channels: 1 } }\n",
    );
    let exporter = Exporter::with_config(&config);
    exporter.until_state("large", "over_budget");
    let scrape = exporter.until_state("small", "streaming");
    let [attempted, first, repeated, errors] = scrape.ledger("large");
    assert!(errors >= 1.0);
    assert_eq!((attempted, first, repeated), (errors, 0.0, 0.0));
    let kind = [
        (LABEL, "large"),
        ("buffer_type", "capture"),
        ("error_type", "over_budget"),
    ];
    assert_eq!(
        scrape.value("myaudio_buffer_allocation_errors_total", &kind),
        errors
    );
    for (aspect, differs) in [("sample_rate", 1.0), ("channels", 1.0), ("codec", 0.0)] {
        let labels = [(LABEL, "large"), ("aspect", aspect)];
        assert_eq!(
            scrape.value("myaudio_source_format_mismatch", &labels),
            differs,
            "{aspect}"
        );
    }
    assert_eq!(scrape.ledger("small"), [1.0, 1.0, 0.0, 0.0]);
    // 60 s × 48,000 Hz × 2 channels × 2 bytes.
    assert!(
        exporter.process.output().contains("11520000"),
        "{}",
        exporter.process.output()
    );
}

#[test]
fn sigterm_ends_it_within_five_seconds_whatever_its_sources_do() {
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mute = format!("mute=rtsp://{}/x", mute.local_addr().unwrap());
    let scratch = Scratch::new();
    files(&scratch, &[("a", 8_000, 1)]);
    let path = scratch.path("a.wav");
    let mut exporter = Exporter::start([&mute, path.to_str().unwrap()]);
    exporter.until_state("a", "streaming");
    exporter.process.signal("TERM");
    assert!(exporter.process.wait(Duration::from_secs(5)).success());
    assert!(!exporter.process.output().contains("not ended in time"));
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    // Sources whose every attempt fails and is logged, into a pipe that is full soon.
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let sources: String = (0..20)
        .map(|n| format!("- {{ name: s{n}, url: \"rtsp://{closed}/x\" }}\n"))
        .collect();
    let scratch = Scratch::new();
    let config = scratch.write(
        "config.yaml",
        &format!("connect: {{ backoff: {{ initial: 20ms, max: 50ms }} }}\nsources:\n{sources}"),
    );
    let config = config.to_str().unwrap();
    let mut exporter = Exporter::start_unread(["--config.file", config, "--log.level", "debug"]);
    // An attempt writes more than 300 bytes, a pipe holds 65,536, the queue 4,096 lines.
    exporter.until("lines are dropped", |scrape| {
        scrape.value("audio_capture_exporter_log_lines_dropped_total", &[]) > 0.0
    });
    assert_eq!(exporter.get("/-/healthy").0, 200);
    exporter.process.signal("TERM");
    assert!(exporter.process.wait(Duration::from_secs(5)).success());
}

#[test]
fn a_standard_output_that_is_closed_stops_nothing() {
    let scratch = Scratch::new();
    files(&scratch, &[("a", 8_000, 1)]);
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut child = Command::new("sh")
        .args(["-c", "exec \"$@\" >&- 2>/dev/null", "sh"])
        .arg(env!("CARGO_BIN_EXE_audio-capture-exporter"))
        .arg(scratch.path("a.wav"))
        .args(["--web.listen-address", &free.to_string()])
        .spawn()
        .unwrap();
    let deadline = std::time::Instant::now() + support::PATIENCE;
    while std::net::TcpStream::connect(free).is_err() {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        assert!(std::time::Instant::now() < deadline, "it does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Runs the program to its end: exit status and everything it wrote.
fn ends(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_audio-capture-exporter"))
        .args(arguments)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn what_cannot_start_says_why_and_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, text) = ends(&["demo", "--web.listen-address", &address]);
    assert_eq!(code, 1);
    assert!(text.contains(&address) && text.contains("in use"), "{text}");

    let (code, text) = ends(&["cam=rtsp://user:canary@camera.lan/x"]);
    assert_eq!(code, 2);
    assert!(
        !text.contains("canary") && text.contains("config"),
        "{text}"
    );

    let (code, text) = ends(&["cam=gopher://camera.lan/x"]);
    assert_eq!(code, 2);
    assert!(text.contains("rtsp://"), "{text}");

    let (code, text) = ends(&[]);
    assert_eq!(code, 2);
    assert!(text.contains("demo"), "{text}");

    let scratch = Scratch::new();
    let config = scratch.write(
        "config.yaml",
        "buffers: { capture: { duration: 1h }, memory_budget: 512MiB }\n\
         sources: [ { url: \"rtsp://u:canary@camera.lan/x\" } ]\n",
    );
    let path = config.to_str().unwrap();
    for arguments in [
        vec!["--config.file", path, "--config.check"],
        vec!["--config.file", path],
    ] {
        let (code, text) = ends(&arguments);
        assert_eq!(code, 1, "{text}");
        // 3600 s × 48,000 Hz × 2 channels × 2 bytes.
        assert!(
            text.contains("691200000") || text.contains("659"),
            "the arithmetic: {text}"
        );
        assert!(!text.contains("canary"), "{text}");
    }
}

#[test]
fn the_example_configurations_that_are_shipped_are_valid() {
    let scratch = Scratch::new();
    let secret = scratch.write("garden", "password");
    let state = secret.parent().unwrap().to_str().unwrap();
    for shipped in [
        "deploy/config.example.yaml",
        "deploy/compose/exporter.yaml",
        "deploy/kubernetes/overlays/sidecar/config.yaml",
        "deploy/kubernetes/overlays/statefulset/config.yaml",
    ] {
        let text = std::fs::read_to_string(shipped)
            .unwrap()
            .replace("/run/secrets/garden", secret.to_str().unwrap())
            .replace("/var/lib/audio-capture-exporter", state);
        let config = scratch.write("config.yaml", &text);
        let (code, text) = ends(&["--config.check", "--config.file", config.to_str().unwrap()]);
        assert_eq!(code, 0, "{shipped}: {text}");
    }
}

/// The Debian package's names nothing to watch; everything in it that is commented out is right.
#[test]
fn the_package_s_configuration_says_what_is_missing_and_is_valid_without_its_comment_signs() {
    let scratch = Scratch::new();
    let secret = scratch.write("garden", "password");
    let shipped = std::fs::read_to_string("deploy/debian/config.yaml").unwrap();
    let config = scratch.write("config.yaml", &shipped);
    let arguments = ["--config.check", "--config.file", config.to_str().unwrap()];
    let (code, text) = ends(&arguments);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("no source to watch"), "{text}");
    let (head, rest) = shipped.split_once("where you want it.\n").unwrap();
    assert!(head.lines().all(|line| line.starts_with('#')), "{head}");
    let opened = rest
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix('#').unwrap_or(line)))
        .collect::<String>()
        .replace(
            "/etc/audio-capture-exporter/garden",
            secret.to_str().unwrap(),
        );
    scratch.write("config.yaml", &opened);
    let (code, text) = ends(&arguments);
    assert_eq!(code, 0, "{text}\n{opened}");
}

#[test]
fn a_reload_that_changes_nothing_hurries_nobody_who_waits() {
    let scratch = Scratch::new();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://{}/x", nobody.local_addr().unwrap());
    drop(nobody);
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

#[test]
fn who_reads_only_the_beginning_of_a_help_is_not_shown_a_panic() {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_audio-capture-exporter"))
        .args(["completions", "bash"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
