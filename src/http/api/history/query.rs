//! What a query asks of the past.

use std::time::Duration;

use hyper::http::request::Parts;

use crate::{
    history::{Kind, MOST_ROWS, Query, Shape as Cut},
    http::{
        parameters::{self, Parameter, Shape},
        problem::Problem,
        resource::Extent,
    },
};

/// Rows in an answer unless the client asks for another number.
const ROWS: usize = 500;

const FROM: Parameter = Parameter::new("from", Shape::Time, "The beginning, part of the range.");
const TO: Parameter = Parameter::new("to", Shape::Time, "The end, which is not part of it.");
const STEP: Parameter = Parameter::new(
    "step",
    Shape::Length(Duration::from_secs(1), Duration::MAX),
    "Instead of pages: one row for each step of so long and subject.",
);
const LIMIT: Parameter = Parameter::new(
    "limit",
    Shape::Number(1, MOST_ROWS as u64),
    "Rows in a page; 500 unless given.",
);
const CURSOR: Parameter = Parameter::new(
    "cursor",
    Shape::Cursor,
    "The `next` of the page before; keep the other parameters.",
);
const FORMAT: Parameter = Parameter::new(
    "format",
    Shape::Word(&["json", "csv"]),
    "JSON or CSV; without it `Accept` decides.",
);

const fn with(subject: Parameter) -> [Parameter; 7] {
    [subject, FROM, TO, STEP, LIMIT, CURSOR, FORMAT]
}

const fn with_all(subject: Parameter) -> [Parameter; 4] {
    [subject, FROM, TO, FORMAT]
}

/// What may be asked of the records of a kind: the subject under its name comes first. An export
/// is neither cut into pages nor into steps.
pub(in crate::http) fn parameters(kind: Kind, extent: Extent) -> &'static [Parameter] {
    const ONLY: &str = "Only what is about this one.";
    const SOURCE: Parameter = Parameter::new("source", Shape::Name, ONLY);
    const PROCESS: Parameter = Parameter::new("process", Shape::Name, ONLY);
    const CONSUMER: Parameter = Parameter::new("consumer", Shape::Text, ONLY);
    const SUBJECT: Parameter = Parameter::new("subject", Shape::Text, ONLY);
    const OPERATION: Parameter = Parameter::new("operation", Shape::Text, ONLY);
    match (extent, kind) {
        (Extent::Part, Kind::Sources | Kind::Allocations) => const { &with(SOURCE) },
        (Extent::Part, Kind::Memory | Kind::Verdicts) => const { &with(PROCESS) },
        (Extent::Part, Kind::Consumers) => const { &with(CONSUMER) },
        (Extent::Part, Kind::Alarms) => const { &with(SUBJECT) },
        (Extent::Part, Kind::Operations) => const { &with(OPERATION) },
        (Extent::All, Kind::Sources | Kind::Allocations) => const { &with_all(SOURCE) },
        (Extent::All, Kind::Memory | Kind::Verdicts) => const { &with_all(PROCESS) },
        (Extent::All, Kind::Consumers) => const { &with_all(CONSUMER) },
        (Extent::All, Kind::Alarms) => const { &with_all(SUBJECT) },
        (Extent::All, Kind::Operations) => const { &with_all(OPERATION) },
    }
}

/// What is asked, and in which format.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::http::api) struct Asked {
    pub(in crate::http::api) query: Query,
    pub(in crate::http::api) csv: Option<bool>,
}

impl Asked {
    /// Reads the query of a request.
    pub(in crate::http::api) fn of(
        kind: Kind,
        extent: Extent,
        head: &Parts,
    ) -> Result<Self, Problem> {
        Self::parse(kind, extent, head.uri.query().unwrap_or_default())
    }

    fn parse(kind: Kind, extent: Extent, query: &str) -> Result<Self, Problem> {
        let known = parameters(kind, extent);
        let asked = parameters::read(query, known)?;
        let (from, to) = (asked.time(&FROM), asked.time(&TO));
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            return Err(asked.wrong("`to` is not after `from`."));
        }
        let limit = asked.number(&LIMIT).map(|limit| limit as usize);
        let shape = match (asked.length(&STEP), limit, asked.cursor(&CURSOR)) {
            (None, limit, cursor) => Cut::Page(limit.unwrap_or(ROWS), cursor),
            (Some(step), None, None) => Cut::Steps(step),
            (Some(_), ..) => {
                return Err(asked.wrong("There is `step` beside `limit` or `cursor`."));
            }
        };
        let subject = known.first().and_then(|subject| asked.text(subject));
        let query = Query {
            kind,
            subject: subject.map(str::to_owned),
            from,
            to,
            shape,
        };
        let csv = asked.text(&FORMAT).map(|format| format == "csv");
        Ok(Self { query, csv })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_comes_first_under_the_name_that_its_column_has() {
        for kind in Kind::ALL {
            for extent in [Extent::Part, Extent::All] {
                assert_eq!(parameters(*kind, extent)[0].name, kind.subject());
            }
        }
    }

    #[test]
    fn only_what_makes_sense_is_understood() {
        let ask = |query| Asked::parse(Kind::Sources, Extent::Part, query);
        let whole = ask("").unwrap();
        assert_eq!(whole.query.shape, Cut::Page(ROWS, None));
        assert_eq!((whole.query.subject, whole.csv), (None, None));
        let asked =
            ask("source=cam%3A1&from=2026-05-01T00:00:00Z&to=1777680000&step=5m&format=csv");
        let asked = asked.unwrap();
        assert_eq!(asked.query.subject.as_deref(), Some("cam:1"));
        assert_eq!(asked.query.shape, Cut::Steps(Duration::from_secs(300)));
        assert_eq!(asked.csv, Some(true));
        assert!(asked.query.from < asked.query.to);
        assert!(ask("cursor=1f-2a&limit=5000").is_ok());
        assert!(Asked::parse(Kind::Memory, Extent::Part, "process=self").is_ok());
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
        let export = |query| Asked::parse(Kind::Sources, Extent::All, query);
        assert!(export("source=a&from=1&to=2&format=csv").is_ok());
        for cut in ["limit=5", "cursor=1-2", "step=1m"] {
            assert!(export(cut).is_err(), "{cut}");
        }
    }
}
