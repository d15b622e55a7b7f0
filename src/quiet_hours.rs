//! Hours of the day in which something is not expected, on the clocks of one place.

use std::{str::FromStr, time::SystemTime};

use jiff::{Timestamp, tz::TimeZone};

const MINUTES_OF_A_DAY: u16 = 24 * 60;

/// Times of day in a time zone. By what clocks on the wall show: an hour that a change of
/// clocks leaves out never comes, one that it repeats comes twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuietHours {
    ranges: Vec<HourRange>,
    zone: TimeZone,
}

/// A time of day from one minute up to another; over midnight when the end is the smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourRange {
    /// Minutes after midnight, below 1,440.
    from: u16,
    /// Minutes after midnight, at most 1,440; not part of the range.
    to: u16,
}

/// A text that is no [`HourRange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHours {
    /// Not two times of day.
    #[error("write it as 22:00-05:00, from 00:00 to 24:00")]
    NotARange,
    /// It begins where it ends.
    #[error("it begins where it ends; all day is 00:00-24:00")]
    Empty,
}

/// A name that no time zone has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a name of the IANA database such as Europe/Helsinki, or UTC")]
pub struct UnknownZone;

impl Default for QuietHours {
    /// None.
    fn default() -> Self {
        Self {
            ranges: Vec::new(),
            zone: TimeZone::UTC,
        }
    }
}

impl QuietHours {
    /// These times of day in the zone of an IANA name. The system's database answers first,
    /// which may be newer than the one built in.
    ///
    /// # Errors
    /// [`UnknownZone`].
    pub fn new(ranges: Vec<HourRange>, zone: &str) -> Result<Self, UnknownZone> {
        let zone = TimeZone::get(zone).map_err(|_| UnknownZone)?;
        Ok(Self { ranges, zone })
    }

    /// Whether `now` lies within one of them.
    pub fn contain(&self, now: SystemTime) -> bool {
        if self.ranges.is_empty() {
            return false;
        }
        // A clock beyond the year 9999 is wrong; nothing is excused by it.
        let Ok(now) = Timestamp::try_from(now) else {
            return false;
        };
        let local = self.zone.to_datetime(now);
        let minute =
            u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        self.ranges.iter().any(|range| range.contains(minute))
    }
}

impl HourRange {
    fn contains(self, minute: u16) -> bool {
        let Self { from, to } = self;
        if from < to {
            (from..to).contains(&minute)
        } else {
            minute >= from || minute < to
        }
    }
}

impl FromStr for HourRange {
    type Err = InvalidHours;

    fn from_str(text: &str) -> Result<Self, InvalidHours> {
        let (from, to) = text.split_once('-').ok_or(InvalidHours::NotARange)?;
        let (from, to) = (minute_of_day(from.trim())?, minute_of_day(to.trim())?);
        if from == MINUTES_OF_A_DAY {
            return Err(InvalidHours::NotARange);
        }
        if from == to {
            return Err(InvalidHours::Empty);
        }
        Ok(Self { from, to })
    }
}

/// `HH:MM`, two digits each.
fn minute_of_day(text: &str) -> Result<u16, InvalidHours> {
    let two = |digits: &str| {
        let right = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
        right.then(|| digits.parse::<u16>().ok()).flatten()
    };
    let (hour, minute) = text.split_once(':').ok_or(InvalidHours::NotARange)?;
    match (two(hour), two(minute)) {
        (Some(hour), Some(minute)) if minute < 60 && hour * 60 + minute <= MINUTES_OF_A_DAY => {
            Ok(hour * 60 + minute)
        }
        _ => Err(InvalidHours::NotARange),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(ranges: &[&str], zone: &str) -> QuietHours {
        let ranges = ranges.iter().map(|text| text.parse().unwrap()).collect();
        QuietHours::new(ranges, zone).unwrap()
    }

    #[track_caller]
    fn at(hours: &QuietHours, time: &str) -> bool {
        hours.contain(time.parse::<Timestamp>().unwrap().into())
    }

    #[test]
    fn a_range_over_midnight_holds_on_both_sides_of_it() {
        let night = hours(&["22:00-05:00"], "Europe/Helsinki");
        // In winter Helsinki is two hours ahead of UTC.
        for (time, quiet) in [
            ("2026-01-10T19:59:59Z", false),
            ("2026-01-10T20:00:00Z", true),
            ("2026-01-10T22:00:00Z", true),
            ("2026-01-11T02:59:59Z", true),
            ("2026-01-11T03:00:00Z", false),
        ] {
            assert_eq!(at(&night, time), quiet, "{time}");
        }
    }

    #[test]
    fn several_ranges_are_joined_and_none_is_never() {
        let two = hours(&["00:00-06:00", "12:30-13:00"], "UTC");
        for (time, quiet) in [
            ("2026-06-01T00:00:00Z", true),
            ("2026-06-01T06:00:00Z", false),
            ("2026-06-01T12:29:59Z", false),
            ("2026-06-01T12:59:59Z", true),
            ("2026-06-01T13:00:00Z", false),
        ] {
            assert_eq!(at(&two, time), quiet, "{time}");
        }
        let all_day = hours(&["00:00-24:00"], "UTC");
        for time in ["2026-06-01T00:00:00Z", "2026-06-01T23:59:59Z"] {
            assert!(at(&all_day, time));
            assert!(!at(&QuietHours::default(), time));
        }
    }

    #[test]
    fn the_clock_on_the_wall_counts_when_clocks_change() {
        // Europe/Helsinki: on 29 March 2026 03:00 became 04:00, on 25 October 04:00 became 03:00.
        let left_out = hours(&["03:00-04:00"], "Europe/Helsinki");
        for (time, quiet) in [
            ("2026-03-29T00:59:59Z", false),
            ("2026-03-29T01:00:00Z", false),
            ("2026-10-24T23:59:59Z", false),
            ("2026-10-25T00:30:00Z", true),
            ("2026-10-25T01:30:00Z", true),
            ("2026-10-25T02:00:00Z", false),
        ] {
            assert_eq!(at(&left_out, time), quiet, "{time}");
        }
        // The same hour of the morning, an hour earlier in UTC once summer time has begun.
        let morning = hours(&["05:00-06:00"], "Europe/Helsinki");
        assert!(at(&morning, "2026-03-28T03:30:00Z") && at(&morning, "2026-03-29T02:30:00Z"));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            "",
            "22:00",
            "22-05",
            "22:00-25:00",
            "22:60-23:00",
            "24:00-05:00",
            "2:00-5:00",
            "22:00-24:01",
            "+2:00-05:00",
            "22:00-05:00-06:00",
        ] {
            assert_eq!(
                text.parse::<HourRange>(),
                Err(InvalidHours::NotARange),
                "{text}"
            );
        }
        assert_eq!("05:00-05:00".parse::<HourRange>(), Err(InvalidHours::Empty));
        assert_eq!(
            QuietHours::new(Vec::new(), "Mars/Olympus"),
            Err(UnknownZone)
        );
    }
}
