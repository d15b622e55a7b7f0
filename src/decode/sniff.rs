//! What a stream of bytes is, by its first bytes.
//!
//! The library's own probe would read a megabyte of a live stream before it gives up and
//! take an MPEG transport stream for MPEG audio. Here a format counts only when its magic
//! number stands at the start, or when three frames in a row fit together.

/// A format that can be taken apart, and where its first frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Wav,
    Flac,
    Ogg,
    /// MP4, M4A and their kin (ISO 14496-12).
    Mp4,
    /// MPEG-1/2 audio layer III.
    Mp3(usize),
    /// AAC in ADTS frames (ISO 13818-7).
    Adts(usize),
}

/// What is recognised, and refused by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    MpegTs,
    Matroska,
    Playlist,
    WebPage,
    /// MPEG audio of another layer.
    Mp2,
}

/// What the first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Known(Format),
    Foreign(Foreign),
    /// Nothing yet; more bytes may tell.
    Unknown,
}

/// Frames that must fit together.
const FRAMES_IN_A_ROW: usize = 3;
/// Packets of a transport stream that must begin with its sync byte.
const TS_PACKETS: usize = 5;
const TS_PACKET: usize = 188;

/// Looks at the first bytes; `whole` says that there are no more.
pub(super) fn identify(head: &[u8], whole: bool) -> Verdict {
    use Verdict::{Foreign as Refused, Known};
    if let Some(format) = by_magic(head) {
        return Known(format);
    }
    if let Some(foreign) = foreign_magic(head) {
        return Refused(foreign);
    }
    if is_transport_stream(head) {
        return Refused(Foreign::MpegTs);
    }
    for at in 0..head.len() {
        if head[at] != 0xff {
            continue;
        }
        if chain(head, at, whole, adts_frame) {
            return Known(Format::Adts(at));
        }
        if chain(head, at, whole, |head| mpeg_frame(head, LAYER_3)) {
            return Known(Format::Mp3(at));
        }
        if chain(head, at, whole, |head| mpeg_frame(head, LAYER_2)) {
            return Refused(Foreign::Mp2);
        }
    }
    Verdict::Unknown
}

fn by_magic(head: &[u8]) -> Option<Format> {
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WAVE") {
        Some(Format::Wav)
    } else if head.starts_with(b"fLaC") {
        Some(Format::Flac)
    } else if head.starts_with(b"OggS") {
        Some(Format::Ogg)
    } else if head.get(4..8) == Some(b"ftyp") {
        Some(Format::Mp4)
    } else {
        None
    }
}

fn foreign_magic(head: &[u8]) -> Option<Foreign> {
    if head.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]) {
        return Some(Foreign::Matroska);
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let text: String = text
        .iter()
        .take(64)
        .map(|byte| char::from(byte.to_ascii_lowercase()))
        .collect();
    let text = text.trim_start();
    if text.starts_with("#extm3u") || text.starts_with("[playlist]") {
        Some(Foreign::Playlist)
    } else if text.starts_with("<!doctype") || text.starts_with("<html") {
        Some(Foreign::WebPage)
    } else {
        None
    }
}

/// Also one that was joined in the middle of a packet.
fn is_transport_stream(head: &[u8]) -> bool {
    (0..TS_PACKET).any(|at| {
        (0..TS_PACKETS).all(|nth| head.get(at + nth * TS_PACKET) == Some(&0x47))
            // Nothing but this byte is no stream of packets.
            && head[at..at + TS_PACKET].iter().any(|byte| *byte != 0x47)
    })
}

/// A frame's length and what stays the same from frame to frame.
type Frame = (usize, u32);

/// Whether enough frames in a row begin at `at`.
fn chain(head: &[u8], mut at: usize, whole: bool, frame: impl Fn(&[u8]) -> Option<Frame>) -> bool {
    let mut first = None;
    for nth in 0..FRAMES_IN_A_ROW {
        // Of a short file every frame is there.
        if whole && nth > 0 && at == head.len() {
            return true;
        }
        let Some((length, constant)) = head.get(at..).and_then(&frame) else {
            return false;
        };
        if *first.get_or_insert(constant) != constant {
            return false;
        }
        at += length;
    }
    true
}

const LAYER_3: u32 = 0b01;
const LAYER_2: u32 = 0b10;

/// The frame of this layer that begins here (ISO 11172-3 §2.4.1.3, ISO 13818-3).
fn mpeg_frame(head: &[u8], layer: u32) -> Option<Frame> {
    /// In kbit/s: MPEG-1 layer III, MPEG-1 layer II, MPEG-2 both.
    const KILOBITS: [[u16; 15]; 3] = [
        [
            0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
        ],
        [
            0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
        ],
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ];
    let word = u32::from_be_bytes(head.get(..4)?.try_into().ok()?);
    let version = word >> 19 & 0b11;
    let (index, rate) = ((word >> 12 & 0xf) as usize, (word >> 10 & 0b11) as usize);
    // Version 1 is reserved; rate 3 too; bit rate 0 is "free", whose length nobody tells.
    if word >> 21 != 0x7ff || version == 1 || word >> 17 & 0b11 != layer || index == 0 {
        return None;
    }
    let mpeg_1 = version == 0b11;
    let table = match (mpeg_1, layer) {
        (false, _) => 2,
        (true, LAYER_2) => 1,
        (true, _) => 0,
    };
    let bits = u32::from(*KILOBITS[table].get(index)?) * 1000;
    let divisor = match version {
        0b11 => 1,
        0b10 => 2,
        _ => 4,
    };
    let hertz = *[44_100, 48_000, 32_000].get(rate)? / divisor;
    let samples_over_8 = if !mpeg_1 && layer == LAYER_3 { 72 } else { 144 };
    let length = samples_over_8 * bits / hertz + (word >> 9 & 1);
    Some((length as usize, word & 0xfffe_0c00))
}

/// The ADTS frame that begins here (ISO 13818-7 §6.2).
fn adts_frame(head: &[u8]) -> Option<Frame> {
    let header: [u8; 7] = head.get(..7)?.try_into().ok()?;
    let word = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
    let rate = word >> 10 & 0xf;
    if word >> 20 != 0xfff || word >> 17 & 0b11 != 0 || rate > 12 {
        return None;
    }
    let length = u32::from_be_bytes([0, header[3], header[4], header[5]]) >> 5 & 0x1fff;
    // The header with its checksum, and something in it.
    (length > 9).then_some((length as usize, word & 0xfffe_fc00))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 128 kbit/s at 44.1 kHz: 417 bytes.
    fn mp3(frames: usize) -> Vec<u8> {
        let mut frame = vec![0xff, 0xfb, 0x90, 0x00];
        frame.resize(417, 0x55);
        frame.repeat(frames)
    }

    /// 48 kHz mono, 200 bytes.
    fn adts(frames: usize) -> Vec<u8> {
        let mut frame = vec![0xff, 0xf1, 0x4c, 0x40, 200 >> 3, 0x1f, 0xfc];
        frame.resize(200, 0x33);
        frame.repeat(frames)
    }

    #[test]
    fn frames_are_found_where_a_listener_joined() {
        for (stream, format) in [
            (mp3(4), Format::Mp3 as fn(usize) -> Format),
            (adts(4), Format::Adts),
        ] {
            assert_eq!(identify(&stream, false), Verdict::Known(format(0)));
            let length = stream.len() / 4;
            let joined = &stream[length / 2..];
            let at = length - length / 2;
            assert_eq!(identify(joined, false), Verdict::Known(format(at)));
            let short = &stream[..length];
            assert_eq!(identify(short, false), Verdict::Unknown);
            assert_eq!(identify(short, true), Verdict::Known(format(0)));
        }
    }

    #[test]
    fn a_transport_stream_is_never_audio() {
        let mut packet = vec![0x47, 0x40, 0x11, 0x10];
        packet.resize(TS_PACKET, 0xff);
        let stream = packet.repeat(12);
        let refused = Verdict::Foreign(Foreign::MpegTs);
        assert_eq!(identify(&stream, false), refused);
        assert_eq!(identify(&stream[100..], false), refused);
        assert_eq!(identify(&[0x47; 4000], true), Verdict::Unknown);
    }

    #[test]
    fn what_is_not_audio_is_named() {
        for (head, foreign) in [
            (&b"\x1a\x45\xdf\xa3rest"[..], Foreign::Matroska),
            (b"#EXTM3U\nhttp://x/", Foreign::Playlist),
            (b"\xef\xbb\xbf[playlist]", Foreign::Playlist),
            (b"\r\n <!DOCTYPE html>", Foreign::WebPage),
        ] {
            assert_eq!(identify(head, true), Verdict::Foreign(foreign));
        }
        assert_eq!(identify(b"", true), Verdict::Unknown);
        assert_eq!(identify(&[0xff; 5000], true), Verdict::Unknown);
    }
}
