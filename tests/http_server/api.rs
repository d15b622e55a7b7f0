//! `/api/v1/`.

use std::time::Duration;

use audio_capture_exporter::{buffers::BufferKind, id::SourceId, units::AudioFormat};

use crate::{
    client::get,
    fixture::{Fixture, Setup, source, start},
};

fn json(server: &Fixture, path: &str) -> serde_json::Value {
    let answer = get(server.address, path);
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("application/json")),
        "{path}"
    );
    serde_json::from_str(answer.text()).unwrap()
}

#[test]
fn sources_are_listed_and_told_in_depth() {
    let server = start(Setup::default());
    assert_eq!(get(server.address, "/api/v1/sources").status, 503);
    server.publish(Duration::ZERO, vec![source("cam:1"), source("garden")]);
    let sources = json(&server, "/api/v1/sources");
    assert_eq!(sources["sources"][0]["name"], "cam:1");
    assert_eq!(sources["sources"][1]["name"], "garden");
    assert_eq!(
        json(&server, "/api/v1/sources/cam%3A1")["buffers"],
        serde_json::json!([])
    );

    let lease = server
        .buffers
        .lease(SourceId::new("garden").unwrap())
        .unwrap();
    let format = AudioFormat {
        sample_rate: 8_000,
        channels: 2,
    };
    let minute = Duration::from_secs(60);
    let allocation = lease
        .asker()
        .allocate_if_needed(BufferKind::Capture, format, minute)
        .unwrap();
    allocation.into_buffer().push(&[0; 8_000]).unwrap();
    let buffer = &json(&server, "/api/v1/sources/garden")["buffers"][0];
    assert_eq!(buffer["buffer_type"], "capture");
    assert_eq!(buffer["capacity_bytes"], 60 * 8_000 * 2 * 2);
    assert_eq!(buffer["buffered_seconds"], 0.5);
    assert_eq!(buffer["format"]["channels"], 2);
}

#[test]
fn what_is_no_source_is_not_found() {
    let server = start(Setup::default());
    server.publish(Duration::ZERO, vec![source("garden")]);
    for path in [
        "/api/v1/sources/nobody",
        "/api/v1/sources/",
        "/api/v1/sources/garden/",
        "/api/v1/sources/../sources",
        "/api/v1/sources/%2e%2e",
        "/api/v1/sources/garden%2Fclip.wav",
        "/api/v1/",
        "/api/v1",
    ] {
        let answer = get(server.address, path);
        assert_eq!(answer.status, 404, "{path}");
        answer.problem();
    }
}
