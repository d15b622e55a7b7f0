//! How fast it grows, by how much, and when the limit is reached.

use super::*;

/// Ways of hiding a leak of 5 % an hour for six hours.
#[test]
fn a_leak_shows_through_bursts_dips_and_steps() {
    type Disturb = fn(f64) -> f64;
    let table: [(&str, Disturb); 4] = [
        ("more often busy than not", |t| {
            0.5 * f64::from(u8::from(noise(t) > -0.2))
        }),
        ("pages taken away for a moment", |t| {
            -0.4 * f64::from(u8::from(noise(t) > 0.9))
        }),
        ("one step up", |t| 0.3 * f64::from(u8::from(t > 9_000.0))),
        ("teeth of four minutes", |t| 0.5 * (t / 240.0).fract()),
    ];
    for (name, disturb) in table {
        let verdict = after(6, move |t| leak(5.0)(t) + HELD * disturb(t));
        assert_eq!(verdict.pattern, Pattern::Linear, "{name}: {verdict:#?}");
        let percent = verdict.slope_bytes_per_second * 3600.0 / HELD * 100.0;
        assert!((4.0..6.0).contains(&percent), "{name}: {percent} %/h");
    }
}

/// The teeth go, the leak stays, and the slope is its own.
#[test]
fn a_leak_shows_through_a_sawtooth() {
    let verdict = after(12, |t| leak(5.0)(t) + 0.4 * HELD * (t / 1260.0).fract());
    assert!(
        matches!(verdict.pattern, Pattern::Linear | Pattern::Leak),
        "{verdict:#?}"
    );
    let percent = verdict.slope_bytes_per_second * 3600.0 / HELD * 100.0;
    assert!((4.5..5.5).contains(&percent), "{percent} %/h");
}

/// A burst of twice the memory late in the window moves neither the slope nor its bounds.
#[test]
fn bursts_do_not_bend_the_slope() {
    let burst = |t: f64| {
        if (19_000.0..20_400.0).contains(&t) {
            HELD
        } else {
            0.0
        }
    };
    let verdict = after(6, |t| leak(5.0)(t) + burst(t));
    let (low, high) = verdict.slope_interval.expect("growth");
    let per_hour = |slope: f64| slope * 3600.0 / HELD * 100.0;
    assert!((4.8..5.2).contains(&per_hour(verdict.slope_bytes_per_second)));
    assert!(per_hour(low) > 4.5 && per_hour(high) < 5.5, "{low} {high}");
}

/// A mebibyte a second on a machine of one gibibyte.
#[test]
fn a_fast_leak_is_told_before_the_memory_is_gone() {
    let mut judge = Judge::new(Options::default());
    let fast = |t: f64| 160.0 * MIB + MIB * t + 2.0 * MIB * noise(t);
    let limit = Some(1 << 30);
    let mut first: [Option<u64>; 4] = [None; 4];
    for seconds in (0..2 * HOUR).step_by(30) {
        feed(&mut judge, seconds, seconds + 30, fast);
        let verdict = judge.verdict(at(seconds), limit);
        let rate = verdict.slope_bytes_per_second / MIB;
        let signs = [
            (0.9..1.1).contains(&rate),
            verdict.seconds_to_limit.is_some(),
            verdict.severity == Severity::Critical,
            verdict.pattern == Pattern::Linear,
        ];
        for (first, sign) in first.iter_mut().zip(signs) {
            *first = first.or(sign.then_some(seconds));
        }
        if first[3].is_some() {
            let words = &verdict.recommendation;
            let grows = !matches!(verdict.pattern, Pattern::Unknown | Pattern::Stable);
            assert!(grows && words.contains(" an hour for "), "{verdict:#?}");
        }
    }
    let first = first.map(|first| first.expect("told"));
    let most = [150, 150, 300, 420];
    assert!(
        first.iter().zip(most).all(|(at, most)| *at <= most),
        "{first:?}"
    );
}

/// The baseline is that of the end of the warm-up, until somebody sets it.
#[test]
fn growth_is_relative_to_the_baseline() {
    let mut judge = Judge::new(Options::default());
    let ramp = |t: f64| HELD * (1.0 + t / 36_000.0);
    feed(&mut judge, 0, 5 * HOUR, ramp);
    let baseline = judge.baseline().expect("a baseline") as f64;
    assert!((ramp(510.0)..=ramp(600.0)).contains(&baseline));
    let ratio = |judge: &Judge| judge.verdict(at(5 * HOUR), None).growth_ratio.expect("one");
    assert!((0.45..0.50).contains(&ratio(&judge)));
    judge.set_baseline(at(5 * HOUR));
    assert!(ratio(&judge).abs() < 0.001);
}

#[test]
fn the_limit_is_reached_when_the_slope_says() {
    let mut judge = Judge::new(Options::default());
    feed(&mut judge, 0, 4 * HOUR, leak(10.0));
    let now = at(4 * HOUR);
    assert_eq!(judge.verdict(now, None).seconds_to_limit, None);
    let limit = (2.0 * HELD) as u64;
    let verdict = judge.verdict(now, Some(limit));
    let hours = verdict.seconds_to_limit.expect("it grows") / 3600.0;
    assert!((5.8..6.1).contains(&hours), "{hours}");
    let (soonest, latest) = verdict.seconds_to_limit_interval.expect("it grows");
    assert!(soonest < hours * 3600.0 && hours * 3600.0 < latest);
    assert!(verdict.recommendation.contains("+37.8 %"), "{verdict:#?}");
    assert!(
        verdict.recommendation.contains("The limit is 6.0 h away"),
        "{verdict:#?}"
    );
    // Less than an hour is critical, whatever the pattern.
    let near = judge.verdict(now, Some((1.45 * HELD) as u64));
    assert_eq!(
        (near.pattern, near.severity),
        (Pattern::Linear, Severity::Critical)
    );
    let over = judge.verdict(now, Some(1));
    assert_eq!(over.seconds_to_limit, Some(0.0));
}

/// What loads in the first minutes has not grown since the baseline.
#[test]
fn what_loads_while_it_starts_has_not_grown() {
    let mut judge = Judge::new(Options::default());
    let loads = |t: f64| HELD * if t < 200.0 { 0.7 } else { 1.0 } + MIB * noise(t);
    feed(&mut judge, 0, 2 * HOUR, loads);
    let grown = judge.verdict(at(2 * HOUR), None).floor_growth_ratio;
    assert!(grown.is_some_and(|ratio| ratio.abs() < 0.02), "{grown:?}");
}

/// Of what nobody remembers nothing is said.
#[test]
fn it_is_stable_for_as_long_as_is_remembered_at_most() {
    let mut judge = Judge::new(Options::default());
    let loads = |t: f64| HELD * if t < 200.0 { 0.7 } else { 1.0 } + MIB * noise(t);
    feed(&mut judge, 0, HOUR, loads);
    let verdict = judge.verdict(at(HOUR), None);
    assert_eq!(verdict.pattern, Pattern::Stable);
    // The warm-up ends after ten minutes.
    let most = Duration::from_secs(50 * 60);
    assert!(verdict.lasting <= most, "{verdict:#?}");
    assert!(
        verdict.lasting > Duration::from_secs(40 * 60),
        "{verdict:#?}"
    );
}
