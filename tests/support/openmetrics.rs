//! A strict reader of `OpenMetrics` 1.0, written from the specification alone.
//!
//! It refuses what the specification forbids and what this program never writes:
//! timestamps, exemplars and types other than counter, gauge and histogram.

use std::collections::{BTreeMap, BTreeSet};

/// Name, labels and value of a sample, and where it belongs.
#[derive(Clone, Debug)]
pub struct Sample {
    pub family: String,
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// A whole exposition.
#[derive(Debug, Default)]
pub struct OpenMetrics {
    /// Type of each family; the name is without `_total`.
    pub families: BTreeMap<String, String>,
    pub samples: Vec<Sample>,
}

#[derive(Default)]
struct Reader {
    read: OpenMetrics,
    /// The family being read, and which of its metadata came.
    current: String,
    metadata: BTreeSet<&'static str>,
    sampled: bool,
    helped: BTreeSet<String>,
    series: BTreeSet<String>,
    /// Every name that means something, and the family that owns it.
    names: BTreeMap<String, String>,
}

impl OpenMetrics {
    /// Reads an exposition, or says in which line it is wrong and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        let body = text
            .strip_suffix("# EOF\n")
            .ok_or("it does not end with # EOF and a line feed")?;
        if !(body.is_empty() || body.ends_with('\n')) {
            return Err("# EOF is not a line of its own".into());
        }
        let mut reader = Reader::default();
        for (index, line) in body.split_terminator('\n').enumerate() {
            let read = match line.strip_prefix("# ") {
                Some(metadata) => reader.metadata(metadata),
                None => reader.sample(line),
            };
            read.map_err(|fault| format!("line {}: {fault}: {line}", index + 1))?;
        }
        let read = reader.read;
        for (family, kind) in &read.families {
            if !reader.helped.contains(family) {
                return Err(format!("{family} has no HELP"));
            }
            if kind == "histogram" {
                histograms(&read, family).map_err(|fault| format!("{family}: {fault}"))?;
            }
        }
        Ok(read)
    }
}

impl Reader {
    fn metadata(&mut self, text: &str) -> Result<(), String> {
        let mut words = text.splitn(3, ' ');
        let (keyword, name, value) = (words.next(), words.next(), words.next());
        let (Some(keyword), Some(name), Some(value)) = (keyword, name, value) else {
            return Err("metadata has a keyword, a name and a value".into());
        };
        let keyword = ["TYPE", "HELP", "UNIT"]
            .into_iter()
            .find(|known| *known == keyword)
            .ok_or("unknown metadata; comments do not exist")?;
        check_name(name)?;
        if name != self.current {
            self.current = name.into();
            self.metadata.clear();
            self.sampled = false;
        }
        if self.sampled {
            return Err("metadata after a sample of its family".into());
        }
        if !self.metadata.insert(keyword) {
            return Err(format!("a second {keyword}"));
        }
        if self.metadata.len() == 1 {
            self.claim(name)?;
        }
        match keyword {
            "TYPE" => {
                if !["counter", "gauge", "histogram"].contains(&value) {
                    return Err(format!("this program has no {value}"));
                }
                self.read.families.insert(name.into(), value.into());
            }
            "UNIT" if !name.ends_with(&format!("_{value}")) => {
                return Err("the name does not end with its unit".into());
            }
            "HELP" => {
                unescape(value)?;
                self.helped.insert(name.into());
            }
            _ => {}
        }
        Ok(())
    }

    /// A family's name; it must be neither another's nor one of another's samples.
    fn claim(&mut self, name: &str) -> Result<(), String> {
        match self.names.insert(name.into(), name.into()) {
            None => Ok(()),
            Some(owner) if owner == name => Err(format!("{name} came before: its lines are apart")),
            Some(owner) => Err(format!("{name} is also a sample of {owner}")),
        }
    }

    fn sample(&mut self, line: &str) -> Result<(), String> {
        let (name, rest) = line.split_at(line.find(['{', ' ']).ok_or("no sample")?);
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => labels(rest)?,
            None => (BTreeMap::new(), rest),
        };
        let value = rest.strip_prefix(' ').ok_or("no blank before the value")?;
        if value.contains(' ') {
            return Err("a timestamp or an exemplar".into());
        }
        let value = number(value)?;

        let family = self.current.clone();
        let kind = self.read.families.get(&family).ok_or("no TYPE before")?;
        let suffix = name
            .strip_prefix(family.as_str())
            .ok_or("not a sample of the family before it")?;
        let has_le = labels.contains_key("le");
        let fits = match (kind.as_str(), suffix) {
            ("counter", "_total") | ("histogram", "_count" | "_sum") | ("gauge", "") => !has_le,
            ("histogram", "_bucket") => has_le,
            _ => false,
        };
        if !fits {
            return Err(format!("no sample of a {kind}"));
        }
        // A sum of positive observations only grows as well.
        if kind != "gauge" && !(value.is_finite() && value >= 0.0) {
            return Err(format!("a {kind} cannot be {value}"));
        }
        if !self.series.insert(format!("{name}{labels:?}")) {
            return Err("the series came before".into());
        }
        let owner = self.names.entry(name.into()).or_insert(family.clone());
        if *owner != family {
            return Err(format!("the name belongs to {owner}"));
        }
        self.sampled = true;
        self.read.samples.push(Sample {
            family,
            name: name.into(),
            labels,
            value,
        });
        Ok(())
    }
}

/// Buckets ascend, accumulate and end at `+Inf` with the count; nothing comes between.
fn histograms(read: &OpenMetrics, family: &str) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    let of_family: Vec<&Sample> = read.samples.iter().filter(|s| s.family == family).collect();
    let labels_of = |sample: &Sample| {
        let mut labels = sample.labels.clone();
        labels.remove("le");
        labels
    };
    for one in of_family.chunk_by(|a, b| labels_of(a) == labels_of(b)) {
        let labels = labels_of(one[0]);
        if !seen.insert(labels.clone()) {
            return Err(format!("the samples of {labels:?} are apart"));
        }
        let value = |suffix: &str| {
            let name = format!("{family}{suffix}");
            let found = one.iter().find(|sample| sample.name == name);
            found.map(|sample| sample.value).ok_or(format!("no {name}"))
        };
        value("_sum")?;
        let count = value("_count")?;
        let buckets: Vec<(f64, f64)> = one
            .iter()
            .filter_map(|sample| Some((number(sample.labels.get("le")?).ok()?, sample.value)))
            .collect();
        if buckets.len() + 2 != one.len() {
            return Err("a bound that is no number".into());
        }
        if buckets.last() != Some(&(f64::INFINITY, count)) {
            return Err(format!("{labels:?} does not end with +Inf and the count"));
        }
        if !buckets
            .windows(2)
            .all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1)
        {
            return Err(format!("{labels:?} has buckets that do not ascend"));
        }
    }
    Ok(())
}

type Labels = BTreeMap<String, String>;

/// Reads labels up to their closing brace; what follows it is left.
fn labels(mut rest: &str) -> Result<(Labels, &str), String> {
    let mut labels = BTreeMap::new();
    loop {
        let (name, quoted) = rest.split_once("=\"").ok_or("a label without a value")?;
        check_name(name)?;
        let end = closing_quote(quoted).ok_or("a label value without an end")?;
        if labels
            .insert(name.into(), unescape(&quoted[..end])?)
            .is_some()
        {
            return Err(format!("the label {name} twice"));
        }
        rest = &quoted[end + 1..];
        match rest.split_at_checked(1) {
            Some((",", more)) => rest = more,
            Some(("}", more)) => return Ok((labels, more)),
            _ => return Err("labels without an end".into()),
        }
    }
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

fn unescape(text: &str) -> Result<String, String> {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some(same @ ('\\' | '"')) => same,
                _ => return Err("an unknown escape".into()),
            },
            other => other,
        });
    }
    Ok(plain)
}

fn number(text: &str) -> Result<f64, String> {
    // The words stand in the grammar's quotes, which ignore case (RFC 5234 §2.3).
    match text.to_ascii_lowercase().as_str() {
        "nan" => Ok(f64::NAN),
        "inf" | "+inf" => Ok(f64::INFINITY),
        "-inf" => Ok(f64::NEG_INFINITY),
        _ if text.bytes().all(|b| b"0123456789.+-eE".contains(&b)) => {
            text.parse().map_err(|_| format!("{text} is no number"))
        }
        _ => Err(format!("{text} is no number")),
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let sound = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if sound {
        Ok(())
    } else {
        Err(format!("{name:?} is no name"))
    }
}
