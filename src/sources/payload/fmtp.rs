//! The format parameters of an SDP media description (RFC 8866 §6.15).

/// `a=fmtp` of one media description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::sources) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads those of the `index`-th media description for its payload type. Whatever
    /// cannot be read is left out.
    pub(in crate::sources) fn of_media(sdp: &[u8], index: usize, payload_type: u8) -> Self {
        let text = String::from_utf8_lossy(sdp);
        let mut media = None;
        let mut found = Self::default();
        for line in text.lines().map(str::trim) {
            if line.starts_with("m=") {
                media = Some(media.map_or(0, |n: usize| n + 1));
            }
            let Some(rest) = line.strip_prefix("a=fmtp:") else {
                continue;
            };
            let (number, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            if media == Some(index) && number.parse() == Ok(payload_type) {
                found = Self::parse(rest);
            }
        }
        found
    }

    fn parse(text: &str) -> Self {
        let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
        let clean = |text: &str| text.trim().to_owned();
        Self(
            pairs
                .map(|(name, value)| (clean(name).to_ascii_lowercase(), clean(value)))
                .collect(),
        )
    }

    /// The value of a parameter by its name in lower case.
    pub(in crate::sources) fn get(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(known, _)| known == name)?;
        Some(&pair.1)
    }

    /// A value in hexadecimal digits, as bytes. `None` when there is none or it is no such.
    pub(in crate::sources) fn hex(&self, name: &str) -> Option<Vec<u8>> {
        let digits: Option<Vec<u8>> = self
            .get(name)?
            .chars()
            .map(|digit| digit.to_digit(16).map(|value| value as u8))
            .collect();
        let bytes: Vec<u8> = digits?
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0))
            .collect();
        (!bytes.is_empty()).then_some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::Parameters;

    const SDP: &[u8] = b"v=0\r\nm=video 0 RTP/AVP 96\r\na=fmtp:96 config=AA\r\n\
        m=audio 0 RTP/AVP 96 97\r\na=rtpmap:96 MP4A-LATM/48000\r\na=fmtp:97 config=BB\r\n\
        a=fmtp:96 cpresent=0; Config=400Z;config=40002310;x\r\na=fmtp:96\x80\r\n";

    #[test]
    fn only_the_right_media_and_payload_type_count() {
        let audio = Parameters::of_media(SDP, 1, 96);
        assert_eq!(audio.get("cpresent"), Some("0"));
        assert_eq!(
            audio.hex("config"),
            None,
            "the first of a name, and it is no hex"
        );
        assert_eq!(
            Parameters::of_media(SDP, 1, 97).hex("config"),
            Some(vec![0xbb])
        );
        assert_eq!(
            Parameters::of_media(SDP, 0, 96).hex("config"),
            Some(vec![0xaa])
        );
        assert_eq!(Parameters::of_media(SDP, 2, 96), Parameters::default());
    }

    #[test]
    fn an_odd_number_of_digits_is_filled_up() {
        // A StreamMuxConfig of a length that is no multiple of eight bits.
        assert_eq!(
            Parameters::parse("config=40002").hex("config"),
            Some(vec![0x40, 0, 0x20])
        );
        assert_eq!(Parameters::parse("config=").hex("config"), None);
    }
}
