//! What can start, and what says why it cannot.

use std::process::Command;

use crate::support::Scratch;

/// Runs the program to its end: exit status and everything it wrote.
fn ends(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_audio-capture-exporter"))
        .args(arguments)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn what_cannot_start_says_why_and_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, text) = ends(&["demo", "--web.listen-address", &address]);
    assert_eq!(code, 1);
    assert!(text.contains(&address) && text.contains("in use"), "{text}");

    let (code, text) = ends(&["cam=rtsp://user:canary@camera.lan/x"]);
    assert_eq!(code, 2);
    assert!(
        !text.contains("canary") && text.contains("config"),
        "{text}"
    );

    let (code, text) = ends(&["cam=gopher://camera.lan/x"]);
    assert_eq!(code, 2);
    assert!(text.contains("rtsp://"), "{text}");

    let (code, text) = ends(&[]);
    assert_eq!(code, 2);
    assert!(text.contains("demo"), "{text}");

    let scratch = Scratch::new();
    let config = scratch.write(
        "config.yaml",
        "buffers: { capture: { duration: 1h }, memory_budget: 512MiB }\n\
         sources: [ { url: \"rtsp://u:canary@camera.lan/x\" } ]\n",
    );
    let path = config.to_str().unwrap();
    for arguments in [
        vec!["--config.file", path, "--config.check"],
        vec!["--config.file", path],
    ] {
        let (code, text) = ends(&arguments);
        assert_eq!(code, 1, "{text}");
        // 3600 s × 48,000 Hz × 2 channels × 2 bytes.
        assert!(
            text.contains("691200000") || text.contains("659"),
            "the arithmetic: {text}"
        );
        assert!(!text.contains("canary"), "{text}");
    }
}

#[test]
fn the_example_configurations_that_are_shipped_are_valid() {
    let scratch = Scratch::new();
    let secret = scratch.write("garden", "password");
    let state = secret.parent().unwrap().to_str().unwrap();
    for shipped in [
        "deploy/config.example.yaml",
        "deploy/compose/exporter.yaml",
        "deploy/kubernetes/overlays/sidecar/config.yaml",
        "deploy/kubernetes/overlays/statefulset/config.yaml",
    ] {
        let text = std::fs::read_to_string(shipped)
            .unwrap()
            .replace("/run/secrets/garden", secret.to_str().unwrap())
            .replace("/var/lib/audio-capture-exporter", state);
        let config = scratch.write("config.yaml", &text);
        let (code, text) = ends(&["--config.check", "--config.file", config.to_str().unwrap()]);
        assert_eq!(code, 0, "{shipped}: {text}");
    }
}

/// The Debian package's names nothing to watch; everything in it that is commented out is right.
#[test]
fn the_package_s_configuration_says_what_is_missing_and_is_valid_without_its_comment_signs() {
    let scratch = Scratch::new();
    let secret = scratch.write("garden", "password");
    let shipped = std::fs::read_to_string("deploy/debian/config.yaml").unwrap();
    let config = scratch.write("config.yaml", &shipped);
    let arguments = ["--config.check", "--config.file", config.to_str().unwrap()];
    let (code, text) = ends(&arguments);
    assert_eq!(code, 1, "{text}");
    // Where, too: in a journal nobody sees the arguments.
    let missing = format!("{}:1: sources: no source to watch", config.display());
    assert!(text.contains(&missing), "{text}");
    let (head, rest) = shipped.split_once("where you want it.\n").unwrap();
    assert!(head.lines().all(|line| line.starts_with('#')), "{head}");
    let opened = rest
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix('#').unwrap_or(line)))
        .collect::<String>()
        .replace(
            "/etc/audio-capture-exporter/garden",
            secret.to_str().unwrap(),
        );
    scratch.write("config.yaml", &opened);
    let (code, text) = ends(&arguments);
    assert_eq!(code, 0, "{text}\n{opened}");
}
