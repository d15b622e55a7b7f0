//! How much must be known before anything is said, and how surely it is said.

use super::*;
use crate::memory::verdict::advice;

#[test]
fn little_is_known_at_first() {
    let young = after(0, leak(0.0));
    assert_eq!((young.pattern, young.samples), (Pattern::Unknown, 0));
    let mut judge = Judge::new(Options::default());
    feed(&mut judge, 0, 590, leak(10.0));
    let warming = judge.verdict(at(590), Some(u64::MAX));
    assert_eq!(warming.pattern, Pattern::Unknown);
    assert_eq!(warming.severity, Severity::None);
    let words = "in 10 min. A verdict needs 32 min more.";
    assert!(warming.recommendation.ends_with(words), "{warming:#?}");
    assert_eq!((warming.growth_ratio, judge.baseline()), (None, None));
    assert_eq!((warming.samples, warming.span), (20, at(570)));
    // As long as growth could not have been seen, nobody says "stable", grow it little or much.
    for percent in [0.0, 2.0, 10.0, 60.0] {
        let mut judge = Judge::new(Options::default());
        for seconds in (0..2_400).step_by(30) {
            feed(&mut judge, seconds, seconds + 30, leak(percent));
            let verdict = judge.verdict(at(seconds), None);
            assert_ne!(verdict.pattern, Pattern::Stable, "{seconds}: {verdict:#?}");
        }
    }
}

#[test]
fn another_process_begins_anew() {
    let mut judge = Judge::new(Options::default());
    feed(&mut judge, 0, 7 * HOUR, leak(10.0));
    assert_eq!(judge.verdict(at(7 * HOUR), None).pattern, Pattern::Leak);
    judge.restarted(at(7 * HOUR));
    assert_eq!(judge.baseline(), None);
    let reborn = judge.verdict(at(7 * HOUR), None);
    assert_eq!((reborn.pattern, reborn.samples), (Pattern::Unknown, 0));
    feed(&mut judge, 7 * HOUR, 9 * HOUR, |_| 2.0 * HELD);
    let later = judge.verdict(at(9 * HOUR), None);
    assert_eq!(later.pattern, Pattern::Stable);
    assert!(later.span < at(2 * HOUR));
}

/// Restarted every few minutes it is never known long enough.
#[test]
fn a_process_that_keeps_dying_is_unknown() {
    let mut judge = Judge::new(Options::default());
    for life in 0..100 {
        let born = life * 300;
        judge.restarted(at(born));
        feed(&mut judge, born, born + 300, |t| HELD + (t % 300.0) * MIB);
        let verdict = judge.verdict(at(born + 300), None);
        assert_eq!(verdict.pattern, Pattern::Unknown);
    }
}

/// What nobody looked at is no evidence; what is old is no news.
#[test]
fn a_gap_proves_nothing() {
    let mut judge = Judge::new(Options::default());
    feed(&mut judge, 0, 4 * HOUR, leak(2.0));
    assert_eq!(judge.verdict(at(4 * HOUR), None).pattern, Pattern::Linear);
    let asleep = judge.verdict(at(5 * HOUR), None);
    assert_eq!(asleep.pattern, Pattern::Unknown);
    // The machine slept for thirty hours, and it goes on as if nothing had been.
    let slept = 30 * HOUR;
    feed(&mut judge, 4 * HOUR + slept, 6 * HOUR + slept, |t| {
        leak(2.0)(t - slept as f64)
    });
    let awake = judge.verdict(at(6 * HOUR + slept), None);
    assert_ne!(awake.pattern, Pattern::Leak, "{awake:#?}");
    assert!(awake.lasting < at(7 * HOUR), "{awake:#?}");
}

#[test]
fn an_older_sample_is_ignored() {
    let mut judge = Judge::new(Options::default());
    feed(&mut judge, 0, 2 * HOUR, leak(0.0));
    let before = judge.verdict(at(2 * HOUR), None);
    feed(&mut judge, HOUR, 2 * HOUR - 30, |_| 5.0 * HELD);
    assert_eq!(judge.verdict(at(2 * HOUR), None), before);
}

#[test]
fn severity_follows_confidence() {
    let case = |pattern, confidence| advice::Case {
        pattern,
        confidence,
        held: 0.0,
        first_held: 0.0,
        rise: None,
        growth_ratio: None,
        jump: 0.0,
        to_limit: None,
        lasting: 0.0,
        span: 0.0,
        missing: None,
        unseen: None,
    };
    let table = [
        (Pattern::Leak, 0.95, Severity::Critical),
        (Pattern::Leak, 0.85, Severity::High),
        (Pattern::Leak, 0.75, Severity::Medium),
        (Pattern::Leak, 0.65, Severity::Low),
        (Pattern::Exponential, 0.90, Severity::Critical),
        (Pattern::Linear, 0.95, Severity::High),
        (Pattern::Spike, 0.95, Severity::High),
        (Pattern::Stable, 0.95, Severity::None),
        (Pattern::Unknown, 0.0, Severity::None),
    ];
    for (pattern, confidence, severity) in table {
        let said = advice::severity(&case(pattern, confidence));
        assert_eq!(said, severity, "{pattern} {confidence}");
    }
}

/// Who asks for more confidence is told later, and never a pattern below it.
#[test]
fn confidence_is_a_bar() {
    let first = |confidence| {
        let mut judge = Judge::new(Options {
            confidence,
            ..Options::default()
        });
        (0..12 * 120).map(|tick| tick * 30).find(|tick| {
            feed(&mut judge, *tick, tick + 30, leak(4.0));
            let verdict = judge.verdict(at(*tick), None);
            assert!(verdict.pattern == Pattern::Unknown || verdict.confidence >= confidence);
            verdict.pattern == Pattern::Linear
        })
    };
    let (early, late) = (first(0.7).expect("growth"), first(0.9).expect("growth"));
    assert!(late > early, "{late} {early}");
}

/// A minute between samples instead of half a minute finds the same.
#[test]
fn rarer_samples_do_as_well() {
    let mut judge = Judge::new(Options {
        sample_interval: at(60),
        analysis_interval: at(300),
        ..Options::default()
    });
    let mut found = None;
    for minute in 0..60 {
        let seconds = minute * 60;
        judge.add(Sample {
            at: at(seconds),
            bytes: leak(10.0)(seconds as f64) as u64,
        });
        if judge.verdict(at(seconds), None).pattern == Pattern::Linear {
            found = found.or(Some(minute));
        }
    }
    assert!(found.is_some(), "nothing within the hour");
}
