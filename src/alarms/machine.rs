//! The state machine: what was seen and the time go in, what happened comes out. Pure.
//!
//! An alarm is inactive, pending while its condition has not held for long enough, firing, and
//! inactive again once the condition has been gone for `keep_firing`. Of what nobody can know at
//! the moment nothing is concluded: it neither fires nor ends.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use super::{
    alarm::{AlarmStatus, Change, Evidence, Key, Mark},
    firing::{Firing, Told},
    kind::{AlarmState, Event, Resolution},
    notices::{Notices, Outcome},
    options::AlarmOptions,
};

/// What one look found out about one possible alarm.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// Nobody can tell: of audio that does not flow nothing is known.
    Unknown,
    /// All is well.
    Clear,
    /// Neither: an alarm that fires stays, one that does not stays away.
    Between,
    /// The condition holds.
    Raised(Evidence),
}

/// A moment on both clocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Now {
    /// Since any fixed start, by a clock that never steps: durations are measured by it.
    pub steady: Duration,
    /// For people, and across restarts.
    pub wall: SystemTime,
}

/// All alarms.
#[derive(Debug, Default)]
pub struct Machine {
    entries: BTreeMap<Key, Entry>,
    notices: Notices,
    look: u64,
}

#[derive(Debug)]
struct Entry {
    phase: Phase,
    /// The look that saw it last.
    seen: u64,
}

#[derive(Debug)]
enum Phase {
    Pending {
        since: Now,
    },
    Firing(Box<Firing>),
    /// Resolved by hand, and not clear since.
    Muted {
        until: SystemTime,
    },
}

/// Why a person's wish cannot be fulfilled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No active alarm has this id.
    #[error("no active alarm has this id")]
    Unknown,
    /// It has been acknowledged before.
    #[error("the alarm is acknowledged already")]
    Already,
}

impl Machine {
    /// One look at everything there is. A key that is missing has gone: its alarm is over.
    pub fn look(
        &mut self,
        seen: impl IntoIterator<Item = (Key, Reading)>,
        options: &AlarmOptions,
        repeat_interval: Duration,
        now: Now,
    ) -> Outcome {
        self.look += 1;
        let mut outcome = Outcome::default();
        for (key, reading) in seen {
            self.one(key, reading, options, now, &mut outcome);
        }
        self.forget_unseen(now, &mut outcome);
        let firing = self.entries.values_mut().filter_map(Entry::firing);
        self.notices
            .announce(firing, options, repeat_interval, now.wall, &mut outcome);
        outcome
    }

    fn one(
        &mut self,
        key: Key,
        reading: Reading,
        options: &AlarmOptions,
        now: Now,
        outcome: &mut Outcome,
    ) {
        let Some(entry) = self.entries.get_mut(&key) else {
            if let Reading::Raised(evidence) = reading {
                self.raise(key, evidence, now, options, now, outcome);
            }
            return;
        };
        entry.seen = self.look;
        match (&mut entry.phase, reading) {
            (Phase::Pending { since }, Reading::Raised(evidence)) => {
                let since = *since;
                self.raise(key, evidence, since, options, now, outcome);
            }
            (Phase::Pending { .. }, _) => {
                self.entries.remove(&key);
            }
            (Phase::Muted { until }, reading) => {
                if reading == Reading::Clear || *until <= now.wall {
                    self.entries.remove(&key);
                }
            }
            (Phase::Firing(firing), Reading::Raised(evidence)) => {
                again(firing, evidence, now, outcome);
            }
            (Phase::Firing(firing), Reading::Clear) => {
                firing.status.known = true;
                let since = *firing.clear_since.get_or_insert(now.steady);
                if now.steady.saturating_sub(since) >= options.keep_firing {
                    self.end(&key, now, Resolution::Cleared, outcome);
                }
            }
            (Phase::Firing(firing), between_or_unknown) => {
                firing.status.known = between_or_unknown == Reading::Between;
                firing.clear_since = None;
            }
        }
    }

    /// The condition of `key` has held since a moment.
    fn raise(
        &mut self,
        key: Key,
        evidence: Evidence,
        since: Now,
        options: &AlarmOptions,
        now: Now,
        outcome: &mut Outcome,
    ) {
        let phase = if now.steady.saturating_sub(since.steady) < hold(&key, options) {
            Phase::Pending { since }
        } else {
            let status = AlarmStatus {
                id: key.id(since.wall),
                runbook: key.kind.runbook(),
                key: key.clone(),
                state: AlarmState::Firing,
                evidence,
                since: since.wall,
                fired_at: now.wall,
                resolved_at: None,
                resolution: None,
                known: true,
                acknowledged: None,
                resolved_by: None,
            };
            outcome.changes.push(change(Event::Fired, &status, now));
            Phase::Firing(Box::new(Firing::new(status, Told::default())))
        };
        let seen = self.look;
        self.entries.insert(key, Entry { phase, seen });
    }

    fn end(&mut self, key: &Key, now: Now, why: Resolution, outcome: &mut Outcome) {
        let Some(Entry {
            phase: Phase::Firing(firing),
            ..
        }) = self.entries.remove(key)
        else {
            return;
        };
        over(*firing, now, why, outcome);
    }

    fn forget_unseen(&mut self, now: Now, outcome: &mut Outcome) {
        let look = self.look;
        let gone = self.entries.iter().filter(|(_, entry)| entry.seen != look);
        let gone: Vec<Key> = gone.map(|(key, _)| key.clone()).collect();
        for key in gone {
            self.end(&key, now, Resolution::Removed, outcome);
            self.entries.remove(&key);
        }
    }

    /// The alarms that fire, in order of their keys.
    pub fn firing(&self) -> impl Iterator<Item = &AlarmStatus> {
        self.all_firing().map(|firing| &firing.status)
    }

    pub(super) fn all_firing(&self) -> impl Iterator<Item = &Firing> {
        self.entries
            .values()
            .filter_map(|entry| match &entry.phase {
                Phase::Firing(firing) => Some(&**firing),
                _ => None,
            })
    }

    /// Those resolved by hand whose condition was not gone since, and until when they stay away.
    pub(super) fn muted(&self) -> impl Iterator<Item = (&Key, SystemTime)> {
        let entries = self.entries.iter();
        entries.filter_map(|(key, entry)| match entry.phase {
            Phase::Muted { until } => Some((key, until)),
            _ => None,
        })
    }

    pub(super) fn notices(&self) -> &Notices {
        &self.notices
    }

    /// Goes on where another process stopped. What fires here already stays as it is; the saved
    /// alarm of the same key is over then.
    pub(super) fn restore(
        &mut self,
        firing: impl IntoIterator<Item = Firing>,
        muted: impl IntoIterator<Item = (Key, SystemTime)>,
        notices: Notices,
        now: Now,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let seen = self.look;
        if self.entries.is_empty() {
            self.notices = notices;
        }
        for saved in firing {
            let key = saved.status.key.clone();
            let own = self.entries.get_mut(&key).and_then(Entry::firing);
            match own.map(|own| own.status.id == saved.status.id) {
                Some(true) => {}
                Some(false) => over(saved, now, Resolution::Removed, &mut outcome),
                None => {
                    let phase = Phase::Firing(Box::new(saved));
                    self.entries.insert(key, Entry { phase, seen });
                }
            }
        }
        for (key, until) in muted {
            let phase = Phase::Muted { until };
            self.entries.entry(key).or_insert(Entry { phase, seen });
        }
        outcome
    }

    fn key_of(&self, id: &str) -> Result<Key, Refused> {
        let mut firing = self.firing();
        let found = firing.find(|status| status.id == id);
        found
            .map(|status| status.key.clone())
            .ok_or(Refused::Unknown)
    }

    /// Somebody has seen the alarm: it stays, and is not repeated.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn acknowledge(&mut self, id: &str, mark: Mark, now: Now) -> Result<Outcome, Refused> {
        let key = self.key_of(id)?;
        let firing = self.entries.get_mut(&key).and_then(Entry::firing);
        let firing = firing.ok_or(Refused::Unknown)?;
        if firing.status.acknowledged.is_some() {
            return Err(Refused::Already);
        }
        firing.status.acknowledged = Some(mark);
        Ok(Outcome {
            changes: vec![change(Event::Acknowledged, &firing.status, now)],
            ..Outcome::default()
        })
    }

    /// Somebody says that the alarm is over. It comes back once its condition was gone and holds
    /// again, or after `reopen_after`.
    ///
    /// # Errors
    /// [`Refused::Unknown`].
    pub fn resolve(
        &mut self,
        id: &str,
        mark: Mark,
        reopen_after: Duration,
        now: Now,
    ) -> Result<Outcome, Refused> {
        let key = self.key_of(id)?;
        let until = now.wall.checked_add(reopen_after).unwrap_or(now.wall);
        let phase = Phase::Muted { until };
        let seen = self.look;
        let before = self.entries.insert(key, Entry { phase, seen });
        let Some(Entry {
            phase: Phase::Firing(firing),
            ..
        }) = before
        else {
            return Err(Refused::Unknown);
        };
        let firing = firing.over(now.wall, Resolution::Manual, Some(mark));
        let mut outcome = Outcome {
            changes: vec![change(Event::Resolved, &firing.status, now)],
            ..Outcome::default()
        };
        Notices::ended(&firing, &mut outcome);
        Ok(outcome)
    }
}

/// The condition of an alarm that fires still holds.
fn again(firing: &mut Firing, mut evidence: Evidence, now: Now, outcome: &mut Outcome) {
    let before = firing.status.evidence.severity;
    let worse = evidence.severity > before;
    evidence.severity = evidence.severity.max(before);
    firing.clear_since = None;
    firing.status.known = true;
    if worse {
        // To an Alertmanager, whose alerts are told apart by their labels, it is another one.
        if firing.told.managers {
            let mut ended = firing.status.clone();
            ended.state = AlarmState::Resolved;
            ended.resolved_at = Some(now.wall);
            outcome.ended.push(ended);
        }
        firing.told.worse = true;
    }
    firing.status.evidence = evidence;
    if worse {
        let worsened = change(Event::Worsened, &firing.status, now);
        outcome.changes.push(worsened);
    }
}

impl Entry {
    fn firing(&mut self) -> Option<&mut Firing> {
        match &mut self.phase {
            Phase::Firing(firing) => Some(firing),
            _ => None,
        }
    }
}

/// An alarm ends by itself.
fn over(firing: Firing, now: Now, why: Resolution, outcome: &mut Outcome) {
    let firing = firing.over(now.wall, why, None);
    outcome
        .changes
        .push(change(Event::Resolved, &firing.status, now));
    Notices::ended(&firing, outcome);
}

fn change(event: Event, status: &AlarmStatus, now: Now) -> Change {
    Change {
        at: now.wall,
        event,
        alarm: status.clone(),
    }
}

/// How long the condition of a key must hold.
fn hold(key: &Key, options: &AlarmOptions) -> Duration {
    let own = options
        .policy(key)
        .and_then(|policy| policy.hold.get(&key.kind));
    own.copied().unwrap_or_else(|| key.kind.default_for())
}

#[cfg(test)]
mod tests;
