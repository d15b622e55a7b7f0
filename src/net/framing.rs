//! The size limits that the RTSP client lacks, checked on the bytes as they pass.
//!
//! A camera's side of an RTSP/TCP connection is a sequence of messages (RFC 2326 §4) and
//! interleaved binary frames (§10.12). The client buffers a head or body of any size, so
//! a hostile camera could take all memory; nothing reaches it that this parser has not
//! bounded. It is as strict as the client about line ends, so that both see the same
//! message boundaries.
//!
//! Of RTP it looks at the sequence number alone: the client takes a jump of up to half the
//! range for a loss.

use super::reorder::{Restarted, ahead};

/// The largest head of a response, in bytes.
pub(super) const MAX_HEAD: usize = 64 * 1024;
/// The largest body, in bytes. An SDP of a camera has one or two thousand.
pub(super) const MAX_BODY: u64 = 256 * 1024;
/// Empty lines tolerated between two messages.
const MAX_BLANK_LINES: u32 = 4;

/// Why the bytes of a camera are not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A head grew beyond the limit.
    #[error("the server sent a response head of more than {} KiB", MAX_HEAD / 1024)]
    HeadTooLarge,
    /// A body was announced beyond the limit.
    #[error("the server announced a response body of more than {} KiB", MAX_BODY / 1024)]
    BodyTooLarge,
    /// The bytes are not RTSP.
    #[error("what the server sent is not RTSP")]
    NotRtsp,
    /// RTP went on with another sequence.
    #[error("the server's RTP sequence numbers jumped, as after a restart")]
    Restarted,
}

/// What the parser saw in the bytes of one [`Framing::feed`].
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Interleaved frames on even channels: RTP.
    pub(super) rtp_packets: u64,
    /// Any interleaved frame: the session plays.
    pub(super) interleaved: bool,
    /// The last complete response head.
    pub(super) head: Option<Head>,
}

/// What matters of a response head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// The status code, 0 for a request of the server's.
    pub(super) status: u16,
    /// The host that a redirect names.
    pub(super) location_host: Option<String>,
}

#[derive(Debug)]
enum Position {
    /// Before the first byte of a message.
    Start,
    /// Inside a head; the bytes so far are in `head`.
    Head,
    Body {
        left: u64,
    },
    /// Inside the bytes after `$`: channel and length, and where RTP follows, its first
    /// four bytes.
    FrameHead {
        got: usize,
    },
    Frame {
        left: u64,
    },
}

/// Channel and length (RFC 2326 §10.12).
const FRAME_HEAD: usize = 3;
/// RTP's bytes up to the sequence number (RFC 3550 §5.1).
const RTP_HEAD: usize = 4;
const BOTH_HEADS: usize = FRAME_HEAD + RTP_HEAD;

/// The state between two reads.
#[derive(Debug)]
pub(super) struct Framing {
    position: Position,
    pub(super) head: Vec<u8>,
    frame_head: [u8; BOTH_HEADS],
    /// The channel of the first RTP packet, and the sequence number that comes next there.
    sequence: Option<(u8, u16)>,
    blank_lines: u32,
}

impl Framing {
    pub(super) fn new() -> Self {
        Self {
            position: Position::Start,
            head: Vec::new(),
            frame_head: [0; BOTH_HEADS],
            sequence: None,
            blank_lines: 0,
        }
    }

    /// Whether a message or frame has just ended, or none has begun.
    #[cfg(any(test, fuzzing))]
    pub(super) fn is_between(&self) -> bool {
        matches!(self.position, Position::Start)
    }

    /// Checks the next bytes of the stream. After an error the stream is beyond repair.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<Seen, Violation> {
        let mut seen = Seen::default();
        while let Some(&first) = bytes.first() {
            match &mut self.position {
                Position::Start if first == b'$' => {
                    self.position = Position::FrameHead { got: 0 };
                    bytes = &bytes[1..];
                }
                Position::Start if first.is_ascii_alphabetic() || first == b'\r' => {
                    self.head.clear();
                    self.position = Position::Head;
                }
                Position::Start => return Err(Violation::NotRtsp),
                Position::Head => bytes = self.feed_head(bytes, &mut seen)?,
                Position::Body { left } | Position::Frame { left } => {
                    let step = (*left).min(bytes.len() as u64);
                    *left -= step;
                    bytes = &bytes[step as usize..];
                    if *left == 0 {
                        self.position = Position::Start;
                    }
                }
                Position::FrameHead { got } => {
                    self.frame_head[*got] = first;
                    *got += 1;
                    let got = *got;
                    bytes = &bytes[1..];
                    match got {
                        FRAME_HEAD => self.start_frame(&mut seen),
                        BOTH_HEADS => self.start_rtp()?,
                        _ => {}
                    }
                }
            }
        }
        Ok(seen)
    }

    fn start_frame(&mut self, seen: &mut Seen) {
        // RTP goes over the even channel of a pair, RTCP over the odd one (RFC 2326 §12.39).
        let is_rtp = self.frame_head[0].is_multiple_of(2);
        let left = self.frame_length();
        self.position = if left == 0 {
            Position::Start
        } else if is_rtp && left >= RTP_HEAD as u64 {
            Position::FrameHead { got: FRAME_HEAD }
        } else {
            Position::Frame { left }
        };
        self.blank_lines = 0;
        seen.interleaved = true;
        if is_rtp {
            seen.rtp_packets += 1;
        }
    }

    /// With the beginning of an RTP packet at hand. The connection keeps the order, so that
    /// there are no strays, as by UDP.
    fn start_rtp(&mut self) -> Result<(), Violation> {
        let left = self.frame_length() - RTP_HEAD as u64;
        self.position = if left == 0 {
            Position::Start
        } else {
            Position::Frame { left }
        };
        let [channel, _, _, version, _, high, low] = self.frame_head;
        // What is of another version the client refuses.
        if version >> 6 != 2 {
            return Ok(());
        }
        let number = u16::from_be_bytes([high, low]);
        let (of, next) = *self.sequence.get_or_insert((channel, number));
        if of == channel {
            ahead(next, number).map_err(|Restarted| Violation::Restarted)?;
            self.sequence = Some((channel, number.wrapping_add(1)));
        }
        Ok(())
    }

    fn frame_length(&self) -> u64 {
        u64::from(u16::from_be_bytes([self.frame_head[1], self.frame_head[2]]))
    }

    /// Takes head bytes up to and including the next line end.
    fn feed_head<'a>(&mut self, bytes: &'a [u8], seen: &mut Seen) -> Result<&'a [u8], Violation> {
        let line_end = bytes.iter().position(|byte| *byte == b'\n');
        let (line, rest) = bytes.split_at(line_end.map_or(bytes.len(), |at| at + 1));
        if self.head.len() + line.len() > MAX_HEAD {
            return Err(Violation::HeadTooLarge);
        }
        self.head.extend_from_slice(line);
        if line_end.is_none() {
            return Ok(rest);
        }
        // A line feed alone would let the client and this parser disagree on the end.
        if !self.head.ends_with(b"\r\n") {
            return Err(Violation::NotRtsp);
        }
        if self.head == b"\r\n" {
            self.blank_lines += 1;
            self.position = Position::Start;
            return if self.blank_lines > MAX_BLANK_LINES {
                Err(Violation::NotRtsp)
            } else {
                Ok(rest)
            };
        }
        if self.head.ends_with(b"\r\n\r\n") {
            let (head, body) = parse_head(&self.head)?;
            self.head = Vec::new();
            self.blank_lines = 0;
            self.position = if body == 0 {
                Position::Start
            } else {
                Position::Body { left: body }
            };
            seen.head = Some(head);
        }
        Ok(rest)
    }
}

/// Reads a complete head: what matters of it, and the length of the body that follows.
fn parse_head(head: &[u8]) -> Result<(Head, u64), Violation> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = match first.strip_prefix("RTSP/") {
        Some(rest) => rest
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .filter(|code| (100..600).contains(code))
            .ok_or(Violation::NotRtsp)?,
        // A request of the server's, such as OPTIONS as a keep-alive.
        None if first.contains(" RTSP/") => 0,
        None => return Err(Violation::NotRtsp),
    };
    let mut body = None;
    let mut seen = Head {
        status,
        location_host: None,
    };
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or(Violation::NotRtsp)?;
        let value = value.trim();
        if name.trim().eq_ignore_ascii_case("content-length") {
            let length: u64 = value.parse().map_err(|_| Violation::BodyTooLarge)?;
            // Two lengths would let the client and this parser disagree on the end.
            if length > MAX_BODY || body.is_some_and(|other| other != length) {
                return Err(Violation::BodyTooLarge);
            }
            body = Some(length);
        } else if name.trim().eq_ignore_ascii_case("location") {
            let target = url::Url::parse(value).ok();
            seen.location_host = target.and_then(|url| url.host_str().map(str::to_owned));
        }
    }
    Ok((seen, body.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OK: &[u8] = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 5\r\n\r\nhello";
    const FRAME: &[u8] = b"$\x00\x00\x03abc";
    const RTP: &[u8] = b"$\x00\x00\x06\x80\x00\x12\x34ab";
    const RTCP: &[u8] = b"$\x01\x00\x02ab";

    #[test]
    fn messages_and_frames_are_told_apart() {
        let stream = [OK, FRAME, RTCP, b"\r\n", FRAME, OK].concat();
        let seen = Framing::new().feed(&stream).unwrap();
        assert_eq!(seen.rtp_packets, 2);
        assert!(seen.interleaved);
        assert_eq!(seen.head.unwrap().status, 200);
    }

    fn rtp(channel: u8, number: u16) -> Vec<u8> {
        let [high, low] = number.to_be_bytes();
        vec![b'$', channel, 0, 5, 0x80, 0, high, low, 7]
    }

    #[test]
    fn a_sequence_may_wrap_and_lose_but_not_go_on_elsewhere() {
        let feed = |numbers: &[u16]| -> Result<u64, Violation> {
            let frames: Vec<u8> = numbers.iter().flat_map(|n| rtp(0, *n)).collect();
            let mut framing = Framing::new();
            // In pieces of two bytes: no head comes in one.
            let pieces = frames.chunks(2).map(|piece| framing.feed(piece));
            pieces.map(|seen| seen.map(|seen| seen.rtp_packets)).sum()
        };
        assert_eq!(feed(&[65_534, 65_535, 0, 1]), Ok(4));
        assert_eq!(feed(&[65_000, 2464, 2400]), Ok(3));
        assert_eq!(feed(&[1, 3003]), Err(Violation::Restarted));
        assert_eq!(feed(&[1000, 1001, 21_002]), Err(Violation::Restarted));
        assert_eq!(feed(&[1000, 899]), Err(Violation::Restarted));
    }

    #[test]
    fn only_rtp_of_one_channel_is_one_sequence() {
        let mut framing = Framing::new();
        for frame in [
            rtp(0, 1),
            rtp(1, 40_000),
            rtp(2, 40_000),
            b"$\0\0\x04\x00\0\x99\x99".to_vec(),
            rtp(0, 2),
        ] {
            framing.feed(&frame).unwrap();
        }
        assert_eq!(framing.feed(&rtp(0, 40_000)), Err(Violation::Restarted));
    }

    #[test]
    fn a_redirect_names_its_host_without_credentials() {
        let head = b"RTSP/1.0 302 Moved\r\nlocation: rtsp://u:p@evil.example/x\r\n\r\n";
        let seen = Framing::new().feed(head).unwrap().head.unwrap();
        assert_eq!(
            (seen.status, seen.location_host.as_deref()),
            (302, Some("evil.example"))
        );
    }

    #[test]
    fn what_is_not_rtsp_or_too_large_is_stopped() {
        let feed = |bytes: &[u8]| Framing::new().feed(bytes).map(|_| ()).unwrap_err();
        assert_eq!(feed(b"\x16\x03\x01"), Violation::NotRtsp);
        assert_eq!(feed(b"HTTP/1.1 200 OK\r\n\r\n"), Violation::NotRtsp);
        assert_eq!(feed(b"RTSP/1.0 200 OK\n\n"), Violation::NotRtsp);
        assert_eq!(feed(b"RTSP/1.0 wat\r\n\r\n"), Violation::NotRtsp);
        assert_eq!(feed(&b"\r\n".repeat(5)), Violation::NotRtsp);
        let length = |n: &str| format!("RTSP/1.0 200 OK\r\nContent-Length: {n}\r\n\r\n");
        assert_eq!(
            feed(length("60000000000").as_bytes()),
            Violation::BodyTooLarge
        );
        assert_eq!(feed(length("262145").as_bytes()), Violation::BodyTooLarge);
        assert_eq!(feed(length("-1").as_bytes()), Violation::BodyTooLarge);
        assert_eq!(
            feed(length("1\r\nContent-Length: 2").as_bytes()),
            Violation::BodyTooLarge
        );
        assert_eq!(
            feed(&[b"RTSP/1.0 200 ".to_vec(), vec![b'x'; MAX_HEAD]].concat()),
            Violation::HeadTooLarge
        );
        let many = [
            b"RTSP/1.0 200 OK\r\n",
            b"A: b\r\n".repeat(MAX_HEAD / 6).as_slice(),
        ]
        .concat();
        assert_eq!(feed(&many), Violation::HeadTooLarge);
    }

    proptest! {
        #[test]
        fn the_verdict_does_not_depend_on_how_the_bytes_are_cut(
            parts in prop::collection::vec(
                prop_oneof![Just(OK), Just(FRAME), Just(RTCP), Just(RTP)], 1..20
            ),
            cuts in prop::collection::vec(1usize..40, 1..200),
        ) {
            let stream = parts.concat();
            let whole = Framing::new().feed(&stream).unwrap();
            let mut framing = Framing::new();
            let (mut packets, mut rest, mut head) = (0, stream.as_slice(), None);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                let seen = framing.feed(now).unwrap();
                packets += seen.rtp_packets;
                head = seen.head.or(head);
                rest = later;
            }
            prop_assert_eq!(packets, whole.rtp_packets);
            prop_assert_eq!(head, whole.head);
        }

        #[test]
        fn no_bytes_make_it_panic_or_hoard(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
            let mut framing = Framing::new();
            let _verdict = framing.feed(&bytes);
            prop_assert!(framing.head.len() <= MAX_HEAD);
        }
    }
}
