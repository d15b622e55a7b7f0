//! Tracked objects at `/metrics`.

use std::{fmt, time::Instant};

use super::Objects;
use crate::metrics::{Expose, Exposition, Family};

static COUNT: Family = Family::gauge(
    "myaudio_tracked_objects",
    "Objects of a kind that are held",
    &["object"],
);
static BYTES: Family = Family::gauge(
    "myaudio_tracked_object_bytes",
    "Bytes that the objects of a kind hold together, where known",
    &["object"],
);
static FAMILIES: [&Family; 2] = [&COUNT, &BYTES];

impl Expose for Objects {
    fn families(&self) -> &'static [&'static Family] {
        &FAMILIES
    }

    fn expose(&self, out: &mut Exposition<'_>) -> fmt::Result {
        let all = self.all(Instant::now());
        out.family(&COUNT, |series| {
            all.iter()
                .try_for_each(|status| series.sample(&[&status.name], status.amount.count))
        })?;
        out.family(&BYTES, |series| {
            all.iter().try_for_each(|status| {
                let bytes = status.amount.bytes;
                bytes.map_or(Ok(()), |bytes| series.sample(&[&status.name], bytes))
            })
        })
    }
}
