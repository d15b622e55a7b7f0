//! From the condition to the end of the alarm, by itself and by hand.

use super::*;

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
