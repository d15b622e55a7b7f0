//! Sequence numbers and timestamps that do not behave: over the RTSP connection and by
//! UDP, each gets the right counters and state, and audio goes on. With `EXTENDED` also
//! clocks that are wrong, which takes twelve minutes to see.

mod support;

use support::{Exporter, Scrape, Scratch, Server};

const LABEL: &str = "source";

fn count(scrape: &Scrape, name: &str, source: &str) -> f64 {
    scrape.sum(&format!("myaudio_source_{name}_total"), &[(LABEL, source)])
}

/// Sources of these paths, each over the connection and by UDP: `wrap.tcp`, `wrap.udp`.
fn start(server: &Server, ways: &[(&str, &str)]) -> Exporter {
    let mut text =
        String::from("connect: { timeout: 2s, backoff: { initial: 500ms, max: 1s } }\nsources:\n");
    for (name, path) in ways {
        for transport in ["tcp", "udp"] {
            let url = server.url(path);
            let line = format!(
                "- {{ name: {name}.{transport}, url: \"{url}\", transport: {transport}, stall_after: 2s }}\n"
            );
            text.push_str(&line);
        }
    }
    let scratch = Scratch::new();
    Exporter::with_config(&scratch.write("config.yaml", &text))
}

fn until_audio(exporter: &Exporter, sources: &[String], seconds: f64) -> Scrape {
    exporter.until("audio of each", |scrape| {
        sources
            .iter()
            .all(|source| count(scrape, "audio_seconds", source) >= seconds)
    })
}

fn named(names: &[&str], transports: &[&str]) -> Vec<String> {
    let each = |name: &&str| {
        transports
            .iter()
            .map(|t| format!("{name}.{t}"))
            .collect::<Vec<_>>()
    };
    names.iter().flat_map(each).collect()
}

#[test]
fn wraps_and_jumps_cost_no_audio_and_jumps_are_counted() {
    let server = Server::hostile(&[]);
    let ways = [
        ("wrap", "/wrap/100"),
        ("jump", "/jump/100"),
        ("back", "/back/100"),
    ];
    let exporter = start(&server, &ways);
    let sources = named(&["wrap", "jump", "back"], &["tcp", "udp"]);
    let scrape = until_audio(&exporter, &sources, 5.0);
    for source in &sources {
        let jumps = if source.starts_with("wrap") { 0.0 } else { 1.0 };
        assert_eq!(count(&scrape, "discontinuities", source), jumps, "{source}");
        let lost = count(&scrape, "lost_packets", source);
        assert!(
            lost <= count(&scrape, "disconnects", source),
            "{source}: {lost} lost"
        );
        assert_eq!(count(&scrape, "disconnects", source), 0.0, "{source}");
        assert_eq!(scrape.state(source), "streaming");
        assert!(scrape.unexplained_seconds(source).abs() < 1.5, "{source}");
        let jitter = scrape.value("myaudio_source_jitter_seconds", &[(LABEL, source)]);
        assert!((0.0..0.1).contains(&jitter), "{source}: {jitter} s");
        let skew = scrape.value("myaudio_source_clock_skew_ratio", &[(LABEL, source)]);
        assert!(skew.is_nan(), "{source} tells {skew} after seconds");
        let transport = source.split('.').nth(1).unwrap();
        let info = [(LABEL, source.as_str()), ("transport", transport)];
        assert_eq!(scrape.value("myaudio_source_info", &info), 1.0);
    }
}

#[test]
fn packets_held_back_are_jitter_and_a_wrong_clock_is_skew() {
    let (seconds, patience) = match std::env::var_os("EXTENDED") {
        Some(_) => (690.0, 900),
        None => (24.0, 90),
    };
    let server = Server::hostile(&[]);
    let ways = [
        ("held", "/held/80"),
        ("fast", "/fast/2000"),
        ("slow", "/slow/5000"),
    ];
    let exporter = start(&server, &ways);
    let transports = ["tcp", "udp"];
    let sources = named(&["held", "fast", "slow"], &transports);
    let patience = std::time::Duration::from_secs(patience);
    let scrape = exporter.until_within(patience, "audio of each", |scrape| {
        let long = |source: &String| count(scrape, "audio_seconds", source) >= seconds;
        sources.iter().all(long)
    });
    let read = |name: &str, source: &str| scrape.value(name, &[(LABEL, source)]);
    for source in named(&["held"], &transports) {
        // Every second batch ends 600 ms late: 0.6 s x (1 - (15/16)^30) after 24 s. The grid
        // may take a tenth off or add one, and a machine that is late makes one batch of two.
        let jitter = read("myaudio_source_jitter_seconds", &source);
        assert!((0.3..0.8).contains(&jitter), "{source}: {jitter} s");
    }
    for source in named(&["fast", "slow"], &transports) {
        let jitter = read("myaudio_source_jitter_seconds", &source);
        assert!(jitter < 0.1, "{source}: {jitter} s");
        let skew = read("myaudio_source_clock_skew_ratio", &source);
        let error = if source.starts_with("fast") {
            2000e-6
        } else {
            -5000e-6
        };
        if seconds < 600.0 {
            assert!(skew.is_nan(), "{source} tells {skew} after seconds");
        } else {
            assert!(
                (skew - error).abs() < 100e-6,
                "{source}: {skew}, not {error}"
            );
        }
        // A slow clock is no stall, and what it leaves open is its error.
        let stall = [(LABEL, source.as_str()), ("cause", "stall")];
        let stall = scrape.value("myaudio_source_gap_seconds_total", &stall);
        assert!(stall < 0.5, "{source}: {stall} s of stall");
        let expected = count(&scrape, "expected_seconds", &source);
        let open = -scrape.unexplained_seconds(&source) + expected * error.min(0.0);
        assert!(open.abs() < 1.5, "{source}: {open} s");
    }
}

#[test]
fn a_missing_packet_is_lost_once_and_its_time_is_accounted() {
    let server = Server::hostile(&[]);
    let exporter = start(&server, &[("gap", "/gap/10")]);
    let sources = named(&["gap"], &["tcp", "udp"]);
    let scrape = until_audio(&exporter, &sources, 9.0);
    for source in &sources {
        let lost = count(&scrape, "lost_packets", source);
        let share = lost / (lost + count(&scrape, "received_packets", source));
        // A packet that is under way is received, but its batch not yet decoded.
        assert!((share - 0.1).abs() < 0.01, "{source}: {share}");
        assert_eq!(count(&scrape, "discontinuities", source), lost, "{source}");
        let labels = [(LABEL, source.as_str()), ("cause", "loss")];
        let gap = scrape.value("myaudio_source_gap_seconds_total", &labels);
        assert!(
            (gap - lost * 0.02).abs() < 0.3,
            "{source}: {gap} s for {lost}"
        );
        assert!(scrape.unexplained_seconds(source).abs() < 1.5, "{source}");
    }
}

#[test]
fn udp_puts_packets_in_order_and_drops_doubles() {
    let server = Server::hostile(&[]);
    let exporter = start(
        &server,
        &[("reorder", "/reorder/10"), ("twice", "/twice/10")],
    );
    let sources = named(&["reorder", "twice"], &["udp"]);
    let scrape = until_audio(&exporter, &sources, 5.0);
    for source in &sources {
        for quiet in ["lost_packets", "discontinuities", "disconnects"] {
            assert_eq!(count(&scrape, quiet, source), 0.0, "{source} {quiet}");
        }
        assert_eq!(count(&scrape, "decode_errors", source), 0.0, "{source}");
    }
}

#[test]
fn what_no_sequence_explains_ends_the_session_and_the_next_one_goes_on() {
    let server = Server::hostile(&[]);
    let ways = [
        ("restart", "/restart/50"),
        ("reorder", "/reorder/50"),
        ("twice", "/twice/50"),
        ("ssrc", "/new-ssrc/50"),
    ];
    let exporter = start(&server, &ways);
    let restart = named(&["restart", "ssrc"], &["udp", "tcp"]);
    // TCP keeps the order, so that disorder there is the server's own.
    let sources = [restart, named(&["reorder", "twice"], &["tcp"])].concat();
    let scrape = exporter.until("each ended twice and came back", |scrape| {
        sources.iter().all(|source| {
            let labels = [(LABEL, source.as_str()), ("reason", "protocol")];
            scrape.value("myaudio_source_disconnects_total", &labels) >= 2.0
                && scrape.ledger(source)[2] >= 2.0
        })
    });
    for source in &sources {
        let [_, first, _, errors] = scrape.ledger(source);
        assert_eq!((first, errors), (1.0, 0.0), "{source}: one buffer");
        let lost = count(&scrape, "lost_packets", source);
        assert!(
            lost <= count(&scrape, "disconnects", source),
            "{source}: {lost} lost"
        );
        assert!(scrape.unexplained_seconds(source).abs() < 3.0, "{source}");
    }
}
