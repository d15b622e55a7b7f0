//! What comes back: whole, in order, in pages and in steps.

use proptest::prelude::*;

use super::*;

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
