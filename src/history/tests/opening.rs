//! Which files are opened, and as what.

use super::*;

#[test]
fn a_file_of_version_1_is_brought_up_to_date() {
    let scratch = Scratch::new();
    let old = Connection::open(scratch.file()).unwrap();
    old.execute_batch(include_str!(
        "../../../tests/fixtures/history/version-1.sql"
    ))
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
