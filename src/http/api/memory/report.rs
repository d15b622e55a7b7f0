//! `GET /api/v1/memory/report`: what there is to know about memory, for people, as Markdown. The
//! pictures are in it, so that it can be kept and sent as one file.

use std::{
    fmt::Write as _,
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hyper::{Response, StatusCode};

use super::{chart, past};
use crate::{
    history::{Cell, History, Kind, Query, Shape},
    http::{
        reply::{Body, reply},
        timestamp,
    },
    memory::{Memory, ProcessStatus},
    units::ByteSize,
};

/// What the pictures show.
const SPAN: Duration = Duration::from_secs(86_400);
/// Alarms and verdicts that are listed, at most.
const LISTED: usize = 50;

pub(super) async fn write(
    memory: &Memory,
    history: &History,
    processes: &[Arc<ProcessStatus>],
) -> Response<Body> {
    let mut text = "# Memory\n\n".to_owned();
    let now = timestamp::millis(SystemTime::now()).unwrap_or_default();
    line(
        &mut text,
        &format!("As of {now}. Pictures show the last day, as far as it is known."),
    );
    for status in processes {
        process(&mut text, status);
        let levels =
            past::levels(&past::of(memory, &status.name), history, &status.name, SPAN).await;
        let picture = chart::draw(&format!("resident memory of {}", status.name), &levels);
        if let Some(picture) = picture {
            let data = BASE64_STANDARD.encode(picture);
            line(
                &mut text,
                &format!("![Resident memory](data:image/svg+xml;base64,{data})"),
            );
        }
    }
    for (title, kind) in [("Verdicts", Kind::Verdicts), ("Alarms", Kind::Alarms)] {
        list(&mut text, history, title, kind).await;
    }
    reply(StatusCode::OK, "text/markdown; charset=utf-8", text)
}

fn process(text: &mut String, status: &ProcessStatus) {
    line(text, &format!("## {}", inert(status.name.as_str())));
    if let Some(problem) = &status.problem {
        line(text, &inert(&problem.problem));
    }
    if let Some(verdict) = &status.verdict {
        line(
            text,
            &format!(
                "**{}** (confidence {:.0} %). {}",
                verdict.pattern,
                verdict.confidence * 100.0,
                inert(&verdict.recommendation)
            ),
        );
    }
    let Some(reading) = &status.reading else {
        return line(text, "It does not run, or may not be read.");
    };
    let kinds = reading.kinds;
    let rows = [
        ("resident", Some(reading.resident)),
        ("baseline", status.baseline),
        ("limit", reading.limit),
        ("heap", kinds.heap),
        ("external", kinds.external),
        ("swapped out", reading.swap),
    ];
    let mut table = "| | |\n|---|---:|\n".to_owned();
    for (name, value) in rows {
        if let Some(value) = value {
            let _always_works = writeln!(table, "| {name} | {} |", ByteSize(value));
        }
    }
    let _always_works = write!(
        table,
        "| processes | {} |\n| threads | {} |\n| restarts | {} |",
        reading.processes, reading.threads, status.totals.restarts
    );
    line(text, &table);
}

/// The newest records of a kind, where there is a history that has some.
async fn list(text: &mut String, history: &History, title: &str, kind: Kind) {
    let query = Query {
        kind,
        subject: None,
        from: None,
        to: None,
        shape: Shape::Newest(LISTED),
    };
    let Ok(page) = history.read(query).await else {
        return;
    };
    if page.rows.is_empty() {
        return;
    }
    line(text, &format!("## {title}"));
    let mut table = format!(
        "| {} |\n|{}",
        page.columns.join(" | "),
        "---|".repeat(page.columns.len())
    );
    for row in &page.rows {
        let cells: Vec<String> = row.iter().map(shown).collect();
        let _always_works = write!(table, "\n| {} |", cells.join(" | "));
    }
    line(text, &table);
}

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Integer(whole) => whole.to_string(),
        Cell::Real(real) => format!("{real:.3}"),
        Cell::Text(words) => inert(words),
        Cell::Time(at) => timestamp::millis(*at).unwrap_or_default(),
    }
}

fn line(text: &mut String, words: &str) {
    text.push_str(words);
    text.push_str("\n\n");
}

/// A text in which nothing is markup.
fn inert(words: &str) -> String {
    let mut safe = String::with_capacity(words.len());
    for c in words.chars() {
        if c.is_control() {
            safe.push(' ');
            continue;
        }
        if matches!(
            c,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '!' | '&' | '~'
        ) {
            safe.push('\\');
        }
        safe.push(c);
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_markup() {
        assert_eq!(
            inert("<script>|[x](y)\n# a"),
            "\\<script\\>\\|\\[x\\](y) \\# a"
        );
        assert_eq!(inert("It grows by 5 MiB."), "It grows by 5 MiB.");
    }
}
