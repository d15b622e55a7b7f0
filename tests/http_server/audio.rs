//! `clip.wav` and `live.wav`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use audio_capture_exporter::{
    buffers::{BufferKind, CaptureBuffer, Gap, Lease},
    http::{Limits, Rejection, WebOptions},
    id::SourceId,
    shutdown::{TaskKind, Tasks},
    units::{AudioFormat, ByteSize},
};

use crate::{
    client::{Answer, Client, PATIENCE, ask, get},
    fixture::{Fixture, Setup, eventually, source, start},
};

const MONO: AudioFormat = AudioFormat {
    sample_rate: 8_000,
    channels: 1,
};
const CLIP: &str = "/api/v1/sources/garden/clip.wav";
const LIVE: &str = "/api/v1/sources/garden/live.wav";

/// A server that lets audio out, with the source `garden` and a buffer of it.
struct Studio {
    server: Fixture,
    lease: Lease,
    buffer: Arc<CaptureBuffer>,
}

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
    Studio {
        server,
        lease,
        buffer,
    }
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

/// The value of a key in a dictionary such as `Clip-Frames`.
fn told(answer: &Answer, field: &str, key: &str) -> f64 {
    let text = answer.header(field).unwrap();
    let found = text.split(", ").find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        (name == key).then(|| value.parse().unwrap())
    });
    found.unwrap()
}

fn readers(server: &Fixture) -> u64 {
    server.buffers.statements()[0].2.levels.readers
}

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

#[test]
fn no_audio_leaves_unless_the_owner_says_so() {
    let Studio {
        server,
        lease: _lease,
        buffer,
    } = studio(10, |_| {});
    push(&buffer, 8_000);
    let last = &format!("{CLIP}?last=1s");
    assert_eq!(get(server.address, last).status, 200);
    allow(&server, false);
    for path in [last, LIVE, "/api/v1/sources/nobody/clip.wav?last=1s"] {
        let answer = get(server.address, path);
        assert_eq!(answer.status, 403, "{path}");
        let remedy = answer.problem()["remedy"].as_str().unwrap().to_owned();
        assert!(remedy.contains("web.audio"), "{remedy}");
    }
    allow(&server, true);
    for path in [last, LIVE] {
        for page in [
            "sec-fetch-site: cross-site\r\n",
            "sec-fetch-site: same-site\r\norigin: http://localhost:3000\r\n",
            "origin: http://evil.example\r\n",
        ] {
            let foreign = ask(server.address, "GET", path, page);
            assert_eq!(foreign.status, 403, "{path}: {page}");
        }
    }
    let network = studio_with(
        Setup {
            listen: "0.0.0.0:0",
            ..Setup::default()
        },
        MONO,
        10,
    );
    push(&network.buffer, 8_000);
    for path in [last, LIVE] {
        assert_eq!(get(network.server.address, path).status, 403, "{path}");
    }
    assert_eq!(network.server.rejected(Rejection::Exposure), 2);
}

#[test]
fn a_clip_is_exact_and_tells_what_is_in_it() {
    let Studio {
        server,
        lease: _lease,
        buffer,
    } = studio(10, |_| {});
    push(&buffer, 16_000);
    buffer.gap(Gap::Frames(4_000));
    push(&buffer, 8_000);
    let answer = get(server.address, &format!("{CLIP}?last=2s"));
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("audio/wav"))
    );
    let expected: Vec<_> = (12_000..16_000)
        .map(number)
        .chain([0; 4_000])
        .chain((16_000..24_000).map(number))
        .collect();
    assert_eq!(samples(&answer.body), expected);
    for (key, frames) in [
        ("requested", 16_000.0),
        ("audio", 12_000.0),
        ("silence", 4_000.0),
        ("missing", 0.0),
    ] {
        assert_eq!(told(&answer, "clip-frames", key), frames, "{key}");
        assert_eq!(
            told(&answer, "clip-seconds", key),
            frames / 8_000.0,
            "{key}"
        );
    }
    assert_eq!(answer.header("clip-gap-count"), Some("1"));
    assert_eq!(answer.header("clip-gaps"), Some("0.500;seconds=0.500"));
    let name = answer.header("content-disposition").unwrap();
    assert!(name.starts_with("inline; filename=\"garden-2"), "{name}");

    // The same by time: from its beginning and to its end, as it told them.
    let (start, end) = (
        answer.header("clip-start").unwrap(),
        answer.header("clip-end").unwrap(),
    );
    let same = get(server.address, &format!("{CLIP}?from={start}&to={end}"));
    let length = samples(&same.body).len();
    // The text has microseconds, a frame lasts 125.
    assert!((15_999..=16_001).contains(&length), "{length}");
    let open = get(server.address, &format!("{CLIP}?from={start}"));
    assert!(samples(&open.body).ends_with(&expected[8_000..]));

    let head = ask(server.address, "HEAD", &format!("{CLIP}?last=2s"), "");
    assert_eq!(head.header("content-length"), Some("32044"));
    assert_eq!(head.header("clip-frames"), answer.header("clip-frames"));

    let more = get(server.address, &format!("{CLIP}?last=60s"));
    assert_eq!(more.status, 200, "what there is");
    assert_eq!(samples(&more.body).len(), 28_000);
    assert_eq!(told(&more, "clip-seconds", "missing"), 56.5);
    assert_eq!(readers(&server), 0, "all are detached");
    let json = get(server.address, "/api/v1/sources/garden");
    assert_eq!(json.status, 200, "the page above is still there");
}

#[test]
fn every_bad_wish_has_its_answer() {
    let Studio {
        server,
        lease: _lease,
        buffer,
    } = studio(10, |limits| limits.clip_bytes = 40_000);
    assert_eq!(
        get(server.address, &format!("{CLIP}?last=1s")).status,
        409,
        "no sample yet"
    );
    push(&buffer, 80_000);
    for (path, status) in [
        ("garden/clip.wav", 400),
        ("garden/clip.wav?last=0s", 400),
        ("garden/clip.wav?last=-5s", 400),
        ("garden/clip.wav?last=0.00001s", 400),
        ("garden/clip.wav?last=9999999d", 400),
        ("garden/clip.wav?from=2999-01-01T00:00:00Z", 400),
        ("garden/clip.wav?from=1700000010&to=1700000000", 400),
        ("garden/clip.wav?from=0", 400),
        ("garden/clip.wav?last=1s&format=mp3", 400),
        ("garden/clip.wav?from=yesterday", 400),
        ("garden/clip.wav?from=1700000000&to=1700000010", 404),
        ("garden/clip.wav?last=5s", 413),
        ("garden/clip.mp3?last=1s", 404),
        ("garden/live.ogg", 404),
        ("garden/live.wav?last=1s", 400),
        ("garden/dead.wav", 404),
        ("garden/../garden/clip.wav?last=1s", 404),
        ("../garden/clip.wav?last=1s", 404),
        ("..%2Fgarden/clip.wav?last=1s", 404),
        ("garden%00/clip.wav?last=1s", 404),
        ("mute/clip.wav?last=1s", 409),
        ("mute/live.wav", 409),
        ("nobody/clip.wav?last=1s", 404),
        ("nobody/live.wav", 404),
    ] {
        let answer = get(server.address, &format!("/api/v1/sources/{path}"));
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        answer.problem();
    }
    let post = ask(server.address, "POST", LIVE, "content-length: 0\r\n");
    assert_eq!(post.status, 405);
    let wav_only = get(server.address, "/api/v1/sources/garden/clip.mp3").problem();
    assert!(wav_only["remedy"].as_str().unwrap().contains("clip.wav"));
    // What was kept is told to those who ask for something else.
    let other = get(
        server.address,
        &format!("{CLIP}?from=1700000000&to=1700000010"),
    );
    let detail = other.problem()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("There is audio from 2"), "{detail}");
    assert_eq!(readers(&server), 0);
}

#[test]
fn clips_that_are_not_taken_have_a_limit() {
    let Studio {
        server,
        lease: _lease,
        buffer,
    } = studio(600, |limits| limits.clips = 2);
    server.buffers.set_budget(ByteSize(256 << 20));
    push(&buffer, 8_000 * 600);
    let path = &format!("{CLIP}?last=600s");
    // 9.6 MB each: more than all buffers on the way hold.
    let slow: Vec<_> = (0..2).map(|_| untaken(&server, path)).collect();
    let third = get(server.address, path);
    assert_eq!(
        (third.status, third.header("retry-after")),
        (503, Some("5"))
    );
    assert_eq!(server.rejected(Rejection::Requests), 1);
    assert_eq!(readers(&server), 0, "what is being sent reads no more");
    let in_clips = || {
        let (consumers, _) = server.buffers.holdings().consumers().top(10);
        let clips = consumers.iter().find(|who| &*who.name == "garden/clip");
        clips.map(|clips| (clips.active, clips.current))
    };
    assert_eq!(in_clips(), Some((2, 2 * 9_600_044)));
    drop(slow);
    eventually("and their memory is given back", || {
        in_clips() == Some((0, 0))
    });
    eventually("and served when they are gone", || {
        ask(server.address, "GET", &format!("{CLIP}?last=1s"), "").status == 200
    });
}

#[test]
fn clips_on_their_way_hold_at_most_a_quarter_of_the_budget() {
    let Studio {
        server,
        lease: _lease,
        buffer,
    } = studio(600, |_| ());
    push(&buffer, 8_000 * 600);
    server.buffers.set_budget(ByteSize(60_000_000));
    let path = &format!("{CLIP}?last=600s");
    let slow = untaken(&server, path);
    let used = server.buffers.budget().0;
    assert_eq!(used.0, 9_600_000, "the buffers' own budget is not touched");
    let second = get(server.address, path);
    assert_eq!(second.status, 503);
    assert_eq!(second.header("retry-after"), Some("5"));
    let remedy = second.problem()["remedy"].as_str().unwrap().to_owned();
    assert!(remedy.contains("buffers.memory_budget"), "{remedy}");
    assert_eq!(server.rejected(Rejection::Requests), 1);
    let short = get(server.address, &format!("{CLIP}?last=60s"));
    assert_eq!(short.status, 200, "there is room for that");
    drop(slow);
    eventually("all of it is given back", || {
        ask(server.address, "GET", path, "").status == 200
    });
    server.buffers.set_budget(ByteSize(9_600_000));
    assert_eq!(get(server.address, path).status, 200, "one always fits");
}

#[test]
fn a_long_gap_is_sent_but_not_held() {
    let Studio {
        server,
        lease: _lease,
        buffer,
    } = studio(10, |_| ());
    push(&buffer, 8_000);
    // Nearly an hour.
    buffer.gap(Gap::Frames(28_000_000));
    push(&buffer, 8_000);
    let budget = server.buffers.budget().1;
    assert!(budget.0 / 4 < 2 * 28_000_000, "it could not be held");
    let clip = get(server.address, &format!("{CLIP}?last=1h"));
    assert_eq!(clip.status, 200);
    let samples = samples(&clip.body);
    assert_eq!(samples.len(), 28_016_000);
    assert!(samples[8_000..28_008_000].iter().all(|sample| *sample == 0));
    assert!(
        samples[28_008_000..]
            .iter()
            .copied()
            .eq((8_000..16_000).map(number))
    );
}

/// A client that asks for a clip and takes no more than its head.
fn untaken(server: &Fixture, path: &str) -> Client {
    let mut client = Client::connect(server.address);
    client.send(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"));
    assert_eq!(client.answer(true).status, 200);
    client
}

/// A listener on a connection of its own, behind the head of the answer.
fn listener(server: &Fixture) -> Client {
    let mut client = Client::connect(server.address);
    client.send(format!("GET {LIVE} HTTP/1.1\r\nhost: localhost\r\n\r\n"));
    let answer = client.answer(false);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("audio/wav"));
    assert_eq!(answer.header("connection"), Some("close"));
    client
}

#[test]
fn live_audio_begins_now_and_ends_with_the_buffer() {
    // A connection may be older than its age as long as it listens.
    let Studio {
        server,
        lease,
        buffer,
    } = studio(10, |limits| {
        limits.age = Duration::from_millis(100);
        limits.write = Duration::from_millis(300);
    });
    push(&buffer, 12_345);
    let mut client = listener(&server);
    eventually("it is attached", || readers(&server) == 1);
    let began = Instant::now();
    for _ in 0..20 {
        push(&buffer, 800);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(began.elapsed() > Duration::from_millis(900));
    lease.clear();
    let wav = client.chunks();
    assert_eq!(wav[..4], *b"RIFF");
    assert_eq!(wav[40..44], [0xFF; 4], "without an end");
    let expected: Vec<_> = (12_345..12_345 + 16_000).map(number).collect();
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
    let Studio {
        server,
        lease: _lease,
        buffer,
    } = studio_with(setup, MONO, 10);
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
    let Studio {
        server,
        lease: _lease,
        buffer,
    } = studio(10, |_| {});
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
    let Studio {
        server,
        lease: _lease,
        buffer,
    } = studio_with(setup, stereo, 10);
    let write = |frames: u64| {
        let start = buffer.position() * 2;
        let samples: Vec<_> = (start..start + frames * 2).map(number).collect();
        buffer.push(&samples).unwrap();
        buffer.mark(Instant::now());
    };
    write(960);
    let mut crowd: Vec<_> = (0..100)
        .map(|_| {
            let mut client = Client::connect(server.address);
            client.send(format!("GET {LIVE} HTTP/1.1\r\nhost: localhost\r\n\r\n"));
            client
        })
        .collect();
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
    let Studio {
        server,
        lease: _lease,
        buffer,
    } = studio(1, |_| {});
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
