//! What a query asks of the past.

use std::time::Duration;

use hyper::StatusCode;

use crate::{
    history::{Cursor, Kind, MOST_ROWS, Query, Shape},
    http::{problem::Problem, timestamp},
    units::parse_duration,
};

/// Rows in an answer unless the client asks for another number.
const ROWS: usize = 500;
/// The shortest step.
const SHORTEST: Duration = Duration::from_secs(1);

/// What is asked, and in which format.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::http::api) struct Asked {
    pub(in crate::http::api) query: Query,
    pub(in crate::http::api) csv: Option<bool>,
}

impl Asked {
    /// Reads the parameters: the subject under its name, `from`, `to`, `step`, or `limit` and
    /// `cursor`, and `format`.
    pub(in crate::http::api) fn parse(kind: Kind, query: &str) -> Result<Self, Problem> {
        let subject_key = kind.subject();
        let wrong = |detail: &str| {
            let remedy = format!(
                "Ask for example for /api/v1/history/{kind}?{subject_key}=NAME&from=2026-05-01T00:00:00Z\
                 &to=2026-05-02T00:00:00Z with &limit=500, or with &step=5m, each at most once."
            );
            Problem::new(StatusCode::BAD_REQUEST, detail, remedy)
        };
        let (mut subject, mut from, mut to) = (None, None, None);
        let (mut step, mut limit, mut cursor, mut csv) = (None, None, None, None);
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let time = |name: &str| {
                timestamp::parse(&value)
                    .ok_or_else(|| wrong(&format!("`{name}` is not a time that can be read.")))
            };
            let again = match key.as_ref() {
                "from" => from.replace(time("from")?).is_some(),
                "to" => to.replace(time("to")?).is_some(),
                "step" => {
                    let length = parse_duration(&value).filter(|step| *step >= SHORTEST);
                    let length = length.ok_or_else(|| {
                        wrong("`step` is not a duration of 1s or more, such as 5m.")
                    })?;
                    step.replace(length).is_some()
                }
                "limit" => {
                    let rows = value.parse().ok().filter(|n| (1..=MOST_ROWS).contains(n));
                    let rows = rows.ok_or_else(|| {
                        wrong(&format!("`limit` is not a number from 1 to {MOST_ROWS}."))
                    })?;
                    limit.replace(rows).is_some()
                }
                "cursor" => {
                    let place = value.parse::<Cursor>();
                    let place = place
                        .map_err(|()| wrong("`cursor` is not the `next` of an answer before."))?;
                    cursor.replace(place).is_some()
                }
                "format" => {
                    let wanted = match value.as_ref() {
                        "csv" => true,
                        "json" => false,
                        _ => return Err(wrong("`format` is neither json nor csv.")),
                    };
                    csv.replace(wanted).is_some()
                }
                key if key == subject_key => subject.replace(value.into_owned()).is_some(),
                _ => return Err(wrong("There is a parameter that is not known here.")),
            };
            if again {
                return Err(wrong("A parameter is there twice."));
            }
        }
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            return Err(wrong("`to` is not after `from`."));
        }
        let shape = match (step, limit, cursor) {
            (None, limit, cursor) => Shape::Page(limit.unwrap_or(ROWS), cursor),
            (Some(step), None, None) => Shape::Steps(step),
            (Some(_), ..) => return Err(wrong("There is `step` beside `limit` or `cursor`.")),
        };
        let query = Query {
            kind,
            subject,
            from,
            to,
            shape,
        };
        Ok(Self { query, csv })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_makes_sense_is_understood() {
        let ask = |query| Asked::parse(Kind::Sources, query);
        let whole = ask("").unwrap();
        assert_eq!(whole.query.shape, Shape::Page(ROWS, None));
        assert_eq!((whole.query.subject, whole.csv), (None, None));
        let asked =
            ask("source=cam%3A1&from=2026-05-01T00:00:00Z&to=1777680000&step=5m&format=csv");
        let asked = asked.unwrap();
        assert_eq!(asked.query.subject.as_deref(), Some("cam:1"));
        assert_eq!(asked.query.shape, Shape::Steps(Duration::from_secs(300)));
        assert_eq!(asked.csv, Some(true));
        assert!(asked.query.from < asked.query.to);
        assert!(ask("cursor=1f-2a&limit=5000").is_ok());
        assert!(Asked::parse(Kind::Memory, "process=self").is_ok());
        for bad in [
            "process=self",
            "from=yesterday",
            "from=2&to=1",
            "from=1&to=1",
            "from=1&from=1",
            "step=0s",
            "step=5",
            "step=999ms",
            "step=1m&limit=5",
            "step=1m&cursor=1-2",
            "limit=0",
            "limit=5001",
            "limit=-1",
            "cursor=",
            "cursor=1",
            "cursor=-1-2",
            "cursor=x-y",
            "cursor=1-99999999999999999",
            "format=xml",
            "sources=a",
        ] {
            assert!(ask(bad).is_err(), "{bad}");
        }
    }
}
