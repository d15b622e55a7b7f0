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
}

impl Writer {
    fn new() -> Self {
        let origin = Instant::now();
        Self {
            timeline: Timeline::new(RATE, origin),
            origin,
            head: 0,
        }
    }

    fn at(&self, millis: u64) -> Instant {
        self.origin + Duration::from_millis(millis)
    }

    /// Writes `millis` of audio in blocks that come in real time, the last at `end`.
    fn live(&mut self, end: u64, millis: u64) {
        for n in (0..millis / 20).rev() {
            self.head += BLOCK;
            self.timeline.mark(self.head, self.at(end - n * 20));
        }
    }

    /// Writes `millis` of audio that come at once, at `now`.
    fn burst(&mut self, now: u64, millis: u64) {
        for _ in 0..millis / 20 {
            self.head += BLOCK;
            self.timeline.mark(self.head, self.at(now));
        }
    }

    fn gap(&mut self, gap: Gap) {
        self.timeline.gap(self.head, gap);
    }

    /// What is mapped, each stretch as its beginning and length in milliseconds.
    fn map(&mut self) -> Vec<(i64, u64)> {
        let map = self.timeline.map(0, self.head);
        map.stretches()
            .iter()
            .map(|s| (s.at / 8, s.frames / 8))
            .collect()
    }
}

#[test]
fn a_join_burst_belongs_to_the_time_before_it_came() {
    let mut writer = Writer::new();
    writer.burst(20_000, 8_000);
    assert_eq!(writer.map(), [(12_000, 8_000)]);
    writer.live(25_000, 5_000);
    assert_eq!(writer.map(), [(12_000, 13_000)]);
    let map = writer.timeline.map(0, writer.head);
    assert_eq!(map.frame_at(writer.at(12_000)), map.stretches()[0].at);
    assert_eq!(
        map.time_of(map.stretches()[0].end()),
        Some(writer.at(25_000))
    );
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
fn audio_that_was_late_only_has_no_gap() {
    let mut writer = Writer::new();
    writer.live(5_000, 5_000);
    writer.gap(Gap::Pause);
    // A network that came to a standstill for 7 s delivers all of it.
    writer.burst(12_000, 7_000);
    writer.live(14_000, 2_000);
    assert_eq!(
        writer.map(),
        [(0, 5_000), (5_000, 9_000)],
        "adjacent, nothing lost"
    );
}

#[test]
fn a_way_that_became_a_little_longer_is_no_gap_either() {
    let mut writer = Writer::new();
    writer.live(5_000, 5_000);
    writer.gap(Gap::Pause);
    writer.burst(12_400, 7_000);
    writer.live(14_400, 2_000);
    // The newest is right, and the older audio joins it.
    assert_eq!(writer.map(), [(400, 5_000), (5_400, 9_000)]);
    writer.gap(Gap::Session);
    writer.live(15_800, 1_000);
    let session = (14_800, 1_000);
    assert_eq!(
        writer.map()[2],
        session,
        "another session misses even 400 ms"
    );
}

#[test]
fn audio_that_was_late_in_part_misses_the_rest() {
    let mut writer = Writer::new();
    writer.live(5_000, 5_000);
    writer.gap(Gap::Pause);
    // Of 7 s the camera had kept 3.
    writer.burst(12_000, 3_000);
    writer.live(14_000, 2_000);
    assert_eq!(writer.map(), [(0, 5_000), (9_000, 5_000)]);
}

#[test]
fn a_session_that_repeats_what_was_there_pushes_the_past_back() {
    let mut writer = Writer::new();
    writer.live(10_000, 10_000);
    writer.gap(Gap::Session);
    // An Icecast server sends the last 5 s again.
    writer.burst(12_000, 5_000);
    let expected = [(-3_000, 10_000), (7_000, 5_000)];
    assert_eq!(
        writer.map(),
        expected,
        "no overlap, and the newest is right"
    );
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
            writer.timeline.mark(writer.head, now);
        }
        let end = 600_000 + 6_000 * percent;
        let map = writer.map();
        let told = map[0].0 + map[0].1.cast_signed();
        assert!((told - end).abs() < 700, "{percent} %: {told} for {end}");
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
    let head = writer.head;
    let map = writer.timeline.map(head - 2 * BLOCK - 7, head);
    let frames: Vec<_> = map.stretches().iter().map(|s| s.frames).collect();
    assert_eq!(frames, [7, BLOCK, BLOCK]);
    assert_eq!(map.stretches()[0].position, head - 2 * BLOCK - 7);
    assert!(writer.timeline.segments.len() <= 4, "the rest is gone");
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
            let map = writer.timeline.map(tail, writer.head);
            let mut position = tail;
            for stretch in map.stretches() {
                prop_assert_eq!(stretch.position, position);
                prop_assert!(stretch.frames > 0);
                position += stretch.frames;
            }
            prop_assert_eq!(position, writer.head);
            for pair in map.stretches().windows(2) {
                prop_assert!(pair[0].end() <= pair[1].at, "{:?}", pair);
            }
        }
    }

    /// However unevenly packets come, and whatever is lost: the first of them to come
    /// without delay puts every frame where it belongs.
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
            writer.head += BLOCK;
            truth.push((n - 1) * BLOCK);
            writer.timeline.mark(writer.head, writer.at(n * 20 + delay));
        }
        let least = packets.iter().filter(|p| p.0).map(|p| p.1).min();
        let began = packets.iter().position(|p| p.0).unwrap_or(0) as u64 * BLOCK;
        let map = writer.timeline.map(0, writer.head);
        let mut told = map.stretches().iter().flat_map(|s| {
            (0..s.frames / BLOCK).map(|n| s.at + (n * BLOCK).cast_signed())
        });
        for frame in truth {
            let expected = (frame.max(began) + least.unwrap_or(0) * 8).cast_signed();
            prop_assert_eq!(told.next(), Some(expected));
        }
    }

    #[test]
    fn frames_and_times_are_inverse(rate in 1..400_000u32, frame in -1_000_000_000..1_000_000_000i64) {
        let map = TimeMap { origin: Instant::now(), sample_rate: rate, stretches: Vec::new() };
        let time = map.time_of(frame).unwrap();
        let back = map.frame_at(time);
        // A time has whole nanoseconds, rounded towards the origin.
        prop_assert!((frame - back).abs() <= 1, "{}", back);
    }
}
