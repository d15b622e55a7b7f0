//! `myaudio_memory_*` and `myaudio_process_*`: every watched process and this one.
//!
//! What is not known is left out, never zero.

use std::{fmt, sync::Arc};

use super::{Memory, ProcessStatus, Reading};
use crate::{
    memory::{
        ReadFailure,
        verdict::{Pattern, Verdict},
    },
    metrics::{Expose, Exposition, Family, Value},
};

const PROCESS: &[&str] = &["process"];

static RESIDENT: Family = Family::gauge(
    "myaudio_memory_resident_bytes",
    "Memory in RAM of a watched process and all that descend from it, in bytes",
    PROCESS,
);
static SWAP: Family = Family::gauge(
    "myaudio_memory_swap_bytes",
    "Memory of a watched process that was swapped out, in bytes",
    PROCESS,
);
static HEAP: Family = Family::gauge(
    "myaudio_memory_heap_bytes",
    "Live objects on the heap of a watched process, by its own books, in bytes",
    PROCESS,
);
static EXTERNAL: Family = Family::gauge(
    "myaudio_memory_external_bytes",
    "Memory in RAM of a watched process that is not heap, in bytes",
    PROCESS,
);
static FRAGMENTATION: Family = Family::gauge(
    "myaudio_memory_fragmentation_ratio",
    "Part of the heap of a watched process that lies idle",
    PROCESS,
);
static BASELINE: Family = Family::gauge(
    "myaudio_memory_baseline_bytes",
    "What the growth of a watched process is measured from, in bytes",
    PROCESS,
);
static LIMIT: Family = Family::gauge(
    "myaudio_memory_limit_bytes",
    "The most memory that a watched process can have, in bytes",
    PROCESS,
);
static GROWTH: Family = Family::gauge(
    "myaudio_memory_growth_bytes_per_second",
    "How fast the memory of a watched process grows, in bytes per second",
    PROCESS,
);
static TO_LIMIT: Family = Family::gauge(
    "myaudio_memory_seconds_to_limit",
    "Seconds until a watched process that grows like this reaches its limit",
    PROCESS,
);
static CONFIDENCE: Family = Family::gauge(
    "myaudio_memory_pattern_confidence_ratio",
    "How clear the pattern of a watched process is",
    PROCESS,
);
static PATTERN: Family = Family::gauge(
    "myaudio_memory_pattern",
    "How the memory of a watched process behaves; exactly one pattern is 1",
    &["process", "pattern"],
);
static UP: Family = Family::gauge(
    "myaudio_process_up",
    "Whether a watched process runs and may be read",
    PROCESS,
);
static COUNT: Family = Family::gauge(
    "myaudio_process_count",
    "Processes that belong to a watched one, itself included; 0 while it does not run",
    PROCESS,
);
static THREADS: Family = Family::gauge(
    "myaudio_process_threads",
    "Operating system threads of a watched process",
    PROCESS,
);
static OPEN_FDS: Family = Family::gauge(
    "myaudio_process_open_fds",
    "File descriptors that a watched process has open",
    PROCESS,
);
static WATCHING_FDS: Family = Family::gauge(
    "myaudio_process_watching_fds",
    "File descriptors that this program keeps open to read the processes it watches",
    PROCESS,
);
static START_TIME: Family = Family::gauge(
    "myaudio_process_start_time_seconds",
    "Unix time at which a watched process started, in seconds",
    PROCESS,
);
static PRESSURE: Family = Family::gauge(
    "myaudio_process_memory_pressure_ratio",
    "Part of the time in which somebody in the group of a watched process waited for memory",
    PROCESS,
);
static RESTARTS: Family = Family::counter(
    "myaudio_process_restarts_total",
    "Times that another process came in place of a watched one that had ended",
    PROCESS,
);
static CPU_SECONDS: Family = Family::counter(
    "myaudio_process_cpu_seconds_total",
    "CPU time of a watched process, in seconds",
    PROCESS,
);
static MAJOR_FAULTS: Family = Family::counter(
    "myaudio_process_major_page_faults_total",
    "Pages that had to be read from a disk for a watched process",
    PROCESS,
);
static OOM_KILLS: Family = Family::counter(
    "myaudio_process_oom_kills_total",
    "Processes in the control group of a watched one that were killed for want of memory",
    PROCESS,
);
static READ_FAILURES: Family = Family::counter(
    "myaudio_process_read_failures_total",
    "Looks at a watched process that failed",
    &["process", "reason"],
);
static FAMILIES: [&Family; 23] = [
    &RESIDENT,
    &SWAP,
    &HEAP,
    &EXTERNAL,
    &FRAGMENTATION,
    &BASELINE,
    &LIMIT,
    &GROWTH,
    &TO_LIMIT,
    &CONFIDENCE,
    &PATTERN,
    &UP,
    &COUNT,
    &THREADS,
    &OPEN_FDS,
    &WATCHING_FDS,
    &START_TIME,
    &PRESSURE,
    &RESTARTS,
    &CPU_SECONDS,
    &MAJOR_FAULTS,
    &OOM_KILLS,
    &READ_FAILURES,
];

type Processes = [Arc<ProcessStatus>];

/// Writes a family with a series for each process that has a value.
fn each<V: Into<Value>>(
    out: &mut Exposition<'_>,
    family: &'static Family,
    processes: &Processes,
    value: impl Fn(&ProcessStatus) -> Option<V>,
) -> fmt::Result {
    out.family(family, |series| {
        for status in processes {
            if let Some(value) = value(status) {
                series.sample(&[status.name.as_str()], value)?;
            }
        }
        Ok(())
    })
}

/// A figure that is there while the process is up.
fn read<V>(figure: impl Fn(&Reading) -> Option<V>) -> impl Fn(&ProcessStatus) -> Option<V> {
    move |status| status.reading.as_ref().and_then(&figure)
}

/// A figure that is there once a pattern was named.
fn judged(figure: impl Fn(&Verdict) -> Option<f64>) -> impl Fn(&ProcessStatus) -> Option<f64> {
    move |status| {
        let verdict = status.verdict.as_ref()?;
        (verdict.pattern != Pattern::Unknown).then(|| figure(verdict))?
    }
}

fn memory(out: &mut Exposition<'_>, processes: &Processes) -> fmt::Result {
    each(out, &RESIDENT, processes, read(|r| Some(r.resident)))?;
    each(out, &SWAP, processes, read(|r| r.swap))?;
    each(out, &HEAP, processes, read(|r| r.kinds.heap))?;
    each(out, &EXTERNAL, processes, read(|r| r.kinds.external))?;
    each(
        out,
        &FRAGMENTATION,
        processes,
        read(|r| r.kinds.fragmentation),
    )?;
    each(out, &BASELINE, processes, |status| status.baseline)?;
    each(out, &LIMIT, processes, read(|r| r.limit))?;
    // Both are told before a pattern can be named.
    each(out, &GROWTH, processes, |status| {
        let verdict = status.verdict.as_ref();
        let told = |v: &&Verdict| v.pattern != Pattern::Unknown || v.slope_interval.is_some();
        verdict.filter(told).map(|v| v.slope_bytes_per_second)
    })?;
    each(out, &TO_LIMIT, processes, |status| {
        status.verdict.as_ref()?.seconds_to_limit
    })?;
    each(out, &CONFIDENCE, processes, judged(|v| Some(v.confidence)))?;
    out.family(&PATTERN, |series| {
        for status in processes {
            let verdict = status.verdict.as_ref();
            let named = verdict.map_or(Pattern::Unknown, |verdict| verdict.pattern);
            for pattern in Pattern::ALL {
                let labels = [status.name.as_str(), pattern.as_str()];
                series.sample(&labels, *pattern == named)?;
            }
        }
        Ok(())
    })
}

impl Expose for Memory {
    fn families(&self) -> &'static [&'static Family] {
        &FAMILIES
    }

    fn expose(&self, out: &mut Exposition<'_>) -> fmt::Result {
        let processes = &*self.processes();
        memory(out, processes)?;
        each(out, &UP, processes, |status| Some(status.up))?;
        each(out, &COUNT, processes, |status| {
            Some(
                status
                    .reading
                    .as_ref()
                    .map_or(0, |r| u64::from(r.processes)),
            )
        })?;
        each(out, &THREADS, processes, read(|r| Some(r.threads)))?;
        each(out, &OPEN_FDS, processes, read(|r| r.open_fds))?;
        each(out, &WATCHING_FDS, processes, read(|r| r.watching_fds))?;
        each(out, &START_TIME, processes, read(|r| r.started))?;
        each(out, &PRESSURE, processes, read(|r| r.pressure))?;
        each(out, &RESTARTS, processes, |status| {
            Some(status.totals.restarts)
        })?;
        each(out, &CPU_SECONDS, processes, |status| {
            Some(status.totals.cpu_seconds)
        })?;
        each(out, &MAJOR_FAULTS, processes, |status| {
            Some(status.totals.major_faults)
        })?;
        each(out, &OOM_KILLS, processes, |status| status.totals.oom_kills)?;
        out.family(&READ_FAILURES, |series| {
            for status in processes {
                for reason in ReadFailure::ALL {
                    let labels = [status.name.as_str(), reason.as_str()];
                    series.sample(&labels, status.totals.failures[reason.index()])?;
                }
            }
            Ok(())
        })
    }
}
