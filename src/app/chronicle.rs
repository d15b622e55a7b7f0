//! What goes into the history, and how often: differences between one look and the next.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use crate::{
    alarms::{Change, Event, Resolution},
    buffers::{AllocationResult, BufferKind, ReleaseReason, Statement},
    coarse_clock::CoarseInstant,
    history::{
        AlarmRecord, AllocationRecord, ConsumerSample, MemorySample, Operation, Recorder,
        SourceSample, VerdictRecord,
    },
    id::{ProcessName, SourceId},
    memory::{ProcessStatus, verdict::Verdict},
    shutdown::Tasks,
    signal,
    sources::{Account, State, TimeSums},
    status::Snapshot,
    supervisor::Organs,
};

/// Between two records of a source that goes on as before; more where there are many sources.
const SOURCES_EVERY: Duration = Duration::from_secs(60);
/// So many sources are recorded that often.
const SOURCES_AT_ONCE: u32 = 200;
/// Between two records of a source whose state changes all the time.
const CHANGES_EVERY: Duration = Duration::from_secs(5);
/// Between two samples of a process, at least, where there are not many.
const MEMORY_EVERY: Duration = Duration::from_secs(10);
const PROCESSES_AT_ONCE: u32 = 16;
/// How often the ledger of allocations is looked at.
const LEDGER_EVERY: Duration = Duration::from_secs(10);
/// How often those who use most memory are noted, and how many of them.
const CONSUMERS_EVERY: Duration = Duration::from_secs(300);
const CONSUMERS: usize = 10;

/// Looks at every snapshot, and once more at the end.
pub(super) async fn keep(
    organs: Organs,
    mut snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    mut alarms: mpsc::Receiver<Arc<Change>>,
    recorder: Recorder,
    until: Tasks,
) {
    let mut chronicle = Chronicle::new(recorder);
    loop {
        let ended = tokio::select! {
            () = until.cancelled() => true,
            Some(change) = alarms.recv() => {
                chronicle.alarm(&change);
                continue;
            }
            changed = snapshots.changed() => changed.is_err(),
        };
        let snapshot = snapshots.borrow_and_update().clone();
        if let Some(snapshot) = snapshot {
            chronicle.look(&organs, &snapshot, Instant::now(), ended);
        }
        if ended {
            while let Ok(change) = alarms.try_recv() {
                chronicle.alarm(&change);
            }
            return;
        }
    }
}

struct Chronicle {
    recorder: Recorder,
    /// History has just begun: what was before does not belong into it.
    begins: bool,
    sources: HashMap<SourceId, Source>,
    processes: HashMap<ProcessName, Process>,
    books: HashMap<(SourceId, BufferKind), Booked>,
    ledger: Option<Instant>,
    consumers: Option<Instant>,
}

/// A source as last recorded.
struct Source {
    account: Arc<Account>,
    at: Instant,
    told: Told,
}

/// Totals that a record is the difference of.
#[derive(Clone, Default)]
struct Told {
    state: Option<State>,
    time: TimeSums,
    lost: u64,
    attempts: u64,
}

#[derive(Default)]
struct Process {
    at: Option<CoarseInstant>,
    verdict: Option<(&'static str, &'static str)>,
}

/// Attempts by result, and releases.
type Booked = ([u64; 4], u64);

impl Chronicle {
    fn new(recorder: Recorder) -> Self {
        Self {
            begins: false,
            recorder,
            sources: HashMap::new(),
            processes: HashMap::new(),
            books: HashMap::new(),
            ledger: None,
            consumers: None,
        }
    }

    fn look(&mut self, organs: &Organs, snapshot: &Snapshot, now: Instant, ends: bool) {
        if !self.recorder.is_on() {
            *self = Self::new(self.recorder.clone());
            self.begins = true;
            return;
        }
        let at = snapshot.taken_wall;
        let told = self.sources(organs, snapshot, now, at, ends);
        for status in &snapshot.memory {
            self.process(status, snapshot.memory.len() as u32);
        }
        self.processes
            .retain(|name, _| snapshot.memory.iter().any(|status| status.name == *name));
        // Attempts come with changes of state.
        if told || is_due(&mut self.ledger, now, LEDGER_EVERY) {
            self.allocations(organs.buffers.statements(), at);
        }
        if is_due(&mut self.consumers, now, CONSUMERS_EVERY) {
            let (top, _) = organs.buffers.holdings().consumers().top(CONSUMERS);
            for consumer in top {
                self.recorder.record(ConsumerSample {
                    at,
                    consumer: consumer.name.to_string(),
                    category: consumer.category.as_str(),
                    bytes: consumer.current,
                    active: consumer.active,
                });
            }
        }
        self.begins = false;
    }

    fn alarm(&self, change: &Change) {
        let Change { at, event, alarm } = change;
        let evidence = &alarm.evidence;
        let subject = &alarm.key.subject;
        self.recorder.record(AlarmRecord {
            id: alarm.id.clone(),
            alarm: alarm.key.kind.to_string(),
            subject: subject.name.clone(),
            severity: evidence.severity.to_string(),
            status: event.to_string(),
            at: *at,
            value: evidence.value,
            threshold: evidence.threshold,
            words: evidence.trigger.clone(),
        });
        let by_hand = match event {
            Event::Acknowledged => Some(("acknowledge", &alarm.acknowledged)),
            Event::Resolved if alarm.resolution == Some(Resolution::Manual) => {
                Some(("resolve", &alarm.resolved_by))
            }
            _ => None,
        };
        if let Some((operation, mark)) = by_hand {
            let author = mark.as_ref().and_then(|mark| mark.author.as_deref());
            let words = format!("{} of {subject}", alarm.key.kind);
            self.recorder.record(Operation {
                at: *at,
                operation,
                outcome: "done",
                words: author.map_or(words.clone(), |author| format!("{words}, by {author}")),
            });
        }
    }

    /// Whether there was something to tell.
    fn sources(
        &mut self,
        organs: &Organs,
        snapshot: &Snapshot,
        now: Instant,
        at: SystemTime,
        ends: bool,
    ) -> bool {
        let mut told = ends;
        let accounts = organs.accounts.all();
        let crowds = (accounts.len() as u32).div_ceil(SOURCES_AT_ONCE).max(1);
        let mut before = std::mem::take(&mut self.sources);
        for account in accounts {
            let earlier = before.remove(account.id());
            let known = earlier.filter(|source| Arc::ptr_eq(&source.account, &account));
            let is_new = known.is_none();
            let mut source = known.unwrap_or_else(|| Source {
                told: if self.begins {
                    Told::of(&account)
                } else {
                    Told::default()
                },
                account: Arc::clone(&account),
                at: now,
            });
            let since = now.saturating_duration_since(source.at);
            let changed = source.told.state != Some(account.state());
            if is_new
                || ends
                || since >= SOURCES_EVERY * crowds
                || changed && since >= CHANGES_EVERY
            {
                let status = snapshot.sources.iter().find(|s| s.id == *account.id());
                let signal = status.and_then(|status| status.signal);
                self.tell(&mut source, signal.as_ref(), at);
                source.at = now;
                told = true;
            }
            self.sources.insert(account.id().clone(), source);
        }
        // The last of those who have gone.
        for mut source in before.into_values() {
            self.tell(&mut source, None, at);
            told = true;
        }
        told
    }

    fn tell(&self, source: &mut Source, signal: Option<&signal::View>, at: SystemTime) {
        let told = Told::of(&source.account);
        let before = std::mem::replace(&mut source.told, told);
        let Told {
            state,
            time,
            lost,
            attempts,
        } = &source.told;
        let gaps = std::array::from_fn(|n| time.gaps[n].saturating_sub(before.time.gaps[n]));
        self.recorder.record(SourceSample {
            at,
            source: source.account.id().to_string(),
            state: state.map_or("", State::as_str),
            expected: time.expected.saturating_sub(before.time.expected),
            audio: time.audio.saturating_sub(before.time.audio),
            surplus: time.surplus.saturating_sub(before.time.surplus),
            gaps,
            rms: signal.and_then(|view| view.window).map(|window| window.rms),
            peak: signal.map(|view| view.peak),
            lost: lost.saturating_sub(before.lost),
            reconnects: attempts.saturating_sub(before.attempts),
        });
    }

    fn process(&mut self, status: &ProcessStatus, processes: u32) {
        let spacing = MEMORY_EVERY * processes.div_ceil(PROCESSES_AT_ONCE);
        let process = self.processes.entry(status.name.clone()).or_default();
        if let Some(reading) = &status.reading {
            let rare = |last: CoarseInstant| reading.taken.saturating_since(last) >= spacing;
            if process.at.is_none_or(rare) {
                process.at = Some(reading.taken);
                self.recorder.record(MemorySample {
                    at: reading.taken.wall(),
                    process: status.name.to_string(),
                    resident: reading.resident,
                    swap: reading.swap,
                    heap: reading.kinds.heap,
                    external: reading.kinds.external,
                    processes: reading.processes,
                    threads: reading.threads,
                });
            }
        }
        let outline = |verdict: &Verdict| (verdict.pattern.as_str(), verdict.severity.as_str());
        let verdict = status.verdict.as_ref();
        let before = std::mem::replace(&mut process.verdict, verdict.map(outline));
        if let Some(verdict) = verdict.filter(|verdict| before != Some(outline(verdict))) {
            self.recorder.record(VerdictRecord {
                at: SystemTime::now(),
                process: status.name.to_string(),
                pattern: verdict.pattern.as_str(),
                severity: verdict.severity.as_str(),
                confidence: verdict.confidence,
                slope: verdict.slope_bytes_per_second,
                words: verdict.recommendation.clone(),
            });
        }
    }

    fn allocations(&mut self, statements: Vec<(SourceId, BufferKind, Statement)>, at: SystemTime) {
        let mut before = std::mem::take(&mut self.books);
        for (source, kind, Statement { books, .. }) in statements {
            let results = AllocationResult::ALL;
            let outcomes = std::array::from_fn(|n| books.count(results[n]));
            let released = ReleaseReason::ALL
                .iter()
                .map(|reason| books.releases(*reason));
            let now: Booked = (outcomes, released.sum());
            let key = (source, kind);
            let unknown = if self.begins { now } else { Booked::default() };
            let last = before.remove(&key).unwrap_or(unknown);
            // A source that was removed and comes again has new books.
            let last = if last.0[0] > now.0[0] {
                Booked::default()
            } else {
                last
            };
            if now != last {
                self.recorder.record(AllocationRecord {
                    at,
                    source: key.0.to_string(),
                    buffer_type: kind.as_str(),
                    outcomes: std::array::from_fn(|n| now.0[n].saturating_sub(last.0[n])),
                    released: now.1.saturating_sub(last.1),
                });
            }
            self.books.insert(key, now);
        }
    }
}

impl Told {
    fn of(account: &Account) -> Self {
        let (view, tally) = (account.view(), account.tally());
        Self {
            state: Some(view.state),
            time: view.time,
            lost: tally.lost,
            attempts: tally.attempts,
        }
    }
}

/// Whether it is time again; then the next time is later.
fn is_due(last: &mut Option<Instant>, now: Instant, every: Duration) -> bool {
    let due = last.is_none_or(|last| now.saturating_duration_since(last) >= every);
    if due {
        *last = Some(now);
    }
    due
}
