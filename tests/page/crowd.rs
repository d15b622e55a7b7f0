//! Hundreds of sockets that nobody reads.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use super::support::{Exporter, PATIENCE, Stopwatch};

const CROWD: usize = 200;
const SOCKETS: usize = 64;

fn ask_for_events(address: &str) -> (TcpStream, u16) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "GET /api/v1/events HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    let status = std::str::from_utf8(&head[9..]).unwrap().parse().unwrap();
    (stream, status)
}

#[test]
fn a_crowd_of_idle_sockets_costs_no_audio() {
    let exporter = Exporter::start(["demo"]);
    let before = exporter.until_state("healthy", "streaming");
    let crowd: Vec<_> = (0..CROWD)
        .map(|_| ask_for_events(&exporter.address))
        .collect();
    let opened = crowd.iter().filter(|(_, status)| *status == 101).count();
    let refused = crowd.iter().filter(|(_, status)| *status == 503).count();
    assert_eq!((opened, refused), (SOCKETS, CROWD - SOCKETS));
    let audio = |scrape: &super::support::Scrape| {
        scrape.value(
            "myaudio_source_audio_seconds_total",
            &[("source", "healthy")],
        )
    };
    // Scrapes are served, and nothing is lost.
    let after = exporter.until("ten seconds of audio later", |scrape| {
        audio(scrape) > audio(&before) + 10.0
    });
    let gaps = |scrape: &super::support::Scrape| {
        scrape.sum("myaudio_source_gap_seconds_total", &[("source", "healthy")])
    };
    assert_eq!(after.state("healthy"), "streaming");
    assert!(
        gaps(&after) - gaps(&before) < 0.05,
        "{} {}",
        gaps(&after),
        gaps(&before)
    );
    let disconnects = after.sum("myaudio_source_disconnects_total", &[("source", "healthy")]);
    assert_eq!(disconnects, 0.0);
    assert_eq!(exporter.get("/-/healthy").0, 200);
    drop(crowd);
    let watch = Stopwatch::start();
    while ask_for_events(&exporter.address).1 != 101 {
        assert!(watch.elapsed() < PATIENCE, "no place became free");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
