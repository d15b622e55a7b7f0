//! Noise that follows from its timestamps, and two kinds of silence, packet by packet.

use std::time::Duration;

/// What a source sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    /// A frame of 20 ms in a packet; its samples are [`code`] of their timestamps.
    Pcmu,
    /// AAC-LC (RFC 3640), 32 kHz mono: four frames of 32 ms in a packet.
    Aac,
    /// MP3 (RFC 2250), 32 kHz mono: three frames of 36 ms in a packet.
    Mp3,
}

/// Where each session's timestamps begin.
pub const FIRST_TIMESTAMP: u32 = 1_000;

/// What PCMU sends for the sample of this timestamp: noise in mu-law.
pub fn code(timestamp: u32) -> u8 {
    (timestamp.wrapping_mul(0x9E37_79B1).rotate_left(15) ^ timestamp)
        .wrapping_mul(0x85EB_CA6B)
        .to_be_bytes()[0]
}

const MP3_FRAMES: usize = 3;
/// MPEG-1 layer III, 32 kbit/s, 32 kHz, mono; nothing but zeros behind it is silence
/// (ISO/IEC 11172-3, 2.4.1.3).
const MP3_HEADER: [u8; 4] = [0xff, 0xfb, 0x18, 0xc0];
const MP3_FRAME: usize = 144;
const AAC_FRAMES: usize = 4;
/// A single channel element without anything in it, and the end (ISO/IEC 14496-3, table 4.3).
const SILENT_FRAME: [u8; 4] = [0, 0, 0, 7];
/// A coupling channel element, which AAC-LC of a camera does not have.
const GARBAGE_FRAME: [u8; 4] = [0x4f, 0xff, 0xff, 0xff];

impl Sound {
    /// The audio in a packet.
    pub fn packet(self) -> Duration {
        match self {
            Self::Pcmu => Duration::from_millis(20),
            Self::Aac => Duration::from_millis(128),
            Self::Mp3 => Duration::from_millis(108),
        }
    }

    pub(super) fn frames(self) -> u64 {
        match self {
            Self::Pcmu => 1,
            Self::Aac => AAC_FRAMES as u64,
            Self::Mp3 => MP3_FRAMES as u64,
        }
    }

    /// Units of RTP time in a packet.
    pub(super) fn ticks(self) -> u32 {
        match self {
            Self::Pcmu => 160,
            Self::Aac => 4096,
            // In 90 kHz.
            Self::Mp3 => 9720,
        }
    }

    pub(super) fn sdp(self) -> String {
        let media = match self {
            Self::Pcmu => "0\r\n",
            Self::Mp3 => "14\r\n",
            Self::Aac => {
                "97\r\n\
                 a=rtpmap:97 mpeg4-generic/32000/1\r\n\
                 a=fmtp:97 streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;\
                 indexlength=3;indexdeltalength=3;config=1288\r\n"
            }
        };
        format!(
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
             m=audio 0 RTP/AVP {media}a=control:a\r\n"
        )
    }

    /// An RTP packet as an interleaved frame (RFC 2326 §10.12).
    pub(super) fn frame(self, sequence: u16, timestamp: u32, garbage: bool) -> Vec<u8> {
        // With the marker where it ends a frame (RFC 3640 §3.1): 97 | 0x80.
        let (kind, payload) = match self {
            Self::Pcmu => (0, (timestamp..timestamp + 160).map(code).collect()),
            Self::Mp3 => (14, mp3()),
            Self::Aac => (
                0xe1,
                aac(if garbage { GARBAGE_FRAME } else { SILENT_FRAME }),
            ),
        };
        let length = 12 + payload.len() as u16;
        let mut frame = vec![b'$', 0];
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(&[0x80, kind]);
        frame.extend_from_slice(&sequence.to_be_bytes());
        frame.extend_from_slice(&timestamp.to_be_bytes());
        frame.extend_from_slice(&[0, 0, 0, 9]);
        frame.extend_from_slice(&payload);
        frame
    }
}

/// Headers of 13 bits of size and 3 of index, then the frames (RFC 3640 §3.3.6).
fn aac(frame: [u8; 4]) -> Vec<u8> {
    let mut payload = ((AAC_FRAMES * 16) as u16).to_be_bytes().to_vec();
    for _ in 0..AAC_FRAMES {
        payload.extend_from_slice(&((frame.len() as u16) << 3).to_be_bytes());
    }
    payload.extend_from_slice(&frame.repeat(AAC_FRAMES));
    payload
}

/// A header that says "no fragment", then whole frames (RFC 2250 §3.5).
fn mp3() -> Vec<u8> {
    let mut frame = MP3_HEADER.to_vec();
    frame.resize(MP3_FRAME, 0);
    [vec![0; 4], frame.repeat(MP3_FRAMES)].concat()
}
