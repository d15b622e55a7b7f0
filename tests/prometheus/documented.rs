//! Every query of the metrics documentation.

use std::path::Path;

use crate::{
    guide::GUIDE,
    stage::{SOURCES, Stage, of},
};

pub(crate) fn every_query(stage: &Stage) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let document = std::fs::read_to_string(path).unwrap();
    let mut queries = Vec::new();
    let mut query: Option<Vec<&str>> = None;
    for line in document
        .lines()
        .map(|line| line.strip_prefix("   ").unwrap_or(line))
    {
        match (&mut query, line) {
            (None, "```promql") => query = Some(Vec::new()),
            (Some(lines), "```") => {
                queries.push(lines.join("\n"));
                query = None;
            }
            (Some(lines), line) => lines.push(line),
            (None, _) => {}
        }
    }
    for (index, verbatim) in GUIDE.iter().enumerate() {
        let there = queries.iter().any(|query| query == verbatim);
        assert!(there, "query {} of the guide is not documented", index + 1);
    }
    stage
        .prometheus
        .until("the loop is hot by the guide's measure", || {
            let at = stage.prometheus.next_scrape("audio");
            let hot = stage.prometheus.query_at(at, GUIDE[3]);
            (!hot.is_empty()).then_some(())
        });
    let at = stage.prometheus.next_scrape("audio");
    for query in &queries {
        let found = stage.prometheus.query_at(at, query);
        assert!(!found.is_empty(), "{query}");
    }

    let run = |start: &str, label: &str| {
        let mut fits = queries.iter().filter(|query| query.starts_with(start));
        let query = fits.next().unwrap_or_else(|| panic!("no query {start}"));
        assert!(fits.next().is_none(), "two queries {start}");
        stage.prometheus.by_label(at, query, label)
    };
    let levels = run("10 * log10", "source");
    for playing in ["small", "large"] {
        assert!(
            (levels[playing] + 20.0).abs() < 0.5,
            "{playing}: {levels:?}"
        );
    }
    assert!(levels["greedy"].is_nan(), "{levels:?}");
    let coverage = run("(increase(myaudio_source_audio", "source");
    for (source, from, to) in [
        ("small", 0.9, 1.1),
        ("large", 0.9, 1.1),
        ("greedy", 0.0, 0.0),
        // 0.2 s of audio, then a wait of 25 to 100 ms and a new session.
        ("flapping", 0.2, 0.95),
    ] {
        assert!(
            (from..=to).contains(&coverage[source]),
            "{source}: {coverage:?}"
        );
    }
    let unexplained = run("myaudio_source_expected_seconds_total +", "source");
    for (source, seconds) in unexplained {
        // The late audio of files that are delivered in blocks, and of a session under way.
        assert!(seconds.abs() < 0.6, "{source}: {seconds} s");
    }
    let own_wait = run(
        "sum by (source) (increase(myaudio_source_gap_seconds_total{",
        "source",
    );
    assert!(
        own_wait["flapping"] > 0.2 && own_wait["flapping"] <= 1.0,
        "{own_wait:?}"
    );
    let live = run(
        "sum by (source, buffer_type) (myaudio_buffer_allocation_attempts_total{result=\"first",
        "source",
    );
    assert_eq!(
        live,
        of([
            ("flapping", 1.0),
            ("greedy", 0.0),
            ("large", 1.0),
            ("small", 1.0)
        ])
    );
    let imbalance = run(
        "sum by (source, buffer_type) (myaudio_buffer_allocation_attempts_total{result=\"att",
        "source",
    );
    assert_eq!(imbalance, of(SOURCES.map(|source| (source, 0.0))));
}
