//! The arithmetic below, whatever comes in, for however long.

use proptest::prelude::*;

use super::*;
use crate::memory::verdict::{judge, statistics};

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
