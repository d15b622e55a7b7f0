//! The account of one source: what it is doing, where its time went, what came in.
//!
//! The supervisor and the pipeline write it, a scrape and the snapshot read it. Each
//! change of state is logged in the same place where it is counted, so that log and
//! metrics cannot disagree.

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
    TimeSums,
};
use crate::{id::SourceId, net::Traffic, units::AudioFormat};

/// The live account of one source.
#[derive(Debug)]
pub struct Account {
    id: SourceId,
    kind: SourceKind,
    story: Mutex<Story>,
    traffic: Arc<Traffic>,
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

/// What the source sends, where known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamInfo {
    /// The codec's name in lower case, such as `aac` or `pcmu`.
    pub codec: Option<String>,
    /// The decoded shape.
    pub format: Option<AudioFormat>,
    /// How the audio travels: `tcp`, `file` or `pipe`.
    pub transport: Option<&'static str>,
}

/// What changes together.
#[derive(Debug)]
struct Story {
    state: State,
    since: Instant,
    problem: Option<String>,
    time: TimeLedger,
    info: StreamInfo,
    expect: Expectation,
    last_audio: Option<SystemTime>,
    next_attempt: Option<SystemTime>,
}

/// An account as read at one moment.
#[derive(Clone, Debug)]
pub struct AccountView {
    /// What the source is doing.
    pub state: State,
    /// For how long.
    pub since: Duration,
    /// What is wrong and what to do; free of secrets.
    pub problem: Option<String>,
    /// Where the time went.
    pub time: TimeSums,
    /// What the source sends.
    pub info: StreamInfo,
    /// What the operator expects.
    pub expect: Expectation,
    /// When audio last arrived.
    pub last_audio: Option<SystemTime>,
    /// When the next attempt is due, while one is waited for.
    pub next_attempt: Option<SystemTime>,
}

impl Account {
    /// An account that begins now, in state `disabled`.
    pub fn new(id: SourceId, kind: SourceKind) -> Self {
        let now = Instant::now();
        let story = Story {
            state: State::Disabled,
            since: now,
            problem: None,
            time: TimeLedger::new(now),
            info: StreamInfo::default(),
            expect: Expectation::default(),
            last_audio: None,
            next_attempt: None,
        };
        Self {
            id,
            kind,
            story: Mutex::new(story),
            traffic: Arc::default(),
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
            problem: story.problem.clone(),
            time: story.time.sums(now),
            info: story.info.clone(),
            expect: story.expect.clone(),
            last_audio: story.last_audio,
            next_attempt: story.next_attempt,
        }
    }

    /// Takes over what the operator expects.
    pub fn expect(&self, expect: Expectation) {
        self.lock().expect = expect;
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
        let now = Instant::now();
        let mut story = self.lock();
        story.time.enter(now, phase);
        story.change(&self.id, state, now);
    }

    /// Nothing is there to read yet; `problem` tells the owner what is waited for.
    pub fn waiting(&self, problem: &str) {
        self.enter(State::Waiting);
        let mut story = self.lock();
        if story.problem.as_deref() != Some(problem) {
            tracing::info!(source = %self.id, "waiting: {problem}");
            story.problem = Some(problem.to_owned());
        }
    }

    /// Our own fault keeps the source from running: the state stays `backing_off`.
    pub fn enter_local_fault(&self, problem: String) {
        let now = Instant::now();
        let mut story = self.lock();
        story.time.enter(now, Phase::Gap(GapCause::Local));
        story.problem = Some(problem);
        story.change(&self.id, State::BackingOff, now);
    }

    /// Counts an attempt to open a session.
    pub fn attempt(&self) {
        self.counts.attempts.fetch_add(1, Relaxed);
        self.lock().next_attempt = None;
    }

    /// Counts an attempt that failed. `problem` tells the owner what is wrong and what to
    /// do, without secrets.
    pub fn failed(&self, reason: FailureReason, problem: String) {
        self.counts.failures[reason.index()].fetch_add(1, Relaxed);
        tracing::warn!(source = %self.id, reason = reason.as_str(), "cannot open: {problem}");
        self.lock().problem = Some(problem);
    }

    /// A session is open; its audio is still to come.
    pub fn joined(&self, codec: Option<String>, transport: &'static str) {
        let mut story = self.lock();
        story.time.enter(Instant::now(), Phase::Joining);
        story.info = StreamInfo {
            codec,
            format: None,
            transport: Some(transport),
        };
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
        let info = story.info.clone();
        drop(story);
        let codec = info.codec.as_deref().unwrap_or("unknown");
        tracing::info!(source = %self.id, codec, "audio is {format}");
    }

    /// Counts decoded audio that has just arrived; the state is `streaming` from here on.
    pub fn audio(&self, duration: Duration) {
        let now = Instant::now();
        let mut story = self.lock();
        story.time.audio(now, duration);
        story.last_audio = Some(SystemTime::now());
        if story.state != State::Streaming {
            story.problem = None;
            story.change(&self.id, State::Streaming, now);
        }
    }

    /// Counts packets lost on the way, which would have held `duration` of audio.
    pub fn lost(&self, packets: u64, duration: Duration) {
        self.counts.lost_packets.fetch_add(packets, Relaxed);
        self.counts.discontinuities.fetch_add(1, Relaxed);
        self.lock()
            .time
            .missing(Instant::now(), GapCause::Loss, duration);
    }

    /// Counts a packet that could not be decoded.
    pub fn undecodable(&self, duration: Duration) {
        self.counts.decode_errors.fetch_add(1, Relaxed);
        self.counts.discontinuities.fetch_add(1, Relaxed);
        self.lock()
            .time
            .missing(Instant::now(), GapCause::Decode, duration);
    }

    /// Counts the end of a session that was open.
    pub fn disconnected(&self, reason: DisconnectReason, problem: Option<String>) {
        self.counts.disconnects[reason.index()].fetch_add(1, Relaxed);
        self.counts.discontinuities.fetch_add(1, Relaxed);
        let text = problem.as_deref().unwrap_or("the session ended");
        tracing::info!(source = %self.id, reason = reason.as_str(), "disconnected: {text}");
        self.lock().problem = problem;
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
    fn change(&mut self, id: &SourceId, state: State, now: Instant) {
        if self.state == state {
            return;
        }
        let before = std::mem::replace(&mut self.state, state);
        self.since = now;
        tracing::info!(source = %id, from = before.as_str(), to = state.as_str(), "state");
    }
}

impl AccountView {
    /// Whether the source sends something else than expected, per aspect.
    pub fn mismatches(&self) -> [(&'static str, bool); 3] {
        fn differs<T: PartialEq>(expected: Option<&T>, seen: Option<&T>) -> bool {
            matches!((expected, seen), (Some(expected), Some(seen)) if expected != seen)
        }
        let format = self.info.format;
        let rate = format.map(|format| format.sample_rate);
        let channels = format.map(|format| format.channels);
        [
            (
                "codec",
                differs(self.expect.codec.as_ref(), self.info.codec.as_ref()),
            ),
            (
                "sample_rate",
                differs(self.expect.sample_rate.as_ref(), rate.as_ref()),
            ),
            (
                "channels",
                differs(self.expect.channels.as_ref(), channels.as_ref()),
            ),
        ]
    }
}
