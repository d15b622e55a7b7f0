use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::{
    config::{
        ConfigErrors,
        keys::{KEYS, Kind},
        load::of_text,
    },
    shard::Shard,
};

fn read(text: &str) -> Result<Config, ConfigErrors> {
    let path = Path::new("/nowhere/config.yaml");
    of_text(Some(path), Some(Ok(text.to_owned())), &[], Shard::WHOLE)
}

fn told(before: &str, after: &str) -> String {
    let changes = ConfigChanges::between(&read(before).unwrap(), &read(after).unwrap());
    let told = format!("{changes:?} {changes}");
    assert!(!told.contains("CANARY"), "{told}");
    changes.to_string()
}

/// What else may stand there than what does by default.
fn others(path: &str, kind: Kind) -> Vec<Value> {
    match kind {
        Kind::Duration(min, max) | Kind::Bytes(min, max) => vec![json!(min), json!(max)],
        Kind::Integer(min, max) => vec![json!(min), json!(max)],
        Kind::Boolean => vec![json!(true)],
        Kind::Texts if path.starts_with("web.roles.") => vec![json!(["authenticated"])],
        Kind::Texts if path == "probe.targets" => vec![json!([])],
        Kind::Texts if path == "alarms.disabled" => vec![json!(["source_down"])],
        Kind::Text | Kind::Texts if path == "notify.external_url" => vec![json!("http://a.lan/")],
        Kind::Texts => vec![json!(["other.lan"])],
        Kind::Text => vec![json!("other")],
        _ => panic!("{path}"),
    }
}

#[test]
fn every_setting_that_changes_is_named() {
    let base = json!({
        "sources": [{ "name": "cam", "url": "rtsp://camera.lan/" }],
        "profiles": { "directory": "a" },
        "history": { "path": "a" },
        "notify": { "file": { "path": "a" } },
    });
    assert_eq!(told(&base.to_string(), &base.to_string()), "");
    for key in KEYS {
        let of_list = key.path.contains("[]");
        // What a source gets of it is a change of the source.
        let of_source = key.path.ends_with("buffers.capture.duration")
            || key.path.ends_with("buffers.analysis.duration");
        let section = matches!(key.kind, Kind::Section | Kind::Sections);
        if of_list || of_source || section {
            continue;
        }
        let changed = others(key.path, key.kind).into_iter().find_map(|value| {
            let mut changed = base.clone();
            let place = format!("/{}", key.path.replace('.', "/"));
            *make(&mut changed, &place) = value;
            let text = changed.to_string();
            // Of two bounds one may not go with another key.
            let differs = read(&text).is_ok_and(|it| it != read(&base.to_string()).unwrap());
            differs.then_some(text)
        });
        let changed = changed.unwrap_or_else(|| panic!("nothing else fits {}", key.path));
        let told = told(&base.to_string(), &changed);
        let named = told
            .strip_prefix(", settings changed: ")
            .unwrap_or_default();
        let names_it = key.path == named || key.path.starts_with(&format!("{named}."));
        assert!(names_it && !named.is_empty(), "{}: {told}", key.path);
        assert!(KEYS.iter().any(|key| key.path == named), "{named}");
    }
}

/// The value at a place, which is made if it is not there.
fn make<'a>(value: &'a mut Value, place: &str) -> &'a mut Value {
    place.split('/').skip(1).fold(value, |value, name| {
        if value.is_null() {
            *value = json!({});
        }
        &mut value[name]
    })
}

const ONE: &str = "sources:\n- { name: a, url: \"rtsp://camera.lan/a\" }\n";
const TWO: &str = "sources:\n- { name: a, url: \"rtsp://camera.lan/a\" }\n\
    - { name: b, url: \"rtsp://camera.lan/b\" }\n";
const TWO_WITH_ALARMS: &str = "sources:\n- { name: a, url: \"rtsp://camera.lan/a\" }\n\
    - { name: b, url: \"rtsp://camera.lan/b\", alarms: { for: { source_down: 9m } } }\n";

#[test]
fn what_has_a_name_is_named_and_who_is_told_is_counted() {
    let before = format!(
        "{TWO}objects: [ {{ name: gone }}, {{ name: less, max_count: 1 }}, {{ name: same }} ]\n\
         notify:\n  webhooks:\n  - {{ url: \"https://ada:CANARY@hooks.lan/a/CANARY\" }}\n  \
         - {{ url: \"https://hooks.lan/b?token=CANARY\" }}\n  \
         alertmanagers: [ {{ url: \"http://alerts.lan/CANARY\" }} ]\n"
    );
    let after = format!(
        "{TWO_WITH_ALARMS}objects: [ {{ name: same }}, {{ name: less, max_count: 2 }}, {{ name: new }} ]\n\
         notify:\n  webhooks:\n  - {{ url: \"https://ada:CANARY2@hooks.lan/a/CANARY\" }}\n  \
         - {{ url: \"https://hooks.lan/c?token=CANARY\" }}\n  \
         - {{ url: \"https://hooks.lan/d?token=CANARY\" }}\n"
    );
    assert_eq!(
        told(&before, &after),
        ", object added: new, object removed: gone, object changed: less, webhooks added: 2, \
         webhooks removed: 1, webhooks changed: 1, Alertmanagers removed: 1, \
         alarms of sources changed: b"
    );
    let start = ConfigChanges::at_start(&read(&after).unwrap());
    assert_eq!(
        start.to_string(),
        ", object added: same less new, webhooks added: 3"
    );
    assert!(!format!("{start:?}").contains("CANARY"));
}

#[test]
fn a_source_that_comes_or_goes_is_no_other_change() {
    assert_eq!(told(TWO, ONE), "");
    assert_eq!(told(ONE, TWO), "");
}

#[test]
fn many_names_are_counted() {
    let objects: Vec<_> = (10..23).map(|n| format!("{{ name: o{n} }}")).collect();
    let many = format!("{ONE}objects: [ {} ]\n", objects.join(", "));
    let named = "o10 o11 o12 o13 o14 o15 o16 o17 o18 o19 and 3 more";
    assert_eq!(told(ONE, &many), format!(", object added: {named}"));
}
