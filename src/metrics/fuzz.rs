//! What an exposition promises about any values.

use std::{collections::BTreeSet, fmt, sync::Arc};

use super::{Expose, Exposition, Family, Histogram, Registry, to_text_0_0_4};
use crate::fuzzing::Input;

#[path = "../../tests/support/openmetrics.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the tests of the whole program"
)]
mod openmetrics;

use openmetrics::OpenMetrics;

static COUNTS: Family = Family::counter("fuzz_events_total", "Events \"of\" # TYPE", &["a", "b"]);
static LEVELS: Family = Family::gauge("fuzz_level_ratio", "Level", &["a"]);
static TIMES: Family = Family::histogram("fuzz_time_seconds", "Time", &["a"]);
static ALL: [&Family; 3] = [&COUNTS, &LEVELS, &TIMES];

#[derive(Debug)]
struct Module {
    pairs: BTreeSet<(String, String)>,
    names: BTreeSet<String>,
    value: f64,
    times: Histogram,
}

impl Expose for Module {
    fn families(&self) -> &'static [&'static Family] {
        &ALL
    }

    fn expose(&self, out: &mut Exposition<'_>) -> fmt::Result {
        out.family(&COUNTS, |series| {
            self.pairs
                .iter()
                .try_for_each(|(a, b)| series.sample(&[a, b], 7))
        })?;
        out.family(&LEVELS, |series| {
            self.names
                .iter()
                .try_for_each(|name| series.sample(&[name], self.value))
        })?;
        out.family(&TIMES, |series| {
            let seen = self.times.snapshot();
            self.names
                .iter()
                .try_for_each(|name| series.histogram(&[name], &seen))
        })
    }
}

/// Whatever a label holds, a strict reader finds the same in `OpenMetrics`, and text 0.0.4
/// has the same samples.
///
/// # Panics
/// When it does not.
pub(crate) fn exposition(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let value = f64::from_bits(u64::from_be_bytes(std::array::from_fn(|_| input.byte())));
    let times = Histogram::new(&[0.001, 1.0], 1e-9);
    times.observe(f64::from(input.word()) / 1000.0);
    let (mut pairs, mut names) = (BTreeSet::new(), BTreeSet::new());
    while !input.is_empty() {
        pairs.insert((input.text(), input.text()));
        names.insert(input.text());
    }
    let module = Module {
        pairs: pairs.clone(),
        names: names.clone(),
        value,
        times,
    };
    let mut registry = Registry::default();
    registry.register(Arc::new(module)).expect("sound families");
    let written = registry.encode_openmetrics().expect("a String takes it");

    let read = OpenMetrics::parse(&written).unwrap_or_else(|fault| panic!("{fault}\n{written}"));
    let label = |sample: &openmetrics::Sample, name| sample.labels[name].clone();
    let of = |family: &'static str| read.samples.iter().filter(move |s| s.family == family);
    let seen: BTreeSet<_> = of("fuzz_events")
        .map(|sample| (label(sample, "a"), label(sample, "b")))
        .collect();
    assert_eq!(seen, pairs);
    let seen: BTreeSet<_> = of("fuzz_level_ratio").map(|s| label(s, "a")).collect();
    assert_eq!(seen, names);
    for sample in of("fuzz_level_ratio") {
        let same = sample.value == value || sample.value.is_nan() && value.is_nan();
        assert!(same, "{value} became {}", sample.value);
    }

    let text = to_text_0_0_4(&written);
    let samples = |text: &str| -> Vec<String> {
        let lines = text.split('\n').filter(|line| !line.starts_with("# "));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(samples(&text), samples(&written));
    // Each family: one HELP, then one TYPE, with the name its samples have.
    let comments: Vec<&str> = text.lines().filter(|line| line.starts_with('#')).collect();
    assert_eq!(
        comments,
        [
            "# HELP fuzz_events_total Events \"of\" # TYPE",
            "# TYPE fuzz_events_total counter",
            "# HELP fuzz_level_ratio Level",
            "# TYPE fuzz_level_ratio gauge",
            "# HELP fuzz_time_seconds Time",
            "# TYPE fuzz_time_seconds histogram",
        ]
    );
}
