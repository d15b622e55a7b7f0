//! Rows, as JSON and as CSV (RFC 4180).

use hyper::{
    Response, StatusCode,
    header::{HeaderName, HeaderValue},
};
use serde_json::{Map, Value, json};

use crate::{
    history::{Cell, Kind, Page},
    http::{
        reply::{Body, reply},
        timestamp,
    },
};

/// CSV has no room for it.
const NEXT_CURSOR: HeaderName = HeaderName::from_static("next-cursor");

/// A page; where the next one begins is in its head, too.
pub(in crate::http::api) fn send(kind: Kind, page: &Page, csv: bool) -> Response<Body> {
    let text = if csv {
        as_csv(page)
    } else {
        as_json(kind, page)
    };
    let mut answer = reply(StatusCode::OK, media_type(csv), text);
    if let Some(next) = page.next {
        // Of hexadecimal digits: always valid.
        if let Ok(next) = HeaderValue::try_from(next.to_string()) {
            answer.headers_mut().insert(NEXT_CURSOR, next);
        }
    }
    answer
}

pub(super) fn media_type(csv: bool) -> &'static str {
    if csv {
        "text/csv; charset=utf-8; header=present"
    } else {
        "application/json"
    }
}

/// A page as a piece of a file that goes on until a page is the last: put together, the pieces
/// are what [`send`] would write of all rows on one page.
pub(super) fn piece(kind: Kind, page: &Page, csv: bool, is_first: bool) -> String {
    if csv {
        let mut text = String::new();
        if is_first {
            csv_head(&mut text, page);
        }
        csv_rows(&mut text, page);
        return text;
    }
    let mut text = String::new();
    if is_first {
        text.push_str("{\"kind\":\"");
        text.push_str(kind.as_str());
        text.push_str("\",\"rows\":[");
    }
    for (n, row) in page.rows.iter().enumerate() {
        if n > 0 || !is_first {
            text.push(',');
        }
        text.push_str(&Value::Object(members(page, row)).to_string());
    }
    if page.next.is_none() {
        text.push_str("],\"next\":null}");
    }
    text
}

/// What [`send`] writes as JSON. A row has the columns that make sense for what was asked.
pub(in crate::http) fn schema(kind: Kind) -> Value {
    let mut columns = json!({
        "time": { "type": "string", "format": "date-time" },
        kind.subject(): { "type": ["string", "null"] },
    });
    for (name, is_number) in kind.fields() {
        let known = if is_number { "number" } else { "string" };
        columns[name] = json!({ "type": [known, "null"] });
    }
    json!({
        "type": "object",
        "properties": {
            "kind": { "const": kind.as_str() },
            "rows": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": columns,
                    "required": ["time"],
                    "additionalProperties": false,
                },
            },
            "next": { "type": ["string", "null"], "description": "For `cursor`; null at the end." },
        },
        "required": ["kind", "rows", "next"],
        "additionalProperties": false,
    })
}

fn as_json(kind: Kind, page: &Page) -> String {
    let rows: Vec<Map<String, Value>> = page.rows.iter().map(|row| members(page, row)).collect();
    let next = page.next.map(|next| next.to_string());
    json!({ "kind": kind.as_str(), "rows": rows, "next": next }).to_string()
}

fn members(page: &Page, row: &[Cell]) -> Map<String, Value> {
    let cells = page.columns.iter().zip(row);
    cells
        .map(|(column, cell)| ((*column).to_owned(), value(cell)))
        .collect()
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Integer(whole) => json!(whole),
        Cell::Real(real) => json!(real),
        Cell::Text(text) => json!(text),
        Cell::Time(at) => json!(timestamp::millis(*at)),
    }
}

fn as_csv(page: &Page) -> String {
    let mut text = String::new();
    csv_head(&mut text, page);
    csv_rows(&mut text, page);
    text
}

fn csv_head(text: &mut String, page: &Page) {
    text.push_str(&page.columns.join(","));
    text.push_str("\r\n");
}

fn csv_rows(text: &mut String, page: &Page) {
    for row in &page.rows {
        for (n, cell) in row.iter().enumerate() {
            if n > 0 {
                text.push(',');
            }
            match cell {
                Cell::Null => {}
                Cell::Integer(whole) => text.push_str(&whole.to_string()),
                Cell::Real(real) => text.push_str(&real.to_string()),
                Cell::Text(words) => quote(text, words),
                Cell::Time(at) => text.push_str(&timestamp::millis(*at).unwrap_or_default()),
            }
        }
        text.push_str("\r\n");
    }
}

fn quote(text: &mut String, words: &str) {
    // A table program would take a text that begins so for a formula and run it.
    let formula = words.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if !formula && !words.contains(['"', ',', '\r', '\n']) {
        return text.push_str(words);
    }
    text.push('"');
    if formula {
        text.push('\'');
    }
    text.push_str(&words.replace('"', "\"\""));
    text.push('"');
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn a_table_has_a_cell_for_each_column_whatever_the_texts_are() {
        let text = |text: &str| Cell::Text(text.to_owned());
        let page = Page {
            columns: vec!["time", "subject", "words", "value", "count"],
            rows: vec![
                vec![
                    Cell::Time(UNIX_EPOCH),
                    text("garden"),
                    text("say \"hi\", then\ngo"),
                    Cell::Real(-0.5),
                    Cell::Integer(-3),
                ],
                vec![
                    Cell::Null,
                    Cell::Null,
                    text("=HYPERLINK(\"http://x\")"),
                    Cell::Null,
                    Cell::Null,
                ],
            ],
            next: None,
        };
        assert_eq!(
            as_csv(&page),
            "time,subject,words,value,count\r\n\
             1970-01-01T00:00:00.000Z,garden,\"say \"\"hi\"\", then\ngo\",-0.5,-3\r\n\
             ,,\"'=HYPERLINK(\"\"http://x\"\")\",,\r\n"
        );
        let document: Value = serde_json::from_str(&as_json(Kind::Alarms, &page)).unwrap();
        assert_eq!(document["rows"][0]["words"], "say \"hi\", then\ngo");
        assert_eq!(document["rows"][1]["value"], Value::Null);
    }
}
