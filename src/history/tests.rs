mod opening;
mod reading;
mod room;
mod running;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rusqlite::Connection;

use super::*;
use crate::units::ByteSize;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// A directory of its own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Relaxed);
        let path = std::env::temp_dir().join(format!("history-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("history.db")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _best_effort = fs::remove_dir_all(&self.0);
    }
}

/// The first minute of 2026.
fn new_year() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_767_225_600)
}

fn sample(source: &str, at: SystemTime, audio: u64) -> SourceSample {
    SourceSample {
        at,
        source: source.to_owned(),
        state: "streaming",
        expected: MINUTE,
        audio: Duration::from_secs(audio),
        surplus: Duration::from_millis(12),
        gaps: std::array::from_fn(|n| Duration::from_millis(n as u64 * 100)),
        rms: Some(0.031_25),
        peak: Some(0.5),
        lost: 3,
        reconnects: 1,
    }
}

fn memory(process: &str, at: SystemTime, resident: u64) -> MemorySample {
    MemorySample {
        at,
        process: process.to_owned(),
        resident,
        swap: Some(0),
        heap: None,
        external: Some(resident / 2),
        processes: 2,
        threads: 9,
    }
}

fn insert<R: Into<Record>>(connection: &mut Connection, records: impl IntoIterator<Item = R>) {
    let records: Vec<Record> = records.into_iter().map(Into::into).collect();
    insert::write(connection, &mut insert::Names::new(), &records).unwrap();
}

/// All of a kind.
fn query(kind: Kind, shape: Shape) -> Query {
    Query {
        kind,
        subject: None,
        from: None,
        to: None,
        shape,
    }
}

fn ask(path: &Path, kind: Kind, shape: Shape) -> Page {
    read::read(path, &query(kind, shape)).unwrap()
}

fn cell<'a>(page: &'a Page, row: usize, column: &str) -> &'a Cell {
    let at = page.columns.iter().position(|name| *name == column);
    &page.rows[row][at.unwrap_or_else(|| panic!("{column} of {:?}", page.columns))]
}

fn count(connection: &Connection, kind: Kind) -> i64 {
    let sql = format!("SELECT count(*) FROM {kind}");
    connection.query_row(&sql, [], |row| row.get(0)).unwrap()
}
