//! `history`: where the past is kept, for how long and how much of it.

use std::path::Path;

use super::section::Section;
use crate::history::{HistoryOptions, Retain};

/// Reads the section; `None` where none is to be kept.
pub(super) fn history(top: &Section<'_>, base: &Path) -> Option<HistoryOptions> {
    let section = top.section("history");
    let retain = section.section("retain");
    let retain = Retain {
        samples: retain.duration("samples"),
        consumers: retain.duration("consumers"),
        alarms: retain.duration("alarms"),
        operations: retain.duration("operations"),
    };
    let max_size = section.size("max_size");
    let path = section.text("path");
    if section.line().is_some() && !section.has("path") {
        let remedy = "write the file in which history is to be kept, or remove the section";
        section.mistake("path", "is missing", remedy);
    }
    let path = path?;
    if path.is_empty() || path.ends_with('/') {
        section.mistake("path", "is not a file's", "write the path of a file");
    }
    Some(HistoryOptions {
        path: base.join(path),
        retain,
        max_size,
    })
}
