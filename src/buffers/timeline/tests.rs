use std::time::Duration;

use proptest::prelude::*;

use super::*;

const RATE: u32 = 8_000;
/// 20 ms.
const BLOCK: u64 = 160;

/// A ring's writer with a clock of its own, in milliseconds.
struct Writer {
    timeline: Timeline,
    origin: Instant,
    head: u64,
    /// When the latest came.
    now: u64,
}

impl Writer {
    fn new() -> Self {
        let origin = Instant::now();
        Self {
            timeline: Timeline::new(RATE, origin),
            origin,
            head: 0,
            now: 0,
        }
    }

    fn at(&self, millis: u64) -> Instant {
        self.origin + Duration::from_millis(millis)
    }

    /// A block that comes then.
    fn block(&mut self, now: u64) {
        self.head += BLOCK;
        self.now = now;
        self.timeline.mark(0, self.head, self.at(now));
    }

    /// Writes `millis` of audio in blocks that come in real time, the last at `end`.
    fn live(&mut self, end: u64, millis: u64) {
        for n in (0..millis / 20).rev() {
            self.block(end - n * 20);
        }
    }

    /// Writes `millis` of audio that come at once, at `now`.
    fn burst(&mut self, now: u64, millis: u64) {
        for _ in 0..millis / 20 {
            self.block(now);
        }
    }

    fn gap(&mut self, gap: Gap) {
        self.timeline.gap(self.head, gap);
    }

    /// What is mapped a second later, each stretch by when it begins and how long it is, in
    /// milliseconds.
    fn map(&mut self) -> Vec<(i64, u64)> {
        let later = self.at(self.now + 1_000);
        let map = self.timeline.map(0, self.head, later);
        let millis = |frame| {
            let nanos = nanos_since(self.origin, map.time_of(frame).unwrap());
            (nanos + 500_000).div_euclid(1_000_000)
        };
        let stretches = map.stretches().iter();
        stretches.map(|s| (millis(s.at), s.frames / 8)).collect()
    }
}

#[test]
fn what_was_lost_on_the_way_is_a_gap_of_just_that_length() {
    let mut writer = Writer::new();
    writer.live(1_000, 1_000);
    writer.gap(Gap::Frames(BLOCK));
    writer.gap(Gap::Frames(2 * BLOCK));
    // It came late, and then with some hurry: the gap is known all the same.
    writer.live(3_300, 1_000);
    writer.burst(3_310, 1_000);
    assert_eq!(writer.map(), [(0, 1_000), (1_060, 2_000)]);
}

#[test]
fn a_way_that_became_a_little_longer_is_no_gap() {
    let mut writer = Writer::new();
    writer.live(5_000, 5_000);
    writer.gap(Gap::Pause);
    writer.burst(12_400, 7_000);
    assert_eq!(writer.map(), [(0, 12_000)]);
    // The older audio stays where it is, and the newest is led to where it belongs.
    writer.live(112_400, 100_000);
    let map = writer.timeline.map(0, writer.head, writer.at(112_400));
    let [all] = map.stretches() else {
        panic!("{map:?}");
    };
    assert_eq!(map.time_of(all.at), Some(writer.at(0)));
    assert_eq!(map.time_of(all.at + 96_000), Some(writer.at(12_000)));
    let end = nanos_since(writer.origin, map.time_of(all.end()).unwrap());
    assert!((end - 112_400_000_000).abs() < 1_000_000, "{end}");
    writer.gap(Gap::Session);
    writer.live(113_800, 1_000);
    assert_eq!(writer.map()[1], (112_800, 1_000), "a session misses 400 ms");
}

#[test]
fn audio_that_is_late_for_good_is_missing_somewhere() {
    let mut writer = Writer::new();
    writer.live(20_000, 20_000);
    // Pauses that are too short to be told, none of which is made up for.
    for n in 1..=10 {
        writer.live(20_000 + n * 2_900, 2_000);
    }
    writer.live(109_000, 60_000);
    let map = writer.map();
    let (begin, length) = *map.last().unwrap();
    let end = begin + length.cast_signed();
    assert!((end - 109_000).abs() < 1_000 && map.len() < 12, "{map:?}");
    assert_eq!(map[0].0, 0);
}

#[test]
fn more_audio_than_time_moves_older_audio_back() {
    let mut writer = Writer::new();
    writer.live(10_000, 10_000);
    writer.burst(10_000, 900);
    assert_eq!(writer.map(), [(0, 10_900)], "less than a second is early");
    writer.burst(10_000, 2_100);
    // To within what it had been led.
    let (begin, length) = writer.map()[0];
    assert!((begin + 3_000).abs() < 10 && length == 13_000, "{begin}");
}

#[test]
fn a_session_misses_what_the_clock_says() {
    let mut writer = Writer::new();
    writer.live(10_000, 10_000);
    writer.gap(Gap::Session);
    writer.gap(Gap::Frames(BLOCK));
    writer.live(13_400, 1_000);
    assert_eq!(writer.map(), [(0, 10_000), (12_400, 1_000)]);
}

#[test]
fn a_crystal_that_is_wrong_does_not_carry_the_newest_audio_away() {
    for percent in [-1, 1] {
        let mut writer = Writer::new();
        // Ten minutes of a clock that is wrong by a whole percent: up to 6 s.
        for n in 1..=30_000 {
            writer.head += BLOCK;
            let now = n * 20_000 + n * 200 * percent;
            let now = writer.origin + Duration::from_micros(now as u64);
            writer.timeline.mark(0, writer.head, now);
        }
        let end = 600_000 + 6_000 * percent;
        let head = writer.head;
        let map = writer.timeline.map(0, head, writer.at(600_000));
        let told = map.time_of(map.stretches()[0].end()).unwrap();
        let told = nanos_since(writer.origin, told) / 1_000_000;
        assert!((told - end).abs() < 350, "{percent} %: {told} for {end}");
    }
}

#[test]
fn what_was_overwritten_or_is_too_much_is_forgotten() {
    let mut writer = Writer::new();
    for n in 1..=1_000u64 {
        writer.live(n * 40, 20);
        writer.gap(Gap::Frames(BLOCK));
    }
    let map = writer.map();
    assert_eq!((map.len(), map[0].0), (MOST_SEGMENTS - 1, 745 * 40 + 20));
    let (head, now) = (writer.head, writer.at(40_000));
    let map = writer.timeline.map(head - 2 * BLOCK - 7, head, now);
    let frames: Vec<_> = map.stretches().iter().map(|s| s.frames).collect();
    assert_eq!(frames, [7, BLOCK, BLOCK]);
    assert_eq!(map.stretches()[0].position, head - 2 * BLOCK - 7);
    assert!(writer.timeline.segments.len() <= 4, "the rest is gone");
    assert!(writer.timeline.dates.len() <= 3, "of its dates too");
}

#[derive(Clone, Debug)]
enum Event {
    Live(u64),
    Burst(u64),
    Wait(u64),
    Gap(Gap),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (1..50u64).prop_map(|blocks| Event::Live(blocks * 20)),
        (1..50u64).prop_map(|blocks| Event::Burst(blocks * 20)),
        (0..5_000u64).prop_map(Event::Wait),
        (0..500u64).prop_map(|frames| Event::Gap(Gap::Frames(frames))),
        Just(Event::Gap(Gap::Frames(u64::MAX))),
        Just(Event::Gap(Gap::Pause)),
        Just(Event::Gap(Gap::Session)),
    ]
}

proptest! {
    #[test]
    fn stretches_are_in_order_and_hold_every_frame_once(
        events in prop::collection::vec(event(), 0..60),
        keep in 0..20_000u64,
    ) {
        let mut writer = Writer::new();
        let mut now = 0;
        for event in events {
            match event {
                Event::Live(millis) => {
                    now += millis;
                    writer.live(now, millis);
                }
                Event::Burst(millis) => writer.burst(now, millis),
                Event::Wait(millis) => now += millis,
                Event::Gap(gap) => writer.gap(gap),
            }
            let tail = writer.head.saturating_sub(keep);
            let later = writer.at(now + 1_000);
            let map = writer.timeline.map(tail, writer.head, later);
            let mut position = tail;
            for stretch in map.stretches() {
                prop_assert_eq!(stretch.position, position);
                prop_assert!(stretch.frames > 0);
                position += stretch.frames;
            }
            prop_assert_eq!(position, writer.head);
            for pair in map.stretches().windows(2) {
                prop_assert!(pair[0].end() <= pair[1].at, "{:?}", pair);
                let (end, begin) = (map.time_of(pair[0].end()), map.time_of(pair[1].at));
                prop_assert!(end <= begin, "{:?}", pair);
            }
        }
    }

    /// However unevenly packets come, and whatever is lost: what is missing is known to the
    /// frame, and every frame is dated as if it had come without delay.
    #[test]
    fn lost_packets_and_jitter_move_nothing(
        packets in prop::collection::vec((any::<bool>(), 0..400u64), 2..200),
    ) {
        let mut writer = Writer::new();
        let mut truth = Vec::new();
        let mut lost = 0;
        for (n, (comes, delay)) in (1u64..).zip(&packets) {
            if !comes {
                lost += BLOCK;
                continue;
            }
            if lost > 0 {
                writer.gap(Gap::Frames(lost));
                lost = 0;
            }
            truth.push((n - 1) * BLOCK);
            writer.block(n * 20 + delay);
        }
        let Some(first) = truth.first().copied() else {
            return Ok(());
        };
        let map = writer.timeline.map(0, writer.head, writer.at(10_000));
        let told = map.stretches().iter().flat_map(|s| {
            (0..s.frames / BLOCK).map(|n| s.at + (n * BLOCK).cast_signed())
        });
        let told: Vec<_> = told.collect();
        let expected = truth.iter().map(|frame| (frame - first).cast_signed());
        prop_assert!(told.iter().copied().eq(expected), "{:?} for {:?}", told, truth);
        let late = packets.iter().filter(|p| p.0).map(|p| p.1).max().unwrap_or(0);
        for (frame, truth) in told.iter().zip(&truth) {
            let time = nanos_since(writer.origin, map.time_of(*frame).unwrap()) / 1_000_000;
            let off = time - (truth / 8).cast_signed();
            prop_assert!((-1..=late.cast_signed()).contains(&off), "{} ms", off);
        }
    }
}
