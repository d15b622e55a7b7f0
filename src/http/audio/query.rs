//! What a query asks for.

use std::time::{Duration, Instant, SystemTime};

use super::moment::Moment;
use crate::{
    clip::Wanted,
    http::{
        parameters::{self, Parameter, Shape},
        problem::Problem,
        timestamp,
    },
};

/// How long a range may be: far longer than any buffer.
const LONGEST: Duration = Duration::from_secs(86_400);

const LAST: Parameter = Parameter::new(
    "last",
    Shape::Length(Duration::from_nanos(1), LONGEST),
    "The newest audio, so much of it; instead of a range.",
);
const FROM: Parameter = Parameter::new("from", Shape::Time, "The beginning of a range.");
const TO: Parameter = Parameter::new(
    "to",
    Shape::Time,
    "Its end; without it the range goes on to the newest audio.",
);
/// What may be asked.
pub(in crate::http) const PARAMETERS: [Parameter; 3] = [LAST, FROM, TO];

/// What `last`, or `from` and perhaps `to`, ask for.
pub(super) fn wanted(query: &str, now: &Moment) -> Result<Wanted, Problem> {
    let asked = parameters::read(query, &PARAMETERS)?;
    match (asked.length(&LAST), asked.time(&FROM), asked.time(&TO)) {
        (Some(last), None, None) => Ok(Wanted::Last(last)),
        (None, Some(from), to) => between(from, to, now).map_err(|detail| asked.wrong(detail)),
        (None, None, Some(_)) => Err(asked.wrong("There is `to` without `from`.")),
        (None, None, None) => Err(asked.wrong("The query does not say which audio.")),
        (Some(_), ..) => Err(asked.wrong("There is `last` beside `from` or `to`.")),
    }
}

fn between(from: SystemTime, to: Option<SystemTime>, now: &Moment) -> Result<Wanted, String> {
    let (from, since_from) = past("from", from, now)?;
    let to = to.map(|to| past("to", to, now)).transpose()?;
    let until = to.map_or(Duration::ZERO, |(_, ago)| ago);
    let length = since_from.checked_sub(until).unwrap_or_default();
    if length.is_zero() {
        return Err("`to` is not after `from`.".to_owned());
    }
    if length > LONGEST {
        return Err("The range is longer than a day; no buffer holds that.".to_owned());
    }
    Ok(Wanted::Between {
        from,
        to: to.map(|(to, _)| to),
    })
}

fn past(name: &str, time: SystemTime, now: &Moment) -> Result<(Instant, Duration), String> {
    now.past(time).ok_or_else(|| {
        let here = timestamp::format(now.wall).unwrap_or_default();
        format!("`{name}` lies in the future: here it is {here}.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(query: &str) -> Option<Wanted> {
        let now = Moment {
            wall: timestamp::parse("2026-05-01T04:30:00Z").unwrap(),
            monotonic: Instant::now() + LONGEST * 3,
        };
        wanted(query, &now).ok()
    }

    #[test]
    fn the_newest_and_ranges_are_understood() {
        let ten = Duration::from_secs(10);
        assert_eq!(ask("last=10s"), Some(Wanted::Last(ten)));
        for query in [
            "from=2026-05-01T04:29:50Z&to=2026-05-01T04:30:00Z",
            "to=2026-05-01T04:30:00Z&from=2026-05-01T06:29:50%2B02:00",
            "from=2026-05-01T06:29:50+02:00&to=1777609800",
        ] {
            let Some(Wanted::Between { from, to: Some(to) }) = ask(query) else {
                panic!("{query}");
            };
            assert_eq!(to - from, ten, "{query}");
        }
        let Some(Wanted::Between { to: None, .. }) = ask("from=2026-05-01T04:29:50Z") else {
            panic!("an open end");
        };
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in [
            "",
            "last=",
            "last=10",
            "last=-1s",
            "last=0s",
            "last=2d",
            "last=1s&last=1s",
            "last=soon",
            "last=1s&from=2026-05-01T04:29:50Z",
            "first=1s",
            "to=2026-05-01T04:29:50Z",
            // In the future, reversed, empty, longer than a day.
            "from=2026-05-01T04:30:01Z",
            "from=2026-05-01T04:29:50Z&to=2026-05-01T04:30:01Z",
            "from=2026-05-01T04:29:50Z&to=2026-05-01T04:29:49Z",
            "from=2026-05-01T04:29:50Z&to=2026-05-01T04:29:50Z",
            "from=2026-04-01T04:29:50Z",
            "from=0&to=1777609800",
            "from=99999999999999999999",
            "last=99999999999999999999d",
            "last=NaNs",
            "from=NaN",
        ] {
            assert_eq!(ask(bad), None, "{bad}");
        }
    }
}
