//! Any course of readings, compared with the book.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn any_reading() -> impl Strategy<Value = Reading> {
    prop_oneof![
        4 => Just(bad()),
        1 => Just(raised(Severity::Critical)),
        4 => Just(Clear),
        1 => Just(Between),
        1 => Just(Unknown),
    ]
}

/// What one alarm should do, from the whole past and by the book: it fires when the condition has
/// held without a break for `hold`, and ends when it has been gone without a break for `keep`.
fn expected(past: &[(u64, Reading)], hold: u64, keep: u64) -> Vec<(u64, Event)> {
    let run = |end: usize, begin: usize, fits: &dyn Fn(&Reading) -> bool| {
        let from = (begin..=end).rev().take_while(|i| fits(&past[*i].1)).last();
        from.map(|from| past[end].0 - past[from].0)
    };
    let mut events = Vec::new();
    let (mut firing, mut begin) = (None::<Severity>, 0);
    for (now, (second, reading)) in past.iter().enumerate() {
        let raised = |reading: &Reading| matches!(reading, Reading::Raised(_));
        let clear = |reading: &Reading| *reading == Clear;
        let severity = match reading {
            Reading::Raised(evidence) => Some(evidence.severity),
            _ => None,
        };
        match firing {
            None if run(now, begin, &raised).is_some_and(|held| held >= hold) => {
                events.push((*second, Fired));
                firing = severity;
                begin = now;
            }
            Some(_) if run(now, begin, &clear).is_some_and(|gone| gone >= keep) => {
                events.push((*second, Resolved));
                firing = None;
                begin = now + 1;
            }
            Some(before) if severity > Some(before) => {
                events.push((*second, Worsened));
                firing = severity;
            }
            _ => {}
        }
    }
    events
}

proptest! {
    #[test]
    fn it_does_what_the_book_says(
        steps in prop::collection::vec((1u64..5, any_reading(), 1usize..6), 1..60),
        hold in 0u64..8,
        keep in 0u64..8,
    ) {
        let mut past = Vec::new();
        let mut second = 0;
        for (step, reading, times) in steps {
            for _ in 0..times {
                second += step;
                past.push((second, reading.clone()));
            }
        }
        let mut one = One::new(options(hold, keep));
        let mut events = Vec::new();
        let mut fired = None;
        for (second, reading) in &past {
            one.second = *second;
            for change in one.look([(key("s0"), reading.clone())]).changes {
                events.push((*second, change.event));
                // No faster than its hysteresis.
                match change.event {
                    Fired => fired = Some(*second),
                    Resolved => prop_assert!(*second - fired.unwrap() >= keep),
                    _ => {}
                }
            }
        }
        prop_assert_eq!(events, expected(&past, hold, keep));
    }

    #[test]
    fn each_fires_once_and_ends_once_and_nobody_is_told_too_often_or_too_little(
        looks in prop::collection::vec(
            (1u64..900, prop::collection::vec(any_reading(), 4), 0u8..10),
            1..120,
        ),
        most in 1usize..6,
        each in 1usize..4,
    ) {
        let mut one = One::new(AlarmOptions {
            max_per_hour: most,
            max_per_hour_each: each,
            ..options(0, 60)
        });
        let mut active: BTreeMap<Key, String> = BTreeMap::new();
        let mut seen_ids = BTreeSet::new();
        let mut told: Vec<(u64, Key)> = Vec::new();
        let mut summaries = Vec::new();
        let (mut news, mut said) = (0u64, 0u64);
        let mut finish = |one: &mut One, outcome: Outcome| -> Result<(), TestCaseError> {
            for change in &outcome.changes {
                let alarm = &change.alarm;
                match change.event {
                    Fired => {
                        news += 1;
                        prop_assert!(seen_ids.insert(alarm.id.clone()), "an id twice");
                        let before = active.insert(alarm.key.clone(), alarm.id.clone());
                        prop_assert_eq!(before, None, "two of one key");
                    }
                    Resolved => {
                        let before = active.remove(&alarm.key);
                        prop_assert_eq!(before.as_ref(), Some(&alarm.id));
                    }
                    _ => {}
                }
            }
            for notice in outcome.notices {
                let count = notice.alarms.len() as u64;
                match notice.reason {
                    Reason::Summary => {
                        summaries.push(one.second);
                        said += count + notice.left_out;
                    }
                    Reason::Fired => {
                        said += count;
                        told.extend(notice.alarms.into_iter().map(|a| (one.second, a.key)));
                    }
                    Reason::Worsened => {
                        told.extend(notice.alarms.into_iter().map(|a| (one.second, a.key)));
                    }
                    Reason::Resolved | Reason::Repeated => {}
                }
            }
            Ok(())
        };
        for (step, readings, wish) in looks {
            one.second += step;
            let names = ["s0", "s1", "s2", "s3"];
            let seen = names.into_iter().map(key).zip(readings);
            let outcome = one.look(seen);
            finish(&mut one, outcome)?;
            let first = one.machine.firing().next().map(|status| status.id.clone());
            if let Some(id) = first.filter(|_| wish == 0) {
                let outcome = one.machine.resolve(&id, mark(), SECOND, at(one.second)).unwrap();
                finish(&mut one, outcome)?;
            }
        }
        // In the end all is well, and whatever was kept back has been said.
        for _ in 0..3 {
            one.second += 4_000;
            let outcome = one.look(["s0", "s1", "s2", "s3"].map(|name| (key(name), Clear)));
            finish(&mut one, outcome)?;
        }
        prop_assert!(active.is_empty());
        // What became worse while it waited is counted once more.
        prop_assert!(said >= news, "{said} of {news}");
        for (second, key) in &told {
            let within: Vec<_> = told.iter().filter(|(s, _)| *s > *second - (*second).min(3_600) && s <= second).collect();
            if *second >= 3_600 {
                prop_assert!(within.len() <= most);
                prop_assert!(within.iter().filter(|(_, k)| k == key).count() <= each);
            }
        }
        prop_assert!(summaries.windows(2).all(|pair| pair[1] - pair[0] >= 3_600));
    }
}
