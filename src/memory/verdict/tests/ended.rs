//! When growth is over, and when it is not.

use super::*;

/// Once it has ended it is no longer said: after a third of the time that it lasted, or an hour.
#[test]
fn what_has_ended_is_not_even() {
    for lasting in [3, 6, 12, 24] {
        let mut judge = Judge::new(Options::default());
        let fills = |t: f64| {
            let grown = (t / 3600.0 - 6.0).clamp(0.0, lasting as f64);
            HELD * (1.0 + 0.1 * grown + 0.002 * noise(t))
        };
        let full = (6 + lasting) * HOUR;
        feed(&mut judge, 0, full, fills);
        let verdict = judge.verdict(at(full), None);
        assert!(is_even(&verdict), "{lasting}: {verdict:#?}");
        let later = full + (lasting * HOUR / 3).max(HOUR);
        feed(&mut judge, full, later, fills);
        let verdict = judge.verdict(at(later), None);
        assert!(!is_even(&verdict), "{lasting}: {verdict:#?}");
    }
}

/// What gives back more than half of it does not grow any more, whatever the hours before say.
#[test]
fn what_is_given_back_is_over() {
    let mut judge = Judge::new(Options::default());
    let grows = |t: f64| leak(10.0)((t - 6.0 * 3600.0).max(0.0));
    feed(&mut judge, 0, 14 * HOUR, grows);
    let verdict = judge.verdict(at(14 * HOUR), None);
    assert_eq!(verdict.pattern, Pattern::Leak, "{verdict:#?}");
    let until = 14 * HOUR + 360;
    feed(&mut judge, 14 * HOUR, until, |t| grows(t) - 0.6 * HELD);
    let verdict = judge.verdict(at(until), None);
    assert_eq!(verdict.pattern, Pattern::Stable, "{verdict:#?}");
}

/// What grows by steps rests between them, and goes on.
#[test]
fn a_rest_is_not_the_end() {
    let stairs = |t: f64| HELD * (1.0 + 0.05 * (t / 6000.0).floor() + 0.002 * noise(t));
    let mut judge = Judge::new(Options::default());
    feed(&mut judge, 0, 24 * HOUR, stairs);
    for t in (24 * HOUR..48 * HOUR).step_by(120) {
        feed(&mut judge, t, t + 120, stairs);
        let verdict = judge.verdict(at(t + 120), None);
        let grows = matches!(verdict.pattern, Pattern::Linear | Pattern::Leak);
        assert!(grows, "{t}: {verdict:#?}");
    }
}

fn grows(verdict: &Verdict) -> bool {
    matches!(
        verdict.pattern,
        Pattern::Linear | Pattern::Leak | Pattern::Exponential
    )
}

/// The hours from one time on in which growth is told, asked every two minutes.
fn told(judge: &mut Judge, hours: std::ops::Range<u64>, bytes: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut told = Vec::new();
    for t in (hours.start * HOUR..hours.end * HOUR).step_by(120) {
        feed(judge, t, t + 120, &bytes);
        if grows(&judge.verdict(at(t + 120), None)) {
            told.push((t + 120) as f64 / 3600.0);
        }
    }
    told
}

/// Wider windows that close later, and reach back over the same rise, tell nothing new. Under
/// noise of 1 %.
#[test]
fn what_has_ended_is_not_told_again() {
    for seed in 0..10 {
        let shift = 1e7 * f64::from(seed);
        let fills = |t: f64| {
            let grown = (t / 3600.0 - 6.0).clamp(0.0, 3.0);
            HELD * (1.0 + 0.03 * grown + 0.0173 * noise(t + shift))
        };
        let mut judge = Judge::new(Options::default());
        let during = told(&mut judge, 0..9, fills);
        assert!(!during.is_empty(), "{seed}: nothing is told");
        let after = told(&mut judge, 9..24, fills);
        let last = after.last().copied().unwrap_or(9.0);
        assert!(last < 12.0, "{seed}: {after:?}");
        let again = after.windows(2).filter(|pair| pair[1] - pair[0] > 0.1);
        assert!(again.count() <= 1, "{seed}: {after:?}");
    }
}

/// What grows at half its speed still grows.
#[test]
fn what_slows_down_has_not_ended() {
    let slower = |t: f64| {
        let hours = t / 3600.0;
        HELD * (1.0 + 0.1 * hours.min(6.0) + 0.05 * (hours - 6.0).max(0.0) + 0.002 * noise(t))
    };
    let mut judge = Judge::new(Options::default());
    feed(&mut judge, 0, 6 * HOUR, slower);
    assert_eq!(told(&mut judge, 6..20, slower).len(), 14 * 30);
}

/// Nor has what a short look cannot show, for all that comes and goes.
#[test]
fn what_is_hidden_by_teeth_has_not_ended() {
    let teeth = |t: f64| leak(3.0)(t) + 0.5 * HELD * (t / 2_400.0).fract();
    let mut judge = Judge::new(Options::default());
    let first = told(&mut judge, 0..24, teeth)[0] as u64 + 1;
    let mut judge = Judge::new(Options::default());
    feed(&mut judge, 0, first * HOUR, teeth);
    assert_eq!(
        told(&mut judge, first..40, teeth).len() as u64,
        (40 - first) * 30
    );
}

/// After an end, what goes on is told anew.
#[test]
fn what_begins_again_is_told_again() {
    let twice = |t: f64| {
        let hours = t / 3600.0;
        let grown = hours.clamp(2.0, 5.0) + hours.max(12.0);
        HELD * (1.0 + 0.1 * grown + 0.002 * noise(t))
    };
    let mut judge = Judge::new(Options::default());
    assert!(!told(&mut judge, 0..5, twice).is_empty());
    feed(&mut judge, 5 * HOUR, 12 * HOUR, twice);
    assert_eq!(judge.verdict(at(12 * HOUR), None).pattern, Pattern::Stable);
    let again = told(&mut judge, 12..14, twice);
    assert!(
        again.first().is_some_and(|first| *first < 13.0),
        "{again:?}"
    );
}

/// What noise seemed to be and took back is no end that hides a slow leak afterwards: samples every
/// ten seconds, half a percent an hour under noise of 1 %.
#[test]
fn what_was_given_back_hides_nothing() {
    for seed in 1..=5_u64 {
        let mut random = seed;
        let mut judge = Judge::close_up(Options {
            sample_interval: Duration::from_secs(10),
            baseline_after: Duration::ZERO,
            window: 1_000,
            ..Options::default()
        });
        for t in (0..=24 * HOUR).step_by(10) {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let noise = (random >> 11) as f64 / (1_u64 << 53) as f64 - 0.5;
            let bytes = 1e8 * (1.0 + 0.005 * t as f64 / 3600.0 + 0.0346 * noise);
            judge.add(Sample {
                at: at(t),
                bytes: bytes as u64,
            });
        }
        let verdict = judge.verdict(at(24 * HOUR), None);
        assert!(grows(&verdict), "{seed}: {verdict:#?}");
    }
}
