//! A scrape, read by a parser that knows nothing of the program's own encoder.

use std::collections::BTreeMap;

/// Samples of a text 0.0.4 exposition.
#[derive(Clone, Debug, Default)]
pub struct Scrape {
    /// Name, labels, value, in the order they came.
    pub samples: Vec<(String, BTreeMap<String, String>, f64)>,
    /// Type and help of each family.
    pub families: BTreeMap<String, (String, String)>,
}

impl Scrape {
    #[track_caller]
    pub fn parse(text: &str) -> Self {
        let mut scrape = Self::default();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap();
                scrape.families.entry(name.into()).or_default().1 = help.into();
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                scrape.families.entry(name.into()).or_default().0 = kind.into();
            } else if !line.starts_with('#') && !line.is_empty() {
                scrape.samples.push(sample(line));
            }
        }
        scrape
    }

    /// The value of the one series with these labels (others may be there too).
    #[track_caller]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let found = self.matching(name, labels);
        assert_eq!(found.len(), 1, "{name}{labels:?} is {found:?}");
        found[0]
    }

    /// The sum over all series with these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).iter().sum()
    }

    pub fn matching(&self, name: &str, labels: &[(&str, &str)]) -> Vec<f64> {
        let fits = |has: &BTreeMap<String, String>| {
            labels
                .iter()
                .all(|(key, value)| has.get(*key).is_some_and(|v| v == value))
        };
        let samples = self
            .samples
            .iter()
            .filter(|(n, has, _)| n == name && fits(has));
        samples.map(|(_, _, value)| *value).collect()
    }

    /// The one state of a source; an empty text when the source is unknown.
    #[track_caller]
    pub fn state(&self, source: &str) -> String {
        let states: Vec<_> = self
            .samples
            .iter()
            .filter(|(name, labels, value)| {
                name == "myaudio_source_state" && labels["source"] == source && *value == 1.0
            })
            .map(|(_, labels, _)| labels["state"].clone())
            .collect();
        assert!(states.len() <= 1, "{source} is in {states:?} at once");
        states.into_iter().next().unwrap_or_default()
    }

    /// The attempts of a source by result: attempted, first, repeated, error.
    #[track_caller]
    pub fn ledger(&self, source: &str) -> [f64; 4] {
        ["attempted", "first_allocation", "repeated_blocked", "error"].map(|result| {
            let labels = [
                ("source", source),
                ("buffer_type", "capture"),
                ("result", result),
            ];
            self.value("myaudio_buffer_allocation_attempts_total", &labels)
        })
    }

    /// Level of a source between two scrapes, in dBFS.
    pub fn dbfs_since(&self, earlier: &Self, source: &str) -> f64 {
        let grown = |name| {
            let labels = [("source", source)];
            self.value(name, &labels) - earlier.value(name, &labels)
        };
        let mean = grown("myaudio_signal_energy_total") / grown("myaudio_signal_samples_total");
        10.0 * mean.log10()
    }

    /// What the time ledger leaves unexplained for a source, in seconds.
    pub fn unexplained_seconds(&self, source: &str) -> f64 {
        let labels = [("source", source)];
        let value = |name| self.sum(name, &labels);
        value("myaudio_source_audio_seconds_total") + value("myaudio_source_gap_seconds_total")
            - value("myaudio_source_surplus_seconds_total")
            - value("myaudio_source_expected_seconds_total")
    }

    /// For messages: the samples that say something.
    pub fn without_zeros(&self) -> String {
        let lines = self
            .samples
            .iter()
            .filter(|(name, _, value)| *value != 0.0 && !name.ends_with("_bucket"));
        lines
            .map(|(n, labels, v)| format!("{n}{labels:?} {v}"))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

#[track_caller]
fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let value = value
        .parse()
        .unwrap_or_else(|_| panic!("not a sample: {line}"));
    let Some((name, labels)) = series.split_once('{') else {
        return (series.into(), BTreeMap::new(), value);
    };
    let labels = labels.strip_suffix('}').unwrap();
    let mut parsed = BTreeMap::new();
    let mut rest = labels;
    while !rest.is_empty() {
        let (key, quoted) = rest.split_once("=\"").unwrap();
        let end = quoted.find('"').unwrap();
        assert!(
            !quoted[..end].contains('\\'),
            "no label of ours needs escaping: {line}"
        );
        parsed.insert(key.into(), quoted[..end].into());
        rest = quoted[end + 1..].trim_start_matches(',');
    }
    (name.into(), parsed, value)
}
