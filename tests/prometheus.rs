//! A real Prometheus scrapes the running program while known things happen to its sources:
//! the buffer monitoring guide's queries, the shipped alerts and dashboards, and every
//! query of the documentation must say what happened.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

#[path = "prometheus/alerts.rs"]
mod alerts;
#[path = "prometheus/dashboards.rs"]
mod dashboards;
#[path = "prometheus/documented.rs"]
mod documented;
#[path = "prometheus/guide.rs"]
mod guide;
#[path = "prometheus/ingestion.rs"]
mod ingestion;
#[path = "prometheus/stage.rs"]
mod stage;
#[path = "prometheus/station.rs"]
mod station;
#[path = "prometheus/text_only.rs"]
mod text_only;

use std::panic::{AssertUnwindSafe, catch_unwind};

use stage::Stage;

#[test]
fn a_real_prometheus_learns_what_happened() {
    let stage = Stage::set();
    // Each is run, so that one failure does not hide another.
    let failed: Vec<_> = [
        (
            "ingestion",
            ingestion::both_formats_arrive_whole as fn(&Stage),
        ),
        ("the guide's counts", guide::counts),
        ("the guide's sizes", guide::sizes),
        ("the hot loop's alert", alerts::hot_loop),
        ("the other alerts", alerts::down_and_flapping),
        ("dashboard of buffers", dashboards::buffers),
        ("documented queries", documented::every_query),
    ]
    .into_iter()
    .filter(|(_, check)| catch_unwind(AssertUnwindSafe(|| check(&stage))).is_err())
    .map(|(name, _)| name)
    .collect();
    assert!(failed.is_empty(), "failed, see above: {failed:?}");
}

#[test]
fn dashboards_show_what_breaks_and_what_is_mended() {
    dashboards::under_faults(&station::Station::open());
}
