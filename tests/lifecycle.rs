//! Reload, removal, budget and shutdown, on the running program.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

#[path = "lifecycle/ending.rs"]
mod ending;
#[path = "lifecycle/reload.rs"]
mod reload;
#[path = "lifecycle/starting.rs"]
mod starting;

use std::net::{SocketAddr, TcpListener};

use support::{Exporter, Scratch, write_tone};

const LABEL: &str = "source";

fn files(scratch: &Scratch, names: &[(&str, u32, u16)]) {
    for (name, rate, channels) in names {
        write_tone(
            &scratch.path(&format!("{name}.wav")),
            *rate,
            *channels,
            2.0,
            -20.0,
        );
    }
}

#[test]
fn a_budget_that_is_exceeded_at_run_time_is_a_state_and_spares_the_rest() {
    let scratch = Scratch::new();
    files(&scratch, &[("small", 8_000, 1), ("large", 48_000, 2)]);
    // What is expected fits; what comes does not.
    let config = scratch.write(
        "config.yaml",
        "buffers: { memory_budget: 2MiB }\nsources:\n\
         - { url: small.wav, loop: true, expect: { sample_rate: 8000, channels: 1 } }\n\
         - { url: large.wav, loop: true, expect: { sample_rate: 8000, channels: 1 } }\n",
    );
    let exporter = Exporter::with_config(&config);
    exporter.until_state("large", "over_budget");
    let scrape = exporter.until_state("small", "streaming");
    let [attempted, first, repeated, errors] = scrape.ledger("large");
    assert!(errors >= 1.0);
    assert_eq!((attempted, first, repeated), (errors, 0.0, 0.0));
    let kind = [
        (LABEL, "large"),
        ("buffer_type", "capture"),
        ("error_type", "over_budget"),
    ];
    assert_eq!(
        scrape.value("myaudio_buffer_allocation_errors_total", &kind),
        errors
    );
    for (aspect, differs) in [("sample_rate", 1.0), ("channels", 1.0), ("codec", 0.0)] {
        let labels = [(LABEL, "large"), ("aspect", aspect)];
        assert_eq!(
            scrape.value("myaudio_source_format_mismatch", &labels),
            differs,
            "{aspect}"
        );
    }
    assert_eq!(scrape.ledger("small"), [1.0, 1.0, 0.0, 0.0]);
    // 60 s × 48,000 Hz × 2 channels × 2 bytes.
    assert!(
        exporter.process.output().contains("11520000"),
        "{}",
        exporter.process.output()
    );
}

/// An address at which nobody listens.
fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}
