//! An RTSP server that suffers faults by a schedule and keeps the truth about them.
//!
//! What it notes is what it did: packets sent, packets left out with their sequence numbers
//! used up, garbage, the time in which it kept silent, and the time in which nobody was
//! served, by whether a client was there.

#![allow(clippy::disallowed_methods, reason = "its threads end with the test")]

pub mod sound;
mod truth;

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use sound::FIRST_TIMESTAMP;
pub use sound::Sound;
pub use truth::Truth;
use truth::Turn;

/// What is wrong for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Sessions are closed, new connections too.
    Down,
    /// The same, by a reset.
    Reset,
    /// Sessions are closed; new connections wait for an answer until the fault is over.
    Slow,
    /// Sessions are closed, new ones get 401.
    Forbidden,
    /// The session is open and silent. A client may leave and find another silent one.
    Silent,
    /// Packets are lost: their sequence numbers are missing.
    Lossy,
    /// Packets hold what no decoder understands. AAC only: all that can be sent is PCMU.
    Garbage,
}

/// One source's faults: start and length since the server's start.
pub type Schedule = Vec<(Duration, Duration, Fault)>;

/// One source as it is to be.
#[derive(Clone, Debug)]
pub struct Plan {
    pub faults: Schedule,
    pub sound: Sound,
    /// Packets sent at once when a session begins.
    pub burst: u32,
    /// By how much its clock is slow.
    pub slowness: f64,
}

struct Source {
    plan: Plan,
    truth: Mutex<Truth>,
}

/// The server; its threads end with the test's process.
pub struct Faulty {
    pub port: u16,
    started: Instant,
    sources: Arc<Vec<Source>>,
}

impl Faulty {
    /// Serves `/0`, `/1`, … as planned.
    pub fn start(plans: Vec<Plan>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let started = Instant::now();
        let source = |plan| Source {
            plan,
            truth: Mutex::default(),
        };
        let sources: Arc<Vec<_>> = Arc::new(plans.into_iter().map(source).collect());
        let shared = Arc::clone(&sources);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                // A client that goes away ends its session with an error.
                thread::spawn(move || drop(serve(stream, started, &shared)));
            }
        });
        Self {
            port,
            started,
            sources,
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub fn truth(&self, source: usize) -> Truth {
        self.sources[source].truth().now()
    }
}

impl Plan {
    /// PCMU with these faults.
    pub fn pcmu(faults: Schedule) -> Self {
        Self {
            faults,
            sound: Sound::Pcmu,
            burst: 0,
            slowness: 0.0,
        }
    }
}

impl Source {
    fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap()
    }

    fn fault(&self, started: Instant) -> Option<Fault> {
        let now = started.elapsed();
        let current = |(from, length, _): &&(Duration, Duration, Fault)| {
            (*from..*from + *length).contains(&now)
        };
        let faults = &self.plan.faults;
        faults.iter().find(current).map(|(.., fault)| *fault)
    }
}

/// One connection: requests until PLAY, then packets until it ends.
fn serve(mut stream: TcpStream, started: Instant, sources: &[Source]) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut pending = Vec::new();
    let (mut method, path, mut cseq) = request(&stream, &mut pending)?;
    let number: usize = path.split('/').nth(1).unwrap().parse().unwrap();
    let source = &sources[number];
    let connection = source.truth().arrived();
    let over = loop {
        match answer(&mut stream, started, source, &method, &cseq) {
            Ok(Some("200 OK")) if method == "PLAY" => break play(&stream, started, source),
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => break Instant::now(),
        }
        match request(&stream, &mut pending) {
            Ok(next) => (method, _, cseq) = next,
            Err(_) => break Instant::now(),
        }
    };
    source.truth().departed(connection, over);
    if source.fault(started) == Some(Fault::Reset) {
        rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO))?;
        return Ok(());
    }
    stream.shutdown(std::net::Shutdown::Both)
}

/// Answers a request with this status; `None`: the connection is to be closed.
fn answer(
    stream: &mut TcpStream,
    started: Instant,
    source: &Source,
    method: &str,
    cseq: &str,
) -> io::Result<Option<&'static str>> {
    while source.fault(started) == Some(Fault::Slow) {
        thread::sleep(Duration::from_millis(10));
    }
    let sdp;
    let (status, headers, body) = match (source.fault(started), method) {
        (Some(Fault::Down | Fault::Reset), _) => return Ok(None),
        (Some(Fault::Forbidden), _) => {
            source.truth().turn(Turn::Forbidden);
            let challenge = "WWW-Authenticate: Basic realm=\"x\"\r\n";
            ("401 Unauthorized", challenge, "")
        }
        (_, "DESCRIBE") => {
            sdp = source.plan.sound.sdp();
            ("200 OK", "Content-Type: application/sdp\r\n", sdp.as_str())
        }
        (_, "SETUP") => (
            "200 OK",
            "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1;timeout=60\r\n",
            "",
        ),
        _ => ("200 OK", "Session: 1\r\n", ""),
    };
    write!(
        stream,
        "RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    Ok(Some(status))
}

/// Reads a request: its method, path and number (`CSeq`).
pub(super) fn request(
    mut stream: &TcpStream,
    pending: &mut Vec<u8>,
) -> io::Result<(String, String, String)> {
    loop {
        if let Some(end) = pending.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(pending.drain(..end + 4).collect()).unwrap();
            let mut first = head.lines().next().unwrap().split(' ');
            let method = first.next().unwrap().to_owned();
            let url = first.next().unwrap();
            let path = url
                .split_once("://")
                .map_or(url, |(_, rest)| &rest[rest.find('/').unwrap_or(0)..]);
            let cseq = head
                .lines()
                .find_map(|line| line.strip_prefix("CSeq: "))
                .unwrap();
            return Ok((method, path.to_owned(), cseq.to_owned()));
        }
        let mut buffer = [0; 2048];
        match stream.read(&mut buffer)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            n => pending.extend_from_slice(&buffer[..n]),
        }
    }
}

/// Plays until a fault or the client ends the session. Yields since when nothing plays.
fn play(mut stream: &TcpStream, started: Instant, source: &Source) -> Instant {
    let Plan {
        sound,
        burst,
        slowness,
        ..
    } = source.plan;
    let tick = sound.packet().div_f64(1.0 - slowness);
    let began = Instant::now();
    let (mut number, mut sent) = (0u32, false);
    let mut due = began;
    loop {
        due += tick;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let fault = source.fault(started);
        let mut truth = source.truth();
        truth.late = truth.late.max(due.elapsed().as_secs_f64());
        match fault {
            Some(Fault::Down | Fault::Slow | Fault::Forbidden) => {
                truth.closed += u64::from(sent);
                return due.checked_sub(tick).unwrap();
            }
            Some(Fault::Reset) => {
                truth.reset += u64::from(sent);
                return due.checked_sub(tick).unwrap();
            }
            Some(Fault::Silent) => {
                // A silence before a session's first packet counts as its opening.
                truth.silent += if sent { tick.as_secs_f64() } else { 0.0 };
                if !keeps_alive(stream).unwrap_or(false) {
                    truth.left += u64::from(sent);
                    return Instant::now();
                }
                continue;
            }
            Some(Fault::Lossy) if sent => {
                truth.lost_packets += 1;
                truth.lost += sound.packet().as_secs_f64();
                number += 1;
                continue;
            }
            _ => {}
        }
        let garbage = fault == Some(Fault::Garbage) && sound == Sound::Aac;
        let packets = if sent { 1 } else { 1 + burst };
        for _ in 0..packets {
            let timestamp = FIRST_TIMESTAMP + number.wrapping_mul(sound.ticks());
            // Not at each packet, for the sake of the machine.
            let alive = number % 32 != 0 || keeps_alive(stream).unwrap_or(false);
            let frame = sound.frame(7 + number as u16, timestamp, garbage);
            if !alive || stream.write_all(&frame).is_err() {
                truth.left += u64::from(sent);
                return due;
            }
            number += 1;
            if garbage {
                truth.packets += 1;
                truth.garbage_frames += sound.frames();
                truth.garbage += sound.packet().as_secs_f64();
            } else {
                truth.sent(sound.packet());
            }
        }
        if !std::mem::replace(&mut sent, true) {
            truth.burst += (sound.packet() * packets).as_secs_f64();
            truth.sessions += 1;
            truth.turn(Turn::Nobodys);
        }
    }
}

/// Answers a keep-alive if there is one. False: the client has closed the connection.
fn keeps_alive(mut stream: &TcpStream) -> io::Result<bool> {
    stream.set_nonblocking(true)?;
    let looked = stream.peek(&mut [0]);
    stream.set_nonblocking(false)?;
    match looked {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(true),
        Ok(0) | Err(_) => Ok(false),
        Ok(_) => {
            let (.., cseq) = request(stream, &mut Vec::new())?;
            write!(stream, "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n\r\n")?;
            Ok(true)
        }
    }
}
