//! `/api/v1/`.

use std::time::Duration;

use audio_capture_exporter::{
    buffers::{BufferKind, ReaderKind, StartAt},
    coarse_clock::CoarseInstant,
    id::SourceId,
    status::Point,
    units::AudioFormat,
};

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
fn a_buffer_explains_itself_and_its_readers() {
    let server = start(Setup::default());
    let point = |pushes| Point {
        at: CoarseInstant::now(),
        pushes,
        bytes: 16_000.0,
        fill: 0.5,
        worst_lag: 0.25,
        rms: None,
    };
    let mut garden = source("garden");
    garden.recent[BufferKind::Capture.index()] = Some([point(10.0), point(12.5)].into());
    server.publish(Duration::ZERO, vec![garden]);
    let lease = server
        .buffers
        .lease(SourceId::new("garden").unwrap())
        .unwrap();
    let format = AudioFormat {
        sample_rate: 1_000,
        channels: 1,
    };
    let buffer = lease
        .asker()
        .allocate_if_needed(BufferKind::Capture, format, Duration::from_secs(1))
        .unwrap()
        .into_buffer();
    let mut clip = buffer.subscribe(ReaderKind::Clip, StartAt::Now);
    let _live = buffer.subscribe(ReaderKind::Live, StartAt::Now);
    buffer.push(&[1; 990]).unwrap();
    clip.read(&mut [0; 500]);

    let told = &json(&server, "/api/v1/sources/garden")["buffers"][0];
    for (key, value) in [
        ("pushes", serde_json::json!(1)),
        ("pulls", serde_json::json!(1)),
        ("pushes_per_second", serde_json::json!(12.5)),
        ("active_readers", serde_json::json!(2)),
        ("utilization_ratio", serde_json::json!(0.99)),
        ("high", serde_json::json!(true)),
        ("critical", serde_json::json!(true)),
    ] {
        assert_eq!(told[key], value, "{key} of {told}");
    }
    let readers = &told["readers"];
    assert_eq!(readers[0]["kind"], "clip");
    assert_eq!(readers[0]["lag_seconds"], 0.49);
    assert_eq!(readers[0]["pulled_frames"], 500);
    assert_eq!(readers[1]["last_pull"], serde_json::Value::Null);
    let points = &told["recent"]["points"];
    assert_eq!(points.as_array().unwrap().len(), 2);
    assert_eq!(points[1]["fill_ratio"], 0.5);
    for moment in [
        &told["created_at"],
        &told["last_update"],
        &readers[0]["last_pull"],
        &points[0]["time"],
    ] {
        let told: jiff::Timestamp = moment.as_str().unwrap().parse().unwrap();
        let age = jiff::Timestamp::now().duration_since(told);
        assert!(age.as_secs().abs() < 30, "{moment}");
    }
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
