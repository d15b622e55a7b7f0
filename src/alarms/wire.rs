//! How alarms are written: moments as RFC 3339, digests as ids.

use std::time::SystemTime;

use jiff::Timestamp;

/// RFC 3339 in UTC with milliseconds; the beginning of time beyond the year 9999.
pub(super) fn text(moment: SystemTime) -> String {
    let timestamp = Timestamp::try_from(moment).unwrap_or_default();
    format!("{timestamp:.3}")
}

/// The first 64 bits of the SHA-256 of a text, in hexadecimal.
pub(super) fn digest(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let first = digest.as_ref().iter().take(8);
    first.map(|byte| format!("{byte:02x}")).collect()
}

pub(super) mod moment {
    use std::time::SystemTime;

    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(in crate::alarms) fn serialize<S: Serializer>(
        moment: &SystemTime,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::text(*moment))
    }

    pub(in crate::alarms) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SystemTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        let timestamp: jiff::Timestamp = text.parse().map_err(D::Error::custom)?;
        Ok(timestamp.into())
    }
}

pub(super) mod maybe_moment {
    use std::time::SystemTime;

    use serde::{Deserialize, Deserializer, Serialize as _, Serializer};

    #[expect(clippy::ref_option, reason = "as serde asks for it")]
    pub(in crate::alarms) fn serialize<S: Serializer>(
        moment: &Option<SystemTime>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        moment.map(super::text).serialize(serializer)
    }

    pub(in crate::alarms) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<SystemTime>, D::Error> {
        #[derive(Deserialize)]
        struct Inner(#[serde(with = "super::moment")] SystemTime);
        Ok(Option::<Inner>::deserialize(deserializer)?.map(|inner| inner.0))
    }
}
