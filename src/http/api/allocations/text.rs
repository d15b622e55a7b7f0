//! The report for people.

use std::{
    fmt::{self, Write as _},
    time::SystemTime,
};

use super::document::{Document, Row};
use crate::{http::api::values::Moment, listed::counted, units::ByteSize};

/// The report as text.
pub(super) fn write(document: &Document) -> String {
    let mut text = String::with_capacity(4 * 1024);
    // Writing into a string cannot fail; a report cut short would be visible.
    let complete = write_all(&mut text, document).is_ok();
    debug_assert!(complete, "a value failed to print itself");
    text
}

fn write_all(out: &mut String, document: &Document) -> fmt::Result {
    let (used, limit) = (document.budget.used_bytes, document.budget.limit_bytes);
    let (used, limit) = (ByteSize(used), ByteSize(limit));
    writeln!(out, "Memory budget: {used} of {limit} in use.")?;
    if document.budget.pool_limit_bytes > 0 {
        let pooled = ByteSize(document.budget.pooled_bytes);
        let reused = document.budget.pool_reused;
        writeln!(
            out,
            "Pool: {pooled} of that; {reused} buffers made from it."
        )?;
    }
    writeln!(
        out,
        "\nBuffers, attempted = first_allocation + repeated_blocked + error:"
    )?;
    document
        .ledger
        .iter()
        .try_for_each(|row| write_row(out, row))?;
    for gone in &document.departed {
        let (source, buffers) = (&gone.source, gone.retired_buffers);
        let bytes = ByteSize(gone.retired_bytes);
        writeln!(
            out,
            "  {source} (removed): {buffers} old, still read ({bytes})"
        )?;
    }
    let tracker = &document.tracker;
    let Some(since) = tracker.since else {
        return writeln!(
            out,
            "\nWho asks is not recorded. To record it: \
             PUT {{\"tracking\": true}} here, or start with DEBUG_BUFFER_ALLOC=true."
        );
    };
    let going = if tracker.tracking {
        "going on"
    } else {
        "ended"
    };
    let recorded = counted(tracker.recorded, "attempt");
    writeln!(
        out,
        "\nRecording, begun {} and {going}: {recorded}.",
        Ago(since)
    )?;
    writeln!(out, "\nWho asked:")?;
    for caller in &document.callers {
        writeln!(
            out,
            "  {} {} from {} ({}): {} = {} + {} + {}, last {}",
            caller.source,
            caller.buffer_type,
            caller.caller,
            caller.site,
            caller.attempted,
            caller.first_allocation,
            caller.repeated_blocked,
            caller.error,
            Ago(caller.last),
        )?;
    }
    writeln!(out, "\nThe newest {} attempts:", document.attempts.len())?;
    for attempt in &document.attempts {
        writeln!(
            out,
            "  {}. {}: {} {}, {} s of {} Hz × {} = {} B, from {}: {}",
            attempt.number,
            Ago(attempt.time),
            attempt.source,
            attempt.buffer_type,
            attempt.duration_seconds,
            attempt.sample_rate,
            attempt.channels,
            attempt.requested_bytes,
            attempt.site,
            attempt.outcome,
        )?;
        if let Some(error) = &attempt.error {
            writeln!(out, "     {error}")?;
        }
        for frame in &attempt.backtrace {
            writeln!(out, "     at {frame}")?;
        }
    }
    Ok(())
}

fn write_row(out: &mut String, row: &Row) -> fmt::Result {
    write!(
        out,
        "  {} {}: {} = {} + {} + {}; {} live ({})",
        row.source,
        row.buffer_type,
        row.attempted,
        row.first_allocation,
        row.repeated_blocked,
        row.error,
        row.live_buffers,
        ByteSize(row.live_bytes),
    )?;
    if row.retired_buffers > 0 {
        let bytes = ByteSize(row.retired_bytes);
        write!(out, ", {} old, still read ({bytes})", row.retired_buffers)?;
    }
    for (what, count) in row.errors.iter().chain(&row.releases) {
        write!(out, ", {what} {count}")?;
    }
    writeln!(out)?;
    if let Some(anomaly) = &row.anomaly {
        writeln!(out, "    ! {}", anomaly.words)?;
    }
    Ok(())
}

/// A moment as a person would say it.
struct Ago(Moment);

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Moment(moment) = self.0;
        // An error when the clock was set back since.
        let passed = SystemTime::now().duration_since(moment).unwrap_or_default();
        match passed.as_secs_f64() {
            seconds @ 0.0..300.0 => write!(f, "{seconds:.1} s ago"),
            seconds @ 300.0..7_200.0 => write!(f, "{:.0} min ago", seconds / 60.0),
            seconds => write!(f, "{:.1} h ago", seconds / 3_600.0),
        }
    }
}
