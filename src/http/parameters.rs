//! What a query may say: each parameter is declared once, and that reads and describes it.
//!
//! Only known names are taken, each at most once, each with a value that fits. A refusal names
//! what would do.

use std::{
    borrow::Cow,
    fmt,
    time::{Duration, SystemTime},
};

use hyper::{StatusCode, http::request::Parts};
use serde_json::{Value, json};

use super::{problem::Problem, timestamp};
use crate::{history::Cursor, id::SourceId, units::parse_duration};

/// A parameter of a query, or a part of a path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// What it is for, in a sentence.
    pub(super) means: &'static str,
    /// Whether there is no answer without it.
    pub(super) needed: bool,
}

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// A whole number, from the least to the most.
    Number(u64, u64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A source's, a process's or an object's name.
    Name,
    /// Any text.
    Text,
    /// A moment: RFC 3339, or seconds since 1970.
    Time,
    /// A duration with its unit, from the shortest to the longest.
    Length(Duration, Duration),
    /// Where the next page of an answer begins.
    Cursor,
}

/// Parameters with their values, all of which fit.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    known: &'a [Parameter],
    values: Vec<(&'static str, Cow<'a, str>)>,
}

impl Parameter {
    /// One that may be left out.
    pub(super) const fn new(name: &'static str, shape: Shape, means: &'static str) -> Self {
        Self {
            name,
            shape,
            means,
            needed: false,
        }
    }

    /// The same, without which there is no answer.
    pub(super) const fn needed(self) -> Self {
        Self {
            needed: true,
            ..self
        }
    }
}

/// Reads the query of a request.
pub(super) fn of<'a>(head: &'a Parts, known: &'a [Parameter]) -> Result<Asked<'a>, Problem> {
    read(head.uri.query().unwrap_or_default(), known)
}

/// Reads a query.
pub(super) fn read<'a>(query: &'a str, known: &'a [Parameter]) -> Result<Asked<'a>, Problem> {
    let mut asked = Asked {
        known,
        values: Vec::new(),
    };
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let Some(parameter) = known.iter().find(|parameter| parameter.name == key) else {
            return Err(asked.wrong("There is a parameter that is not known here."));
        };
        let Parameter { name, shape, .. } = parameter;
        if !shape.fits(&value) {
            return Err(asked.wrong(format!("`{name}` is not {shape}.")));
        }
        if asked.text(parameter).is_some() {
            return Err(asked.wrong(format!("`{name}` is there twice.")));
        }
        asked.values.push((name, value));
    }
    let missing = |parameter: &&Parameter| parameter.needed && asked.text(parameter).is_none();
    match known.iter().find(missing) {
        Some(Parameter { name, .. }) => Err(asked.wrong(format!("`{name}` is missing."))),
        None => Ok(asked),
    }
}

impl Asked<'_> {
    pub(super) fn text(&self, parameter: &Parameter) -> Option<&str> {
        let mut values = self.values.iter();
        let (_, value) = values.find(|(name, _)| *name == parameter.name)?;
        Some(value)
    }

    pub(super) fn number(&self, parameter: &Parameter) -> Option<u64> {
        self.text(parameter)?.parse().ok()
    }

    pub(super) fn time(&self, parameter: &Parameter) -> Option<SystemTime> {
        timestamp::parse(self.text(parameter)?)
    }

    pub(super) fn length(&self, parameter: &Parameter) -> Option<Duration> {
        parse_duration(self.text(parameter)?)
    }

    pub(super) fn cursor(&self, parameter: &Parameter) -> Option<Cursor> {
        self.text(parameter)?.parse().ok()
    }

    /// That the values do not go together, or with what there is.
    pub(super) fn wrong(&self, detail: impl Into<String>) -> Problem {
        let Self { known, .. } = self;
        let all: Vec<_> = known.iter().map(Parameter::to_string).collect();
        let remedy = match all.as_slice() {
            [] => "Ask without a query: there are no parameters here.".to_owned(),
            [only] => format!("The only parameter is {only}, once."),
            [others @ .., last] => format!(
                "The parameters are {} and {last}, each at most once.",
                others.join(", ")
            ),
        };
        Problem::new(StatusCode::BAD_REQUEST, detail, remedy)
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, shape, .. } = self;
        write!(f, "`{name}` ({shape})")
    }
}

impl Shape {
    fn fits(self, text: &str) -> bool {
        match self {
            Self::Number(least, most) => {
                let number = text.parse::<u64>();
                let digits = text.bytes().all(|byte| byte.is_ascii_digit());
                digits && number.is_ok_and(|number| (least..=most).contains(&number))
            }
            Self::Word(words) => words.contains(&text),
            // All names are made of the same characters.
            Self::Name => SourceId::new(text).is_ok(),
            Self::Text => true,
            Self::Time => timestamp::parse(text).is_some(),
            Self::Length(shortest, longest) => {
                parse_duration(text).is_some_and(|length| (shortest..=longest).contains(&length))
            }
            Self::Cursor => text.parse::<Cursor>().is_ok(),
        }
    }

    /// What fits, as a JSON schema.
    pub(super) fn schema(self) -> Value {
        match self {
            Self::Number(least, most) => {
                json!({ "type": "integer", "minimum": least, "maximum": most })
            }
            Self::Word(words) => json!({ "type": "string", "enum": words }),
            Self::Name => json!({ "type": "string", "pattern": SourceId::PATTERN }),
            Self::Text => json!({ "type": "string" }),
            Self::Time => json!({
                "type": "string",
                "anyOf": [{ "format": "date-time" }, { "pattern": "^[0-9]{1,11}(\\.[0-9]{1,9})?$" }],
            }),
            Self::Length(..) => json!({
                "type": "string",
                "description": self.to_string(),
                "pattern": "^([0-9]+(\\.[0-9]+)?(ms|s|m|h|d))+$",
            }),
            Self::Cursor => {
                json!({ "type": "string", "pattern": "^[0-7]?[0-9a-f]{1,15}-[0-7]?[0-9a-f]{1,15}$" })
            }
        }
    }

    /// A value that fits.
    pub(super) fn example(self) -> Value {
        match self {
            Self::Number(_, most) => json!(most.min(30)),
            Self::Word(words) => json!(words.first()),
            Self::Name | Self::Text => json!("garden"),
            Self::Time => json!("2026-05-01T04:30:00Z"),
            Self::Length(..) => json!("10s"),
            Self::Cursor => json!("1f-2a"),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(least, most) => write!(f, "a whole number from {least} to {most}"),
            Self::Word(words) => write!(f, "one of {}", words.join(", ")),
            Self::Name => f.write_str("a name: 1 to 63 characters out of A-Z a-z 0-9 . _ : -"),
            Self::Text => f.write_str("a text"),
            Self::Time => f.write_str(
                "a time that can be read, such as 2026-05-01T04:30:00Z, or seconds since 1970",
            ),
            Self::Length(shortest, Duration::MAX) => write!(
                f,
                "a duration with its unit, such as 10s or 1m30s, of {shortest:?} or more"
            ),
            Self::Length(shortest, longest) => write!(
                f,
                "a duration with its unit, such as 10s or 1m30s, from {shortest:?} to {longest:?}"
            ),
            Self::Cursor => f.write_str("the `next` of the answer before"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Parameter = Parameter::new("limit", Shape::Number(1, 9), "So many.");
    const WHO: Parameter = Parameter::new("who", Shape::Name, "Whom.").needed();
    const BOTH: [Parameter; 2] = [LIMIT, WHO];

    #[test]
    fn what_fits_is_read() {
        let asked = read("who=cam%3A1&limit=9", &BOTH).unwrap();
        assert_eq!(asked.text(&WHO), Some("cam:1"));
        assert_eq!(asked.number(&LIMIT), Some(9));
        assert_eq!(read("who=a", &BOTH).unwrap().number(&LIMIT), None);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_what_would() {
        for (query, detail) in [
            ("", "`who` is missing."),
            ("who=a&who=b", "`who` is there twice."),
            (
                "who=a&limit=10",
                "`limit` is not a whole number from 1 to 9.",
            ),
            ("who=a&limit=%2B9", "`limit` is not"),
            ("who=..%2F..", "`who` is not a name"),
            ("whom=a", "not known here"),
        ] {
            let problem = format!("{:?}", read(query, &BOTH).unwrap_err());
            assert!(problem.contains(detail), "{query}: {problem}");
            let known = "`limit` (a whole number from 1 to 9) and `who` (a name";
            assert!(problem.contains(known), "{query}: {problem}");
        }
    }

    #[test]
    fn every_shape_takes_its_own_example_and_its_schema_does_too() {
        let second = Duration::from_secs(1);
        for shape in [
            Shape::Number(0, 5),
            Shape::Number(1, 5_000),
            Shape::Word(&["csv", "json"]),
            Shape::Name,
            Shape::Text,
            Shape::Time,
            Shape::Length(second, second * 60),
            Shape::Cursor,
        ] {
            let example = shape.example();
            let text = example.as_str().map_or(example.to_string(), str::to_owned);
            assert!(shape.fits(&text), "{shape:?} and {text}");
            assert!(
                jsonschema::is_valid(&shape.schema(), &example),
                "{shape:?} and {example}"
            );
        }
        for (shape, text) in [
            (Shape::Number(1, 5), "0"),
            (Shape::Word(&["csv"]), "CSV"),
            (Shape::Time, "tomorrow"),
            (Shape::Length(second, second), "2s"),
            (Shape::Cursor, "1-x"),
        ] {
            assert!(!shape.fits(text), "{shape:?} and {text}");
        }
    }
}
