//! Opus (RFC 7587): a packet is an Opus packet.

use std::collections::VecDeque;

use super::{Codec, Frame, Packet, Parameters};

/// The rate of the RTP clock and of what is decoded, whatever was encoded (RFC 7587 §4.1).
const RATE: u32 = 48_000;

/// Says with the first frame how many channels there are: the SDP always announces two
/// (RFC 7587 §7), so a mono microphone would count as stereo.
#[derive(Debug)]
pub(in crate::sources) struct Opus {
    announced: Option<u16>,
    named: bool,
}

impl Opus {
    pub(super) fn new(parameters: &Parameters) -> Self {
        Self {
            announced: match parameters.get("sprop-stereo") {
                Some("1") => Some(2),
                Some("0") => Some(1),
                _ => None,
            },
            named: false,
        }
    }

    pub(super) fn take(&mut self, packet: &Packet<'_>, frames: &mut VecDeque<Frame>) {
        // Nothing to send is no packet at all in Opus, so an empty one is damaged.
        let Some(toc) = packet.payload.first() else {
            frames.push_back(Frame::damaged());
            return;
        };
        let mut frame = Frame::new(packet.payload.to_vec());
        if !self.named {
            self.named = true;
            // The stereo bit of the table of contents (RFC 6716 §3.1).
            let channels = self.announced.unwrap_or(1 + u16::from(toc >> 2 & 1));
            frame.codec = Some(Codec {
                name: "opus".to_owned(),
                clock_rate: RATE,
                sample_rate: RATE,
                channels,
                extra_data: Vec::new(),
            });
        }
        frames.push_back(frame);
    }
}
