//! `/api/v1/alarms`: what is wrong, what was, and what people say of it.

use std::time::SystemTime;

use hyper::{Method, Response, StatusCode, http::request::Parts};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    alarms::{AlarmKind, AlarmState, AlarmStatus, Book, Key, Mark, Refused, Scope, Severity},
    http::{
        body,
        parameters::{self, Parameter, Shape},
        problem::{Problem, json},
        reply::Body,
        resource::Verb,
    },
};

/// `GET /api/v1/alarms`.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Alarms")]
pub(in crate::http) struct All {
    active: usize,
    alarms: Vec<AlarmStatus>,
}

/// No control character, and nothing else that breaks a line or turns the direction of a text.
const ONE_LINE: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$";

/// What [`ONE_LINE`] leaves out.
fn breaks_a_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The body of a `POST`, which may also be empty.
#[derive(Default, JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Remark {
    #[schemars(length(max = Mark::AUTHOR), regex(pattern = ONE_LINE))]
    author: Option<String>,
    #[schemars(length(max = Mark::NOTE), regex(pattern = ONE_LINE))]
    note: Option<String>,
}

/// What a `GET` may ask for.
pub(in crate::http) const PARAMETERS: [Parameter; 6] =
    [STATE, KIND, SEVERITY, SOURCE, PROCESS, OBJECT];
const STATE: Parameter = Parameter::new("state", Shape::Word(AlarmState::NAMES), "Only those.");
const KIND: Parameter = Parameter::new("type", Shape::Word(AlarmKind::NAMES), "Only those.");
const SEVERITY: Parameter = Parameter::new("severity", Shape::Word(Severity::NAMES), "Only those.");
const SOURCE: Parameter = Parameter::new("source", Shape::Name, "Only those of this source.");
const PROCESS: Parameter = Parameter::new("process", Shape::Name, "Only those of this process.");
const OBJECT: Parameter = Parameter::new("object", Shape::Name, "Only those of this object.");

/// All alarms that the query asks for, or of processes alone.
pub(super) fn all(book: &Book, head: &Parts, of_processes: bool) -> Response<Body> {
    match wanted(book, head.uri.query().unwrap_or_default()) {
        Ok(mut alarms) => {
            alarms.retain(|alarm| !of_processes || alarm.key.subject.scope == Scope::Process);
            json(&All {
                active: alarms.iter().filter(|alarm| alarm.is_firing()).count(),
                alarms,
            })
        }
        Err(problem) => problem.into_reply(),
    }
}

/// The alarms that a query asks for.
fn wanted(book: &Book, query: &str) -> Result<Vec<AlarmStatus>, Problem> {
    let asked = parameters::read(query, &PARAMETERS)?;
    let is = |parameter, word: &str| asked.text(parameter).is_none_or(|wanted| wanted == word);
    let subjects = [
        (SOURCE, Scope::Source),
        (PROCESS, Scope::Process),
        (OBJECT, Scope::Object),
    ];
    let mut subjects = subjects
        .iter()
        .filter_map(|(parameter, scope)| Some((*scope, asked.text(parameter)?)));
    let subject = subjects.next();
    if subjects.next().is_some() {
        return Err(asked.wrong("There is more than one of `source`, `process` and `object`."));
    }
    let mut alarms = book.snapshot();
    alarms.retain(|alarm| {
        let Key {
            kind,
            subject: about,
            ..
        } = &alarm.key;
        is(&STATE, alarm.state.as_str())
            && is(&KIND, kind.as_str())
            && is(&SEVERITY, alarm.evidence.severity.as_str())
            && subject.is_none_or(|subject| subject == (about.scope, about.name.as_str()))
    });
    Ok(alarms)
}

/// One alarm, or what somebody says of it.
pub(super) async fn one(
    book: &Book,
    id: &str,
    verb: Option<Verb>,
    head: &Parts,
    body: &[u8],
) -> Response<Body> {
    if let Err(problem) = parameters::of(head, &[]) {
        return problem.into_reply();
    }
    let answer = match verb {
        Some(verb) if head.method == Method::POST => {
            let said = said(book, id, verb, body);
            if said.is_ok() {
                // Who reads the answer may pull the plug.
                book.kept().await;
            }
            said
        }
        _ => book.get(id).ok_or_else(unknown),
    };
    match answer {
        Ok(alarm) => json(&alarm),
        Err(problem) => problem.into_reply(),
    }
}

fn said(book: &Book, id: &str, verb: Verb, body: &[u8]) -> Result<AlarmStatus, Problem> {
    let mark = mark(body)?;
    let known = book.get(id).ok_or_else(unknown)?;
    if !known.is_firing() {
        return Err(over());
    }
    let outcome = match verb {
        Verb::Acknowledge => book.acknowledge(id, mark),
        Verb::Resolve => book.resolve(id, mark),
    };
    outcome.map_err(|refused| match refused {
        Refused::Already => Problem::new(
            StatusCode::CONFLICT,
            "The alarm is acknowledged already.",
            "Nothing is left to do; its `acknowledged` says by whom.",
        ),
        // It ended in between.
        Refused::Unknown => over(),
    })
}

fn mark(body: &[u8]) -> Result<Mark, Problem> {
    let example = r#"{"author": "kim", "note": "battery changed"}"#;
    let remark: Remark = if body.is_empty() {
        Remark::default()
    } else {
        body::json(body, example)?
    };
    let fits = |text: Option<&String>, most: usize| {
        text.is_none_or(|text| text.chars().count() <= most && !text.contains(breaks_a_line))
    };
    let Remark { author, note } = remark;
    if !fits(author.as_ref(), Mark::AUTHOR) || !fits(note.as_ref(), Mark::NOTE) {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            format!(
                "`author` has at most {} characters and `note` {}, none of them a line break, \
                 another control character, or one that turns the direction of a text.",
                Mark::AUTHOR,
                Mark::NOTE
            ),
            format!("Send for example {example}."),
        ));
    }
    let at = SystemTime::now();
    Ok(Mark { at, author, note })
}

fn unknown() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "No alarm of this id is active or lately over.",
        "/api/v1/alarms lists the alarms with their ids.",
    )
}

fn over() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "The alarm is over.",
        "Nothing is left to do; its `resolution` says why.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_parameters_are_understood() {
        let ask = |query| wanted(&Book::default(), query);
        assert!(ask("state=firing&type=silent&severity=critical&source=cam%3A1").is_ok());
        assert!(ask("").is_ok());
        for bad in [
            "state=pending",
            "type=down",
            "severity=",
            "state=firing&state=firing",
            "source=a&process=b",
            "exporter=x",
            "sources=a",
        ] {
            assert!(ask(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn what_is_said_of_one_takes_no_parameters() {
        for (verb, method) in [
            (None, Method::GET),
            (Some(Verb::Acknowledge), Method::POST),
            (Some(Verb::Resolve), Method::POST),
        ] {
            for (uri, status) in [
                ("/", StatusCode::NOT_FOUND),
                ("/?x=1", StatusCode::BAD_REQUEST),
            ] {
                let request = hyper::Request::builder().method(&method).uri(uri);
                let (head, ()) = request.body(()).unwrap().into_parts();
                let answer = one(&Book::default(), "f", verb, &head, b"").await;
                assert_eq!(answer.status(), status, "{verb:?} {uri}");
            }
        }
    }

    #[test]
    fn remarks_are_bounded_and_one_line() {
        assert!(mark(b"").unwrap().note.is_none());
        let good = mark("{\"author\": \"kim\", \"note\": \"größer\"}".as_bytes()).unwrap();
        assert_eq!(good.author.as_deref(), Some("kim"));
        let long = format!("{{\"author\": \"{}\"}}", "x".repeat(Mark::AUTHOR + 1));
        let schema = schemars::schema_for!(Remark);
        let turned = "{\"note\": \"a\u{202e}b\"}";
        let broken = "{\"author\": \"a\u{2028}b\"}";
        for bad in [turned, broken, "{\"note\": \"a\\u2067b\"}"] {
            let value = serde_json::from_str(bad).unwrap();
            assert!(!jsonschema::is_valid(schema.as_value(), &value), "{bad}");
            assert!(mark(bad.as_bytes()).is_err(), "{bad}");
        }
        for bad in [&long, "{\"note\": \"a\\nb\"}", "{\"by\": \"kim\"}", "x"] {
            assert!(mark(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
