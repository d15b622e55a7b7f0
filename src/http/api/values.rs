//! Values that several documents share.

use std::{borrow::Cow, time::SystemTime};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use crate::{coarse_clock::CoarseInstant, http::timestamp, units::AudioFormat};

/// The shape of decoded audio.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "AudioFormat")]
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

/// A moment: RFC 3339 in UTC with milliseconds, null beyond the year 9999.
#[derive(Clone, Copy)]
pub(super) struct Moment(pub(super) SystemTime);

impl From<CoarseInstant> for Moment {
    fn from(moment: CoarseInstant) -> Self {
        Self(moment.wall())
    }
}

impl JsonSchema for Moment {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        timestamp::millis(self.0).serialize(serializer)
    }
}
