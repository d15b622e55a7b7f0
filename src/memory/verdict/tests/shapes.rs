//! What a course of memory is called.

use super::*;

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

/// Two jumps may be one; of more, none is the one that did it.
#[test]
fn many_jumps_are_not_a_spike() {
    for between in [60, 90, 120] {
        let mut judge = Judge::new(Options::default());
        let stairs = |t: f64| {
            let jumps = ((t - 7_200.0) / between as f64).max(0.0).floor();
            HELD * (1.0 + 0.3 * jumps) + MIB * noise(t)
        };
        let third = 2 * HOUR + 3 * between;
        feed(&mut judge, 0, third, stairs);
        for t in (third..2 * HOUR + 600).step_by(30) {
            feed(&mut judge, t, t + 30, stairs);
            let verdict = judge.verdict(at(t + 30), None);
            assert_ne!(
                verdict.pattern,
                Pattern::Spike,
                "{between} {t}: {verdict:#?}"
            );
        }
    }
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
