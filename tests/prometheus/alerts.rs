//! The shipped alert rules.

use std::collections::BTreeSet;

use crate::{guide::GUIDE, stage::Stage};

pub(crate) fn hot_loop(stage: &Stage) {
    let name = "HighRepeatedBufferAllocations";
    let prometheus = &stage.prometheus;
    let sources = |state: &str| -> BTreeSet<String> {
        let alerts = prometheus.alerts(name, state).into_iter();
        alerts
            .map(|mut alert| alert.remove("source").unwrap())
            .collect()
    };
    let rules = prometheus.rules(name);
    let shipped = rules.iter().filter(|rule| rule["duration"] == 300.0);
    let queries: Vec<_> = shipped.map(|rule| &rule["query"]).collect();
    assert_eq!(queries, [GUIDE[3]], "{rules:#?}");

    let flapping = BTreeSet::from(["flapping".to_owned()]);
    prometheus.until(
        "pending by the shipped rule, firing by the hasty one",
        || (sources("pending") == flapping && sources("firing") == flapping).then_some(()),
    );
    let at = prometheus.next_scrape("audio");
    let rates = prometheus.by_label(at, GUIDE[3], "source");
    assert_eq!(rates.keys().collect::<Vec<_>>(), ["flapping"]);

    let shipped = prometheus.alerts(name, "pending").remove(0);
    assert_eq!(shipped["severity"], "warning");
    assert_eq!(shipped["result"], "repeated_blocked");
    let summary = "High rate of repeated buffer allocation attempts";
    assert_eq!(shipped["annotation.summary"], summary);
    let told = &shipped["annotation.description"];
    let value = told
        .strip_prefix("Source flapping is experiencing ")
        .and_then(|rest| rest.strip_suffix(" repeated allocation attempts per second"));
    let value: f64 = value.unwrap_or_else(|| panic!("{told}")).parse().unwrap();
    assert!(value > 0.1 && value < 20.0, "{told}");
}

pub(crate) fn down_and_flapping(stage: &Stage) {
    let prometheus = &stage.prometheus;
    let names = ["SourceDown", "SourceFlapping"];
    for rule in names.iter().flat_map(|name| prometheus.rules(name)) {
        assert_eq!(rule["health"], "ok", "{rule:#}");
        // By the shipped rules' patience nothing has lasted long enough.
        let hasty = rule["duration"] == 1.0;
        assert!(hasty || rule["state"] != "firing", "{rule:#}");
    }
    let down = prometheus.until("greedy is down", || {
        let mut alerts = prometheus.alerts("SourceDown", "firing").into_iter();
        alerts.find(|alert| alert["source"] == "greedy")
    });
    let told = &down["annotation.description"];
    assert!(
        told.contains("from greedy (state: over_budget), seen by 127.0.0.1:"),
        "{told}"
    );
    let flapping = prometheus.until("flapping is flapping", || {
        let mut alerts = prometheus.alerts("SourceFlapping", "firing").into_iter();
        alerts.find(|alert| alert["source"] == "flapping")
    });
    let told = &flapping["annotation.description"];
    assert!(told.starts_with("flapping lost its session "), "{told}");
    for name in names {
        for state in ["pending", "firing"] {
            for alert in prometheus.alerts(name, state) {
                assert!(
                    !["small", "large"].contains(&alert["source"].as_str()),
                    "{alert:?}"
                );
            }
        }
    }
}
