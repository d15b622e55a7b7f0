//! HTTP servers that misbehave: each gets the right state, the right counter and one clear
//! sentence, memory stays flat, and a healthy neighbour loses nothing.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use support::{Exporter, Scrape, Scratch, Server, mp3, run};

const LABEL: &str = "source";
const FAILURES: &str = "myaudio_source_connect_failures_total";
const DISCONNECTS: &str = "myaudio_source_disconnects_total";

fn config(server: &Server, names: &[&str]) -> String {
    let source = |name: &&str| {
        let url = server.http_url(&format!("/{name}"));
        format!("- {{ name: {name}, url: \"{url}\", stall_after: 2s }}\n")
    };
    let sources: String = ["play"].iter().chain(names).map(source).collect();
    format!(
        "connect: {{ timeout: 2s, backoff: {{ initial: 500ms, max: 2s }} }}\nsources:\n{sources}"
    )
}

#[test]
fn each_kind_of_refusal_has_its_state_reason_and_remedy() {
    let scratch = Scratch::new();
    let server = Server::hostile_http(&["--audio", &mp3(&scratch)]);
    let cases = [
        ("loop", "redirected", "backing_off", "sixth time"),
        ("file-scheme", "redirected", "backing_off", "http or https"),
        ("elsewhere", "dns", "backing_off", "does not resolve"),
        ("endless-line", "oversized", "backing_off", "64 KiB"),
        ("many-headers", "oversized", "backing_off", "64 KiB"),
        ("slow-head", "timeout", "backing_off", "connect.timeout"),
        ("garbage", "protocol", "backing_off", "not HTTP"),
        ("mute", "timeout", "backing_off", "connect.timeout"),
        ("silent", "timeout", "backing_off", "connect.timeout"),
        ("empty", "closed", "backing_off", "without sending audio"),
        ("page", "protocol", "backing_off", "page"),
        ("not-found", "not_found", "backing_off", "check the path"),
        ("busy", "rejected", "backing_off", "503"),
        (
            "unauthorized",
            "unauthorized",
            "unauthorized",
            "password_file",
        ),
        ("hidden-page", "unsupported", "unsupported", "web page"),
        ("playlist", "unsupported", "unsupported", "playlist"),
        ("gzip", "unsupported", "unsupported", "Content-Encoding"),
        ("late-flac", "unsupported", "unsupported", "FLAC in Ogg"),
        ("mpegts", "unsupported", "unsupported", "MPEG transport"),
        ("noise", "unsupported", "unsupported", "not audio"),
    ];
    let names: Vec<_> = cases.iter().map(|case| case.0).collect();
    let text = config(&server, &names);
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &text));
    exporter.until_state("play", "streaming");
    let before = exporter.process.resident();
    let scrape = exporter.until("each failed", |scrape| {
        cases.iter().all(|(name, reason, state, _)| {
            let least = if *state == "backing_off" { 3.0 } else { 1.0 };
            scrape.value(FAILURES, &[(LABEL, name), ("reason", reason)]) >= least
        })
    });
    let log = exporter.process.output();
    for (name, reason, state, words) in cases {
        let all = scrape.sum(FAILURES, &[(LABEL, name)]);
        let counted = scrape.value(FAILURES, &[(LABEL, name), ("reason", reason)]);
        assert_eq!(counted, all, "{name}");
        assert_eq!(scrape.ledger(name), [0.0; 4], "{name}");
        exporter.until_state(name, state);
        let said = log
            .lines()
            .any(|line| line.contains(&format!("source={name} ")) && line.contains(words));
        assert!(said, "{name} does not say {words:?}:\n{log}");
    }
    let info = [(LABEL, "mpegts"), ("codec", "mpegts")];
    assert_eq!(scrape.value("myaudio_source_info", &info), 1.0);
    let grown = exporter.process.resident().saturating_sub(before);
    assert!(grown < 32 << 20, "memory grew by {grown} bytes");
    assert_eq!(scrape.sum(DISCONNECTS, &[(LABEL, "play")]), 0.0);
    assert!(scrape.unexplained_seconds("play").abs() < 1.5);
    assert!(!log.contains("canary"), "{log}");
}

#[test]
fn a_stream_that_goes_bad_ends_for_the_right_reason_and_keeps_its_buffer() {
    let scratch = Scratch::new();
    let server = Server::hostile_http(&["--audio", &mp3(&scratch)]);
    let cases = [
        ("terabyte", "closed"),
        ("stall", "stall"),
        ("junk", "decode"),
        ("break", "protocol"),
    ];
    let names = cases.map(|case| case.0);
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &config(&server, &names)));
    let scrape = exporter.until("each came back twice", |scrape| {
        cases.iter().all(|(name, reason)| {
            scrape.value(DISCONNECTS, &[(LABEL, name), ("reason", reason)]) >= 2.0
                && scrape.ledger(name)[2] >= 2.0
        })
    });
    for (name, reason) in cases {
        let all = scrape.sum(DISCONNECTS, &[(LABEL, name)]);
        let counted = scrape.value(DISCONNECTS, &[(LABEL, name), ("reason", reason)]);
        assert_eq!(counted, all, "{name}");
        let [attempted, first, repeated, errors] = scrape.ledger(name);
        assert_eq!((first, errors), (1.0, 0.0), "{name}");
        assert_eq!(attempted, first + repeated, "{name}");
    }
    let received = scrape.value("myaudio_source_received_bytes_total", &[(LABEL, "junk")]);
    let sessions = scrape.sum(DISCONNECTS, &[(LABEL, "junk")]) + 1.0;
    assert!(
        received / sessions < 8e6,
        "{received} bytes of junk were read in {sessions} sessions"
    );
    assert_eq!(scrape.sum(DISCONNECTS, &[(LABEL, "play")]), 0.0);
}

#[test]
fn titles_and_old_status_lines_do_not_reach_the_decoder() {
    let scratch = Scratch::new();
    let server = Server::hostile_http(&["--audio", &mp3(&scratch)]);
    let names = ["titles", "metaint", "shoutcast"];
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &config(&server, &names)));
    let scrape = exporter.until("five seconds of each", |scrape| {
        names
            .iter()
            .all(|name| scrape.value("myaudio_source_audio_seconds_total", &[(LABEL, name)]) > 5.0)
    });
    for name in names {
        let labels = [(LABEL, name)];
        let errors = scrape.value("myaudio_source_decode_errors_total", &labels);
        assert_eq!(errors, 0.0, "{name}");
        let samples = scrape.value("myaudio_signal_samples_total", &labels);
        let energy = scrape.value("myaudio_signal_energy_total", &labels);
        let dbfs = 10.0 * (energy / samples).log10();
        // LAME turns its input down to 0.95.
        assert!((dbfs + 15.45).abs() < 0.2, "{name}: {dbfs} dBFS");
        assert!(scrape.unexplained_seconds(name).abs() < 1.5, "{name}");
    }
    let shown = [exporter.get("/metrics").1, exporter.process.output()];
    assert!(
        shown.iter().all(|text| !text.contains("canary")),
        "{shown:?}"
    );
}

#[test]
fn credentials_follow_a_redirect_only_to_the_same_server() {
    let scratch = Scratch::new();
    let audio = mp3(&scratch);
    let (log, foreign_log) = (scratch.path("log"), scratch.path("foreign-log"));
    let foreign =
        Server::hostile_http(&["--audio", &audio, "--log", foreign_log.to_str().unwrap()]);
    let elsewhere = format!("127.0.0.1:{}", foreign.port);
    let server = Server::hostile_http(&[
        "--audio",
        &audio,
        "--elsewhere",
        &elsewhere,
        "--log",
        log.to_str().unwrap(),
    ]);
    let url = |path| {
        server
            .http_url(path)
            .replace("http://", "http://canary-user:canary-pass@")
    };
    let text = format!(
        "sources:\n- {{ name: here, url: \"{}\" }}\n- {{ name: elsewhere, url: \"{}\" }}\n",
        url("/here"),
        url("/elsewhere")
    );
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &text));
    exporter.until_state("here", "streaming");
    exporter.until_state("elsewhere", "unauthorized");
    let ours = std::fs::read_to_string(log).unwrap().to_ascii_lowercase();
    assert!(ours.matches("authorization: basic").count() >= 3, "{ours}");
    let theirs = std::fs::read_to_string(foreign_log).unwrap();
    assert!(theirs.contains("GET /private "), "{theirs}");
    assert!(
        !theirs.to_ascii_lowercase().contains("authorization"),
        "{theirs}"
    );
    assert!(!exporter.process.output().contains("canary"));
}

/// A self-signed certificate for a name or address, and its key, in one PEM file.
fn certificate(scratch: &Scratch, file: &str, name: &str) -> String {
    let (key, cert) = (scratch.path("key.pem"), scratch.path("certificate.pem"));
    let name = format!("subjectAltName={name}");
    let arguments = [
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ][..],
        &["-subj", "/CN=radio", "-days", "2", "-addext", &name],
        &["-addext", "basicConstraints=critical,CA:FALSE"],
        &[
            "-keyout",
            key.to_str().unwrap(),
            "-out",
            cert.to_str().unwrap(),
        ],
    ];
    run("openssl", &arguments.concat(), "");
    let both = [key, cert].map(|path| std::fs::read_to_string(path).unwrap());
    let path = scratch.write(file, &both.concat());
    path.to_str().unwrap().to_owned()
}

#[test]
fn https_streams_come_from_servers_that_prove_who_they_are() {
    let scratch = Scratch::new();
    let audio = mp3(&scratch);
    let trusted = certificate(&scratch, "trusted.pem", "IP:127.0.0.1");
    let named = certificate(&scratch, "named.pem", "DNS:radio.invalid");
    let unknown = certificate(&scratch, "unknown.pem", "IP:127.0.0.1");
    let roots = [&trusted, &named].map(|file| std::fs::read_to_string(file).unwrap());
    let roots = scratch.write("roots.pem", &roots.concat());
    let serve = |pem: &str| Server::hostile_http(&["--audio", &audio, "--tls", pem]);
    let servers = [serve(&trusted), serve(&named), serve(&unknown)];
    let plain = Server::hostile_http(&["--audio", &audio]);
    let url = |server: &Server| server.http_url("/play").replace("http://", "https://");
    let arguments = [
        format!("trusted={}", url(&servers[0])),
        format!("named={}", url(&servers[1])),
        format!("unknown={}", url(&servers[2])),
        format!("plain={}", url(&plain)),
    ];
    let exporter = Exporter::start_in(arguments, [("SSL_CERT_FILE", roots)]);
    let scrape = exporter.until_state("trusted", "streaming");
    let info = [(LABEL, "trusted"), ("transport", "https"), ("codec", "mp3")];
    assert_eq!(scrape.value("myaudio_source_info", &info), 1.0);
    for (source, reason, words) in [
        ("named", "tls", "another name"),
        ("unknown", "tls", "unknown authority"),
        // A server that waits for a request sees none.
        ("plain", "tls", "TLS handshake"),
    ] {
        exporter.until(source, |scrape| {
            scrape.value(FAILURES, &[(LABEL, source), ("reason", reason)]) >= 1.0
        });
        let log = exporter.process.output();
        let said = |line: &str| line.contains(&format!("source={source} ")) && line.contains(words);
        assert!(
            log.lines().any(said),
            "{source} does not say {words:?}:\n{log}"
        );
    }
}

#[test]
fn a_server_that_sends_all_at_once_and_closes_is_tried_ever_more_rarely() {
    let scratch = Scratch::new();
    let server = Server::hostile_http(&["--audio", &mp3(&scratch)]);
    // Each session brings ten seconds of audio, ten times what would forgive, in no time.
    let text = format!(
        "connect: {{ backoff: {{ initial: 250ms, max: 60s, stable_after: 1s }} }}\n\
         sources: [ {{ name: burst, url: \"{}\" }} ]\n",
        server.http_url("/burst")
    );
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &text));
    let of = |scrape: &Scrape, name| scrape.sum(name, &[(LABEL, "burst")]);
    let due = "myaudio_source_next_attempt_timestamp_seconds";
    // Longer than any wait after a stable session.
    let scrape = exporter.until("a wait of seconds", |scrape| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        of(scrape, due) > now.as_secs_f64() + 1.5
    });
    let audio = of(&scrape, "myaudio_source_audio_seconds_total");
    assert!(audio > 30.0, "{audio} s");
}

#[test]
fn what_cannot_be_decoded_is_listened_to_and_left_alone_for_long() {
    let scratch = Scratch::new();
    let server = Server::hostile_http(&["--audio", &mp3(&scratch)]);
    let text = format!(
        "connect: {{ backoff: {{ max: 40s }} }}\nsources:\n- {{ name: ts, url: \"{}\" }}\n\
         - {{ name: page, url: \"{}\" }}\n",
        server.http_url("/mpegts"),
        server.http_url("/hidden-page"),
    );
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &text));
    let received = "myaudio_source_received_bytes_total";
    let of = |scrape: &Scrape, name, source| scrape.sum(name, &[(LABEL, source)]);
    let before = exporter.until("both are unsupported", |scrape| {
        scrape.state("ts") == "unsupported" && scrape.state("page") == "unsupported"
    });
    let began = Instant::now();
    // A server that sends as fast as it can is held back.
    let after = exporter.until("more bytes", |scrape| {
        of(scrape, received, "ts") > of(&before, received, "ts") + 1_000_000.0
    });
    assert!(
        began.elapsed() > Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    for source in ["ts", "page"] {
        assert_eq!(after.state(source), "unsupported");
        assert_eq!(of(&after, FAILURES, source), 1.0, "{source}");
        assert_eq!(
            of(&after, "myaudio_source_connect_attempts_total", source),
            1.0
        );
        assert_eq!(after.ledger(source), [0.0; 4]);
    }
    let blocked = [(LABEL, "ts"), ("cause", "blocked")];
    assert!(after.value("myaudio_source_gap_seconds_total", &blocked) > 0.5);
    // What is hopeless waits five to ten times the longest backoff.
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs_f64();
    let wait = of(
        &after,
        "myaudio_source_next_attempt_timestamp_seconds",
        "page",
    ) - now;
    assert!((190.0..=400.0).contains(&wait), "{wait} s");
}
