//! Time limits that a busy machine does not break.

use std::{
    fs,
    time::{Duration, Instant},
};

/// A machine this busy all the time still lets a limit pass, when it is over so many times.
const AT_MOST: u32 = 10;

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

    /// At most what the wall clock says, and at least a tenth of it.
    pub fn elapsed(&self) -> Duration {
        let (passed, starved) = (self.began.elapsed(), starved().saturating_sub(self.starved));
        passed.saturating_sub(starved).max(passed / AT_MOST)
    }
}

/// Since the machine started.
fn starved() -> Duration {
    let waited = ["cpu", "io"].into_iter().filter_map(waited);
    waited.sum::<Duration>() + stolen().unwrap_or_default()
}

/// How long somebody waited for this, as the kernel's pressure stall information has it, where
/// there is that. It is brought up to date every two seconds.
fn waited(resource: &str) -> Option<Duration> {
    let pressure = fs::read_to_string(format!("/proc/pressure/{resource}")).ok()?;
    let some = pressure.lines().find(|line| line.starts_with("some "))?;
    let (_, total) = some.split_once("total=")?;
    Some(Duration::from_micros(total.parse().ok()?))
}

/// What all processors together were not given, in hundredths of a second: the eighth number
/// of the first line, proc(5).
fn stolen() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let steal = stat.lines().next()?.split_whitespace().nth(8)?;
    Some(Duration::from_millis(10 * steal.parse::<u64>().ok()?))
}
