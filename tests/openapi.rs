//! `/openapi.json` against the program that serves it, and against docs/api.md.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use support::{Exporter, Scratch, write_tone};

/// What has no end, and what only a WebSocket client gets: tried in `tests/http_server`.
const UNENDING: [&str; 2] = ["/api/v1/sources/{name}/live.wav", "/api/v1/events"];

/// A program that does what a file says.
fn plain(scratch: &Scratch) -> Exporter {
    write_tone(&scratch.path("tone.wav"), 8_000, 1, 5.0, -20.0);
    let config = scratch.write("config.yaml", "sources: [ { name: tone, url: tone.wav } ]");
    Exporter::with_config(&config)
}

/// A program of which there is something to tell under every path.
fn rich(scratch: &Scratch) -> Exporter {
    write_tone(&scratch.path("tone.wav"), 8_000, 1, 5.0, -20.0);
    let config = scratch.write(
        "config.yaml",
        "sources:
  - { name: tone, url: tone.wav, loop: true }
  - { name: other, url: tone.wav, loop: true, expect: { sample_rate: 48000 } }
  - { name: down, url: 'rtsp://127.0.0.1:1/', alarms: { for: { source_down: 0s } } }
memory: { sample_interval: 1s }
objects: [ { name: tone, max_count: 10 } ]
history: { path: history.db }
profiles: { directory: . }
web: { audio: true }
",
    );
    let exporter = Exporter::with_config(&config);
    let tracking = r#"{"tracking": true, "backtraces": true}"#;
    assert_eq!(send(&exporter, "PUT", "/api/v1/allocations", tracking), 200);
    let report = r#"{"reporter": "test", "count": 3, "bytes": 4.0}"#;
    assert_eq!(send(&exporter, "PUT", "/api/v1/objects/tone", report), 200);
    exporter.until_source("tone", |tone| {
        tone["signal"]["rms_dbfs"].is_number() && !tone["buffers"][0]["recent"].is_null()
    });
    exporter.until("an alarm", |_| alarm(&exporter).is_some());
    let acknowledge = format!("/api/v1/alarms/{}/acknowledge", alarm(&exporter).unwrap());
    assert_eq!(
        send(&exporter, "POST", &acknowledge, r#"{"author": "kim"}"#),
        200
    );
    exporter.until("rows of a history", |_| {
        let rows = get(&exporter, "/api/v1/history/memory");
        rows["rows"].as_array().is_some_and(|rows| rows.len() > 1)
    });
    exporter
}

fn get(exporter: &Exporter, path: &str) -> Value {
    let (_, text) = exporter.get(path);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
}

fn send(exporter: &Exporter, method: &str, path: &str, body: &str) -> u16 {
    let length = body.len();
    let (status, ..) = exporter.request(
        method,
        path,
        &format!("Content-Length: {length}\r\n\r\n{body}"),
    );
    status
}

fn alarm(exporter: &Exporter) -> Option<String> {
    let alarms = get(exporter, "/api/v1/alarms?state=firing&source=down");
    Some(alarms["alarms"][0]["id"].as_str()?.to_owned())
}

/// A path as it is asked for, with what it needs.
fn concrete(template: &str, parts: &Value, alarm: &str) -> String {
    let first = parts[0]["schema"]["enum"][0].as_str();
    let name = first.unwrap_or("tone");
    let path = template.replace("{name}", name).replace("{id}", alarm);
    match template {
        "/api/v1/sources/{name}/clip.wav" => format!("{path}?last=100ms"),
        "/debug/pprof/profile" => format!("{path}?seconds=1"),
        "/probe" => format!("{path}?target=tone"),
        _ => path,
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some(value.trim())
}

/// A schema of the document with all that it refers to.
fn validator(document: &Value, schema: &Value) -> jsonschema::Validator {
    let mut whole = schema.clone();
    whole["components"] = document["components"].clone();
    let options = jsonschema::options().should_validate_formats(true);
    options.build(&whole).unwrap()
}

#[test]
fn every_get_answers_as_described() {
    let scratch = Scratch::new();
    let exporter = rich(&scratch);
    let document = get(&exporter, "/openapi.json");
    let alarm = alarm(&exporter).unwrap();
    let mut validated = 0;
    for (template, path) in document["paths"].as_object().unwrap() {
        let answers = &path["get"]["responses"];
        if answers.is_null() || UNENDING.contains(&template.as_str()) {
            continue;
        }
        let asked = concrete(template, &path["parameters"], &alarm);
        let (status, head, body) = exporter.request("GET", &asked, "");
        let body = String::from_utf8_lossy(&body);
        // Not every build takes profiles.
        if !template.starts_with("/debug/pprof/") {
            assert_eq!(status, 200, "{asked}: {body}");
        }
        let mut answer = &answers[status.to_string()];
        if let Some(reference) = answer["$ref"].as_str() {
            answer = document.pointer(&reference[1..]).unwrap();
        }
        let media_type = header(&head, "content-type").unwrap();
        let media_type = media_type.split(';').next().unwrap();
        let content = &answer["content"][media_type];
        assert!(content.is_object(), "{asked} is {media_type}: {answer}");
        if media_type.ends_with("json") {
            let body: Value = serde_json::from_str(&body).unwrap();
            let validator = validator(&document, &content["schema"]);
            let wrong: Vec<_> = validator
                .iter_errors(&body)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(wrong.is_empty(), "{asked}: {wrong:#?}");
            validated += 1;
        }
    }
    assert!(validated > 20, "{validated}");
    let schema = &document["paths"]["/api/v1/sources"]["get"]["responses"]["200"];
    let sources = validator(&document, &schema["content"]["application/json"]["schema"]);
    let told = json!({ "sources": [{ "name": 1 }] });
    assert!(!sources.is_valid(&told), "anything passes");
}

#[test]
fn methods_are_those_that_are_described() {
    let scratch = Scratch::new();
    let exporter = rich(&scratch);
    let document = get(&exporter, "/openapi.json");
    let alarm = alarm(&exporter).unwrap();
    for (template, path) in document["paths"].as_object().unwrap() {
        let asked = concrete(template, &path["parameters"], &alarm);
        let (status, head, _) = exporter.request("PATCH", &asked, "");
        assert_eq!(status, 405, "{asked}");
        let allowed = header(&head, "allow").unwrap().split(", ");
        let allowed: BTreeSet<String> = allowed.map(str::to_lowercase).collect();
        let described = path.as_object().unwrap().keys().cloned();
        let described: BTreeSet<String> = described.filter(|key| key != "parameters").collect();
        assert_eq!(allowed, described, "{template}");
        if !path["head"].is_null() {
            let (status, _, body) = exporter.request("HEAD", &asked, "");
            assert_eq!(status, 200, "{asked}");
            assert!(body.is_empty());
        }
    }
}

/// Whether a query that is not known is refused under a path; elsewhere it is ignored.
fn refuses_queries(template: &str) -> bool {
    let refuse = ["/api/v1/", "/debug/pprof/", "/probe"];
    refuse.iter().any(|start| template.starts_with(start))
}

#[test]
fn whatever_the_method_a_query_has_only_what_is_known() {
    let scratch = Scratch::new();
    let exporter = rich(&scratch);
    let document = get(&exporter, "/openapi.json");
    let alarm = alarm(&exporter).unwrap();
    let mut refused = BTreeSet::new();
    for (template, path) in document["paths"].as_object().unwrap() {
        let asked = concrete(template, &path["parameters"], &alarm);
        let bare = asked.split('?').next().unwrap();
        for (method, operation) in path.as_object().unwrap() {
            if ["parameters", "head"].contains(&method.as_str()) {
                continue;
            }
            let method = method.to_uppercase();
            let (status, _, body) = exporter.request(
                &method,
                &format!("{bare}?nonsense=1"),
                "Content-Length: 0\r\n",
            );
            let text = String::from_utf8(body).unwrap();
            if !refuses_queries(template) {
                assert_eq!(status, 200, "{method} {asked}: {text}");
                continue;
            }
            assert_eq!(status, 400, "{method} {asked}: {text}");
            let known = operation["parameters"].as_array();
            for parameter in known.into_iter().flatten() {
                let name = format!("`{}`", parameter["name"].as_str().unwrap());
                assert!(text.contains(&name), "{name} in {text}");
            }
            let told = known.is_some() || text.contains("Ask without a query");
            assert!(told, "{method} {asked}: {text}");
            refused.insert(method);
        }
    }
    let all = ["DELETE", "GET", "POST", "PUT"].map(str::to_owned);
    assert_eq!(refused, BTreeSet::from(all));
}

#[test]
fn who_takes_gzip_gets_it() {
    let scratch = Scratch::new();
    let exporter = plain(&scratch);
    let (_, head, compressed) =
        exporter.request("GET", "/openapi.json", "Accept-Encoding: gzip\r\n");
    assert_eq!(header(&head, "content-encoding"), Some("gzip"));
    let (_, _, plain) = exporter.request("GET", "/openapi.json", "");
    assert!(compressed.len() * 4 < plain.len());
    let mut read = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(compressed.as_slice());
    std::io::Read::read_to_end(&mut decoder, &mut read).unwrap();
    assert_eq!(read, plain);
}

/// `METHOD /path` wherever docs/api.md says so in code, without queries.
fn documented() -> BTreeSet<(String, String)> {
    let text = include_str!("../docs/api.md");
    let codes = text.split('`').skip(1).step_by(2);
    let requests = codes.filter_map(|code| {
        let (method, path) = code.split_once(' ')?;
        let known = ["GET", "PUT", "POST"].contains(&method) && path.starts_with('/');
        let path = path.split('?').next().unwrap();
        known.then(|| (method.to_lowercase(), path.to_owned()))
    });
    requests.collect()
}

/// Whether a path of the document is one of the guide's, which names parts more freely.
fn is_same(described: &str, told: &str) -> bool {
    let described: Vec<_> = described.split('/').collect();
    let told: Vec<_> = told.split('/').collect();
    let pairs = described.iter().zip(&told);
    described.len() == told.len()
        && pairs
            .into_iter()
            .all(|(one, other)| one == other || *other == "{kind}" && !one.is_empty())
}

#[test]
fn the_guide_and_the_description_have_the_same_paths() {
    let scratch = Scratch::new();
    let exporter = plain(&scratch);
    let document = get(&exporter, "/openapi.json");
    let told = documented();
    let mut described = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in ["get", "put", "post"] {
            if !methods[method].is_null() {
                described.push((method.to_owned(), path.clone()));
            }
        }
    }
    for (method, path) in &described {
        let found = told.iter().any(|(m, p)| m == method && is_same(path, p));
        assert!(
            found,
            "docs/api.md lacks `{} {path}`",
            method.to_uppercase()
        );
    }
    for (method, path) in &told {
        let found = described
            .iter()
            .any(|(m, p)| m == method && is_same(p, path));
        assert!(found, "/openapi.json lacks {method} {path}");
    }
}
