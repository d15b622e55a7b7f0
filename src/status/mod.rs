//! The one picture of everything that the API, the page and alarms read.

mod complaints;
mod coverage;
mod metrics;
mod overall;
mod recent;
mod take;

pub use complaints::Complaints;
pub use coverage::{Coverage, Covered};
pub use metrics::Vitals;
pub use overall::{About, LATE_AFTER, Level, Overall, Reason, STALE_AFTER, in_words};
pub use recent::{POINTS, Point, Recent, RecentOfSource, STEP, Series};
pub use take::{Subjects, take};

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{
    buffers::AllocationAnomaly,
    history::HistoryStatus,
    id::SourceId,
    memory::ProcessStatus,
    objects, signal,
    sources::{Expectation, GapCause, SourceKind, State},
    units::{AudioFormat, ByteSize},
};

/// The state of the whole program at one moment, published by the capture runtime once a
/// second. Its age is the health of the capture side.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When it was taken, on the clock that measures its age.
    pub taken: tokio::time::Instant,
    /// When it was taken, for people.
    pub taken_wall: SystemTime,
    /// Every configured source, in order of their names.
    pub sources: Vec<SourceStatus>,
    /// Bytes of the memory budget in use, and its size.
    pub budget: (ByteSize, ByteSize),
    /// This process and every watched one as last read, in order of their names.
    pub memory: Vec<Arc<ProcessStatus>>,
    /// Every tracked object, the program's own first.
    pub objects: Vec<objects::Status>,
    /// How the history fares.
    pub history: HistoryStatus,
    /// The program itself.
    pub program: ProgramStatus,
}

impl Snapshot {
    /// A picture of these sources, taken now, in which there is nothing else.
    pub fn of(sources: Vec<SourceStatus>) -> Self {
        Self {
            taken: tokio::time::Instant::now(),
            taken_wall: SystemTime::now(),
            sources,
            budget: (ByteSize(0), ByteSize(0)),
            memory: Vec::new(),
            objects: Vec::new(),
            history: HistoryStatus::default(),
            program: ProgramStatus::default(),
        }
    }
}

/// What the program knows about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProgramStatus {
    /// Whether the last load of the configuration found mistakes.
    pub reload_failed: bool,
    /// Tasks that panicked; anything but 0 is a bug.
    pub panics: u64,
    /// Since when nobody reads the memory of processes, when that is overdue.
    pub memory_overdue: Option<Duration>,
}

/// One source in a [`Snapshot`].
#[derive(Clone, Debug)]
pub struct SourceStatus {
    /// The configured name.
    pub id: SourceId,
    /// What kind of source it is.
    pub kind: SourceKind,
    /// What it is doing.
    pub state: State,
    /// How long it has been doing that.
    pub since: Duration,
    /// When audio last came.
    pub last_audio: Option<SystemTime>,
    /// How long none has come, since then or since it has been expected; `None` while none is.
    pub without_audio: Option<Duration>,
    /// What is wrong and what to do, in words for its owner; free of secrets. Also of audio
    /// that flows, but is not as it should be.
    pub problem: Option<String>,
    /// The codec's name, where known.
    pub codec: Option<String>,
    /// The decoded shape, where known.
    pub format: Option<AudioFormat>,
    /// Seconds of audio received, and seconds it should have been.
    pub audio_seconds: f64,
    /// Wall-clock seconds while the source was not ended or disabled.
    pub expected_seconds: f64,
    /// Seconds of audio in the capture buffer, and how many it can hold.
    pub buffered: (Duration, Duration),
    /// What the audio is like; `None` while none flows.
    pub signal: Option<signal::View>,
    /// The recent past of its buffers.
    pub recent: RecentOfSource,
    /// Whether it keeps asking for a buffer that it has or cannot have.
    pub allocation_anomaly: Option<AllocationAnomaly>,
    /// In which respects it sends something else than expected: `codec`, `sample_rate`,
    /// `channels`.
    pub mismatches: Vec<&'static str>,
    /// How far its slowest reader is behind, as a share of that reader's buffer; `None` without a
    /// buffer, and in a build without statistics.
    pub reader_lag: Option<f64>,
    /// The rest of its account.
    pub detail: SourceDetail,
}

impl SourceStatus {
    /// A source of which nothing else is known yet.
    pub fn new(id: SourceId, kind: SourceKind, state: State) -> Self {
        Self {
            id,
            kind,
            state,
            since: Duration::ZERO,
            last_audio: None,
            without_audio: None,
            problem: None,
            codec: None,
            format: None,
            audio_seconds: 0.0,
            expected_seconds: 0.0,
            buffered: (Duration::ZERO, Duration::ZERO),
            signal: None,
            recent: RecentOfSource::default(),
            allocation_anomaly: None,
            mismatches: Vec::new(),
            reader_lag: None,
            detail: SourceDetail::default(),
        }
    }
}

/// What one wants to know of a source at a second glance.
#[derive(Clone, Debug, Default)]
pub struct SourceDetail {
    /// How much of the audio that was due has come lately.
    pub coverage: Coverage,
    /// Seconds of missing audio by cause, in the order of [`GapCause::ALL`].
    pub gap_seconds: [f64; GapCause::COUNT],
    /// What the operator expects it to send.
    pub expect: Expectation,
    /// How the audio travels: `tcp`, `udp`, `http` and the like.
    pub transport: Option<&'static str>,
    /// Attempts to open a session.
    pub attempts: u64,
    /// Open sessions that ended, for whatever reason.
    pub disconnects: u64,
    /// When the next attempt is due, while one is waited for.
    pub next_attempt: Option<SystemTime>,
}
