//! Probing: the subcommand's words and exit status, and `/probe` as Prometheus asks for it.

#![allow(
    clippy::unwrap_used,
    reason = "a panic is how a test fails, in its helpers too"
)]

mod support;

use std::{
    io::Write as _,
    process::{Command, Output},
    time::{Duration, Instant},
};

use support::{Exporter, Scrape, Scratch, Server, Stopwatch};

fn probe(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_audio-capture-exporter"))
        .arg("probe")
        .args(arguments)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(text).unwrap()
}

#[test]
fn a_good_stream_is_described_and_the_status_says_so() {
    let server = Server::hostile(&[]);
    let output = probe(&["--for", "1s", &server.url("/play")]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for part in [
        "pcmu, 8000 Hz mono, by tcp",
        "first audio",
        "loss         0 of",
        " dBFS",
        "ok  ",
    ] {
        assert!(text.contains(part), "{part:?} is missing:\n{text}");
    }
    let output = probe(&["--json", "--for", "500ms", &server.url("/play")]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["success"], true);
    assert_eq!(report["codec"], "pcmu");
    assert_eq!(report["sample_rate"], 8000);
    assert!(
        (report["level_dbfs"].as_f64().unwrap() + 15.0).abs() < 0.5,
        "{report}"
    );
    let first = report["first_audio_seconds"].as_f64().unwrap();
    let whole = report["duration_seconds"].as_f64().unwrap();
    assert!(first > 0.0 && whole >= first + 0.5, "{report}");
}

#[test]
fn what_is_wrong_is_said_in_words_and_by_the_status() {
    let server = Server::hostile(&[]);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = format!("rtsp://{}/x", nobody.local_addr().unwrap());
    drop(nobody);
    for (url, words) in [
        (
            server.url("/unauthorized"),
            "wants a user name and password",
        ),
        (server.url("/not-found"), "check the path"),
        (server.url("/garbage"), "RTSP port"),
        (refused, "refuses connections on this port"),
        (
            "rtsp://no-such-host.invalid/x".to_owned(),
            "does not resolve",
        ),
        ("no-such-file.wav".to_owned(), "file"),
    ] {
        let output = probe(&["--for", "1s", &url]);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(1), "{url}: {text}");
        assert!(
            text.contains("not ok") && text.contains(words),
            "{url}: {text}"
        );
    }
    // A session that breaks off while it is listened to is no success either.
    let output = probe(&["--for", "20s", &server.url("/hang-up/20")]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("8000 Hz mono") && text.contains("closed the connection"),
        "{text}"
    );
}

#[test]
fn credentials_come_from_files_and_never_from_arguments() {
    let secret = "p#ss:w@rd-canary";
    let server = Server::gstreamer(&[
        "--auth",
        "digest",
        "--user",
        "recorder",
        "--password",
        secret,
        "--mounts",
        "/pcmu",
    ]);
    let scratch = Scratch::new();
    let url = server.url("/pcmu");
    let right = scratch.write("right", &format!("{secret}\n"));
    let right = right.to_str().unwrap();
    let text = format!(
        "sources: [ {{ name: cam, url: \"{url}\", username: recorder, password_file: right }} ]\n"
    );
    let config = scratch.write("config.yaml", &text);
    let config = config.to_str().unwrap();
    for arguments in [
        &["--username", "recorder", "--password-file", right, &url][..],
        &["--config.file", config, "cam"],
    ] {
        let output = probe(&[&["--for", "500ms"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        assert!(!said(&output).contains("canary"), "{}", said(&output));
    }
    let wrong = scratch.write("wrong", "wrong-canary");
    let output = probe(&[
        "--username",
        "recorder",
        "--password-file",
        wrong.to_str().unwrap(),
        &url,
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("refuses this user name or password"),
        "{}",
        said(&output)
    );
    let in_url = url.replace("rtsp://", "rtsp://recorder:canary@");
    for misuse in [
        &[in_url.as_str()][..],
        &["--username", "recorder", &url],
        &[
            "--username",
            "recorder",
            "--password-file",
            "/no/such/canary",
            &url,
        ],
        &["--config.file", config, "nobody"],
        &["--for", "5", &url],
    ] {
        let output = probe(misuse);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{misuse:?}: {}",
            said(&output)
        );
        assert!(!said(&output).contains("canary"), "{}", said(&output));
    }
}

fn exporter(server: &Server, probe: &str) -> (Exporter, Scratch) {
    let scratch = Scratch::new();
    let off = |name: &str, path: &str| {
        format!(
            "- {{ name: {name}, url: \"{}\", enabled: false }}\n",
            server.url(path)
        )
    };
    let text = format!(
        "{probe}\nsources:\n{}{}{}",
        off("good", "/play"),
        off("mute", "/mute"),
        off("denied", "/unauthorized")
    );
    let config = scratch.write("config.yaml", &text);
    (Exporter::with_config(&config), scratch)
}

#[test]
fn a_probe_over_http_has_a_registry_of_its_own_and_answers_in_time() {
    let server = Server::hostile(&[]);
    let (exporter, _scratch) = exporter(&server, "");
    let (status, text) = exporter.get("/probe?target=good&module=audio");
    assert_eq!(status, 200, "{text}");
    let scrape = Scrape::parse(&text);
    assert_eq!(scrape.value("probe_success", &[]), 1.0, "{text}");
    let info = [
        ("codec", "pcmu"),
        ("sample_rate", "8000"),
        ("channels", "1"),
        ("transport", "tcp"),
    ];
    assert_eq!(scrape.value("probe_audio_info", &info), 1.0);
    let dbfs = 20.0 * scrape.value("probe_level_rms_ratio", &[]).log10();
    assert!((dbfs + 15.0).abs() < 0.5, "{dbfs}");
    assert_eq!(scrape.value("probe_packets_lost", &[]), 0.0);
    assert!(scrape.value("probe_first_audio_seconds", &[]) > 0.0);
    assert!(scrape.sum("probe_failure_info", &[]) == 0.0);
    assert!(
        scrape
            .samples
            .iter()
            .all(|(name, ..)| name.starts_with("probe_")),
        "{text}"
    );
    support::run("promtool", &["check", "metrics"], &text);

    let (began, watch) = (Instant::now(), Stopwatch::start());
    let header = "X-Prometheus-Scrape-Timeout-Seconds: 2\r\n";
    let (status, _, body) = exporter.request("GET", "/probe?target=mute", header);
    let (took, promised) = (began.elapsed(), watch.promised());
    let text = String::from_utf8(body).unwrap();
    let scrape = Scrape::parse(&text);
    assert_eq!(
        (status, scrape.value("probe_success", &[])),
        (200, 0.0),
        "{text}"
    );
    assert_eq!(
        scrape.value("probe_failure_info", &[("reason", "timeout")]),
        1.0
    );
    assert!(took >= Duration::from_millis(1400), "{took:?}");
    assert!(promised < Duration::from_secs(2), "{promised:?}");

    let denied = Scrape::parse(&exporter.get("/probe?target=denied").1);
    assert_eq!(
        denied.value("probe_failure_info", &[("reason", "unauthorized")]),
        1.0
    );

    // What is captured knows nothing of it.
    let own = exporter.scrape();
    for source in ["good", "mute", "denied"] {
        let labels = [("source", source)];
        assert_eq!(
            own.value("myaudio_source_connect_attempts_total", &labels),
            0.0
        );
        assert_eq!(own.sum("myaudio_signal_samples_total", &labels), 0.0);
        assert_eq!(own.state(source), "disabled");
    }
}

#[test]
fn only_what_the_configuration_allows_is_probed_and_not_too_much_at_once() {
    let server = Server::hostile(&[]);
    let (exporter, _scratch) = exporter(&server, "probe: { targets: [mute] }");
    let by_url = format!("/probe?target={}", server.url("/play").replace(':', "%3A"));
    for (path, expected) in [
        ("/probe?target=good", 403),
        ("/probe?target=nobody", 403),
        (by_url.as_str(), 403),
        ("/probe", 400),
        ("/probe?target=mute&module=video", 400),
    ] {
        let (status, text) = exporter.get(path);
        assert_eq!(status, expected, "{path}: {text}");
        assert!(text.contains("\"remedy\""), "{text}");
    }
    let cross = "Sec-Fetch-Site: cross-site\r\n";
    assert_eq!(exporter.request("GET", "/probe?target=mute", cross).0, 403);
    let post = exporter.request("POST", "/probe?target=mute", "Content-Length: 0\r\n");
    assert_eq!(post.0, 405);

    let patience = "X-Prometheus-Scrape-Timeout-Seconds: 3\r\n";
    let descriptors = || exporter.process.descriptors();
    let before = descriptors();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| exporter.request("GET", "/probe?target=mute", patience).0))
            .collect();
        asked
            .into_iter()
            .map(|asking| asking.join().unwrap())
            .collect()
    });
    let count = |status| statuses.iter().filter(|s| **s == status).count();
    assert_eq!((count(200), count(503)), (4, 4), "{statuses:?}");
    // A client that goes away takes its probe with it.
    // The scrape that is under way has one.
    exporter.until("all is closed again", |_| descriptors() <= before + 1);
    assert_eq!(
        exporter.request("GET", "/probe?target=mute", patience).0,
        200
    );
}

#[test]
fn a_pipe_is_not_probed_and_its_capture_misses_nothing() {
    let scratch = Scratch::new();
    let fifo = scratch.path("rec.pcm");
    support::run("mkfifo", &[fifo.to_str().unwrap()], "");
    let text = format!(
        "sources: [ {{ url: \"fifo://{}\", pcm: {{ format: s16le, sample_rate: 8000, channels: 1 }} }} ]\n",
        fifo.display()
    );
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &text));
    let mut writer = std::fs::OpenOptions::new().write(true).open(&fifo).unwrap();
    for second in 1..=3 {
        writer.write_all(&[7; 16_000]).unwrap();
        let (status, said) = exporter.get("/probe?target=rec");
        assert_eq!(status, 403, "{said}");
        assert!(said.contains("pipe") && said.contains("/metrics"), "{said}");
        exporter.until("all that was written", |scrape| {
            let labels = [("source", "rec")];
            // A packet of the demultiplexer may be held until more comes.
            scrape.value("myaudio_source_audio_seconds_total", &labels) > f64::from(second) - 0.15
        });
    }
}
