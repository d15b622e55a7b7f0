//! An RTSP server that replays packets made of ffmpeg's output, for what no other server
//! here sends.

#![allow(clippy::disallowed_methods, reason = "its threads end with the test")]

use std::{
    io::Write as _,
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use super::faulty::request;

/// What a path plays, over and over.
pub struct Recording {
    path: &'static str,
    payload_type: u8,
    /// Of the session description: what follows `m=`.
    attributes: &'static str,
    clock_rate: u32,
    /// Ticks of one step.
    ticks: u32,
    /// What is sent at once, with one timestamp: payloads.
    steps: Vec<Vec<Vec<u8>>>,
    /// The step that a session begins with.
    first: usize,
    /// The last packet of a step carries the marker.
    marks: bool,
}

/// `MP4A-LATM` with the configuration in band only, now and then (`cpresent=1`), out of the
/// LOAS stream (ISO 14496-3 §1.7.2) that ffmpeg writes: each frame is one `AudioMuxElement`.
/// A session begins between two configurations.
pub fn latm_in_band(path: &'static str, loas: &[u8]) -> Recording {
    let mut steps = Vec::new();
    let mut rest = loas;
    while let [0x56, high, low, body @ ..] = rest {
        assert_eq!(high >> 5, 7, "no LOAS frame");
        let length = usize::from(high & 0x1f) << 8 | usize::from(*low);
        steps.push(vec![body[..length].to_vec()]);
        rest = &body[length..];
    }
    // The first bit says that the configuration of the frame before still holds.
    let configured = steps.iter().filter(|step| step[0][0] & 0x80 == 0).count();
    assert!(configured > 1 && configured < steps.len() / 2);
    assert!(steps[5][0][0] & 0x80 != 0);
    Recording {
        path,
        payload_type: 96,
        attributes: "a=rtpmap:96 MP4A-LATM/48000/2\r\na=fmtp:96 profile-level-id=1;cpresent=1\r\n",
        clock_rate: 48_000,
        ticks: 1024,
        steps,
        first: 5,
        marks: true,
    }
}

/// `MPA` with each frame in three fragments (RFC 2250 §3.5), out of an MP3 file of
/// 128 kbit/s at 48 kHz: 384 bytes a frame.
pub fn mpa_in_fragments(path: &'static str, mp3: &[u8]) -> Recording {
    let fragment = |(nth, audio): (usize, &[u8])| {
        let offset = (nth * 150) as u16;
        [&[0, 0], &offset.to_be_bytes()[..], audio].concat()
    };
    let steps = mp3.chunks_exact(384).map(|frame| {
        assert_eq!(frame[..2], [0xff, 0xfb], "no frame of 384 bytes");
        frame.chunks(150).enumerate().map(fragment).collect()
    });
    Recording {
        path,
        payload_type: 14,
        attributes: "a=rtpmap:14 MPA/90000\r\n",
        clock_rate: 90_000,
        ticks: 2160,
        steps: steps.collect(),
        first: 0,
        marks: false,
    }
}

/// Serves them and returns the port; its threads end with the test's process.
pub fn start(recordings: Vec<Recording>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let recordings: Arc<[Recording]> = recordings.into();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let recordings = Arc::clone(&recordings);
            // A client that goes away ends its session with an error.
            thread::spawn(move || drop(serve(&stream, &recordings)));
        }
    });
    port
}

/// Answers requests, those to keep a session alive too; what is played is written by another
/// thread, packets and answers each as a whole.
fn serve(stream: &TcpStream, recordings: &Arc<[Recording]>) -> std::io::Result<()> {
    let mut pending = Vec::new();
    let writer = Arc::new(Mutex::new(stream.try_clone()?));
    loop {
        let (method, path, cseq) = request(stream, &mut pending)?;
        let named = path.split('/').nth(1).unwrap();
        let at = recordings.iter().position(|r| r.path == named).unwrap();
        let Recording {
            payload_type,
            attributes,
            ..
        } = &recordings[at];
        let (headers, body) = match method.as_str() {
            "DESCRIBE" => (
                "Content-Type: application/sdp\r\n",
                format!(
                    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
                     m=audio 0 RTP/AVP {payload_type}\r\n{attributes}a=control:a\r\n"
                ),
            ),
            "SETUP" => (
                "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1;timeout=600\r\n",
                String::new(),
            ),
            _ => ("Session: 1\r\n", String::new()),
        };
        let length = body.len();
        let answer = format!(
            "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        writer.lock().unwrap().write_all(answer.as_bytes())?;
        if method == "PLAY" {
            let (writer, recordings) = (Arc::clone(&writer), Arc::clone(recordings));
            thread::spawn(move || drop(play(&writer, &recordings[at])));
        }
    }
}

fn play(writer: &Mutex<TcpStream>, recording: &Recording) -> std::io::Result<()> {
    let began = Instant::now();
    let step = Duration::from_secs(1) * recording.ticks / recording.clock_rate;
    let mut sequence = 7u16;
    for (nth, payloads) in (0u32..).zip(recording.steps.iter().cycle().skip(recording.first)) {
        thread::sleep((began + step * nth).saturating_duration_since(Instant::now()));
        for (left, payload) in (0..payloads.len()).rev().zip(payloads) {
            let marker = u8::from(recording.marks && left == 0) << 7;
            let length = (12 + payload.len()) as u16;
            let mut packet = vec![b'$', 0];
            packet.extend_from_slice(&length.to_be_bytes());
            packet.extend_from_slice(&[0x80, marker | recording.payload_type]);
            packet.extend_from_slice(&sequence.to_be_bytes());
            packet.extend_from_slice(&nth.wrapping_mul(recording.ticks).to_be_bytes());
            packet.extend_from_slice(&[0, 0, 0, 9]);
            packet.extend_from_slice(payload);
            writer.lock().unwrap().write_all(&packet)?;
            sequence = sequence.wrapping_add(1);
        }
    }
    Ok(())
}
