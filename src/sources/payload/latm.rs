//! `MP4A-LATM` (RFC 6416 §6, formerly RFC 3016): AAC in LATM multiplex elements.

use std::collections::VecDeque;

use super::{Codec, Frame, Packet, Parameters, bits::Bits, mux_config::MuxConfig};

/// The largest `AudioMuxElement` put together, in bytes. One of AAC-LC stereo has at most
/// 1,536 and rarely more than one frame.
const MAX_ELEMENT: usize = 64 * 1024;

/// Puts elements together and takes their frames out.
#[derive(Debug)]
pub(in crate::sources) struct Latm {
    clock_rate: u32,
    /// Each element begins by saying whether a configuration follows (`cpresent`).
    in_band: bool,
    config: Option<MuxConfig>,
    /// The configuration is news for the decoder.
    fresh: bool,
    /// What has come of an element; `None` if that is more than can be one.
    element: Option<Vec<u8>>,
    timestamp: i64,
    /// A packet before the element is missing, which may have held its beginning.
    after_loss: bool,
}

impl Latm {
    pub(super) fn new(parameters: &Parameters, clock_rate: u32) -> Self {
        let config = parameters.hex("config").and_then(|mut bytes| {
            // GStreamer cuts the end off, which is all zeros.
            bytes.extend([0; 4]);
            MuxConfig::read(&mut Bits::new(&bytes))
        });
        Self {
            clock_rate,
            // RFC 6416 §7.1: 1 if absent.
            in_band: parameters.get("cpresent") != Some("0"),
            fresh: config.is_some(),
            config,
            element: Some(Vec::new()),
            timestamp: 0,
            // We may have joined in the middle of an element.
            after_loss: true,
        }
    }

    /// No configuration was announced, and none will come with the packets.
    pub(super) fn lacks_config(&self) -> bool {
        !self.in_band && self.config.is_none()
    }

    pub(super) fn take(&mut self, packet: &Packet<'_>, frames: &mut VecDeque<Frame>) {
        if packet.after_loss {
            self.restart();
            self.after_loss = true;
        } else if !self.is_empty() && packet.timestamp != self.timestamp {
            // Fragments share a timestamp: this is another element, and the marker that
            // ends the one before was forgotten.
            self.finish(frames);
        }
        self.timestamp = packet.timestamp;
        if let Some(element) = &mut self.element {
            if element.len() + packet.payload.len() > MAX_ELEMENT {
                self.element = None;
            } else {
                element.extend_from_slice(packet.payload);
            }
        }
        if packet.marker {
            self.finish(frames);
        }
    }

    fn is_empty(&self) -> bool {
        self.element.as_ref().is_some_and(Vec::is_empty)
    }

    fn restart(&mut self) {
        self.element.get_or_insert_default().clear();
        self.after_loss = false;
    }

    /// Takes the element apart.
    fn finish(&mut self, frames: &mut VecDeque<Frame>) {
        let element = self.element.take();
        // Without its first part it cannot be read, and its loss has been counted.
        let excused = self.after_loss;
        let payloads = match &element {
            Some(element) => self.read(element),
            None => Err(Unread::Damaged),
        };
        self.element = element;
        self.restart();
        match payloads {
            Ok(payloads) => {
                for data in payloads {
                    let codec = self.fresh.then(|| self.codec()).flatten();
                    self.fresh = false;
                    frames.push_back(Frame { data, codec });
                }
            }
            Err(Unread::NoConfig) => {}
            Err(Unread::Damaged) if excused => {}
            Err(Unread::Damaged) => frames.push_back(Frame::damaged()),
        }
    }

    /// The payloads of an element, which must be read to its very end.
    fn read(&mut self, element: &[u8]) -> Result<Vec<Vec<u8>>, Unread> {
        let mut bits = Bits::new(element);
        if self.in_band && !bits.flag().ok_or(Unread::Damaged)? {
            let config = MuxConfig::read(&mut bits).ok_or(Unread::Damaged)?;
            if self.config.as_ref() != Some(&config) {
                self.config = Some(config);
                self.fresh = true;
            }
        }
        let config = self.config.as_ref().ok_or(Unread::NoConfig)?;
        payloads(config, &mut bits).ok_or(Unread::Damaged)
    }

    fn codec(&self) -> Option<Codec> {
        let config = self.config.as_ref()?;
        Some(Codec {
            name: Codec::aac_name(config.object_type).to_owned(),
            clock_rate: self.clock_rate,
            sample_rate: config.sample_rate,
            channels: config.channels,
            extra_data: config.asc.clone(),
        })
    }
}

/// Why an element yields nothing.
enum Unread {
    /// It refers to a configuration that has not come yet.
    NoConfig,
    Damaged,
}

fn payloads(config: &MuxConfig, bits: &mut Bits<'_>) -> Option<Vec<Vec<u8>>> {
    let mut payloads = Vec::new();
    for _ in 0..config.frames {
        let length = match config.fixed_length {
            Some(length) => length,
            None => payload_length(bits)?,
        };
        payloads.push(bits.bytes(length)?);
    }
    bits.skip(config.other_data)?;
    (bits.left() < 8).then_some(payloads)
}

/// `PayloadLengthInfo`: bytes are added up until one is not 255.
fn payload_length(bits: &mut Bits<'_>) -> Option<usize> {
    let mut length = 0;
    loop {
        let byte = bits.take(8)?;
        length += byte as usize;
        if byte != 255 {
            return Some(length);
        }
    }
}
