//! Where sources are: addresses, files, folders, pipes, devices.

use std::path::PathBuf;

use audio_capture_exporter::{
    config::{self, SourceArgument},
    net::{RtpTransport, Trust},
    sources::{LiveLocation, Location, SegmentFolder, SourceOptions},
    units::{PcmEncoding, PcmFormat},
};

use crate::{fixtures, good, names, source};

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
