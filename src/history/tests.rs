use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use proptest::prelude::*;
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

fn ask(path: &Path, kind: Kind, shape: Shape) -> Page {
    let query = Query {
        kind,
        subject: None,
        from: None,
        to: None,
        shape,
    };
    read::read(path, &query).unwrap()
}

fn cell<'a>(page: &'a Page, row: usize, column: &str) -> &'a Cell {
    let at = page.columns.iter().position(|name| *name == column);
    &page.rows[row][at.unwrap_or_else(|| panic!("{column} of {:?}", page.columns))]
}

fn count(connection: &Connection, kind: Kind) -> i64 {
    let sql = format!("SELECT count(*) FROM {kind}");
    connection.query_row(&sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn every_kind_of_record_comes_back_as_it_was() {
    let scratch = Scratch::new();
    let mut opened = open::open(&scratch.file()).unwrap();
    let at = new_year();
    let records: Vec<Record> = vec![
        sample("garden", at, 58).into(),
        memory("self", at, 5 << 20).into(),
        VerdictRecord {
            at,
            process: "self".into(),
            pattern: "leak",
            severity: "high",
            confidence: 0.85,
            slope: 1234.5,
            words: "Restart it.".into(),
        }
        .into(),
        ConsumerSample {
            at,
            consumer: "garden".into(),
            category: "buffer",
            bytes: 5_760_000,
            active: 2,
        }
        .into(),
        AlarmRecord {
            id: "a1".into(),
            alarm: "source_down".into(),
            subject: "garden".into(),
            severity: "critical".into(),
            status: "firing".into(),
            at,
            value: Some(3.5),
            threshold: Some(f64::NAN),
            words: "ä".repeat(1_000),
        }
        .into(),
        AllocationRecord {
            at,
            source: "garden".into(),
            buffer_type: "capture",
            outcomes: [4, 1, 2, 1],
            released: 1,
        }
        .into(),
        Operation {
            at,
            operation: "reload",
            outcome: "done",
            words: "1 added".into(),
        }
        .into(),
    ];
    let kinds: Vec<Kind> = records.iter().map(|record| record.kind).collect();
    assert_eq!(kinds, Kind::ALL, "one of each");
    for record in &records {
        assert_eq!(
            record.cells.len(),
            record.kind.stored().count(),
            "{record:?}"
        );
    }
    insert(&mut opened.connection, records.clone());
    for record in records {
        let page = ask(&scratch.file(), record.kind, Shape::Page(10, None));
        let [row] = &page.rows[..] else {
            panic!("{page:?}")
        };
        assert_eq!(row[0], Cell::Time(at));
        assert_eq!(row[1], Cell::Text(record.subject));
        assert_eq!(row[2..], record.cells, "{:?}", record.kind);
    }
    let page = ask(&scratch.file(), Kind::Alarms, Shape::Page(10, None));
    assert_eq!(*cell(&page, 0, "threshold"), Cell::Null);
    assert_eq!(*cell(&page, 0, "words"), Cell::Text("ä".repeat(512)));
}

#[test]
fn a_file_of_version_1_is_brought_up_to_date() {
    let scratch = Scratch::new();
    let old = Connection::open(scratch.file()).unwrap();
    old.execute_batch(include_str!("../../tests/fixtures/history/version-1.sql"))
        .unwrap();
    drop(old);
    let mut opened = open::open(&scratch.file()).unwrap();
    let version = opened
        .connection
        .pragma_query_value(None, "user_version", |row| row.get::<_, i32>(0));
    assert_eq!(version, Ok(schema::VERSION));
    insert(&mut opened.connection, [memory("self", new_year(), 7)]);
    let page = ask(&scratch.file(), Kind::Memory, Shape::Page(10, None));
    assert_eq!(
        *cell(&page, 0, "resident_bytes"),
        Cell::Integer(104_857_600)
    );
    assert_eq!(*cell(&page, 0, "process"), Cell::Text("birdnet".into()));
    assert_eq!(
        *cell(&page, 0, "threads"),
        Cell::Null,
        "it was not known then"
    );
    assert_eq!(*cell(&page, 1, "threads"), Cell::Integer(9));
    let page = ask(&scratch.file(), Kind::Sources, Shape::Page(10, None));
    assert_eq!(*cell(&page, 0, "state"), Cell::Text("stalled".into()));
    assert_eq!(*cell(&page, 0, "gap_stall_seconds"), Cell::Real(12.5));
    let page = ask(&scratch.file(), Kind::Operations, Shape::Page(10, None));
    assert!(page.rows.is_empty());
}

#[test]
fn files_that_are_not_ours_are_left_as_they_are() {
    let scratch = Scratch::new();
    let path = scratch.file();
    drop(open::open(&path).unwrap());
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    let error = open::open(&path).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 99, .. }));
    assert!(error.to_string().contains("newer version"), "{error}");
    assert!(error.to_string().contains("history.path"), "{error}");

    let other = scratch.0.join("other.db");
    let foreign = Connection::open(&other).unwrap();
    foreign.execute_batch("CREATE TABLE t (x)").unwrap();
    drop(foreign);
    let before = fs::read(&other).unwrap();
    let error = open::open(&other).unwrap_err();
    assert!(matches!(error, OpenError::Foreign), "{error}");
    assert_eq!(fs::read(&other).unwrap(), before);
    // A slip in the path must not move somebody's recording.
    let recording = scratch.0.join("recording.wav");
    fs::write(
        &recording,
        "RIFF, and a dawn chorus that will not come again",
    )
    .unwrap();
    for _ in 0..2 {
        let error = open::open(&recording).unwrap_err();
        assert!(matches!(error, OpenError::Foreign), "{error}");
    }
    assert!(fs::read_to_string(&recording).unwrap().starts_with("RIFF"));

    let error = open::open(&scratch.0).unwrap_err();
    assert!(matches!(error, OpenError::NotAFile), "{error}");
    let error = open::open(&scratch.0.join("no/history.db")).unwrap_err();
    assert!(matches!(error, OpenError::NoDirectory), "{error}");
    let _first = open::open(&scratch.0.join("shared.db")).unwrap();
    let error = open::open(&scratch.0.join("shared.db")).unwrap_err();
    assert!(matches!(error, OpenError::InUse), "{error}");
}

#[test]
fn a_broken_file_is_moved_aside_and_few_of_them_are_left() {
    let scratch = Scratch::new();
    let path = scratch.file();
    let mut opened = open::open(&path).unwrap();
    let minutes = (0..5_000).map(|n| sample("garden", new_year() + MINUTE * n, 60));
    insert(&mut opened.connection, minutes);
    drop(opened);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 20_000].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let opened = open::open(&path).unwrap();
    assert_eq!(count(&opened.connection, Kind::Sources), 0);
    drop(opened);
    let is_aside = |name: &&String| name.starts_with("history.db.broken-");
    assert_eq!(scratch.names().iter().filter(is_aside).count(), 1);

    for older in ["20200101T000000Z", "20210101T000000Z", "20220101T000000Z"] {
        fs::write(scratch.0.join(format!("history.db.broken-{older}")), "x").unwrap();
    }
    fs::write(
        &path,
        "this has never been a database, whoever put it there",
    )
    .unwrap();
    drop(open::open(&path).unwrap());
    let names = scratch.names();
    assert_eq!(names.iter().filter(is_aside).count(), 2, "{names:?}");
    assert!(
        !names.iter().any(|name| name.contains("broken-202001")),
        "{names:?}"
    );
}

#[test]
fn what_is_too_old_goes_a_little_at_a_time() {
    let scratch = Scratch::new();
    let mut opened = open::open(&scratch.file()).unwrap();
    let connection = &mut opened.connection;
    let retain = Retain::default();
    let now = new_year() + DAY * 31;
    let samples = (0..6_000).map(|n| sample("garden", now - MINUTE * (12_000 - n * 2), 60));
    insert(connection, samples);
    let alarm = |days| AlarmRecord {
        id: String::new(),
        alarm: "a".into(),
        subject: "garden".into(),
        severity: "high".into(),
        status: "firing".into(),
        at: now - DAY * days,
        value: None,
        threshold: None,
        words: String::new(),
    };
    insert(connection, [alarm(31), alarm(29)]);
    let operation = |hours| Operation {
        at: now - MINUTE * 60 * hours,
        operation: "reload",
        outcome: "done",
        words: String::new(),
    };
    insert(connection, [operation(25), operation(23)]);
    // 8⅓ days of samples: 960 are older than seven.
    assert!(!retention::remove_old(connection, &retain, now).unwrap());
    assert_eq!(count(connection, Kind::Sources), 5_040);
    assert_eq!(count(connection, Kind::Alarms), 1);
    assert_eq!(count(connection, Kind::Operations), 1);
    // A clock that is a year ahead for a moment takes a chunk, not everything.
    assert!(retention::remove_old(connection, &retain, now + DAY * 365).unwrap());
    assert_eq!(count(connection, Kind::Sources), 3_040);
    // One that stands in 1970 takes nothing.
    assert!(!retention::remove_old(connection, &retain, UNIX_EPOCH).unwrap());
    assert_eq!(count(connection, Kind::Sources), 3_040);
}

#[test]
fn what_is_too_much_goes_the_oldest_first_and_the_file_shrinks() {
    let scratch = Scratch::new();
    let path = scratch.file();
    let mut opened = open::open(&path).unwrap();
    let connection = &mut opened.connection;
    let start = new_year();
    insert(
        connection,
        (0..20_000).map(|n| memory("self", start + MINUTE * n, 1)),
    );
    insert(
        connection,
        (0..20_000).map(|n| sample("garden", start + MINUTE * n, 60)),
    );
    let before = retention::used(connection).unwrap();
    let most = ByteSize(before / 3);
    while retention::shrink(connection, most).unwrap() {}
    let after = retention::used(connection).unwrap();
    assert!(
        after <= most.0 && after > most.0 / 2,
        "{before} {after} {most}"
    );
    let oldest = |kind: Kind| {
        let sql = format!("SELECT min(at) FROM {kind}");
        let read = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        connection.query_row(&sql, [], read).unwrap() / 60_000
    };
    // Of both kinds the same time is left, to a chunk of 2,000.
    assert!(oldest(Kind::Memory).abs_diff(oldest(Kind::Sources)) <= 2_000);
    let newest = ask(&path, Kind::Sources, Shape::Newest(1));
    assert_eq!(
        *cell(&newest, 0, "time"),
        Cell::Time(start + MINUTE * 19_999)
    );
    drop(opened);
    let left = fs::metadata(&path).unwrap().len();
    assert!(
        left < before / 2,
        "the file gave room back: {before} {left}"
    );
}

/// Bytes that this process has handed to the kernel; right where no other test runs beside.
fn written_so_far() -> u64 {
    let figures = fs::read_to_string("/proc/self/io").unwrap();
    let line = figures
        .lines()
        .find_map(|line| line.strip_prefix("wchar: "));
    line.unwrap().parse().unwrap()
}

/// The figure in `docs/history.md`.
#[test]
fn a_day_of_a_hundred_sources_and_ten_processes_stays_below_fifty_megabytes() {
    let scratch = Scratch::new();
    let path = scratch.file();
    let mut opened = open::open(&path).unwrap();
    let (sources, processes) = (100, 10);
    let written_before = written_so_far();
    for minute in 0..1_440 {
        let at = new_year() + MINUTE * minute;
        let samples = (0..sources).map(|n| SourceSample {
            rms: Some(f64::from(n * minute % 977) / 1e4),
            lost: u64::from(n % 7),
            audio: Duration::from_micros(59_000_000 + u64::from(n * minute) % 999_999),
            ..sample(&format!("source-{n}"), at, 0)
        });
        insert(&mut opened.connection, samples);
        let twice = (0..2 * processes).map(|n| {
            let at = at + MINUTE / 2 * (n / processes);
            memory(
                &format!("process-{}", n % processes),
                at,
                987_654_321 + u64::from(minute),
            )
        });
        insert(&mut opened.connection, twice);
    }
    let begun = std::time::Instant::now();
    let one = Query {
        kind: Kind::Sources,
        subject: Some("source-7".into()),
        from: None,
        to: None,
        shape: Shape::Steps(MINUTE * 60),
    };
    assert_eq!(read::read(&path, &one).unwrap().rows.len(), 24);
    println!("one source by the hour: {:?}", begun.elapsed());
    drop(opened);
    let bytes = fs::metadata(&path).unwrap().len();
    let written = written_so_far() - written_before;
    println!(
        "{sources} sources and {processes} processes: {bytes} bytes a day, for which {written} were written"
    );
    assert!(bytes < 50_000_000, "{bytes}");
    // And not too good to be true.
    assert!(bytes > 2_000_000, "{bytes}");
}

#[test]
fn a_clock_that_is_set_back_confuses_neither_order_nor_pages() {
    let scratch = Scratch::new();
    let mut opened = open::open(&scratch.file()).unwrap();
    let start = new_year();
    // An hour is lived through twice.
    let minutes = (0..120).chain(60..180);
    let samples = minutes
        .clone()
        .map(|n| sample("garden", start + MINUTE * n, 60));
    insert(&mut opened.connection, samples);
    let page = ask(&scratch.file(), Kind::Sources, Shape::Page(1_000, None));
    let told = page.rows.iter().map(|row| row[0].clone());
    let lived = minutes.map(|n| Cell::Time(start + MINUTE * n));
    assert!(told.eq(lived), "in the order in which it was recorded");
    let steps = ask(&scratch.file(), Kind::Sources, Shape::Steps(MINUTE * 60));
    let audio: Vec<&Cell> = (0..3).map(|n| cell(&steps, n, "audio_seconds")).collect();
    // The hour that came twice has twice the audio: nothing is thrown away.
    let hour = |n: f64| Cell::Real(3_600.0 * n);
    assert_eq!(audio, [&hour(1.0), &hour(2.0), &hour(1.0)]);
}

#[test]
fn times_and_steps_are_bounded() {
    let scratch = Scratch::new();
    let mut opened = open::open(&scratch.file()).unwrap();
    let start = new_year();
    insert(
        &mut opened.connection,
        (0..6_000).map(|n| memory("self", start + MINUTE * n, 100 + u64::from(n))),
    );
    let query = |from: u32, to: u32, shape| Query {
        kind: Kind::Memory,
        subject: Some("self".into()),
        from: Some(start + MINUTE * from),
        to: Some(start + MINUTE * to),
        shape,
    };
    let path = scratch.file();
    let page = read::read(&path, &query(10, 20, Shape::Page(100, None))).unwrap();
    assert_eq!(page.rows.len(), 10, "the end is not part of it");
    assert_eq!(*cell(&page, 0, "resident_bytes"), Cell::Integer(110));
    let steps = read::read(&path, &query(0, 100, Shape::Steps(MINUTE * 10))).unwrap();
    assert_eq!(steps.rows.len(), 10);
    assert_eq!(*cell(&steps, 1, "resident_least_bytes"), Cell::Integer(110));
    assert_eq!(*cell(&steps, 1, "resident_most_bytes"), Cell::Integer(119));
    let other = Query {
        subject: Some("nobody".into()),
        ..query(0, 100, Shape::Page(100, None))
    };
    assert!(read::read(&path, &other).unwrap().rows.is_empty());
    let error = read::read(&path, &query(0, 6_000, Shape::Steps(MINUTE)));
    assert_eq!(error, Err(ReadError::TooMany));
    let whole = query(0, 6_000, Shape::Steps(MINUTE * 60));
    let error = read::read_within(Duration::ZERO, &path, &whole);
    assert_eq!(error, Err(ReadError::TooLong));
    let operations = Query {
        kind: Kind::Operations,
        ..query(0, 100, Shape::Steps(MINUTE))
    };
    assert_eq!(read::read(&path, &operations), Err(ReadError::NoSteps));
}

/// A history that hardly gathers, and what it needs to run.
fn running(path: PathBuf) -> (Arc<History>, Tasks) {
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
    (history, tasks)
}

async fn until(history: &History, holds: impl Fn(&HistoryStatus) -> bool) {
    let waited = tokio::time::timeout(MINUTE, async {
        while !holds(&history.status()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "{:?}", history.status());
}

fn removed(status: &HistoryStatus) -> u64 {
    status.failures[WriteFailure::Removed.index()]
}

#[tokio::test]
async fn a_file_that_is_removed_is_noticed_by_who_writes_and_by_who_reads() {
    let scratch = Scratch::new();
    let path = scratch.file();
    let (history, tasks) = running(path.clone());
    let now = SystemTime::now();
    history.recorder().record(sample("garden", now, 60));
    until(&history, |status| status.written == 1).await;

    fs::remove_file(&path).unwrap();
    history.recorder().record(sample("pond", now, 60));
    until(&history, |status| status.written == 2).await;
    assert_eq!(removed(&history.status()), 1);
    let page = ask(&path, Kind::Sources, Shape::Page(10, None));
    assert_eq!(page.rows.len(), 1, "in the new file");
    assert_eq!(*cell(&page, 0, "source"), Cell::Text("pond".into()));

    // Nothing is recorded, but somebody reads; then another file takes its place.
    let other = scratch.0.join("other.db");
    drop(open::open(&other).unwrap());
    fs::rename(&path, scratch.0.join("away.db")).unwrap();
    let query = Query {
        kind: Kind::Sources,
        subject: None,
        from: None,
        to: None,
        shape: Shape::Page(10, None),
    };
    let read = history.read(query.clone()).await;
    assert!(matches!(read, Err(ReadError::Unavailable(_))), "{read:?}");
    until(&history, |status| removed(status) == 2).await;
    history.recorder().record(sample("pond", now, 60));
    until(&history, |status| status.written == 3).await;
    fs::rename(&other, &path).unwrap();
    history.recorder().record(sample("lane", now, 60));
    until(&history, |status| status.written == 4).await;
    assert_eq!(removed(&history.status()), 3);
    let page = history.read(query).await.unwrap();
    assert_eq!(*cell(&page, 0, "source"), Cell::Text("lane".into()));
    assert_eq!(page.rows.len(), 1, "nothing of the file before");
    let away = ask(
        &scratch.0.join("away.db"),
        Kind::Sources,
        Shape::Page(10, None),
    );
    assert_eq!(away.rows.len(), 1, "that one is whole");
    assert!(tasks.drain(MINUTE).await);
    assert_eq!(history.status().lost, 0);
}

#[tokio::test]
async fn what_waits_for_a_file_that_never_came_is_counted_as_lost() {
    let scratch = Scratch::new();
    let (history, tasks) = running(scratch.0.join("nowhere/history.db"));
    until(&history, |status| status.problem.is_some()).await;
    for n in 0..3 {
        let at = new_year() + MINUTE * n;
        history.recorder().record(sample("garden", at, 60));
    }
    assert!(tasks.drain(MINUTE).await);
    assert_eq!(history.status().lost, 3);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Pages joined together are what there was at the first of them, while more comes in.
    #[test]
    fn pages_joined_together_are_the_whole(
        first in 0u32..60,
        limit in 1usize..12,
        added in proptest::collection::vec(0u32..5, 70),
        steps_back in proptest::collection::vec(0u32..300, 60),
    ) {
        let scratch = Scratch::new();
        let path = scratch.file();
        let mut opened = open::open(&path).unwrap();
        let one = |n: u32, back: u32| sample("garden", new_year() + MINUTE * (n + 300) - MINUTE * back, n.into());
        insert(&mut opened.connection, (0..first).map(|n| one(n, steps_back[n as usize])));
        let whole = ask(&path, Kind::Sources, Shape::Page(1_000, None)).rows;
        let (mut joined, mut cursor, mut number) = (Vec::new(), None, first);
        for more in added {
            let page = ask(&path, Kind::Sources, Shape::Page(limit, cursor));
            prop_assert!(page.rows.len() <= limit);
            joined.extend(page.rows);
            cursor = page.next;
            if let Some(next) = cursor {
                prop_assert_eq!(next.to_string().parse(), Ok(next));
            }
            insert(&mut opened.connection, (number..number + more).map(|n| one(n, 0)));
            number += more;
            if cursor.is_none() {
                break;
            }
        }
        prop_assert_eq!(cursor, None);
        prop_assert_eq!(joined, whole);
    }

    /// Steps of any length add up to the same.
    #[test]
    fn steps_add_up_to_what_was_recorded(
        audio in proptest::collection::vec(0u64..100, 1..50),
        step in 1u32..40,
    ) {
        let scratch = Scratch::new();
        let mut opened = open::open(&scratch.file()).unwrap();
        let samples = (0..).zip(&audio).map(|(n, audio)| sample("garden", new_year() + MINUTE * n, *audio));
        insert(&mut opened.connection, samples);
        let page = ask(&scratch.file(), Kind::Sources, Shape::Steps(MINUTE * step));
        let told: f64 = (0..page.rows.len())
            .map(|row| match cell(&page, row, "audio_seconds") {
                Cell::Real(seconds) => *seconds,
                other => panic!("{other:?}"),
            })
            .sum();
        prop_assert!((told - audio.iter().sum::<u64>() as f64).abs() < 1e-6);
        for row in 0..page.rows.len() {
            prop_assert_eq!(cell(&page, row, "rms_ratio"), &Cell::Real(0.031_25));
        }
    }
}
