//! An RTSP server that suffers faults by a schedule and keeps the truth about them.
//!
//! It plays PCMU, a packet every 20 ms, whose samples follow from their RTP timestamps
//! ([`code`]). What it notes is what it did: packets sent, packets
//! left out with their sequence numbers used up, ticks on which it kept silent, and the time
//! in which nobody was served. Connections end in order (FIN), so what was sent arrives.

#![allow(clippy::disallowed_methods, reason = "its threads end with the test")]

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

const TICK: Duration = Duration::from_millis(20);
const SAMPLES: u32 = 160;
/// Where each session's timestamps begin.
pub const FIRST_TIMESTAMP: u32 = 1_000;

/// What is sent for the sample of this timestamp: noise in mu-law.
pub fn code(timestamp: u32) -> u8 {
    (timestamp.wrapping_mul(0x9E37_79B1).rotate_left(15) ^ timestamp)
        .wrapping_mul(0x85EB_CA6B)
        .to_be_bytes()[0]
}

/// What is wrong for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Sessions are closed, new connections too.
    Down,
    /// Sessions are closed, new ones get 401.
    Forbidden,
    /// The session is open and silent.
    Silent,
    /// Packets are lost: their sequence numbers are missing.
    Lossy,
}

/// One source's schedule: start and length since the server's start.
pub type Schedule = Vec<(Duration, Duration, Fault)>;

/// What really happened to one source, in seconds and packets.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    pub sent: u64,
    pub lost: u64,
    pub silent: f64,
    /// Nobody was served, and 401 was not the answer.
    pub unserved: f64,
    /// From the first 401 to the first packet after it.
    pub forbidden: f64,
    pub sessions: u64,
    closed_at: Option<Instant>,
    forbidden_at: Option<Instant>,
}

impl Truth {
    pub fn audio_seconds(&self) -> f64 {
        self.sent as f64 * TICK.as_secs_f64()
    }

    pub fn lost_seconds(&self) -> f64 {
        self.lost as f64 * TICK.as_secs_f64()
    }

    fn served(&mut self) {
        let now = Instant::now();
        let closed_at = self.closed_at.take().unwrap_or(now);
        let forbidden_at = self.forbidden_at.take().unwrap_or(now);
        self.unserved += (forbidden_at - closed_at).as_secs_f64();
        self.forbidden += (now - forbidden_at).as_secs_f64();
        self.sessions += 1;
    }
}

struct Source {
    schedule: Schedule,
    truth: Mutex<Truth>,
}

/// The server; its threads end with the test's process.
pub struct Faulty {
    pub port: u16,
    started: Instant,
    sources: Arc<Vec<Source>>,
}

impl Faulty {
    /// Serves `/0`, `/1`, … with these schedules.
    pub fn start(schedules: Vec<Schedule>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let started = Instant::now();
        let truth = || Truth {
            closed_at: Some(started),
            ..Truth::default()
        };
        let sources: Arc<Vec<_>> = Arc::new(
            schedules
                .into_iter()
                .map(|schedule| Source {
                    schedule,
                    truth: Mutex::new(truth()),
                })
                .collect(),
        );
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
        let mut truth = self.sources[source].truth.lock().unwrap().clone();
        let now = Instant::now();
        if let Some(forbidden_at) = truth.forbidden_at {
            truth.forbidden += (now - forbidden_at).as_secs_f64();
        }
        if let Some(closed_at) = truth.closed_at {
            let until = truth.forbidden_at.unwrap_or(now);
            truth.unserved += (until - closed_at).as_secs_f64();
        }
        truth
    }
}

impl Source {
    fn fault(&self, started: Instant) -> Option<Fault> {
        let now = started.elapsed();
        let current = |(from, length, _): &&(Duration, Duration, Fault)| {
            (*from..*from + *length).contains(&now)
        };
        self.schedule.iter().find(current).map(|(.., fault)| *fault)
    }
}

/// One connection: requests until PLAY, then packets until it ends.
fn serve(mut stream: TcpStream, started: Instant, sources: &[Source]) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut pending = Vec::new();
    loop {
        let (method, path, cseq) = request(&mut stream, &mut pending)?;
        let number: usize = path
            .trim_start_matches('/')
            .split('/')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let source = &sources[number];
        let (status, headers, body) = match (source.fault(started), method.as_str()) {
            (Some(Fault::Down), _) => return Ok(()),
            (Some(Fault::Forbidden), _) => {
                source
                    .truth
                    .lock()
                    .unwrap()
                    .forbidden_at
                    .get_or_insert_with(Instant::now);
                (
                    "401 Unauthorized",
                    "WWW-Authenticate: Basic realm=\"x\"\r\n",
                    "",
                )
            }
            (_, "DESCRIBE") => (
                "200 OK",
                "Content-Type: application/sdp\r\n",
                "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\na=control:a\r\n",
            ),
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
        if method == "PLAY" && status == "200 OK" {
            return play(stream, started, source);
        }
    }
}

fn request(
    stream: &mut TcpStream,
    pending: &mut Vec<u8>,
) -> std::io::Result<(String, String, String)> {
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
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            n => pending.extend_from_slice(&buffer[..n]),
        }
    }
}

fn play(mut stream: TcpStream, started: Instant, source: &Source) -> std::io::Result<()> {
    let began = Instant::now();
    let (mut sequence, mut timestamp, mut first) = (7u16, FIRST_TIMESTAMP, true);
    let outcome = (1u32..).try_for_each(|tick| {
        thread::sleep((began + TICK * tick).saturating_duration_since(Instant::now()));
        let fault = source.fault(started);
        let mut truth = source.truth.lock().unwrap();
        match fault {
            Some(Fault::Down | Fault::Forbidden) => return Err(None),
            Some(Fault::Silent) => {
                truth.silent += TICK.as_secs_f64();
                return Ok(());
            }
            Some(Fault::Lossy) => truth.lost += 1,
            None => {
                let mut packet = vec![b'$', 0, 0, 12 + SAMPLES as u8, 0x80, 0];
                packet.extend_from_slice(&sequence.to_be_bytes());
                packet.extend_from_slice(&timestamp.to_be_bytes());
                packet.extend_from_slice(&[0, 0, 0, 9]);
                packet.extend((timestamp..timestamp + SAMPLES).map(code));
                stream.write_all(&packet).map_err(Some)?;
                truth.sent += 1;
                if std::mem::take(&mut first) {
                    truth.served();
                }
            }
        }
        sequence = sequence.wrapping_add(1);
        timestamp = timestamp.wrapping_add(SAMPLES);
        Ok(())
    });
    source
        .truth
        .lock()
        .unwrap()
        .closed_at
        .get_or_insert_with(Instant::now);
    match outcome {
        Err(Some(error)) => Err(error),
        _ => stream.shutdown(std::net::Shutdown::Both),
    }
}
