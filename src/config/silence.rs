//! When a source counts as silent.

use super::{mistake::shown, section::Section};
use crate::{
    quiet_hours::{HourRange, QuietHours},
    sources::SilenceOptions,
};

/// Reads `silence`; the defaults hold for what is wrong.
pub(super) fn silence(section: &Section<'_>) -> SilenceOptions {
    SilenceOptions {
        below: section.level("below_dbfs"),
        after: section.duration("after"),
        quiet_hours: quiet_hours(section),
    }
}

/// Reads the `quiet_hours` and `timezone` of a section; none for what is wrong.
pub(super) fn quiet_hours(section: &Section<'_>) -> QuietHours {
    let mut ranges = Vec::new();
    for text in section.texts("quiet_hours") {
        match text.parse::<HourRange>() {
            Ok(range) => ranges.push(range),
            Err(error) => {
                let problem = format!("{} is no range of hours", shown(text));
                section.mistake("quiet_hours", problem, error.to_string());
            }
        }
    }
    if section.has("timezone") && !section.has("quiet_hours") {
        let remedy = "add `quiet_hours` or remove the key";
        section.mistake("timezone", "means nothing without quiet_hours", remedy);
    }
    let zone = section.text("timezone").unwrap_or("UTC");
    QuietHours::new(ranges, zone).unwrap_or_else(|error| {
        let problem = format!("{} is not a time zone", shown(zone));
        section.mistake("timezone", problem, error.to_string());
        QuietHours::default()
    })
}
