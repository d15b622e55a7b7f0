use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use proptest::prelude::*;

use super::*;
use crate::{
    alarms::{
        alarm::Subject,
        kind::{AlarmKind, Scope, Severity},
        notices::Reason,
        options::SourcePolicy,
        saved::SavedAlarms,
    },
    quiet_hours::QuietHours,
};

const SECOND: Duration = Duration::from_secs(1);
const NEVER_AGAIN: Duration = Duration::from_secs(1 << 30);

fn at(second: u64) -> Now {
    let steady = Duration::from_secs(second);
    Now {
        steady,
        wall: UNIX_EPOCH + Duration::from_secs(1_000_000) + steady,
    }
}

fn key(name: &str) -> Key {
    Key::new(AlarmKind::Silent, Subject::new(Scope::Source, name))
}

fn raised(severity: Severity) -> Reading {
    Reading::Raised(Evidence {
        severity,
        trigger: "it is silent".to_owned(),
        value: Some(1.0),
        threshold: None,
        figures: BTreeMap::new(),
        recommendations: Vec::new(),
    })
}

fn bad() -> Reading {
    raised(Severity::Warning)
}

/// `for` and `keep_firing` of so many seconds, and no limits.
fn options(hold: u64, keep: u64) -> AlarmOptions {
    let policy = SourcePolicy {
        hold: HashMap::from([(AlarmKind::Silent, SECOND * hold as u32)]),
        ..SourcePolicy::default()
    };
    let names = (0..4).map(|n| SourceId::new(&format!("s{n}")).unwrap());
    AlarmOptions {
        max_per_hour: 1_000,
        max_per_hour_each: 1_000,
        keep_firing: SECOND * keep as u32,
        sources: names.map(|name| (name, policy.clone())).collect(),
        ..AlarmOptions::default()
    }
}

use crate::id::SourceId;

/// One alarm, looked at once a second.
struct One {
    machine: Machine,
    options: AlarmOptions,
    second: u64,
}

impl One {
    fn new(options: AlarmOptions) -> Self {
        Self {
            machine: Machine::default(),
            options,
            second: 0,
        }
    }

    /// Sees the same for so many seconds; what happened, and in which second.
    fn see(&mut self, reading: &Reading, seconds: u64) -> Vec<(u64, Event)> {
        let mut events = Vec::new();
        for _ in 0..seconds {
            let outcome = self.look([(key("s0"), reading.clone())]);
            let changes = outcome.changes.into_iter();
            events.extend(changes.map(|change| (self.second, change.event)));
            self.second += 1;
        }
        events
    }

    fn look(&mut self, seen: impl IntoIterator<Item = (Key, Reading)>) -> Outcome {
        let now = at(self.second);
        self.machine.look(seen, &self.options, NEVER_AGAIN, now)
    }

    fn id(&self) -> String {
        self.machine.firing().next().unwrap().id.clone()
    }
}

fn mark() -> Mark {
    Mark {
        at: UNIX_EPOCH,
        author: None,
        note: None,
    }
}

use Event::{Acknowledged, Fired, Resolved, Worsened};
use Reading::{Between, Clear, Unknown};

#[test]
fn it_fires_once_the_condition_has_held_and_ends_once_it_has_been_gone() {
    let mut one = One::new(options(3, 5));
    assert_eq!(one.see(&bad(), 3), []);
    assert_eq!(one.see(&Clear, 1), [], "it did not hold for long enough");
    assert_eq!(one.see(&bad(), 10), [(7, Fired)]);
    assert_eq!(one.see(&Clear, 5), [], "it may come back");
    assert_eq!(one.see(&Between, 100), [], "neither here nor there");
    assert_eq!(one.see(&Clear, 5), []);
    assert_eq!(one.see(&bad(), 1), [], "it goes on, and is no new alarm");
    assert_eq!(one.see(&Clear, 7), [(130, Resolved)]);
    assert_eq!(one.see(&bad(), 4), [(135, Fired)]);
}

#[test]
fn of_what_is_unknown_nothing_is_concluded() {
    let mut one = One::new(options(3, 5));
    assert_eq!(one.see(&bad(), 3), []);
    assert_eq!(one.see(&Unknown, 100), []);
    assert_eq!(
        one.see(&bad(), 3),
        [],
        "what was seen before is not continued"
    );
    assert_eq!(one.see(&bad(), 1), [(106, Fired)]);
    assert_eq!(one.see(&Clear, 5), []);
    assert_eq!(one.see(&Unknown, 1_000), []);
    assert!(!one.machine.firing().next().unwrap().known);
    assert_eq!(
        one.see(&Clear, 6),
        [(1_117, Resolved)],
        "the time begins anew"
    );
}

#[test]
fn what_has_gone_is_over() {
    let mut one = One::new(options(0, 5));
    one.see(&bad(), 1);
    let outcome = one.look([]);
    let [change] = &outcome.changes[..] else {
        panic!("{outcome:?}")
    };
    assert_eq!(change.alarm.resolution, Some(Resolution::Removed));
    assert_eq!(outcome.notices.len(), 1);
    assert_eq!(outcome.notices[0].reason, Reason::Resolved);
}

#[test]
fn becoming_worse_is_news_of_the_same_alarm_and_becoming_better_is_none() {
    let mut one = One::new(options(0, 0));
    one.see(&bad(), 1);
    let id = one.id();
    assert_eq!(one.see(&raised(Severity::Critical), 1), [(1, Worsened)]);
    assert_eq!(one.see(&bad(), 3), []);
    let status = one.machine.firing().next().unwrap();
    assert_eq!(
        (&status.id, status.evidence.severity),
        (&id, Severity::Critical)
    );
}

#[test]
fn what_is_acknowledged_stays_and_is_not_repeated() {
    let every = SECOND * 60;
    let mut one = One::new(options(0, 0));
    one.see(&bad(), 1);
    let repeats = |one: &mut One| {
        let mut repeats = Vec::new();
        for _ in 0..130 {
            one.second += 1;
            let seen = [(key("s0"), bad())];
            let outcome = one.machine.look(seen, &one.options, every, at(one.second));
            repeats.extend(outcome.notices.into_iter().map(|n| (one.second, n.reason)));
        }
        repeats
    };
    let repeated = Reason::Repeated;
    assert_eq!(repeats(&mut one), [(60, repeated), (120, repeated)]);
    let id = one.id();
    let outcome = one
        .machine
        .acknowledge(&id, mark(), at(one.second))
        .unwrap();
    assert_eq!(outcome.changes[0].event, Acknowledged);
    let again = one.machine.acknowledge(&id, mark(), at(one.second));
    assert_eq!(again, Err(Refused::Already));
    assert_eq!(repeats(&mut one), []);
    assert_eq!(one.machine.firing().count(), 1);
}

#[test]
fn what_is_resolved_by_hand_comes_back_after_it_was_clear_or_late() {
    let later = SECOND * 100;
    let mut one = One::new(options(0, 5));
    one.see(&bad(), 1);
    let id = one.id();
    let outcome = one
        .machine
        .resolve(&id, mark(), later, at(one.second))
        .unwrap();
    assert_eq!(
        outcome.changes[0].alarm.resolution,
        Some(Resolution::Manual)
    );
    assert_eq!(outcome.notices[0].reason, Reason::Resolved);
    let again = one.machine.resolve(&id, mark(), later, at(one.second));
    assert_eq!(again, Err(Refused::Unknown));
    assert_eq!(one.see(&bad(), 50), []);
    assert_eq!(one.see(&Unknown, 10), []);
    one.see(&Clear, 1);
    assert_eq!(one.see(&bad(), 1), [(62, Fired)]);
    let second = one.id();
    assert_ne!(id, second);
    one.machine
        .resolve(&second, mark(), later, at(one.second))
        .unwrap();
    // Never clear: after the stated time.
    assert_eq!(one.see(&bad(), 200), [(164, Fired)]);
}

/// So many sources that are silent from now on.
fn crowd(count: usize) -> Vec<(Key, Reading)> {
    (0..count).map(|n| (key(&format!("c{n}")), bad())).collect()
}

#[test]
fn beyond_the_limit_there_is_one_summary_that_leaves_nothing_out() {
    let mut one = One::new(AlarmOptions::default());
    let outcome = one.look(crowd(70));
    assert_eq!(outcome.changes.len(), 70);
    assert_eq!(outcome.notices.len(), 1);
    assert_eq!(outcome.notices[0].alarms.len(), 10);
    // Five of those that wait end before anybody was told of them.
    let mut told = Vec::new();
    for second in 1..4_000 {
        one.second = second;
        let mut seen = crowd(70);
        for (_, reading) in &mut seen[60..65] {
            *reading = Clear;
        }
        told.extend(one.look(seen).notices.into_iter().map(|n| (second, n)));
    }
    let [(second, summary)] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!((*second, summary.reason), (300, Reason::Summary));
    assert_eq!(summary.alarms.len() as u64 + summary.left_out, 60);
    assert_eq!(summary.alarms.len(), 50);
    // Who was told of it is told of its end.
    one.second = 4_000;
    one.look(crowd(70).into_iter().map(|(key, _)| (key, Clear)));
    one.second = 4_100;
    let ended = one.look(crowd(70).into_iter().map(|(key, _)| (key, Clear)));
    let ended: usize = ended.notices.iter().map(|notice| notice.alarms.len()).sum();
    assert_eq!(ended, 65);
}

#[test]
fn one_that_comes_and_goes_does_not_use_up_the_limit_of_all() {
    let mut one = One::new(AlarmOptions {
        keep_firing: Duration::ZERO,
        ..AlarmOptions::default()
    });
    let mut fired = 0;
    for second in 0..200 {
        one.second = second;
        let reading = if second % 2 == 0 { bad() } else { Clear };
        let outcome = one.look([(key("s0"), reading)]);
        let news = outcome.notices.iter().filter(|n| n.reason == Reason::Fired);
        fired += news.count();
    }
    assert_eq!(fired, 3);
    let outcome = one.look([(key("s1"), bad())]);
    assert_eq!(outcome.notices[0].reason, Reason::Fired);
}

#[test]
fn what_is_repeated_takes_no_room_from_what_is_new() {
    let mut one = One::new(AlarmOptions::default());
    let often = |one: &mut One, count| {
        let now = at(one.second);
        one.machine
            .look(crowd(count), &one.options, SECOND * 600, now)
    };
    often(&mut one, 10);
    one.second = 3_600;
    let again = often(&mut one, 10);
    assert_eq!(again.notices[0].reason, Reason::Repeated);
    assert_eq!(again.notices[0].alarms.len(), 10);
    one.second = 3_601;
    let news = often(&mut one, 11);
    assert_eq!(news.notices[0].reason, Reason::Fired);
    assert_eq!(news.notices[0].alarms.len(), 1);
}

#[test]
fn in_quiet_hours_there_is_no_summary_of_what_is_over_or_waits() {
    let hours = vec!["13:50-14:50".parse().unwrap()];
    let mut options = options(0, 0);
    options.max_per_hour = 1;
    for policy in options.sources.values_mut() {
        policy.quiet_hours = QuietHours::new(hours.clone(), "UTC").unwrap();
    }
    let mut one = One::new(options);
    // The quiet hours begin after 200 s; s0 is told of, s1 and s2 wait for the summary.
    one.look([(key("s0"), bad()), (key("s1"), bad()), (key("s2"), bad())]);
    for second in (1..3_800).step_by(10) {
        one.second = second;
        let seen = [(key("s0"), bad()), (key("s1"), bad()), (key("s2"), Clear)];
        assert_eq!(one.look(seen).notices, [], "{second}");
    }
    one.second = 3_800;
    let seen = [(key("s0"), bad()), (key("s1"), bad()), (key("s2"), Clear)];
    let notices = one.look(seen).notices;
    assert_eq!(notices[0].reason, Reason::Summary);
    assert_eq!((notices[0].alarms.len(), notices[0].left_out), (1, 1));
}

#[test]
fn in_quiet_hours_nobody_is_told_until_they_are_over() {
    // The clock of `at` begins at 13:46:40.
    let hours = vec!["13:00-13:50".parse().unwrap()];
    let mut options = options(0, 0);
    for policy in options.sources.values_mut() {
        policy.quiet_hours = QuietHours::new(hours.clone(), "UTC").unwrap();
    }
    let mut one = One::new(options);
    let seen = || [(key("s0"), bad()), (key("other"), bad())];
    let outcome = one.look(seen());
    assert_eq!(outcome.changes.len(), 2);
    assert_eq!(outcome.notices[0].alarms[0].key, key("other"));
    assert_eq!(outcome.notices[0].alarms.len(), 1);
    let known: Vec<bool> = one.machine.all_firing().map(|f| f.told.managers).collect();
    assert_eq!(known, [true, false], "nor are Alertmanagers");
    one.second = 199;
    assert_eq!(one.look(seen()).notices, []);
    one.second = 200;
    let outcome = one.look(seen());
    assert_eq!(outcome.notices[0].alarms[0].key, key("s0"));
}

#[test]
fn what_was_saved_goes_on_as_if_nothing_had_happened() {
    let mut one = One::new(AlarmOptions::default());
    one.look(crowd(30));
    let muted = one.id();
    one.machine
        .resolve(&muted, mark(), SECOND * 1_000, at(0))
        .unwrap();
    let text = serde_json::to_string(&SavedAlarms::of(&one.machine, [].iter())).unwrap();
    let saved: SavedAlarms = serde_json::from_str(&text).unwrap();
    let mut after = One::new(AlarmOptions::default());
    saved.restore(&mut after.machine, at(0));
    for second in [1, 299, 300, 4_000] {
        one.second = second;
        after.second = second;
        assert_eq!(one.look(crowd(30)), after.look(crowd(30)), "{second}");
    }
    let ids = |one: &One| -> Vec<String> { one.machine.firing().map(|s| s.id.clone()).collect() };
    assert_eq!(ids(&one), ids(&after));
}

#[test]
fn what_fires_already_when_the_saved_ones_come_stays_and_the_saved_one_is_over() {
    let saved = |one: &One| {
        let text = serde_json::to_string(&SavedAlarms::of(&one.machine, [].iter())).unwrap();
        serde_json::from_str::<SavedAlarms>(&text).unwrap()
    };
    let mut earlier = One::new(options(0, 0));
    earlier.look([(key("s0"), bad()), (key("s1"), bad())]);
    let before = earlier.id();
    let mut one = One::new(options(0, 0));
    one.second = 50;
    one.look([(key("s0"), bad())]);
    let own = one.id();
    let (_, outcome) = saved(&earlier).restore(&mut one.machine, at(50));
    let ended: Vec<_> = outcome
        .changes
        .iter()
        .map(|c| (c.event, &c.alarm.id))
        .collect();
    assert_eq!(ended, [(Resolved, &before)]);
    assert_eq!(outcome.notices[0].reason, Reason::Resolved, "it was told");
    assert_eq!(one.id(), own);
    assert_eq!(one.machine.firing().count(), 2);
    // Its own file tells it nothing new.
    let again = saved(&one);
    let (_, outcome) = again.restore(&mut one.machine, at(50));
    assert_eq!(outcome, Outcome::default());
}

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

#[test]
fn an_id_is_that_of_its_key_and_beginning() {
    let since = SystemTime::UNIX_EPOCH + SECOND;
    let id = key("s0").id(since);
    assert_eq!(id, key("s0").id(since));
    assert_eq!(id.len(), 16);
    let mut aspect = key("s0");
    aspect.aspect = "x".to_owned();
    for other in [
        key("s1").id(since),
        key("s0").id(since + SECOND),
        aspect.id(since),
    ] {
        assert_ne!(id, other);
    }
}
