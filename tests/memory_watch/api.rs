//! `/api/v1/memory`: the past, and a look on demand.

use crate::{
    MIB, get, of, resident,
    support::{Exporter, Scrape},
    watched,
};

/// A `POST` without a body: status and document.
fn post(exporter: &Exporter, path: &str) -> (u16, serde_json::Value) {
    let (status, _, body) = exporter.request("POST", path, "Content-Length: 0\r\n");
    (status, serde_json::from_slice(&body).unwrap())
}

#[test]
fn the_api_tells_the_past_and_looks_on_demand() {
    let (_scratch, mut recorder, exporter) = watched("asked");
    let before = exporter.until("it has a baseline", |scrape| {
        !scrape
            .matching("myaudio_memory_baseline_bytes", &[("process", "bird")])
            .is_empty()
    });
    recorder.order("hold 16384");
    let after = exporter.until("it has grown", |scrape| {
        resident(scrape, "bird") >= resident(&before, "bird") + 16.0 * MIB
    });
    let status = get(&exporter, "/api/v1/memory/status");
    let names: Vec<_> = status["processes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["name"])
        .collect();
    assert_eq!(names, ["bird", "self"]);
    let bird = &status["processes"][0];
    assert_eq!(bird["pids"][0], recorder.id());
    assert!(
        bird["reading"]["anonymous_bytes"].as_f64().unwrap() >= 16.0 * MIB,
        "{bird}"
    );
    assert_eq!(bird["reading"]["heap_bytes"], serde_json::Value::Null);
    let own = &status["processes"][1]["reading"];
    assert!(
        own["heap_bytes"].as_f64().unwrap() > 0.0 && own["tasks"].as_u64() > Some(0),
        "{own}"
    );

    let history = get(&exporter, "/api/v1/memory/history?process=bird&count=5");
    let moments = history["processes"][0]["moments"].as_array().unwrap();
    assert_eq!(moments.len(), 5, "{history}");
    assert_eq!(
        moments[4]["resident_bytes"].as_f64(),
        Some(resident(&after, "bird"))
    );
    let growth = get(&exporter, "/api/v1/memory/growth?process=bird&minutes=30");
    let growth = &growth["processes"][0];
    assert!(
        growth["growth_bytes"].as_f64().unwrap() >= 16.0 * MIB,
        "{growth}"
    );

    let (status, analysis) = post(&exporter, "/api/v1/memory/analyze?process=bird");
    let depth = &analysis["processes"][0]["in_depth"];
    assert!(
        status == 200 && depth["unshared_bytes"].as_f64().unwrap() >= 16.0 * MIB,
        "{analysis}"
    );

    let baseline = |scrape: &Scrape| of(scrape, "myaudio_memory_baseline_bytes", "bird");
    assert!(baseline(&exporter.scrape()) < resident(&after, "bird") - 10.0 * MIB);
    let (status, set) = post(&exporter, "/api/v1/memory/baseline?process=bird");
    assert_eq!((status, &set["baselines_set"]), (200, &1.into()));
    // One sample is not yet a level.
    exporter.until("the baseline is what is held", |scrape| {
        post(&exporter, "/api/v1/memory/baseline?process=bird");
        (baseline(scrape) - resident(&after, "bird")).abs() < MIB
    });

    assert_eq!(exporter.get("/api/v1/memory/status?process=nobody").0, 404);
    assert_eq!(exporter.get("/api/v1/memory/history?count=0").0, 400);
    assert_eq!(exporter.get("/api/v1/memory/analyze").0, 405);
    assert_eq!(exporter.get("/api/v1/memory/other").0, 404);
}
