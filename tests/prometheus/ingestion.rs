//! Both formats arrive whole.

use crate::stage::{ATTEMPTS, Stage, of};

pub(crate) fn both_formats_arrive_whole(stage: &Stage) {
    let prometheus = &stage.prometheus;
    let targets = prometheus.api("targets", &[("state", "active")]);
    let targets = targets["activeTargets"].as_array().unwrap();
    assert_eq!(targets.len(), 2);
    for target in targets {
        assert_eq!(target["lastError"], "", "{target:#}");
        assert_eq!(target["health"], "up", "{target:#}");
    }
    // Only OpenMetrics calls a counter's family without its suffix: so Prometheus took the
    // one format here and the other there.
    for (job, family) in [
        ("audio", ATTEMPTS.strip_suffix("_total").unwrap()),
        ("text", ATTEMPTS),
    ] {
        let job = format!("{{job=\"{job}\"}}");
        let told = prometheus.api(
            "targets/metadata",
            &[("match_target", &job), ("metric", family)],
        );
        let told = told.as_array().unwrap();
        assert_eq!(told.len(), 1, "{job} {family}");
        assert_eq!(told[0]["type"], "counter");
        assert_ne!(told[0]["help"], "");
    }
    let at = prometheus.next_scrape("text");
    let samples = stage.exporter.scrape().samples.len() as f64;
    for expression in [
        "scrape_samples_scraped",
        "scrape_samples_post_metric_relabeling",
    ] {
        let scraped = prometheus.by_label(at, expression, "job");
        let both = [("audio".to_owned(), samples), ("text".to_owned(), samples)];
        assert_eq!(scraped, both.into(), "{expression}");
    }
    // The same counter by both ways.
    let labels = "{result=\"attempted\", source=~\"small|large\"}";
    for name in [ATTEMPTS, &format!("text_{ATTEMPTS}")] {
        let values = prometheus.by_label(at, &format!("{name}{labels}"), "source");
        assert_eq!(values, of([("large", 1.0), ("small", 1.0)]), "{name}");
    }
}
