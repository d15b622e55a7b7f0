//! The buffers at `/metrics`.

use std::fmt;

use super::{
    account::{Statement, Timings, WriteStatus},
    allocation::Buffers,
    cursors::{ReadStatus, ReaderKind},
    error::ErrorType,
    kind::BufferKind,
    ledger::{AllocationResult, ReleaseReason},
    switch::STATISTICS,
};
use crate::{
    id::SourceId,
    metrics::{Expose, Exposition, Family, Histogram, Value},
};

const SOURCE: &[&str] = &["buffer_type", "source"];
const STATUS: &[&str] = &["buffer_type", "source", "status"];

static ATTEMPTS: Family = Family::counter(
    "myaudio_buffer_allocation_attempts_total",
    "Buffer allocation attempts; attempted is the sum of the other results",
    &["buffer_type", "source", "result"],
);
static SIZES: Family = Family::histogram(
    "myaudio_buffer_allocation_size_bytes",
    "Requested size of every buffer allocation attempt",
    SOURCE,
);
static ERRORS: Family = Family::counter(
    "myaudio_buffer_allocation_errors_total",
    "Buffer allocation attempts that failed",
    &["buffer_type", "source", "error_type"],
);
static RELEASES: Family = Family::counter(
    "myaudio_buffer_releases_total",
    "Live buffers given up",
    &["buffer_type", "source", "reason"],
);
static CAPACITY: Family = Family::gauge(
    "myaudio_buffer_capacity_bytes",
    "Audio the live buffer can hold",
    SOURCE,
);
static SIZE: Family = Family::gauge(
    "myaudio_buffer_size_bytes",
    "Audio the live buffer holds",
    SOURCE,
);
static UTILIZATION: Family = Family::gauge(
    "myaudio_buffer_utilization_ratio",
    "Lag of the slowest attached reader as a part of the capacity, 0 without readers",
    SOURCE,
);
static READERS: Family = Family::gauge(
    "myaudio_buffer_active_readers",
    "Attached readers, those that finish a retired buffer included",
    SOURCE,
);
static LAG: Family = Family::gauge(
    "myaudio_buffer_reader_lag_seconds",
    "How far the slowest reader of its kind is behind the newest audio",
    &["buffer_type", "source", "reader"],
);
static WRITES: Family = Family::counter("myaudio_buffer_writes_total", "Writes", STATUS);
static WRITE_BYTES: Family =
    Family::counter("myaudio_buffer_write_bytes_total", "Audio written", SOURCE);
static READS: Family = Family::counter(
    "myaudio_buffer_reads_total",
    "Reads that brought audio or found that some had been overwritten (status missed)",
    STATUS,
);
static READ_BYTES: Family = Family::counter(
    "myaudio_buffer_read_bytes_total",
    "Audio read, summed over readers",
    SOURCE,
);
static WRAPAROUNDS: Family = Family::counter(
    "myaudio_buffer_wraparounds_total",
    "Times the write position returned to the start of the buffer",
    SOURCE,
);
static OVERFLOWS: Family = Family::counter(
    "myaudio_buffer_overflows_total",
    "Writes that overwrote audio an attached reader had not read",
    SOURCE,
);
static DROPPED: Family = Family::counter(
    "myaudio_buffer_dropped_bytes_total",
    "Audio overwritten before an attached reader read it, summed over readers",
    SOURCE,
);
static WRITE_DURATION: Family = Family::histogram(
    "myaudio_buffer_write_duration_seconds",
    "Duration of a write, one in 64 measured",
    &["buffer_type"],
);
static READ_DURATION: Family = Family::histogram(
    "myaudio_buffer_read_duration_seconds",
    "Duration of a read, one in 64 of each reader measured",
    &["buffer_type"],
);
static BUDGET: Family = Family::gauge(
    "audio_capture_exporter_memory_budget_bytes",
    "What all buffers together may take",
    &[],
);
static BUDGET_USED: Family = Family::gauge(
    "audio_capture_exporter_memory_budget_used_bytes",
    "What all buffers take, retired ones that somebody still reads included",
    &[],
);

type Rows = [(SourceId, BufferKind, Statement)];

impl Expose for Buffers {
    fn families(&self) -> &'static [&'static Family] {
        static ALL: [&Family; 20] = [
            &ATTEMPTS,
            &SIZES,
            &ERRORS,
            &RELEASES,
            &CAPACITY,
            &SIZE,
            &UTILIZATION,
            &READERS,
            &LAG,
            &WRITE_BYTES,
            &WRAPAROUNDS,
            &BUDGET,
            &BUDGET_USED,
            // Counted only where statistics are kept.
            &WRITES,
            &READS,
            &READ_BYTES,
            &OVERFLOWS,
            &DROPPED,
            &WRITE_DURATION,
            &READ_DURATION,
        ];
        &ALL[..if STATISTICS { ALL.len() } else { 13 }]
    }

    fn expose(&self, out: &mut Exposition<'_>) -> fmt::Result {
        // One look at each source, so that its series fit together.
        let rows = &self.statements()[..];

        split(
            out,
            &ATTEMPTS,
            rows,
            AllocationResult::ALL,
            |row, result| (result.as_str(), row.books.count(result).into()),
        )?;
        out.family(&SIZES, |series| {
            rows.iter().try_for_each(|(source, kind, row)| {
                series.histogram(&[kind.as_str(), source.as_str()], &row.books.sizes())
            })
        })?;
        out.family(&ERRORS, |series| {
            for (source, kind, row) in rows {
                for error in ErrorType::ALL {
                    let count = row.books.errors(*error);
                    if count > 0 || expected(*kind, *error) {
                        series.sample(&[kind.as_str(), source.as_str(), error.as_str()], count)?;
                    }
                }
            }
            Ok(())
        })?;
        split(out, &RELEASES, rows, ReleaseReason::ALL, |row, reason| {
            (reason.as_str(), row.books.releases(reason).into())
        })?;

        single(out, &CAPACITY, rows, |row| row.levels.capacity_bytes)?;
        single(out, &SIZE, rows, |row| row.levels.size_bytes)?;
        single(out, &UTILIZATION, rows, |row| row.levels.utilization)?;
        single(out, &READERS, rows, |row| row.levels.readers)?;
        out.family(&LAG, |series| {
            for (source, kind, row) in rows {
                for reader in readers_of(*kind) {
                    let lag = row.levels.lag[reader.index()].as_secs_f64();
                    series.sample(&[kind.as_str(), source.as_str(), reader.as_str()], lag)?;
                }
            }
            Ok(())
        })?;

        single(out, &WRITE_BYTES, rows, |row| row.counters.write_bytes)?;
        single(out, &WRAPAROUNDS, rows, |row| row.counters.wraparounds)?;
        if STATISTICS {
            self.expose_statistics(out, rows)?;
        }

        let (used, limit) = self.budget();
        out.family(&BUDGET, |series| series.sample(&[], limit.0))?;
        out.family(&BUDGET_USED, |series| series.sample(&[], used.0))
    }
}

impl Buffers {
    fn expose_statistics(&self, out: &mut Exposition<'_>, rows: &Rows) -> fmt::Result {
        split(out, &WRITES, rows, WriteStatus::ALL, |row, status| {
            let writes = row.counters.writes[status.index()];
            (status.as_str(), writes.into())
        })?;
        split(out, &READS, rows, ReadStatus::ALL, |row, status| {
            (status.as_str(), row.counters.reads[status.index()].into())
        })?;
        single(out, &READ_BYTES, rows, |row| row.counters.read_bytes)?;
        single(out, &OVERFLOWS, rows, |row| row.counters.overflows)?;
        single(out, &DROPPED, rows, |row| row.counters.dropped_bytes)?;

        self.durations(out, &WRITE_DURATION, |times| &times.write)?;
        self.durations(out, &READ_DURATION, |times| &times.read)
    }

    fn durations(
        &self,
        out: &mut Exposition<'_>,
        family: &'static Family,
        which: fn(&Timings) -> &Histogram,
    ) -> fmt::Result {
        out.family(family, |series| {
            for (kind, times) in BufferKind::ALL.iter().zip(&self.timings) {
                series.histogram(&[kind.as_str()], &which(times).snapshot())?;
            }
            Ok(())
        })
    }
}

/// Who reads a buffer of this kind.
const fn readers_of(kind: BufferKind) -> &'static [ReaderKind] {
    match kind {
        BufferKind::Capture => &[ReaderKind::Clip, ReaderKind::Live],
        BufferKind::Analysis => &[ReaderKind::Analysis],
    }
}

/// Whether an attempt for a buffer of this kind may end so. An analysis buffer is asked for
/// only once the capture buffer of the same format is there.
const fn expected(kind: BufferKind, error: ErrorType) -> bool {
    match kind {
        BufferKind::Capture => true,
        BufferKind::Analysis => matches!(error, ErrorType::OverBudget | ErrorType::OutOfMemory),
    }
}

/// One series for each row.
fn single<V: Into<Value>>(
    out: &mut Exposition<'_>,
    family: &'static Family,
    rows: &Rows,
    value: impl Fn(&Statement) -> V,
) -> fmt::Result {
    out.family(family, |series| {
        rows.iter().try_for_each(|(source, kind, row)| {
            series.sample(&[kind.as_str(), source.as_str()], value(row))
        })
    })
}

/// One series for each row and value of a closed set.
fn split<L: Copy>(
    out: &mut Exposition<'_>,
    family: &'static Family,
    rows: &Rows,
    set: &[L],
    value: impl Fn(&Statement, L) -> (&'static str, Value),
) -> fmt::Result {
    out.family(family, |series| {
        for (source, kind, row) in rows {
            for item in set {
                let (label, value) = value(row, *item);
                series.sample(&[kind.as_str(), source.as_str(), label], value)?;
            }
        }
        Ok(())
    })
}
