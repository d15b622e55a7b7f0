//! The table of `docs/faults.md`, held against what the tests expect and saw.
//!
//! With `UPDATE_DOCS=1` in the environment a test writes its rows; otherwise it compares
//! them. What was measured stands in the last column, which is not compared: it is that of
//! the run that wrote it.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Every row, in the order of the table; each belongs to one test.
pub const ORDER: &[&str] = &[
    "server killed",
    "server killed, RTP by UDP",
    "HTTP server killed",
    "server frozen",
    "server frozen, RTP by UDP",
    "HTTP server frozen",
    "half-open connection",
    "half-open connection, RTP by UDP",
    "half-open connection, HTTP",
    "connection closed",
    "keep-alives but no media",
    "UDP stays away, connection stays",
    "HTTP body falls silent",
    "a byte a second of media",
    "a byte a second of HTTP body",
    "a byte a second of an RTSP head",
    "a byte a second of an RTSP body",
    "an HTTP head letter by letter",
    "nothing answers",
    "endless RTSP header line",
    "RTSP headers without end",
    "endless HTTP header line",
    "HTTP headers without end",
    "RTSP body that never ends",
    "bytes without audio, for ever",
    "302 from an RTSP server",
    "302 in a circle from an HTTP server",
    "credentials refused all at once",
    "SSRC changes",
    "SSRC changes, RTP by UDP",
    "sequence number and timestamp wrap",
    "sequence number and timestamp wrap, by UDP",
    "sequence number leaps ahead",
    "sequence number leaps ahead, by UDP",
    "sequence number falls back",
    "sequence number falls back, by UDP",
    "every tenth packet is lost",
    "every tenth packet is lost, by UDP",
    "packets out of order, by UDP",
    "packets out of order, by TCP",
    "timestamp leaps ahead",
    "timestamp leaps ahead, by UDP",
    "timestamp falls back",
    "timestamp falls back, by UDP",
    "another codec, rate and channels",
    "Icecast mount vanishes and returns",
    "writer of a FIFO dies",
    "writer of a FIFO freezes",
    "followed file cut in place",
    "followed file rotated",
    "followed file deleted",
    "followed file stops growing",
    "sound server killed under a device",
];

/// One fault, as the table has it.
pub struct Row {
    /// One of [`ORDER`].
    pub fault: &'static str,
    /// Against which server it was tried.
    pub against: &'static str,
    /// State, reason, counters.
    pub seen_as: String,
    /// Causes of the gap.
    pub gaps: String,
    pub buffer: &'static str,
    /// Seconds, as measured; not compared.
    pub measured: String,
}

impl Row {
    fn line(&self) -> String {
        let Self {
            fault,
            against,
            seen_as,
            gaps,
            buffer,
            measured,
        } = self;
        format!("| {fault} | {against} | {seen_as} | {gaps} | {buffer} | {measured} |")
    }
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/faults.md")
}

/// The row's name.
fn name(line: &str) -> &str {
    line.split('|').nth(1).unwrap_or_default().trim()
}

/// Without the measured column.
fn compared(line: &str) -> &str {
    let end = line.trim_end_matches('|').rfind('|');
    &line[..end.unwrap_or(line.len())]
}

fn place(line: &str) -> Option<usize> {
    ORDER.iter().position(|fault| *fault == name(line))
}

/// Holds these rows against the page, or writes them into it.
#[track_caller]
pub fn hold(rows: &[Row]) {
    // One test at a time; each may be a process of its own.
    let turn = fs::File::open(page()).unwrap();
    turn.lock().unwrap();
    let text = fs::read_to_string(page()).unwrap();
    let ours: Vec<String> = rows.iter().map(Row::line).collect();
    let unknown = ours.iter().find(|line| place(line).is_none());
    assert!(unknown.is_none(), "not in fault_table::ORDER: {unknown:?}");
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let head = lines.iter().position(|line| line.starts_with("|---"));
    let (before, rest) = lines.split_at(head.unwrap() + 1);
    let end = rest.iter().position(|line| !line.starts_with('|'));
    let (table, after) = rest.split_at(end.unwrap_or(rest.len()));
    let mut table = table.to_vec();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        table
            .retain(|line| place(line).is_some() && ours.iter().all(|row| name(row) != name(line)));
        table.extend(ours);
        table.sort_by_key(|line| place(line));
        let lines = [before, &table, after].concat();
        fs::write(page(), lines.join("\n") + "\n").unwrap();
        return;
    }
    let remedy = "UPDATE_DOCS=1 cargo test --features device --test faults --test device writes docs/faults.md";
    for row in &ours {
        let written = table.iter().find(|line| name(line) == name(row));
        let written = written.map_or("nothing", |line| compared(line));
        assert_eq!(
            written,
            compared(row),
            "docs/faults.md, then what holds; {remedy}"
        );
    }
    for line in &table {
        assert!(
            place(line).is_some(),
            "no test has the row {line}; {remedy}"
        );
    }
}
