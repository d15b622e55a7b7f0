//! `docs/config.md` against the code, both ways.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{collections::BTreeMap, fs, path::Path};

use audio_capture_exporter::config::{
    self,
    keys::{Fallback, KEYS, Kind},
};

fn document() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/config.md")).unwrap()
}

/// The rows of the document's tables: key, and its type and default.
fn rows(document: &str) -> BTreeMap<String, (String, String)> {
    let mut rows = BTreeMap::new();
    for line in document.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [key, kind, default, meaning] = cells[..] else {
            panic!("not four cells: {line}");
        };
        assert!(!meaning.is_empty(), "{line}");
        let row = (kind.to_owned(), default.to_owned());
        let before = rows.insert(key.trim_matches('`').to_owned(), row);
        assert!(before.is_none(), "{key} is documented twice");
    }
    rows
}

#[test]
fn the_document_and_the_code_list_the_same_keys() {
    let documented = rows(&document());
    let accepted: BTreeMap<String, (String, String)> = KEYS
        .iter()
        .map(|key| {
            let row = (key.kind.to_string(), key.default.to_string());
            (key.path.to_owned(), row)
        })
        .collect();
    assert_eq!(documented, accepted);
}

#[test]
fn the_documented_example_loads() {
    let document = document();
    let (_, rest) = document.split_once("```yaml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let folder = std::env::temp_dir().join(format!("config-docs-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("garden.password"), "secret\n").unwrap();
    fs::write(
        folder.join("hook.headers"),
        "Authorization: Bearer secret\n",
    )
    .unwrap();
    let authority = Path::new(env!("CARGO_MANIFEST_DIR"));
    let authority = authority.join("tests/fixtures/config/good/authority.pem");
    fs::copy(authority, folder.join("authority.pem")).unwrap();
    let file = folder.join("config.yaml");
    fs::write(&file, example).unwrap();
    let loaded = config::load(Some(&file), &[]);
    fs::remove_dir_all(&folder).unwrap();
    let config = loaded.unwrap_or_else(|errors| panic!("{errors}"));
    assert!(config.sources.len() >= 2);
    // An example that leaves a key out cannot show how it is written.
    for key in KEYS
        .iter()
        .filter(|key| key.path != "sources[].password_env")
    {
        let name = key.path.rsplit('.').next().unwrap().trim_end_matches("[]");
        assert!(
            example.contains(&format!("{name}:")),
            "{} is missing",
            key.path
        );
    }
}

#[test]
fn the_documented_way_to_look_less_often_loads() {
    let document = document();
    let examples = document.split("```yaml\n").skip(1);
    let mut examples = examples.filter_map(|rest| Some(rest.split_once("```")?.0));
    let example = examples
        .find(|example| example.starts_with("memory:"))
        .unwrap();
    let file = std::env::temp_dir().join(format!("config-seldom-{}.yaml", std::process::id()));
    fs::write(&file, format!("sources: [ {{ url: a.wav }} ]\n{example}")).unwrap();
    let loaded = config::load(Some(&file), &[]);
    fs::remove_file(&file).unwrap();
    let judge = loaded
        .unwrap_or_else(|errors| panic!("{errors}"))
        .memory
        .judge;
    let seconds = [judge.sample_interval, judge.analysis_interval].map(|span| span.as_secs());
    assert_eq!(seconds, [60, 300]);
}

/// A file in which only the key at `path` is wrong.
fn with_wrong_value(path: &str, kind: Kind) -> String {
    let value = match kind {
        Kind::Section | Kind::Sections | Kind::Texts => "5".to_owned(),
        _ => "[[ ]]".to_owned(),
    };
    let nested = path
        .split('.')
        .rev()
        .fold(value, |inner, part| match part.strip_suffix("[]") {
            Some(list) if path.contains(".url") => format!("{{ {list}: [ {inner} ] }}"),
            Some("sources") => {
                let inner = inner.trim_start_matches('{').trim_end_matches('}');
                format!("{{ sources: [ {{ url: a.wav, {inner} }} ] }}")
            }
            Some(list) => format!("{{ {list}: [ {inner} ] }}"),
            None => format!("{{ {part}: {inner} }}"),
        });
    match nested.strip_suffix('}') {
        Some(open) if !path.starts_with("sources") => {
            format!("{open}, sources: [ {{ url: a.wav }} ] }}")
        }
        _ => nested,
    }
}

#[test]
fn every_accepted_key_is_really_read() {
    let folder = std::env::temp_dir().join(format!("config-read-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("config.yaml");
    for key in KEYS {
        let text = with_wrong_value(key.path, key.kind);
        fs::write(&file, &text).unwrap();
        let expected = key.path.replace("[]", "[0]");
        match config::load(Some(&file), &[]) {
            Ok(_) => panic!("{} is accepted and not read:\n{text}", key.path),
            Err(errors) => assert!(
                errors
                    .mistakes()
                    .iter()
                    .any(|mistake| mistake.path == expected),
                "{}: {errors}\n{text}",
                key.path
            ),
        }
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn only_the_url_is_required() {
    let required: Vec<&str> = KEYS
        .iter()
        .filter(|key| key.default == Fallback::Required)
        .map(|key| key.path)
        .collect();
    assert_eq!(required, ["sources[].url"]);
}
