//! Good and bad configuration files.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "config_fixtures/mistakes.rs"]
mod mistakes;
#[path = "config_fixtures/places.rs"]
mod places;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use audio_capture_exporter::{
    backoff::Policy,
    config::{self, Config},
    id::SourceId,
    memory::{MemoryOptions, Selector},
    quiet_hours::QuietHours,
    sources::{Credentials, Expectation, Location, SilenceOptions, SourceOptions},
    units::Dbfs,
};

fn fixtures(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/config")
        .join(kind)
}

fn good(name: &str) -> Config {
    config::load(Some(&fixtures("good").join(name)), &[]).unwrap_or_else(|e| panic!("{e}"))
}

fn source<'a>(config: &'a Config, name: &str) -> &'a SourceOptions {
    let id = SourceId::new(name).unwrap();
    let found = config.sources.iter().find(|source| source.id == id);
    found.unwrap_or_else(|| panic!("no source {name}"))
}

fn rtsp(source: &SourceOptions) -> (String, Option<(&str, &str)>) {
    let Location::Rtsp(target) = &source.location else {
        panic!("{source:?} is no RTSP source");
    };
    let shown = target.credentials.as_ref();
    let pair =
        shown.map(|Credentials { username, password }| (username.expose(), password.expose()));
    (target.url.to_string(), pair)
}

fn names(config: &Config) -> Vec<&str> {
    config
        .sources
        .iter()
        .map(|source| source.id.as_str())
        .collect()
}

#[test]
fn writing_the_defaults_changes_nothing() {
    assert_eq!(good("minimal.yaml"), good("defaults.yaml"));
    assert_eq!(good("minimal.yaml"), good("empty_sections.yaml"));
}

#[test]
fn a_minimal_file_has_the_documented_defaults() {
    let config = good("minimal.yaml");
    let source = source(&config, "camera.lan");
    assert!(source.enabled);
    assert_eq!(source.stall_after, Duration::from_secs(10));
    assert_eq!(source.capture, Duration::from_secs(60));
    assert_eq!(source.expect, Expectation::default());
    assert_eq!(rtsp(source), ("rtsp://camera.lan/live".to_owned(), None));
    assert_eq!(config.connect.timeout, Duration::from_secs(10));
    assert_eq!(config.connect.backoff, Policy::default());
    assert!(config.memory_budget.0 > 0 && config.memory_budget.0 <= 512 << 20);
}

#[test]
fn odd_passwords_arrive_as_they_are() {
    const ODD: &str = "p#a@s%s:w/o?rd ";
    let config = good("passwords.yaml");
    let clean = |nth: u8| format!("rtsp://camera.lan/{nth}");
    for (name, url, credentials) in [
        ("file", clean(1), Some(("us er", ODD))),
        (
            "encoded",
            "rtsp://camera.lan:8554/2?x=1".to_owned(),
            Some(("us@er", ODD)),
        ),
        ("split", clean(3), Some(("recorder", ODD))),
        ("empty", clean(4), Some(("admin", ""))),
        ("bare", clean(5), Some(("admin", ""))),
        ("at", clean(6), Some(("admin", "one@two"))),
        (
            "colon",
            "rtsp://[fe80::1]:554/7".to_owned(),
            Some(("admin", "one:two")),
        ),
        ("percent", clean(8), Some(("admin", "100%"))),
        ("environment", clean(9), Some(("u", env!("CARGO_PKG_NAME")))),
        ("none", clean(10), None),
    ] {
        assert_eq!(rtsp(source(&config, name)), (url, credentials), "{name}");
    }
    let shown = format!("{config:?} {config:#?}");
    for secret in ["p#a", "p%23a", "two", "100%", "us er", "us@er", "us%40er"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn silence_has_a_policy_for_each_source() {
    let config = good("silence.yaml");
    let silence = |name| source(&config, name).silence.clone();
    // What is left out is what a source on the command line gets.
    for name in ["plain", "empty"] {
        assert_eq!(silence(name), SilenceOptions::default());
    }
    let ranges = ["22:00-05:00", "12:00-12:30"].map(|text| text.parse().unwrap());
    let night = SilenceOptions {
        below: Dbfs::parse("-57.5").unwrap(),
        after: Duration::from_secs(600),
        quiet_hours: QuietHours::new(ranges.into(), "Europe/Helsinki").unwrap(),
    };
    assert_eq!(silence("night"), night);
    let five = Duration::from_secs(5);
    assert!(config.sources.iter().all(|source| source.analysis == five));
}

#[test]
fn an_alias_stands_for_what_it_names() {
    let config = good("anchors.yaml");
    let mono = Expectation {
        codec: Some("pcmu".to_owned()),
        sample_rate: Some(8_000),
        channels: Some(1),
    };
    assert_eq!(source(&config, "a").expect, mono);
    assert_eq!(source(&config, "b").expect, mono);
}

#[test]
fn processes_are_named_in_five_ways() {
    let memory = good("watch.yaml").memory;
    let named: Vec<(&str, &Selector)> = memory
        .watches
        .iter()
        .map(|watch| (watch.name.as_str(), &watch.selector))
        .collect();
    let text = str::to_owned;
    assert_eq!(
        named,
        [
            ("birdnet-go", &Selector::Command(text("birdnet-go"))),
            (
                "birdnet_analysis",
                &Selector::Unit(text("birdnet_analysis.service"))
            ),
            ("a", &Selector::Pid(4_194_304)),
            ("b", &Selector::PidFile(fixtures("good").join("run/b.pid"))),
            ("c", &Selector::Cgroup(text("/system.slice/c.service"))),
        ]
    );
    let url = memory.watches[3].metrics_url.as_ref().unwrap();
    assert_eq!(url.as_str(), "https://[::1]:8090/metrics?x=y");
    assert!(
        !format!("{memory:?}").contains("8090"),
        "a token may stand there"
    );
    let defaults = MemoryOptions::default();
    assert_eq!(
        (memory.judge, memory.thresholds),
        (defaults.judge, defaults.thresholds)
    );
}
