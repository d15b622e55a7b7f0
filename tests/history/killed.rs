//! Killed at any moment, and again, always on the same file.
//!
//! The test starts itself again as a child that records a sequence of numbers and says how many
//! of them the writer has committed.

use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use audio_capture_exporter::{
    history::{History, HistoryOptions, Operation, Pace, Retain},
    shutdown::Tasks,
    units::ByteSize,
};
use rusqlite::Connection;

use crate::support::{PATIENCE, Scratch, Stopwatch};

/// Set for the child: the file.
const FILE: &str = "HISTORY_OF_A_CHILD";
const NAME: &str = "killed::what_was_acknowledged_survives_any_kill";
/// Records that are under way at once: fewer than the queue holds, so that none is lost.
const UNDER_WAY: u64 = 500;

#[test]
fn what_was_acknowledged_survives_any_kill() {
    if let Some(path) = env::var_os(FILE) {
        record_without_end(path.into());
    }
    let kills = if env::var_os("EXTENDED").is_some() {
        500
    } else {
        30
    };
    let scratch = Scratch::new();
    let mut acknowledged = 0;
    for kill in 0u32..kills {
        // Another file now and then, or checking it would take most of the time.
        let path = scratch.path(&format!("history-{}.db", kill / 50));
        if kill.is_multiple_of(50) {
            acknowledged = 0;
        }
        let said = kill_one(&path, kill);
        acknowledged = acknowledged.max(said);
        let found = check(&path);
        assert!(
            found >= acknowledged,
            "kill {kill}: {acknowledged} were acknowledged, {found} are there"
        );
    }
    println!("{kills} kills, {acknowledged} records acknowledged");
    assert!(acknowledged > 100, "{acknowledged}");
}

/// How many records a child has acknowledged by the time it is killed.
fn kill_one(path: &Path, kill: u32) -> u64 {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(FILE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let durable = |line: &str| line.strip_prefix("durable ")?.parse().ok();
    let mut said = 0;
    // Every third dies while it opens the file or soon after, the others while they write.
    if !kill.is_multiple_of(3) {
        said = lines.find_map(|line| durable(&line.unwrap())).unwrap();
    }
    // No two of the same length in a row.
    std::thread::sleep(Duration::from_micros(u64::from(kill) * 7_919 % 60_000));
    child.kill().unwrap();
    child.wait().unwrap();
    // What it had said before it died.
    for line in lines {
        said = durable(&line.unwrap()).unwrap_or(said);
    }
    said
}

/// The file is sound and holds 0, 1, 2 … without a hole; how many.
fn check(path: &Path) -> u64 {
    if !path.exists() {
        return 0;
    }
    let file = Connection::open(path).unwrap();
    let verdict: String = file
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
    let Ok(mut rows) = file.prepare("SELECT words FROM operations ORDER BY seq") else {
        // Killed before the tables were there.
        return 0;
    };
    let numbers = rows.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let mut next = 0u64;
    for number in numbers {
        assert_eq!(number.unwrap().parse(), Ok(next));
        next += 1;
    }
    next
}

/// The child.
fn record_without_end(path: PathBuf) -> ! {
    let mut next = check(&path);
    let before = next;
    let tasks = Tasks::default();
    let pace = Pace {
        gather: Duration::from_millis(1),
        ..Pace::default()
    };
    let history = History::start(&tasks, pace).unwrap();
    history.configure(Some(HistoryOptions {
        path,
        retain: Retain::default(),
        max_size: ByteSize(1 << 30),
    }));
    let mut said = 0;
    let started = Stopwatch::start();
    loop {
        // Whatever becomes of its parent.
        assert!(started.elapsed() < PATIENCE);
        let status = history.status();
        assert_eq!(status.lost, 0);
        if status.written > said {
            said = status.written;
            println!("durable {}", before + said);
            std::io::stdout().flush().unwrap();
        }
        if next < before + status.written + UNDER_WAY {
            history.recorder().record(Operation {
                at: SystemTime::now(),
                operation: "count",
                outcome: "done",
                // Long, so that much is being written at any moment.
                words: format!("{next:0>900}"),
            });
            next += 1;
        } else {
            std::thread::yield_now();
        }
    }
}
