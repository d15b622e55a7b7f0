//! What the integration tests share: the real binary, real servers, and a scrape.
//!
//! Nothing here sleeps for luck: [`Exporter::until`] polls a condition against a deadline
//! and fails with what it saw last.

#![allow(
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "each test file is a crate that uses a part of it"
)]

pub mod browser;
pub mod fault_table;
pub mod faulty;
pub mod icecast;
pub mod made_part;
pub mod openmetrics;
mod process;
pub mod prometheus;
pub mod pulse;
pub mod replay;
mod scrape;
pub mod source_table;
mod stopwatch;
pub mod wav;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

pub use process::Running;
pub use scrape::Scrape;
pub use stopwatch::Stopwatch;

/// Long enough for a loaded machine; nothing waits this long when all is well.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A directory of this test's own, removed at the end.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ace-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _best_effort = std::fs::remove_dir_all(&self.0);
    }
}

/// The program under test, listening on a port of its own.
pub struct Exporter {
    pub process: Running,
    pub address: String,
}

impl Exporter {
    /// Starts it with these arguments and waits until it says where it listens.
    pub fn start<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        Self::start_in(arguments, [])
    }

    /// The same with variables in its environment.
    pub fn start_in<S: AsRef<std::ffi::OsStr>>(
        arguments: impl IntoIterator<Item = S>,
        environment: impl IntoIterator<Item = (&'static str, PathBuf)>,
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_audio-capture-exporter"));
        command
            .args(arguments)
            .envs(environment)
            .args(["--web.listen-address", "127.0.0.1:0"]);
        Self::of(Running::start(
            command.stdout(Stdio::piped()).stderr(Stdio::piped()),
        ))
    }

    /// Starts it with a standard error that is a pipe nobody reads.
    pub fn start_unread<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_audio-capture-exporter"));
        command
            .args(arguments)
            .args(["--web.listen-address", "127.0.0.1:0"]);
        Self::of(Running::start_unread(
            command.stdout(Stdio::piped()).stderr(Stdio::piped()),
        ))
    }

    /// Waits until a started program says where it listens.
    pub fn of(mut process: Running) -> Self {
        let address = process.wait_for_line(listens_at);
        Self { process, address }
    }

    /// Starts it with a configuration file.
    pub fn with_config(path: &Path) -> Self {
        Self::start(["--config.file", path.to_str().unwrap()])
    }

    /// One HTTP request: status, head and body.
    pub fn request(&self, method: &str, path: &str, headers: &str) -> (u16, String, Vec<u8>) {
        request(&self.address, method, path, headers)
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        let (status, _, body) = self.request("GET", path, "");
        (status, String::from_utf8(body).unwrap())
    }

    /// A scrape in text 0.0.4.
    pub fn scrape(&self) -> Scrape {
        let (status, text) = self.get("/metrics");
        assert_eq!(status, 200, "{text}");
        Scrape::parse(&text)
    }

    /// Scrapes until the condition holds, for a minute of a [`Stopwatch`].
    #[track_caller]
    pub fn until(&self, what: &str, mut holds: impl FnMut(&Scrape) -> bool) -> Scrape {
        self.until_within(PATIENCE, what, &mut holds)
    }

    #[track_caller]
    pub fn until_within(
        &self,
        limit: Duration,
        what: &str,
        mut holds: impl FnMut(&Scrape) -> bool,
    ) -> Scrape {
        let watch = Stopwatch::start();
        loop {
            let scrape = self.scrape();
            if holds(&scrape) {
                return scrape;
            }
            assert!(
                watch.elapsed() < limit,
                "{}\nlog:\n{}\nnot within {limit:?}: {what}",
                scrape.without_zeros(),
                self.process.output()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until a source is in a state.
    #[track_caller]
    pub fn until_state(&self, source: &str, state: &str) -> Scrape {
        self.until(&format!("{source} is {state}"), |scrape| {
            scrape.state(source) == state
        })
    }

    /// Waits until the API says something of a source, and returns all it says of it.
    #[track_caller]
    pub fn until_source(
        &self,
        source: &str,
        holds: impl Fn(&serde_json::Value) -> bool,
    ) -> serde_json::Value {
        let mut told = serde_json::Value::Null;
        self.until(&format!("what is told of {source}"), |_| {
            let (status, text) = self.get(&format!("/api/v1/sources/{source}"));
            told = serde_json::from_str(&text).unwrap();
            status == 200 && holds(&told)
        });
        told
    }

    /// `POST /-/reload`.
    pub fn reload(&self) -> (u16, String) {
        let (status, _, body) = self.request("POST", "/-/reload", "Content-Length: 0\r\n");
        (status, String::from_utf8(body).unwrap())
    }
}

/// One HTTP request on a connection of its own: status, head and body.
pub fn request(address: &str, method: &str, path: &str, headers: &str) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n"
    )
    .unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).unwrap();
    let end = reply
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap()
        + 4;
    let head = String::from_utf8_lossy(&reply[..end]).into_owned();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut body = reply.split_off(end);
    if head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked")
    {
        body = unchunk(&body);
    }
    (status, head, body)
}

/// The address in the line that says where to look.
fn listens_at(line: &str) -> Option<String> {
    let rest = line.strip_prefix("Look at ")?;
    let rest = rest
        .strip_prefix("http://")
        .or_else(|| rest.strip_prefix("https://"))?;
    Some(rest.split('/').next()?.to_owned())
}

fn unchunk(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = body
            .windows(2)
            .position(|window| window == b"\r\n")
            .unwrap();
        let length = std::str::from_utf8(&body[..end]).unwrap();
        let length = usize::from_str_radix(length.trim(), 16).unwrap();
        body = &body[end + 2..];
        if length == 0 {
            return whole;
        }
        whole.extend_from_slice(&body[..length]);
        body = &body[length + 2..];
    }
}

/// A Python server of `tests/support`, run by the system's Python, which has GStreamer.
pub struct Server {
    pub process: Running,
    pub port: u16,
}

impl Server {
    /// A real GStreamer RTSP server.
    pub fn gstreamer(arguments: &[&str]) -> Self {
        Self::script("rtsp_server.py", arguments)
    }

    /// One that misbehaves by URL.
    pub fn hostile(arguments: &[&str]) -> Self {
        Self::script("hostile_rtsp.py", arguments)
    }

    /// One of HTTP streams that misbehaves by URL.
    pub fn hostile_http(arguments: &[&str]) -> Self {
        Self::script("hostile_http.py", arguments)
    }

    /// Either hostile one with `--switch`, and where it takes orders.
    pub fn switched(name: &str, arguments: &[&str]) -> (Self, std::process::ChildStdin) {
        let arguments = [&["--switch"], arguments].concat();
        let mut server = Self::script(name, &arguments);
        let orders = server.process.stdin();
        (server, orders)
    }

    fn script(name: &str, arguments: &[&str]) -> Self {
        Self::script_by(Command::new("/usr/bin/python3"), name, arguments)
    }

    /// A server started by another command than Python's, which becomes Python in the end.
    pub fn script_by(mut command: Command, name: &str, arguments: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/support")
            .join(name);
        command.arg(script).args(arguments).stdin(Stdio::piped());
        let mut process = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        let port = process.wait_for_line(|line| {
            let rest = line.split("\"port\": ").nth(1)?;
            rest.split([',', '}']).next()?.trim().parse().ok()
        });
        Self { process, port }
    }

    pub fn url(&self, path: &str) -> String {
        format!("rtsp://127.0.0.1:{}{path}", self.port)
    }

    pub fn http_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

/// Writes a WAV file of a sine: 16 bit, of a given RMS level in dBFS.
pub fn write_tone(path: &Path, rate: u32, channels: u16, seconds: f64, dbfs: f64) {
    let peak = 32_768.0 * 10f64.powf(dbfs / 20.0) * std::f64::consts::SQRT_2;
    let frames = (f64::from(rate) * seconds) as u32;
    let mut samples = Vec::new();
    for n in 0..frames {
        let phase = std::f64::consts::TAU * 1000.0 * f64::from(n) / f64::from(rate);
        let sample = (peak * phase.sin()).round() as i16;
        samples.extend(std::iter::repeat_n(sample, usize::from(channels)));
    }
    write_wav(path, rate, channels, &samples);
}

/// Writes a WAV file of these interleaved samples.
pub fn write_wav(path: &Path, rate: u32, channels: u16, samples: &[i16]) {
    let data_bytes = samples.len() as u32 * 2;
    let mut wav = Vec::with_capacity(44 + data_bytes as usize);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + data_bytes).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0");
    wav.extend_from_slice(&channels.to_le_bytes());
    wav.extend_from_slice(&rate.to_le_bytes());
    wav.extend_from_slice(&(rate * u32::from(channels) * 2).to_le_bytes());
    wav.extend_from_slice(&(channels * 2).to_le_bytes());
    wav.extend_from_slice(b"\x10\0data");
    wav.extend_from_slice(&data_bytes.to_le_bytes());
    wav.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    std::fs::write(path, wav).unwrap();
}

/// Ten seconds of MP3 at 128 kbit/s, which is 16,000 bytes a second: the file's path.
pub fn mp3(scratch: &Scratch) -> String {
    let wav = scratch.path("tone.wav");
    write_tone(&wav, 48_000, 2, 10.0, -15.0);
    let path = scratch.path("tone.mp3");
    let how = "-c:a libmp3lame -b:a 128k -id3v2_version 0 -write_xing 0";
    let mut arguments = vec!["-v", "error", "-i", wav.to_str().unwrap()];
    arguments.extend(how.split(' '));
    arguments.push(path.to_str().unwrap());
    run("ffmpeg", &arguments, "");
    path.to_str().unwrap().to_owned()
}

/// Runs a program to its end and returns its standard output; fails with its standard
/// error.
#[track_caller]
pub fn run(program: &str, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} does not start: {error}; see scripts/test"));
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// Reads lines of a pipe on a thread of its own, so that the child never blocks on it.
fn lines_of(
    pipe: impl std::io::Read + Send + 'static,
    mut sink: impl FnMut(String) + Send + 'static,
) {
    std::thread::Builder::new()
        .spawn(move || {
            BufReader::new(pipe)
                .lines()
                .map_while(Result::ok)
                .for_each(&mut sink);
        })
        .unwrap();
}
