//! Tracked objects of the running program.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use support::{Exporter, Scrape, Scratch, write_tone};

fn count(scrape: &Scrape, object: &str) -> f64 {
    scrape.sum("myaudio_tracked_objects", &[("object", object)])
}

#[test]
fn the_programs_own_are_what_it_does() {
    let demo = Exporter::start(["demo"]);
    demo.until("three of each", |scrape| {
        let each = ["sessions", "relays", "readers", "capture_buffers"];
        each.iter().all(|object| count(scrape, object) == 3.0)
    });
    let scratch = Scratch::new();
    write_tone(&scratch.path("tone.wav"), 8_000, 1, 1.0, -20.0);
    let source = "- { name: a, url: tone.wav, loop: true }\n";
    let other = "- { name: b, url: tone.wav, loop: true }\n";
    let config = scratch.write("config.yaml", &format!("sources:\n{source}{other}"));
    let files = Exporter::with_config(&config);
    let all = |scrape: &Scrape, number| {
        let each = ["sessions", "decoders", "analysis_buffers"];
        each.iter().all(|object| count(scrape, object) == number)
    };
    files.until("two of each", |scrape| all(scrape, 2.0));
    scratch.write("config.yaml", &format!("sources:\n{source}"));
    assert_eq!(files.reload().0, 200);
    files.until("one of each", |scrape| all(scrape, 1.0));
}

fn put(address: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "PUT {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_reporter_that_falls_silent_leaves_no_phantom() {
    let scratch = Scratch::new();
    write_tone(&scratch.path("tone.wav"), 8_000, 1, 1.0, -20.0);
    let config = scratch.write(
        "config.yaml",
        "sources: [ { url: tone.wav, loop: true } ]\n\
         objects: [ { name: clip-cache, max_count: 5, expire_after: 2s } ]\n",
    );
    let exporter = Exporter::with_config(&config);
    assert_eq!(count(&exporter.scrape(), "clip-cache"), 0.0);
    let path = "/api/v1/objects/clip-cache";
    let body = r#"{"reporter": "recorder", "count": 9, "bytes": 90}"#;
    let answer = put(&exporter.address, path, body);
    assert!(answer.contains("\"over_threshold\":true"), "{answer}");
    exporter.until("it is forgotten", |scrape| {
        count(scrape, "clip-cache") == 0.0
    });
    assert!(
        exporter
            .process
            .output()
            .contains("more of an object than its threshold"),
        "the log says so"
    );
}
