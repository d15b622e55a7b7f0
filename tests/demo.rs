//! The demo as a new user meets it: three sources over real RTSP, no camera.

mod support;

use support::Exporter;

#[test]
fn the_demo_shows_a_healthy_a_flapping_and_a_silent_source() {
    let exporter = Exporter::start(["demo"]);
    let first = exporter.until("all three stream", |scrape| {
        scrape.sum("myaudio_source_up", &[]) == 3.0
    });
    let later = exporter.until("the flapping source came back twice", |scrape| {
        scrape.ledger("flapping")[2] >= 2.0
            && scrape.state("flapping") == "streaming"
            && scrape.sum("myaudio_source_up", &[]) == 3.0
    });
    // Reconnects keep the one buffer.
    let [attempted, first_allocation, repeated, errors] = later.ledger("flapping");
    assert_eq!((first_allocation, errors), (1.0, 0.0));
    assert_eq!(attempted, first_allocation + repeated);
    for steady in ["healthy", "silent"] {
        assert_eq!(later.ledger(steady), [1.0, 1.0, 0.0, 0.0]);
        let disconnects = later.sum("myaudio_source_disconnects_total", &[("source", steady)]);
        assert_eq!(disconnects, 0.0, "{steady}");
    }
    assert!(later.dbfs_since(&first, "healthy") > -60.0);
    assert_eq!(later.dbfs_since(&first, "silent"), f64::NEG_INFINITY);
    // Silent for longer than the demo has patience for; nothing else is.
    exporter.until("the silent source is told", |scrape| {
        scrape.value("myaudio_signal_silent", &[("source", "silent")]) == 1.0
    });
    for family in ["silent", "stuck", "clipped_samples_total"] {
        let name = format!("myaudio_signal_{family}");
        for source in ["healthy", "flapping"] {
            assert_eq!(
                later.value(&name, &[("source", source)]),
                0.0,
                "{source} {family}"
            );
        }
    }
    let digital = [("source", "silent"), ("kind", "digital")];
    assert!(later.value("myaudio_signal_silent_seconds_total", &digital) > 5.0);
    for source in ["healthy", "flapping", "silent"] {
        let unexplained = later.unexplained_seconds(source);
        assert!(unexplained.abs() < 1.5, "{source}: {unexplained} s");
    }
    for (path, expected) in [
        ("/", "flapping"),
        ("/-/healthy", "healthy"),
        ("/-/ready", "ready"),
    ] {
        let (status, body) = exporter.get(path);
        assert_eq!(status, 200, "{path}");
        assert!(body.contains(expected), "{path}: {body}");
    }
}
