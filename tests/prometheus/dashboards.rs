//! Every expression of the shipped dashboards.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    stage::{ANALYSIS, BUDGET, LARGE, SMALL, Stage, close, shipped},
    support::prometheus::Element,
};

pub(crate) fn every_expression(stage: &Stage) {
    let at = stage.prometheus.next_scrape("audio");
    // By file, title and letter.
    let mut values = BTreeMap::new();
    for name in shipped("grafana", "json") {
        let (status, text) = stage.exporter.get(&format!("/grafana/{name}"));
        assert_eq!(status, 200, "{name}");
        let board: Value = serde_json::from_str(&text).unwrap();
        for (panel, target, expression) in expressions(&board) {
            let found = stage.prometheus.query_at(at, &expression);
            assert!(!found.is_empty(), "{name}: {panel}: {expression}");
            values.insert(format!("{name}: {panel} {target}"), found);
        }
    }
    buffers(&values);
}

/// Title, letter and expression of every target, as Grafana would send it with all jobs
/// and instances chosen.
fn expressions(board: &Value) -> Vec<(String, String, String)> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut expressions = Vec::new();
    let rows = list(&board["panels"]);
    let folded = rows.iter().flat_map(|row| list(&row["panels"]));
    for panel in rows.iter().cloned().chain(folded) {
        for target in list(&panel["targets"]) {
            let mut expression = text(&target["expr"]).replace("$__rate_interval", "4s");
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

fn buffers(values: &BTreeMap<String, Vec<Element>>) {
    let of = |panel: &str| &values[&format!("buffers.json: {panel}")];
    let single = |panel: &str| {
        let found = of(panel);
        assert_eq!(found.len(), 1, "{panel}: {found:?}");
        found[0].value
    };
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
