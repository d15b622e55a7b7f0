//! Moments as text: RFC 3339, and seconds since 1970.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// Reads `2026-05-01T04:30:00Z`, with a fraction and an offset if need be (RFC 3339 §5.6),
/// or seconds since 1970 such as `1777609800.5`. A space for the `+` of an offset passes:
/// it is what an unescaped `+` becomes in a query.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    if let Some((date, time)) = text.split_once(['T', 't']) {
        let timestamp: Timestamp = format!("{date}T{}", time.replace(' ', "+")).parse().ok()?;
        return Some(timestamp.into());
    }
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let seconds = is_number.then(|| text.parse().ok())??;
    UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

/// RFC 3339 in UTC, with microseconds; `None` beyond the year 9999.
pub(super) fn format(moment: SystemTime) -> Option<String> {
    let timestamp = Timestamp::try_from(moment).ok()?;
    Some(format!("{timestamp:.6}"))
}

/// The same with milliseconds.
pub(super) fn millis(moment: SystemTime) -> Option<String> {
    let timestamp = Timestamp::try_from(moment).ok()?;
    Some(format!("{timestamp:.3}"))
}

/// The same without punctuation and fraction, for the name of a file (ISO 8601, basic).
pub(super) fn compact(moment: SystemTime) -> Option<String> {
    let timestamp = Timestamp::try_from(moment).ok()?;
    Some(timestamp.strftime("%Y%m%dT%H%M%SZ").to_string())
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
            ("1970-01-01t00:20:00z", 1_200, 0),
            ("2024-02-29T00:00:00 02:00", 1_709_157_600, 0),
            ("2000-03-01T00:00:00.123456789Z", 951_868_800, 123_456_789),
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
            "2026-05-01T04:30:00",
            "2026-13-01T00:00:00Z",
            "2025-02-29T00:00:00Z",
            "2026-05-01T25:00:00Z",
            "२०२६-05-01T00:00:00Z",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn moments_are_written_as_date_and_time() {
        let written = format(at(951_782_400, 5_999)).unwrap();
        assert_eq!(written, "2000-02-29T00:00:00.000005Z");
        assert_eq!(
            millis(at(1_709_164_799, 999_000_000)).unwrap(),
            "2024-02-28T23:59:59.999Z"
        );
        assert_eq!(compact(at(1_709_251_199, 0)).unwrap(), "20240229T235959Z");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(seconds in 0..253_402_200_000u64, micros in 0..1_000_000u32) {
            let moment = at(seconds, micros * 1_000);
            prop_assert_eq!(parse(&format(moment).unwrap()), Some(moment));
        }

        #[test]
        fn no_text_breaks_it(text in "\\PC{0,40}") {
            let _any = parse(&text);
        }
    }
}
