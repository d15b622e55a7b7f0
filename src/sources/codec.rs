//! What is known of a session's codec.

/// The codec of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codec {
    /// The name in lower case, such as `aac`, `pcmu`, `g726-32`; how it is packed for RTP
    /// does not show, except for G.726, where the order of the bits differs.
    pub name: String,
    /// RTP clock rate in Hz. Not always the sample rate: G.722 says 8,000 and samples at
    /// 16,000 (RFC 3551 §4.5.2), MPEG audio has 90,000 (RFC 2250).
    pub clock_rate: u32,
    /// Sample frames a second, in Hz, as announced.
    pub sample_rate: u32,
    /// Interleaved channels.
    pub channels: u16,
    /// The codec's own parameters; for AAC the `AudioSpecificConfig` (ISO 14496-3).
    pub extra_data: Vec<u8>,
}

/// The name of the AAC that everybody can decode.
pub(super) const AAC_LC: &str = "aac";

impl Codec {
    /// The name of an AAC by its audio object type (ISO 14496-3 table 1.17).
    pub(super) fn aac_name(object_type: u32) -> &'static str {
        match object_type {
            1 => "aac-main",
            3 => "aac-ssr",
            4 => "aac-ltp",
            5 | 29 => "he-aac",
            23 => "aac-ld",
            39 => "aac-eld",
            _ => AAC_LC,
        }
    }
}
