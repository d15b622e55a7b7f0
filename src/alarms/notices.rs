//! Who is told what: hourly limits, quiet hours, repetitions. Pure.

use std::{
    collections::VecDeque,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use super::{
    alarm::{AlarmStatus, Change, Key},
    firing::Firing,
    kind::AlarmKind,
    options::AlarmOptions,
    wire,
};
use crate::closed_set::closed_set;

const HOUR: Duration = Duration::from_secs(3600);
/// How long alarms beyond the limit are gathered before they are summed up.
const GATHER: Duration = Duration::from_secs(300);
/// The most alarms in one notice.
const MOST: usize = 50;

closed_set! {
    /// Why somebody is told.
    pub enum Reason {
        /// Alarms fired.
        Fired => "fired",
        /// Alarms became worse.
        Worsened => "worsened",
        /// Alarms are over.
        Resolved => "resolved",
        /// Alarms are still on.
        Repeated => "repeated",
        /// Alarms beyond the limit, summed up.
        Summary => "summary",
    }
}

/// What the receivers of webhooks are told.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Why.
    pub reason: Reason,
    /// About which alarms; of one kind, but in a summary.
    pub alarms: Vec<AlarmStatus>,
    /// Alarms that it is about, but does not list.
    pub left_out: u64,
}

/// What a look or a person's wish led to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// What happened.
    pub changes: Vec<Change>,
    /// What webhooks are told of it.
    pub notices: Vec<Notice>,
    /// Alerts that an Alertmanager was told of and that are over.
    pub ended: Vec<AlarmStatus>,
}

/// What was said in the last hour.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Notices {
    sent: VecDeque<Sent>,
    /// Alarms that wait for the summary, also those that are over by now.
    waiting: u64,
    #[serde(with = "wire::maybe_moment")]
    waiting_since: Option<SystemTime>,
    #[serde(with = "wire::maybe_moment")]
    last_summary: Option<SystemTime>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Sent {
    #[serde(with = "wire::moment")]
    at: SystemTime,
    key: Key,
}

impl Notices {
    /// Decides what is said about those that fire.
    pub(super) fn announce<'a>(
        &mut self,
        firing: impl Iterator<Item = &'a mut Firing>,
        options: &AlarmOptions,
        repeat_interval: Duration,
        now: SystemTime,
        outcome: &mut Outcome,
    ) {
        // A stamp of the future is one of a clock that was set back.
        self.sent
            .retain(|sent| passed(sent.at, now).is_some_and(|ago| ago < HOUR));
        let (mut waiting, mut put_off) = (Vec::new(), 0);
        for firing in firing {
            let key = &firing.status.key;
            let policy = options.policy(key);
            if policy.is_some_and(|policy| policy.quiet_hours.contain(now)) {
                // It waits on, and is told of later.
                put_off += u64::from(firing.told.waiting);
                continue;
            }
            firing.told.managers = true;
            let reason = match firing.told.webhooks {
                None => Reason::Fired,
                Some(_) if firing.told.worse => Reason::Worsened,
                Some(at) if firing.status.acknowledged.is_none() => {
                    if passed(at, now).is_some_and(|ago| ago < repeat_interval) {
                        continue;
                    }
                    Reason::Repeated
                }
                Some(_) => continue,
            };
            if firing.told.waiting {
                waiting.push(firing);
            } else if reason == Reason::Repeated || self.has_room(key, options) {
                // What is repeated takes no room from what is new.
                if reason != Reason::Repeated {
                    self.sent.push_back(Sent {
                        at: now,
                        key: key.clone(),
                    });
                }
                say(outcome, reason, &firing.status);
                firing.told.webhooks = Some(now);
                firing.told.worse = false;
            } else {
                firing.told.waiting = true;
                self.waiting += 1;
                self.waiting_since.get_or_insert(now);
                waiting.push(firing);
            }
        }
        // Nobody is woken by what is over already.
        let mut policies = options.sources.values();
        let quiet = policies.any(|policy| policy.quiet_hours.contain(now));
        if !(quiet && waiting.is_empty()) {
            self.sum_up(waiting, put_off, now, outcome);
        }
    }

    fn has_room(&self, key: &Key, options: &AlarmOptions) -> bool {
        let of_key = self.sent.iter().filter(|sent| sent.key == *key).count();
        self.sent.len() < options.max_per_hour && of_key < options.max_per_hour_each
    }

    /// One notice for all that wait, at most once an hour; `put_off` of them wait on.
    fn sum_up(
        &mut self,
        waiting: Vec<&mut Firing>,
        put_off: u64,
        now: SystemTime,
        outcome: &mut Outcome,
    ) {
        let long_enough = |since: Option<SystemTime>, least| {
            since.is_none_or(|since| passed(since, now).is_none_or(|ago| ago >= least))
        };
        let due = long_enough(self.waiting_since, GATHER) && long_enough(self.last_summary, HOUR);
        let nobody = self.waiting <= put_off && waiting.is_empty();
        if nobody || !due {
            return;
        }
        let mut alarms = Vec::new();
        for firing in waiting {
            firing.told.waiting = false;
            firing.told.worse = false;
            firing.told.webhooks = Some(now);
            if alarms.len() < MOST {
                alarms.push(firing.status.clone());
            }
        }
        outcome.notices.push(Notice {
            reason: Reason::Summary,
            left_out: self.waiting.saturating_sub(put_off + alarms.len() as u64),
            alarms,
        });
        self.waiting = put_off;
        self.waiting_since = (put_off > 0).then_some(now);
        self.last_summary = Some(now);
    }

    /// An alarm is over: who heard of it hears that.
    pub(super) fn ended(firing: &Firing, outcome: &mut Outcome) {
        if firing.told.webhooks.is_some() {
            say(outcome, Reason::Resolved, &firing.status);
        }
        if firing.told.managers {
            outcome.ended.push(firing.status.clone());
        }
    }
}

/// Adds an alarm to the notice of its kind and reason.
fn say(outcome: &mut Outcome, reason: Reason, status: &AlarmStatus) {
    let kind = |notice: &Notice| -> Option<AlarmKind> { Some(notice.alarms.first()?.key.kind) };
    let mut notices = outcome.notices.iter_mut();
    let same = notices.find(|notice| {
        notice.reason == reason
            && notice.alarms.len() < MOST
            && kind(notice) == Some(status.key.kind)
    });
    match same {
        Some(notice) => notice.alarms.push(status.clone()),
        None => outcome.notices.push(Notice {
            reason,
            alarms: vec![status.clone()],
            left_out: 0,
        }),
    }
}

/// How long ago that was; `None` if it is yet to come.
fn passed(then: SystemTime, now: SystemTime) -> Option<Duration> {
    now.duration_since(then).ok()
}

impl Outcome {
    /// Appends another one.
    pub(super) fn add(&mut self, other: Self) {
        self.changes.extend(other.changes);
        self.notices.extend(other.notices);
        self.ended.extend(other.ended);
    }
}
