//! What a metric family is called and what it means.

use std::fmt;

/// The type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Classic buckets.
    Histogram,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        })
    }
}

/// A metric family as its module declares it.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// The full name as PromQL sees it, unit and `_total` included.
    pub name: &'static str,
    /// One sentence without its full stop.
    pub help: &'static str,
    /// The type.
    pub kind: Kind,
    /// Label names, in the order they are exposed.
    pub labels: &'static [&'static str],
}

/// Why a family must not be exposed. The encoder would print all of these as they are
/// and void the whole scrape.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidFamily {
    /// The name has a character outside `[a-z0-9_]` or starts with a digit.
    #[error("a metric name has only a-z 0-9 _ and starts with a letter")]
    Name,
    /// `_total` belongs to every counter. A gauge may end so, where it counts up to a total of its
    /// own, as `shard_total`.
    #[error("a counter's name ends in _total, and no histogram's does")]
    Total,
    /// HELP is not escaped by the encoder.
    #[error("help is one line, not empty, without a backslash, and ends without a full stop")]
    Help,
    /// A label name is malformed, repeated or reserved (`le`, `quantile`, `__…`).
    #[error("label names are distinct, well formed, not reserved, and at most 8")]
    Label,
}

impl Family {
    /// The most labels a family may have.
    pub const MAX_LABELS: usize = 8;

    /// Declares a counter; `name` ends in `_total`.
    pub const fn counter(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            help,
            kind: Kind::Counter,
            labels,
        }
    }

    /// Declares a gauge.
    pub const fn gauge(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            help,
            kind: Kind::Gauge,
            labels,
        }
    }

    /// Declares a histogram.
    pub const fn histogram(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            help,
            kind: Kind::Histogram,
            labels,
        }
    }

    /// The name without a counter's `_total`, as the encoder wants it.
    pub(super) fn base_name(&self) -> &'static str {
        match self.kind {
            Kind::Counter => self.name.strip_suffix("_total").unwrap_or(self.name),
            Kind::Gauge | Kind::Histogram => self.name,
        }
    }

    /// Checks what the encoder does not.
    ///
    /// # Errors
    /// [`InvalidFamily`] names the first fault.
    pub fn check(&self) -> Result<(), InvalidFamily> {
        if !is_identifier(self.name) {
            return Err(InvalidFamily::Name);
        }
        let fits = match self.kind {
            Kind::Counter => self.name.ends_with("_total"),
            Kind::Gauge => true,
            Kind::Histogram => !self.name.ends_with("_total"),
        };
        if !fits {
            return Err(InvalidFamily::Total);
        }
        if self.help.is_empty() || self.help.ends_with('.') || self.help.contains(['\n', '\\']) {
            return Err(InvalidFamily::Help);
        }
        let reserved = |label: &str| label.starts_with("__") || ["le", "quantile"].contains(&label);
        let repeated = |i: usize| {
            self.labels[..i]
                .iter()
                .any(|earlier| *earlier == self.labels[i])
        };
        let bad =
            |(i, label): (usize, &&str)| !is_identifier(label) || reserved(label) || repeated(i);
        if self.labels.len() > Self::MAX_LABELS || self.labels.iter().enumerate().any(bad) {
            return Err(InvalidFamily::Label);
        }
        Ok(())
    }
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_the_encoder_would_print_are_refused() {
        let good = Family::counter("a_total", "Help", &["source"]);
        assert_eq!(good.check(), Ok(()));
        let check = |name, help, labels| Family::counter(name, help, labels).check();
        assert_eq!(check("a-b_total", "Help", &[]), Err(InvalidFamily::Name));
        assert_eq!(check("9_total", "Help", &[]), Err(InvalidFamily::Name));
        assert_eq!(check("a", "Help", &[]), Err(InvalidFamily::Total));
        assert_eq!(
            Family::histogram("a_total", "Help", &[]).check(),
            Err(InvalidFamily::Total)
        );
        assert_eq!(Family::gauge("a_total", "Help", &[]).base_name(), "a_total");
        assert_eq!(
            check("a_total", "two\nlines", &[]),
            Err(InvalidFamily::Help)
        );
        assert_eq!(check("a_total", "", &[]), Err(InvalidFamily::Help));
        assert_eq!(
            check("a_total", "Help", &["x", "x"]),
            Err(InvalidFamily::Label)
        );
        assert_eq!(check("a_total", "Help", &["le"]), Err(InvalidFamily::Label));
        assert_eq!(
            check("a_total", "Help", &["__x"]),
            Err(InvalidFamily::Label)
        );
    }
}
