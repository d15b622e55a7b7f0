use std::time::Duration;

use super::*;
use crate::objects::{GROWTH_MINUTES, MAX_REPORTERS};

const SECOND: Duration = Duration::from_secs(1);

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn options(text: &str, max_count: Option<u64>) -> ObjectOptions {
    ObjectOptions {
        name: name(text),
        thresholds: Thresholds {
            max_count,
            max_bytes: Some(1_000),
        },
        expire_after: ObjectOptions::EXPIRE_AFTER,
    }
}

fn objects() -> Arc<Objects> {
    let objects = Objects::new();
    objects.configure(&[options("cache", Some(10)), options("sessions", Some(2))]);
    objects
}

#[test]
fn only_configured_names_are_reported_and_never_the_programs_own() {
    let objects = objects();
    let now = Instant::now();
    let set = |to: &str| objects.set(now, to, name("r"), Amount::of(1)).map(|_| ());
    assert_eq!(set("cache"), Ok(()));
    for unknown in [
        "Cache",
        "cache ",
        "",
        "../cache",
        "other",
        &"x".repeat(5_000),
    ] {
        assert_eq!(set(unknown), Err(ReportError::Unknown), "{unknown}");
    }
    for own in Own::ALL {
        assert_eq!(set(own.as_str()), Err(ReportError::Own));
    }
    assert_eq!(objects.all(now).len(), Own::COUNT + 1);
}

#[test]
fn thresholds_hold_for_counts_and_bytes_of_both_kinds() {
    let objects = objects();
    let now = Instant::now();
    let set = |count, bytes| {
        let amount = Amount { count, bytes };
        objects.set(now, "cache", name("r"), amount).unwrap().over
    };
    assert!(!set(10, None) && !set(10, Some(1_000)));
    assert!(set(11, None) && set(10, Some(1_001)));
    let sessions = objects.own(Own::Sessions);
    let two = [sessions.hold(0), sessions.hold(0)];
    assert!(!objects.one(now, "sessions").unwrap().over);
    let third = sessions.hold(0);
    assert!(objects.one(now, "sessions").unwrap().over);
    objects.look(now);
    drop((two, third));
    let after = objects.one(now, "sessions").unwrap();
    assert_eq!(
        (after.amount.count, after.peak.count, after.over),
        (0, 3, false)
    );
}

#[test]
fn a_reload_keeps_what_stays_and_forgets_what_goes() {
    let objects = objects();
    let now = Instant::now();
    objects.set(now, "cache", name("r"), Amount::of(9)).unwrap();
    objects.configure(&[options("cache", Some(5)), options("queue", None)]);
    let cache = objects.one(now, "cache").unwrap();
    assert_eq!((cache.amount.count, cache.over), (9, true));
    assert_eq!(objects.one(now, "queue").unwrap().amount, Amount::default());
    objects.configure(&[options("queue", None)]);
    assert_eq!(objects.one(now, "cache"), None);
    objects.configure(&[options("cache", None)]);
    assert_eq!(objects.one(now, "cache").unwrap().amount.count, 0);
}

#[test]
fn there_are_never_more_names_than_may_be() {
    let objects = Objects::new();
    let many: Vec<_> = (0..200).map(|n| options(&format!("o{n}"), None)).collect();
    objects.configure(&many);
    assert_eq!(objects.all(Instant::now()).len(), MAX_NAMES);
}

#[test]
fn what_leaks_is_growing() {
    let objects = objects();
    let start = Instant::now();
    let mut held = Vec::new();
    for second in 0..(GROWTH_MINUTES as u32 + 2) * 60 {
        if second % 20 == 0 {
            held.push(objects.own(Own::Readers).hold(0));
        }
        let _busy = (second % 2 == 0).then(|| objects.own(Own::Sessions).hold(0));
        objects.look(start + SECOND * second);
    }
    let growing = |of: Own| objects.one(start, of.as_str()).unwrap().growing;
    assert!(growing(Own::Readers) && !growing(Own::Sessions));
}

/// Reporters of several threads at once: nothing is lost and nothing is left.
#[test]
fn reports_that_race_add_up() {
    let objects = Objects::new();
    objects.configure(&[ObjectOptions {
        thresholds: Thresholds::default(),
        ..options("cache", None)
    }]);
    let now = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..MAX_REPORTERS {
            let objects = &objects;
            scope.spawn(move || {
                let me = name(&format!("t{}", thread / 2));
                for _ in 0..500 {
                    objects
                        .change(now, "cache", me.clone(), 3, Some(30))
                        .unwrap();
                    objects
                        .change(now, "cache", me.clone(), -2, Some(-20))
                        .unwrap();
                }
            });
        }
    });
    let sum = objects.one(now, "cache").unwrap().amount;
    let rounds = 500 * MAX_REPORTERS as u64;
    assert_eq!(sum, Amount::sized(rounds, rounds * 10));
}
