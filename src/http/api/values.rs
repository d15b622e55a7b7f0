//! Values that several documents share.

use std::time::SystemTime;

use jiff::Timestamp;
use serde::Serialize;

use crate::{coarse_clock::CoarseInstant, units::AudioFormat};

/// The shape of decoded audio.
#[derive(Serialize)]
pub(super) struct Format {
    sample_rate: u32,
    channels: u16,
}

impl From<AudioFormat> for Format {
    fn from(format: AudioFormat) -> Self {
        Self {
            sample_rate: format.sample_rate,
            channels: format.channels,
        }
    }
}

/// A moment as RFC 3339 in UTC, with milliseconds; `None` beyond the year 9999.
pub(super) fn rfc3339(moment: SystemTime) -> Option<String> {
    let timestamp = Timestamp::try_from(moment).ok()?;
    Some(format!("{timestamp:.3}"))
}

/// The same for a moment on the coarse clock.
pub(super) fn wall(moment: CoarseInstant) -> Option<String> {
    rfc3339(moment.wall())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn moments_are_rfc_3339() {
        let told = |millis| rfc3339(SystemTime::UNIX_EPOCH + Duration::from_millis(millis));
        assert_eq!(told(0).unwrap(), "1970-01-01T00:00:00.000Z");
        assert_eq!(told(1_709_164_799_999).unwrap(), "2024-02-28T23:59:59.999Z");
        assert_eq!(told(1_709_164_800_000).unwrap(), "2024-02-29T00:00:00.000Z");
    }
}
