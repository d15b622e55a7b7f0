//! `clip.wav` and `live.wav`.

#[path = "audio/clips.rs"]
mod clips;
#[path = "audio/leaving.rs"]
mod leaving;
#[path = "audio/live.rs"]
mod live;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use audio_capture_exporter::{
    buffers::{BufferKind, CaptureBuffer, Lease},
    http::{Limits, WebOptions},
    id::SourceId,
    units::AudioFormat,
};

use crate::{
    client::Client,
    fixture::{Fixture, Setup, source, start},
};

const MONO: AudioFormat = AudioFormat {
    sample_rate: 8_000,
    channels: 1,
};
const CLIP: &str = "/api/v1/sources/garden/clip.wav";
const LIVE: &str = "/api/v1/sources/garden/live.wav";

/// A server that lets audio out, with the source `garden` and a buffer of it.
type Studio = (Fixture, Lease, Arc<CaptureBuffer>);

fn studio(seconds: u64, change: impl FnOnce(&mut Limits)) -> Studio {
    let mut setup = Setup::default();
    change(&mut setup.limits);
    studio_with(setup, MONO, seconds)
}

fn studio_with(setup: Setup, format: AudioFormat, seconds: u64) -> Studio {
    let server = start(setup);
    allow(&server, true);
    server.publish(Duration::ZERO, vec![source("garden"), source("mute")]);
    let garden = SourceId::new("garden").unwrap();
    let lease = server.buffers.lease(garden).unwrap();
    let length = Duration::from_secs(seconds);
    let asker = lease.asker();
    let made = asker.allocate_if_needed(BufferKind::Capture, format, length);
    let buffer = made.unwrap().into_buffer();
    (server, lease, buffer)
}

fn allow(server: &Fixture, audio: bool) {
    server.web.send_replace(Arc::new(WebOptions {
        audio,
        ..WebOptions::default()
    }));
}

/// The sample at this position.
fn number(position: u64) -> i16 {
    (position as u16).cast_signed()
}

fn push(buffer: &CaptureBuffer, frames: u64) {
    let start = buffer.position();
    let samples: Vec<_> = (start..start + frames).map(number).collect();
    buffer.push(&samples).unwrap();
    buffer.mark(Instant::now());
}

fn samples(wav: &[u8]) -> Vec<i16> {
    let pairs = wav[44..].chunks_exact(2);
    pairs.map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

fn readers(server: &Fixture) -> u64 {
    server.buffers.statements()[0].2.levels.readers
}

/// A client on a connection of its own that has asked for this, and taken nothing yet.
fn asking(server: &Fixture, path: &str) -> Client {
    let mut client = Client::connect(server.address);
    client.send(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"));
    client
}
