//! Sequence numbers and timestamps that do not behave: over the RTSP connection and by
//! UDP, each gets the right counters and state, and audio goes on.

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
        assert!((0.0..0.2).contains(&jitter), "{source}: {jitter} s");
        let skew = scrape.value("myaudio_source_clock_skew_ratio", &[(LABEL, source)]);
        assert!(skew.is_nan(), "{source} tells {skew} after seconds");
        let transport = source.split('.').nth(1).unwrap();
        let info = [(LABEL, source.as_str()), ("transport", transport)];
        assert_eq!(scrape.value("myaudio_source_info", &info), 1.0);
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
