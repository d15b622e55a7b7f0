//! One configuration for several exporters: together they watch every source once, and a
//! Prometheus that is told by an agent knows all of them.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde_json::Value;
use support::{Exporter, Scratch, prometheus::Prometheus, write_tone};

const SOURCES: usize = 12;

/// A configuration of so many sources, all of one looped file.
fn configuration(files: &Scratch, sources: usize) -> PathBuf {
    let source = |nth| format!("- {{ name: camera-{nth}, url: tone.wav, loop: true }}\n");
    let text: String = (0..sources).map(source).collect();
    files.write("config.yaml", &format!("sources:\n{text}"))
}

/// Two exporters with one file: one is told its number, the other is called by it.
fn two(files: &Scratch) -> [Exporter; 2] {
    write_tone(&files.path("tone.wav"), 8_000, 1, 2.0, -20.0);
    let config = configuration(files, SOURCES);
    let config = config.to_str().unwrap();
    let common = ["--config.file", config, "--shard.total", "2"];
    [
        Exporter::start(common.iter().chain(&["--shard.index", "0"])),
        Exporter::start_in(common, [("POD_NAME", PathBuf::from("audio-1"))]),
    ]
}

/// The sources that it lists, once that is all that it exposes: the list is a second old.
#[track_caller]
fn listed(exporter: &Exporter) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    exporter.until("the list is that of the metrics", |_| {
        let (status, text) = exporter.get("/api/v1/sources");
        assert_eq!(status, 200, "{text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        let list = answer["sources"].as_array().unwrap().iter();
        names = list
            .map(|source| source["name"].as_str().unwrap().to_owned())
            .collect();
        names == exposed(exporter)
    });
    names
}

/// The values of a label `source` in what it exposes.
fn exposed(exporter: &Exporter) -> BTreeSet<String> {
    let (_, text) = exporter.get("/metrics");
    let named = text
        .lines()
        .filter_map(|line| line.split("source=\"").nth(1)?.split('"').next());
    named
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn two_exporters_with_one_file_share_its_sources() {
    let files = Scratch::new();
    let shards = two(&files);
    let all: BTreeSet<_> = (0..SOURCES).map(|nth| format!("camera-{nth}")).collect();
    let lists = shards.each_ref().map(listed);
    assert!(lists.iter().all(|list| !list.is_empty()), "{lists:?}");
    assert!(lists[0].is_disjoint(&lists[1]), "{lists:?}");
    assert_eq!(&lists[0] | &lists[1], all);
    for (index, (shard, own)) in (0..).zip(shards.iter().zip(&lists)) {
        for name in own {
            shard.until_state(name, "streaming");
        }
        // Nothing is known of the others' sources, in no family and by no address.
        assert_eq!(&exposed(shard), own);
        let other = lists[1 - index].first().unwrap();
        for path in [
            format!("/api/v1/sources/{other}"),
            format!("/probe?target={other}"),
        ] {
            let status = shard.get(&path).0;
            assert!((400..500).contains(&status), "{path}: {status}");
        }
        let scrape = shard.scrape();
        let own_words = [
            "audio_capture_exporter_shard_index",
            "audio_capture_exporter_shard_total",
        ];
        let numbers = own_words.map(|family| scrape.value(family, &[]));
        assert_eq!(numbers, [index as f64, 2.0]);
        let said = format!("{} of {SOURCES} sources belong to it", own.len());
        assert!(shard.process.output().contains(&said), "{said}");
    }

    // More sources: each shard takes its own, and nobody gives one away.
    configuration(&files, 2 * SOURCES);
    for (shard, before) in shards.iter().zip(&lists) {
        let (status, said) = shard.reload();
        assert_eq!(status, 200, "{said}");
        let kept = format!("0 removed, 0 changed, {} untouched", before.len());
        assert!(said.contains(&kept), "{said}");
    }
    let lists = shards.each_ref().map(listed);
    assert!(lists[0].is_disjoint(&lists[1]), "{lists:?}");
    assert_eq!(lists[0].len() + lists[1].len(), 2 * SOURCES);
}

/// A file of `deploy/prometheus` with other addresses, and a second for every interval.
fn deployed(name: &str, addresses: &BTreeMap<&str, &str>) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus");
    let mut text = std::fs::read_to_string(folder.join(name)).unwrap();
    for (shipped, real) in addresses {
        assert!(text.contains(shipped), "{name} has no {shipped}");
        text = text.replace(shipped, real);
    }
    assert!(text.contains("15s"), "{name}");
    let rules = format!("{}/../../", folder.display());
    text.replace("15s", "1s")
        .replace("- ../../", &format!("- {rules}"))
}

/// The query of the documentation that tells of a shard that is missing.
fn missing_shard() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sharding.md");
    let document = std::fs::read_to_string(path).unwrap();
    let query = document.split("```promql\n").nth(1).unwrap();
    query.split("```").next().unwrap().to_owned()
}

#[test]
fn a_receiver_knows_all_that_an_agent_scrapes() {
    let files = Scratch::new();
    let [first, second] = two(&files);
    let receiver = Prometheus::configured(
        &deployed("receiver.yml", &BTreeMap::new()),
        &["--web.enable-remote-write-receiver"],
    );
    let addresses = BTreeMap::from([
        ("127.0.0.1:10480", first.address.as_str()),
        ("127.0.0.1:10481", second.address.as_str()),
        ("127.0.0.1:9090", receiver.address()),
    ]);
    let _agent = Prometheus::agent(&deployed("agent.yml", &addresses));

    let number = |query: &str| -> Option<f64> {
        let found = receiver.query_now(query);
        assert!(found.len() <= 1, "{query}: {found:?}");
        found.first().map(|element| element.value)
    };
    let up = "count(up{job=\"audio-capture-exporter\"} == 1)";
    receiver.until("both exporters are up", || {
        (number(up) == Some(2.0)).then_some(())
    });
    receiver.until("every source is up", || {
        (number("sum(myaudio_source_up)") == Some(SOURCES as f64)).then_some(())
    });
    // What a counter says arrives: audio is real time, over all sources.
    receiver.until("the rate of audio", || {
        let rate = number("sum(rate(myaudio_source_audio_seconds_total[5s]))")?;
        ((rate - SOURCES as f64).abs() < 1.0).then_some(())
    });
    // Each once, and told apart by its name alone.
    for query in [
        "count(myaudio_source_up)",
        "count(count by (source) (myaudio_source_up))",
    ] {
        assert_eq!(number(query), Some(SOURCES as f64), "{query}");
    }
    // The shipped rules are evaluated where the series arrive.
    assert!(!receiver.rules("SourceDown").is_empty());

    let missing = missing_shard();
    assert_eq!(number(&missing), None, "{missing}");
    drop(second);
    receiver.until("the missing shard is seen", || number(&missing).map(|_| ()));
}
