//! Moments as text: RFC 3339, and seconds since 1970.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: i64 = 86_400;

/// Reads `2026-05-01T04:30:00Z`, with a fraction and an offset if need be (RFC 3339 §5.6),
/// or seconds since 1970 such as `1777609800.5`. A space for the `+` of an offset passes:
/// it is what an unescaped `+` becomes in a query.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    if text.is_ascii() && text.contains(['T', 't']) {
        return rfc3339(text);
    }
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let seconds = is_number.then(|| text.parse().ok())??;
    UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

fn rfc3339(text: &str) -> Option<SystemTime> {
    let (date, time) = text.split_once(['T', 't'])?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) {
        return None;
    }
    let zone = time.find(['Z', 'z', '+', '-', ' '])?;
    let (clock, zone) = time.split_at(zone);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    // A leap second is the one after.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let digits = !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
    let nanos = digits.then(|| format!("{fraction:0<9}")[..9].parse().ok())??;
    let offset = match zone.split_at(1) {
        ("Z" | "z", "") => 0,
        (sign, offset) => {
            let [hours, minutes] = numbers(offset, ':', [2, 2])?;
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if sign == "-" { -60 } else { 60 }
        }
    };
    let seconds = days_since_1970(year, month, day) * DAY + hour * 3_600 + minute * 60 + second;
    let since = u64::try_from(seconds - offset).ok()?;
    UNIX_EPOCH.checked_add(Duration::new(since, nanos))
}

/// Numbers of just so many digits.
fn numbers<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[i64; N]> {
    let mut numbers = [0; N];
    let mut parts = text.split(separator);
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts.next()?;
        let sound = part.len() == width && part.bytes().all(|b| b.is_ascii_digit());
        *number = sound.then(|| part.parse().ok())??;
    }
    parts.next().is_none().then_some(numbers)
}

/// In the Gregorian calendar, with years that begin in March so that a leap day comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month < 3 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let days_of_years = 365 * year + year / 4 - year / 100 + year / 400;
    days_of_years + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// The date and time of a moment in UTC.
struct Civil {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
    micros: u32,
}

impl Civil {
    /// A moment before 1970 is taken for the first one.
    fn of(moment: SystemTime) -> Self {
        let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (days, second) = (since.as_secs() / DAY as u64, since.as_secs() % DAY as u64);
        // Days since the first of March of the year 0, and within 400 years.
        let days = days + 719_468;
        let (era, days) = (days / 146_097, days % 146_097);
        let year = (days - days / 1_460 + days / 36_524 - days / 146_096) / 365;
        let days = days - (365 * year + year / 4 - year / 100);
        let month = (5 * days + 2) / 153;
        let (month, next_year) = if month < 10 {
            (month + 3, 0)
        } else {
            (month - 9, 1)
        };
        Self {
            year: era * 400 + year + next_year,
            month,
            day: days - (153 * ((month + 9) % 12) + 2) / 5 + 1,
            hour: second / 3_600,
            minute: second / 60 % 60,
            second: second % 60,
            micros: since.subsec_micros(),
        }
    }
}

/// RFC 3339 in UTC, with microseconds.
pub(super) fn format(moment: SystemTime) -> String {
    let Civil {
        year,
        month,
        day,
        hour,
        minute,
        second,
        micros,
    } = Civil::of(moment);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// The same without punctuation and fraction, for the name of a file (ISO 8601, basic).
pub(super) fn compact(moment: SystemTime) -> String {
    let Civil {
        year,
        month,
        day,
        hour,
        minute,
        second,
        ..
    } = Civil::of(moment);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64, nanos: u32) -> SystemTime {
        UNIX_EPOCH + Duration::new(seconds, nanos)
    }

    #[test]
    fn moments_are_read_as_the_rfc_writes_them() {
        for (text, seconds, nanos) in [
            // The examples of RFC 3339 §5.8.
            ("1985-04-12T23:20:50.52Z", 482_196_050, 520_000_000),
            ("1996-12-19T16:39:57-08:00", 851_042_397, 0),
            ("1990-12-31T23:59:60Z", 662_688_000, 0),
            ("1990-12-31T15:59:60-08:00", 662_688_000, 0),
            ("1970-01-01t00:20:00z", 1_200, 0),
            ("2024-02-29T00:00:00 02:00", 1_709_157_600, 0),
            ("2000-03-01T00:00:00.1234567899Z", 951_868_800, 123_456_789),
            ("1777609800", 1_777_609_800, 0),
            ("1777609800.25", 1_777_609_800, 250_000_000),
        ] {
            assert_eq!(parse(text), Some(at(seconds, nanos)), "{text}");
        }
        for bad in [
            "",
            "now",
            "-5",
            "1e9",
            ".",
            "NaN",
            "99999999999999999999999",
            "2026-05-01",
            "2026-05-01T04:30Z",
            "2026-05-01T04:30:00",
            "2026-13-01T00:00:00Z",
            "2025-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-05-00T00:00:00Z",
            "2026-05-01T24:00:00Z",
            "2026-05-01T00:60:00Z",
            "2026-05-01T00:00:61Z",
            "2026-05-01T00:00:00.Z",
            "2026-05-01T00:00:00+1",
            "2026-05-01T00:00:00+24:00",
            "26-05-01T00:00:00Z",
            "2026-5-01T00:00:00Z",
            "2026-05-01T00:00:00ZZ",
            "1969-12-31T23:59:59Z",
            "२०२६-05-01T00:00:00Z",
            "2026-05-01T+1:00:00Z",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn moments_are_written_as_date_and_time() {
        assert_eq!(
            format(at(951_782_400, 5_999)),
            "2000-02-29T00:00:00.000005Z"
        );
        assert_eq!(format(at(0, 0)), "1970-01-01T00:00:00.000000Z");
        assert_eq!(compact(at(1_709_251_199, 0)), "20240229T235959Z");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(seconds in 0..253_402_300_800u64, micros in 0..1_000_000u32) {
            let moment = at(seconds, micros * 1_000);
            prop_assert_eq!(parse(&format(moment)), Some(moment));
        }

        #[test]
        fn no_text_breaks_it(text in "\\PC{0,40}") {
            let _any = parse(&text);
        }
    }
}
