//! `process_*`: this process as the kernel sees it.
//!
//! Names and meanings are those of the Prometheus client libraries. Source: proc(5).

use std::{fmt, process, sync::Arc};

use rustix::process::{Resource, getrlimit};

use super::proc::{Proc, Stat, TICKS_PER_SECOND};
use crate::metrics::{Expose, Exposition, Family};

static CPU_SECONDS: Family = Family::counter(
    "process_cpu_seconds_total",
    "User and system CPU time this process has spent, in seconds",
    &[],
);
static RESIDENT: Family = Family::gauge(
    "process_resident_memory_bytes",
    "Resident memory of this process, in bytes",
    &[],
);
static VIRTUAL: Family = Family::gauge(
    "process_virtual_memory_bytes",
    "Virtual memory of this process, in bytes",
    &[],
);
static OPEN_FDS: Family = Family::gauge(
    "process_open_fds",
    "File descriptors this process has open",
    &[],
);
static MAX_FDS: Family = Family::gauge(
    "process_max_fds",
    "File descriptors this process may have open, by its soft limit",
    &[],
);
static START_TIME: Family = Family::gauge(
    "process_start_time_seconds",
    "Unix time at which this process started, in seconds",
    &[],
);
static THREADS: Family = Family::gauge(
    "process_threads",
    "Operating system threads of this process",
    &[],
);
static FAMILIES: [&Family; 7] = [
    &CPU_SECONDS,
    &RESIDENT,
    &VIRTUAL,
    &OPEN_FDS,
    &MAX_FDS,
    &START_TIME,
    &THREADS,
];

/// Exposes `process_*` of this process, read from `/proc` by each scrape. What `/proc`
/// does not tell is left out, never zero.
#[derive(Debug)]
pub struct ProcessMetrics {
    proc: Proc,
    me: u32,
    /// Read once: the kernel derives the boot time from a wall clock that steps.
    started: Option<f64>,
}

impl ProcessMetrics {
    /// Reads from `/proc`.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Self::from_proc(Proc::of_this_system())
    }

    fn from_proc(proc: Proc) -> Arc<Self> {
        let me = process::id();
        let started = || {
            let stat = proc.stat(me).ok()?;
            let after_boot = stat.start_ticks as f64 / TICKS_PER_SECOND;
            Some(proc.boot_time()? as f64 + after_boot)
        };
        let started = started();
        Arc::new(Self { proc, me, started })
    }
}

impl Expose for ProcessMetrics {
    fn families(&self) -> &'static [&'static Family] {
        &FAMILIES
    }

    fn expose(&self, out: &mut Exposition<'_>) -> fmt::Result {
        let statm = self.proc.statm(self.me).ok();
        let held = statm.and_then(|statm| statm.size().ok().flatten());
        let stat = self.proc.stat(self.me).ok();
        let stat = stat.as_ref();
        let used = |stat: &Stat| stat.used.cpu_ticks as f64 / TICKS_PER_SECOND;
        let values = [
            (&CPU_SECONDS, stat.map(used)),
            (&RESIDENT, held.map(|held| held.resident as f64)),
            (&VIRTUAL, held.map(|held| held.mapped as f64)),
            (
                &OPEN_FDS,
                self.proc.open_fds(self.me).ok().map(|n| n as f64),
            ),
            (&MAX_FDS, Some(max_fds())),
            (&START_TIME, self.started),
            (&THREADS, stat.map(|stat| stat.threads as f64)),
        ];
        for (family, value) in values {
            if let Some(value) = value {
                out.family(family, |series| series.sample(&[], value))?;
            }
        }
        Ok(())
    }
}

fn max_fds() -> f64 {
    let soft = getrlimit(Resource::Nofile).current;
    soft.map_or(f64::INFINITY, |soft| soft as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Registry;

    fn exposed(metrics: Arc<ProcessMetrics>) -> String {
        let mut registry = Registry::default();
        registry.register(metrics).unwrap();
        registry.encode_openmetrics().unwrap()
    }

    fn value(text: &str, name: &str) -> f64 {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
            .unwrap_or_else(|| panic!("{name} in {text}"))
    }

    #[test]
    fn this_process_is_described_plausibly() {
        let metrics = ProcessMetrics::new();
        let text = exposed(Arc::clone(&metrics) as Arc<_>);
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs_f64();
        let started = value(&text, "process_start_time_seconds");
        assert!(
            started <= now + 1.0 && now - started < 86_400.0,
            "{started}"
        );
        let resident = value(&text, "process_resident_memory_bytes");
        assert!(resident > 500_000.0 && resident < value(&text, "process_virtual_memory_bytes"));
        let fds = value(&text, "process_open_fds");
        assert!(fds >= 3.0 && fds <= value(&text, "process_max_fds"));
        assert!(value(&text, "process_threads") >= 1.0);
        assert!(value(&text, "process_cpu_seconds_total") >= 0.0);
    }

    #[test]
    fn without_proc_the_families_are_absent() {
        let nowhere = Proc::at("/nonexistent", "/nonexistent");
        let text = exposed(ProcessMetrics::from_proc(nowhere));
        let families = text.lines().filter(|line| line.starts_with("# TYPE"));
        // The system tells this one without.
        let left = ["# TYPE process_max_fds gauge"];
        assert_eq!(families.collect::<Vec<_>>(), left);
    }
}
