//! `live.wav`: what is being recorded, to whoever keeps up.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use audio_capture_exporter::{
    buffers::CaptureBuffer,
    http::{Limits, Rejection},
    shutdown::{TaskKind, Tasks},
    units::AudioFormat,
};

use super::{CLIP, LIVE, MONO, allow, asking, number, push, readers, samples, studio, studio_with};
use crate::{
    client::{Client, PATIENCE, ask, get},
    fixture::{Fixture, Setup, eventually},
};

/// Writes in real time, ten times a second, until it is dropped.
struct Writer {
    tasks: Tasks,
    stop: Arc<AtomicBool>,
}

impl Writer {
    fn start(buffer: &Arc<CaptureBuffer>, frames_at_once: u64) -> Self {
        let (tasks, stop) = (Tasks::default(), Arc::new(AtomicBool::new(false)));
        let (buffer, stopped) = (Arc::clone(buffer), Arc::clone(&stop));
        let write = move || {
            while !stopped.load(Relaxed) {
                push(&buffer, frames_at_once);
                std::thread::sleep(Duration::from_millis(100));
            }
        };
        tasks.thread(TaskKind::Session, "writes", write).unwrap();
        Self { tasks, stop }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        eventually("the writer ends", || self.tasks.running() == 0);
    }
}

/// A listener on a connection of its own, behind the head of the answer.
fn listener(server: &Fixture) -> Client {
    let mut client = asking(server, LIVE);
    let answer = client.answer(false);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("audio/wav"));
    assert_eq!(answer.header("connection"), Some("close"));
    client
}

#[test]
fn live_audio_begins_now_and_ends_with_the_buffer() {
    // A connection may be older than its age as long as it listens.
    let (server, lease, buffer) = studio(10, |limits| {
        limits.age = Duration::from_millis(500);
        limits.write = Duration::from_millis(300);
    });
    push(&buffer, 12_345);
    let mut client = listener(&server);
    eventually("it is attached", || readers(&server) == 1);
    let (began, mut end) = (Instant::now(), 12_345);
    while began.elapsed() < Duration::from_secs(1) {
        push(&buffer, 800);
        end += 800;
        // The pace of a recorder that is twice as fast as time.
        std::thread::sleep(Duration::from_millis(50));
    }
    lease.clear();
    let wav = client.chunks();
    assert_eq!(wav[..4], *b"RIFF");
    assert_eq!(wav[40..44], [0xFF; 4], "without an end");
    let expected: Vec<_> = (12_345..end).map(number).collect();
    assert_eq!(samples(&wav), expected, "every sample from then to the end");
    eventually("it is detached", || readers(&server) == 0);
    let head = ask(server.address, "HEAD", LIVE, "");
    assert_eq!(head.status, 409, "there is no buffer now");
}

#[test]
fn a_listener_keeps_its_seat_and_takes_no_turn_of_a_scrape() {
    let setup = Setup {
        max_requests: 1,
        limits: Limits {
            connections: 2,
            ..Setup::default().limits
        },
        ..Setup::default()
    };
    let (server, _lease, buffer) = studio_with(setup, MONO, 10);
    push(&buffer, 800);
    let mut live = listener(&server);
    // Each of them takes the seat of the one before.
    let idle: Vec<_> = (0..5)
        .map(|_| {
            let mut client = Client::connect(server.address);
            assert_eq!(client.ask("GET", "/metrics", "").status, 200);
            client
        })
        .collect();
    assert!(!live.is_closed_within(Duration::from_millis(300)));
    assert_eq!(readers(&server), 1);
    drop(idle);
}

#[test]
fn who_leaves_is_detached_and_a_reload_can_end_it() {
    let (server, _lease, buffer) = studio(10, |_| {});
    push(&buffer, 800);
    let writer = Writer::start(&buffer, 800);
    let leaver = listener(&server);
    let mut stayer = listener(&server);
    eventually("both are attached", || readers(&server) == 2);
    drop(leaver);
    eventually("one has left", || readers(&server) == 1);
    let heard = || server.buffers.statements()[0].2.counters.read_bytes;
    let before = heard();
    eventually("the other one hears", || heard() > before + 3_200);
    allow(&server, false);
    assert!(stayer.chunks().len() > 44, "an orderly end");
    eventually("nobody listens", || readers(&server) == 0);
    drop(writer);
}

#[test]
fn a_hundred_stalled_listeners_cost_nothing_and_are_gone_soon() {
    let stereo = AudioFormat {
        sample_rate: 96_000,
        channels: 2,
    };
    let mut setup = Setup::default();
    setup.limits.write = Duration::from_secs(1);
    let (server, _lease, buffer) = studio_with(setup, stereo, 10);
    let write = |frames: u64| {
        let start = buffer.position() * 2;
        let samples: Vec<_> = (start..start + frames * 2).map(number).collect();
        buffer.push(&samples).unwrap();
        buffer.mark(Instant::now());
    };
    write(960);
    let mut crowd: Vec<_> = (0..100).map(|_| asking(&server, LIVE)).collect();
    eventually("as many listen as may", || readers(&server) == 64);
    let refused = crowd.split_off(64);
    drop(refused);
    // Ten seconds of audio a second fill whatever is on the way; nobody reads.
    let began = Instant::now();
    while readers(&server) > 0 {
        assert!(began.elapsed() < PATIENCE, "{} are left", readers(&server));
        write(96_000);
        assert_eq!(get(server.address, "/metrics").status, 200);
        let clip = get(server.address, &format!("{CLIP}?last=100ms"));
        let newest = (buffer.position() * 2 - 19_200..buffer.position() * 2).map(number);
        assert!(
            samples(&clip.body).into_iter().eq(newest),
            "nothing is lost"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    eventually("they are counted", || {
        server.rejected(Rejection::SlowReader) >= 64
    });
    let mut next = listener(&server);
    write(960);
    assert!(!next.is_closed_within(Duration::from_millis(300)));
}

#[test]
fn who_was_overtaken_is_dropped() {
    let (server, _lease, buffer) = studio(1, |_| {});
    push(&buffer, 800);
    let mut client = listener(&server);
    eventually("it is attached", || readers(&server) == 1);
    // More at once than the buffer holds, as if the listener had slept.
    push(&buffer, 4_000);
    push(&buffer, 7_000);
    client.expect_broken_off();
    eventually("it is counted", || {
        server.rejected(Rejection::SlowReader) == 1
    });
    assert_eq!(readers(&server), 0);
}
