//! Servers that misbehave: each gets the right state, the right counter and one clear
//! sentence, memory stays flat, and a healthy neighbour loses nothing.

mod support;

use support::{Exporter, Scratch, Server};

const LABEL: &str = "source";

fn config(server: &Server, elsewhere: &str, paths: &[(&str, &str)]) -> String {
    let source =
        |name: &str, url: &str| format!("- {{ name: {name}, url: \"{url}\", stall_after: 2s }}\n");
    let hostile: String = paths
        .iter()
        .map(|(name, path)| source(name, &server.url(path)))
        .collect();
    let neighbour = source("neighbour", &server.url("/play"));
    let nowhere = source("nowhere", elsewhere);
    format!(
        "connect: {{ timeout: 2s, backoff: {{ initial: 500ms, max: 2s }} }}\n\
         sources:\n{neighbour}{hostile}{nowhere}"
    )
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table and one loop over it")]
fn each_kind_of_refusal_has_its_state_reason_and_remedy() {
    let server = Server::hostile(&["--elsewhere", "elsewhere.invalid"]);
    let cases = [
        (
            "garbage",
            "/garbage",
            "protocol",
            "backing_off",
            "RTSP port",
        ),
        (
            "endless-line",
            "/endless-line",
            "oversized",
            "backing_off",
            "head",
        ),
        (
            "many-headers",
            "/many-headers",
            "oversized",
            "backing_off",
            "head",
        ),
        (
            "endless-body",
            "/endless-body",
            "oversized",
            "backing_off",
            "body",
        ),
        (
            "not-found",
            "/not-found",
            "not_found",
            "backing_off",
            "check the path",
        ),
        (
            "unauthorized",
            "/unauthorized",
            "unauthorized",
            "unauthorized",
            "password_file",
        ),
        (
            "redirect",
            "/redirect",
            "redirected",
            "backing_off",
            "elsewhere.invalid",
        ),
        ("mute", "/mute", "timeout", "backing_off", "connect.timeout"),
        (
            "stall-setup",
            "/stall-setup",
            "timeout",
            "backing_off",
            "SETUP",
        ),
        ("nowhere", "", "dns", "backing_off", "does not resolve"),
    ];
    let paths: Vec<_> = cases
        .iter()
        .filter(|c| !c.1.is_empty())
        .map(|c| (c.0, c.1))
        .collect();
    let scratch = Scratch::new();
    let text = config(&server, "rtsp://no-such-host.invalid/x", &paths);
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &text));
    exporter.until("the neighbour plays", |scrape| {
        scrape.state("neighbour") == "streaming"
    });
    let before = exporter.process.resident();
    let failures = "myaudio_source_connect_failures_total";
    let scrape = exporter.until("each failed three times", |scrape| {
        cases.iter().all(|(name, _, reason, ..)| {
            let least = if *reason == "unauthorized" { 1.0 } else { 3.0 };
            scrape.value(failures, &[(LABEL, name), ("reason", reason)]) >= least
        })
    });
    let log = exporter.process.output();
    for (name, _, reason, state, words) in cases {
        let all = scrape.sum(failures, &[(LABEL, name)]);
        assert_eq!(
            scrape.value(failures, &[(LABEL, name), ("reason", reason)]),
            all,
            "{name}"
        );
        assert_eq!(scrape.ledger(name), [0.0; 4], "{name}");
        exporter.until_state(name, state);
        let said = log
            .lines()
            .any(|line| line.contains(&format!("source={name} ")) && line.contains(words));
        assert!(said, "{name} does not say {words:?}:\n{log}");
    }
    let grown = exporter.process.resident().saturating_sub(before);
    assert!(grown < 32 << 20, "memory grew by {grown} bytes");
    let labels = [(LABEL, "neighbour")];
    assert_eq!(scrape.sum("myaudio_source_disconnects_total", &labels), 0.0);
    assert_eq!(
        scrape.value("myaudio_source_lost_packets_total", &labels),
        0.0
    );
    assert!(scrape.unexplained_seconds("neighbour").abs() < 1.5);
}

#[test]
fn a_session_that_goes_bad_ends_for_the_right_reason_and_keeps_its_buffer() {
    let server = Server::hostile(&["--elsewhere", "elsewhere.invalid"]);
    let cases = [
        ("stall", "/stall/100", "stall"),
        ("noise", "/noise/100", "protocol"),
        ("junk", "/junk/100", "protocol"),
        ("new-ssrc", "/new-ssrc/100", "protocol"),
        ("hang-up", "/hang-up/100", "closed"),
    ];
    let paths: Vec<_> = cases.iter().map(|case| (case.0, case.1)).collect();
    let scratch = Scratch::new();
    let text = config(&server, "rtsp://no-such-host.invalid/x", &paths);
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &text));
    let disconnects = "myaudio_source_disconnects_total";
    let scrape = exporter.until("each came back twice", |scrape| {
        cases.iter().all(|(name, _, reason)| {
            scrape.value(disconnects, &[(LABEL, name), ("reason", reason)]) >= 2.0
                && scrape.ledger(name)[2] >= 2.0
        })
    });
    for (name, _, reason) in cases {
        let all = scrape.sum(disconnects, &[(LABEL, name)]);
        assert_eq!(
            scrape.value(disconnects, &[(LABEL, name), ("reason", reason)]),
            all,
            "{name}"
        );
        let [attempted, first, repeated, errors] = scrape.ledger(name);
        assert_eq!((first, errors), (1.0, 0.0), "{name}");
        assert_eq!(attempted, first + repeated, "{name}");
    }
    let labels = [(LABEL, "neighbour")];
    assert_eq!(scrape.sum(disconnects, &labels), 0.0);
}

#[test]
fn a_foreign_content_base_makes_nobody_dial_it() {
    let log = Scratch::new();
    let path = log.path("requests");
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let foreign = elsewhere.local_addr().unwrap().to_string();
    let server = Server::hostile(&["--elsewhere", &foreign, "--log", path.to_str().unwrap()]);
    let url = server
        .url("/foreign-base")
        .replace("rtsp://", "rtsp://user:canary@");
    let config = format!(
        "connect: {{ timeout: 2s, backoff: {{ initial: 500ms, max: 1s }} }}\n\
         sources: [ {{ name: cam, url: \"{url}\" }}, \
         {{ name: by-udp, url: \"{url}\", transport: udp }} ]\n"
    );
    let scratch = Scratch::new();
    let mut exporter = Exporter::with_config(&scratch.write("config.yaml", &config));
    let asked = || std::fs::read_to_string(&path).unwrap_or_default();
    // The session goes on with the foreign address, but over the one connection.
    exporter.until("SETUP came to the configured server", |_| {
        asked().matches("SETUP").count() >= 2
    });
    exporter.until("both attempts are over", |scrape| {
        ["cam", "by-udp"]
            .iter()
            .all(|source| scrape.state(source) != "connecting")
    });
    let shown = [exporter.get("/metrics").1, exporter.get("/").1];
    exporter.process.signal("TERM");
    assert!(
        exporter
            .process
            .wait(std::time::Duration::from_secs(6))
            .success()
    );
    let dialled = elsewhere.accept();
    assert!(
        dialled.is_err(),
        "somebody dialled the foreign host: {dialled:?}"
    );
    for text in shown.iter().chain([&exporter.process.output()]) {
        assert!(!text.contains("canary"), "{text}");
    }
}
