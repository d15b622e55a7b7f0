//! Files that want to hang the program, exhaust its memory or make it tell a secret.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    fmt::Write as _,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use audio_capture_exporter::config::{self, ConfigErrors};
use proptest::prelude::*;

/// A directory of its own that goes away with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("config-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn load(&self, text: &[u8]) -> Result<config::Config, ConfigErrors> {
        let file = self.0.join("config.yaml");
        fs::write(&file, text).unwrap();
        config::load(Some(&file), &[])
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        assert!(fs::remove_dir_all(&self.0).is_ok());
    }
}

fn refused(name: &str, text: &str) -> String {
    let errors = Folder::new(name).load(text.as_bytes()).unwrap_err();
    let said = errors.to_string();
    assert!(said.len() < 64 << 10, "{} bytes of messages", said.len());
    said
}

#[test]
fn a_file_over_the_cap_is_not_read() {
    let said = refused("large", &"# comment\n".repeat(210_000));
    assert!(said.contains("larger than 1 MiB"), "{said}");
}

#[test]
fn deep_nesting_is_refused() {
    for (name, text) in [
        ("flow", "[".repeat(500_000)),
        ("braces", "{a: ".repeat(200_000)),
        ("dashes", "- ".repeat(500_000)),
        (
            "block",
            (0..1_000).fold(String::new(), |mut text, depth| {
                writeln!(text, "{}a:", " ".repeat(depth)).unwrap();
                text
            }),
        ),
    ] {
        let said = refused(name, &text);
        assert!(said.contains("config.yaml:"), "{said}");
    }
}

#[test]
fn alias_bombs_are_small() {
    // Ten to the power of twenty, if it were copied.
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..20 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(laughs, "a{level}: &a{level} [{items}]").unwrap();
    }
    laughs.push_str("sources: *a19\n");
    let said = refused("laughs", &laughs);
    assert!(
        said.contains("sources[9]: expected keys and values, found a list"),
        "{said}"
    );

    // A thousand sources out of one line each time are still only what the limit allows.
    let mut many = String::from("x: &x { url: a.wav }\nsources: [");
    many.push_str(&"*x,".repeat(90_000));
    many.push(']');
    let said = refused("many", &many);
    assert!(
        said.contains("sources: 90000 items, at most 1000 are possible"),
        "{said}"
    );
}

#[test]
fn a_flood_of_mistakes_or_values_stays_readable() {
    let mut keys = String::from("sources: [ { url: a.wav } ]\n");
    for n in 0..40_000 {
        writeln!(keys, "key{n}: 1").unwrap();
    }
    let said = refused("keys", &keys);
    assert!(
        said.ends_with("and 39900 more"),
        "{}",
        &said[said.len() - 80..]
    );

    let said = refused("values", &format!("[{}]", "a,".repeat(500_000)));
    assert!(said.contains("more than 100000 values"), "{said}");
}

#[test]
fn bytes_that_are_no_text_are_placed() {
    let folder = Folder::new("binary");
    let said = folder
        .load(b"sources:\n  - url: \xff\n")
        .unwrap_err()
        .to_string();
    assert!(said.contains("not UTF-8 in line 2"), "{said}");
    for junk in [
        &b"\0\0\0\0"[..],
        b"\xef\xbb\xbf",
        b"%YAML 9.9\n---\n",
        b"\t- x",
    ] {
        assert!(folder.load(junk).is_err(), "{junk:?}");
    }
}

const CANARY: &str = "Zq7Xw9Kp";

/// A file with the canary in each place where a secret may stand, also by mistake.
fn planted(pre: &str, post: &str, place: usize) -> String {
    let secret = format!("{pre}{CANARY}{post}");
    let line = match place {
        0 => format!("url: rtsp://admin:{secret}@camera.lan/live"),
        1 => format!("url: \"rtsp://admin:{secret}@camera.lan/live\""),
        2 => format!("url: rtsp://{secret}:x@camera.lan/live"),
        3 => format!("url: rtsp://camera.lan/user=a_password={secret}"),
        4 => format!("url: admin:{secret}@camera.lan/live"),
        5 => format!("username: {secret}"),
        6 => format!("password: {secret}"),
        7 => format!("password_file: {secret}"),
        8 => format!("password_env: '{secret}'"),
        9 => format!("urls: [ \"rtsp://a:{secret}@camera.lan/\" ]"),
        10 => format!("url: {{ rtsp: \"//a:{secret}@camera.lan/\" }}"),
        _ => format!("url: rtsp:/admin:{secret}@camera.lan/live"),
    };
    format!("sources:\n  - stall_after: 10\n    {line}\n    name: garden\n")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn a_secret_is_never_shown(
        pre in "[a-z0-9#@%/:?&=!*'\"{}, ]{0,6}",
        post in "[a-z0-9#@%/:?&=!*'\"{}, ]{0,6}",
        place in 0_usize..12,
        cut in proptest::option::of(0_usize..200),
    ) {
        // One folder for all cases would be shared between threads; each has its own name.
        let folder = Folder::new("canary");
        let mut text = planted(&pre, &post, place);
        if let Some(cut) = cut {
            text.truncate(cut);
        }
        let shown = match folder.load(text.as_bytes()) {
            Ok(config) => format!("{config:?} {config:#?}"),
            Err(errors) => format!("{errors} {errors:?} {errors:#?}"),
        };
        prop_assert!(!shown.contains(CANARY), "{text}\nshows\n{shown}");
    }
}

/// What is logged while `work` runs, and what it returns.
fn logged<T>(work: impl FnOnce() -> T) -> (String, T) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Sink(Arc::clone(&lines));
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || sink.clone())
        .finish();
    let result = tracing::subscriber::with_default(subscriber, work);
    let lines = lines.lock().unwrap().clone();
    (String::from_utf8(lines).unwrap(), result)
}

#[derive(Clone)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(unix)]
#[test]
fn a_password_everybody_can_read_is_warned_of_and_never_shown() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new("password");
    let secret = folder.0.join(format!("{CANARY}.password"));
    fs::write(&secret, format!("{CANARY}\n")).unwrap();
    let text = format!(
        "sources:\n  - {{ url: rtsp://camera.lan/, username: u, password_file: {CANARY}.password }}\n"
    );
    for (mode, warned) in [(0o604, true), (0o640, false)] {
        fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
        let (log, config) = logged(|| folder.load(text.as_bytes()).unwrap());
        let warning = log.contains("sources[0].password_file") && log.contains("WARN");
        assert_eq!(warning, warned, "mode {mode:o}: {log}");
        assert!(!log.contains(CANARY), "{log}");
        let shown = format!("{config:?} {config:#?}");
        assert!(!shown.contains(CANARY), "{shown}");
    }
    let broken = format!("{text}    x: 1\n");
    let shown = format!("{:?}", folder.load(broken.as_bytes()).unwrap_err());
    assert!(!shown.contains(CANARY), "{shown}");
}
