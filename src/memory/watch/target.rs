//! One watch: finds its process again, reads it, and has it judged.

use std::{sync::Arc, time::Duration};

use super::{
    judgement::Judgement,
    members::{Heads, Held, Members},
    own::{Heap, Own},
    past::Moment,
    status::{Analysis, Kinds, ProcessStatus, Reading, Subject, Totals},
    surroundings::Surroundings,
};
use crate::{
    coarse_clock::CoarseInstant,
    id::ProcessName,
    memory::{
        MemoryOptions, ReadFailure, Rollup, Unreadable, WatchOptions,
        proc::{Finder, Look, Proc, TICKS_PER_SECOND},
        recorder::OwnWords,
    },
    metrics::Membership,
};

/// Whose memory it is.
#[derive(Debug)]
pub(super) enum Whose {
    /// This process's.
    Ours(Own),
    /// Another's.
    Theirs(Box<WatchOptions>, Finder),
}

/// One watch and all that it remembers.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) whose: Whose,
    subject: Membership<ProcessName, Subject>,
    name: ProcessName,
    judgement: Judgement,
    members: Members,
    surroundings: Surroundings,
    totals: Totals,
    up: bool,
    started: Option<f64>,
    limit: Option<u64>,
    reading: Option<Reading>,
    /// What the recorder last told, and when.
    words: Option<(Duration, OwnWords)>,
    sampled: Option<Duration>,
    problem: Option<Unreadable>,
    /// What is missing although it is up: descriptors, the recorder's metrics.
    missing: [Option<Unreadable>; 2],
}

const DESCRIPTORS: usize = 0;
const WORDS: usize = 1;

impl Target {
    pub(super) fn new(
        whose: Whose,
        name: ProcessName,
        subject: Membership<ProcessName, Subject>,
        options: &MemoryOptions,
    ) -> Self {
        Self {
            whose,
            subject,
            name,
            judgement: Judgement::new(options),
            members: Members::default(),
            surroundings: Surroundings::default(),
            totals: Totals::default(),
            up: false,
            started: None,
            limit: None,
            reading: None,
            words: None,
            sampled: None,
            problem: None,
            missing: [None, None],
        }
    }

    pub(super) fn name(&self) -> &ProcessName {
        &self.name
    }

    /// Takes other options over. With another way of judging, what was judged is forgotten.
    pub(super) fn reconfigure(&mut self, options: &MemoryOptions) {
        if self.judgement.reconfigure(options) {
            self.sampled = None;
        }
        self.publish();
    }

    /// Looks whether it is still there, and takes a sample when one is due, within `slack`, or
    /// `forced`. True when a sample was taken.
    pub(super) fn look(
        &mut self,
        now: Duration,
        slack: Duration,
        look: &Look<'_>,
        forced: bool,
    ) -> bool {
        let interval = self.judgement.options().sample_interval;
        let due = |last: Duration| now.saturating_sub(last) + slack >= interval;
        if !forced && self.up && !self.sampled.is_none_or(due) && self.members.live(look.proc()) {
            return false;
        }
        let sampled = match self.read(now, look) {
            Ok(held) => {
                self.take(now, look.proc(), &held, forced);
                true
            }
            Err(unreadable) => {
                self.down(unreadable);
                false
            }
        };
        self.publish();
        sampled
    }

    fn read(&mut self, now: Duration, look: &Look<'_>) -> Result<Held, Unreadable> {
        let proc = look.proc();
        let first = self.members.heads().next().is_none();
        let heads = match &mut self.whose {
            Whose::Ours(_) => self.members.update_own(proc).map(|()| Heads::Stayed),
            Whose::Theirs(_, finder) => {
                let heads = finder.find(look)?;
                self.members.update(look, &heads)
            }
        }?;
        if let Heads::Ended { replaced } = heads {
            self.totals.restarts += replaced;
            self.judgement.restarted(now);
            self.words = None;
            tracing::info!(process = %self.name, replaced, "a watched process was restarted");
        }
        if first || heads != Heads::Stayed {
            self.enter(proc);
        }
        self.members.read(proc)
    }

    /// Takes in what does not change while the heads stay.
    fn enter(&mut self, proc: &Proc) {
        let Some(oldest) = self.members.heads().min_by_key(|head| head.started) else {
            return;
        };
        self.surroundings.enter(proc, oldest.pid);
        // Worked out once: the kernel derives the boot time from a wall clock that steps.
        let boot = proc.boot_time();
        self.started = boot.map(|boot| boot as f64 + oldest.started as f64 / TICKS_PER_SECOND);
    }

    fn take(&mut self, now: Duration, proc: &Proc, held: &Held, forced: bool) {
        if !self.up {
            self.up = true;
            if let Some(problem) = self.problem.take() {
                tracing::info!(process = %self.name, after = %problem.reason, "a watched process is there again");
            }
        }
        self.miss(DESCRIPTORS, held.unread.clone());
        self.totals.oom_kills = self.surroundings.oom_kills();
        let analyse = forced || self.judgement.is_due(now);
        if analyse {
            self.limit = self.surroundings.limit(proc);
        }
        let pressure = self.surroundings.pressure(proc, now);
        let mut reading = self.reading_of(held, pressure);
        let buffers = self.describe(now, &mut reading);
        // What is swapped out is still held. Audio buffers fill and empty by design.
        let held = reading.resident + reading.swap.unwrap_or(0);
        self.judgement.add(now, held.saturating_sub(buffers));
        self.judgement.count(&reading);
        if analyse {
            self.judgement.decide(now, self.limit, &self.name);
        }
        self.sampled = Some(now);
        self.subject.remember(Moment {
            at: reading.taken,
            resident: reading.resident,
            swap: reading.swap.unwrap_or(0),
            heap: reading.kinds.heap,
            external: reading.kinds.external,
            processes: reading.processes,
        });
        self.reading = Some(reading);
    }

    fn reading_of(&self, held: &Held, pressure: Option<f64>) -> Reading {
        Reading {
            taken: CoarseInstant::now(),
            resident: held.resident,
            swap: held.swap,
            kinds: Kinds {
                anonymous: held.anonymous,
                file: held.file,
                ..Kinds::default()
            },
            processes: held.processes,
            threads: held.threads,
            open_fds: held.open_fds,
            started: self.started,
            limit: self.limit,
            pressure,
            tasks: None,
            collecting: None,
        }
    }

    /// Adds what the process's own books say. Returns the bytes of audio buffers in RAM.
    fn describe(&self, now: Duration, reading: &mut Reading) -> u64 {
        let own = match &self.whose {
            Whose::Ours(own) => own.figures(),
            Whose::Theirs(..) => {
                let lasts = 3 * self.judgement.options().sample_interval;
                let recent = |(at, _): &&(Duration, OwnWords)| now.saturating_sub(*at) <= lasts;
                if let Some((_, words)) = self.words.as_ref().filter(recent) {
                    reading.tell(words);
                }
                return 0;
            }
        };
        reading.tasks = Some(own.tasks);
        reading.kinds.buffers = Some(own.buffers_filled);
        if let Some(heap) = Heap::read().map(|heap| heap.without(own.buffers_allocated)) {
            let rest = reading.resident.saturating_sub(own.buffers_filled);
            reading.kinds.heap = Some(heap.allocated);
            reading.kinds.external = Some(rest.saturating_sub(heap.allocated));
            let anonymous = reading.kinds.anonymous;
            let anonymous = anonymous.map(|bytes| bytes.saturating_sub(own.buffers_filled));
            reading.kinds.fragmentation = heap.fragmentation(anonymous);
        }
        own.buffers_filled
    }

    fn down(&mut self, unreadable: Unreadable) {
        self.totals.failures[unreadable.reason.index()] += 1;
        // A process that ends is found again or not at the next look; that one says so.
        let same = self.problem.as_ref().map(|known| known.reason) == Some(unreadable.reason);
        if !same && unreadable.reason != ReadFailure::Vanished {
            let (process, reason) = (&self.name, unreadable.reason);
            tracing::warn!(%process, %reason, "a process cannot be watched: {unreadable}");
        }
        self.up = false;
        self.problem = Some(unreadable);
        self.judgement.suspend();
        (self.reading, self.sampled) = (None, None);
    }

    fn miss(&mut self, what: usize, unread: Option<Unreadable>) {
        if let Some(unread) = &unread {
            self.totals.failures[unread.reason.index()] += 1;
            if self.missing[what].as_ref() != Some(unread) {
                let process = &self.name;
                tracing::warn!(%process, "not everything of a process can be read: {unread}");
            }
        }
        self.missing[what] = unread;
    }

    /// Takes in what the recorder said when it was asked.
    pub(super) fn told(&mut self, now: Duration, said: Result<OwnWords, Unreadable>) {
        // The answer of one that has ended meanwhile is nobody's.
        if !self.up {
            return;
        }
        match said {
            Ok(words) => {
                self.words = Some((now, words));
                self.miss(WORDS, None);
                if let Some(reading) = &mut self.reading {
                    reading.tell(&words);
                    self.subject
                        .amend(reading.kinds.heap, reading.kinds.external);
                }
            }
            Err(unread) => self.miss(WORDS, Some(unread)),
        }
        self.publish();
    }

    /// What it holds now is what growth is measured from.
    pub(super) fn set_baseline(&mut self, now: Duration) -> bool {
        if self.up {
            self.judgement.set_baseline(now);
            self.judgement.decide(now, self.limit, &self.name);
            self.publish();
        }
        self.up
    }

    /// The figures that are too dear for every sample.
    pub(super) fn analysis(&self, proc: &Proc) -> Analysis {
        let sum = self.members.all().try_fold(None::<Rollup>, |sum, member| {
            match proc.rollup(member.pid) {
                Ok(part) => Ok(Some(sum.map_or(part, |sum| sum + part))),
                Err(gone) if gone.reason == ReadFailure::Vanished => Ok(sum),
                Err(unread) => Err(unread),
            }
        });
        let problem = self.problem.clone().unwrap_or_else(Unreadable::vanished);
        Analysis {
            status: self.subject.status(),
            rollup: sum.and_then(|sum| sum.filter(|_| self.up).ok_or(problem)),
        }
    }

    fn publish(&mut self) {
        if let Some(reading) = &self.reading {
            self.judgement.note_tasks(reading.running());
        }
        let mut totals = self.totals.clone();
        totals.cpu_seconds = self.members.cpu_seconds();
        totals.major_faults = self.members.major_faults();
        let missing = self.missing.iter().flatten().next().filter(|_| self.up);
        self.subject.publish(Arc::new(ProcessStatus {
            name: self.name.clone(),
            up: self.up,
            pids: self
                .members
                .heads()
                .filter(|_| self.up)
                .map(|head| head.pid)
                .collect(),
            reading: self.reading.clone(),
            totals,
            baseline: self.judgement.baseline().filter(|_| self.up),
            verdict: self.judgement.verdict().cloned(),
            growing: self.judgement.growing().to_vec(),
            crossings: self.judgement.crossings(self.reading.as_ref()),
            problem: self.problem.as_ref().or(missing).cloned(),
        }));
    }
}

impl Reading {
    fn tell(&mut self, words: &OwnWords) {
        self.kinds.heap = words.heap;
        self.kinds.external = words.heap.map(|heap| self.resident.saturating_sub(heap));
        self.kinds.fragmentation = words.fragmentation();
        self.tasks = words.tasks;
        self.collecting = words.collecting;
    }
}
