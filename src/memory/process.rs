//! `process_*`: this process as the kernel sees it.
//!
//! Names and meanings are those of the Prometheus client libraries. Source: proc(5).

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::proc::{Stat, TICKS_PER_SECOND};
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
    proc: PathBuf,
    /// Read once: the kernel derives the boot time from a wall clock that steps.
    started: Option<f64>,
}

impl ProcessMetrics {
    /// Reads from `/proc`.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Self::from_proc("/proc")
    }

    fn from_proc(proc: impl Into<PathBuf>) -> Arc<Self> {
        let proc = proc.into();
        let started = || {
            let stat = Stat::parse(&read(&proc.join("self/stat"))?)?;
            let boot = field(&read(&proc.join("stat"))?, "btime")?;
            Some(boot as f64 + stat.start_ticks as f64 / TICKS_PER_SECOND)
        };
        let started = started();
        Arc::new(Self { proc, started })
    }

    fn read(&self, name: &str) -> Option<String> {
        read(&self.proc.join("self").join(name))
    }

    /// Entries of `self/fd`, without the one that reading the directory opens.
    fn open_fds(&self) -> Option<u64> {
        let entries = fs::read_dir(self.proc.join("self/fd")).ok()?.count();
        Some((entries as u64).saturating_sub(1))
    }
}

impl Expose for ProcessMetrics {
    fn families(&self) -> &'static [&'static Family] {
        &FAMILIES
    }

    fn expose(&self, out: &mut Exposition<'_>) -> fmt::Result {
        let status = self.read("status");
        let of_status = |name| field(status.as_deref()?, name);
        let kib = |name| of_status(name).map(|kib| (kib * 1024) as f64);
        let cpu = self.read("stat").as_deref().and_then(Stat::parse);
        let values = [
            (
                &CPU_SECONDS,
                cpu.map(|s| s.used.cpu_ticks as f64 / TICKS_PER_SECOND),
            ),
            (&RESIDENT, kib("VmRSS:")),
            (&VIRTUAL, kib("VmSize:")),
            (&OPEN_FDS, self.open_fds().map(|n| n as f64)),
            (
                &MAX_FDS,
                self.read("limits").as_deref().and_then(parse_max_fds),
            ),
            (&START_TIME, self.started),
            (&THREADS, of_status("Threads:").map(|n| n as f64)),
        ];
        for (family, value) in values {
            if let Some(value) = value {
                out.family(family, |series| series.sample(&[], value))?;
            }
        }
        Ok(())
    }
}

fn read(path: &Path) -> Option<String> {
    // The command name in `stat` is whatever bytes someone chose.
    Some(String::from_utf8_lossy(&fs::read(path).ok()?).into_owned())
}

/// The number behind `name` in a file of `name number …` lines.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next()? == name).then(|| words.next()?.parse().ok())?
    })
}

fn parse_max_fds(limits: &str) -> Option<f64> {
    let rest = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    match rest.split_ascii_whitespace().next()? {
        "unlimited" => Some(f64::INFINITY),
        number => number.parse().ok(),
    }
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
    fn what_is_cut_short_or_strange_is_absent() {
        assert_eq!(field("VmRSS:\nThreads:\tmany\n", "VmRSS:"), None);
        assert_eq!(field("Threads:\tmany\n", "Threads:"), None);
        assert_eq!(parse_max_fds("Max open files\n"), None);
    }

    #[test]
    fn limits_may_be_unlimited() {
        let limits =
            |soft| format!("Limit  Soft\nMax open files            {soft}    4096   files\n");
        assert_eq!(parse_max_fds(&limits("1024")), Some(1024.0));
        assert_eq!(parse_max_fds(&limits("unlimited")), Some(f64::INFINITY));
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
        assert_eq!(
            exposed(ProcessMetrics::from_proc("/nonexistent")),
            "# EOF\n"
        );
    }
}
