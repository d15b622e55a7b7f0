//! Blocks at given times, and what the buffer then says of when they were.

use proptest::prelude::*;

use super::*;
use crate::{
    buffers::{Allocation, BufferKind, Buffers, Lease, TimeMap},
    clip::{Plan, Span, Wanted},
    id::SourceId,
    units::ByteSize,
};

const FORMAT: AudioFormat = AudioFormat {
    sample_rate: 8_000,
    channels: 1,
};
/// 20 ms.
const BLOCK: usize = 160;
const MILLI: f64 = 0.001;

/// A buffer of a minute, and who fills it; times are seconds.
struct Rig {
    _lease: Lease,
    buffer: std::sync::Arc<CaptureBuffer>,
    arrivals: Arrivals,
    origin: Instant,
}

impl Rig {
    fn new() -> Self {
        Self::of(Duration::from_secs(60))
    }

    fn of(length: Duration) -> Self {
        let buffers = Buffers::new(ByteSize(1 << 30));
        let lease = buffers.lease(SourceId::new("garden").unwrap()).unwrap();
        let made = lease
            .asker()
            .allocate_if_needed(BufferKind::Capture, FORMAT, length);
        Self {
            _lease: lease,
            buffer: Allocation::into_buffer(made.unwrap()),
            arrivals: Arrivals::default(),
            origin: Instant::now() + Duration::from_secs(1_000),
        }
    }

    fn at(&self, seconds: f64) -> Instant {
        self.origin + Duration::from_secs_f64(seconds)
    }

    fn seconds(&self, time: Instant) -> f64 {
        let distance = |a: Instant, b: Instant| a.duration_since(b).as_secs_f64();
        distance(time, self.origin) - distance(self.origin, time)
    }

    fn block(&mut self, came: f64) {
        let came = self.at(came);
        self.arrivals.push(&self.buffer, &[1; BLOCK], came).unwrap();
    }

    /// So much audio at once, or nearly so.
    fn burst(&mut self, came: f64, audio: f64) {
        for n in 0..(audio * 50.0).round() as u64 {
            self.block(came + n as f64 * 0.005 * MILLI);
        }
    }

    /// So much audio in real time, until then.
    fn live(&mut self, end: f64, audio: f64) {
        for n in (0..(audio * 50.0).round() as u64).rev() {
            self.block(end - n as f64 * 0.02);
        }
    }

    fn map(&self, now: f64) -> TimeMap {
        self.buffer.time_map(self.at(now))
    }

    /// When each stretch begins and ends.
    fn told(&self, now: f64) -> Vec<(f64, f64)> {
        let map = self.map(now);
        let time = |frame| self.seconds(map.time_of(frame).unwrap());
        let stretches = map.stretches().iter();
        stretches.map(|s| (time(s.at), time(s.end()))).collect()
    }

    #[track_caller]
    fn check(&self, now: f64, expected: &[(f64, f64)]) {
        let told = self.told(now);
        let near = |a: f64, b: f64| (a - b).abs() < 0.021;
        let same = told.len() == expected.len()
            && told
                .iter()
                .zip(expected)
                .all(|(a, b)| near(a.0, b.0) && near(a.1, b.1));
        assert!(same, "{told:?} for {expected:?}");
    }

    fn between(&self, now: f64, from: f64, to: f64) -> Option<Plan> {
        let wanted = Wanted::Between {
            from: self.at(from),
            to: Some(self.at(to)),
        };
        Plan::new(FORMAT, self.map(now), wanted).ok()
    }
}

#[test]
fn a_burst_belongs_to_the_time_before_it_came() {
    // A FIFO that is written all six seconds, a finished segment of ten or sixty.
    for length in [6.0, 10.0, 60.0] {
        let mut rig = Rig::new();
        rig.burst(100.0, length);
        // At once, and in the pause that follows.
        for later in [0.1, 0.6, 3.0] {
            rig.check(100.0 + later, &[(100.0 - length, 100.0)]);
        }
        let newest = rig.between(100.1, 98.0, 100.1).unwrap();
        assert!(newest.audio().abs_diff(16_000) < 400, "{newest:?}");
    }
}

#[test]
fn bursts_that_follow_one_another_are_one_stretch_without_a_gap() {
    let mut rig = Rig::of(Duration::from_secs(3_600));
    for n in 1..=1_700 {
        let jitter = if n % 3 == 0 { 0.3 } else { 0.0 };
        rig.burst(f64::from(n) * 2.0 + jitter, 2.0);
        if n % 100 == 1 {
            rig.told(f64::from(n) * 2.0 + 0.2);
        }
    }
    rig.check(3_401.0, &[(0.0, 3_400.0)]);
}

#[test]
fn what_comes_after_a_join_or_a_pause_has_no_gap_that_is_none() {
    let mut rig = Rig::new();
    rig.burst(20.0, 8.0);
    rig.live(25.0, 5.0);
    rig.check(25.0, &[(12.0, 25.0)]);
    // A network that came to a standstill for 7 s delivers all of it.
    rig.burst(32.0, 7.0);
    for now in [32.02, 32.3, 33.0] {
        rig.check(now, &[(12.0, 32.0)]);
    }
}

#[test]
fn what_a_pause_has_cost_is_a_gap() {
    let mut rig = Rig::new();
    rig.live(5.0, 5.0);
    rig.burst(12.0, 3.0);
    // It is not known yet how much is still to come.
    rig.check(12.1, &[(0.0, 5.0)]);
    rig.live(14.0, 2.0);
    rig.check(14.0, &[(0.0, 5.0), (9.0, 14.0)]);
    rig.live(17.0, 1.0);
    rig.check(17.0, &[(0.0, 5.0), (9.0, 14.0), (16.0, 17.0)]);
}

#[test]
fn another_session_misses_what_its_audio_leaves_open() {
    let mut rig = Rig::new();
    rig.live(10.0, 10.0);
    let buffer = std::sync::Arc::clone(&rig.buffer);
    rig.arrivals.join(&buffer);
    rig.burst(14.0, 3.0);
    rig.check(14.1, &[(0.0, 10.0)]);
    rig.check(14.6, &[(0.0, 10.0), (11.0, 14.0)]);
    rig.arrivals
        .missing(Some(&buffer), Duration::from_millis(60));
    rig.live(15.06, 1.0);
    rig.check(15.06, &[(0.0, 10.0), (11.0, 14.0), (14.06, 15.06)]);
    // One that repeats what was there: the newest is right, and nothing lies over another.
    rig.arrivals.join(&buffer);
    rig.burst(16.0, 5.0);
    rig.check(17.0, &[(-4.06, 5.94), (6.94, 9.94), (10.0, 16.0)]);
}

/// Positions that a plan consists of; without silence.
fn audio(plan: &Plan) -> Vec<std::ops::Range<u64>> {
    let spans = plan.spans().iter();
    let ranges = spans.filter_map(|span| match *span {
        Span::Audio { position, frames } => Some(position..position + frames),
        Span::Silence { .. } => None,
    });
    ranges.collect()
}

/// How a source sends.
#[derive(Clone, Copy, Debug)]
struct Sends {
    /// Its clock is faster by so much.
    ppm: i32,
    /// Blocks wait for the others of such a time.
    together: f64,
    /// And come with up to so much delay.
    jitter: f64,
}

/// Asks for ranges that meet while the source goes on: all of it must be there, once.
fn ranges_meet(
    sends: Sends,
    length: f64,
    behind: f64,
    delays: &[f64],
) -> Result<(), TestCaseError> {
    let mut rig = Rig::new();
    let block = 0.02 / (1.0 + f64::from(sends.ppm) * 1e-6);
    let (mut from, mut next, mut came) = (1.0, None::<u64>, 0.0);
    // The last of them to come together are whole.
    let blocks = (114.0 / block) as u32;
    for n in 1..=blocks {
        let recorded = f64::from(n) * block;
        let sent = (recorded / sends.together).ceil() * sends.together;
        let delay = delays[n as usize % delays.len()] * sends.jitter;
        let comes = f64::max(came, sent + delay);
        // Between the last block and this one.
        while from + length + behind < comes {
            let to = from + length;
            let Some(plan) = rig.between(to + behind, from, to) else {
                return Err(TestCaseError::fail(format!("nothing at {from}")));
            };
            prop_assert_eq!(plan.frames(), plan.wanted(), "{} missing", from);
            prop_assert_eq!(plan.audio(), plan.frames(), "silence at {}", from);
            for range in audio(&plan) {
                prop_assert_eq!(next.unwrap_or(range.start), range.start, "at {}", from);
                next = Some(range.end);
            }
            from = to;
        }
        rig.block(comes);
        came = comes;
    }
    // And it is where it was recorded.
    let told = rig.told(came + 1.0);
    let truth = f64::from(blocks) * block;
    let off = told.last().map_or(f64::MAX, |last| last.1 - truth);
    let most = sends.jitter + 0.002 * WAY;
    prop_assert!(
        told.len() == 1 && off.abs() < most + 0.03,
        "{:?} for {}",
        told,
        truth
    );
    Ok(())
}

/// Seconds of a clock's error that the dates may be behind: the window and the leading.
const WAY: f64 = 28.0;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn ranges_that_meet_neither_overlap_nor_miss_a_sample(
        ppm in prop::sample::select(vec![-1_000, -100, 0, 100, 1_000]),
        together in prop::sample::select(vec![0.001, 0.1, 2.0, 6.0]),
        jitter in prop::sample::select(vec![0.0, 0.03, 0.3]),
        length in 0.3..7.0f64,
        delays in prop::collection::vec(0.0..1.0f64, 97),
    ) {
        // So far behind that all of it has come.
        let behind = 0.6 + together + jitter;
        ranges_meet(Sends { ppm, together, jitter }, length, behind, &delays)?;
    }
}
