//! RTP payloads that the client library does not take apart: from packets to the frames a
//! decoder wants.
//!
//! Pure and bounded: a packet in, frames out, no clock and no I/O. What is incomplete when
//! a packet is missing is dropped, because the decoder would make noise of it; what cannot
//! be understood yields a damaged frame, so that it is counted.

mod bits;
mod fmtp;
#[cfg(any(test, fuzzing))]
pub(in crate::sources) mod fuzz;
mod latm;
mod mpa;
mod mux_config;
mod opus;

use std::collections::VecDeque;

pub(super) use fmtp::Parameters;
use latm::Latm;
use mpa::Mpa;
use opus::Opus;

use super::Codec;

/// One RTP packet, as far as a payload format looks at it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    /// What follows the RTP header.
    pub(super) payload: &'a [u8],
    /// The marker bit.
    pub(super) marker: bool,
    /// RTP time, unwrapped.
    pub(super) timestamp: i64,
    /// Packets are missing right before this one.
    pub(super) after_loss: bool,
}

/// One frame for the decoder.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// The encoded bytes; empty for a frame that could not be taken out of its packet.
    pub(super) data: Vec<u8>,
    /// The codec, where this frame is the first of it: formats that say it in band.
    pub(super) codec: Option<Codec>,
}

impl Frame {
    fn new(data: Vec<u8>) -> Self {
        Self { data, codec: None }
    }

    fn damaged() -> Self {
        Self::new(Vec::new())
    }
}

/// How the packets of a session are taken apart.
#[derive(Debug)]
pub(super) enum Payload {
    /// A packet is a frame: L24 (RFC 3190), G.726 in AAL2 order (RFC 3551 §4.5.4), and what
    /// is not to be decoded.
    Whole,
    /// RFC 7587.
    Opus(Opus),
    /// RFC 6416 (and RFC 3016): `MP4A-LATM`.
    Latm(Latm),
    /// RFC 2250: MPEG audio.
    Mpa(Mpa),
}

impl Payload {
    /// For the announced encoding name in lower case, with its format parameters.
    pub(super) fn new(encoding: &str, parameters: &Parameters, clock_rate: u32) -> Self {
        match encoding {
            "opus" => Self::Opus(Opus::new(parameters)),
            "mp4a-latm" => Self::Latm(Latm::new(parameters, clock_rate)),
            "mpa" => Self::Mpa(Mpa::new(clock_rate)),
            _ => Self::Whole,
        }
    }

    /// Whether the packets can be read: a format without its parameters cannot.
    pub(super) fn may_tell(&self) -> bool {
        !matches!(self, Self::Latm(latm) if latm.lacks_config())
    }

    /// Takes a packet apart and appends its frames.
    pub(super) fn take(&mut self, packet: &Packet<'_>, frames: &mut VecDeque<Frame>) {
        match self {
            Self::Whole => frames.push_back(Frame::new(packet.payload.to_vec())),
            Self::Opus(opus) => opus.take(packet, frames),
            Self::Latm(latm) => latm.take(packet, frames),
            Self::Mpa(mpa) => mpa.take(packet, frames),
        }
    }
}

#[cfg(test)]
mod tests;
