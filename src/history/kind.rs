//! What is kept: one table for each kind of record.

use crate::closed_set::closed_set;

closed_set! {
    /// A kind of record, and the name of its table.
    pub enum Kind {
        /// A source in a stretch of time: how much audio, how loud, what was missing and why.
        Sources => "sources",
        /// What a process held.
        Memory => "memory",
        /// A verdict on a process's memory that differs from the one before.
        Verdicts => "verdicts",
        /// Who used the program's memory most.
        Consumers => "consumers",
        /// A change of an alarm.
        Alarms => "alarms",
        /// What the allocation ledger booked for one buffer.
        Allocations => "allocations",
        /// What somebody made the program do.
        Operations => "operations",
    }
}

/// How a column lies in the file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stored {
    Integer,
    Real,
    Text,
    /// A text of which there are few different ones: its number among the names.
    Word,
    /// A number with a fraction, as so many parts of one: an integer takes fewer bytes.
    Parts(f64),
}

/// How the rows of a step become one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fold {
    Sum,
    Mean,
    Least,
    Greatest,
    RootMeanSquare,
}

/// A column of an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// Its name for people.
    pub(super) name: &'static str,
    /// Its name in the file.
    pub(super) field: &'static str,
    pub(super) stored: Stored,
    /// `None`: not in answers by steps.
    pub(super) fold: Option<Fold>,
    /// Whether it is in the file under this name; else it is made by folding another's field.
    pub(super) own: bool,
}

const fn column(
    name: &'static str,
    field: &'static str,
    stored: Stored,
    fold: Option<Fold>,
) -> Column {
    Column {
        name,
        field,
        stored,
        fold,
        own: true,
    }
}

const fn folded(name: &'static str, field: &'static str, stored: Stored, fold: Fold) -> Column {
    Column {
        name,
        field,
        stored,
        fold: Some(fold),
        own: false,
    }
}

use Fold::{Greatest, Least, Mean, RootMeanSquare, Sum};
use Stored::{Integer, Parts, Real, Text, Word};

const MILLI: Stored = Parts(1e3);
const MICRO: Stored = Parts(1e6);

const SOURCES: &[Column] = &[
    column("state", "state", Word, None),
    column("expected_seconds", "expected", MILLI, Some(Sum)),
    column("audio_seconds", "audio", MILLI, Some(Sum)),
    column("surplus_seconds", "surplus", MILLI, Some(Sum)),
    column("gap_connect_seconds", "gap_connect", MILLI, Some(Sum)),
    column("gap_backoff_seconds", "gap_backoff", MILLI, Some(Sum)),
    column("gap_stall_seconds", "gap_stall", MILLI, Some(Sum)),
    column("gap_loss_seconds", "gap_loss", MILLI, Some(Sum)),
    column("gap_decode_seconds", "gap_decode", MILLI, Some(Sum)),
    column("gap_blocked_seconds", "gap_blocked", MILLI, Some(Sum)),
    column("gap_local_seconds", "gap_local", MILLI, Some(Sum)),
    column("rms_ratio", "rms", MICRO, Some(RootMeanSquare)),
    column("peak_ratio", "peak", MICRO, Some(Greatest)),
    column("lost_packets", "lost", Integer, Some(Sum)),
    column("reconnects", "reconnects", Integer, Some(Sum)),
];

const MEMORY: &[Column] = &[
    column("resident_bytes", "resident", Integer, Some(Mean)),
    folded("resident_least_bytes", "resident", Integer, Least),
    folded("resident_most_bytes", "resident", Integer, Greatest),
    column("swap_bytes", "swap", Integer, Some(Mean)),
    column("heap_bytes", "heap", Integer, Some(Mean)),
    column("external_bytes", "external", Integer, Some(Mean)),
    column("processes", "processes", Integer, Some(Greatest)),
    column("threads", "threads", Integer, Some(Greatest)),
];

const VERDICTS: &[Column] = &[
    column("pattern", "pattern", Word, None),
    column("severity", "severity", Word, None),
    column("confidence", "confidence", MICRO, None),
    column("slope_bytes_per_second", "slope", Real, None),
    column("words", "words", Text, None),
];

const CONSUMERS: &[Column] = &[
    column("category", "category", Word, None),
    column("bytes", "bytes", Integer, Some(Mean)),
    folded("most_bytes", "bytes", Integer, Greatest),
    column("active", "active", Integer, Some(Mean)),
];

const ALARMS: &[Column] = &[
    column("id", "id", Text, None),
    column("alarm", "alarm", Word, None),
    column("severity", "severity", Word, None),
    column("status", "status", Word, None),
    column("value", "value", Real, None),
    column("threshold", "threshold", Real, None),
    column("words", "words", Text, None),
];

const ALLOCATIONS: &[Column] = &[
    column("buffer_type", "buffer_type", Word, None),
    column("attempted", "attempted", Integer, Some(Sum)),
    column("first_allocation", "first_allocation", Integer, Some(Sum)),
    column("repeated_blocked", "repeated_blocked", Integer, Some(Sum)),
    column("error", "error", Integer, Some(Sum)),
    column("released", "released", Integer, Some(Sum)),
];

const OPERATIONS: &[Column] = &[
    column("outcome", "outcome", Word, None),
    column("words", "words", Text, None),
];

impl Kind {
    /// What its records are about, as the column is called.
    pub const fn subject(self) -> &'static str {
        match self {
            Self::Sources | Self::Allocations => "source",
            Self::Memory | Self::Verdicts => "process",
            Self::Consumers => "consumer",
            Self::Alarms => "subject",
            Self::Operations => "operation",
        }
    }

    /// Whether several records can be told as one.
    pub fn can_be_folded(self) -> bool {
        self.columns().iter().any(|column| column.fold.is_some())
    }

    /// What else there is in a row: its name, and whether it is a number.
    pub fn fields(self) -> impl Iterator<Item = (&'static str, bool)> {
        let is_number = |stored| !matches!(stored, Text | Word);
        let columns = self.columns().iter();
        columns.map(move |column| (column.name, is_number(column.stored)))
    }

    pub(super) const fn columns(self) -> &'static [Column] {
        match self {
            Self::Sources => SOURCES,
            Self::Memory => MEMORY,
            Self::Verdicts => VERDICTS,
            Self::Consumers => CONSUMERS,
            Self::Alarms => ALARMS,
            Self::Allocations => ALLOCATIONS,
            Self::Operations => OPERATIONS,
        }
    }

    /// The columns that lie in the file, in the order in which a record gives them.
    pub(super) fn stored(self) -> impl Iterator<Item = &'static Column> {
        self.columns().iter().filter(|column| column.own)
    }
}
