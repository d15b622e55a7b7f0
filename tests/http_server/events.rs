//! The events' WebSocket: RFC 6455 from the client's side, and clients that break it.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use audio_capture_exporter::{
    http::Rejection,
    sources::State,
    status::{Snapshot, SourceStatus},
};
use serde_json::Value;

use crate::{
    client::{PATIENCE, ask, get},
    fixture::{Fixture, Setup, eventually, source, start},
};

const EVENTS: &str = "/api/v1/events";
/// The nonce of RFC 6455 §1.3, and its answer.
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const UPGRADE: &str =
    "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const FIN: u8 = 0x80;

struct Socket(TcpStream);

impl Socket {
    /// The socket, or the status that there was instead.
    fn try_open(address: SocketAddr, headers: &str) -> Result<Self, u16> {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "GET {EVENTS} HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}{KEY}{headers}\r\n"
        )
        .unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        if status != 101 {
            return Err(status);
        }
        assert!(head.contains(ACCEPT), "{head}");
        Ok(Self(stream))
    }

    fn open(server: &Fixture) -> Self {
        Self::try_open(server.address, "").unwrap()
    }

    /// A masked frame; the first byte as it is.
    fn send(&mut self, first: u8, payload: &[u8]) {
        let mask = [0x5a, 0x11, 0xc3, 0x07];
        let mut frame = vec![first];
        match payload.len() {
            short @ 0..126 => frame.push(0x80 | short as u8),
            long => {
                frame.push(0x80 | 0x7e);
                frame.extend((long as u16).to_be_bytes());
            }
        }
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
        // It may have been closed for what was sent before.
        let _sent = self.0.write_all(&frame);
    }

    fn try_frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head)?;
        assert_eq!(head[0] & 0x70, 0, "no extension was agreed on");
        assert_eq!(head[1] & 0x80, 0, "a server does not mask");
        let length = match head[1] {
            126 => {
                let mut bytes = [0; 2];
                self.0.read_exact(&mut bytes)?;
                u64::from(u16::from_be_bytes(bytes))
            }
            127 => {
                let mut bytes = [0; 8];
                self.0.read_exact(&mut bytes)?;
                u64::from_be_bytes(bytes)
            }
            short => u64::from(short),
        };
        let mut payload = vec![0; length as usize];
        self.0.read_exact(&mut payload)?;
        Ok((head[0] & 0x0f, payload))
    }

    /// The next frame of a kind; those of others are passed over.
    fn next(&mut self, kind: u8) -> Vec<u8> {
        loop {
            let (opcode, payload) = self.try_frame().unwrap();
            if opcode == kind {
                return payload;
            }
            assert_ne!(opcode, CLOSE, "{payload:?}");
        }
    }

    fn message(&mut self) -> Value {
        serde_json::from_slice(&self.next(TEXT)).unwrap()
    }

    /// The code with which the server closes, after which nothing comes.
    fn closed_with(&mut self) -> u16 {
        let payload = loop {
            let (opcode, payload) = self.try_frame().unwrap();
            if opcode == CLOSE {
                break payload;
            }
        };
        self.send(FIN | CLOSE, &payload[..2]);
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => assert!(rest.is_empty(), "{rest:?}"),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
        }
        u16::from_be_bytes([payload[0], payload[1]])
    }
}

fn serving(source: SourceStatus) -> Fixture {
    let server = start(Setup::default());
    server.publish(Duration::ZERO, vec![source]);
    server
}

#[test]
fn a_client_sees_the_picture_and_each_one_after_it() {
    let server = start(Setup::default());
    let mut early = Socket::open(&server);
    server.publish(Duration::ZERO, vec![source("garden")]);
    let first = early.message();
    assert_eq!(first["type"], "snapshot");
    assert_eq!(first["status"]["level"], "critical");
    assert_eq!(first["sources"][0]["state"], "stalled");
    assert!(first["levels"].is_object(), "{first}");

    let mut mended = source("garden");
    mended.state = State::Streaming;
    server.publish(Duration::ZERO, vec![mended]);
    let mut late = Socket::open(&server);
    for socket in [&mut early, &mut late] {
        let message = socket.message();
        assert_eq!(message["status"]["level"], "ok", "{message}");
        assert_eq!(message["sources"][0]["state_text"], "streaming");
    }
    // What the page reads is what the API tells.
    let status: Value =
        serde_json::from_slice(&get(server.address, "/api/v1/status").body).unwrap();
    assert_eq!(status["level"], "ok");
    assert_eq!(status["text"], "The source is streaming.");
    assert_eq!(server.rejected_at_all(), 0);
}

#[test]
fn a_verdict_that_changes_is_an_event() {
    use audio_capture_exporter::{
        id::ProcessName,
        memory::{
            ProcessStatus, Totals,
            verdict::{Pattern, Severity, Verdict},
        },
    };
    let server = serving(source("garden"));
    let mut socket = Socket::open(&server);
    socket.message();
    let publish = |pattern| {
        let mut snapshot = Snapshot::clone(server.snapshots.borrow().as_ref().unwrap());
        snapshot.taken = tokio::time::Instant::now();
        let verdict = Verdict {
            pattern,
            confidence: 0.95,
            slope_bytes_per_second: 1.0,
            slope_interval: None,
            lasting: Duration::ZERO,
            growth_ratio: None,
            floor_growth_ratio: None,
            severity: Severity::Critical,
            recommendation: "find out what grows".to_owned(),
            seconds_to_limit: None,
            seconds_to_limit_interval: None,
            samples: 100,
            span: Duration::from_secs(3_000),
        };
        let process = ProcessStatus {
            name: ProcessName::new("recorder").unwrap(),
            up: true,
            pids: vec![1],
            reading: None,
            totals: Totals::default(),
            baseline: None,
            verdict: Some(verdict),
            crossings: Vec::new(),
            growing: Vec::new(),
            problem: None,
        };
        snapshot.memory = vec![process.into()];
        server.snapshots.send_replace(Some(snapshot.into()));
    };
    publish(Pattern::Stable);
    assert_eq!(socket.message()["type"], "snapshot");
    publish(Pattern::Leak);
    let picture = socket.message();
    assert_eq!(picture["status"]["level"], "critical", "{picture}");
    let event = socket.message();
    assert_eq!(event["type"], "pattern", "{event}");
    assert_eq!(
        (&event["before"], &event["pattern"]),
        (&"stable".into(), &"leak".into())
    );
    assert_eq!(event["process"], "recorder");
    assert_eq!(event["recommendation"], "find out what grows");
}

#[test]
fn a_handshake_that_is_none_is_told_why() {
    let server = serving(source("garden"));
    let plain = get(server.address, EVENTS);
    assert_eq!(
        (plain.status, plain.header("upgrade")),
        (426, Some("websocket"))
    );
    plain.problem();
    let old = UPGRADE.replace("13", "8") + KEY;
    let answer = ask(server.address, "GET", EVENTS, &old);
    assert_eq!(
        (answer.status, answer.header("sec-websocket-version")),
        (426, Some("13"))
    );
    for key in [
        "",
        "Sec-WebSocket-Key: c2hvcnQ=\r\n",
        "Sec-WebSocket-Key: ?\r\n",
        &[KEY, KEY].concat(),
    ] {
        let answer = ask(server.address, "GET", EVENTS, &[UPGRADE, key].concat());
        assert_eq!(answer.status, 400, "{key}");
        answer.problem();
    }
    let change = ask(server.address, "POST", EVENTS, &[UPGRADE, KEY].concat());
    assert_eq!((change.status, change.header("allow")), (405, Some("GET")));
}

#[test]
fn only_our_own_page_may_listen() {
    let server = serving(source("garden"));
    for foreign in [
        "Origin: http://evil.example\r\n",
        "Origin: http://localhost:1\r\n",
        "Origin: null\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
    ] {
        assert_eq!(
            Socket::try_open(server.address, foreign).err(),
            Some(403),
            "{foreign}"
        );
    }
    assert_eq!(server.rejected(Rejection::Origin), 4);
    let mut own = Socket::try_open(server.address, "Origin: http://localhost\r\n").unwrap();
    assert_eq!(own.message()["type"], "snapshot");
    // A name that was made to point here.
    let rebound = format!("GET {EVENTS} HTTP/1.1\r\nHost: evil.example\r\n{UPGRADE}{KEY}\r\n");
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(rebound.as_bytes()).unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 421");
}

#[test]
fn pings_are_answered_also_between_fragments() {
    let server = serving(source("garden"));
    let mut socket = Socket::open(&server);
    socket.send(FIN | PING, b"are you there");
    assert_eq!(socket.next(PONG), b"are you there");
    socket.send(TEXT, b"{\"a");
    socket.send(FIN | PING, b"still");
    assert_eq!(socket.next(PONG), b"still");
    // Nothing that a client could say is understood.
    socket.send(FIN, b"\":1}");
    assert_eq!(socket.closed_with(), 1003);
    let mut polite = Socket::open(&server);
    polite.send(FIN | CLOSE, &1000u16.to_be_bytes());
    assert_eq!(polite.closed_with(), 1000);
    assert_eq!(server.rejected_at_all(), 0);
}

type Frames = &'static [(u8, &'static [u8])];

#[test]
fn what_breaks_the_protocol_is_closed_with_the_right_code() {
    let server = serving(source("garden"));
    let long: &'static [u8] = &[b'x'; 5_000];
    let cases: [(&str, Frames, u16); 11] = [
        ("a reserved opcode", &[(FIN | 3, b"")], 1002),
        ("a reserved bit", &[(FIN | 0x40 | TEXT, b"x")], 1002),
        ("a ping in pieces", &[(PING, b"x")], 1002),
        ("a ping that is too long", &[(FIN | PING, &[0; 126])], 1002),
        ("the middle of nothing", &[(FIN, b"x")], 1002),
        (
            "a message inside another",
            &[(TEXT, b"x"), (FIN | TEXT, b"y")],
            1002,
        ),
        ("half a close code", &[(FIN | CLOSE, b"x")], 1002),
        ("too much at once", &[(FIN | BINARY, &[b'x'; 5_000])], 1009),
        (
            "too much in pieces",
            &[(TEXT, &[b'x'; 3_000]), (FIN, &[b'x'; 3_000])],
            1009,
        ),
        ("no UTF-8", &[(FIN | TEXT, b"\xff\xfe")], 1007),
        ("binary", &[(FIN | BINARY, b"x")], 1003),
    ];
    for (what, frames, code) in cases {
        let mut socket = Socket::open(&server);
        for (first, payload) in frames {
            socket.send(*first, payload);
        }
        assert_eq!(socket.closed_with(), code, "{what}");
    }
    let mut unmasked = Socket::open(&server);
    unmasked.0.write_all(&[FIN | TEXT, 1, b'x']).unwrap();
    assert_eq!(unmasked.closed_with(), 1002, "without a mask");
    let mut endless = Socket::open(&server);
    let claim = [
        [FIN | BINARY, 0x80 | 0x7f].as_slice(),
        &[0x7f; 8],
        &[0; 4],
        long,
    ]
    .concat();
    endless.0.write_all(&claim).unwrap();
    assert_eq!(endless.closed_with(), 1009, "a length without end");
    eventually("all are counted", || {
        server.rejected(Rejection::Malformed) == 9 && server.rejected(Rejection::Oversized) == 3
    });
    // All of that took nothing away from others.
    assert_eq!(Socket::open(&server).message()["type"], "snapshot");
}

#[test]
fn there_are_only_so_many_and_each_gives_its_place_back() {
    let mut setup = Setup::default();
    setup.limits.sockets = 3;
    setup.max_requests = 2;
    let server = start(setup);
    server.publish(Duration::ZERO, vec![source("garden")]);
    for _ in 0..3 {
        let mut held: Vec<_> = (0..3).map(|_| Socket::open(&server)).collect();
        assert_eq!(Socket::try_open(server.address, "").err(), Some(503));
        for socket in &mut held {
            assert_eq!(socket.message()["type"], "snapshot");
        }
        // Sockets do not count as requests in progress.
        assert_eq!(get(server.address, "/metrics").status, 200);
        drop(held);
        eventually("the places are free again", || {
            let mut free = Vec::new();
            while let Ok(socket) = Socket::try_open(server.address, "") {
                free.push(socket);
                assert!(free.len() <= 3, "more than there may be");
            }
            free.len() == 3
        });
        eventually("and again", || Socket::try_open(server.address, "").is_ok());
    }
}

#[test]
fn one_that_never_answers_a_ping_is_dropped() {
    let mut setup = Setup::default();
    setup.limits.socket_silence = Duration::from_millis(600);
    let server = start(setup);
    server.publish(Duration::ZERO, vec![source("garden")]);
    let mut alive = Socket::open(&server);
    let mut mute = Socket::open(&server);
    let (sender, closed) = std::sync::mpsc::channel();
    let began = Instant::now();
    let watching = std::thread::Builder::new()
        .spawn(move || sender.send(mute.closed_with()))
        .unwrap();
    while closed
        .try_recv()
        .map(|code| assert_eq!(code, 1008))
        .is_err()
    {
        assert!(began.elapsed() < PATIENCE);
        alive.next(PING);
        alive.send(FIN | PONG, b"");
    }
    watching.join().unwrap().unwrap();
    assert!(began.elapsed() >= Duration::from_millis(600));
    server.publish(Duration::ZERO, vec![source("other")]);
    while alive.message()["sources"][0]["name"] != "other" {}
}

#[test]
fn one_that_takes_nothing_is_dropped_and_others_are_told() {
    let mut setup = Setup::default();
    setup.limits.write = Duration::from_millis(500);
    let server = start(setup);
    let many: Vec<_> = (0..400).map(|n| source(&format!("source-{n}"))).collect();
    server.publish(Duration::ZERO, many.clone());
    let slow = Socket::open(&server);
    let mut quick = Socket::open(&server);
    let mut told = 0;
    eventually("the slow one is dropped", || {
        server.publish(Duration::ZERO, many.clone());
        assert_eq!(quick.message()["sources"].as_array().unwrap().len(), 400);
        told += 1;
        server.rejected(Rejection::SlowReader) == 1
    });
    assert!(told >= 2, "{told}");
    drop(slow);
    server.publish(Duration::ZERO, vec![source("still")]);
    while quick.message()["sources"][0]["name"] != "still" {}
}

#[test]
fn the_end_of_the_program_is_told() {
    let server = serving(source("garden"));
    let mut socket = Socket::open(&server);
    socket.message();
    let closing = std::thread::Builder::new()
        .spawn(move || socket.closed_with())
        .unwrap();
    assert!(server.drain(PATIENCE));
    assert_eq!(closing.join().unwrap(), 1001);
}
