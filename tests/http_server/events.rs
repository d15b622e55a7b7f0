//! The events' WebSocket: RFC 6455 from the client's side, and clients that break it.

#[path = "events/broken.rs"]
mod broken;
#[path = "events/limits.rs"]
mod limits;
#[path = "events/told.rs"]
mod told;

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use audio_capture_exporter::status::SourceStatus;
use serde_json::Value;

use crate::{
    client::PATIENCE,
    fixture::{Fixture, Setup, start},
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
