//! What runs: sources with a known fate, the program, and a Prometheus.

use std::{collections::BTreeMap, path::Path};

use crate::{
    support::{Exporter, Scratch, Server, prometheus::Prometheus, write_tone},
    text_only::TextOnly,
};

/// Bytes of a minute: seconds × rate × channels × 2.
pub(crate) const SMALL: f64 = 60.0 * 8_000.0 * 1.0 * 2.0;
pub(crate) const LARGE: f64 = 60.0 * 48_000.0 * 2.0 * 2.0;
/// The analysis buffers beside `SMALL` twice and `LARGE`: three seconds for sixty.
pub(crate) const ANALYSIS: f64 = (2.0 * SMALL + LARGE) / 20.0;
pub(crate) const GREEDY: f64 = 60.0 * 96_000.0 * 2.0 * 2.0;
/// Room for `small`, `flapping` (as large as `small`) and `large`, but never for `greedy`.
pub(crate) const BUDGET: f64 = 20.0 * 1_048_576.0;

pub(crate) const SOURCES: [&str; 4] = ["flapping", "greedy", "large", "small"];
pub(crate) const ATTEMPTS: &str = "myaudio_buffer_allocation_attempts_total";

/// Everything that runs; dropped from the top.
pub(crate) struct Stage {
    pub(crate) prometheus: Prometheus,
    _text_only: TextOnly,
    pub(crate) exporter: Exporter,
    _camera: Server,
    _files: Scratch,
}

impl Stage {
    pub(crate) fn set() -> Self {
        let files = Scratch::new();
        for (name, rate, channels) in [
            ("small", 8_000, 1),
            ("large", 48_000, 2),
            ("greedy", 96_000, 2),
        ] {
            write_tone(
                &files.path(&format!("{name}.wav")),
                rate,
                channels,
                1.0,
                -20.0,
            );
        }
        let camera = Server::hostile(&[]);
        // 0.2 s of audio a session and hardly a wait: some three sessions a second.
        let config = format!(
            "buffers: {{ memory_budget: 20MiB }}\n\
             connect: {{ backoff: {{ initial: 50ms, max: 100ms }} }}\nsources:\n\
             - {{ url: small.wav, loop: true, expect: {{ sample_rate: 8000, channels: 1 }} }}\n\
             - {{ url: large.wav, loop: true, expect: {{ sample_rate: 48000, channels: 2 }} }}\n\
             - {{ url: greedy.wav, loop: true, expect: {{ sample_rate: 8000, channels: 1 }} }}\n\
             - {{ name: flapping, url: \"{}\", expect: {{ sample_rate: 8000, channels: 1 }} }}\n",
            camera.url("/hang-up/10")
        );
        let exporter = Exporter::with_config(&files.write("config.yaml", &config));
        // Before the first scrape, so that it lies in no range of Prometheus.
        exporter.until_state("small", "streaming");
        exporter.until_state("large", "streaming");
        exporter.until("greedy and flapping ask", |scrape| {
            scrape.ledger("greedy")[3] >= 1.0 && scrape.ledger("flapping")[2] >= 1.0
        });

        let text_only = TextOnly::start(&exporter.address);
        let jobs = format!(
            "- {{ job_name: audio, static_configs: [ {{ targets: [ \"{}\" ] }} ] }}\n\
             - job_name: text\n  static_configs: [ {{ targets: [ \"{}\" ] }} ]\n  \
               metric_relabel_configs:\n  \
               - {{ source_labels: [ __name__ ], target_label: __name__, replacement: text_$1 }}\n",
            exporter.address, text_only.address
        );
        let prometheus = Prometheus::start(&jobs, &rules(&exporter));
        prometheus.next_scrape("audio");
        prometheus.next_scrape("text");
        Self {
            prometheus,
            _text_only: text_only,
            exporter,
            _camera: camera,
            _files: files,
        }
    }
}

/// The shipped rules as the program serves them, and again without their patience.
fn rules(exporter: &Exporter) -> Vec<(String, String)> {
    let mut rules = Vec::new();
    for name in shipped("alerts", "yaml") {
        let (status, text) = exporter.get(&format!("/alerts/{name}"));
        assert_eq!(status, 200, "{name}");
        let hasty = text.lines().map(|line| match line.find("for: ") {
            Some(at) if line[..at].trim().is_empty() => format!("{}for: 1s\n", &line[..at]),
            _ => format!("{line}\n"),
        });
        rules.push((format!("hasty-{name}"), hasty.collect()));
        rules.push((name, text));
    }
    assert!(rules.len() >= 4, "{rules:?}");
    rules
}

/// Values by the name of their source or type.
pub(crate) fn of<const N: usize>(values: [(&str, f64); N]) -> BTreeMap<String, f64> {
    values.map(|(key, value)| (key.to_owned(), value)).into()
}

/// Equal but for the last digits, which arithmetic in floating point may change.
#[track_caller]
pub(crate) fn close(value: f64, expected: f64, what: &str) {
    let apart = (value - expected).abs();
    assert!(
        apart <= 1e-9 * expected.abs(),
        "{what}: {value} instead of {expected}"
    );
}

/// Files of the repository that the program also serves, by name.
pub(crate) fn shipped(folder: &str, extension: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let paths = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut names: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert!(!names.is_empty());
    names
}
