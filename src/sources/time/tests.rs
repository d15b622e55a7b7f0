//! The time ledger against histories written by hand, and against random ones.

use proptest::prelude::*;

use super::*;

const FRAME: Duration = Duration::from_millis(20);

fn seconds(s: f64) -> Duration {
    Duration::from_secs_f64(s)
}

/// A ledger and its clock.
struct Rig {
    now: Instant,
    ledger: TimeLedger,
}

impl Rig {
    fn connecting() -> Self {
        let now = Instant::now();
        let mut ledger = TimeLedger::new(now);
        ledger.enter(now, Phase::Gap(GapCause::Connect));
        Self { now, ledger }
    }

    fn wait(&mut self, time: Duration) -> &mut Self {
        self.now += time;
        self
    }

    fn enter(&mut self, phase: Phase) -> &mut Self {
        self.ledger.enter(self.now, phase);
        self
    }

    /// Audio in real time, a frame every 20 ms.
    fn stream(&mut self, time: Duration) -> &mut Self {
        for _ in 0..time.as_millis() / FRAME.as_millis() {
            self.now += FRAME;
            self.ledger.audio(self.now, FRAME);
        }
        self
    }

    fn burst(&mut self, audio: Duration) -> &mut Self {
        self.ledger.audio(self.now, audio);
        self
    }

    fn sums(&self) -> TimeSums {
        self.ledger.sums(self.now)
    }

    fn gap(&self, cause: GapCause) -> f64 {
        self.sums().gaps[cause.index()].as_secs_f64()
    }
}

#[track_caller]
fn near(seen: f64, expected: f64) {
    assert!((seen - expected).abs() < 0.05, "{seen} is not {expected}");
}

#[test]
fn a_session_from_connect_to_backoff() {
    let mut rig = Rig::connecting();
    rig.wait(seconds(2.0))
        .enter(Phase::Joining)
        .wait(seconds(0.5))
        .stream(seconds(60.0));
    rig.enter(Phase::Gap(GapCause::Backoff)).wait(seconds(4.0));
    near(rig.gap(GapCause::Connect), 2.5);
    near(rig.gap(GapCause::Backoff), 4.0);
    near(rig.gap(GapCause::Stall), 0.0);
    near(rig.sums().audio.as_secs_f64(), 60.0);
    near(rig.sums().expected.as_secs_f64(), 66.5);
}

#[test]
fn a_stall_is_back_dated_to_the_last_audio() {
    let mut rig = Rig::connecting();
    rig.enter(Phase::Joining)
        .stream(seconds(5.0))
        .wait(seconds(10.0));
    near(rig.sums().lateness.as_secs_f64(), 10.0);
    rig.enter(Phase::Gap(GapCause::Stall))
        .wait(seconds(3.0))
        .stream(seconds(1.0));
    near(rig.gap(GapCause::Stall), 13.0);
    near(rig.sums().lateness.as_secs_f64(), 0.0);
}

#[test]
fn a_session_that_never_sends_audio_is_a_stall_once_it_counts_as_one() {
    let mut rig = Rig::connecting();
    rig.enter(Phase::Joining)
        .wait(seconds(10.0))
        .enter(Phase::Gap(GapCause::Stall));
    near(rig.gap(GapCause::Stall), 10.0);
    rig.enter(Phase::Joining)
        .wait(seconds(3.0))
        .enter(Phase::Gap(GapCause::Backoff));
    near(rig.gap(GapCause::Connect), 3.0);
}

#[test]
fn a_pause_that_a_burst_makes_up_for_is_no_gap() {
    let mut rig = Rig::connecting();
    rig.enter(Phase::Joining)
        .stream(seconds(5.0))
        .wait(seconds(4.0))
        .burst(seconds(4.0));
    rig.stream(seconds(30.0));
    near(rig.gap(GapCause::Stall), 0.0);
    near(rig.sums().surplus.as_secs_f64(), 0.0);
}

#[test]
fn a_pause_that_nothing_makes_up_for_is_one_after_a_while() {
    let mut rig = Rig::connecting();
    rig.enter(Phase::Joining)
        .stream(seconds(5.0))
        .wait(seconds(4.0))
        .stream(seconds(30.0));
    near(rig.gap(GapCause::Stall), 4.0);
    near(rig.sums().lateness.as_secs_f64(), 0.0);
}

#[test]
fn of_two_pauses_in_a_row_neither_is_forgotten() {
    for between in 1..20 {
        let mut rig = Rig::connecting();
        rig.enter(Phase::Joining).stream(seconds(5.0));
        for _ in 0..2 {
            rig.wait(seconds(1.5)).stream(seconds(f64::from(between)));
        }
        rig.stream(seconds(30.0));
        near(rig.gap(GapCause::Stall), 3.0);
    }
}

#[test]
fn a_join_burst_is_surplus() {
    let mut rig = Rig::connecting();
    rig.enter(Phase::Joining)
        .wait(seconds(0.2))
        .burst(seconds(3.0))
        .stream(seconds(60.0));
    near(rig.sums().surplus.as_secs_f64(), 3.0);
    near(rig.sums().audio.as_secs_f64(), 63.0);
}

#[test]
fn loss_is_carved_out_and_bounded_by_the_clock() {
    let mut rig = Rig::connecting();
    rig.enter(Phase::Joining)
        .stream(seconds(5.0))
        .wait(seconds(0.4));
    rig.ledger.missing(rig.now, GapCause::Loss, seconds(0.4));
    rig.stream(seconds(5.0));
    near(rig.gap(GapCause::Loss), 0.4);
    // A server that claims to have lost an hour within a millisecond.
    rig.ledger.missing(rig.now, GapCause::Loss, seconds(3600.0));
    near(rig.gap(GapCause::Loss), 0.4);
}

#[test]
fn nothing_is_expected_while_idle() {
    let mut rig = Rig::connecting();
    rig.enter(Phase::Idle).wait(seconds(1000.0));
    near(rig.sums().expected.as_secs_f64(), 0.0);
}

/// What a source does for some seconds of each minute.
#[derive(Clone, Copy)]
enum Pause {
    /// It sends nothing.
    Silent(f64),
    /// It keeps back what it sends, all at once, afterwards.
    Held(f64),
}

const NO_PAUSE: Pause = Pause::Silent(0.0);

/// Packets of 20 ms by a clock that is slow by this ratio, taken off the wire every 100 ms,
/// for so long.
fn slow(rig: &mut Rig, slowness: f64, minutes: f64, pause: Pause) {
    let start = rig.now;
    let packet = FRAME.as_secs_f64() / (1.0 - slowness);
    let (mut at, mut sent, mut held) = (0.0, 0.0, 0);
    while at < minutes * 60.0 {
        at += 0.1;
        rig.now = start + seconds(at);
        while sent + packet <= at {
            sent += packet;
            match pause {
                Pause::Silent(length) if sent % 60.0 < length => {}
                Pause::Held(length) if sent % 60.0 < length => held += 1,
                _ => {
                    for _ in 0..=std::mem::take(&mut held) {
                        rig.ledger.audio(rig.now, FRAME);
                    }
                }
            }
        }
    }
}

#[test]
fn a_slow_source_clock_is_no_stall() {
    for slowness in [100e-6, 0.005, 0.0098] {
        let mut rig = Rig::connecting();
        rig.enter(Phase::Joining);
        slow(&mut rig, slowness, 60.0, NO_PAUSE);
        near(rig.gap(GapCause::Stall), 0.0);
        let TimeSums { lateness, .. } = rig.sums();
        assert!(lateness < seconds(1.5), "{slowness}: {:?}", rig.sums());
        let open = (rig.sums().slowness + lateness).as_secs_f64();
        assert!((open - slowness * 3600.0).abs() < 0.3, "{slowness}: {open}");
    }
}

#[test]
fn the_pauses_of_a_slow_source_are_stalls_and_nothing_else() {
    let mut rig = Rig::connecting();
    rig.enter(Phase::Joining);
    slow(&mut rig, 0.005, 30.0, Pause::Silent(2.0));
    let stall = rig.gap(GapCause::Stall);
    assert!((stall - 60.0).abs() < 4.0, "{stall} s of 60");
}

#[test]
fn what_a_slow_source_keeps_back_for_a_while_is_no_stall() {
    let mut rig = Rig::connecting();
    rig.enter(Phase::Joining);
    slow(&mut rig, 0.005, 30.0, Pause::Held(3.0));
    near(rig.gap(GapCause::Stall), 0.0);
}

#[test]
fn what_no_clock_can_be_wrong_by_is_missing() {
    // No silence is long enough for a pause, and yet of ten seconds one never comes.
    let mut rig = Rig::connecting();
    rig.enter(Phase::Joining);
    slow(&mut rig, 0.1, 10.0, NO_PAUSE);
    let stall = rig.gap(GapCause::Stall);
    assert!((50.0..55.0).contains(&stall), "{stall} s of 60");
    let expected = rig.sums().expected.as_secs_f64();
    let open = rig.sums().unexplained();
    assert!(open < 0.01 * expected + 3.0, "{open} s of {expected}");
}

#[test]
fn a_clean_source_saves_up_no_excuse() {
    let mut rig = Rig::connecting();
    rig.enter(Phase::Joining).stream(seconds(3600.0));
    slow(&mut rig, 0.1, 5.0, NO_PAUSE);
    assert!(rig.gap(GapCause::Stall) > 20.0, "{:?}", rig.sums());
}

#[derive(Clone, Debug)]
enum Event {
    Wait(u64),
    Audio(u64),
    Missing(GapCause, u64),
    Enter(Phase),
}

fn event() -> impl Strategy<Value = Event> {
    let cause = prop::sample::select(GapCause::ALL);
    let phase = prop_oneof![
        Just(Phase::Idle),
        Just(Phase::Joining),
        Just(Phase::Flowing),
        cause.clone().prop_map(Phase::Gap),
    ];
    prop_oneof![
        4 => (0u64..20_000).prop_map(Event::Wait),
        4 => (0u64..5_000).prop_map(Event::Audio),
        1 => (cause, 0u64..5_000).prop_map(|(cause, ms)| Event::Missing(cause, ms)),
        1 => phase.prop_map(Event::Enter),
    ]
}

proptest! {
    #[test]
    fn every_second_is_explained_whatever_happens(events in prop::collection::vec(event(), 1..200)) {
        let mut rig = Rig::connecting();
        let (mut idle, mut wall, mut audio) = (false, Duration::ZERO, Duration::ZERO);
        for event in events {
            match event {
                Event::Wait(ms) => {
                    let time = Duration::from_millis(ms);
                    rig.wait(time);
                    wall += if idle { Duration::ZERO } else { time };
                }
                Event::Audio(ms) => {
                    rig.burst(Duration::from_millis(ms));
                    audio += Duration::from_millis(ms);
                    idle = false;
                }
                Event::Missing(cause, ms) => {
                    rig.ledger.missing(rig.now, cause, Duration::from_millis(ms));
                    idle = false;
                }
                Event::Enter(phase) => {
                    rig.enter(phase);
                    idle = phase == Phase::Idle;
                }
            }
            let sums = rig.sums();
            prop_assert_eq!(sums.expected, wall);
            prop_assert_eq!(sums.audio, audio);
            let unexplained = sums.unexplained() - (sums.lateness + sums.slowness).as_secs_f64();
            prop_assert!(unexplained.abs() < 1e-6, "{unexplained} s in {sums:?}");
        }
    }
}

#[test]
fn whole_files_that_come_when_they_are_full_leave_no_stall() {
    let mut rig = Rig::connecting();
    rig.wait(seconds(1.0)).burst(seconds(60.0));
    for _ in 0..5 {
        // Nothing for most of a minute, then that minute in one burst of many blocks.
        rig.wait(seconds(59.4));
        for _ in 0..600 {
            rig.burst(seconds(0.1)).wait(Duration::from_millis(1));
        }
    }
    assert!(rig.gap(GapCause::Stall) < 0.001, "{:?}", rig.sums());
    // The first came whole; what followed was due.
    assert!(rig.sums().surplus < seconds(61.0), "{:?}", rig.sums());
}
