//! Every codec over RTSP from a real server, GStreamer's: its name, shape and level, and
//! what becomes of those that cannot be decoded.

mod support;

use support::{Exporter, Scrape, Server};

const LABEL: &str = "source";

/// What a mount must arrive as. `docs/sources.md` has the same table.
struct Mount {
    path: &'static str,
    codec: &'static str,
    sample_rate: u32,
    channels: u32,
}

const fn mount(path: &'static str, codec: &'static str, sample_rate: u32, channels: u32) -> Mount {
    Mount {
        path,
        codec,
        sample_rate,
        channels,
    }
}

const DECODED: &[Mount] = &[
    mount("aac", "aac", 48_000, 1),
    mount("pcmu", "pcmu", 8_000, 1),
    mount("pcma", "pcma", 8_000, 1),
    mount("l16", "l16", 48_000, 1),
    mount("l24", "l24", 48_000, 2),
    mount("g722", "g722", 16_000, 1),
    mount("g726-16", "g726-16", 8_000, 1),
    mount("g726-32", "g726-32", 8_000, 1),
    mount("latm", "aac", 48_000, 1),
    mount("mp3", "mp3", 48_000, 2),
    mount("mp2", "mp2", 48_000, 1),
    #[cfg(feature = "opus")]
    mount("opus", "opus", 48_000, 1),
    #[cfg(feature = "opus")]
    mount("opuss", "opus", 48_000, 2),
];

const REFUSED: &[(&str, &str)] = &[
    ("speex", "speex"),
    #[cfg(not(feature = "opus"))]
    ("opus", "opus"),
];

fn audio_seconds(scrape: &Scrape, source: &str) -> f64 {
    scrape.value("myaudio_source_audio_seconds_total", &[(LABEL, source)])
}

#[test]
fn every_codec_arrives_with_its_name_shape_and_level() {
    let paths: Vec<_> = DECODED.iter().map(|m| format!("/{}", m.path)).collect();
    let server = Server::gstreamer(&["--mounts", &paths.join(",")]);
    let arguments = DECODED
        .iter()
        .map(|m| format!("{}={}", m.path, server.url(&format!("/{}", m.path))));
    let exporter = Exporter::start(arguments);
    let all = |scrape: &Scrape, least: f64| {
        DECODED
            .iter()
            .all(|mount| audio_seconds(scrape, mount.path) >= least)
    };
    let begun = exporter.until("two seconds of each", |scrape| all(scrape, 2.0));
    let later = exporter.until("six seconds of each", |scrape| all(scrape, 6.0));
    for mount in DECODED {
        let path = mount.path;
        let labels = [
            (LABEL, path),
            ("codec", mount.codec),
            ("sample_rate", &mount.sample_rate.to_string()),
            ("channels", &mount.channels.to_string()),
        ];
        assert_eq!(later.value("myaudio_source_info", &labels), 1.0, "{path}");
        let dbfs = later.dbfs_since(&begun, path);
        assert!(
            (dbfs + 15.0).abs() < 0.5,
            "{path}: a tone of -15 dBFS reads {dbfs}"
        );
        for quiet in ["lost_packets", "decode_errors", "discontinuities"] {
            let name = format!("myaudio_source_{quiet}_total");
            assert_eq!(later.value(&name, &[(LABEL, path)]), 0.0, "{path} {quiet}");
        }
        assert_eq!(later.ledger(path), [1.0, 1.0, 0.0, 0.0], "{path}");
        let unexplained = later.unexplained_seconds(path);
        assert!(unexplained.abs() < 1.5, "{path}: {unexplained} s");
    }
}

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

#[test]
fn the_table_in_the_documentation_is_what_is_tried() {
    let table = include_str!("../docs/sources.md");
    let rows: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    for Mount {
        path,
        codec,
        sample_rate,
        ..
    } in DECODED
    {
        let row = rows.iter().find(|row| row.contains(&format!("`/{path}`")));
        let row = row.unwrap_or_else(|| panic!("no row for the mount /{path}"));
        assert!(row.contains(&format!("`{codec}`")), "{row}");
        let rate = format!("{},000", sample_rate / 1000);
        let open = ["as configured", "as announced", "as encoded"];
        assert!(
            row.contains(&rate) || open.iter().any(|word| row.contains(word)),
            "{row}"
        );
    }
    let tried = |mount: &str| {
        let path = mount.trim_start_matches('/');
        let opus = path.starts_with("opus");
        opus || DECODED.iter().any(|m| m.path == path) || REFUSED.iter().any(|(p, _)| *p == path)
    };
    for mount in table.split('`').filter(|word| word.starts_with('/')) {
        assert!(tried(mount), "{mount} is in the table but not tried");
    }
}
