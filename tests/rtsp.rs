//! RTSP from a real server, GStreamer's: every codec, both authentications, audio beside
//! video, and the ways such a server dies.

mod support;

use support::{Exporter, Scrape, Scratch, Server};

/// What a mount must arrive as.
struct Mount {
    path: &'static str,
    codec: &'static str,
    sample_rate: u32,
    channels: u32,
}

const MOUNTS: [Mount; 8] = [
    Mount {
        path: "aac",
        codec: "aac",
        sample_rate: 48_000,
        channels: 1,
    },
    Mount {
        path: "aac16",
        codec: "aac",
        sample_rate: 16_000,
        channels: 1,
    },
    Mount {
        path: "aacs",
        codec: "aac",
        sample_rate: 48_000,
        channels: 2,
    },
    Mount {
        path: "pcmu",
        codec: "pcmu",
        sample_rate: 8_000,
        channels: 1,
    },
    Mount {
        path: "pcma",
        codec: "pcma",
        sample_rate: 8_000,
        channels: 1,
    },
    Mount {
        path: "l16",
        codec: "l16",
        sample_rate: 48_000,
        channels: 1,
    },
    Mount {
        path: "l16s",
        codec: "l16",
        sample_rate: 48_000,
        channels: 2,
    },
    Mount {
        path: "av",
        codec: "aac",
        sample_rate: 48_000,
        channels: 1,
    },
];

const LABEL: &str = "source";

fn audio_seconds(scrape: &Scrape, source: &str) -> f64 {
    scrape.value("myaudio_source_audio_seconds_total", &[(LABEL, source)])
}

#[test]
fn every_codec_arrives_with_its_format_and_level() {
    let server = Server::gstreamer(&[]);
    let arguments: Vec<_> = MOUNTS
        .iter()
        .map(|m| format!("{}={}", m.path, server.url(&format!("/{}", m.path))))
        .collect();
    let exporter = Exporter::start(&arguments);
    let all = |scrape: &Scrape, least: f64| {
        MOUNTS
            .iter()
            .all(|mount| audio_seconds(scrape, mount.path) >= least)
    };
    let begun = exporter.until("a second of each", |scrape| all(scrape, 1.0));
    let later = exporter.until("five seconds of each", |scrape| all(scrape, 5.0));
    for Mount {
        path,
        codec,
        sample_rate,
        channels,
    } in &MOUNTS
    {
        let labels = [
            (LABEL, *path),
            ("kind", "rtsp"),
            ("transport", "tcp"),
            ("codec", codec),
            ("sample_rate", &sample_rate.to_string()),
            ("channels", &channels.to_string()),
        ];
        assert_eq!(later.value("myaudio_source_info", &labels), 1.0);
        let dbfs = later.dbfs_since(&begun, path);
        assert!(
            (dbfs + 15.0).abs() < 0.5,
            "{path}: a tone of -15 dBFS reads {dbfs}"
        );
        assert_eq!(later.ledger(path), [1.0, 1.0, 0.0, 0.0], "{path}");
        let capacity = later.value(
            "myaudio_buffer_capacity_bytes",
            &[(LABEL, path), ("buffer_type", "capture")],
        );
        assert_eq!(
            capacity,
            f64::from(60 * sample_rate * channels * 2),
            "{path}"
        );
        for quiet in ["lost_packets", "decode_errors", "discontinuities"] {
            let name = format!("myaudio_source_{quiet}_total");
            assert_eq!(later.value(&name, &[(LABEL, path)]), 0.0, "{path} {quiet}");
        }
        let unexplained = later.unexplained_seconds(path);
        assert!(unexplained.abs() < 1.5, "{path}: {unexplained} s");
    }
}

#[test]
fn basic_and_digest_credentials_open_the_stream_and_show_nowhere() {
    let secret = "p#ss:w@rd-canary";
    for method in ["basic", "digest"] {
        let server = Server::gstreamer(&[
            "--auth",
            method,
            "--user",
            "canary-user",
            "--password",
            secret,
            "--mounts",
            "/pcmu",
        ]);
        let scratch = Scratch::new();
        scratch.write("password", &format!("{secret}\n"));
        let url = server.url("/pcmu");
        let in_url = url.replace("rtsp://", "rtsp://canary-user:p%23ss%3Aw%40rd-canary@");
        let config = format!(
            "connect: {{ backoff: {{ initial: 1s, max: 2s }} }}\nsources:\n\
             - {{ name: by-file, url: \"{url}\", username: canary-user, password_file: password }}\n\
             - {{ name: by-url, url: \"{in_url}\" }}\n\
             - {{ name: wrong, url: \"{url}\", username: canary-user, password_env: WRONG_CANARY }}\n\
             - {{ name: none, url: \"{url}\" }}\n"
        )
        .replace("password_env: WRONG_CANARY", "password_file: wrong");
        scratch.write("wrong", "wrong-canary");
        let exporter = Exporter::with_config(&scratch.write("config.yaml", &config));
        let scrape = exporter.until(method, |scrape| {
            ["by-file", "by-url"]
                .iter()
                .all(|source| scrape.state(source) == "streaming")
                && ["wrong", "none"]
                    .iter()
                    .all(|source| scrape.state(source) == "unauthorized")
        });
        for refused in ["wrong", "none"] {
            let labels = [(LABEL, refused), ("reason", "unauthorized")];
            assert!(scrape.value("myaudio_source_connect_failures_total", &labels) >= 1.0);
            assert_eq!(scrape.ledger(refused), [0.0; 4]);
        }
        let shown = [
            exporter.get("/metrics").1,
            exporter.get("/").1,
            exporter.process.output(),
            std::fs::read_to_string(format!("/proc/{}/cmdline", exporter.process.id())).unwrap(),
        ];
        for text in &shown {
            assert!(!text.contains("canary"), "{method}: {text}");
        }
    }
}

#[test]
fn a_stream_without_audio_and_an_unknown_codec_are_states_not_loops() {
    let server = Server::gstreamer(&["--mounts", "/video,/speex"]);
    let video = format!("video={}", server.url("/video"));
    let speex = format!("speex={}", server.url("/speex"));
    let exporter = Exporter::start([video, speex]);
    let scrape = exporter.until("both blocked", |scrape| {
        scrape.state("video") == "no_audio_track" && scrape.state("speex") == "unsupported"
    });
    assert_eq!(
        scrape.value(
            "myaudio_source_info",
            &[(LABEL, "speex"), ("codec", "speex")]
        ),
        1.0
    );
    for (source, reason) in [("video", "no_audio_track"), ("speex", "unsupported")] {
        let failures = "myaudio_source_connect_failures_total";
        assert_eq!(
            scrape.value(failures, &[(LABEL, source), ("reason", reason)]),
            1.0
        );
        assert_eq!(
            scrape.sum("myaudio_source_disconnects_total", &[(LABEL, source)]),
            0.0
        );
    }
    let later = exporter.until("the time goes to blocked", |scrape| {
        let labels = [(LABEL, "speex"), ("cause", "blocked")];
        scrape.value("myaudio_source_gap_seconds_total", &labels) > 3.0
    });
    assert_eq!(
        later.value("myaudio_source_connect_attempts_total", &[(LABEL, "speex")]),
        1.0
    );
}

#[test]
fn a_session_that_a_reload_ends_is_counted_whether_it_is_decoded_or_not() {
    let server = Server::gstreamer(&["--mounts", "/pcmu,/speex"]);
    let config = |stall: u32| {
        let source = |name| {
            let url = server.url(&format!("/{name}"));
            format!("- {{ name: {name}, url: \"{url}\", stall_after: {stall}s }}\n")
        };
        format!("sources:\n{}{}", source("pcmu"), source("speex"))
    };
    let scratch = Scratch::new();
    let exporter = Exporter::with_config(&scratch.write("config.yaml", &config(5)));
    let both = |scrape: &Scrape| {
        scrape.state("pcmu") == "streaming" && scrape.state("speex") == "unsupported"
    };
    exporter.until("both are open", both);
    scratch.write("config.yaml", &config(6));
    assert_eq!(exporter.reload().0, 200);
    let scrape = exporter.until("both are open again", |scrape| {
        let attempts =
            |source| scrape.value("myaudio_source_connect_attempts_total", &[(LABEL, source)]);
        both(scrape) && attempts("pcmu") == 2.0 && attempts("speex") == 2.0
    });
    for source in ["pcmu", "speex"] {
        let local = [(LABEL, source), ("reason", "local")];
        let disconnects = "myaudio_source_disconnects_total";
        assert_eq!(scrape.value(disconnects, &local), 1.0, "{source}");
        assert_eq!(scrape.sum(disconnects, &[(LABEL, source)]), 1.0, "{source}");
    }
}

/// The codecs that are put through a server's deaths.
const MORTAL: [&str; 4] = ["aac", "pcmu", "pcma", "l16"];
const USER: [&str; 4] = ["--user", "recorder", "--password", "secret"];

/// A server that wants credentials of one kind; port 0 for any.
fn guarded(method: &str, port: &str) -> Server {
    let mounts = MORTAL.map(|codec| format!("/{codec}")).join(",");
    let arguments = ["--auth", method, "--mounts", &mounts, "--port", port];
    Server::gstreamer(&[&arguments[..], &USER[..]].concat())
}

/// A source for each codec, with a configuration whose faults show within a test's
/// patience.
fn impatient(server: &Server) -> Exporter {
    let scratch = Scratch::new();
    scratch.write("password", "secret");
    let source = |codec: &str| {
        let url = server.url(&format!("/{codec}"));
        format!(
            "- {{ name: {codec}, url: \"{url}\", stall_after: 2s, username: recorder, \
             password_file: password }}\n"
        )
    };
    let sources: String = MORTAL.iter().map(|codec| source(codec)).collect();
    let connect = "connect: { timeout: 3s, backoff: { initial: 500ms, max: 1s } }";
    let config = scratch.write("config.yaml", &format!("{connect}\nsources:\n{sources}"));
    Exporter::with_config(&config)
}

fn held(scrape: &Scrape, codec: &str) -> f64 {
    let labels = [(LABEL, codec), ("buffer_type", "capture")];
    scrape.value("myaudio_buffer_size_bytes", &labels)
}

fn each(scrape: &Scrape, holds: impl Fn(&Scrape, &str) -> bool) -> bool {
    MORTAL.iter().all(|codec| holds(scrape, codec))
}

#[test]
fn a_killed_server_is_noticed_and_its_successor_fills_the_same_buffers() {
    let server = guarded("digest", "0");
    let port = server.port.to_string();
    let exporter = impatient(&server);
    exporter.until("two seconds of each", |scrape| {
        each(scrape, |scrape, codec| audio_seconds(scrape, codec) > 2.0)
    });
    let descriptors = exporter.process.descriptors();
    server.process.signal("KILL");
    let down = exporter.until("seen as down", |scrape| {
        each(scrape, |scrape, codec| {
            scrape.value("myaudio_source_up", &[(LABEL, codec)]) == 0.0
                && scrape.sum("myaudio_source_connect_failures_total", &[(LABEL, codec)]) >= 1.0
        })
    });
    for codec in MORTAL {
        let closed = [(LABEL, codec), ("reason", "closed")];
        let closed = down.value("myaudio_source_disconnects_total", &closed);
        assert_eq!(closed, 1.0, "{codec}");
        // Two seconds of 8 kHz are 32,000 bytes.
        assert!(held(&down, codec) >= 32_000.0, "the audio of {codec} stays");
    }
    drop(server);

    let _successor = guarded("digest", &port);
    let back = exporter.until("all back", |scrape| {
        each(scrape, |scrape, codec| {
            scrape.state(codec) == "streaming" && held(scrape, codec) > held(&down, codec)
        })
    });
    for codec in MORTAL {
        assert_eq!(back.ledger(codec), [2.0, 1.0, 1.0, 0.0], "{codec}");
        let releases = back.sum("myaudio_buffer_releases_total", &[(LABEL, codec)]);
        assert_eq!(releases, 0.0, "{codec}");
        for cause in ["connect", "backoff"] {
            let labels = [(LABEL, codec), ("cause", cause)];
            let gap = back.value("myaudio_source_gap_seconds_total", &labels);
            assert!(gap > 0.0, "{codec} {cause}");
        }
        assert!(back.unexplained_seconds(codec).abs() < 3.0, "{codec}");
    }
    exporter.until("no descriptor leaked", |_| {
        exporter.process.descriptors() <= descriptors
    });
}

#[test]
fn a_frozen_server_is_a_stall_and_is_found_again() {
    let server = guarded("basic", "0");
    let exporter = impatient(&server);
    exporter.until("a second of each", |scrape| {
        each(scrape, |scrape, codec| audio_seconds(scrape, codec) > 1.0)
    });
    server.process.signal("STOP");
    exporter.until("stalled", |scrape| {
        each(scrape, |scrape, codec| scrape.state(codec) == "stalled")
    });
    let gone = exporter.until("given up, and nobody answers", |scrape| {
        each(scrape, |scrape, codec| {
            let stall = [(LABEL, codec), ("reason", "stall")];
            let timeout = [(LABEL, codec), ("reason", "timeout")];
            scrape.value("myaudio_source_disconnects_total", &stall) == 1.0
                && scrape.sum("myaudio_source_connect_failures_total", &timeout) >= 1.0
        })
    });
    for codec in MORTAL {
        let stall = [(LABEL, codec), ("cause", "stall")];
        let stalled = gone.value("myaudio_source_gap_seconds_total", &stall);
        let back_dated = (2.9..4.5).contains(&stalled);
        assert!(back_dated, "{codec}: {stalled} s since the last audio");
    }
    server.process.signal("CONT");
    let back = exporter.until("all back", |scrape| {
        each(scrape, |scrape, codec| scrape.state(codec) == "streaming")
    });
    for codec in MORTAL {
        assert_eq!(back.ledger(codec), [2.0, 1.0, 1.0, 0.0], "{codec}");
        assert!(back.unexplained_seconds(codec).abs() < 3.0, "{codec}");
    }
}
