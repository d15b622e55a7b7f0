//! What can be wrong, and how bad it is: closed sets.

use std::time::Duration;

use crate::closed_set::closed_set;

closed_set! {
    /// What an alarm is about.
    pub enum AlarmKind {
        /// No audio arrives from a source.
        SourceDown => "source_down",
        /// The session is open, but no audio comes.
        SourceStalled => "source_stalled",
        /// Audio flows and has been silent for too long.
        Silent => "silent",
        /// The same audio comes again and again.
        Stuck => "stuck",
        /// Too many samples are clipped.
        Clipping => "clipping",
        /// The source sends another format than expected.
        FormatMismatch => "format_mismatch",
        /// The source keeps asking for a buffer that it has or cannot have.
        RepeatedAllocations => "repeated_allocations",
        /// A reader is about to be overtaken by the writer.
        ReaderLag => "reader_lag",
        /// A fixed limit on a process's memory is crossed.
        MemoryThreshold => "memory_threshold",
        /// A process's memory grows steadily or exponentially.
        MemoryPattern => "memory_pattern",
        /// A process's memory leaks.
        MemoryLeak => "memory_leak",
        /// A process's memory has just jumped.
        MemorySpike => "memory_spike",
        /// A watched process does not run, or may not be read.
        ProcessDown => "process_down",
        /// Audio buffers take nearly all they may.
        MemoryBudget => "memory_budget",
        /// A history is configured, and nothing is kept.
        HistoryFailing => "history_failing",
        /// More of a tracked object than allowed, or ever more of it.
        TrackedObjects => "tracked_objects",
    }
}

closed_set! {
    /// How bad it is; the later the worse.
    pub enum Severity {
        /// Somebody should look today.
        Warning => "warning",
        /// Something is being lost, or will be soon.
        Critical => "critical",
    }
}

closed_set! {
    /// What kind of thing an alarm is about.
    pub enum Scope {
        /// A source.
        Source => "source",
        /// This process or a watched one.
        Process => "process",
        /// A tracked object.
        Object => "object",
        /// This program as a whole.
        Exporter => "exporter",
    }
}

closed_set! {
    /// Whether an alarm is still on.
    pub enum AlarmState {
        /// It holds, or held a moment ago.
        Firing => "firing",
        /// It is over.
        Resolved => "resolved",
    }
}

closed_set! {
    /// Why an alarm is over.
    pub enum Resolution {
        /// The condition was gone for long enough.
        Cleared => "cleared",
        /// Its subject is gone from the configuration, or the alarm was switched off there.
        Removed => "removed",
        /// A person said so.
        Manual => "manual",
    }
}

closed_set! {
    /// What happened to an alarm.
    pub enum Event {
        /// It fired.
        Fired => "fired",
        /// It became worse.
        Worsened => "worsened",
        /// Somebody has seen it.
        Acknowledged => "acknowledged",
        /// It is over.
        Resolved => "resolved",
    }
}

impl AlarmKind {
    /// What kind of thing it is about.
    pub const fn scope(self) -> Scope {
        match self {
            Self::SourceDown
            | Self::SourceStalled
            | Self::Silent
            | Self::Stuck
            | Self::Clipping
            | Self::FormatMismatch
            | Self::RepeatedAllocations
            | Self::ReaderLag => Scope::Source,
            Self::MemoryThreshold
            | Self::MemoryPattern
            | Self::MemoryLeak
            | Self::MemorySpike
            | Self::ProcessDown => Scope::Process,
            Self::TrackedObjects => Scope::Object,
            Self::MemoryBudget | Self::HistoryFailing => Scope::Exporter,
        }
    }

    /// Those about one kind of thing, in declaration order.
    pub fn of(scope: Scope) -> impl Iterator<Item = Self> {
        let all = Self::ALL.iter().copied();
        all.filter(move |kind| kind.scope() == scope)
    }

    /// How long the condition must hold before the alarm fires, unless a source's policy says
    /// otherwise. What has been waited for elsewhere is not waited for again: silence counts
    /// only after `silence.after`,
    /// and a source is stalled only after `stall_after`.
    pub const fn default_for(self) -> Duration {
        Duration::from_secs(match self {
            Self::SourceDown => 120,
            Self::RepeatedAllocations => 300,
            Self::MemoryThreshold | Self::ProcessDown | Self::Clipping | Self::HistoryFailing => 60,
            Self::MemoryBudget | Self::TrackedObjects => 30,
            Self::FormatMismatch | Self::ReaderLag | Self::Stuck => 10,
            Self::SourceStalled
            | Self::Silent
            | Self::MemoryPattern
            | Self::MemoryLeak
            | Self::MemorySpike => 0,
        })
    }

    /// Its name as an alert: that of the shipped rule on the same matter, where there is one.
    pub const fn alert_name(self) -> &'static str {
        match self {
            Self::SourceDown => "SourceDown",
            Self::SourceStalled => "SourceStalled",
            Self::Silent => "SourceSilent",
            Self::Stuck => "SourceStuck",
            Self::Clipping => "SourceClipping",
            Self::FormatMismatch => "FormatMismatch",
            Self::RepeatedAllocations => "HighRepeatedBufferAllocations",
            Self::ReaderLag => "ReaderLag",
            Self::MemoryThreshold => "MemoryThreshold",
            Self::MemoryPattern => "MemoryPattern",
            Self::MemoryLeak => "MemoryLeak",
            Self::MemorySpike => "MemorySpike",
            Self::ProcessDown => "ProcessDown",
            Self::MemoryBudget => "MemoryBudget",
            Self::HistoryFailing => "AudioExporterHistoryFailing",
            Self::TrackedObjects => "TrackedObjects",
        }
    }

    /// The path of its runbook in the repository.
    pub fn runbook(self) -> String {
        format!("docs/runbooks/{}.md", self.alert_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_a_set_is_read_again_and_no_other() {
        for (kind, name) in AlarmKind::ALL.iter().zip(AlarmKind::NAMES) {
            let text = serde_json::to_string(kind).unwrap();
            assert_eq!(text, format!("\"{name}\""));
            assert_eq!(serde_json::from_str::<AlarmKind>(&text).unwrap(), *kind);
        }
        let other = serde_json::from_str::<AlarmKind>("\"CANARY\"").unwrap_err();
        assert!(!other.to_string().contains("CANARY"), "{other}");
    }

    #[test]
    fn each_has_a_runbook_of_its_name() {
        for kind in AlarmKind::ALL {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(kind.runbook());
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let title = format!("# {}\n", kind.alert_name());
            assert!(text.starts_with(&title), "{}", path.display());
        }
    }

    #[test]
    fn a_source_has_eight() {
        // With what else a source has, these are the 180 series that it may have.
        assert_eq!(AlarmKind::of(Scope::Source).count(), 8);
    }
}
