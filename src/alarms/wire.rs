//! How alarms are written: closed sets by name, moments as RFC 3339, digests as ids.

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

/// Reads and writes one closed set by its names.
macro_rules! by_name {
    ($module:ident, $set:ty) => {
        pub(super) mod $module {
            use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

            pub(in crate::alarms) fn serialize<S: Serializer>(
                value: &$set,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(value.as_str())
            }

            #[allow(dead_code, reason = "not every set is read")]
            pub(in crate::alarms) fn deserialize<'de, D: Deserializer<'de>>(
                deserializer: D,
            ) -> Result<$set, D::Error> {
                let name = String::deserialize(deserializer)?;
                let mut all = <$set>::ALL.iter().copied();
                all.find(|value| value.as_str() == name)
                    .ok_or_else(|| D::Error::custom("a word outside its set"))
            }
        }
    };
}

by_name!(kind, crate::alarms::kind::AlarmKind);
by_name!(scope, crate::alarms::kind::Scope);
by_name!(severity, crate::alarms::kind::Severity);
by_name!(state, crate::alarms::kind::AlarmState);
by_name!(event, crate::alarms::kind::Event);

pub(super) mod resolution {
    use serde::{Deserialize, Deserializer, Serialize as _, Serializer, de::Error as _};

    use crate::alarms::kind::Resolution;

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        clippy::ref_option,
        reason = "as serde asks for it"
    )]
    pub(in crate::alarms) fn serialize<S: Serializer>(
        value: &Option<Resolution>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.map(Resolution::as_str).serialize(serializer)
    }

    pub(in crate::alarms) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Resolution>, D::Error> {
        let name = Option::<String>::deserialize(deserializer)?;
        let known = |name: String| {
            let mut all = Resolution::ALL.iter().copied();
            all.find(|value| value.as_str() == name)
                .ok_or_else(|| D::Error::custom("a word outside its set"))
        };
        name.map(known).transpose()
    }
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
