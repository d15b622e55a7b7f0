//! What the log is told of one source: what changes, at once; what goes on being wrong, once
//! and then a reminder now and then.

use std::time::Duration;

use super::{DisconnectReason, FailureReason, State};
use crate::{
    id::SourceId,
    listed::counted,
    units::{AudioFormat, Roughly},
};

/// A source that stays down is told again after this, then after twice as long each time.
const FIRST_REMINDER: Duration = Duration::from_secs(600);
/// And at least this often.
const LAST_REMINDER: Duration = Duration::from_secs(6 * 3600);

/// Writes one source's lines.
#[derive(Debug)]
pub(super) struct Journal {
    source: SourceId,
    /// The audio of a probe, not of the captured source.
    probe: bool,
    /// Whether a state has been told.
    begun: bool,
    /// From the first thing that goes wrong until there is audio again.
    trouble: Option<Trouble>,
}

#[derive(Debug)]
struct Trouble {
    attempts: u64,
    reminder: Duration,
    states: [bool; State::COUNT],
    failures: [bool; FailureReason::COUNT],
    disconnects: [bool; DisconnectReason::COUNT],
    format: bool,
}

/// Says it aloud, or only to those who want every detail.
macro_rules! tell {
    ($aloud:expr, $level:ident, $($fields:tt)+) => {
        if $aloud {
            tracing::$level!($($fields)+);
        } else {
            tracing::debug!($($fields)+);
        }
    };
}

impl Journal {
    pub(super) fn new(source: SourceId, probe: bool) -> Self {
        Self {
            source,
            probe,
            begun: false,
            trouble: None,
        }
    }

    /// The state changed; the last audio is `without` ago.
    pub(super) fn state(&mut self, from: State, to: State, without: Duration) {
        let ended = match to {
            State::Streaming | State::Ended | State::Disabled => self.trouble.take(),
            _ => None,
        };
        let aloud = self.is_new(|trouble| &mut trouble.states[to.index()]);
        let from = std::mem::replace(&mut self.begun, true).then_some(from.as_str());
        tell!(aloud, info, source = %self.source, from, to = to.as_str(), "state");
        if let (Some(trouble), State::Streaming) = (ended, to) {
            let (after, attempts) = (Roughly(without), Attempts(trouble.attempts));
            tell!(aloud, info, source = %self.source, "audio again after {after}{attempts}");
        }
    }

    /// What is waited for.
    pub(super) fn waiting(&self, problem: &str) {
        let aloud = !self.probe && self.trouble.is_none();
        tell!(aloud, info, source = %self.source, "waiting: {problem}");
    }

    /// An attempt to open a session begins.
    pub(super) fn attempt(&mut self) {
        if let Some(trouble) = &mut self.trouble {
            trouble.attempts += 1;
        }
    }

    /// It failed.
    pub(super) fn failed(&mut self, reason: FailureReason, problem: &str, without: Duration) {
        self.begin_trouble(1);
        let aloud = self.is_new(|trouble| &mut trouble.failures[reason.index()]);
        let reason = reason.as_str();
        tell!(aloud, warn, source = %self.source, reason, "cannot open: {problem}");
        self.remind(aloud, problem, without);
    }

    /// The session is open, but no audio comes.
    pub(super) fn stalled(&mut self, problem: &str) {
        let aloud = self.trouble.is_none() && !self.probe;
        self.begin_trouble(0).states[State::Stalled.index()] = true;
        tell!(aloud, warn, source = %self.source, "stalled: {problem}");
    }

    /// The source rests, but not as it should.
    pub(super) fn died(&self, problem: &str) {
        tell!(!self.probe, warn, source = %self.source, "{problem}");
    }

    /// A session that was open ended; without a problem that was as it should be.
    pub(super) fn disconnected(
        &mut self,
        reason: DisconnectReason,
        problem: Option<&str>,
        without: Duration,
    ) {
        if problem.is_some() {
            self.begin_trouble(0);
        }
        let aloud = self.is_new(|trouble| &mut trouble.disconnects[reason.index()]);
        let text = problem.unwrap_or("the session ended");
        let reason = reason.as_str();
        tell!(aloud, info, source = %self.source, reason, "disconnected: {text}");
        self.remind(aloud, text, without);
    }

    /// The shape of the decoded audio is known.
    pub(super) fn format(&mut self, codec: &str, format: AudioFormat) {
        let aloud = self.is_new(|trouble| &mut trouble.format);
        tell!(aloud, info, source = %self.source, codec, "audio is {format}");
    }

    fn begin_trouble(&mut self, attempts: u64) -> &mut Trouble {
        self.trouble.get_or_insert_with(|| {
            let mut states = [false; State::COUNT];
            states[State::Connecting.index()] = true;
            Trouble {
                attempts,
                reminder: FIRST_REMINDER,
                states,
                failures: [false; FailureReason::COUNT],
                disconnects: [false; DisconnectReason::COUNT],
                format: false,
            }
        })
    }

    /// Whether something is said aloud: always while all is well, and once in a trouble.
    fn is_new(&mut self, mark: impl FnOnce(&mut Trouble) -> &mut bool) -> bool {
        let told = |trouble: &mut Trouble| std::mem::replace(mark(trouble), true);
        !self.trouble.as_mut().is_some_and(told) && !self.probe
    }

    fn remind(&mut self, just_told: bool, problem: &str, without: Duration) {
        let Some(trouble) = &mut self.trouble else {
            return;
        };
        if without < trouble.reminder || self.probe {
            return;
        }
        while trouble.reminder <= without {
            trouble.reminder += trouble.reminder.min(LAST_REMINDER);
        }
        if !just_told {
            let (after, attempts) = (Roughly(without), Attempts(trouble.attempts));
            tracing::warn!(source = %self.source, "still no audio after {after}{attempts}: {problem}");
        }
    }
}

/// A number of attempts, behind something else.
struct Attempts(u64);

impl std::fmt::Display for Attempts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            0 => Ok(()),
            some => write!(f, " and {}", counted(some, "attempt")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logged_for_tests::logged;

    fn journal(probe: bool) -> Journal {
        Journal::new(SourceId::new("garden").unwrap(), probe)
    }

    /// Ten hours of attempts, one a minute.
    fn ten_hours(journal: &mut Journal) {
        let mut before = State::Disabled;
        for minute in 0..600 {
            let without = Duration::from_secs(60 * minute);
            journal.state(before, State::Connecting, without);
            journal.attempt();
            // Words that differ each time are no news either.
            let problem = format!("no answer, try {minute}");
            journal.failed(FailureReason::Timeout, &problem, without);
            journal.state(State::Connecting, State::BackingOff, without);
            before = State::BackingOff;
        }
    }

    #[test]
    fn a_source_that_stays_down_is_told_once_and_then_ever_more_seldom() {
        let mut journal = journal(false);
        let lines = logged(|| ten_hours(&mut journal));
        assert_eq!(lines.len(), 3 + 6, "{lines:#?}");
        assert!(!lines[0].contains("from"), "{}", lines[0]);
        for (line, after) in lines[3..].iter().zip([10, 20, 40, 80]) {
            let words = format!(
                "still no audio after {after} min and {} attempts",
                after + 1
            );
            assert!(line.contains("WARN") && line.contains(&words), "{line}");
        }
        let another = logged(|| {
            let without = Duration::from_secs(36_001);
            journal.failed(FailureReason::Refused, "another reason", without);
            journal.state(State::BackingOff, State::Streaming, without);
        });
        assert_eq!(another.len(), 3, "{another:#?}");
        assert!(
            another[2].contains("audio again after 10 h"),
            "{another:#?}"
        );
        let next = logged(|| journal.failed(FailureReason::Refused, "down", Duration::ZERO));
        assert_eq!(next.len(), 1, "the next trouble is another");
    }

    #[test]
    fn a_probe_is_a_detail() {
        let mut journal = journal(true);
        assert_eq!(logged(|| ten_hours(&mut journal)), [""; 0]);
    }
}
