//! What a query asks for.

use std::time::{Duration, Instant};

use hyper::StatusCode;

use super::moment::Moment;
use crate::{
    clip::Wanted,
    http::{problem::Problem, timestamp},
    units::parse_duration,
};

/// How long a range may be: far longer than any buffer.
const LONGEST: Duration = Duration::from_secs(86_400);

const EXAMPLES: &str = "Ask for ?last=10s, or for ?from=2026-05-01T04:30:00Z with or without \
                        &to=2026-05-01T04:30:10Z; seconds since 1970 will do as well.";

/// What `last`, or `from` and perhaps `to`, ask for.
pub(super) fn wanted(query: &str, now: &Moment) -> Result<Wanted, Problem> {
    let (mut last, mut from, mut to) = (None, None, None);
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let place = match key.as_ref() {
            "last" => &mut last,
            "from" => &mut from,
            "to" => &mut to,
            _ => {
                return Err(wrong(
                    "There is a parameter beside `last`, `from` and `to`.",
                ));
            }
        };
        if place.replace(value).is_some() {
            return Err(wrong("A parameter is there twice."));
        }
    }
    match (last, from, to) {
        (Some(last), None, None) => newest(&last),
        (None, Some(from), to) => between(&from, to.as_deref(), now),
        (None, None, Some(_)) => Err(wrong("There is `to` without `from`.")),
        (None, None, None) => Err(wrong("The query does not say which audio.")),
        (Some(_), ..) => Err(wrong("There is `last` beside `from` or `to`.")),
    }
}

fn newest(text: &str) -> Result<Wanted, Problem> {
    let length = parse_duration(text)
        .ok_or_else(|| wrong("`last` is not a duration with a unit, such as 10s or 1m30s."))?;
    if length.is_zero() {
        return Err(wrong("`last` is zero."));
    }
    not_too_long(length)?;
    Ok(Wanted::Last(length))
}

fn between(from: &str, to: Option<&str>, now: &Moment) -> Result<Wanted, Problem> {
    let (from, since_from) = past("from", from, now)?;
    let to = to.map(|to| past("to", to, now)).transpose()?;
    let until = to.map_or(Duration::ZERO, |(_, ago)| ago);
    match since_from.checked_sub(until) {
        Some(length) if !length.is_zero() => not_too_long(length)?,
        _ => return Err(wrong("`to` is not after `from`.")),
    }
    Ok(Wanted::Between {
        from,
        to: to.map(|(to, _)| to),
    })
}

fn past(name: &str, text: &str, now: &Moment) -> Result<(Instant, Duration), Problem> {
    let time = timestamp::parse(text)
        .ok_or_else(|| wrong(&format!("`{name}` is not a time that can be read.")))?;
    now.past(time).ok_or_else(|| {
        let here = timestamp::format(now.wall).unwrap_or_default();
        wrong(&format!("`{name}` lies in the future: here it is {here}."))
    })
}

fn not_too_long(length: Duration) -> Result<(), Problem> {
    if length > LONGEST {
        return Err(wrong(
            "The range is longer than a day; no buffer holds that.",
        ));
    }
    Ok(())
}

fn wrong(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail, EXAMPLES)
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
