//! How all of it is, in a word and a sentence: never better than the worst part.
//!
//! The API and the page say it, so that they cannot disagree.

use std::{fmt, time::Duration};

use super::{Snapshot, SourceStatus};
use crate::{
    closed_set::closed_set,
    history::HistoryState,
    listed::counted,
    memory::{
        ProcessStatus,
        thresholds::{Crossing, Threshold},
        verdict::{Pattern, Severity},
    },
    sources::State,
    units::Roughly,
};

/// From this age on, the picture is late: one comes every second.
pub const LATE_AFTER: Duration = Duration::from_secs(5);
/// From this age on, the capture side counts as dead.
pub const STALE_AFTER: Duration = Duration::from_secs(30);

/// Bytes in RAM from which on it matters how much of the heap lies idle.
const IDLE_MATTERS_FROM: u64 = 64 << 20;
/// How long coverage must have been measured before it counts, and the part of the audio below
/// which too much of it is missing.
const COVERAGE_COUNTS: (Duration, f64) = (Duration::from_secs(60), 0.95);
/// The part of the memory budget that may be in use without a word.
const BUDGET_NEARLY_FULL: f64 = 0.95;
/// What the headline is before there is a picture.
const STARTING: &str = "Starting.";
/// Reasons that are named in the sentence about all of it.
const NAMED: usize = 2;

closed_set! {
    /// How urgent something is.
    pub enum Level {
        /// As it should be.
        Ok => "ok",
        /// Somebody should look when there is time.
        Warning => "warning",
        /// Audio is being lost, or nothing is known.
        Critical => "critical",
    }
}

closed_set! {
    /// What kind of thing a reason is about: a source and a process may have the same name.
    pub enum About {
        /// A source.
        Source => "source",
        /// This process or a watched one.
        Process => "process",
        /// Anything else.
        Rest => "rest",
    }
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What kind of thing it is about.
    pub about: About,
    /// A source's, process's or object's name, `capture`, `configuration`, `memory`, `history`,
    /// `program`, `budget`, `alarms` or `notify`.
    pub subject: String,
    /// How urgent it is.
    pub level: Level,
    /// What is wrong and what to do.
    pub text: String,
    /// The parts of `text` of which only an alarm tells, each a sentence or two.
    pub alarms: Vec<String>,
    /// Whether it is about a source that the headline counts among those that do not stream.
    pub in_headline: bool,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overall {
    /// The worst of the reasons' levels.
    pub level: Level,
    /// How the sources are, in one sentence.
    pub headline: String,
    /// What is wrong, the worst first.
    pub reasons: Vec<Reason>,
}

/// A state in words, and how urgent it is.
pub const fn in_words(state: State) -> (Level, &'static str) {
    match state {
        State::Connecting => (Level::Warning, "connecting"),
        State::Waiting => (Level::Warning, "waiting for someone to write"),
        State::Streaming => (Level::Ok, "streaming"),
        State::Stalled => (Level::Critical, "connected, but no audio arrives"),
        State::BackingOff => (Level::Critical, "failed, waiting for the next attempt"),
        State::Unauthorized => (Level::Critical, "credentials refused"),
        State::Unsupported => (Level::Critical, "audio that cannot be decoded"),
        State::NoAudioTrack => (Level::Critical, "no audio in the stream"),
        State::OverBudget => (Level::Critical, "does not fit into the memory budget"),
        State::Ended => (Level::Ok, "played to its end"),
        State::Disabled => (Level::Ok, "switched off"),
    }
}

impl SourceStatus {
    /// How urgent it is, all things considered.
    pub fn level(&self) -> Level {
        let level = match (self.state, &self.problem) {
            // It has failed before: to try again mends nothing yet.
            (State::Connecting, Some(_)) => Level::Critical,
            (state, _) => in_words(state).0,
        };
        let heard = self.state == State::Streaming && self.problem.is_some();
        if heard || self.troubles().next().is_some() {
            level.max(Level::Warning)
        } else {
            level
        }
    }

    /// What is odd beside its `problem`, in words.
    pub fn troubles(&self) -> impl Iterator<Item = String> {
        let clipped = self.signal.is_some_and(|signal| signal.clipped > 0.0);
        let clipped = clipped
            .then(|| "clipped in the last minute; turn the microphone's gain down".to_owned());
        let anomaly = self.allocation_anomaly;
        let anomaly = anomaly.map(|anomaly| format!("it {anomaly}"));
        clipped.into_iter().chain(anomaly).chain(self.uncovered())
    }

    /// Whether it should send audio now.
    pub fn is_expected(&self) -> bool {
        !matches!(self.state, State::Ended | State::Disabled)
    }

    fn uncovered(&self) -> Option<String> {
        let (long_enough, least) = COVERAGE_COUNTS;
        let hour = &self.detail.coverage.hour;
        let ratio = hour
            .ratio()
            .filter(|_| self.is_expected() && hour.over >= long_enough)?;
        (ratio < least).then(|| {
            let (percent, over) = ((ratio * 100.0).floor(), Roughly(hour.over));
            let sessions = match hour.disconnects {
                0 => String::new(),
                count => format!("; {} ended", counted(count, "session")),
            };
            format!("only {percent} % of the audio of the last {over} has come{sessions}")
        })
    }

    fn reason(&self) -> Option<Reason> {
        let (_, words) = in_words(self.state);
        let level = self.level();
        if level == Level::Ok {
            return None;
        }
        let flowing = self.state == State::Streaming;
        let mut parts: Vec<String> = (!flowing).then(|| words.to_owned()).into_iter().collect();
        parts.extend(self.problem.clone());
        parts.extend(self.troubles());
        Some(Reason {
            about: About::Source,
            subject: self.id.to_string(),
            level,
            text: parts.join("; "),
            alarms: Vec::new(),
            in_headline: self.is_expected() && !flowing,
        })
    }
}

impl Overall {
    /// How a picture of this age looks; `None` where there is none yet.
    pub fn of(snapshot: Option<&Snapshot>, age: Duration) -> Self {
        let mut reasons = Vec::new();
        if age > LATE_AFTER {
            let level = if age > STALE_AFTER {
                Level::Critical
            } else {
                Level::Warning
            };
            let seconds = age.as_secs();
            let text = format!(
                "no report from the capture side for {seconds} s; if it does not come back, restart the program and look at its log"
            );
            reasons.push(reason("capture", level, text));
        }
        let Some(snapshot) = snapshot else {
            if reasons.is_empty() {
                reasons.push(reason("capture", Level::Warning, "starting; no report yet"));
                return Self::from_reasons(STARTING.to_owned(), reasons);
            }
            return Self::from_reasons("Nothing is known yet.".to_owned(), reasons);
        };
        reasons.extend(snapshot.sources.iter().filter_map(SourceStatus::reason));
        if snapshot.sources.is_empty() {
            reasons.push(reason(
                "configuration",
                Level::Warning,
                "no source is configured; add one to the configuration",
            ));
        }
        reasons.extend(
            snapshot
                .memory
                .iter()
                .filter_map(|process| of_process(process))
                .map(|reason| Reason {
                    about: About::Process,
                    ..reason
                }),
        );
        reasons.extend(of_program(snapshot));
        Self::from_reasons(headline(snapshot), reasons)
    }

    /// Adds what somebody else knows, such as an alarm, to what is told of its subject already.
    /// `told`: that is about the same matter and only becomes as urgent.
    pub fn add(&mut self, reason: Reason, told: bool) {
        self.level = self.level.max(reason.level);
        let mut known = self.reasons.iter_mut();
        match known.find(|known| known.about == reason.about && known.subject == reason.subject) {
            Some(known) => {
                known.level = known.level.max(reason.level);
                if !told && !known.text.contains(&reason.text) {
                    // Advice may be a sentence of its own.
                    let before = known.text.trim_end_matches('.');
                    known.text = format!("{before}; {}", reason.text);
                    known.alarms.extend(reason.alarms);
                }
            }
            None => self.reasons.push(reason),
        }
        self.reasons
            .sort_by_key(|reason| std::cmp::Reverse(reason.level));
    }

    /// One sentence: how the sources are, and what else makes the level.
    pub fn text(&self) -> String {
        let worst = |reason: &&Reason| {
            reason.level == self.level && self.level != Level::Ok && !reason.in_headline
        };
        let name = |reason: &Reason| match reason.about {
            About::Source | About::Process => format!("{} {}", reason.about, reason.subject),
            About::Rest => reason.subject.clone(),
        };
        let worst: Vec<String> = self.reasons.iter().filter(worst).map(name).collect();
        if worst.is_empty() || self.headline == STARTING {
            return self.headline.clone();
        }
        let named = worst[..worst.len().min(NAMED)].join(", ");
        let more = match worst.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let headline = self.headline.trim_end_matches('.');
        format!("{headline}; {}: {named}{more}.", self.level)
    }

    fn from_reasons(headline: String, mut reasons: Vec<Reason>) -> Self {
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.level));
        Self {
            level: reasons.first().map_or(Level::Ok, |worst| worst.level),
            headline,
            reasons,
        }
    }
}

fn reason(subject: &str, level: Level, text: impl fmt::Display) -> Reason {
    Reason {
        about: About::Rest,
        subject: subject.to_owned(),
        level,
        text: text.to_string(),
        alarms: Vec::new(),
        in_headline: false,
    }
}

fn headline(snapshot: &Snapshot) -> String {
    let expected = |source: &&SourceStatus| source.is_expected();
    let all = snapshot.sources.iter().filter(expected).count();
    let streaming = |source: &&SourceStatus| source.state == State::Streaming;
    let streaming = snapshot.sources.iter().filter(streaming).count();
    match (streaming, all) {
        (_, 0) => "No source is expected to send audio.".to_owned(),
        (1, 1) => "The source is streaming.".to_owned(),
        (streaming, all) if streaming == all => format!("All {all} sources are streaming."),
        (0, 1) => "The source sends no audio.".to_owned(),
        (0, all) => format!("None of {all} sources is streaming."),
        (1, all) => format!("1 of {all} sources is streaming."),
        (streaming, all) => format!("{streaming} of {all} sources are streaming."),
    }
}

fn of_process(process: &ProcessStatus) -> Option<Reason> {
    let name = process.name.as_str();
    if let Some(problem) = &process.problem {
        return Some(reason(name, Level::Warning, &problem.problem));
    }
    if !process.up {
        // Before the first look nothing is known.
        return None;
    }
    // What fills the memory within the hour is critical before it has a name.
    let grows = process.verdict.as_ref().filter(|verdict| {
        verdict.pattern != Pattern::Stable && verdict.severity >= Severity::Medium
    });
    if let Some(verdict) = grows {
        let level = match verdict.severity {
            Severity::Critical => Level::Critical,
            _ => Level::Warning,
        };
        return Some(reason(name, level, &verdict.recommendation));
    }
    let resident = process
        .reading
        .as_ref()
        .map_or(0, |reading| reading.resident);
    let matters = |crossing: &&Crossing| {
        crossing.threshold != Threshold::IdleHeap || resident >= IDLE_MATTERS_FROM
    };
    let crossings = process.crossings.iter().filter(matters);
    let told: Vec<String> = crossings.map(ToString::to_string).collect();
    (!told.is_empty()).then(|| reason(name, Level::Warning, told.join("; ")))
}

fn of_program(snapshot: &Snapshot) -> impl Iterator<Item = Reason> {
    let program = snapshot.program;
    let unwatched = program.memory_overdue.map(|since| {
        let text = format!(
            "no process has been looked at for {} s, so the figures of memory are old; look for a file system that does not answer, or a machine too busy",
            since.as_secs()
        );
        reason("memory", Level::Warning, text)
    });
    let kept = matches!(
        snapshot.history.state,
        HistoryState::Off | HistoryState::Writing
    );
    let history = (!kept).then(|| {
        let problem = snapshot.history.problem.as_deref();
        let text = format!(
            "no history is kept: {}",
            problem.unwrap_or("the log says why")
        );
        reason("history", Level::Warning, text)
    });
    let reload = program.reload_failed.then(|| {
        let text = "the last reload found mistakes, the configuration before it stays in force; the log names them";
        reason("configuration", Level::Warning, text)
    });
    let panics = (program.panics > 0).then(|| {
        let tasks = counted(program.panics, "task");
        let text =
            format!("{tasks} ended by a fault of this program; please report it with the log");
        reason("program", Level::Warning, text)
    });
    let (used, limit) = snapshot.budget;
    let full = used.0 as f64 > BUDGET_NEARLY_FULL * limit.0 as f64;
    let budget = full.then(|| {
        let text = format!("{used} of {limit} for audio are in use; raise `buffers.memory_budget` or shorten the buffers");
        reason("budget", Level::Warning, text)
    });
    [reload, panics, unwatched, history, budget]
        .into_iter()
        .flatten()
}

#[cfg(test)]
#[path = "overall/tests.rs"]
mod tests;
