//! What a server announces for its audio, and who takes its packets apart.

use retina::{client::Stream, codec::ParametersRef};

use super::{
    codec::{AAC_LC, Codec},
    explain,
    payload::{Parameters, Payload},
};

/// What a server announced for one stream.
#[derive(Debug)]
pub(super) struct Announced {
    /// The codec's name, for people.
    pub(super) name: String,
    /// All about it; `None` where only the packets will tell.
    pub(super) codec: Option<Codec>,
    /// How its packets are taken apart here; `None` where the client library does it.
    pub(super) payload: Option<Payload>,
}

/// Encoding names (RFC 3551 §6 and the registrations) whose packets the client library
/// takes apart, and our names for the codecs.
const BY_THE_LIBRARY: [(&str, &str); 9] = [
    ("mpeg4-generic", "aac"),
    ("pcmu", "pcmu"),
    ("pcma", "pcma"),
    ("l16", "l16"),
    ("g722", "g722"),
    ("g726-16", "g726-16"),
    ("g726-24", "g726-24"),
    ("g726-32", "g726-32"),
    ("g726-40", "g726-40"),
];

/// What the library takes for the clock of payload types 10 and 11, where an SDP has no
/// `rtpmap` for them; it is 44,100 Hz (RFC 3551 table 4).
const TEN_TIMES_44_100: u32 = 441_000;

impl Announced {
    /// Reads what is known of a stream: the `index`-th of the SDP.
    pub(super) fn of(stream: &Stream, sdp: &[u8], index: usize) -> Self {
        let encoding = stream.encoding_name().to_ascii_lowercase();
        let parameters = Parameters::of_media(sdp, index, stream.rtp_payload_type());
        let clock_rate = match stream.clock_rate_hz() {
            TEN_TIMES_44_100 if encoding == "l16" => 44_100,
            rate => rate,
        };
        let name = BY_THE_LIBRARY
            .iter()
            .find(|(announced, _)| *announced == encoding)
            .map(|(_, name)| *name);
        if let (Some(name), Some(ParametersRef::Audio(audio))) = (name, stream.parameters()) {
            let codec = Codec {
                name: name.to_owned(),
                clock_rate,
                sample_rate: match name {
                    "g722" => 2 * clock_rate,
                    "aac" => audio.clock_rate(),
                    _ => clock_rate,
                },
                channels: audio.channels().get(),
                extra_data: audio.extra_data().to_vec(),
            };
            return Self::complete(codec, None);
        }
        let channels = stream.channels().map_or(1, std::num::NonZeroU16::get);
        Self::by_us(&encoding, &parameters, clock_rate, channels)
    }

    pub(super) fn by_us(
        encoding: &str,
        parameters: &Parameters,
        clock_rate: u32,
        channels: u16,
    ) -> Self {
        let payload = Payload::new(encoding, parameters, clock_rate);
        let in_band = match encoding {
            "opus" | "mpa" => Some(encoding),
            "mp4a-latm" if payload.may_tell() => Some("aac"),
            _ => None,
        };
        if let Some(name) = in_band {
            return Self {
                name: name.to_owned(),
                codec: None,
                payload: Some(payload),
            };
        }
        // Whatever remains is a name for the decoder: it knows it or does not.
        let name = match encoding {
            "mpeg4-generic" => parameters
                .hex("config")
                .and_then(|config| object_type(&config))
                .map(Codec::aac_name)
                .filter(|name| *name != AAC_LC)
                .unwrap_or(encoding),
            other => other,
        };
        let codec = Codec {
            name: explain::harmless(name),
            clock_rate,
            sample_rate: clock_rate,
            channels,
            extra_data: Vec::new(),
        };
        Self::complete(codec, Some(payload))
    }

    fn complete(codec: Codec, payload: Option<Payload>) -> Self {
        Self {
            name: codec.name.clone(),
            codec: Some(codec),
            payload,
        }
    }
}

/// The audio object type, the first bits of an `AudioSpecificConfig` (ISO 14496-3 §1.6.2.1).
fn object_type(config: &[u8]) -> Option<u32> {
    let [first, second] = *config.first_chunk()?;
    match first >> 3 {
        31 => Some(32 + u32::from(u16::from_be_bytes([first, second]) >> 5 & 0x3f)),
        object_type => Some(u32::from(object_type)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_can_read_keeps_its_name() {
        let sdp = |parameters: &str| {
            let text = format!("m=audio 0 RTP/AVP 96\na=fmtp:96 {parameters}\n");
            Parameters::of_media(text.as_bytes(), 0, 96)
        };
        for (encoding, parameters, name) in [
            ("speex", "", "speex"),
            ("mpeg4-generic", "config=2B8A0800", "he-aac"),
            ("mpeg4-generic", "config=EB8A0800", "he-aac"),
            ("mpeg4-generic", "config=F8E85000", "aac-eld"),
            ("mpeg4-generic", "", "mpeg4-generic"),
            ("mp4a-latm", "cpresent=0", "mp4a-latm"),
            ("evil\"}\n#", "", "evil"),
        ] {
            let announced = Announced::by_us(encoding, &sdp(parameters), 48_000, 1);
            assert_eq!(announced.name, name);
            assert_eq!(announced.codec.unwrap().name, name);
        }
    }
}
