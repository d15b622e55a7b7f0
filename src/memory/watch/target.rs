//! One watch: finds its process again, reads it, and has it judged.

mod glimpse;

use std::{sync::Arc, time::Duration};

use super::{
    judgement::Judgement,
    members::{Heads, Held, Members},
    own::Heap,
    past::Moment,
    status::{Kinds, ProcessStatus, Reading, Subject, Totals},
    surroundings::Surroundings,
    whose::Whose,
};
use crate::{
    coarse_clock::CoarseInstant,
    id::ProcessName,
    memory::{
        MemoryOptions, ReadFailure, Unreadable,
        proc::{Identity, Look, Proc, TICKS_PER_SECOND},
        recorder::OwnWords,
        verdict::Verdict,
    },
    metrics::Membership,
};

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
    /// What stays the same while its heads stay is known.
    entered: bool,
    started: Option<f64>,
    /// What the configuration allows it.
    allowed: Option<u64>,
    /// The tighter one of that and what the system allows.
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
            allowed: whose.allowed(options),
            whose,
            subject,
            name,
            judgement: Judgement::new(options),
            members: Members::default(),
            surroundings: Surroundings::default(),
            totals: Totals::default(),
            up: false,
            entered: false,
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

    /// Who is at the head of its trees.
    pub(super) fn heads(&self) -> Vec<Identity> {
        self.members.heads().collect()
    }

    /// So many descriptors are kept open for its sake.
    pub(super) fn kept_open(&self) -> u64 {
        self.members.kept_open()
    }

    /// So many are for everybody's, which is for this process to know.
    pub(super) fn all_keep_open(&mut self, kept: u64) {
        if let Whose::Ours(own) = &mut self.whose {
            own.watching_fds = kept;
        }
    }

    /// Takes other options over. With another way of judging, what was judged is forgotten.
    pub(super) fn reconfigure(&mut self, options: &MemoryOptions) {
        if self.judgement.reconfigure(options) {
            self.sampled = None;
        }
        self.allowed = self.whose.allowed(options);
        self.publish();
    }

    /// Looks whether it is still there, and takes a sample when one is due, within `slack`. True
    /// when a sample was taken.
    pub(super) fn look(&mut self, now: Duration, slack: Duration, look: &Look<'_>) -> bool {
        let interval = self.judgement.options().sample_interval;
        let due = |last: Duration| now.saturating_sub(last) + slack >= interval;
        if self.up && !self.sampled.is_none_or(due) && self.members.live(look.proc()) {
            return false;
        }
        let began = look.proc().now_ticks();
        let read = self.read(now, look);
        self.members.looked(began);
        let sampled = match read {
            Ok(held) => {
                self.take(now, look.proc(), &held);
                true
            }
            Err(unreadable) => {
                let ours = unreadable.reason == ReadFailure::Local;
                if ours && self.up && self.members.live(look.proc()) {
                    self.unseen(unreadable);
                } else {
                    self.down(unreadable);
                }
                false
            }
        };
        self.publish();
        sampled
    }

    fn read(&mut self, now: Duration, look: &Look<'_>) -> Result<Held, Unreadable> {
        let proc = look.proc();
        proc.can_open()?;
        let heads = self.whose.find(look, &mut self.members)?;
        if let Heads::Ended { replaced } = heads {
            self.totals.restarts += replaced;
            self.judgement.restarted(now);
            self.words = None;
            let process = &self.name;
            if replaced == 0 {
                tracing::info!(%process, "one of several watched processes ended; the others go on");
            } else {
                tracing::info!(%process, replaced, "a watched process was restarted");
            }
        }
        self.entered &= heads == Heads::Stayed;
        // To have found them may have taken the last.
        proc.can_open()?;
        if !self.entered {
            self.enter(proc);
            self.entered = true;
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

    fn take(&mut self, now: Duration, proc: &Proc, held: &Held) {
        self.up = true;
        if let Some(problem) = self.problem.take() {
            tracing::info!(process = %self.name, after = %problem.reason, "a watched process is there again");
        }
        self.miss(DESCRIPTORS, held.unread.clone());
        self.totals.oom_kills = self.surroundings.oom_kills();
        let analyse = self.judgement.is_due(now);
        if analyse {
            self.limit = self.limit_now(proc);
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

    /// The tighter one of what the system allows and what the configuration says.
    fn limit_now(&self, proc: &Proc) -> Option<u64> {
        let system = self.surroundings.limit(proc);
        self.allowed.into_iter().chain(system).min()
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
            unread_processes: held.unread_processes,
            threads: held.threads,
            open_fds: held.open_fds,
            watching_fds: None,
            started: self.started,
            limit: self.limit,
            pressure,
            tasks: None,
            collecting: None,
        }
    }

    /// Adds what the process's own books say. Returns the bytes of audio buffers in RAM.
    fn describe(&self, now: Duration, reading: &mut Reading) -> u64 {
        let (own, watching) = match &self.whose {
            Whose::Ours(own) => (own.figures(), own.watching_fds),
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
        reading.watching_fds = Some(watching);
        reading.open_fds = reading.open_fds.map(|all| all.saturating_sub(watching));
        reading.kinds.buffers = Some(own.buffers_filled);
        let books = Heap::read();
        reading.kinds.allocator_active = books.map(|heap| heap.active);
        reading.kinds.allocator_resident = books.map(|heap| heap.resident);
        if let Some(heap) = books.map(|heap| heap.without(own.buffers_allocated)) {
            let rest = reading.resident.saturating_sub(own.buffers_filled);
            reading.kinds.heap = Some(heap.allocated);
            reading.kinds.external = Some(rest.saturating_sub(heap.allocated));
            let anonymous = reading.kinds.anonymous;
            let anonymous = anonymous.map(|bytes| bytes.saturating_sub(own.buffers_filled));
            reading.kinds.fragmentation = heap.fragmentation(anonymous);
        }
        own.buffers_filled
    }

    /// Nothing is known of its memory now. That alone does not tell whether it runs.
    fn unseen(&mut self, unreadable: Unreadable) {
        self.totals.failures[unreadable.reason.index()] += 1;
        // A process that ends is found again or not at the next look; that one says so.
        let same = self.problem.as_ref().map(|known| known.reason) == Some(unreadable.reason);
        if !same && unreadable.reason != ReadFailure::Vanished {
            let (process, reason) = (&self.name, unreadable.reason);
            tracing::warn!(%process, %reason, "a process cannot be watched: {unreadable}");
        }
        self.problem = Some(unreadable);
        (self.reading, self.sampled) = (None, None);
    }

    fn down(&mut self, unreadable: Unreadable) {
        self.up = false;
        self.members.close();
        if unreadable.reason != ReadFailure::Local {
            // Perhaps it was killed.
            self.totals.oom_kills = self.surroundings.oom_kills();
        }
        self.judgement.suspend();
        self.unseen(unreadable);
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

    fn publish(&mut self) {
        if let Some(reading) = &self.reading {
            self.judgement.note_running(reading);
        }
        let status = self.status(self.reading.clone(), self.judgement.verdict().cloned());
        self.subject.publish(Arc::new(status));
    }

    fn status(&self, reading: Option<Reading>, verdict: Option<Verdict>) -> ProcessStatus {
        let mut totals = self.totals.clone();
        let used = self.members.used();
        totals.cpu_seconds = used.cpu_ticks as f64 / TICKS_PER_SECOND;
        totals.major_faults = used.major_faults;
        totals.minor_faults = used.minor_faults;
        let missing = self.missing.iter().flatten().next().filter(|_| self.up);
        let heads = self.members.heads().filter(|_| self.up);
        ProcessStatus {
            name: self.name.clone(),
            up: self.up,
            pids: heads.map(|head| head.pid).collect(),
            totals,
            baseline: self.judgement.baseline().filter(|_| self.up),
            growing: self.judgement.growing().to_vec(),
            crossings: self.judgement.crossings(reading.as_ref(), verdict.as_ref()),
            reading,
            verdict,
            problem: self.problem.as_ref().or(missing).cloned(),
        }
    }
}
