//! The history of the real program, over HTTP.

use serde_json::Value;

use crate::support::{Exporter, PATIENCE, Scratch, write_tone};

fn config(scratch: &Scratch, history: &str) -> std::path::PathBuf {
    write_tone(&scratch.path("ended.wav"), 8_000, 1, 0.5, -20.0);
    scratch.write(
        "config.yaml",
        &format!(
            "sources: [ {{ url: ended.wav }} ]\nmemory: {{ sample_interval: 1s }}\n{history}\n"
        ),
    )
}

fn json(exporter: &Exporter, path: &str) -> (u16, Value) {
    let (status, text) = exporter.get(path);
    let document = serde_json::from_str(&text);
    (status, document.unwrap_or_else(|_| panic!("{text}")))
}

/// The rows of an answer.
fn rows(exporter: &Exporter, path: &str) -> Vec<Value> {
    let (status, document) = json(exporter, path);
    assert_eq!(status, 200, "{document}");
    document["rows"].as_array().unwrap().clone()
}

const OPERATIONS: [(&str, &str, &str); 4] = [
    ("start", "done", "1 added"),
    ("reload", "done", "1 untouched"),
    ("reload", "refused", "pth"),
    ("stop", "done", "told to"),
];

/// The first operations: which, how each ended, and a part of its words.
#[track_caller]
fn were(rows: &[Value], expected: &[(&str, &str, &str)]) {
    for (row, (operation, outcome, words)) in rows.iter().zip(expected) {
        let right = row["operation"] == *operation
            && row["outcome"] == *outcome
            && row["words"].as_str().unwrap().contains(words);
        assert!(right, "{rows:?}");
    }
    assert!(rows.len() >= expected.len(), "{rows:?}");
}

#[track_caller]
/// The answer once it has this state, and is not about to have another.
fn state(exporter: &Exporter, wanted: &str) -> Value {
    let mut seen = Value::Null;
    exporter.process.until(wanted, || {
        seen = json(exporter, "/api/v1/history").1;
        let problem = seen["problem"].as_str().unwrap_or_default();
        seen["state"] == wanted && !problem.contains("is being opened")
    });
    seen
}

fn stop(mut exporter: Exporter) -> String {
    exporter.process.signal("TERM");
    let status = exporter.process.wait(PATIENCE);
    assert!(status.success(), "{}", exporter.process.output());
    exporter.process.output()
}

#[test]
fn what_was_is_told_after_a_restart_page_by_page_and_as_csv() {
    let scratch = Scratch::new();
    let good = "history: { path: history.db }";
    let config = config(&scratch, good);
    let exporter = Exporter::with_config(&config);
    exporter.until_state("ended", "ended");
    state(&exporter, "writing");
    assert_eq!(exporter.reload().0, 200);
    self::config(&scratch, "history: { pth: history.db }");
    assert_eq!(exporter.reload().0, 422);
    self::config(&scratch, good);
    // At the start, with the configuration, and each second: after four, an earlier one has been
    // in a snapshot.
    exporter.process.until("memory was read four times", || {
        let (_, known) = json(&exporter, "/api/v1/memory/history?process=self");
        known["processes"][0]["moments"].as_array().unwrap().len() >= 4
    });
    // What waits is written at the end.
    stop(exporter);

    let exporter = Exporter::with_config(&config);
    state(&exporter, "writing");
    let sources = rows(
        &exporter,
        "/api/v1/history/sources?source=ended&to=4000000000",
    );
    let audio: f64 = sources
        .iter()
        .filter_map(|row| row["audio_seconds"].as_f64())
        .sum();
    assert!((audio - 0.5).abs() < 1e-3, "{sources:?}");
    assert_eq!(sources.last().unwrap()["state"], "ended");
    let operations = rows(&exporter, "/api/v1/history/operations");
    were(&operations, &OPERATIONS);
    let allocations = rows(
        &exporter,
        "/api/v1/history/allocations?step=1d&source=ended",
    );
    let sum = |name: &str| -> i64 {
        allocations
            .iter()
            .filter_map(|row| row[name].as_i64())
            .sum()
    };
    assert!(sum("attempted") >= 1, "{allocations:?}");
    assert_eq!(
        sum("attempted"),
        sum("first_allocation") + sum("repeated_blocked") + sum("error")
    );

    // Pages joined together are the whole, as CSV too.
    let whole = rows(&exporter, "/api/v1/history/operations?limit=3");
    let (mut joined, mut cursor) = (Vec::new(), String::new());
    while joined.len() < 3 {
        let (status, page) = json(
            &exporter,
            &format!("/api/v1/history/operations?limit=1{cursor}"),
        );
        assert_eq!(status, 200);
        joined.extend(page["rows"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(joined, whole);
    let path = "/api/v1/history/operations?limit=1";
    let (status, head, body) = exporter.request("GET", path, "Accept: text/csv\r\n");
    let text = String::from_utf8(body).unwrap();
    assert_eq!(status, 200);
    assert!(
        head.to_ascii_lowercase().contains("next-cursor: "),
        "{head}"
    );
    assert!(head.contains("text/csv"), "{head}");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("time,operation,outcome,words"));
    assert!(lines.next().unwrap().contains(",start,done,"), "{text}");

    // Further back than this process has lived.
    let (_, known) = json(&exporter, "/api/v1/memory/history?count=5000&process=self");
    let moments = known["processes"][0]["moments"].as_array().unwrap();
    let times: Vec<&str> = moments
        .iter()
        .map(|moment| moment["time"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    let stopped = operations[3]["time"].as_str().unwrap();
    assert!(times[0] < stopped, "{times:?} {stopped}");
    exporter.until("it has lived", |scrape| {
        scrape.sum("myaudio_process_up", &[]) == 1.0
    });
    let (_, growth) = json(&exporter, "/api/v1/memory/growth?minutes=30&process=self");
    let from = growth["processes"][0]["from"].as_str().unwrap();
    assert!(from < stopped, "{growth}");
    let (status, head, body) = exporter.request("GET", "/api/v1/memory/export?format=csv", "");
    assert_eq!(status, 200);
    assert!(
        head.contains("attachment; filename=\"memory.csv\""),
        "{head}"
    );
    assert!(String::from_utf8(body).unwrap().lines().count() > 1);
    let (status, report) = exporter.get("/api/v1/memory/report");
    assert_eq!(status, 200);
    assert!(
        report.starts_with("# Memory\n") && report.contains("## self"),
        "{report}"
    );
    assert!(report.contains("](data:image/svg+xml;base64,"), "{report}");
}

/// So many operations beside those that there are, dated now.
fn fill(path: &std::path::Path, count: u32) {
    let file = rusqlite::Connection::open(path).unwrap();
    file.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
         INSERT INTO operations (at, subject, outcome, words)
         SELECT (SELECT max(at) FROM operations), (SELECT min(subject) FROM operations),
                (SELECT min(outcome) FROM operations), 'number ' || i FROM n",
        [count],
    )
    .unwrap();
}

#[test]
fn an_export_is_whole_however_long_the_history_is() {
    const MANY: u32 = 7_000;
    let scratch = Scratch::new();
    let config = config(&scratch, "history: { path: history.db }");
    let exporter = Exporter::with_config(&config);
    state(&exporter, "writing");
    stop(exporter);
    fill(&scratch.path("history.db"), MANY);
    let exporter = Exporter::with_config(&config);
    state(&exporter, "writing");

    let all = |format: &str| {
        let path = format!("/api/v1/history/operations/export?format={format}");
        let (status, head, body) = exporter.request("GET", &path, "");
        assert_eq!(status, 200, "{head}");
        let named = format!("attachment; filename=\"operations.{format}\"");
        assert!(head.contains(&named), "{head}");
        let head = head.to_ascii_lowercase();
        assert!(head.contains("transfer-encoding: chunked"), "{head}");
        String::from_utf8(body).unwrap()
    };
    let text = all("csv");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "time,operation,outcome,words");
    assert_eq!(text.matches("time,operation").count(), 1, "one head");
    for (number, word) in [(1, "first"), (5_001, "beyond a page"), (MANY, "last")] {
        let end = format!(",number {number}");
        assert!(lines.iter().any(|line| line.ends_with(&end)), "the {word}");
    }
    let document: Value = serde_json::from_str(&all("json")).unwrap();
    assert_eq!(document["next"], Value::Null);
    let told = document["rows"].as_array().unwrap();
    let words = told.iter().filter_map(|row| row["words"].as_str());
    let mine = words.filter(|words| words.starts_with("number ")).count();
    assert_eq!(mine, MANY as usize);

    // What would cut it is refused, and one that is short says how long it is.
    for path in ["history/operations/export", "memory/export"] {
        for cut in ["limit=5", "cursor=1-2", "step=1m"] {
            let (status, text) = exporter.get(&format!("/api/v1/{path}?{cut}"));
            assert_eq!(status, 400, "{path} {cut}: {text}");
        }
    }
    let few = "/api/v1/history/operations/export?to=1";
    let (status, head, _) = exporter.request("GET", few, "");
    assert_eq!(status, 200);
    assert!(head.to_ascii_lowercase().contains("content-length: "));
    let (status, head, body) = exporter.request("HEAD", "/api/v1/history/operations/export", "");
    assert_eq!((status, body.len()), (200, 0), "{head}");
}

#[test]
fn without_a_history_the_answers_say_what_to_do_and_memory_tells_what_it_knows() {
    let scratch = Scratch::new();
    let exporter = Exporter::with_config(&config(&scratch, ""));
    exporter.until("memory was read", |scrape| {
        scrape.sum("myaudio_process_up", &[]) == 1.0
    });
    assert_eq!(json(&exporter, "/api/v1/history").1["state"], "off");
    let (status, problem) = json(&exporter, "/api/v1/history/sources");
    assert_eq!(status, 409);
    assert!(
        problem["remedy"].as_str().unwrap().contains("history.path"),
        "{problem}"
    );
    assert_eq!(exporter.get("/api/v1/history/nonsense").0, 404);
    assert_eq!(exporter.get("/api/v1/history/sources/export").0, 409);
    let (status, none) = json(&exporter, "/api/v1/memory/export?process=nobody");
    assert_eq!((status, &none["rows"]), (200, &Value::Array(Vec::new())));
    let (status, samples) = json(&exporter, "/api/v1/memory/export");
    assert_eq!(status, 200);
    assert_eq!(samples["rows"][0]["process"], "self");
    assert_eq!(exporter.get("/api/v1/memory/report").0, 200);
    let (status, _, _) =
        exporter.request("POST", "/api/v1/history/sources", "Content-Length: 0\r\n");
    assert_eq!(status, 405);

    // Switched on and off by a reload.
    config(&scratch, "history: { path: history.db }");
    assert_eq!(exporter.reload().0, 200);
    state(&exporter, "writing");
    config(&scratch, "");
    assert_eq!(exporter.reload().0, 200);
    state(&exporter, "off");
    assert_eq!(exporter.get("/api/v1/history/sources").0, 409);
    assert!(scratch.path("history.db").exists());
}

#[test]
fn a_file_that_cannot_be_used_stops_nothing_but_the_history() {
    let scratch = Scratch::new();
    let newer = rusqlite::Connection::open(scratch.path("newer.db")).unwrap();
    newer
        .execute_batch(
            "PRAGMA application_id = 1097033032; PRAGMA user_version = 99; CREATE TABLE t (x)",
        )
        .unwrap();
    drop(newer);
    let exporter = Exporter::with_config(&config(&scratch, "history: { path: newer.db }"));
    exporter.until_state("ended", "ended");
    let told = state(&exporter, "refused");
    let problem = told["problem"].as_str().unwrap();
    assert!(problem.contains("newer version"), "{problem}");
    assert!(exporter.process.output().contains("newer version"));
    let (status, problem) = json(&exporter, "/api/v1/history/sources");
    assert_eq!(status, 503, "{problem}");
    let refused = "audio_capture_exporter_history_write_failures_total";
    assert!(exporter.scrape().sum(refused, &[("reason", "refused")]) >= 1.0);

    // Another instance has the file: it keeps it, and this one says so.
    let shared = config(&scratch, "history: { path: shared.db }");
    assert_eq!(exporter.reload().0, 200);
    state(&exporter, "writing");
    let second = Exporter::with_config(&shared);
    let told = state(&second, "refused");
    assert!(
        told["problem"]
            .as_str()
            .unwrap()
            .contains("another process"),
        "{told}"
    );
    drop(second);
    assert_eq!(state(&exporter, "writing")["problem"], Value::Null);

    // And a directory that is not there.
    config(&scratch, "history: { path: nowhere/history.db }");
    assert_eq!(exporter.reload().0, 200);
    let told = state(&exporter, "refused");
    assert!(
        told["problem"].as_str().unwrap().contains("make it"),
        "{told}"
    );
    let output = stop(exporter);
    assert!(!output.contains("panic"), "{output}");
}
