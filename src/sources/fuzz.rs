//! What the sources promise about whatever a server sends.

use std::{cell::RefCell, net::TcpListener, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    runtime::Runtime,
};
use url::Url;

use super::{
    Account, Credentials, RtspTarget, SourceKind, announced::Announced, payload::Parameters, rtsp,
};
pub(crate) use super::{
    http::fuzz::{http_answer, icy, redirect},
    payload::fuzz::{bits, payload},
};
use crate::{
    fuzzing::{Input, contained},
    id::SourceId,
    net::{Dialler, RtpTransport, TlsOptions},
    secret::Secret,
    shutdown::Tasks,
};

/// An SDP's format parameters and an encoding's name: what becomes a label is harmless.
pub(crate) fn sdp(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (index, payload_type) = (usize::from(input.byte() & 3), input.byte());
    let encoding = input.text();
    let sdp = input.rest();
    let parameters = Parameters::of_media(sdp, index, payload_type);
    for name in ["config", "cpresent", "sprop-stereo"] {
        let value = parameters.get(name);
        assert!(value.is_none_or(|value| value.len() <= 3 * sdp.len()));
        if let Some(bytes) = parameters.hex(name) {
            let digits = value.map_or(0, str::len);
            assert_eq!(bytes.len(), digits.div_ceil(2));
        }
    }
    for encoding in [encoding.as_str(), "opus", "mp4a-latm", "mpeg4-generic"] {
        let announced = Announced::by_us(encoding, &parameters, 48_000, 1);
        if announced.codec.is_some() {
            assert_harmless(&announced.name);
        }
    }
}

fn assert_harmless(name: &str) {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._:- ".contains(c);
    assert!(name.len() <= 40 && name.chars().all(allowed), "{name:?}");
}

const USER: &str = "fuzz-user";
const PASSWORD: &str = "hunter2";
const PATH: &str = "hidden-path";

/// A whole session with a server that says anything: the session ends, all its tasks with it,
/// and no message tells what is secret.
pub(crate) fn rtsp_session(bytes: &[u8]) {
    thread_local! {
        static STAGE: RefCell<Option<(Runtime, TcpListener)>> = const { RefCell::new(None) };
    }
    STAGE.with_borrow_mut(|stage| {
        let (runtime, listener) = stage.get_or_insert_with(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                // The relay reads on a grid of 100 ms; nothing here is worth waiting for.
                .start_paused(true)
                .build()
                .expect("a runtime");
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            listener.set_nonblocking(true).expect("a socket");
            (runtime, listener)
        });
        // A panic of the client library ends the session's task in the program.
        contained(|| runtime.block_on(play(listener, bytes)));
    });
}

async fn play(listener: &TcpListener, bytes: &[u8]) {
    let listener = listener.try_clone().expect("a descriptor");
    let address = listener.local_addr().expect("an address");
    let listener = tokio::net::TcpListener::from_std(listener).expect("a reactor");
    let url = format!("rtsp://{address}/{PATH}");
    let target = RtspTarget {
        url: Url::parse(&url).expect("a URL"),
        transport: RtpTransport::Tcp,
        tls: TlsOptions::default(),
        credentials: Some(Credentials {
            username: Secret::new(USER),
            password: Secret::new(PASSWORD),
        }),
    };
    let account = Account::new(SourceId::new("fuzz").expect("a name"), SourceKind::Rtsp);
    let account = Arc::new(account);
    let tasks = Tasks::default();
    let dialler = Dialler::new(&tasks);
    let client = async {
        let limit = Duration::from_secs(10);
        let mut session = match rtsp::open(&tasks, &dialler, &target, &account, limit).await {
            Ok(session) => session,
            Err(error) => {
                assert_tells_nothing(&format!("{error} {error:?}"));
                return;
            }
        };
        if let Some(codec) = session.codec() {
            assert_harmless(&codec.name);
        }
        assert_tells_nothing(&format!("{session:?}"));
        let mut received = 0;
        loop {
            match session.next(&account).await {
                Ok(packet) => received += packet.data().len(),
                Err(end) => {
                    assert_tells_nothing(&format!("{end} {end:?}"));
                    break;
                }
            }
            assert!(received <= bytes.len());
        }
    };
    let server = async {
        if let Ok((stream, _)) = listener.accept().await {
            // The client may have gone; that is its right.
            let _gone = serve(stream, bytes).await;
        }
    };
    tokio::join!(client, server);
    assert!(tasks.drain(Duration::from_secs(3600)).await, "tasks left");
}

fn assert_tells_nothing(text: &str) {
    for secret in [USER, PASSWORD, PATH] {
        assert!(!text.contains(secret), "{text}");
    }
}

/// Answers what a client must ask, in words that the input chooses.
async fn serve(mut stream: TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    let mut input = Input::new(bytes);
    let manner = input.byte();
    let sdp = input.long_piece();
    let mut asked = Vec::new();
    let mut buffer = [0; 2048];
    loop {
        let Some(end) = asked.windows(4).position(|window| window == b"\r\n\r\n") else {
            let n = stream.read(&mut buffer).await?;
            if n == 0 {
                return Ok(());
            }
            asked.extend_from_slice(&buffer[..n]);
            continue;
        };
        let request = String::from_utf8_lossy(&asked[..end]).into_owned();
        asked.drain(..end + 4);
        let cseq = request
            .lines()
            .find_map(|line| line.strip_prefix("CSeq: "))
            .unwrap_or("0");
        let method = request.split(' ').next().unwrap_or_default();
        let (headers, body) = match method {
            "DESCRIBE" if manner & 1 != 0 && !request.contains("Authorization") => {
                let refusal = format!(
                    "RTSP/1.0 401 No\r\nCSeq: {cseq}\r\nWWW-Authenticate: {}\r\n\r\n",
                    header(input.piece())
                );
                stream.write_all(refusal.as_bytes()).await?;
                continue;
            }
            "DESCRIBE" => {
                let length = sdp.len();
                let headers = format!("Content-Type: application/sdp\r\nContent-Length: {length}");
                (headers, sdp)
            }
            "SETUP" => {
                let more = header(input.piece());
                let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1";
                let headers = format!("Session: 1;timeout=60\r\n{transport}{more}");
                (headers, [].as_slice())
            }
            _ => (format!("RTP-Info: {}", header(input.piece())), &[][..]),
        };
        let answer = format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{headers}\r\n\r\n");
        stream.write_all(answer.as_bytes()).await?;
        stream.write_all(body).await?;
        if method == "PLAY" {
            return stream.write_all(&media(input)).await;
        }
    }
}

/// A header's value cannot have line ends, or it would be another header.
fn header(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let value = text.replace(['\r', '\n'], " ");
    if value.trim().is_empty() {
        "x".to_owned()
    } else {
        value
    }
}

/// Interleaved frames, most of them RTP in order.
fn media(mut input: Input<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut sequence, mut timestamp) = (1u16, 0u32);
    while !input.is_empty() {
        let flags = input.byte();
        let piece = input.piece();
        if flags & 0xf0 == 0xf0 {
            out.extend_from_slice(piece);
            continue;
        }
        let channel = u8::from(flags & 0x80 != 0);
        let mut packet = Vec::new();
        if channel == 0 {
            let payload_type = if flags & 0x40 == 0 { 96 } else { flags & 0x3f };
            packet.extend_from_slice(&[0x80, payload_type | (flags & 1) << 7]);
            packet.extend_from_slice(&sequence.to_be_bytes());
            packet.extend_from_slice(&timestamp.to_be_bytes());
            packet.extend_from_slice(&[0; 4]);
        }
        packet.extend_from_slice(piece);
        out.extend_from_slice(&[b'$', channel]);
        out.extend_from_slice(&(packet.len() as u16).to_be_bytes());
        out.extend_from_slice(&packet);
        sequence = sequence.wrapping_add(1 + u16::from(flags >> 2 & 3) * 5000);
        timestamp = timestamp.wrapping_add(u32::from(flags >> 1 & 1) * 1024);
    }
    out
}
