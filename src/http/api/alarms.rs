//! `/api/v1/alarms`: what is wrong, what was, and what people say of it.

use std::time::SystemTime;

use hyper::{Method, Response, StatusCode, http::request::Parts};
use serde::{Deserialize, Serialize};

use super::json;
use crate::{
    alarms::{AlarmKind, AlarmState, AlarmStatus, Book, Mark, Refused, Scope, Severity},
    http::{body, problem::Problem, reply::Body, resource::Verb},
};

/// `GET /api/v1/alarms`.
#[derive(Serialize)]
struct All {
    active: usize,
    alarms: Vec<AlarmStatus>,
}

/// The body of a `POST`, which may also be empty.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remark {
    author: Option<String>,
    note: Option<String>,
}

/// What a `GET` asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Query {
    state: Option<AlarmState>,
    kind: Option<AlarmKind>,
    severity: Option<Severity>,
    /// A source's, process's or object's name.
    subject: Option<(Scope, String)>,
}

/// All alarms that the query asks for, or of processes alone.
pub(super) fn all(book: &Book, head: &Parts, of_processes: bool) -> Response<Body> {
    let query = match Query::parse(head.uri.query().unwrap_or_default()) {
        Ok(query) => query,
        Err(problem) => return problem.into_reply(),
    };
    let mut alarms = book.snapshot();
    alarms.retain(|alarm| {
        let scope = alarm.key.subject.scope;
        query.fits(alarm) && (!of_processes || scope == Scope::Process)
    });
    json(&All {
        active: alarms.iter().filter(|alarm| alarm.is_firing()).count(),
        alarms,
    })
}

/// One alarm, or what somebody says of it.
pub(super) fn one(
    book: &Book,
    id: &str,
    verb: Option<Verb>,
    head: &Parts,
    body: &[u8],
) -> Response<Body> {
    let answer = match verb {
        Some(verb) if head.method == Method::POST => said(book, id, verb, body),
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
        text.is_none_or(|text| text.chars().count() <= most && !text.contains(char::is_control))
    };
    let Remark { author, note } = remark;
    if !fits(author.as_ref(), Mark::AUTHOR) || !fits(note.as_ref(), Mark::NOTE) {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            format!(
                "`author` has at most {} characters and `note` {}, none of them a line break or \
                 other control character.",
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

impl Query {
    fn parse(query: &str) -> Result<Self, Problem> {
        let wrong = |detail: String| {
            let remedy = "Ask for /api/v1/alarms?state=firing&type=source_down&severity=critical\
                &source=NAME, each at most once; instead of source also process or object.";
            Problem::new(StatusCode::BAD_REQUEST, detail, remedy)
        };
        let mut asked = Self::default();
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let outside = || wrong(format!("`{key}` has a value outside its set."));
            let again = match key.as_ref() {
                "state" => {
                    let named = AlarmState::ALL.iter().find(|state| state.as_str() == value);
                    asked.state.replace(*named.ok_or_else(outside)?).is_some()
                }
                "severity" => {
                    let named = Severity::ALL.iter().find(|one| one.as_str() == value);
                    asked
                        .severity
                        .replace(*named.ok_or_else(outside)?)
                        .is_some()
                }
                "type" => {
                    let named = AlarmKind::named(&value).ok_or_else(outside)?;
                    asked.kind.replace(named).is_some()
                }
                "source" | "process" | "object" => {
                    let scope = Scope::ALL.iter().find(|scope| scope.as_str() == key);
                    let scope = *scope.ok_or_else(outside)?;
                    let subject = (scope, value.into_owned());
                    asked.subject.replace(subject).is_some()
                }
                _ => return Err(wrong("There is a parameter that is not known here.".into())),
            };
            if again {
                return Err(wrong("A parameter is there twice.".to_owned()));
            }
        }
        Ok(asked)
    }

    fn fits(&self, alarm: &AlarmStatus) -> bool {
        let subject = &alarm.key.subject;
        let meant =
            |(scope, name): &(Scope, String)| *scope == subject.scope && *name == subject.name;
        self.state.is_none_or(|state| state == alarm.state)
            && self.kind.is_none_or(|kind| kind == alarm.key.kind)
            && self
                .severity
                .is_none_or(|severity| severity == alarm.evidence.severity)
            && self.subject.as_ref().is_none_or(meant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_parameters_are_understood() {
        let asked = Query::parse("state=firing&type=silent&severity=critical&source=cam%3A1");
        let asked = asked.unwrap();
        assert_eq!(asked.kind, Some(AlarmKind::Silent));
        assert_eq!(asked.subject, Some((Scope::Source, "cam:1".to_owned())));
        assert_eq!(Query::parse("").unwrap(), Query::default());
        for bad in [
            "state=pending",
            "type=down",
            "severity=",
            "state=firing&state=firing",
            "source=a&process=b",
            "exporter=x",
            "sources=a",
        ] {
            assert!(Query::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn remarks_are_bounded_and_one_line() {
        assert!(mark(b"").unwrap().note.is_none());
        let good = mark("{\"author\": \"kim\", \"note\": \"größer\"}".as_bytes()).unwrap();
        assert_eq!(good.author.as_deref(), Some("kim"));
        let long = format!("{{\"author\": \"{}\"}}", "x".repeat(Mark::AUTHOR + 1));
        for bad in [&long, "{\"note\": \"a\\nb\"}", "{\"by\": \"kim\"}", "x"] {
            assert!(mark(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
