//! What a mount sends: its session description and its RTP payloads.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use bytes::Bytes;

use super::adts::{self, AdtsError};
use crate::demo::{content::Content, g711};

/// One path of the server.
#[derive(Clone, Debug)]
pub struct Mount {
    pub(super) path: String,
    pub(super) media: Media,
    pub(super) behaviour: Behaviour,
}

/// How a mount treats those who play it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// It plays until the client has enough.
    #[default]
    Steady,
    /// It resets the TCP connection this long after `PLAY`, as a rebooting camera does.
    DropAfter(Duration),
}

impl Mount {
    /// A steady mount at `rtsp://server/{path}`; `path` has no slash at either end and
    /// needs no escaping in a URL.
    pub fn new(path: impl Into<String>, media: Media) -> Self {
        Self {
            path: path.into(),
            media,
            behaviour: Behaviour::Steady,
        }
    }

    /// The same mount with another behaviour.
    #[must_use]
    pub fn behaving(mut self, behaviour: Behaviour) -> Self {
        self.behaviour = behaviour;
        self
    }
}

/// One audio stream: an endless row of packets of equal duration. Clones share what is
/// recorded.
#[derive(Clone, Debug)]
pub struct Media {
    pub(super) payload_type: u8,
    /// RTP clock ticks a second; for all audio here the sample rate.
    pub(super) clock_rate: u32,
    /// How much a packet holds, in ticks.
    pub(super) ticks: u32,
    /// Whether each packet ends an access unit (RFC 3640 §3.1); otherwise the marker
    /// announces the first packet after a pause (RFC 3551 §4.1).
    pub(super) marks_every_packet: bool,
    /// `encoding/clock[/channels]` and format parameters.
    rtpmap: String,
    fmtp: Option<String>,
    payloads: Payloads,
}

#[derive(Clone, Debug)]
enum Payloads {
    Linear(Content),
    MuLaw(Content),
    Recorded(Arc<[Bytes]>),
}

/// The packet time that RFC 3551 §4.2 recommends is 20 ms: this many packets a second.
const PCM_PACKETS_PER_SECOND: u32 = 50;
/// RFC 3551 §6 assigns L16 a number at 44.1 kHz only; 96 and above are dynamic.
const DYNAMIC_L16: u8 = 97;
const DYNAMIC_AAC: u8 = 96;
const STATIC_PCMU: u8 = 0;

impl Media {
    /// Linear 16 bit at 48 kHz mono (RFC 3551 §4.5.11).
    pub fn l16(content: Content) -> Self {
        Self::pcm(
            DYNAMIC_L16,
            "L16/48000/1",
            48_000,
            Payloads::Linear(content),
        )
    }

    /// µ-law at 8 kHz mono (RFC 3551 §4.5.14).
    pub fn pcmu(content: Content) -> Self {
        Self::pcm(STATIC_PCMU, "PCMU/8000", 8_000, Payloads::MuLaw(content))
    }

    /// A raw µ-law recording at 8 kHz mono, over and over; a remainder shorter than
    /// 20 ms is left out. `None` when nothing is left.
    pub fn recorded_pcmu(recording: &[u8]) -> Option<Self> {
        let length = (8_000 / PCM_PACKETS_PER_SECOND) as usize;
        let packets = recording.chunks_exact(length).map(Bytes::copy_from_slice);
        let packets: Arc<[Bytes]> = packets.collect();
        let is_empty = packets.is_empty();
        let payloads = Payloads::Recorded(packets);
        (!is_empty).then(|| Self::pcm(STATIC_PCMU, "PCMU/8000", 8_000, payloads))
    }

    /// An ADTS recording, over and over, as `mpeg4-generic` in mode AAC-hbr (RFC 3640
    /// §3.3.6), one access unit a packet.
    ///
    /// # Errors
    /// [`AdtsError`] says where the recording is broken.
    pub fn recorded_aac(recording: &[u8]) -> Result<Self, AdtsError> {
        let (format, units) = adts::parse(recording)?;
        let (rate, channels) = (format.sample_rate(), format.channels);
        let [high, low] = format.audio_specific_config();
        Ok(Self {
            payload_type: DYNAMIC_AAC,
            clock_rate: rate,
            ticks: 1_024,
            marks_every_packet: true,
            rtpmap: format!("mpeg4-generic/{rate}/{channels}"),
            fmtp: Some(format!(
                "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;\
                 indexdeltalength=3;config={high:02x}{low:02x}"
            )),
            payloads: Payloads::Recorded(units.into_iter().map(aac_hbr).collect()),
        })
    }

    fn pcm(payload_type: u8, rtpmap: &str, clock_rate: u32, payloads: Payloads) -> Self {
        Self {
            payload_type,
            clock_rate,
            ticks: clock_rate / PCM_PACKETS_PER_SECOND,
            marks_every_packet: false,
            rtpmap: rtpmap.to_owned(),
            fmtp: None,
            payloads,
        }
    }

    /// How long `packets` packets last, without rounding errors that add up.
    pub(super) fn duration_of(&self, packets: u64) -> Duration {
        let ticks = u128::from(packets) * u128::from(self.ticks);
        let nanos = ticks * 1_000_000_000 / u128::from(self.clock_rate);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Appends payload number `index` of the endless row.
    pub(super) fn payload(&self, index: u64, out: &mut Vec<u8>) {
        let first = index * u64::from(self.ticks);
        let samples = |content: Content| {
            (first..first + u64::from(self.ticks))
                .map(move |at| content.sample(at, self.clock_rate))
        };
        match &self.payloads {
            // Network byte order (RFC 3551 §4.5.11).
            Payloads::Linear(content) => out.extend(samples(*content).flat_map(i16::to_be_bytes)),
            Payloads::MuLaw(content) => out.extend(samples(*content).map(g711::encode)),
            Payloads::Recorded(packets) => {
                out.extend_from_slice(&packets[(index % packets.len() as u64) as usize]);
            }
        }
    }

    /// The session description (RFC 2327, with RFC 2326 appendix C); `control` is the
    /// track's relative URL.
    pub(super) fn sdp(&self, name: &str, control: &str) -> String {
        let Self {
            payload_type,
            rtpmap,
            ..
        } = self;
        let mut sdp = format!(
            "v=0\r\n\
             o=- 1 1 IN IP4 127.0.0.1\r\n\
             s={name}\r\n\
             c=IN IP4 0.0.0.0\r\n\
             t=0 0\r\n\
             a=control:*\r\n\
             a=range:npt=now-\r\n\
             m=audio 0 RTP/AVP {payload_type}\r\n\
             a=rtpmap:{payload_type} {rtpmap}\r\n"
        );
        if let Some(fmtp) = &self.fmtp {
            write!(sdp, "a=fmtp:{payload_type} {fmtp}\r\n").expect("a String takes everything");
        }
        write!(sdp, "a=control:{control}\r\n").expect("a String takes everything");
        sdp
    }
}

/// An access unit with its AU header section: 16 bits of headers, of which 13 are the
/// size and 3 the index, which is zero (RFC 3640 §3.2.1).
fn aac_hbr(unit: &[u8]) -> Bytes {
    // ADTS cannot carry more than 13 bits of length, so the size always fits.
    let size = (unit.len() as u16) << 3;
    let mut payload = Vec::with_capacity(4 + unit.len());
    payload.extend_from_slice(&16u16.to_be_bytes());
    payload.extend_from_slice(&size.to_be_bytes());
    payload.extend_from_slice(unit);
    payload.into()
}
