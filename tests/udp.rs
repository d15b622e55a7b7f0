//! RTP by UDP from a real server, GStreamer's, and how it is refused.

mod support;

use support::{Exporter, Scratch, Server};

const LABEL: &str = "source";

fn start(sources: &[(&str, String, &str)]) -> Exporter {
    let mut text =
        String::from("connect: { timeout: 2s, backoff: { initial: 500ms, max: 1s } }\nsources:\n");
    for (name, url, transport) in sources {
        let line = format!(
            "- {{ name: {name}, url: \"{url}\", transport: {transport}, stall_after: 2s }}\n"
        );
        text.push_str(&line);
    }
    let scratch = Scratch::new();
    Exporter::with_config(&scratch.write("config.yaml", &text))
}

#[test]
fn audio_arrives_whole_from_gstreamer() {
    let server = Server::gstreamer(&["--mounts", "/aac,/pcmu,/l16s,/av"]);
    let mounts = ["aac", "pcmu", "l16s", "av"];
    let sources: Vec<_> = mounts
        .iter()
        .map(|mount| (*mount, server.url(&format!("/{mount}")), "udp"))
        .collect();
    let exporter = start(&sources);
    let audio = |scrape: &support::Scrape, mount: &str| {
        scrape.value("myaudio_source_audio_seconds_total", &[(LABEL, mount)])
    };
    let all = |least: f64| {
        exporter.until("audio of each", |scrape| {
            mounts.iter().all(|mount| audio(scrape, mount) >= least)
        })
    };
    let (begun, later) = (all(1.0), all(5.0));
    for mount in mounts {
        let info = [(LABEL, mount), ("transport", "udp")];
        assert_eq!(later.value("myaudio_source_info", &info), 1.0, "{mount}");
        let dbfs = later.dbfs_since(&begun, mount);
        assert!((dbfs + 15.0).abs() < 0.5, "{mount} reads {dbfs}");
        for quiet in ["lost_packets", "decode_errors", "discontinuities"] {
            let name = format!("myaudio_source_{quiet}_total");
            assert_eq!(
                later.value(&name, &[(LABEL, mount)]),
                0.0,
                "{mount} {quiet}"
            );
        }
        let packets = later.value("myaudio_source_received_packets_total", &[(LABEL, mount)]);
        assert!(packets > 20.0, "{mount}: {packets} packets");
        assert!(later.unexplained_seconds(mount).abs() < 1.5, "{mount}");
    }
}

#[test]
fn a_dead_server_is_noticed_by_its_connection_and_a_frozen_one_by_its_silence() {
    let server = Server::gstreamer(&["--mounts", "/pcmu"]);
    let exporter = start(&[("cam", server.url("/pcmu"), "udp")]);
    exporter.until_state("cam", "streaming");
    server.process.signal("STOP");
    exporter.until_state("cam", "stalled");
    server.process.signal("CONT");
    exporter.until_state("cam", "streaming");
    let before = exporter.process.descriptors();
    server.process.signal("KILL");
    exporter.until("seen as closed", |scrape| {
        let labels = [(LABEL, "cam"), ("reason", "closed")];
        scrape.value("myaudio_source_disconnects_total", &labels) >= 1.0
    });
    exporter.until("no descriptor leaked", |_| {
        exporter.process.descriptors() < before
    });
}

#[test]
fn refusals_name_the_other_transport_and_an_answer_by_tcp_is_taken() {
    let server = Server::hostile(&[]);
    let exporter = start(&[
        ("tcp-only", server.url("/tcp-only"), "udp"),
        ("udp-only", server.url("/udp-only"), "tcp"),
        ("anyway", server.url("/tcp-anyway"), "udp"),
        ("deaf", server.url("/stall/0"), "udp"),
    ]);
    let scrape = exporter.until("refused, refused, taken", |scrape| {
        let rejected = |source| {
            let labels = [(LABEL, source), ("reason", "rejected")];
            scrape.value("myaudio_source_connect_failures_total", &labels) >= 1.0
        };
        let stalled = [(LABEL, "deaf"), ("reason", "stall")];
        scrape.value("myaudio_source_disconnects_total", &stalled) >= 1.0
            && rejected("tcp-only")
            && rejected("udp-only")
            && scrape.state("anyway") == "streaming"
    });
    let info = [(LABEL, "anyway"), ("transport", "tcp")];
    assert_eq!(scrape.value("myaudio_source_info", &info), 1.0);
    let log = exporter.process.output();
    for (source, words) in [
        ("tcp-only", "transport: tcp"),
        ("udp-only", "transport: udp"),
        ("deaf", "firewall"),
    ] {
        let said = log
            .lines()
            .any(|line| line.contains(&format!("source={source} ")) && line.contains(words));
        assert!(said, "{source} does not say {words:?}:\n{log}");
    }
}
