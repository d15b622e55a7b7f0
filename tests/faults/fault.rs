//! What a fault is, and what must be seen of it.

use crate::support::{Scrape, fault_table::Row};

pub(crate) const LABEL: &str = "source";

/// One fault and what must be seen while it lasts.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    /// As in the table.
    pub(crate) name: &'static str,
    /// The source's name.
    pub(crate) source: &'static str,
    pub(crate) against: &'static str,
    /// States the source goes through, all of which must be seen. None: it goes on
    /// streaming, or comes back by itself.
    pub(crate) states: &'static [&'static str],
    pub(crate) disconnect: Option<&'static str>,
    pub(crate) failure: Option<&'static str>,
    /// Counters that grow, and from where to where.
    pub(crate) counts: &'static [(&'static str, f64, f64)],
    /// Causes that grow; all others together stay under a second.
    pub(crate) gaps: &'static [&'static str],
    pub(crate) buffer: Buffer,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Buffer {
    Same,
    /// The format changed.
    Another,
}

impl Fault {
    /// A fault that must be no event at all.
    pub(crate) const fn new(
        name: &'static str,
        source: &'static str,
        against: &'static str,
    ) -> Self {
        Self {
            name,
            source,
            against,
            states: &[],
            disconnect: None,
            failure: None,
            counts: &[],
            gaps: &[],
            buffer: Buffer::Same,
        }
    }

    pub(crate) const fn states(mut self, states: &'static [&'static str]) -> Self {
        self.states = states;
        self
    }

    pub(crate) const fn disconnect(mut self, reason: &'static str) -> Self {
        self.disconnect = Some(reason);
        self
    }

    pub(crate) const fn failure(mut self, reason: &'static str) -> Self {
        self.failure = Some(reason);
        self
    }

    pub(crate) const fn counts(mut self, counts: &'static [(&'static str, f64, f64)]) -> Self {
        self.counts = counts;
        self
    }

    pub(crate) const fn gaps(mut self, gaps: &'static [&'static str]) -> Self {
        self.gaps = gaps;
        self
    }

    pub(crate) const fn another_buffer(mut self) -> Self {
        self.buffer = Buffer::Another;
        self
    }

    /// Whether the session goes on through the fault.
    pub(crate) fn is_survived(&self) -> bool {
        self.disconnect.is_none() && self.failure.is_none()
    }

    pub(crate) fn count(&self, scrape: &Scrape, name: &str) -> f64 {
        scrape.sum(
            &format!("myaudio_source_{name}_total"),
            &[(LABEL, self.source)],
        )
    }

    fn by(&self, scrape: &Scrape, name: &str, label: &str, value: &str) -> f64 {
        let labels = [(LABEL, self.source), (label, value)];
        scrape.value(&format!("myaudio_source_{name}_total"), &labels)
    }

    /// Whether everything that counts it has grown since `before`.
    pub(crate) fn is_counted(&self, before: &Scrape, now: &Scrape) -> bool {
        let grew = |name, reason: Option<&str>| {
            reason.is_none_or(|reason| {
                self.by(now, name, "reason", reason) > self.by(before, name, "reason", reason)
            })
        };
        grew("disconnects", self.disconnect)
            && grew("connect_failures", self.failure)
            && self
                .counts
                .iter()
                .all(|(name, least, _)| self.count(now, name) - self.count(before, name) >= *least)
    }

    /// Judges it when all is over: reasons, counters, gaps, buffer, ledger of time.
    #[track_caller]
    pub(crate) fn judge(&self, before: &Scrape, after: &Scrape) {
        let Self { name, source, .. } = self;
        let grown = |counter| self.count(after, counter) - self.count(before, counter);
        for (counter, reason) in [
            ("disconnects", self.disconnect),
            ("connect_failures", self.failure),
        ] {
            let of_it = reason.map_or(0.0, |reason| {
                self.by(after, counter, "reason", reason)
                    - self.by(before, counter, "reason", reason)
            });
            assert_eq!(
                grown(counter),
                of_it,
                "{name}: {counter} of another reason than {reason:?}"
            );
        }
        if self.is_survived() {
            for quiet in ["lost_packets", "decode_errors", "discontinuities"] {
                if self.counts.iter().all(|(counted, ..)| *counted != quiet) {
                    assert_eq!(grown(quiet), 0.0, "{name}: {quiet}");
                }
            }
        }
        for (counter, least, most) in self.counts {
            let grown = grown(counter);
            assert!(
                (*least..=*most).contains(&grown),
                "{name}: {counter} grew by {grown}"
            );
        }
        let gap = |cause| {
            self.by(after, "gap_seconds", "cause", cause)
                - self.by(before, "gap_seconds", "cause", cause)
        };
        for cause in self.gaps {
            // A stall is counted from the last audio, `stall_after` back.
            let least = if *cause == "stall" { 2.5 } else { 0.0 };
            let gap = gap(cause);
            assert!(gap > least, "{name}: only {gap} s were booked as {cause}");
        }
        let others = grown("gap_seconds") - self.gaps.iter().map(|cause| gap(cause)).sum::<f64>();
        assert!(others < 1.0, "{name}: {others} s beside {:?}", self.gaps);
        let unexplained = after.unexplained_seconds(source);
        assert!(
            unexplained.abs() < 2.0,
            "{name}: {unexplained} s are unexplained"
        );

        let [attempted, first, repeated, errors] = after.ledger(source);
        let changes = f64::from(u8::from(self.buffer == Buffer::Another));
        assert_eq!((first, errors), (1.0 + changes, 0.0), "{name}: one buffer");
        for kind in ["capture", "analysis"] {
            let all = [(LABEL, *source), ("buffer_type", kind)];
            let formats = [all[0], all[1], ("reason", "format_change")];
            let releases = "myaudio_buffer_releases_total";
            assert_eq!(
                (after.value(releases, &formats), after.sum(releases, &all)),
                (changes, changes),
                "{name}: {kind} buffers released"
            );
        }
        assert_eq!(attempted, first + repeated, "{name}");
    }

    /// Its row; `seen` and `back` in seconds.
    pub(crate) fn row(&self, seen: f64, back: f64) -> Row {
        let mut words: Vec<String> = Vec::new();
        if !self.states.is_empty() {
            words.push(self.states.map_code(" → "));
        } else if self.is_survived() {
            words.push("`streaming` all the way".to_owned());
        }
        words.extend(self.disconnect.map(|reason| format!("d `{reason}`")));
        words.extend(self.failure.map(|reason| format!("f `{reason}`")));
        for (counter, least, most) in self.counts {
            let how_many = if least == most {
                format!("{least} ")
            } else {
                String::new()
            };
            words.push(format!("{how_many}`{counter}`"));
        }
        let gaps = match self.gaps {
            [] => "nothing".to_owned(),
            gaps => gaps.map_code(", "),
        };
        let measured = if self.is_survived() && self.states.is_empty() {
            "goes on".to_owned()
        } else {
            format!("{} s, {} s", seen.ceil(), back.ceil())
        };
        Row {
            fault: self.name,
            against: self.against,
            seen_as: words.join(", "),
            gaps,
            buffer: match self.buffer {
                Buffer::Same => "the same",
                Buffer::Another => "another, the old one released",
            },
            measured,
        }
    }
}

trait MapCode {
    fn map_code(&self, between: &str) -> String;
}

impl MapCode for [&str] {
    fn map_code(&self, between: &str) -> String {
        let words: Vec<String> = self.iter().map(|word| format!("`{word}`")).collect();
        words.join(between)
    }
}
