//! One value of a record.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// One value of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Not known.
    Null,
    /// A whole number.
    Integer(i64),
    /// Any other number; finite.
    Real(f64),
    /// A text, free of secrets.
    Text(String),
    /// A moment by the wall clock.
    Time(SystemTime),
}

/// Milliseconds since 1970, as moments lie in the file; negative before.
pub(super) fn millis(at: SystemTime) -> i64 {
    let whole = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    match at.duration_since(UNIX_EPOCH) {
        Ok(since) => whole(since),
        Err(before) => -whole(before.duration()),
    }
}

/// The moment of so many milliseconds since 1970; the nearest that there is.
pub(super) fn moment(millis: i64) -> SystemTime {
    let distance = Duration::from_millis(millis.unsigned_abs());
    let found = if millis < 0 {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    };
    found.unwrap_or(UNIX_EPOCH)
}
