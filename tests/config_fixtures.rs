//! Good and bad configuration files.
//!
//! Beside each bad file stands what must be said of it: one line for each mistake, its
//! essential parts separated by ` | `. Nothing less and nothing more may be reported.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use audio_capture_exporter::{
    backoff::Policy,
    config::{self, Config, SourceArgument},
    id::SourceId,
    memory::{MemoryOptions, Selector},
    net::{RtpTransport, Trust},
    quiet_hours::QuietHours,
    sources::{
        Credentials, Expectation, LiveLocation, Location, SegmentFolder, SilenceOptions,
        SourceOptions,
    },
    units::{Dbfs, PcmEncoding, PcmFormat},
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
fn every_mistake_is_reported_with_its_line_and_remedy() {
    let mut files: Vec<PathBuf> = fs::read_dir(fixtures("bad"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    files.sort();
    assert!(files.len() >= 20, "only {} bad files", files.len());
    let mut failures = Vec::new();
    for file in files {
        let expected = fs::read_to_string(file.with_extension("expected")).unwrap();
        let said = match config::load(Some(&file), &[]) {
            Ok(_) => "nothing".to_owned(),
            Err(errors) => errors.to_string(),
        };
        if let Err(why) = compare(&expected, &said) {
            failures.push(format!("{}: {why}\nsaid:\n{said}", file.display()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

fn compare(expected: &str, said: &str) -> Result<(), String> {
    let mut left: Vec<&str> = said.lines().collect();
    for mistake in expected.lines() {
        let fits = |line: &str| mistake.split(" | ").all(|part| line.contains(part));
        let found = left.iter().position(|line| fits(line));
        left.remove(found.ok_or_else(|| format!("missing: {mistake}"))?);
    }
    if left.is_empty() {
        Ok(())
    } else {
        Err(format!("said too much: {left:?}"))
    }
}

#[test]
fn no_bad_file_gives_its_secret_away() {
    for entry in fs::read_dir(fixtures("bad")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            let errors = config::load(Some(&path), &[]).unwrap_err();
            let shown = format!("{errors} {errors:?} {errors:#?}");
            assert!(!shown.contains("CANARY"), "{}: {shown}", path.display());
            assert!(!shown.contains("hunter2"), "{}: {shown}", path.display());
        }
    }
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
fn places_give_names_and_paths() {
    let config = good("places.yaml");
    assert_eq!(
        names(&config),
        [
            "camera.lan:8554",
            "::1:8554",
            "10.0.0.7",
            "dawn-chorus",
            "dusk-chorus",
            "007"
        ]
    );
    let files: Vec<(PathBuf, bool)> = config
        .sources
        .iter()
        .filter_map(|source| match &source.location {
            Location::File { path, looped } => Some((path.clone(), *looped)),
            _ => None,
        })
        .collect();
    assert_eq!(
        files,
        [
            (fixtures("good").join("audio/dawn chorus.flac"), true),
            (PathBuf::from("/srv/audio/dusk chorus.wav"), false),
            (PathBuf::from("/srv/a:b.wav"), false),
        ]
    );
}

#[test]
fn tls_and_transport_are_read() {
    let config = good("tls.yaml");
    let target = |name: &str| match &source(&config, name).location {
        Location::Rtsp(target) => target.clone(),
        other => panic!("{other:?}"),
    };
    let authority = target("camera.lan");
    assert_eq!((authority.port(), authority.is_secure()), (322, true));
    assert_eq!(authority.tls.server_name.as_deref(), Some("door.example"));
    assert!(matches!(authority.tls.trust, Trust::Authorities(found) if found.len() == 1));
    let pinned = target("pinned");
    assert_eq!(pinned.port(), 8322);
    assert_eq!(
        pinned.tls.trust,
        Trust::Pinned(<[u8; 32]>::try_from([0x0a, 0x1b].repeat(16)).unwrap())
    );
    assert_eq!(target("datagrams").transport, RtpTransport::Udp);
    assert_eq!(pinned.transport, RtpTransport::Tcp);
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
fn arguments_come_after_the_file_and_share_its_rules() {
    let path = fixtures("good").join("minimal.yaml");
    let arguments = |texts: &[&str]| -> Vec<SourceArgument> {
        let parsed = texts.iter().map(|text| SourceArgument::parse(text));
        parsed.collect::<Result<_, _>>().unwrap()
    };
    let config = config::load(
        Some(&path),
        &arguments(&["pond=rtsp://other.lan/1", "dawn.flac"]),
    );
    assert_eq!(names(&config.unwrap()), ["camera.lan", "pond", "dawn"]);

    let twice = config::load(Some(&path), &arguments(&["rtsp://camera.lan/2"])).unwrap_err();
    let said = twice.to_string();
    assert!(
        said.contains("source argument 1: the name `camera.lan` is already that of sources[0]")
            && said.contains("NAME=URL"),
        "{said}"
    );

    let alone = config::load(None, &arguments(&["dawn.flac"])).unwrap();
    let path = PathBuf::from("dawn.flac");
    let looped = false;
    assert_eq!(alone.sources[0].location, Location::File { path, looped });
}

#[test]
fn a_file_that_is_not_there_or_no_file_is_said() {
    for (path, part) in [
        (fixtures("good").join("nowhere.yaml"), "No such file"),
        (fixtures("good"), "not a regular file"),
    ] {
        let errors = config::load(Some(&path), &[]).unwrap_err();
        assert_eq!(errors.mistakes().len(), 1, "{errors}");
        assert!(errors.to_string().contains(part), "{errors}");
        assert!(
            errors.to_string().contains(&path.display().to_string()),
            "{errors}"
        );
    }
}

#[test]
fn places_that_live_keep_their_keys_and_get_a_name() {
    let config = good("live.yaml");
    assert_eq!(
        names(&config),
        ["night", "aviary", "attic", "meadow", "stdin"]
    );
    let pcm = PcmFormat {
        encoding: PcmEncoding::F32le,
        sample_rate: 44_100,
        channels: 2,
    };
    let folder = |path: &str, pattern: Option<&str>| {
        LiveLocation::Segments(SegmentFolder {
            path: path.into(),
            pattern: pattern.map(str::to_owned),
        })
    };
    for (name, place) in [
        (
            "night",
            LiveLocation::Follow {
                path: fixtures("good").join("night.wav"),
            },
        ),
        ("aviary", folder("/var/lib/recorder/aviary", Some("*.wav"))),
        ("attic", folder("/var/lib/recorder/attic/", None)),
        (
            "meadow",
            LiveLocation::Pipe {
                path: Some("/run/meadow.pcm".into()),
                pcm: Some(pcm),
            },
        ),
        (
            "stdin",
            LiveLocation::Pipe {
                path: None,
                pcm: None,
            },
        ),
    ] {
        assert_eq!(source(&config, name).location, Location::Live(place));
    }
}

/// What the file and the arguments make of the addresses of devices.
fn devices(addresses: &[&str]) -> (String, Vec<String>) {
    let folder = std::env::temp_dir().join(format!("config-device-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("config.yaml");
    let item = |address: &&str| format!("- {{ url: \"{address}\" }}\n");
    let items: String = addresses.iter().map(item).collect();
    std::fs::write(&path, format!("sources:\n{items}")).unwrap();
    let loaded = config::load(Some(&path), &[]);
    std::fs::remove_dir_all(&folder).unwrap();
    let file = match loaded {
        Ok(config) => {
            let shown = |source: &SourceOptions| format!("{} {}", source.id, source.location);
            let lines: Vec<_> = config.sources.iter().map(shown).collect();
            lines.join("\n")
        }
        Err(errors) => errors.to_string(),
    };
    let argument = |address: &&str| match SourceArgument::parse(address) {
        Ok(argument) => argument.name().to_owned(),
        Err(error) => error.to_string(),
    };
    (file, addresses.iter().map(argument).collect())
}

#[test]
fn devices_are_sources_or_the_build_that_lacks_them_says_how_to_get_them() {
    let (file, arguments) = devices(&["device:default", "ALSA:hw:CARD=Mic,DEV=0"]);
    if cfg!(feature = "device") {
        assert_eq!(
            file,
            "default device default\nhw:CARD-Mic-DEV-0 device hw:CARD=Mic,DEV=0"
        );
        // The `=` in a device's name ends no name of a source.
        assert_eq!(arguments, ["default", "hw:CARD-Mic-DEV-0"]);
    } else {
        for said in arguments.iter().chain([&file]) {
            assert!(said.contains("built without audio devices"), "{said}");
            assert!(said.contains("--features device"), "{said}");
            assert!(said.contains("libasound2-dev"), "{said}");
        }
        assert_eq!(file.matches("built without").count(), 2, "{file}");
    }
    let wrong = ["device:", "device://default", "alsa:"];
    let (file, arguments) = devices(&wrong);
    assert_eq!(
        file.matches("no usable name").count(),
        wrong.len(),
        "{file}"
    );
    for said in arguments {
        assert!(said.contains("write device:default"), "{said}");
    }
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
