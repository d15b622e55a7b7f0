//! Which growth is even for long enough: the confidence in `linear` from 0.9 on.

use super::*;

/// Minutes from `onset` hours on until growth is said to be even, asked every two; within a day.
fn minutes_until_even(onset: u64, bytes: impl Fn(f64) -> f64) -> Option<u64> {
    let mut judge = Judge::new(Options::default());
    feed(&mut judge, 0, onset * HOUR, &bytes);
    (onset * HOUR..(onset + 24) * HOUR)
        .step_by(120)
        .find_map(|t| {
            feed(&mut judge, t, t + 120, &bytes);
            let verdict = judge.verdict(at(t + 120), None);
            is_even(&verdict).then_some((t + 120) / 60 - onset * 60)
        })
}

/// A tenth an hour within one, a hundredth within six, what lies between them in between; and
/// none of them at once.
#[test]
fn the_slower_a_leak_the_longer_it_takes() {
    for (percent, least, most) in [
        (40.0, 30, 60),
        (10.0, 30, 60),
        (5.0, 90, 180),
        (1.0, 150, 360),
    ] {
        for onset in [0, 3] {
            let begins = (onset * HOUR) as f64;
            let grows = |t: f64| leak(percent)((t - begins).max(0.0));
            let told = minutes_until_even(onset, grows).expect("even growth");
            let range = least..=most;
            assert!(range.contains(&told), "{percent} % from {onset}: {told}");
        }
    }
}

/// Noise may hide that a leak is straight; it is told nevertheless.
#[test]
fn noise_does_not_excuse_a_leak() {
    let loud = |t: f64| HELD * (1.0 + 0.12 * t / 3600.0 + 0.02 * noise(t));
    let told = minutes_until_even(0, loud).expect("even growth");
    assert!(told <= 60, "{told}");
}

/// What slows down is never even, as soon as that can be seen.
#[test]
fn what_bends_is_not_even() {
    for hours in [0.25, 0.5, 1.0] {
        let fills = |t: f64| HELD * (1.5 - 0.5 * (-t / 3600.0 / hours).exp() + 0.002 * noise(t));
        assert_eq!(minutes_until_even(0, fills), None, "{hours}");
    }
}

/// What comes back to where it was has not grown, however evenly it came back.
#[test]
fn only_new_heights_are_growth() {
    let fallen = |deep: f64| {
        move |t: f64| {
            let hours = t / 3600.0;
            let falls = (hours - 2.0).clamp(0.0, 4.0) * deep / 4.0;
            let rises = (hours - 8.0).clamp(0.0, 4.0) * deep / 4.0;
            HELD * (1.0 - falls + rises + 0.002 * noise(t))
        }
    };
    assert_eq!(minutes_until_even(7, fallen(0.3)), None);
    // The same rise by itself is: it begins an hour later.
    let risen = move |t: f64| fallen(0.3)(t.max(6.0 * 3600.0));
    let told = minutes_until_even(7, risen).expect("even growth");
    assert!((60 + 30..60 + 120).contains(&told), "{told}");
}

/// Floors are held against floors: teeth that were higher before hide nothing that rises below.
#[test]
fn a_leak_under_teeth_is_at_new_heights() {
    let teeth = |t: f64| leak(10.0)((t - 5.0 * 3600.0).max(0.0)) + 0.6 * HELD * (t / 420.0).fract();
    let told = minutes_until_even(5, teeth).expect("even growth");
    assert!(told <= 180, "{told}");
}
