//! How much is told, and when.

use super::*;
use crate::quiet_hours::QuietHours;

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
