//! The time ledger: where every second of a source went.
//!
//! `audio + Σ gaps − surplus + lateness + slowness = expected`, at every moment. Each term
//! is accumulated from events; `expected` runs by the wall clock alone, so the equation can
//! fail and a test can see it. *Lateness* is the time since the session's first audio for
//! which no audio has come yet: packets under way, and the beginning of a stall. It stays
//! below one stall timeout. What lasts is booked: after a pause as a stall, without one as
//! *slowness*. A second by a slow clock takes longer than a second, yet nothing of it is
//! missing. Beyond what a clock may be wrong by, audio is missing after all, a little at a
//! time, and that is a stall too.
//!
//! Pure: it is told the time and does no I/O.

use std::time::Duration;

use tokio::time::Instant;

use super::GapCause;

/// Lateness that lasts longer than a whole [`WINDOW`] and exceeds this is audio that will
/// not come any more. Below it lies what queues in cameras and networks.
const LASTING: Duration = Duration::from_secs(1);
/// How long a burst may take to make up for a pause.
const WINDOW: Duration = Duration::from_secs(10);

/// Lateness that a source gathers at once, in a silence, is a pause. Less is a packet, the
/// 100 ms at which they are read, and the network.
const PAUSE: Duration = Duration::from_millis(500);
/// A clock may be slow by one part in so many: what the equation may leave open.
const SLOWEST: u32 = 100;
/// So much may be put down to a slow clock at once.
const MOST_SLOWNESS: Duration = Duration::from_secs(2);

/// What time is spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing is expected: ended or disabled.
    Idle,
    /// No audio, for this cause.
    Gap(GapCause),
    /// A session is open; its first audio has not come.
    Joining,
    /// Audio arrives.
    Flowing,
}

/// The account of one source's time.
#[derive(Clone, Debug)]
pub struct TimeLedger {
    phase: Phase,
    settled: Instant,
    expected: Duration,
    audio: Duration,
    surplus: Duration,
    gaps: [Duration; GapCause::COUNT],
    lateness: Duration,
    slowness: Duration,
    /// How much more may be put down to a slow clock.
    credit: Duration,
    heard: Heard,
    /// The least lateness since `window_start`.
    lasting: Duration,
    window_start: Instant,
}

/// The latest audio, and what was before a pause.
#[derive(Clone, Debug)]
struct Heard {
    at: Instant,
    /// The lateness that was left.
    lateness: Duration,
    /// The lateness before the first pause that nothing made up for yet.
    before_pause: Option<Duration>,
}

impl Heard {
    fn nothing(now: Instant) -> Self {
        Self {
            at: now,
            lateness: Duration::ZERO,
            before_pause: None,
        }
    }

    /// So much lateness is left. Less than a pause more than before it, and it was none.
    fn made_up_to(&mut self, lateness: Duration) {
        self.lateness = lateness;
        let made_up = |before| lateness < before + PAUSE;
        if self.before_pause.is_some_and(made_up) {
            self.before_pause = None;
        }
    }
}

/// A [`TimeLedger`] as read at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TimeSums {
    /// Wall clock while audio was expected.
    pub expected: Duration,
    /// Audio received.
    pub audio: Duration,
    /// Audio that came faster than the clock runs: join bursts.
    pub surplus: Duration,
    /// Missing audio by cause, in the order of [`GapCause::ALL`].
    pub gaps: [Duration; GapCause::COUNT],
    /// Audio that is late but not yet given up.
    pub lateness: Duration,
    /// Time that a slow clock of the source's took in addition.
    pub slowness: Duration,
}

impl TimeLedger {
    /// An account that begins at `now`, idle.
    pub fn new(now: Instant) -> Self {
        Self {
            phase: Phase::Idle,
            settled: now,
            expected: Duration::ZERO,
            audio: Duration::ZERO,
            surplus: Duration::ZERO,
            gaps: [Duration::ZERO; GapCause::COUNT],
            lateness: Duration::ZERO,
            slowness: Duration::ZERO,
            credit: LASTING,
            heard: Heard::nothing(now),
            lasting: Duration::ZERO,
            window_start: now,
        }
    }

    /// What time is spent on at the moment.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Begins another phase. Lateness that lasted goes to `stall`; the shorter rest, the
    /// time between the last audio and the moment the end was noticed, belongs to what
    /// follows.
    pub fn enter(&mut self, now: Instant, next: Phase) {
        self.settle(now);
        if self.phase == next {
            return;
        }
        let late = std::mem::take(&mut self.lateness);
        let cause = match (self.phase, next) {
            (Phase::Joining, Phase::Gap(GapCause::Stall)) => GapCause::Stall,
            (Phase::Joining, _) => GapCause::Connect,
            (_, Phase::Gap(cause)) if late < LASTING => cause,
            // We ended it ourselves.
            (_, Phase::Idle) if late < LASTING => GapCause::Local,
            _ => GapCause::Stall,
        };
        self.gaps[cause.index()] += late;
        self.phase = next;
        self.heard = Heard::nothing(now);
        self.open_window(now);
    }

    /// Counts audio that has just arrived. From any phase, audio flows from here on.
    pub fn audio(&mut self, now: Instant, duration: Duration) {
        self.flow(now);
        self.audio += duration;
        let early = duration.saturating_sub(self.lateness);
        self.lateness = self.lateness.saturating_sub(duration);
        self.surplus += early;
        self.note_pause(now);
        self.watch_lateness(now);
    }

    /// Counts audio that will never come: `cause` is loss, decode or local. No more than the time
    /// that has passed without audio can have been lost, whatever a server claims.
    pub fn missing(&mut self, now: Instant, cause: GapCause, duration: Duration) {
        self.flow(now);
        let missed = duration.min(self.lateness);
        self.lateness -= missed;
        self.gaps[cause.index()] += missed;
        self.watch_lateness(now);
    }

    /// Reads the account as of `now`, time under way included.
    pub fn sums(&self, now: Instant) -> TimeSums {
        let mut settled = self.clone();
        settled.settle(now);
        TimeSums {
            expected: settled.expected,
            audio: settled.audio,
            surplus: settled.surplus,
            gaps: settled.gaps,
            lateness: settled.lateness,
            slowness: settled.slowness,
        }
    }

    fn flow(&mut self, now: Instant) {
        self.settle(now);
        if self.phase != Phase::Flowing {
            self.enter(now, Phase::Flowing);
        }
    }

    fn settle(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.settled);
        self.settled = self.settled.max(now);
        match self.phase {
            Phase::Idle => return,
            Phase::Gap(cause) => self.gaps[cause.index()] += passed,
            Phase::Joining | Phase::Flowing => {
                self.lateness += passed;
                self.credit = MOST_SLOWNESS.min(self.credit + passed / SLOWEST);
            }
        }
        self.expected += passed;
    }

    /// After audio: remembers a pause until it is made up for.
    fn note_pause(&mut self, now: Instant) {
        let heard = &mut self.heard;
        if now.saturating_duration_since(heard.at) >= PAUSE {
            heard.before_pause.get_or_insert(heard.lateness);
        }
        heard.at = now;
        heard.made_up_to(self.lateness);
    }

    /// Gives up lateness that no burst has made up for during a whole window.
    fn watch_lateness(&mut self, now: Instant) {
        self.lasting = self.lasting.min(self.lateness);
        if now.saturating_duration_since(self.window_start) >= WINDOW {
            if self.lasting >= LASTING {
                self.give_up(self.lasting);
            }
            self.open_window(now);
        }
    }

    fn give_up(&mut self, late: Duration) {
        let no_pause = self.heard.before_pause.unwrap_or(late).min(late);
        let slow = no_pause.min(self.credit);
        self.credit -= slow;
        self.slowness += slow;
        self.gaps[GapCause::Stall.index()] += late.saturating_sub(slow);
        self.lateness -= late;
        // There may have been another pause, too late for this window.
        if let Some(before) = &mut self.heard.before_pause {
            *before -= no_pause;
        }
        self.heard.made_up_to(self.lateness);
    }

    fn open_window(&mut self, now: Instant) {
        self.window_start = now;
        self.lasting = Duration::MAX;
    }
}

impl TimeSums {
    /// What the four exported sums leave unexplained, in seconds; lateness and slowness
    /// apart, zero.
    pub fn unexplained(&self) -> f64 {
        let gaps: f64 = self.gaps.iter().map(Duration::as_secs_f64).sum();
        self.expected.as_secs_f64() - self.audio.as_secs_f64() - gaps + self.surplus.as_secs_f64()
    }
}

#[cfg(test)]
mod tests;
