//! A table in a document that a test makes of what it saw.
//!
//! The lines between two markers are compared with the rows; with `UPDATE_DOCS=1` in the
//! environment they are written instead.

use std::fmt::Write as _;

use super::made_part::MadePart;

/// A line of the table. What comes first names it and is unique.
pub struct Row {
    /// Where from, and what comes.
    pub key: [String; 2],
    /// What was seen; `None` where this build cannot see it, so that the line stays.
    pub seen: Option<[String; 3]>,
    /// What it was tried against. A version in it may differ from machine to machine.
    pub against: String,
}

const HEAD: &str = "| where from | what comes | `codec` | sample rate | channels | tried against |\n\
                    |---|---|---|---|---|---|\n";

impl Row {
    fn render(&self, info: &[String; 3]) -> String {
        let [place, content] = &self.key;
        let [codec, rate, channels] = info;
        let against = &self.against;
        format!("| {place} | {content} | `{codec}` | {rate} | {channels} | {against} |")
    }

    /// The line of the document that has this row's name.
    fn find<'a>(&self, lines: &[&'a str]) -> Option<&'a str> {
        let begins = format!("| {} | {} |", self.key[0], self.key[1]);
        lines.iter().find(|line| line.starts_with(&begins)).copied()
    }
}

/// Holds the table of `document` (below the repository) against these rows.
#[track_caller]
pub fn check(document: &str, maker: &str, rows: &[Row]) {
    let part = MadePart::of(document, maker);
    let lines: Vec<&str> = part.text().lines().collect();
    let mut table = HEAD.to_owned();
    for row in rows {
        let line = match &row.seen {
            Some(seen) => row.render(seen),
            None => match row.find(&lines) {
                Some(line) => line.to_owned(),
                None => panic!(
                    "{document} has no row {:?}, which this build cannot make; run UPDATE_DOCS=1 \
                     cargo test --features opus --test {maker}",
                    row.key
                ),
            },
        };
        writeln!(table, "{line}").unwrap();
    }
    if part.updated(&table) {
        return;
    }
    let (made, written) = (without_versions(&table), without_versions(part.text()));
    let other: Vec<_> = made.iter().filter(|line| !written.contains(line)).collect();
    let gone: Vec<_> = written.iter().filter(|line| !made.contains(line)).collect();
    assert!(
        made == written,
        "{document} is not what was seen; run UPDATE_DOCS=1 cargo test --test {maker}\n\
         seen, but not written: {other:#?}\nwritten, but not seen: {gone:#?}"
    );
}

/// The lines, with the digits of the last column left out.
fn without_versions(table: &str) -> Vec<String> {
    let lines = table.lines().map(|line| {
        let mut columns: Vec<String> = line.split('|').map(str::to_owned).collect();
        if let Some(last) = columns.iter_mut().rev().nth(1) {
            last.retain(|c| !c.is_ascii_digit() && c != '.');
        }
        columns.join("|")
    });
    lines.collect()
}
