//! The account of one source: what it is doing, where its time went, what came in.
//!
//! The supervisor and the pipeline write it, a scrape and the snapshot read it. Each
//! change of state goes to the journal in the same place where it is counted, so that log
//! and metrics cannot disagree.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

use super::{
    DisconnectReason, Expectation, FailureReason, GapCause, Phase, SourceKind, State, TimeLedger,
    clock::ClockReading,
    journal::Journal,
    view::{AccountView, StreamInfo},
};
use crate::{id::SourceId, net::Traffic, units::AudioFormat};

/// The live account of one source.
#[derive(Debug)]
pub struct Account {
    id: SourceId,
    kind: SourceKind,
    story: Mutex<Story>,
    traffic: Arc<Traffic>,
    pub(super) clock: ClockReading,
    pub(super) counts: Counts,
}

/// Event counters; each only grows.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) attempts: AtomicU64,
    pub(super) failures: [AtomicU64; FailureReason::COUNT],
    pub(super) disconnects: [AtomicU64; DisconnectReason::COUNT],
    pub(super) lost_packets: AtomicU64,
    pub(super) decode_errors: AtomicU64,
    pub(super) discontinuities: AtomicU64,
}

/// What changes together.
#[derive(Debug)]
struct Story {
    journal: Journal,
    state: State,
    since: Instant,
    /// When audio last came, or when it was first expected after a rest.
    without_since: Instant,
    problem: Option<String>,
    /// Why the audio of the session is not measured.
    unmeasured: Option<String>,
    time: TimeLedger,
    info: StreamInfo,
    expect: Expectation,
    first_audio: Option<Instant>,
    last_audio: Option<SystemTime>,
    next_attempt: Option<SystemTime>,
    session_open: bool,
}

impl Account {
    /// An account that begins now, in state `disabled`.
    pub fn new(id: SourceId, kind: SourceKind) -> Self {
        let journal = Journal::new(id.clone(), false);
        Self::with_journal(id, kind, journal)
    }

    /// The same for a probe, whose story is a detail in the log.
    pub fn of_probe(id: SourceId, kind: SourceKind) -> Self {
        let journal = Journal::new(id.clone(), true);
        Self::with_journal(id, kind, journal)
    }

    fn with_journal(id: SourceId, kind: SourceKind, journal: Journal) -> Self {
        let now = Instant::now();
        let story = Story {
            journal,
            state: State::Disabled,
            since: now,
            without_since: now,
            problem: None,
            unmeasured: None,
            time: TimeLedger::new(now),
            info: StreamInfo::default(),
            expect: Expectation::default(),
            first_audio: None,
            last_audio: None,
            next_attempt: None,
            session_open: false,
        };
        Self {
            id,
            kind,
            story: Mutex::new(story),
            traffic: Arc::default(),
            clock: ClockReading::default(),
            counts: Counts::default(),
        }
    }

    /// The source's name.
    pub fn id(&self) -> &SourceId {
        &self.id
    }

    /// What kind of source it is.
    pub fn kind(&self) -> SourceKind {
        self.kind
    }

    /// Where bytes and packets off the wire are counted.
    pub fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// Reads the account.
    pub fn view(&self) -> AccountView {
        let now = Instant::now();
        let story = self.lock();
        AccountView {
            state: story.state,
            since: now.saturating_duration_since(story.since),
            without_audio: (story.time.phase() != Phase::Idle).then(|| story.without_audio(now)),
            problem: story
                .problem
                .as_ref()
                .or(story.unmeasured.as_ref())
                .cloned(),
            time: story.time.sums(now),
            info: story.info.clone(),
            expect: story.expect.clone(),
            first_audio: story.first_audio,
            last_audio: story.last_audio,
            next_attempt: story.next_attempt,
            attempts: self.counts.attempts.load(Relaxed),
            disconnects: self
                .counts
                .disconnects
                .iter()
                .map(|n| n.load(Relaxed))
                .sum(),
        }
    }

    /// Takes over what the operator expects.
    pub fn expect(&self, expect: Expectation) {
        self.lock().expect = expect;
    }

    /// What the source is doing.
    pub fn state(&self) -> State {
        self.lock().state
    }

    /// For how long audio has flowed: a burst counts for no more than the time it took.
    pub fn flowed(&self) -> Duration {
        let sums = self.lock().time.sums(Instant::now());
        sums.audio.saturating_sub(sums.surplus)
    }

    /// Changes the state, and with it what time is spent on.
    pub fn enter(&self, state: State) {
        let phase = match state {
            State::Ended | State::Disabled => Phase::Idle,
            State::Connecting | State::Waiting => Phase::Gap(GapCause::Connect),
            State::Streaming => Phase::Flowing,
            State::Stalled => Phase::Gap(GapCause::Stall),
            State::BackingOff => Phase::Gap(GapCause::Backoff),
            State::Unauthorized | State::Unsupported | State::NoAudioTrack | State::OverBudget => {
                Phase::Gap(GapCause::Blocked)
            }
        };
        self.change(state, phase);
    }

    /// Backs off because of a fault of our own.
    pub fn enter_local_fault(&self) {
        self.change(State::BackingOff, Phase::Gap(GapCause::Local));
    }

    fn change(&self, state: State, phase: Phase) {
        let now = Instant::now();
        let mut story = self.lock();
        if story.time.phase() == Phase::Idle && phase != Phase::Idle {
            story.without_since = now;
        }
        story.time.enter(now, phase);
        if phase == Phase::Idle {
            // A source that rests has no problem and tries nothing.
            story.problem = None;
            story.next_attempt = None;
        }
        story.change(state, now);
    }

    /// Nothing is there to read yet; `problem` tells the owner what is waited for.
    pub fn waiting(&self, problem: &str) {
        self.enter(State::Waiting);
        let mut story = self.lock();
        if story.problem.as_deref() != Some(problem) {
            story.journal.waiting(problem);
            story.problem = Some(problem.to_owned());
        }
    }

    /// The session is open, but no audio comes; `problem` tells the owner what to do.
    pub fn stalled(&self, problem: &str) {
        self.enter(State::Stalled);
        let mut story = self.lock();
        story.journal.stalled(problem);
        story.problem = Some(problem.to_owned());
    }

    /// What feeds the source has ended for good, and should not have.
    pub fn died(&self, problem: &str) {
        self.enter(State::Ended);
        let mut story = self.lock();
        story.journal.died(problem);
        story.problem = Some(problem.to_owned());
    }

    /// Counts an attempt to open a session.
    pub fn attempt(&self) {
        self.counts.attempts.fetch_add(1, Relaxed);
        let mut story = self.lock();
        story.next_attempt = None;
        story.journal.attempt();
    }

    /// Counts an attempt that failed. `problem` tells the owner what is wrong and what to
    /// do, without secrets.
    pub fn failed(&self, reason: FailureReason, problem: &str) {
        self.counts.failures[reason.index()].fetch_add(1, Relaxed);
        let mut story = self.lock();
        let without = story.without_audio(Instant::now());
        story.journal.failed(reason, problem, without);
        story.problem = Some(problem.to_owned());
    }

    /// A session is open; its audio is still to come.
    pub fn joined(&self, codec: Option<String>, transport: &'static str) {
        let mut story = self.lock();
        story.time.enter(Instant::now(), Phase::Joining);
        story.session_open = true;
        story.info = StreamInfo {
            codec,
            format: None,
            transport: Some(transport),
        };
    }

    /// The codec turned out to be this one, or a looped file began again with it; the
    /// session goes on.
    pub fn named_codec(&self, codec: &str) {
        self.lock().info.codec = Some(codec.to_owned());
    }

    /// Counts packets lost on the way that would not have been decoded anyway.
    pub fn missed_packets(&self, packets: u64) {
        self.counts.lost_packets.fetch_add(packets, Relaxed);
    }

    /// The codec of a stream that cannot be used.
    pub fn refused_codec(&self, codec: String) {
        self.lock().info = StreamInfo {
            codec: Some(codec),
            ..StreamInfo::default()
        };
    }

    /// The shape of the decoded audio is known.
    pub fn format(&self, format: AudioFormat) {
        let mut story = self.lock();
        story.info.format = Some(format);
        let Story { journal, info, .. } = &mut *story;
        journal.format(info.codec.as_deref().unwrap_or("unknown"), format);
    }

    /// The session's audio is kept, but cannot be measured for this reason, which is its
    /// problem unless it has a worse one. `None`: it is measured.
    pub fn unmeasured(&self, problem: Option<String>) {
        let mut story = self.lock();
        let before = std::mem::replace(&mut story.unmeasured, problem.clone());
        drop(story);
        match problem {
            Some(problem) if before.is_none() => tracing::warn!(source = %self.id, "{problem}"),
            None if before.is_some() => tracing::info!(source = %self.id, "measured again"),
            _ => {}
        }
    }

    /// Counts decoded audio that has just arrived; the state is `streaming` from here on.
    pub fn audio(&self, duration: Duration) {
        let now = Instant::now();
        let mut story = self.lock();
        story.time.audio(now, duration);
        story.first_audio.get_or_insert(now);
        story.last_audio = Some(SystemTime::now());
        if story.change(State::Streaming, now) {
            story.problem = None;
        }
        story.without_since = now;
    }

    /// Counts packets lost on the way, which would have held `duration` of audio.
    pub fn lost(&self, packets: u64, duration: Duration) {
        self.counts.lost_packets.fetch_add(packets, Relaxed);
        self.counts.discontinuities.fetch_add(1, Relaxed);
        self.lock()
            .time
            .missing(Instant::now(), GapCause::Loss, duration);
    }

    /// Counts a jump of the source's media time: what follows is not the continuation of
    /// what was before.
    pub fn jumped(&self) {
        self.counts.discontinuities.fetch_add(1, Relaxed);
    }

    /// Counts a block that was decoded to what can never have been recorded. The audio is
    /// there, but it does not join.
    pub fn damaged(&self) {
        self.counts.discontinuities.fetch_add(1, Relaxed);
    }

    /// Counts a packet that could not be decoded and would have held `duration` of audio;
    /// `None` when nothing has been decoded yet to tell by.
    pub fn undecodable(&self, duration: Option<Duration>) {
        self.counts.decode_errors.fetch_add(1, Relaxed);
        self.counts.discontinuities.fetch_add(1, Relaxed);
        // No packet holds more than the time that has passed, so all of that may be meant.
        let duration = duration.unwrap_or(Duration::MAX);
        self.lock()
            .time
            .missing(Instant::now(), GapCause::Decode, duration);
    }

    /// Counts audio that came in, but that we were too slow to take: how much, and in how
    /// many places.
    pub fn too_slow(&self, duration: Duration, breaks: u64) {
        self.counts.discontinuities.fetch_add(breaks, Relaxed);
        self.lock()
            .time
            .missing(Instant::now(), GapCause::Local, duration);
    }

    /// Counts the end of a session that was open; nothing if none is.
    pub fn disconnected(&self, reason: DisconnectReason, problem: Option<&str>) {
        let mut story = self.lock();
        if !std::mem::take(&mut story.session_open) {
            return;
        }
        self.counts.disconnects[reason.index()].fetch_add(1, Relaxed);
        self.counts.discontinuities.fetch_add(1, Relaxed);
        let without = story.without_audio(Instant::now());
        story.journal.disconnected(reason, problem, without);
        story.problem = problem.map(str::to_owned);
        story.unmeasured = None;
    }

    /// Announces when the next attempt is due.
    pub fn next_attempt_in(&self, delay: Duration) {
        self.lock().next_attempt = SystemTime::now().checked_add(delay);
    }

    fn lock(&self) -> MutexGuard<'_, Story> {
        // Every change below the lock is complete in itself.
        self.story.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Story {
    /// Changes the state; whether it was another.
    fn change(&mut self, state: State, now: Instant) -> bool {
        if self.state == state {
            return false;
        }
        self.since = now;
        let before = std::mem::replace(&mut self.state, state);
        let without = self.without_audio(now);
        self.journal.state(before, state, without);
        true
    }

    fn without_audio(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.without_since)
    }
}
