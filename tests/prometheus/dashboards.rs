//! Every expression of the shipped dashboards.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    stage::{ANALYSIS, BUDGET, LARGE, SMALL, Stage, close, shipped},
    station::Station,
    support::{
        Exporter,
        prometheus::{Element, Prometheus},
    },
};

/// What a panel's expression found, by file, title and letter.
type Found = BTreeMap<String, Vec<Element>>;

/// Expressions that may find nothing at the station, whatever happens there, and why.
const MAY_BE_EMPTY: [(&str, &str); 5] = [
    (
        "overview.json: What the exporters complain of A",
        "only reasons for which something was turned away, and nothing was",
    ),
    (
        "memory.json: OOM kills A",
        "only where a control group tells",
    ),
    (
        "memory.json: Worst pressure A",
        "only where the kernel tells of pressure",
    ),
    (
        "memory.json: Memory pressure A",
        "only where the kernel tells of pressure",
    ),
    (
        "source.json: Sessions that broke B",
        "only while the window holds the moment in which one did",
    ),
];

/// The dashboard of buffers against the sources whose every allocation is known.
pub(crate) fn buffers(stage: &Stage) {
    let values = look(&stage.prometheus, &stage.exporter, "audio");
    let of = |panel: &str| &values[&format!("buffers.json: {panel}")];
    let single = |panel: &str| only(&values, &format!("buffers.json: {panel}"));
    let memory = 2.0 * SMALL + LARGE + ANALYSIS;
    close(single("Live buffers A"), 6.0, "live buffers");
    close(single("Buffer memory A"), memory, "memory");
    close(single("Ledger imbalance A"), 0.0, "imbalance");
    close(single("Memory budget in use A"), memory / BUDGET, "budget");
    let outcomes = single("Attempts and their outcomes B");
    close(
        single("Attempts and their outcomes A"),
        outcomes,
        "attempts",
    );
    let rates: BTreeMap<_, _> = of("Buffer Allocation Attempts by Result A")
        .iter()
        .map(|element| (element.labels["result"].as_str(), element.value))
        .collect();
    let sum = rates["first_allocation"] + rates["repeated_blocked"] + rates["error"];
    close(rates["attempted"], sum, "rates of the ledger");
    assert!(
        rates["repeated_blocked"] > 0.0 && rates["error"] > 0.0,
        "{rates:?}"
    );
}

/// What is drawn changes under a fault and comes back, and each expression finds something at
/// one time or another.
pub(crate) fn under_faults(station: &Station) {
    let until = |what: &str, holds: &dyn Fn(&Found) -> bool| {
        let mut last = Found::new();
        station.prometheus.until(what, || {
            last = look(&station.prometheus, &station.exporter, "station|demo");
            holds(&last).then_some(())
        });
        last
    };
    let well = until("all is well but what the demo shows", &|found| {
        heard(found) > 0.9
            && running(found) == [("recorder", 1.0), ("self", 1.0), ("self", 1.0)]
            && alarms(found).contains(&("silent", "silent"))
            && !alarms(found).contains(&("source_down", "gate"))
            && !found["memory.json: Time to the limit A"].is_empty()
    });
    let state = |found: &Found| only(found, "source.json: State over time A");
    close(state(&well), 3.0, "streaming is the third state");
    close(only(&well, "overview.json: Exporters A"), 2.0, "answer");
    close(only(&well, "overview.json: Exporters B"), 2.0, "known");
    close(only(&well, "overview.json: Heard B"), 5.0, "configured");
    assert!(only(&well, "overview.json: Heard, but wrong A") >= 1.0);
    assert!(only(&well, "overview.json: Heard, but wrong B") >= 1.0);
    let level = only(&well, "source.json: Level A");
    assert!((level + 15.0).abs() < 0.5, "the camera's tone: {level}");
    let coverage = only(&well, "source.json: Coverage A");
    assert!(coverage > 0.9, "{coverage}");
    let repeated = |found: &Found| {
        let sources = &found["buffers.json: Repeated Allocations by Source A"];
        named(sources, "source", "gate")[0].value
    };

    station.camera("not-found");
    station.end_recorder();
    let broken = until("camera and recorder are gone", &|found| {
        heard(found) == 0.0
            && state(found) != 3.0
            && only(found, "overview.json: Not heard A") >= 1.0
            && running(found) == [("recorder", 0.0), ("self", 1.0), ("self", 1.0)]
            && alarms(found).contains(&("source_down", "gate"))
            && !found["source.json: Alarms A"].is_empty()
            && !found["source.json: Attempts to connect B"].is_empty()
    });
    let failures = &broken["source.json: Attempts to connect B"];
    assert_eq!(named(failures, "reason", "not_found").len(), 1);
    close(only(&broken, "memory.json: Running A"), 2.0, "run");
    close(only(&broken, "memory.json: Running B"), 3.0, "watched");
    let lost = only(&broken, "source.json: Coverage A");
    assert!(lost < coverage, "{lost} {coverage}");

    station.camera("play");
    station.start_recorder();
    let mended = until("camera and recorder are back", &|found| {
        heard(found) > 0.9
            && state(found) == 3.0
            && running(found) == [("recorder", 1.0), ("self", 1.0), ("self", 1.0)]
            && !alarms(found).contains(&("source_down", "gate"))
            && repeated(found) > repeated(&well)
    });
    assert!(only(&mended, "source.json: Missing A") > only(&well, "source.json: Missing A"));
    assert!(only(&mended, "memory.json: Restarts A") > 0.0);
    assert!(only(&mended, "source.json: Broken sessions A") > 0.0);

    let empty: BTreeSet<_> = well
        .keys()
        .filter(|name| {
            [&well, &broken, &mended]
                .iter()
                .all(|at| at[*name].is_empty())
        })
        .filter(|name| !MAY_BE_EMPTY.iter().any(|(listed, _)| listed == name))
        .collect();
    assert!(empty.is_empty(), "nothing was ever found: {empty:#?}");
    for (listed, _) in MAY_BE_EMPTY {
        assert!(well.contains_key(listed), "no such panel: {listed}");
    }
}

/// Runs every expression of every dashboard as Grafana would, at one moment.
fn look(prometheus: &Prometheus, exporter: &Exporter, jobs: &str) -> Found {
    let job = jobs.split('|').next().unwrap();
    let at = prometheus.next_scrape(job);
    let mut values = Found::new();
    for name in shipped("grafana", "json") {
        let (status, text) = exporter.get(&format!("/grafana/{name}"));
        assert_eq!(status, 200, "{name}");
        let board: Value = serde_json::from_str(&text).unwrap();
        for (panel, target, expression) in expressions(&board, jobs) {
            let found = prometheus.query_at(at, &expression);
            let before = values.insert(format!("{name}: {panel} {target}"), found);
            assert_eq!(before, None, "{name}: two panels {panel}");
        }
    }
    values
}

/// Title, letter and expression of every target, with these jobs, the source `gate`, and all
/// of everything else chosen.
fn expressions(board: &Value, jobs: &str) -> Vec<(String, String, String)> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut expressions = Vec::new();
    let rows = list(&board["panels"]);
    let folded = rows.iter().flat_map(|row| list(&row["panels"]));
    for panel in rows.iter().cloned().chain(folded) {
        for target in list(&panel["targets"]) {
            let mut expression = text(&target["expr"])
                .replace("$__rate_interval", "4s")
                .replace("$__range", "60s")
                .replace("$job", jobs)
                .replace("$source", "gate");
            for variable in list(&board["templating"]["list"]) {
                let name = format!("${}", text(&variable["name"]));
                expression = expression.replace(&name, ".+");
            }
            assert!(!expression.contains('$'), "{expression}");
            expressions.push((text(&panel["title"]), text(&target["refId"]), expression));
        }
    }
    assert!(!expressions.is_empty());
    expressions
}

/// The one value of a panel that has one.
#[track_caller]
fn only(found: &Found, panel: &str) -> f64 {
    let elements = &found[panel];
    assert_eq!(elements.len(), 1, "{panel}: {elements:?}");
    elements[0].value
}

fn named<'a>(elements: &'a [Element], label: &str, value: &str) -> Vec<&'a Element> {
    let named = elements.iter();
    named
        .filter(|element| {
            element
                .labels
                .get(label)
                .is_some_and(|found| found == value)
        })
        .collect()
}

/// How much of the chosen source was heard of late.
fn heard(found: &Found) -> f64 {
    only(found, "source.json: Where each second went A")
}

/// Whether each process runs, in order of names.
fn running(found: &Found) -> Vec<(&str, f64)> {
    let elements = found["memory.json: Runs A"].iter();
    let mut running: Vec<_> = elements
        .map(|element| (element.labels["process"].as_str(), element.value))
        .collect();
    running.sort_by_key(|(process, _)| *process);
    running
}

/// The active alarms and their sources, by the overview.
fn alarms(found: &Found) -> BTreeSet<(&str, &str)> {
    let elements = found["overview.json: What is wrong now A"].iter();
    elements
        .map(|element| {
            let source = element.labels.get("source").map_or("", String::as_str);
            (element.labels["alarm"].as_str(), source)
        })
        .collect()
}
