//! The truth about time: what is exported for each source and cause, against what a server
//! that suffers a seeded schedule of faults knows it did.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{fmt::Write as _, time::Duration};

use support::{
    Exporter, Scrape, Scratch,
    faulty::{Fault, Faulty, Schedule, Truth},
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
fn schedule(random: &mut Random, seconds: f64) -> Schedule {
    let mut at = random.between(3.0, 8.0);
    let mut faults = Schedule::new();
    while at < seconds - 14.0 {
        let (fault, length) = match random.between(0.0, 6.0) as u32 {
            0 | 1 => (Fault::Down, random.between(0.5, 5.0)),
            2 => (Fault::Forbidden, random.between(1.0, 4.0)),
            // Noticed as a stall, but not long enough to give the session up.
            3 => (Fault::Silent, random.between(2.3, 2.7)),
            // Too short to be a state, yet nothing makes up for it.
            4 => (Fault::Silent, random.between(1.2, 1.7)),
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

fn gap(scrape: &Scrape, source: &str, causes: &[&str]) -> f64 {
    let one = |cause| {
        scrape.value(
            "myaudio_source_gap_seconds_total",
            &[(LABEL, source), ("cause", cause)],
        )
    };
    causes.iter().map(|cause| one(cause)).sum()
}

/// What is wrong about one source, in words; empty when nothing is.
fn differences(scrape: &Scrape, source: &str, before: &Truth, truth: &Truth) -> String {
    let labels = [(LABEL, source)];
    let total = |name: &str| scrape.value(&format!("myaudio_source_{name}_total"), &labels);
    let expected = total("expected_seconds");
    // The bar is the larger of 2 s and 1 %; a short run can be held to less.
    let tolerance = f64::max(0.8, 0.01 * expected);
    let mut wrong = String::new();
    let mut compare = |what: &str, exported: f64, injected: f64, tolerance: f64| {
        if (exported - injected).abs() > tolerance {
            let _never_fails = writeln!(wrong, "{source}: {what} is {exported}, not {injected}");
        }
    };
    compare(
        "audio",
        total("audio_seconds"),
        truth.audio_seconds(),
        tolerance,
    );
    compare(
        "loss",
        gap(scrape, source, &["loss"]),
        truth.lost_seconds(),
        tolerance,
    );
    compare(
        "stall",
        gap(scrape, source, &["stall"]),
        truth.silent,
        tolerance,
    );
    compare(
        "connect and backoff",
        gap(scrape, source, &["connect", "backoff"]),
        truth.unserved,
        tolerance,
    );
    compare(
        "blocked",
        gap(scrape, source, &["blocked"]),
        truth.forbidden,
        tolerance,
    );
    compare(
        "decode and local",
        gap(scrape, source, &["decode", "local"]),
        0.0,
        0.0,
    );
    compare(
        "unexplained",
        scrape.unexplained_seconds(source),
        0.0,
        0.01 * expected + 2.0,
    );
    // Not one packet is missing without being accounted for. What was sent before the scrape
    // has arrived, but for the last 300 ms, which are on their way.
    let received = total("received_packets");
    let possible = (before.sent as f64 - 15.0)..=(truth.sent as f64);
    let surprise = if possible.contains(&received) {
        0.0
    } else {
        received
    };
    compare("packets outside of what was sent", surprise, 0.0, 0.0);
    compare(
        "lost packets",
        total("lost_packets"),
        truth.lost as f64,
        0.0,
    );
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
    let (sources, seconds) = if extended { (100, 600.0) } else { (16, 50.0) };
    let mut random = Random(2026);
    let server = Faulty::start(
        (0..sources)
            .map(|_| schedule(&mut random, seconds))
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
             connect: {{ timeout: 2s, backoff: {{ initial: 200ms, max: 1s, stable_after: 2s }} }}\n\
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
    let wrong: String = before
        .iter()
        .zip(&after)
        .enumerate()
        .map(|(n, (before, after))| differences(&scrape, &format!("s{n}"), before, after))
        .collect();
    assert!(wrong.is_empty(), "{wrong}");
}
