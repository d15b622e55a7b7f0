//! Simulated sources, seen through the 100 ms grid as real ones are.

use proptest::prelude::*;

use super::*;

const RATE: f64 = 8000.0;
const PACKET: f64 = 0.02;
const GRID: f64 = 0.1;

/// A source to simulate.
#[derive(Clone, Copy)]
struct Source {
    minutes: f64,
    skew: f64,
    /// Packets are late by up to this, in seconds, evenly spread.
    jitter: f64,
    /// The duration of a packet in seconds.
    packet: f64,
    /// Where the 32-bit timestamp begins.
    first: i64,
}

const STEADY: Source = Source {
    minutes: 20.0,
    skew: 0.0,
    jitter: 0.0,
    packet: PACKET,
    first: 0,
};

/// What happens to the packet sent at a given second: `None` if it is lost, else how much
/// later it comes and how much its timestamp is ahead, in seconds.
type Fate = fn(f64) -> Option<(f64, f64)>;

/// Nothing happens.
const NO_FATE: Fate = |_| Some((0.0, 0.0));

/// Runs a source through a clock; gives it and the jumps it saw.
fn run(source: Source, fate: Fate) -> (Clock, usize) {
    let start = Instant::now();
    let mut clock = Clock::new(RATE as u32);
    let (mut jumps, mut lost, mut latest) = (0, 0, 0.0f64);
    let mut random = 1u64;
    let count = (source.minutes * 60.0 / source.packet) as u64;
    for n in 0..count {
        // The MMIX generator of Knuth.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let unit = (random >> 11) as f64 / (1u64 << 53) as f64;
        let media = n as f64 * source.packet;
        let sent = media / (1.0 + source.skew);
        let Some((late, ahead)) = fate(sent) else {
            lost += 1;
            continue;
        };
        // The network keeps the order; the grid sees a packet at its next tick.
        latest = latest.max(sent + unit * source.jitter + late);
        let seen = (latest / GRID).ceil() * GRID;
        let stamp = source.first + ((media + ahead) * RATE).round() as i64;
        let at = start + Duration::from_secs_f64(seen);
        jumps += usize::from(clock.packet(at, stamp, lost) == Tick::Jump);
        lost = 0;
    }
    (clock, jumps)
}

fn ppm(clock: &Clock) -> f64 {
    clock.skew().expect("known by now") * 1e6
}

#[test]
fn the_skew_of_a_jittery_source_is_found_whatever_else_happens() {
    let nothing: Fate = NO_FATE;
    let losing: Fate = |at| ((at * 1000.0) as u64 % 1009 > 100).then_some((0.0, 0.0));
    // Every minute the network holds everything back for 5 s and then sends it at once.
    let bursts: Fate = |at| Some(((5.0 - at % 60.0).max(0.0), 0.0));
    // Every minute nothing is sent for 5 s.
    let silences: Fate = |at| (at % 60.0 > 5.0).then_some((0.0, 0.0));
    for (name, fate) in [
        ("nothing", nothing),
        ("loss", losing),
        ("bursts", bursts),
        ("silences", silences),
    ] {
        for skew in [-200.0, 0.0, 100.0] {
            let source = Source {
                skew: skew * 1e-6,
                jitter: 0.02,
                ..STEADY
            };
            let (clock, jumps) = run(source, fate);
            assert!(
                (ppm(&clock) - skew).abs() < 20.0,
                "{name}: {skew} ppm reads {}",
                ppm(&clock)
            );
            assert_eq!(jumps, 0, "{name}");
        }
    }
}

#[test]
fn nothing_is_said_before_ten_minutes() {
    let minutes = |minutes| run(Source { minutes, ..STEADY }, NO_FATE).0.skew();
    assert_eq!(minutes(9.9), None);
    assert!(minutes(11.0).is_some());
}

#[test]
fn a_jump_is_seen_once_and_the_slope_begins_anew() {
    for jump in [10.0, -3.0, 36_847.0, 0.6] {
        // The largest of these is what a real camera did.
        let fate: Fate = match jump {
            10.0 => |at| Some((0.0, if at > 900.0 { 10.0 } else { 0.0 })),
            -3.0 => |at| Some((0.0, if at > 900.0 { -3.0 } else { 0.0 })),
            0.6 => |at| Some((0.0, if at > 900.0 { 0.6 } else { 0.0 })),
            _ => |at| Some((0.0, if at > 900.0 { 36_847.0 } else { 0.0 })),
        };
        let source = Source {
            skew: 100e-6,
            jitter: 0.02,
            ..STEADY
        };
        let (clock, jumps) = run(source, fate);
        assert_eq!(jumps, 1, "{jump}");
        assert_eq!(clock.skew(), None, "five minutes after {jump}");
        assert!(clock.jitter() < 0.04, "{jump}: {}", clock.jitter());
        let longer = Source {
            minutes: 40.0,
            ..source
        };
        let read = ppm(&run(longer, fate).0);
        assert!((read - 100.0).abs() < 20.0, "{jump}: {read}");
    }
}

#[test]
fn a_pause_that_the_timestamps_do_not_show_is_no_skew() {
    // The source stops for 4 s and goes on with the timestamp where it was.
    let fate: Fate = |at| Some((if at > 600.0 { 4.0 } else { 0.0 }, 0.0));
    let source = Source {
        minutes: 30.0,
        jitter: 0.02,
        ..STEADY
    };
    let (clock, jumps) = run(source, fate);
    assert!(ppm(&clock).abs() < 20.0, "{}", ppm(&clock));
    assert_eq!(jumps, 0);
}

#[test]
fn jitter_is_what_the_grid_lets_through() {
    let jitter = |jitter| {
        let source = Source {
            minutes: 2.0,
            jitter,
            ..STEADY
        };
        run(source, NO_FATE).0.jitter()
    };
    assert!(jitter(0.0) < 0.001, "a steady source: {}", jitter(0.0));
    assert!(jitter(0.02) <= PACKET, "hidden: {}", jitter(0.02));
    let shaken = jitter(1.0);
    assert!((0.05..0.5).contains(&shaken), "visible: {shaken}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_slope_holds_for_any_skew_packet_and_beginning(
        skew in -500e-6..500e-6f64,
        packet in prop::sample::select(vec![0.02, 1024.0 / 48_000.0, 0.04]),
        jitter in 0.005..0.05f64,
        first in any::<u32>(),
    ) {
        let source = Source {
            minutes: 30.0,
            skew,
            jitter,
            packet,
            first: i64::from(first),
        };
        let (clock, jumps) = run(source, NO_FATE);
        prop_assert_eq!(jumps, 0);
        prop_assert!((ppm(&clock) - skew * 1e6).abs() < 25.0, "{} reads {}", skew * 1e6, ppm(&clock));
    }
}
