//! Time limits that a busy machine does not break.

use std::{
    fs,
    time::{Duration, Instant},
};

/// However busy the machine is, at least this part of the time counts, so that a hang is found.
const AT_LEAST: f64 = 0.25;
/// The same for what is promised: the wait may be at most twice as long.
const PROMISED: f64 = 0.5;

/// Counts the time in which the machine could have done what was asked of it: not that in which
/// somebody waited for a processor or a disk, or the hypervisor gave our processors to others.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    began: Instant,
    starved: Duration,
}

impl Stopwatch {
    pub fn start() -> Self {
        Self {
            began: Instant::now(),
            starved: starved(),
        }
    }

    /// For the time after which something has not happened at all.
    pub fn elapsed(&self) -> Duration {
        self.counted(AT_LEAST)
    }

    /// For the time that something takes, where users are promised how much.
    pub fn promised(&self) -> Duration {
        self.counted(PROMISED)
    }

    fn counted(&self, at_least: f64) -> Duration {
        let (passed, starved) = (self.began.elapsed(), starved().saturating_sub(self.starved));
        let given = passed.saturating_sub(starved);
        given.max(passed.mul_f64(at_least))
    }
}

/// Since the machine started.
fn starved() -> Duration {
    // Who waits for one may wait for the other at the same time.
    let waited = waited("cpu").max(waited("io"));
    waited.unwrap_or_default() + stolen().unwrap_or_default()
}

/// How long somebody waited for this, as the kernel's pressure stall information has it, where
/// there is that. It is brought up to date every two seconds.
fn waited(resource: &str) -> Option<Duration> {
    let pressure = fs::read_to_string(format!("/proc/pressure/{resource}")).ok()?;
    let some = pressure.lines().find(|line| line.starts_with("some "))?;
    let (_, total) = some.split_once("total=")?;
    Some(Duration::from_micros(total.parse().ok()?))
}

/// What each processor was not given on average, of what all were not in hundredths of a second:
/// the eighth number of the first line, proc(5).
fn stolen() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let steal = stat.lines().next()?.split_whitespace().nth(8)?;
    let of_all = Duration::from_millis(10 * steal.parse::<u64>().ok()?);
    let processors = std::thread::available_parallelism().ok()?;
    Some(of_all / u32::try_from(processors.get()).ok()?)
}
