//! How much is kept, and what goes when it is too much.

use super::*;

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
        subject: Some("source-7".into()),
        ..query(Kind::Sources, Shape::Steps(MINUTE * 60))
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
