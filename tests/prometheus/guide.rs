//! The queries of the buffer monitoring guide.

use crate::{
    stage::{ANALYSIS, ATTEMPTS, GREEDY, LARGE, SMALL, SOURCES, Stage, close, of},
    support::Scrape,
};

/// The guide's queries, word for word; the fourth is the condition of its alert.
pub(crate) const GUIDE: [&str; 7] = [
    r#"sum by (source) (rate(myaudio_buffer_allocation_attempts_total{result="repeated_blocked"}[5m])) > 0"#,
    r#"myaudio_buffer_allocation_attempts_total{result="repeated_blocked"}"#,
    r#"sum by (source) (myaudio_buffer_allocation_attempts_total{result="repeated_blocked"})
/
sum by (source) (myaudio_buffer_allocation_attempts_total{result="first_allocation"})"#,
    r#"rate(myaudio_buffer_allocation_attempts_total{result="repeated_blocked"}[5m]) > 0.1"#,
    "histogram_quantile(0.95, sum by (source, le) (rate(myaudio_buffer_allocation_size_bytes_bucket[5m])))",
    "histogram_quantile(0.99, myaudio_buffer_allocation_size_bytes_bucket) > 10485760  # > 10MB",
    "sum by (buffer_type) (myaudio_buffer_capacity_bytes)",
];

pub(crate) fn counts(stage: &Stage) {
    let prometheus = &stage.prometheus;
    let counted = |scrape: &Scrape| scrape.ledger("flapping")[2];
    let before = counted(&stage.exporter.scrape());
    let at = prometheus.next_scrape("audio");
    let after = counted(&stage.exporter.scrape());

    let totals = prometheus.by_label(at, GUIDE[1], "source");
    assert_eq!(totals.keys().collect::<Vec<_>>(), SOURCES);
    let repeated = totals["flapping"];
    assert!(
        before <= repeated && repeated <= after,
        "{before} {repeated} {after}"
    );
    for steady in ["greedy", "large", "small"] {
        assert_eq!(totals[steady], 0.0, "{steady}");
    }

    // rate() divides by all of the five minutes and extends what it saw by at most one
    // interval at each end.
    let rates = prometheus.by_label(at, GUIDE[0], "source");
    assert_eq!(rates.keys().collect::<Vec<_>>(), ["flapping"]);
    let flapping = format!(
        "{ATTEMPTS}{{result=\"repeated_blocked\", source=\"flapping\", buffer_type=\"capture\"}}"
    );
    let first = |what: &str| prometheus.query_at(at, what)[0].value;
    let seen = first(&format!("{flapping} - min_over_time({flapping}[5m])"));
    let samples = first(&format!("count_over_time({flapping}[5m])"));
    let (least, most) = (
        seen / 300.0,
        seen / 300.0 * (samples + 1.5) / (samples - 1.0),
    );
    // A session asks for both of its source's buffers, and the query adds them up.
    let rate = rates["flapping"] / 2.0;
    assert!(least <= rate && rate <= most, "{least} {rate} {most}");

    let ratios = prometheus.by_label(at, GUIDE[2], "source");
    assert_eq!(ratios.keys().collect::<Vec<_>>(), SOURCES);
    assert_eq!(ratios["flapping"], repeated, "one first allocation");
    assert_eq!((ratios["large"], ratios["small"]), (0.0, 0.0));
    assert!(ratios["greedy"].is_nan(), "it never had a buffer");

    let errors = format!("{ATTEMPTS}{{result=\"error\"}} > 0");
    let errors = prometheus.by_label(at, &errors, "source");
    assert_eq!(errors.keys().collect::<Vec<_>>(), ["greedy"]);
}

pub(crate) fn sizes(stage: &Stage) {
    let prometheus = &stage.prometheus;
    let at = prometheus.next_scrape("audio");
    let recent = prometheus.by_label(at, GUIDE[4], "source");
    assert_eq!(recent.keys().collect::<Vec<_>>(), SOURCES);
    // Half of what `flapping` asks for is its analysis buffer, which is smaller; `greedy` never
    // comes to that.
    for (source, quantile, bytes) in [("flapping", 0.9, SMALL), ("greedy", 0.95, GREEDY)] {
        close(recent[source], within_bucket(quantile, bytes), source);
    }
    for steady in ["large", "small"] {
        assert!(
            recent[steady].is_nan(),
            "{steady} has not asked since the first scrape"
        );
    }

    let large = prometheus.by_label(at, GUIDE[5], "source");
    assert_eq!(large.keys().collect::<Vec<_>>(), ["greedy", "large"]);
    for (source, bytes) in [("greedy", GREEDY), ("large", LARGE)] {
        close(large[source], within_bucket(0.99, bytes), source);
    }

    let memory = prometheus.by_label(at, GUIDE[6], "buffer_type");
    assert_eq!(
        memory,
        of([("analysis", ANALYSIS), ("capture", 2.0 * SMALL + LARGE)])
    );
}

/// What `histogram_quantile` makes of observations that are all of one size: it
/// interpolates within their bucket, whose bounds are powers of two.
fn within_bucket(quantile: f64, bytes: f64) -> f64 {
    let upper = 2f64.powi(bytes.log2().ceil() as i32);
    upper / 2.0 * (1.0 + quantile)
}
