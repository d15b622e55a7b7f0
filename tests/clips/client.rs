//! Who pulls clips and listens.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
};

use crate::support::{Exporter, PATIENCE};

/// The sample rate, channels and samples of a WAV file of 16 bit.
pub(crate) struct Wav {
    pub(crate) rate: u32,
    pub(crate) channels: u16,
    pub(crate) samples: Vec<i16>,
}

impl Wav {
    pub(crate) fn read(bytes: &[u8]) -> Self {
        assert_eq!(
            (&bytes[..4], &bytes[8..16]),
            (&b"RIFF"[..], &b"WAVEfmt "[..])
        );
        assert_eq!((&bytes[36..40], bytes.len() % 2), (&b"data"[..], 0));
        let pairs = bytes[44..].chunks_exact(2);
        Self {
            rate: u32::from_le_bytes(bytes[24..28].try_into().unwrap()),
            channels: u16::from_le_bytes(bytes[22..24].try_into().unwrap()),
            samples: pairs.map(|b| i16::from_le_bytes([b[0], b[1]])).collect(),
        }
    }
}

pub(crate) struct Clip {
    pub(crate) head: String,
    pub(crate) wav: Wav,
}

impl Clip {
    /// A field of the answer's head.
    pub(crate) fn field(&self, name: &str) -> &str {
        let find = |line| {
            let (key, value) = str::split_once(line, ": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        };
        let found = self.head.lines().find_map(find);
        found.unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }

    /// Frames as `Clip-Frames` tells them.
    pub(crate) fn frames(&self, key: &str) -> u64 {
        let text = self.field("clip-frames");
        let find = |pair| {
            let (name, value) = str::split_once(pair, "=")?;
            (name == key).then(|| value.parse().unwrap())
        };
        text.split(", ").find_map(find).unwrap()
    }
}

/// Pulls a clip, which must be had.
#[track_caller]
pub(crate) fn clip(exporter: &Exporter, source: &str, query: &str) -> Clip {
    let path = format!("/api/v1/sources/{source}/clip.wav?{query}");
    let (status, head, body) = exporter.request("GET", &path, "");
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let wav = Wav::read(&body);
    let clip = Clip { head, wav };
    let told = clip.frames("audio") + clip.frames("silence");
    let frames = clip.wav.samples.len() as u64 / u64::from(clip.wav.channels);
    assert_eq!(frames, told, "{}", clip.head);
    assert_eq!(clip.frames("requested"), told + clip.frames("missing"));
    clip
}

/// Whoever listens to live audio.
pub(crate) struct Listener {
    stream: BufReader<TcpStream>,
    heard: Vec<u8>,
    ended: bool,
}

impl Listener {
    /// Asks, and reads no more than is asked for.
    pub(crate) fn ask(exporter: &Exporter, source: &str) -> Self {
        let mut stream = TcpStream::connect(&exporter.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let path = format!("/api/v1/sources/{source}/live.wav");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        Self {
            stream: BufReader::new(stream),
            heard: Vec::new(),
            ended: false,
        }
    }

    /// The status of the answer, whose head is read.
    pub(crate) fn status(&mut self) -> u16 {
        let mut status = 0;
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).unwrap();
            if line.starts_with("HTTP/1.1 ") {
                status = line[9..12].parse().unwrap();
            }
            if line.trim_end().is_empty() {
                return status;
            }
        }
    }

    /// Listens until there are so many samples, or to the orderly end.
    pub(crate) fn hear(&mut self, samples: usize) -> Wav {
        while !self.ended && self.heard.len() < 44 + 2 * samples {
            let mut line = String::new();
            self.stream.read_line(&mut line).unwrap();
            let length = usize::from_str_radix(line.trim_end(), 16).expect("no orderly end");
            let start = self.heard.len();
            self.heard.resize(start + length + 2, 0);
            self.stream.read_exact(&mut self.heard[start..]).unwrap();
            self.heard.truncate(start + length);
            self.ended = length == 0;
        }
        Wav::read(&self.heard)
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }
}
