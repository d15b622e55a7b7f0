//! `profiles`: where and how often profiles are written.

use std::path::Path;

use super::{
    keys::{self, Fallback},
    section::Section,
};
use crate::{profiles::StoreOptions, units::ByteSize};

/// Reads the section; `None` where no profile is to be written.
pub(super) fn profiles(top: &Section<'_>, base: &Path) -> Option<StoreOptions> {
    let section = top.section("profiles");
    let every = section.duration("every");
    let keep = section.number("keep");
    let max_bytes = section.bytes("max_bytes").unwrap_or_else(max_bytes);
    let directory = section.text("directory");
    if section.line().is_some() && !section.has("directory") {
        let remedy = "write where profiles are to be kept, or remove the section";
        section.mistake("directory", "is missing", remedy);
    }
    let directory = directory?;
    if directory.is_empty() {
        section.mistake("directory", "is empty", "write the path of a directory");
    }
    Some(StoreOptions {
        directory: base.join(directory),
        every,
        keep,
        max_bytes,
    })
}

fn max_bytes() -> ByteSize {
    let key = keys::find("profiles.max_bytes");
    key.and_then(|key| match key.default {
        Fallback::Value(text) => ByteSize::parse(text),
        _ => None,
    })
    .unwrap_or(ByteSize(0))
}
