//! The truth about time: what is exported for each source and cause, against what a server
//! that suffers a seeded schedule of faults knows it did: sessions closed and reset, slow and
//! refused ones, silences long and short, losses, garbage, bursts and slow clocks, with one
//! frame in a packet, with three and with four.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{fmt::Write as _, time::Duration};

use support::{
    Exporter, Scrape, Scratch,
    faulty::{Fault, Faulty, Plan, Schedule, Sound, Truth},
};

const LABEL: &str = "source";

/// A small linear congruential generator (Knuth's MMIX constants): the same faults each run.
struct Random(u64);

impl Random {
    fn between(&mut self, low: f64, high: f64) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        low + (high - low) * ((self.0 >> 33) as f64 / f64::from(1u32 << 31))
    }
}

/// Faults with at least four seconds of audio between them, none at the very end.
fn schedule(random: &mut Random, seconds: f64, sound: Sound) -> Schedule {
    let mut at = random.between(3.0, 8.0);
    let mut faults = Schedule::new();
    while at < seconds - 14.0 {
        let (fault, length) = match random.between(0.0, 9.0) as u32 {
            0 => (Fault::Down, random.between(0.5, 5.0)),
            1 => (Fault::Reset, random.between(0.5, 5.0)),
            // Below the client's patience.
            2 => (Fault::Slow, random.between(0.6, 1.4)),
            3 => (Fault::Forbidden, random.between(1.0, 4.0)),
            // Noticed as a stall, but not long enough to give the session up.
            4 => (Fault::Silent, random.between(2.3, 2.7)),
            // Long enough; the session that follows is silent for less than a stall.
            5 => (Fault::Silent, random.between(3.8, 4.8)),
            // Too short to be a state, yet nothing makes up for it; known within 20 s.
            6 if at < seconds - 22.0 => (Fault::Silent, random.between(1.2, 1.7)),
            7 if sound == Sound::Aac => (Fault::Garbage, random.between(0.2, 2.0)),
            _ => (Fault::Lossy, random.between(0.1, 1.5)),
        };
        faults.push((
            Duration::from_secs_f64(at),
            Duration::from_secs_f64(length),
            fault,
        ));
        at += length + random.between(4.0, 12.0);
    }
    faults
}

/// Three sources in four send several frames a packet, some begin with a burst, some have a
/// slow clock.
fn plan(random: &mut Random, number: u32, seconds: f64) -> Plan {
    let sound = [Sound::Pcmu, Sound::Aac, Sound::Mp3, Sound::Aac][number as usize % 4];
    let burst = if number % 8 < 4 { 0.0 } else { 1.0 };
    Plan {
        faults: schedule(random, seconds, sound),
        sound,
        burst: (burst / sound.packet().as_secs_f64()) as u32,
        slowness: if number % 3 == 2 { 0.008 } else { 0.0 },
    }
}

/// What is wrong about one source, in words; empty when nothing is.
fn differences(scrape: &Scrape, source: &str, before: &Truth, truth: &Truth, late: f64) -> String {
    let labels = [(LABEL, source)];
    let of = |family: &str, label: &str, value: &str| {
        let name = format!("myaudio_source_{family}_total");
        scrape.value(&name, &[(LABEL, source), (label, value)])
    };
    let total = |name: &str| scrape.value(&format!("myaudio_source_{name}_total"), &labels);
    let expected = total("expected_seconds");
    // The bar is the larger of 2 s and 1 %; a short run can be held to less, as far as the
    // machine wakes up those who are due.
    let tolerance = f64::max(f64::min(0.8 + late, 2.0), 0.01 * expected);
    let mut wrong = String::new();
    let mut compare = |what: &str, exported: f64, injected: f64, tolerance: f64| {
        if (exported - injected).abs() > tolerance {
            let _never_fails = writeln!(wrong, "{source}: {what} is {exported}, not {injected}");
        }
    };
    let audio = total("audio_seconds");
    compare("audio", audio, truth.audio, tolerance);
    let surplus = total("surplus_seconds");
    compare("surplus", surplus, truth.burst, tolerance);
    // The server sees a client knock some turns of both programs after the client does.
    let knock = 0.1 * truth.connections as f64;
    let (connect, backoff) = (
        of("gap_seconds", "cause", "connect"),
        of("gap_seconds", "cause", "backoff"),
    );
    let unserved = truth.knocking + truth.away;
    compare("connect", connect, truth.knocking, tolerance + knock);
    compare("backoff", backoff, truth.away, tolerance + knock);
    compare("both", connect + backoff, unserved, tolerance);
    for (cause, injected) in [
        ("stall", truth.silent),
        ("loss", truth.lost),
        ("decode", truth.garbage),
        ("blocked", truth.forbidden),
    ] {
        let exported = of("gap_seconds", "cause", cause);
        compare(cause, exported, injected, tolerance);
    }
    compare("local", of("gap_seconds", "cause", "local"), 0.0, 0.0);
    let open = scrape.unexplained_seconds(source);
    compare("unexplained", open, 0.0, 0.01 * expected + 2.0);
    // Not one packet is missing without being accounted for. What was sent before the scrape
    // has arrived, but for the last 300 ms, which are on their way, or lost with a reset.
    let received = total("received_packets");
    let on_their_way = 15.0 * (1.0 + truth.reset as f64);
    let possible = (before.packets as f64 - on_their_way)..=(truth.packets as f64);
    let surprise = if possible.contains(&received) {
        0.0
    } else {
        received
    };
    compare("packets outside of what was sent", surprise, 0.0, 0.0);
    for (what, exported, injected) in [
        ("lost packets", total("lost_packets"), truth.lost_packets),
        ("bad frames", total("decode_errors"), truth.garbage_frames),
    ] {
        compare(what, exported, injected as f64, 0.0);
    }
    for (reason, injected) in [
        ("closed", truth.closed + truth.reset),
        ("stall", truth.left),
        ("decode", 0),
        ("protocol", 0),
    ] {
        let exported = of("disconnects", "reason", reason);
        compare(reason, exported, injected as f64, 0.0);
    }
    let [attempted, first, repeated, errors] = scrape.ledger(source);
    compare("first allocations", first, 1.0, 0.0);
    compare("allocation errors", errors, 0.0, 0.0);
    compare("attempts", attempted, first + repeated, 0.0);
    compare(
        "attempts, one a session",
        attempted,
        truth.sessions as f64,
        0.0,
    );
    wrong
}

#[test]
fn every_second_is_where_it_was_lost() {
    let extended = std::env::var_os("EXTENDED").is_some();
    let (sources, seconds) = if extended { (100, 600.0) } else { (16, 60.0) };
    let mut random = Random(2026);
    let server = Faulty::start(
        (0..sources)
            .map(|number| plan(&mut random, number, seconds))
            .collect(),
    );
    let entries: String = (0..sources)
        .map(|n| {
            format!(
                "- {{ name: s{n}, url: \"rtsp://127.0.0.1:{}/{n}\", stall_after: 2s }}\n",
                server.port
            )
        })
        .collect();
    let scratch = Scratch::new();
    let config = scratch.write(
        "config.yaml",
        &format!(
            "buffers: {{ capture: {{ duration: 10s }}, memory_budget: 1GiB }}\n\
             connect: {{ timeout: 2s, per_host: 100, total: 200, backoff: {{ initial: 200ms, max: 1s, stable_after: 2s }} }}\n\
             sources:\n{entries}"
        ),
    );
    let exporter = Exporter::with_config(&config);
    let limit = Duration::from_secs_f64(seconds + 60.0);
    let end = Duration::from_secs_f64(seconds);
    let all_over = |scrape: &Scrape| {
        server.elapsed() > end && scrape.sum("myaudio_source_up", &[]) == f64::from(sources)
    };
    exporter.until_within(limit, "the schedule is over and all are back", all_over);
    // The truth is read on both sides of the scrape, so neither can have run away.
    let truths = || -> Vec<Truth> { (0..sources as usize).map(|n| server.truth(n)).collect() };
    let before = truths();
    let scrape = exporter.scrape();
    let after = truths();
    let late = after.iter().map(|truth| truth.late).fold(0.0, f64::max);
    let wrong: String = before
        .iter()
        .zip(&after)
        .enumerate()
        .map(|(n, (before, after))| differences(&scrape, &format!("s{n}"), before, after, late))
        .collect();
    let output = exporter.process.output();
    let about_wrong = |line: &&str| {
        let names = wrong.lines().filter_map(|line| line.split_once(':'));
        names
            .map(|(name, _)| format!("source={name} "))
            .any(|name| line.contains(&name))
    };
    let log: Vec<_> = output.lines().filter(about_wrong).collect();
    assert!(
        wrong.is_empty(),
        "with a machine {late} s late:\n{wrong}log:\n{}",
        log.join("\n")
    );
}
