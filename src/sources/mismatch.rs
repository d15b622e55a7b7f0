//! What a source sends against what its operator expects.

use super::AccountView;
use crate::units::AudioFormat;

impl AccountView {
    /// Whether the source sends something else than expected, per aspect.
    pub fn mismatches(&self) -> [(&'static str, bool); 3] {
        let [codec, rate, channels] = self.differences().map(|found| found.is_some());
        [
            ("codec", codec),
            ("sample_rate", rate),
            ("channels", channels),
        ]
    }

    /// The same in words, with what to do; `None` when all is as expected.
    pub fn unexpected(&self) -> Option<String> {
        let found: Vec<_> = self.differences().into_iter().flatten().collect();
        let what = found.join(", ");
        (!found.is_empty())
            .then(|| format!("{what}, as `expect` says; correct the source's settings or `expect`"))
    }

    fn differences(&self) -> [Option<String>; 3] {
        let AudioFormat {
            sample_rate,
            channels,
        } = self.info.format.unwrap_or(AudioFormat {
            sample_rate: 0,
            channels: 0,
        });
        let known = self.info.format.is_some();
        let codec = self.info.codec.as_ref();
        let expect = &self.expect;
        [
            (expect.codec.as_ref().zip(codec))
                .filter(|(wanted, seen)| wanted != seen)
                .map(|(wanted, seen)| format!("the codec is {seen} instead of {wanted}")),
            (expect.sample_rate)
                .filter(|wanted| known && *wanted != sample_rate)
                .map(|wanted| format!("the sample rate is {sample_rate} instead of {wanted} Hz")),
            (expect.channels)
                .filter(|wanted| known && *wanted != channels)
                .map(|wanted| format!("it has {channels} instead of {wanted} channels")),
        ]
    }
}
