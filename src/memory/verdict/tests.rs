//! What a user relies on, on memory that can be computed. How often the verdict is right on
//! memory that cannot is measured in `tests/verdict.rs`.

use std::time::Duration;

use proptest::prelude::*;

use super::{Judge, Options, Pattern, Sample, Severity, Verdict, judge, statistics};

const MIB: f64 = 1_048_576.0;
const HELD: f64 = 300.0 * MIB;
const HOUR: u64 = 3600;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Feeds `bytes(seconds)` every 30 s, from one time up to another.
fn feed(judge: &mut Judge, from: u64, to: u64, bytes: impl Fn(f64) -> f64) {
    for seconds in (from..to).step_by(30) {
        judge.add(Sample {
            at: at(seconds),
            bytes: (bytes(seconds as f64) / 4096.0).round().max(0.0) as u64 * 4096,
        });
    }
}

/// The verdict after so many hours.
fn after(hours: u64, bytes: impl Fn(f64) -> f64) -> Verdict {
    let mut judge = Judge::new(Options::default());
    feed(&mut judge, 0, hours * HOUR, bytes);
    judge.verdict(at(hours * HOUR), None)
}

/// A number between -1 and 1 that belongs to a time.
fn noise(seconds: f64) -> f64 {
    let mut z = (seconds as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// Growth by this part of [`HELD`] an hour.
fn leak(percent: f64) -> impl Fn(f64) -> f64 + Copy {
    move |t| HELD * (1.0 + percent / 100.0 * t / 3600.0 + 0.003 * noise(t))
}

#[test]
fn each_pattern_has_its_shape() {
    type Shape = fn(f64) -> f64;
    let table: [(&str, u64, Shape, Pattern); 12] = [
        ("nothing moves", 3, |_| HELD, Pattern::Stable),
        (
            "noise",
            12,
            |t| HELD * (1.0 + 0.03 * noise(t)),
            Pattern::Stable,
        ),
        (
            "10 % an hour, for an hour",
            1,
            |t| leak(10.0)(t),
            Pattern::Linear,
        ),
        ("1 % an hour, for six", 6, |t| leak(1.0)(t), Pattern::Linear),
        (
            "1 % an hour, for more than a day",
            28,
            |t| leak(1.0)(t),
            Pattern::Leak,
        ),
        (
            "10 % an hour, until it is half as much again",
            7,
            |t| leak(10.0)(t),
            Pattern::Leak,
        ),
        (
            "what leaked doubles every hour",
            8,
            |t| HELD * (0.97 + 0.03 * (t / 3600.0).exp2()),
            Pattern::Exponential,
        ),
        (
            "a sawtooth of 25 minutes by 60 %",
            12,
            |t| HELD * (1.0 + 0.6 * (t / 1500.0).fract()),
            Pattern::Stable,
        ),
        (
            "a cache with a half-life of half an hour",
            8,
            |t| HELD * (2.0 - (-t / 1800.0).exp2()),
            Pattern::Stable,
        ),
        (
            "a step an hour ago",
            6,
            |t| HELD * if t < 18_000.0 { 1.0 } else { 1.4 },
            Pattern::Stable,
        ),
        (
            "a step five minutes ago",
            6,
            |t| HELD * if t < 21_300.0 { 1.0 } else { 1.4 },
            Pattern::Spike,
        ),
        (
            "the third day of a daily rhythm",
            60,
            |t| HELD * (1.2 - 0.2 * (std::f64::consts::TAU * t / 86_400.0).cos()),
            Pattern::Stable,
        ),
    ];
    for (name, hours, shape, pattern) in table {
        let verdict = after(hours, shape);
        assert_eq!(verdict.pattern, pattern, "{name}: {verdict:#?}");
        assert!(verdict.confidence >= 0.7, "{name}: {verdict:#?}");
    }
}

/// Ten kilobytes an hour on 300 MB are not worth a word; three megabytes are.
#[test]
fn what_does_not_matter_is_stable() {
    let trickle = |bytes: f64| after(70, move |t| HELD + bytes * t / 3600.0).pattern;
    assert_eq!(trickle(10e3), Pattern::Stable);
    assert_eq!(trickle(3e6), Pattern::Leak);
    // Two percent in ten days is more than noise, and still too slow to matter.
    assert_eq!(after(14 * 24, |t| leak(0.012)(t)).pattern, Pattern::Stable);
}

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

/// Whose day is known is convicted sooner; a stranger may be a cache.
#[test]
fn a_known_day_makes_a_leak_plain() {
    let convicted = |onset: u64| {
        let mut judge = Judge::new(Options::default());
        let late = move |t: f64| leak(10.0)((t - onset as f64).max(0.0)) + 0.003 * HELD * noise(t);
        (0..onset + 8 * HOUR).step_by(120).find(|seconds| {
            feed(&mut judge, *seconds, seconds + 120, late);
            judge.verdict(at(seconds + 90), None).pattern == Pattern::Leak
        })
    };
    let (known, stranger) = (30 * HOUR, 2 * HOUR);
    let took = [known, stranger].map(|onset| convicted(onset).expect("a leak") - onset);
    assert!(took[0] < 2 * HOUR, "{took:?}");
    assert!((4 * HOUR..6 * HOUR).contains(&took[1]), "{took:?}");
}

/// The foot of a wave speeds up, but ever less: that is not how things double.
#[test]
fn the_foot_of_a_wave_is_not_exponential() {
    let mut judge = Judge::new(Options::default());
    let wave = |t: f64| HELD * (1.4 - 0.4 * (std::f64::consts::TAU * t / 86_400.0).cos());
    for seconds in (0..10 * HOUR).step_by(120) {
        feed(&mut judge, seconds, seconds + 120, wave);
        let verdict = judge.verdict(at(seconds + 90), None);
        assert_ne!(verdict.pattern, Pattern::Exponential, "{verdict:#?}");
    }
    assert!(judge.verdict(at(10 * HOUR), None).growth_ratio > Some(0.5));
}

/// One sample may be a misreading; two are a spike, and where it goes back it was one.
#[test]
fn a_single_sample_is_no_spike() {
    let mut judge = Judge::new(Options::default());
    feed(&mut judge, 0, 2 * HOUR, leak(0.0));
    let mut say = |from: u64, samples: u64, held: f64| {
        feed(&mut judge, from, from + 30 * samples, |_| held);
        judge.verdict(at(from + 30 * samples), None)
    };
    assert_eq!(say(2 * HOUR, 1, 1.5 * HELD).pattern, Pattern::Stable);
    let spike = say(2 * HOUR + 30, 1, 1.5 * HELD);
    assert_eq!(spike.pattern, Pattern::Spike, "{spike:#?}");
    assert_eq!((spike.lasting, spike.severity), (at(30), Severity::High));
    assert!(spike.recommendation.contains("jumped by 14"), "{spike:#?}");
    assert_eq!(say(2 * HOUR + 60, 1, HELD).pattern, Pattern::Stable);
}

/// Two steps, wherever they fall, are not growth.
#[test]
fn two_steps_are_not_growth() {
    for first in (2..6).map(|hour| f64::from(hour) * 3600.0) {
        for apart in [600.0, 1200.0, 2400.0, 7200.0] {
            let mut judge = Judge::new(Options::default());
            let steps = |t: f64| {
                let stepped = u8::from(t > first) + u8::from(t > first + apart);
                HELD * (1.0 + 0.2 * f64::from(stepped) + 0.002 * noise(t))
            };
            for seconds in (0..14 * HOUR).step_by(120) {
                feed(&mut judge, seconds, seconds + 120, steps);
                let pattern = judge.verdict(at(seconds + 90), None).pattern;
                assert_ne!(pattern, Pattern::Linear, "{first} {apart}: {seconds} s");
            }
        }
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

/// What rose once and stays is at rest, but nobody says that it did not grow.
#[test]
fn a_plateau_is_not_called_no_growth() {
    for (risen, most, after) in [(180.0, 0.75, 40), (15.0, 0.9, 40), (180.0, 0.75, 300)] {
        let mut judge = Judge::new(Options::default());
        let up = 2 * HOUR;
        let now = up + 60 * after;
        feed(&mut judge, 0, now, |t| {
            MIB * (38.0 + if t >= up as f64 { risen } else { 0.0 } + 0.1 * noise(t))
        });
        let verdict = judge.verdict(at(now), None);
        assert_eq!(verdict.pattern, Pattern::Stable, "{verdict:#?}");
        assert!(verdict.confidence <= most, "{verdict:#?}");
        let percent = format!("It holds {:.0}", risen / 38.0 * 100.0);
        assert!(
            verdict.recommendation.starts_with(&percent[..10]),
            "{verdict:#?}"
        );
        assert!(verdict.lasting <= at(60 * after + 60), "{verdict:#?}");
        assert!(verdict.lasting >= at(50 * after - 240), "{verdict:#?}");
    }
}

/// Fixed limits on growth do not come and go with the teeth.
#[test]
fn teeth_do_not_move_the_floor() {
    let mut peaks = 0;
    for case in 0..12 {
        let (period, phase) = ([300.0, 480.0, 1500.0][case / 4], 0.25 * (case % 4) as f64);
        let mut judge = Judge::new(Options::default());
        for seconds in (0..8 * HOUR).step_by(120) {
            feed(&mut judge, seconds, seconds + 120, |t| {
                HELD * (1.0 + 0.5 * (t / period + phase).fract() + 0.002 * noise(t))
            });
            let verdict = judge.verdict(at(seconds + 90), None);
            peaks += usize::from(verdict.growth_ratio > Some(0.2));
            assert!(
                verdict.floor_growth_ratio < Some(0.2),
                "{case} at {seconds} s: {verdict:#?}"
            );
        }
    }
    assert!(peaks > 100, "{peaks}");
    // What stays does.
    let step = after(4, |t| HELD * if t > 7_200.0 { 1.5 } else { 1.0 });
    assert_eq!(step.floor_growth_ratio, Some(0.5));
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

#[test]
fn severity_follows_confidence() {
    let case = |pattern, confidence| super::advice::Case {
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
        let said = super::advice::severity(&case(pattern, confidence));
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

/// Ten thousand days later it is as large as it said at first.
#[test]
fn it_does_not_grow_itself() {
    let mut judge = Judge::new(Options::default());
    let promised = judge.footprint();
    assert!(promised <= 16 * 1024, "{promised}");
    for tick in 0..200_000 {
        judge.add(Sample {
            at: at(tick * 300),
            bytes: leak(0.1)((tick * 300) as f64) as u64,
        });
    }
    assert_eq!(judge.footprint(), promised);
    assert!(judge::held(&judge) <= promised, "{}", judge::held(&judge));
}

#[test]
fn statistics_of_few_points() {
    use statistics::{line, median, swing};
    assert_eq!(median(&mut []), 0.0);
    assert_eq!(median(&mut [3.0]), 3.0);
    assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), 2.5);
    // By hand: six pairs, slopes 1 1 1 1 1 1 but for the wild last one: 1 1 1 and 33, 49, 97.
    let wild = line(&[0.0, 1.0, 2.0, 3.0], &[0.0, 1.0, 2.0, 99.0], 1.0);
    assert_eq!(wild.slope, f64::midpoint(1.0, 33.0));
    // Kendall's sum of four rising points is 6, its variance 52/6.
    assert!((wild.score - 5.0 / (52.0_f64 / 6.0).sqrt()).abs() < 1e-12);
    let tied = line(&[0.0, 1.0, 2.0], &[5.0, 5.0, 5.0], 1.0);
    assert_eq!((tied.slope, tied.score), (0.0, 0.0));
    // Noise that remembers counts for less of it.
    assert_eq!(
        statistics::variance_inflation(&[1.0, -1.0, 1.0, -1.0], 0.0),
        1.0
    );
    let waves = [1.0, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0];
    let inflation = statistics::variance_inflation(&waves, 0.0);
    assert!((inflation - 13.0 / 3.0).abs() < 1e-12, "{inflation}");
    assert_eq!(statistics::variance_inflation(&[0.0; 8], 0.0), 1.0);
    let (times, rising) = ([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 2.0, 3.0]);
    let scores = [1.0, 4.0].map(|inflation| line(&times, &rising, inflation).score);
    assert!((scores[0] - 2.0 * scores[1]).abs() < 1e-12, "{scores:?}");
    let table: [(&[f64], f64); 5] = [
        (&[1.0, 2.0, 3.0], 0.0),
        (&[3.0, 2.0, 1.0], 0.0),
        (&[1.0, 5.0, 2.0], 3.0),
        (&[1.0, 5.0, 0.0], 4.0),
        (&[9.0, 1.0, 5.0, 4.0, 9.0, 3.0], 6.0),
    ];
    for (values, expected) in table {
        assert_eq!(swing(values.iter().copied()), expected, "{values:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever comes in, what comes out are numbers in their ranges.
    #[test]
    fn nothing_is_too_strange(
        interval in prop_oneof![Just(Duration::ZERO), Just(Duration::MAX), Just(at(30))],
        window in prop_oneof![Just(0), Just(usize::MAX), 2..50_usize],
        min_points in prop_oneof![Just(0), Just(usize::MAX), 2..50_usize],
        confidence in any::<f64>(),
        events in proptest::collection::vec((any::<u8>(), 0..100_000_u64, any::<u64>()), 0..400),
        last in prop_oneof![Just(Duration::ZERO), Just(Duration::MAX)],
        limit in any::<Option<u64>>(),
    ) {
        let mut judge = Judge::new(Options {
            sample_interval: interval,
            baseline_after: at(60),
            window,
            min_points,
            confidence,
            ..Options::default()
        });
        let mut now = Duration::ZERO;
        for (kind, wait, bytes) in events {
            now += Duration::from_millis(wait);
            match kind {
                0 => judge.restarted(now),
                1 => judge.set_baseline(now),
                _ => judge.add(Sample { at: now, bytes }),
            }
        }
        judge.add(Sample { at: last, bytes: 1 });
        for now in [now, last] {
            let verdict = judge.verdict(now, limit);
            prop_assert!((0.0..=1.0).contains(&verdict.confidence));
            prop_assert!(verdict.slope_bytes_per_second.is_finite());
            prop_assert!(verdict.growth_ratio.is_none_or(f64::is_finite));
            prop_assert!(verdict.seconds_to_limit.is_none_or(|seconds| seconds >= 0.0));
        }
    }
}
