//! Whether silence has lasted too long. Pure.

use std::time::Duration;

/// Holds silence against what the operator allows.
#[derive(Debug, Default)]
pub struct Patience {
    /// How much of the silence was expected.
    excused: Duration,
}

impl Patience {
    /// Whether silence of so long is too long now: `allowed` or more outside quiet hours.
    /// What was silent within them (`quiet`) and before is forgiven, so that their end is no
    /// alarm.
    pub fn is_over(&mut self, silent_for: Duration, allowed: Duration, quiet: bool) -> bool {
        self.excused = if quiet {
            silent_for
        } else {
            // Shorter than what was excused: a sound came, and other silence began.
            self.excused.min(silent_for)
        };
        !quiet && silent_for.saturating_sub(self.excused) >= allowed
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::quiet_hours::QuietHours;

    /// When the alarm is raised about silence that began `from`: all such moments of the next
    /// day, to the second, which is how often it is looked at.
    fn alarms(hours: &[&str], from: &str, allowed: &str) -> Vec<Timestamp> {
        let ranges = hours.iter().map(|text| text.parse().unwrap()).collect();
        let hours = QuietHours::new(ranges, "Europe/Helsinki").unwrap();
        let from: Timestamp = from.parse().unwrap();
        let allowed = Duration::from_secs(60 * allowed.parse::<u64>().unwrap());
        let (mut patience, mut before) = (Patience::default(), false);
        let mut raised = Vec::new();
        for second in 0..86_400 {
            let silent_for = Duration::from_secs(second);
            let now = from + silent_for;
            let over = patience.is_over(silent_for, allowed, hours.contain(now.into()));
            if over && !before {
                raised.push(now);
            }
            before = over;
        }
        raised
    }

    #[test]
    fn the_end_of_quiet_hours_is_no_alarm_on_any_night_of_the_year() {
        let night = &["22:00-05:00"][..];
        for (what, hours, from, minutes, raised) in [
            (
                "none",
                &[][..],
                "2026-01-10T20:00:00Z",
                "2",
                &["2026-01-10T20:02:00Z"][..],
            ),
            // Helsinki is two hours ahead of UTC in winter.
            (
                "winter",
                night,
                "2026-01-10T20:30:00Z",
                "2",
                &["2026-01-11T03:02:00Z"],
            ),
            (
                "patient",
                night,
                "2026-01-10T20:30:00Z",
                "90",
                &["2026-01-11T04:30:00Z"],
            ),
            (
                "begun just before",
                night,
                "2026-01-10T19:59:00Z",
                "2",
                &["2026-01-11T03:02:00Z"],
            ),
            (
                "begun long before",
                night,
                "2026-01-10T19:50:00Z",
                "2",
                &["2026-01-10T19:52:00Z", "2026-01-11T03:02:00Z"],
            ),
            // The night of 29 March has an hour less, that of 25 October one more.
            (
                "spring",
                night,
                "2026-03-28T20:30:00Z",
                "2",
                &["2026-03-29T02:02:00Z"],
            ),
            (
                "autumn",
                night,
                "2026-10-24T19:30:00Z",
                "2",
                &["2026-10-25T03:02:00Z"],
            ),
            // 03:00 to 04:00 comes twice that night, from 00:00 to 02:00 UTC.
            (
                "an hour that is repeated",
                &["03:00-04:00"],
                "2026-10-24T23:30:00Z",
                "60",
                &["2026-10-25T03:00:00Z"],
            ),
            (
                "all day",
                &["00:00-24:00"],
                "2026-01-10T20:00:00Z",
                "2",
                &[],
            ),
        ] {
            let alarms = alarms(hours, from, minutes);
            assert_eq!(alarms.len(), raised.len(), "{what}: {alarms:?}");
            for (alarm, expected) in alarms.iter().zip(raised) {
                let expected: Timestamp = expected.parse().unwrap();
                let late = alarm.duration_since(expected).abs();
                assert!(late.as_secs() <= 1, "{what}: {alarms:?}");
            }
        }
    }

    #[test]
    fn a_sound_takes_the_excuse_with_it() {
        let seconds = Duration::from_secs;
        let mut patience = Patience::default();
        assert!(!patience.is_over(seconds(3_600), seconds(60), true));
        assert!(!patience.is_over(seconds(1), seconds(60), false));
        assert!(patience.is_over(seconds(61), seconds(60), false));
    }
}
