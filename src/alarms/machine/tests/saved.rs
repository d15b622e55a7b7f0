//! What goes on after a restart.

use super::*;
use crate::alarms::saved::SavedAlarms;

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
