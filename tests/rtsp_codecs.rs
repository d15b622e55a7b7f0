//! What becomes of codecs over RTSP that cannot be decoded, from a real server, GStreamer's.

mod support;

use support::{Exporter, Scrape, Server};

const LABEL: &str = "source";

const REFUSED: &[(&str, &str)] = &[
    ("speex", "speex"),
    #[cfg(not(feature = "opus"))]
    ("opus", "opus"),
];

#[test]
fn what_cannot_be_decoded_is_a_state_and_its_transport_is_still_watched() {
    let paths: Vec<_> = REFUSED.iter().map(|(path, _)| format!("/{path}")).collect();
    let server = Server::gstreamer(&["--mounts", &paths.join(",")]);
    let arguments = REFUSED
        .iter()
        .map(|(path, _)| format!("{path}={}", server.url(&format!("/{path}"))));
    let exporter = Exporter::start(arguments);
    let packets = |scrape: &Scrape, path: &str| {
        scrape.value("myaudio_source_received_packets_total", &[(LABEL, path)])
    };
    let blocked = |scrape: &Scrape, path: &str| {
        let labels = [(LABEL, path), ("cause", "blocked")];
        scrape.value("myaudio_source_gap_seconds_total", &labels)
    };
    let scrape = exporter.until("five seconds of packets", |scrape| {
        REFUSED.iter().all(|(path, _)| {
            scrape.state(path) == "unsupported"
                && packets(scrape, path) > 200.0
                && blocked(scrape, path) > 4.0
        })
    });
    for (path, codec) in REFUSED {
        let labels = [(LABEL, *path), ("codec", codec), ("transport", "tcp")];
        assert_eq!(scrape.value("myaudio_source_info", &labels), 1.0);
        let of = |name: &str| scrape.sum(name, &[(LABEL, path)]);
        assert_eq!(of("myaudio_source_connect_attempts_total"), 1.0, "{path}");
        assert_eq!(of("myaudio_source_connect_failures_total"), 1.0, "{path}");
        assert_eq!(of("myaudio_source_disconnects_total"), 0.0, "{path}");
        assert_eq!(of("myaudio_source_decode_errors_total"), 0.0, "{path}");
        assert_eq!(scrape.ledger(path), [0.0; 4], "{path}");
        assert!(scrape.unexplained_seconds(path).abs() < 1.5, "{path}");
        let named = format!("the codec {codec} cannot be decoded here");
        assert!(exporter.process.output().contains(&named), "{path}");
        assert!(exporter.get("/").1.contains(&named), "{path}");
    }
    server.process.signal("KILL");
    exporter.until("the end of the session shows", |scrape| {
        let gone = [(LABEL, "speex"), ("reason", "closed")];
        scrape.value("myaudio_source_disconnects_total", &gone) == 1.0
            && scrape.state("speex") == "unsupported"
    });
}
