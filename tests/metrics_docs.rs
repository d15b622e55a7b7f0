//! `docs/metrics.md` against scrapes of the running program, both ways; and the two
//! formats against their specifications and each other.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

#[path = "metrics_docs/catalogue.rs"]
mod catalogue;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use audio_capture_exporter::buffers::BufferKind;
use catalogue::Catalogue;
use support::{Exporter, Scrape, Scratch, openmetrics::OpenMetrics, run, write_tone};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0";
const TEXT: &str = "text/plain; version=0.0.4";

/// Sources that do nothing any more: a file that has ended, and others that are switched
/// off. Between two scrapes none of their series changes.
fn at_rest() -> (Exporter, Scratch) {
    let scratch = Scratch::new();
    write_tone(&scratch.path("ended.wav"), 8_000, 2, 0.3, -20.0);
    let config = scratch.write(
        "config.yaml",
        "sources:\n- { url: ended.wav }\n\
         - { name: off, url: \"rtsp://127.0.0.1:9/\", enabled: false }\n\
         - { name: radio, url: \"http://127.0.0.1:9/\", enabled: false }\n\
         - { name: segments, url: \"dir:///nowhere\", enabled: false }\n\
         - { name: pipe, url: \"fifo:///nowhere\", enabled: false }\n\
         memory: { sample_interval: 1h }\n",
    );
    let exporter = Exporter::with_config(&config);
    exporter.until_state("ended", "ended");
    exporter.until_state("off", "disabled");
    // Its memory was read, and alarms have looked at that: they come up to a second later.
    exporter.until("alarms of the process", |scrape| {
        let alarms = scrape.matching("myaudio_alarm_active", &[("process", "self")]);
        scrape.sum("myaudio_process_up", &[]) == 1.0 && !alarms.is_empty()
    });
    (exporter, scratch)
}

/// A program that reads memory often enough to have a verdict soon.
fn judging() -> Scrape {
    let scratch = Scratch::new();
    write_tone(&scratch.path("ended.wav"), 8_000, 1, 0.1, -20.0);
    let config = scratch.write(
        "config.yaml",
        "sources: [ { url: ended.wav } ]\n\
         memory: { sample_interval: 100ms, analysis_interval: 100ms, baseline_after: 500ms }\n",
    );
    let exporter = Exporter::with_config(&config);
    exporter.until("a pattern is named", |scrape| {
        let confidence = "myaudio_memory_pattern_confidence_ratio";
        !scrape.matching(confidence, &[]).is_empty()
    })
}

/// Scrapes of programs that together know every kind of source.
fn scrapes() -> [Scrape; 3] {
    let demo = Exporter::start(["demo"]);
    let playing = demo.until("all three stream", |scrape| {
        scrape.sum("myaudio_source_up", &[]) == 3.0
    });
    let (resting, _files) = at_rest();
    [playing, resting.scrape(), judging()]
}

/// The family of a sample, and its labels without a histogram's own.
fn family_of<'a>(scrape: &'a Scrape, name: &'a str) -> &'a str {
    let suffixes = ["_bucket", "_sum", "_count"];
    let base = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
    let histogram =
        |base: &&str| matches!(scrape.families.get(*base), Some((kind, _)) if kind == "histogram");
    base.filter(histogram).unwrap_or(name)
}

#[test]
fn the_document_lists_exactly_the_families_of_a_scrape() {
    let mut exposed: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    for scrape in &scrapes() {
        for (name, labels, _) in &scrape.samples {
            let family = family_of(scrape, name);
            let kind = scrape.families[family].0.clone();
            let names = labels.keys().filter(|label| *label != "le").cloned();
            let row = (kind, names.collect());
            let before = exposed.insert(family.to_owned(), row.clone());
            assert!(before.is_none_or(|before| before == row), "{name}: {row:?}");
        }
    }
    // Of what grows only; tests/memory_watch.rs shows it.
    let row = ("gauge".to_owned(), ["process".to_owned()].into());
    exposed.insert("myaudio_memory_seconds_to_limit".to_owned(), row);
    // Of a certificate; tests/web/rotation.rs shows it.
    let certificate = "audio_capture_exporter_web_certificate_not_after_timestamp_seconds";
    assert!(!exposed.contains_key(certificate), "without TLS");
    exposed.insert(
        certificate.to_owned(),
        ("gauge".to_owned(), BTreeSet::new()),
    );
    let documented = Catalogue::read().families;
    let mut faults = String::new();
    for (family, row) in &exposed {
        if documented.get(family) != Some(row) {
            let labels: Vec<_> = row.1.iter().map(|label| format!("`{label}`")).collect();
            let (kind, labels) = (&row.0, labels.join(", "));
            writeln!(
                faults,
                "missing or different: | `{family}` | {kind} | {labels} | … |"
            )
            .unwrap();
        }
    }
    for gone in documented
        .keys()
        .filter(|name| !exposed.contains_key(*name))
    {
        writeln!(faults, "documented, but not exposed: {gone}").unwrap();
    }
    assert!(faults.is_empty(), "docs/metrics.md:\n{faults}");
}

#[test]
fn the_document_lists_exactly_the_values_of_every_closed_set() {
    let catalogue = Catalogue::read();
    let mut seen: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    // The series of a buffer type appear with its first use, which may never come.
    let kinds = BufferKind::ALL.iter().map(|kind| kind.as_str().to_owned());
    seen.insert(("buffer_type", None), kinds.collect());
    // tests/udp.rs, http_streams.rs, pipes.rs and device.rs show these; nothing here sends so.
    let others = ["udp", "http", "https", "pipe", "device"].map(str::to_owned);
    seen.insert(("transport", Some("myaudio_source_info")), others.into());
    // This build may know no devices.
    let device = ["device".to_owned()];
    seen.insert(("kind", Some("myaudio_source_info")), device.into());
    for scrape in &scrapes() {
        for (name, labels, _) in &scrape.samples {
            let family = family_of(scrape, name);
            for (label, value) in labels {
                if label == "le" || catalogue.open.contains(label) {
                    continue;
                }
                let set = catalogue.set_of(family, label).unwrap_or_else(|| {
                    panic!("docs/metrics.md lists no values of {label} of {family}")
                });
                let key = (set.label.as_str(), set.family.as_deref());
                seen.entry(key).or_default().insert(value.clone());
            }
        }
    }
    for set in &catalogue.sets {
        let key = (set.label.as_str(), set.family.as_deref());
        let seen = seen.remove(&key).unwrap_or_default();
        assert_eq!(set.values, seen, "documented and exposed values of {key:?}");
    }
    // No label escapes by being called open: what is open is known by its nature.
    let open = [
        "channels",
        "codec",
        "object",
        "process",
        "revision",
        "sample_rate",
        "source",
        "version",
    ];
    assert_eq!(catalogue.open, open.map(str::to_owned).into());
}

#[test]
fn a_source_has_at_most_180_series() {
    for scrape in scrapes() {
        let mut series: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, labels, _) in &scrape.samples {
            // A watched process is no source, but counts likewise.
            if let Some(whose) = labels.get("source").or_else(|| labels.get("process")) {
                *series.entry(whose).or_default() += 1;
            }
        }
        assert!(series.len() >= 2, "{series:?}");
        println!("{series:?}");
        assert!(series.values().all(|count| *count <= 180), "{series:?}");
    }
}

#[test]
fn promtool_finds_nothing_to_complain_about() {
    let (exporter, _files) = at_rest();
    let (_, text) = exporter.get("/metrics");
    // Names of the contract that the linter would keep for histograms and counters.
    let fixed = [
        "myaudio_process_count",
        "audio_capture_exporter_shard_total",
    ];
    let (count, text): (Vec<&str>, Vec<&str>) = text
        .lines()
        .partition(|line| fixed.iter().any(|name| line.contains(name)));
    assert_eq!(count.len(), 6);
    let said = run("promtool", &["check", "metrics"], &(text.join("\n") + "\n"));
    assert_eq!(said, "");
}

/// Name, labels and value, in the order they came.
type Samples = Vec<(String, BTreeMap<String, String>, f64)>;

/// Holds samples, however they came, against scrapes in plain text before and after them.
#[track_caller]
fn same_as_text(exporter: &Exporter, what: &str, get: impl FnOnce() -> Samples) {
    let before = exporter.scrape();
    let samples = get();
    let after = exporter.scrape();
    let series = |samples: &Samples| -> Vec<(String, BTreeMap<String, String>)> {
        let series = samples
            .iter()
            .map(|(n, labels, _)| (n.clone(), labels.clone()));
        series.collect()
    };
    assert_eq!(series(&samples), series(&before.samples), "{what}");
    assert_eq!(series(&samples), series(&after.samples), "{what}");
    let mut compared = 0;
    for ((sample, early), late) in samples.iter().zip(&before.samples).zip(&after.samples) {
        let (name, labels, value) = sample;
        let kind = before.families[family_of(&before, name)].0.as_str();
        // A gauge that does not measure audio may have gone up and down between the two.
        if kind != "gauge" || name.starts_with("myaudio_") {
            // What is not known is no number.
            let unknown = [early.2, *value, late.2].map(f64::is_nan) == [true; 3];
            let holds = unknown || (early.2 <= *value && *value <= late.2);
            assert!(
                holds,
                "{what}: {name}{labels:?} {value}: {early:?} {late:?}"
            );
            compared += 1;
        }
    }
    assert!(compared > 200, "{what}: only {compared} values");
}

#[test]
fn openmetrics_is_valid_and_says_the_same_as_the_text() {
    let (exporter, _files) = at_rest();
    same_as_text(&exporter, "OpenMetrics", || {
        let accept = format!("Accept: {OPENMETRICS}\r\n");
        let (_, head, body) = exporter.request("GET", "/metrics", &accept);
        assert!(head.contains(OPENMETRICS), "{head}");
        let text = String::from_utf8(body).unwrap();
        let read = OpenMetrics::parse(&text).unwrap_or_else(|fault| panic!("{fault}"));
        for (family, (kind, _)) in &exporter.scrape().families {
            // Only there a counter's family is called without the suffix of its samples.
            let name = match kind.as_str() {
                "counter" => family.strip_suffix("_total").unwrap(),
                _ => family,
            };
            assert_eq!(read.families.get(name), Some(kind), "{name}");
        }
        let samples = read.samples.into_iter();
        samples.map(|s| (s.name, s.labels, s.value)).collect()
    });
}

#[test]
fn openmetrics_of_playing_sources_is_valid() {
    let demo = Exporter::start(["demo"]);
    demo.until("the flapping source came back", |scrape| {
        scrape.ledger("flapping")[2] >= 1.0
    });
    let accept = format!("Accept: {OPENMETRICS}\r\n");
    let (_, _, body) = demo.request("GET", "/metrics", &accept);
    let text = String::from_utf8(body).unwrap();
    let read = OpenMetrics::parse(&text).unwrap_or_else(|fault| panic!("{fault}"));
    assert!(read.samples.len() > 300);
}

#[test]
fn gzip_and_head_are_the_same_answer() {
    let (exporter, files) = at_rest();
    let url = format!("http://{}/metrics", exporter.address);
    for accept in [TEXT, OPENMETRICS] {
        let head_file = files.path("head");
        let path = head_file.to_str().unwrap();
        let header = format!("Accept: {accept}");
        same_as_text(&exporter, accept, || {
            let arguments = ["-sS", "--compressed", "-D", path, "-H", &header, &url];
            let text = run("curl", &arguments, "");
            let head = std::fs::read_to_string(path).unwrap().to_ascii_lowercase();
            assert!(head.contains("content-encoding: gzip"), "{head}");
            assert!(head.contains(accept), "{head}");
            Scrape::parse(&text).samples
        });

        let field = |head: &str, name: &str| {
            let head = head.to_ascii_lowercase();
            let mut lines = head.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            value
                .unwrap_or_else(|| panic!("no {name}: {head}"))
                .to_owned()
        };
        let header = format!("{header}\r\n");
        let (got, head_of_get, body) = exporter.request("GET", "/metrics", &header);
        let (status, head, nothing) = exporter.request("HEAD", "/metrics", &header);
        assert_eq!((got, status, nothing.len()), (200, 200, 0));
        for name in ["content-type", "vary"] {
            assert_eq!(field(&head, name), field(&head_of_get, name), "{accept}");
        }
        let announced: f64 = field(&head, "content-length").parse().unwrap();
        // The digits of CPU seconds and times come and go.
        assert!((announced / body.len() as f64 - 1.0).abs() < 0.01, "{head}");
    }
}

#[test]
fn the_strict_reader_is_strict() {
    let good = "# HELP a_b Help.\n# TYPE a_b counter\na_b_total{x=\"\\\"\\\\\\n\"} 1\n\
                # HELP h_seconds Help.\n# TYPE h_seconds histogram\n# UNIT h_seconds seconds\n\
                h_seconds_sum 3.5\nh_seconds_count 2\nh_seconds_bucket{le=\"1.0\"} 1\n\
                h_seconds_bucket{le=\"+Inf\"} 2\n# EOF\n";
    let read = OpenMetrics::parse(good).unwrap();
    assert_eq!(read.samples[0].labels["x"], "\"\\\n");
    assert_eq!(read.samples.len(), 5);
    for (from, to, why) in [
        ("# EOF\n", "", "no end"),
        ("# EOF\n", "# EOF", "no line feed at the end"),
        ("# EOF\n", "# EOF\n# EOF\n", "two ends"),
        ("a_b_total{", "a_b{", "a counter without its suffix"),
        (
            "# TYPE a_b counter",
            "# TYPE a_b_total counter",
            "a counter's family with its suffix",
        ),
        ("\"} 1\n", "\"} -1\n", "a counter below zero"),
        ("\"} 1\n", "\"} NaN\n", "a counter that is no number"),
        ("\"} 1\n", "\"} 1\n\n", "an empty line"),
        ("\"} 1\n", "\"} 1\n# note\n", "a comment"),
        ("\\n\"}", "\\t\"}", "an unknown escape"),
        ("x=", "le=", "a bound on a counter"),
        ("x=", "9=", "a label that is no name"),
        ("# HELP a_b Help.\n", "", "no help"),
        (
            "# HELP a_b Help.\n",
            "# HELP a_b Help.\n# HELP a_b Help.\n",
            "two helps",
        ),
        (
            "# UNIT h_seconds seconds",
            "# UNIT h_seconds bytes",
            "another unit",
        ),
        ("h_seconds_sum 3.5\n", "", "no sum"),
        (
            "h_seconds_count 2\n",
            "h_seconds_count 3\n",
            "another count",
        ),
        ("{le=\"+Inf\"} 2", "{le=\"2.0\"} 2", "no infinite bound"),
        ("{le=\"1.0\"} 1", "{le=\"1.0\"} 3", "buckets that fall"),
        (
            "h_seconds_count 2\n",
            "h_seconds_count 2\nh_seconds_count 2\n",
            "a part of a histogram twice",
        ),
        (
            "a_b_total{",
            "a_b_total{x=\"y\"} 1\na_b_total{x=\"y\"} 1\na_b_total{",
            "a series twice",
        ),
        (
            "h_seconds_sum 3.5\n",
            "a_b_total 1\nh_seconds_sum 3.5\n",
            "a family in two places",
        ),
        ("h_seconds", "a_b_total", "two families that share a name"),
    ] {
        assert!(good.contains(from), "{why}");
        let bad = good.replace(from, to);
        assert!(OpenMetrics::parse(&bad).is_err(), "accepted {why}:\n{bad}");
    }
}
