use proptest::prelude::*;

use super::*;
use crate::buffers::Stretch;

const FORMAT: AudioFormat = AudioFormat {
    sample_rate: 48_000,
    channels: 1,
};

/// Stretches out of gaps and lengths, in frames.
fn map(origin: Instant, parts: &[(u64, u64)], first_position: u64) -> TimeMap {
    let (mut at, mut position) = (0i64, first_position);
    let mut stretches = Vec::new();
    for (gap, frames) in parts {
        at += gap.cast_signed();
        stretches.push(Stretch {
            at,
            position,
            frames: *frames,
        });
        at += frames.cast_signed();
        position += frames;
    }
    TimeMap::new(origin, FORMAT.sample_rate, stretches)
}

fn audio(position: u64, frames: u64) -> Span {
    Span::Audio { position, frames }
}

#[test]
fn the_newest_ends_with_the_newest_sample_and_counts_gaps() {
    let map = map(Instant::now(), &[(0, 96_000), (48_000, 48_000)], 7);
    let last = |millis| {
        let wanted = Wanted::Last(Duration::from_millis(millis));
        Plan::new(FORMAT, map.clone(), wanted).unwrap()
    };
    assert_eq!(last(500).spans(), [audio(7 + 96_000 + 24_000, 24_000)]);
    let all = last(2_500);
    let silence = Span::Silence { frames: 48_000 };
    assert_eq!(
        all.spans(),
        [
            audio(7 + 72_000, 24_000),
            silence,
            audio(7 + 96_000, 48_000)
        ]
    );
    assert_eq!(all.gaps().collect::<Vec<_>>(), [(24_000, 48_000)]);
    let more = last(60_000);
    assert_eq!((more.wanted(), more.frames()), (60 * 48_000, 4 * 48_000));
    assert_eq!(more.audio(), 3 * 48_000);
}

#[test]
fn what_is_not_there_is_refused_with_what_is() {
    let origin = Instant::now();
    let map = map(origin, &[(0, 48_000), (48_000, 48_000)], 0);
    let at = |millis| origin + Duration::from_millis(millis);
    let between = |from, to: Option<u64>| {
        let (from, to) = (at(from), to.map(at));
        Plan::new(FORMAT, map.clone(), Wanted::Between { from, to })
    };
    let held = Some((at(0), at(3_000)));
    assert_eq!(between(3_000, None), Err(Nothing::Elsewhere { held }));
    assert_eq!(
        between(5_000, Some(6_000)),
        Err(Nothing::Elsewhere { held })
    );
    assert_eq!(between(1_000, Some(1_000)), Err(Nothing::TooShort));
    // In the middle of a gap there is silence, as ever.
    let gap = between(1_200, Some(1_700)).unwrap();
    assert_eq!((gap.audio(), gap.frames()), (0, 24_000));
    let empty = TimeMap::new(origin, 48_000, Vec::new());
    let wanted = Wanted::Last(Duration::from_secs(1));
    assert_eq!(Plan::new(FORMAT, empty, wanted), Err(Nothing::Empty));
}

fn parts() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let gap = prop_oneof![Just(0), 1..2_000u64];
    prop::collection::vec((gap, 1..3_000u64), 1..20)
}

/// What each frame of the plan is: a position, or nothing.
fn frames(plan: &Plan) -> Vec<Option<u64>> {
    let mut frames = Vec::new();
    for span in plan.spans() {
        match *span {
            Span::Audio {
                position,
                frames: n,
            } => {
                frames.extend((position..position + n).map(Some));
            }
            Span::Silence { frames: n } => frames.extend((0..n).map(|_| None)),
        }
    }
    frames
}

/// The same by looking up each frame of time.
fn by_hand(map: &TimeMap, range: Range<i64>) -> Vec<Option<u64>> {
    let find = |at: i64| {
        let within = |s: &&Stretch| (s.at..s.end()).contains(&at);
        let found = map.stretches().iter().find(within);
        found.map(|s| s.position + at.abs_diff(s.at))
    };
    range.map(find).collect()
}

proptest! {
    #[test]
    fn every_frame_is_where_it_belongs(
        parts in parts(),
        position in 0..1_000u64,
        from in -3_000..30_000i64,
        length in 1..30_000i64,
    ) {
        let origin = Instant::now() + Duration::from_secs(1_000);
        let map = map(origin, &parts, position);
        let there = map.stretches()[0].at..map.stretches().last().unwrap().end();
        // Any moment after the frame before belongs to the frame.
        let just_after = |frame: i64| {
            map.time_of(frame - 1).unwrap() + Duration::from_nanos(2)
        };
        let wanted = Wanted::Between {
            from: just_after(from),
            to: Some(just_after(from + length)),
        };
        let range = from.max(there.start)..(from + length).min(there.end);
        match Plan::new(FORMAT, map.clone(), wanted) {
            Ok(plan) => {
                prop_assert_eq!(frames(&plan), by_hand(&map, range.clone()));
                prop_assert_eq!(plan.wanted(), length as u64);
                prop_assert_eq!(plan.start, range.start);
                let silence: u64 = plan.gaps().map(|(_, frames)| frames).sum();
                prop_assert_eq!(plan.audio() + silence, plan.frames());
                prop_assert!(plan.frames() <= plan.wanted());
                let positions: Vec<_> = frames(&plan).into_iter().flatten().collect();
                prop_assert!(positions.windows(2).all(|p| p[1] == p[0] + 1), "adjacent");
            }
            Err(Nothing::Elsewhere { .. }) => prop_assert!(range.is_empty()),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn ranges_that_meet_neither_overlap_nor_miss_anything(
        parts in parts(),
        cuts in prop::collection::btree_set(0..700_000u64, 2..5),
    ) {
        let origin = Instant::now();
        let map = map(origin, &parts, 0);
        let between = |from: u64, to: u64| {
            let at = |micros| origin + Duration::from_micros(micros);
            let wanted = Wanted::Between { from: at(from), to: Some(at(to)) };
            let plan = Plan::new(FORMAT, map.clone(), wanted).ok();
            plan.map_or_else(Vec::new, |plan| frames(&plan))
        };
        let cuts: Vec<_> = cuts.into_iter().collect();
        let pieces: Vec<_> = cuts.windows(2).flat_map(|c| between(c[0], c[1])).collect();
        prop_assert_eq!(pieces, between(cuts[0], cuts[cuts.len() - 1]));
    }

    #[test]
    fn what_is_overtaken_is_left_out_at_the_old_end(parts in parts(), tail in 0..70_000u64) {
        let map = map(Instant::now(), &parts, 0);
        let wanted = Wanted::Last(Duration::from_secs(1_000));
        let mut plan = Plan::new(FORMAT, map, wanted).unwrap();
        let (before, end) = (frames(&plan), plan.start + plan.frames().cast_signed());
        plan.overtaken(tail);
        let after = frames(&plan);
        prop_assert!(before.ends_with(&after));
        prop_assert!(after.iter().flatten().all(|position| *position >= tail));
        prop_assert_eq!(plan.start + plan.frames().cast_signed(), end);
        let lost = before.iter().flatten().filter(|position| **position < tail).count();
        prop_assert_eq!(before.iter().flatten().count() - after.iter().flatten().count(), lost);
    }
}
