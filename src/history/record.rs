//! What is handed over to be kept.

use std::time::{Duration, SystemTime};

use super::{Cell, Kind};

/// One row to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub(super) kind: Kind,
    pub(super) at: SystemTime,
    pub(super) subject: String,
    /// One for each stored column of its kind.
    pub(super) cells: Vec<Cell>,
}

/// A source since its record before this one. Figures are differences, so that they can be
/// added up over any time and a restart of the program is not in them.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceSample {
    /// The end of the stretch.
    pub at: SystemTime,
    /// The source's name.
    pub source: String,
    /// What it was doing at the end.
    pub state: &'static str,
    /// Time in which audio was expected.
    pub expected: Duration,
    /// Audio received.
    pub audio: Duration,
    /// Audio that came faster than the clock runs.
    pub surplus: Duration,
    /// Audio missing: connect, backoff, stall, loss, decode, blocked, local.
    pub gaps: [Duration; 7],
    /// Level at the end: root mean square, full scale 1.
    pub rms: Option<f64>,
    /// Largest magnitude of the last minute, full scale 1.
    pub peak: Option<f64>,
    /// RTP packets lost.
    pub lost: u64,
    /// Sessions that were opened, or tried to be.
    pub reconnects: u64,
}

/// What a process held at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct MemorySample {
    /// When it was read.
    pub at: SystemTime,
    /// Its configured name, or `self`.
    pub process: String,
    /// Bytes in RAM.
    pub resident: u64,
    /// Bytes swapped out.
    pub swap: Option<u64>,
    /// Bytes of its heap.
    pub heap: Option<u64>,
    /// Bytes that are neither heap nor audio buffers.
    pub external: Option<u64>,
    /// How many processes that were.
    pub processes: u32,
    /// Threads of the operating system.
    pub threads: u64,
}

/// A verdict that differs from the one before.
#[derive(Clone, Debug, PartialEq)]
pub struct VerdictRecord {
    /// When it was reached.
    pub at: SystemTime,
    /// Its configured name, or `self`.
    pub process: String,
    /// How its memory behaves.
    pub pattern: &'static str,
    /// How soon a person should look.
    pub severity: &'static str,
    /// 0 to 1.
    pub confidence: f64,
    /// Bytes per second.
    pub slope: f64,
    /// What a person should do.
    pub words: String,
}

/// One of those who use the program's memory most, at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct ConsumerSample {
    /// When.
    pub at: SystemTime,
    /// Its name, such as a source's.
    pub consumer: String,
    /// What it uses memory for.
    pub category: &'static str,
    /// What it holds, in bytes.
    pub bytes: u64,
    /// How many uses are active.
    pub active: u64,
}

/// A change of an alarm.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmRecord {
    /// The alarm's stable id.
    pub id: String,
    /// Which alarm.
    pub alarm: String,
    /// The source or process it is about.
    pub subject: String,
    /// How bad it is.
    pub severity: String,
    /// What has become of it: firing, acknowledged, resolved or the like.
    pub status: String,
    /// When that was.
    pub at: SystemTime,
    /// What was measured.
    pub value: Option<f64>,
    /// What it was measured against.
    pub threshold: Option<f64>,
    /// In words for the owner; free of secrets.
    pub words: String,
}

/// What the ledger booked for one buffer since its record before this one.
#[derive(Clone, Debug, PartialEq)]
pub struct AllocationRecord {
    /// The end of the stretch.
    pub at: SystemTime,
    /// Whose buffer.
    pub source: String,
    /// Which of its buffers.
    pub buffer_type: &'static str,
    /// Attempts: attempted, first allocation, repeated and blocked, error.
    pub outcomes: [u64; 4],
    /// Releases, whatever the reason.
    pub released: u64,
}

/// What somebody made the program do.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// When it was done.
    pub at: SystemTime,
    /// What: `reload`, `acknowledge` or the like.
    pub operation: &'static str,
    /// `done` or `refused`.
    pub outcome: &'static str,
    /// What came of it; free of secrets.
    pub words: String,
}

impl From<SourceSample> for Record {
    fn from(sample: SourceSample) -> Self {
        let seconds = |duration: Duration| Cell::Real(duration.as_secs_f64());
        let mut cells = vec![
            Cell::Text(sample.state.to_owned()),
            seconds(sample.expected),
            seconds(sample.audio),
            seconds(sample.surplus),
        ];
        cells.extend(sample.gaps.map(seconds));
        cells.extend([
            real(sample.rms),
            real(sample.peak),
            whole(Some(sample.lost)),
            whole(Some(sample.reconnects)),
        ]);
        Self {
            kind: Kind::Sources,
            at: sample.at,
            subject: sample.source,
            cells,
        }
    }
}

impl From<MemorySample> for Record {
    fn from(sample: MemorySample) -> Self {
        Self {
            kind: Kind::Memory,
            at: sample.at,
            subject: sample.process,
            cells: vec![
                whole(Some(sample.resident)),
                whole(sample.swap),
                whole(sample.heap),
                whole(sample.external),
                whole(Some(u64::from(sample.processes))),
                whole(Some(sample.threads)),
            ],
        }
    }
}

impl From<VerdictRecord> for Record {
    fn from(verdict: VerdictRecord) -> Self {
        Self {
            kind: Kind::Verdicts,
            at: verdict.at,
            subject: verdict.process,
            cells: vec![
                Cell::Text(verdict.pattern.to_owned()),
                Cell::Text(verdict.severity.to_owned()),
                Cell::Real(verdict.confidence),
                Cell::Real(verdict.slope),
                text(verdict.words),
            ],
        }
    }
}

impl From<ConsumerSample> for Record {
    fn from(sample: ConsumerSample) -> Self {
        Self {
            kind: Kind::Consumers,
            at: sample.at,
            subject: sample.consumer,
            cells: vec![
                Cell::Text(sample.category.to_owned()),
                whole(Some(sample.bytes)),
                whole(Some(sample.active)),
            ],
        }
    }
}

impl From<AlarmRecord> for Record {
    fn from(alarm: AlarmRecord) -> Self {
        Self {
            kind: Kind::Alarms,
            at: alarm.at,
            subject: alarm.subject,
            cells: vec![
                text(alarm.id),
                text(alarm.alarm),
                text(alarm.severity),
                text(alarm.status),
                real(alarm.value),
                real(alarm.threshold),
                text(alarm.words),
            ],
        }
    }
}

impl From<AllocationRecord> for Record {
    fn from(record: AllocationRecord) -> Self {
        let mut cells = vec![Cell::Text(record.buffer_type.to_owned())];
        cells.extend(record.outcomes.map(|count| whole(Some(count))));
        cells.push(whole(Some(record.released)));
        Self {
            kind: Kind::Allocations,
            at: record.at,
            subject: record.source,
            cells,
        }
    }
}

impl From<Operation> for Record {
    fn from(operation: Operation) -> Self {
        Self {
            kind: Kind::Operations,
            at: operation.at,
            subject: operation.operation.to_owned(),
            cells: vec![
                Cell::Text(operation.outcome.to_owned()),
                text(operation.words),
            ],
        }
    }
}

fn whole(value: Option<u64>) -> Cell {
    value.map_or(Cell::Null, |value| {
        Cell::Integer(i64::try_from(value).unwrap_or(i64::MAX))
    })
}

fn real(value: Option<f64>) -> Cell {
    value
        .filter(|value| value.is_finite())
        .map_or(Cell::Null, Cell::Real)
}

/// A text of at most [`LONGEST_TEXT`] bytes: words come from outside too, and one row must not
/// fill the file.
fn text(mut text: String) -> Cell {
    const LONGEST_TEXT: usize = 1_024;
    let mut end = text.len().min(LONGEST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    Cell::Text(text)
}
