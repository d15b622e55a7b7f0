//! MPEG audio, layers I to III (RFC 2250 §3.5): four bytes of header, then whole frames or
//! a fragment of one.

use std::collections::VecDeque;

use super::{Codec, Frame, Packet};

/// Bytes before the audio: 16 bits that must be zero, and the fragment's offset.
const HEADER: usize = 4;

/// What the first four bytes of a frame say (ISO 11172-3 §2.4.1.3, ISO 13818-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FrameHeader {
    layer: usize,
    sample_rate: u32,
    channels: u16,
    /// Of the whole frame, in bytes.
    length: usize,
}

/// Takes the packets apart. Holds at most one frame, whose header bounds it to 1,729 bytes.
#[derive(Debug)]
pub(in crate::sources) struct Mpa {
    clock_rate: u32,
    /// Layer, sample rate and channels of the frames so far.
    shape: Option<(usize, u32, u16)>,
    /// A frame whose end is still to come, and its length.
    partial: Vec<u8>,
    length: usize,
    /// A packet was lost, or is from before we joined: fragments without a beginning are no
    /// news.
    incomplete: bool,
}

impl Mpa {
    pub(super) fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate,
            shape: None,
            partial: Vec::new(),
            length: 0,
            incomplete: true,
        }
    }

    pub(super) fn take(&mut self, packet: &Packet<'_>, frames: &mut VecDeque<Frame>) {
        if packet.after_loss {
            self.partial.clear();
            self.incomplete = true;
        }
        let Some((header, audio)) = packet.payload.split_at_checked(HEADER) else {
            frames.push_back(Frame::damaged());
            return;
        };
        let offset = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if offset == 0 {
            self.take_frames(audio, frames);
        } else {
            self.take_fragment(offset, audio, frames);
        }
    }

    fn take_frames(&mut self, mut audio: &[u8], frames: &mut VecDeque<Frame>) {
        if !self.partial.is_empty() {
            // Its end never came although no packet is missing.
            self.partial.clear();
            frames.push_back(Frame::damaged());
        }
        self.incomplete = false;
        while !audio.is_empty() {
            let Some(header) = FrameHeader::read(audio) else {
                frames.push_back(Frame::damaged());
                return;
            };
            let Some((frame, rest)) = audio.split_at_checked(header.length) else {
                self.partial.extend_from_slice(audio);
                self.length = header.length;
                return;
            };
            self.emit(header, frame.to_vec(), frames);
            audio = rest;
        }
    }

    fn take_fragment(&mut self, offset: usize, audio: &[u8], frames: &mut VecDeque<Frame>) {
        if offset != self.partial.len() || offset + audio.len() > self.length {
            self.partial.clear();
            if !self.incomplete {
                frames.push_back(Frame::damaged());
            }
            self.incomplete = true;
            return;
        }
        self.partial.extend_from_slice(audio);
        if self.partial.len() == self.length {
            let frame = std::mem::take(&mut self.partial);
            if let Some(header) = FrameHeader::read(&frame) {
                self.emit(header, frame, frames);
            }
        }
    }

    fn emit(&mut self, header: FrameHeader, data: Vec<u8>, frames: &mut VecDeque<Frame>) {
        let shape = (header.layer, header.sample_rate, header.channels);
        let mut frame = Frame::new(data);
        if self.shape.replace(shape) != Some(shape) {
            frame.codec = Some(Codec {
                name: format!("mp{}", header.layer),
                clock_rate: self.clock_rate,
                sample_rate: header.sample_rate,
                channels: header.channels,
                extra_data: Vec::new(),
            });
        }
        frames.push_back(frame);
    }
}

/// Bit rates in kbit/s by index 1 to 14: MPEG-1 layers I, II, III; MPEG-2 layer I; MPEG-2
/// layers II and III.
const BIT_RATES: [[usize; 14]; 5] = [
    [
        32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448,
    ],
    [
        32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
    ],
    [
        32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
    ],
    [
        32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256,
    ],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

impl FrameHeader {
    /// `None` for what is no header, for reserved values, and for the free format, whose
    /// frames do not say their length.
    fn read(bytes: &[u8]) -> Option<Self> {
        let [sync, version, rates, mode] = *bytes.first_chunk()?;
        if sync != 0xff || version & 0xe0 != 0xe0 {
            return None;
        }
        // 0: MPEG-2.5, 1: reserved, 2: MPEG-2, 3: MPEG-1.
        let version_id = version >> 3 & 3;
        let layer = match version >> 1 & 3 {
            3 => 1,
            2 => 2,
            1 => 3,
            _ => return None,
        };
        let first = version_id == 3;
        let table = match (first, layer) {
            (true, layer) => layer - 1,
            (false, 1) => 3,
            (false, _) => 4,
        };
        let index = usize::from(rates >> 4).checked_sub(1)?;
        let bit_rate = BIT_RATES[table].get(index)? * 1000;
        let rate = *[44_100, 48_000, 32_000].get(usize::from(rates >> 2 & 3))?;
        let sample_rate = match version_id {
            3 => rate,
            2 => rate / 2,
            0 => rate / 4,
            _ => return None,
        };
        let padding = usize::from(rates >> 1 & 1);
        let length = match layer {
            1 => (12 * bit_rate / sample_rate + padding) * 4,
            3 if !first => 72 * bit_rate / sample_rate + padding,
            _ => 144 * bit_rate / sample_rate + padding,
        };
        Some(Self {
            layer,
            sample_rate: u32::try_from(sample_rate).ok()?,
            channels: if mode >> 6 == 3 { 1 } else { 2 },
            length,
        })
    }
}
