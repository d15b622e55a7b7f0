//! What is judged to be growth, and what is not.

use super::*;
use crate::memory::verdict::{Counted, Pattern};

#[test]
fn restarts_are_counted_and_never_judged_as_growth() {
    let mut fixture = Fixture::new(&[bird()]);
    // Each time larger than before, as a leak would look.
    for minute in 0..200_u32 {
        let pid = 100 + minute;
        fixture
            .tree
            .process_started(pid, 1, "bird", &["bird"], u64::from(minute) * 6_000);
        fixture.tree.resident(pid, u64::from(minute) * 1_000 + 1);
        for round in 0..12 {
            let status = fixture.at(minute * 60 * SECOND + round * 5 * SECOND);
            let verdict = status.verdict.as_ref().unwrap();
            assert_eq!(
                verdict.pattern,
                Pattern::Unknown,
                "minute {minute}: {verdict:?}"
            );
            assert!(verdict.samples <= 3, "{verdict:?}");
        }
        assert_eq!(fixture.status("bird").totals.restarts, u64::from(minute));
        fixture.tree.end(pid);
    }
}

/// A tree that multiplies is its own growth, not that of the descriptors kept open to read it.
#[test]
fn what_is_kept_open_to_watch_others_is_no_growth_of_ours() {
    let me = std::process::id();
    for keeps in [true, false] {
        let mut fixture = Fixture::new(&[bird()]);
        fixture.tree.process(10, 1, "bird", &["bird"]);
        let mut grew = false;
        // The warm-up, and then a child more every other sample.
        for sample in 0..90_u32 {
            if sample > 20 && sample % 2 == 0 {
                fixture.tree.process(100 + sample, 10, "child", &["child"]);
            }
            // Ten and those kept, as the kernel would count them.
            let kept: u64 = fixture.sampler.targets.iter().map(Target::kept_open).sum();
            let all = if keeps {
                10 + kept
            } else {
                10 + u64::from(sample)
            };
            fixture.tree.descriptors(me, all);
            fixture.at(sample * INTERVAL);
            let own = fixture.own();
            let reading = own.reading.as_ref().unwrap();
            assert_eq!(reading.watching_fds, Some(kept));
            assert_eq!(reading.open_fds, Some(all.saturating_sub(kept)));
            grew |= own.growing.contains(&Counted::OpenFds);
        }
        let kept = fixture.own().reading.as_ref().unwrap().watching_fds;
        assert!(kept > Some(30), "{kept:?}");
        let tree = fixture.status("bird");
        assert!(tree.growing.contains(&Counted::Processes), "{tree:?}");
        assert_eq!(grew, !keeps);
    }
}

/// What the look at another opened is open when our own are counted, in whatever order.
#[test]
fn what_is_kept_open_is_counted_when_our_own_are() {
    for ours_first in [true, false] {
        let mut fixture = Fixture::new(&[bird()]);
        fixture.tree.process(10, 1, "bird", &["bird"]);
        if !ours_first {
            fixture.sampler.targets.reverse();
        }
        let kept =
            |sampler: &Sampler| -> u64 { sampler.targets.iter().map(Target::kept_open).sum() };
        fixture.at(Duration::ZERO);
        fixture.tree.process(11, 10, "child", &["child"]);
        let before = kept(&fixture.sampler);
        fixture.at(INTERVAL);
        let after = kept(&fixture.sampler);
        assert!(after > before, "the child's as well");
        let open = if ours_first { before } else { after };
        let own = fixture.own();
        assert_eq!(own.reading.as_ref().unwrap().watching_fds, Some(open));
        // Asked for, it is that of now, with the second look at ourselves, and none is left.
        let own = ProcessName::own();
        let ours = fixture.sampler.of_name(Some(&own)).next();
        let again = ours.map_or(0, |target| target.kept_open());
        assert!(again > 0);
        for _ in 0..2 {
            let glimpses = fixture.sampler.analyze(INTERVAL, Some(&own));
            let reading = glimpses[0].status.reading.as_ref().unwrap();
            assert_eq!(reading.watching_fds, Some(after + again));
        }
        assert_eq!(kept(&fixture.sampler), after);
    }
}

const HOUR: Duration = Duration::from_secs(3_600);

/// A level with a little noise, in pages of 4 KiB of some 100 MB.
fn level(sample: u32) -> u64 {
    25_000 + u64::from(sample * 7_919 % 101)
}

#[test]
fn a_wall_clock_that_steps_changes_nothing() {
    let course = |steps: bool| {
        let mut fixture = Fixture::new(&[bird()]);
        let mut seen = Vec::new();
        fixture.tree.process(10, 1, "bird", &["bird"]);
        for sample in 0..480 {
            // The kernel derives the boot time from the wall clock.
            let boot = match sample {
                200..300 if steps => 1_700_003_600,
                300.. if steps => 1_699_996_400,
                _ => 1_700_000_000_u64,
            };
            fixture
                .tree
                .write("proc/stat", &format!("cpu 1\nbtime {boot}\n"));
            fixture.tree.now(1_000 + u64::from(sample) * 3_000);
            fixture.tree.resident(10, level(sample));
            let status = fixture.at(sample * INTERVAL);
            let verdict = status.verdict.clone().unwrap();
            let reading = status.reading.as_ref().unwrap();
            seen.push((verdict, reading.started, status.totals.clone()));
        }
        seen
    };
    let calm = course(false);
    assert_eq!(calm.last().unwrap().0.pattern, Pattern::Stable);
    assert_eq!(course(true), calm);
}

/// Nobody saw what it held meanwhile, or how fast it came to it.
#[test]
fn a_machine_that_slept_is_no_growth() {
    let mut fixture = Fixture::new(&[bird()]);
    fixture.tree.process(10, 1, "bird", &["bird"]);
    let (mut now, mut patterns) = (Duration::ZERO, Vec::new());
    for sample in 0..960 {
        now += if sample == 480 { 8 * HOUR } else { INTERVAL };
        fixture.tree.now(1_000 + now.as_secs() * 100);
        let more = if sample < 480 { 0 } else { 10_000 };
        fixture.tree.resident(10, level(sample) + more);
        let status = fixture.at(now);
        let verdict = status.verdict.clone().unwrap();
        if sample >= 480 {
            let awake = (sample - 480) * INTERVAL;
            assert!(verdict.lasting <= awake, "{verdict:?}");
        }
        let says_so = verdict.recommendation.contains("nobody looked for 8.0 h");
        match sample {
            0..480 => assert!(!says_so, "{sample} {verdict:?}"),
            480..500 => assert!(says_so, "{sample} {verdict:?}"),
            _ => {}
        }
        assert!(
            verdict.slope_bytes_per_second.abs() < 1_000.0,
            "{verdict:?}"
        );
        assert!(status.growing.is_empty() && status.totals.restarts == 0);
        patterns.push(verdict.pattern);
    }
    let grows = |pattern: &Pattern| {
        matches!(
            pattern,
            Pattern::Linear | Pattern::Leak | Pattern::Exponential
        )
    };
    assert!(!patterns.iter().any(grows));
    assert_eq!(patterns.last(), Some(&Pattern::Stable));
}
