//! Web files that are refused, each with its key, line and remedy.

#[path = "files/catalogue.rs"]
mod catalogue;

use std::{
    fs,
    path::{Path, PathBuf},
};

use audio_capture_exporter::config::{WEB_KEYS, keys::Kind, load_web};

use self::catalogue::{BAD, GOOD, PAIR};
use crate::{
    stage::sign,
    support::Scratch,
    tls_front::{Authority, Identity},
};

/// A directory with `server.pem` (a certificate and its key), `other.pem` (another),
/// `authority.pem`, `empty.pem` and `junk.pem`.
fn folder() -> Scratch {
    let (scratch, authority) = (Scratch::new(), Authority::new());
    scratch.write("authority.pem", &authority.pem());
    scratch.write("server.pem", &sign(&authority, "a").pem());
    scratch.write("other.pem", &Identity::self_signed("b").pem());
    scratch.write("empty.pem", "");
    scratch.write(
        "junk.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    scratch
}

fn said(path: &Path) -> String {
    match load_web(path) {
        Ok(_) => "nothing".to_owned(),
        Err(bad) => format!("{}", bad.errors),
    }
}

/// The placeholders of the tables filled in.
fn filled(text: &str) -> String {
    let hash = |cost: &str| {
        format!(
            "$2y${cost}${}",
            "a".repeat(21) + "u" + &"b".repeat(30) + "2"
        )
    };
    text.replace("PAIR", PAIR)
        .replace("HASH10", &hash("10"))
        .replace("HASH31", &hash("31"))
}

#[test]
fn every_bad_file_is_refused_with_its_key_and_a_remedy() {
    let folder = folder();
    let mut failures = Vec::new();
    for (text, expected) in BAD {
        let path = folder.write("web.yaml", &filled(text));
        let said = said(&path);
        let all = expected.lines().all(|line| {
            let fits = |said: &str| line.split('|').all(|part| said.contains(part));
            said.lines().any(fits)
        });
        let remedies = said.lines().all(|line| line.contains("; "));
        if !all || !remedies || said.lines().count() != expected.lines().count() {
            failures.push(format!("{text}\n  wanted {expected}\n  said {said}"));
        }
        if said.contains("CANARY") {
            failures.push(format!("{text}\n  gave away {said}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn good_files_are_taken_and_name_what_to_watch() {
    let folder = folder();
    for text in GOOD {
        let path = folder.write("web.yaml", &filled(text));
        assert_eq!(said(&path), "nothing", "{text}");
    }
    let path = folder.write("web.yaml", &filled(GOOD[3]));
    let files: Vec<PathBuf> = load_web(&path).unwrap().files;
    let names = ["web.yaml", "server.pem", "server.pem", "authority.pem"];
    assert_eq!(files, names.map(|name| folder.path(name)));
    // Written out instead of in files.
    let pem = fs::read_to_string(folder.path("server.pem"))
        .unwrap()
        .replace('\n', "\n    ");
    let text = format!("tls_server_config:\n  cert: |\n    {pem}\n  key: |\n    {pem}\n");
    assert_eq!(said(&folder.write("web.yaml", &text)), "nothing");
    assert!(said(&folder.path("nowhere.yaml")).contains("check the path"));
}

#[test]
fn a_bad_file_is_a_bad_start_and_is_found_by_the_check() {
    let folder = folder();
    let path = folder.write("web.yaml", "basic_auth_users: { ada: CANARY }");
    for check in [&["--config.check"][..], &[]] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_audio-capture-exporter"))
            .args(check)
            .args([
                "--web.listen-address",
                "127.0.0.1:0",
                "a.wav",
                "--web.config.file",
            ])
            .arg(&path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("basic_auth_users.ada: not a bcrypt hash"),
            "{said}"
        );
        assert!(!said.contains("CANARY"), "{said}");
    }
}

#[test]
fn the_document_and_the_code_list_the_same_keys() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/security.md");
    let document = fs::read_to_string(document).unwrap();
    let rows: Vec<[String; 3]> = document
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            line.trim_matches('|')
                .split(" | ")
                .map(|cell| cell.trim().to_owned())
                .collect()
        })
        .filter_map(|cells: Vec<String>| match &cells[..] {
            [key, kind, default, _] => Some([
                key.trim_matches('`').to_owned(),
                kind.clone(),
                default.clone(),
            ]),
            _ => None,
        })
        .collect();
    let keys: Vec<[String; 3]> = WEB_KEYS
        .iter()
        .map(|key| {
            [
                key.path.to_owned(),
                key.kind.to_string(),
                key.default.to_string(),
            ]
        })
        .collect();
    assert_eq!(rows, keys);
}

#[test]
fn every_key_is_really_read() {
    let folder = folder();
    for key in WEB_KEYS {
        let value = match key.kind {
            Kind::Section | Kind::Texts | Kind::Names => "5",
            _ => "[[ ]]",
        };
        let parts: Vec<&str> = key.path.split('.').collect();
        let nested = parts.iter().rev().fold(value.to_owned(), |inner, part| {
            format!("{{ {part}: {inner} }}")
        });
        let said = said(&folder.write("web.yaml", &nested));
        assert!(
            said.contains(&format!("{}: ", key.path)),
            "{}: {said}",
            key.path
        );
    }
}
