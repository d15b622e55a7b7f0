//! CPU time, by samples.
//!
//! A timer of CPU time (`setitimer`, `ITIMER_PROF`) sends `SIGPROF` to a thread that is busy; the
//! handler walks its stack by the unwind tables of the program, reads no memory that it has not
//! tried first, and allocates nothing. Nothing of it is there while no profile is taken.

use std::time::Duration;

use super::ProfileError;

#[cfg(all(
    feature = "profiling",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod with {
    use std::{
        env,
        fs::{self, File},
        io, process,
        time::{Duration, Instant, SystemTime},
    };

    use jiff::Timestamp;

    use crate::profiles::{ProfileError, proto::Builder, symbols::Symbols};

    /// Samples a second of CPU time. Not 100, so as not to keep step with what happens ten times
    /// a second.
    const FREQUENCY: i32 = 99;
    /// How often to look whether anybody still waits.
    const LOOK: Duration = Duration::from_millis(50);

    pub(in crate::profiles) fn take(
        duration: Duration,
        gone: &dyn Fn() -> bool,
    ) -> Result<Vec<u8>, ProfileError> {
        // Before the profiler does: where it fails at first, it fails until the program ends.
        try_temporary().map_err(without_temporary)?;
        let begun = (SystemTime::now(), Instant::now());
        let guard = rpprof::ProfilerGuardBuilder::default()
            .frequency(FREQUENCY)
            .build()
            .map_err(failed)?;
        loop {
            let left = duration.saturating_sub(begun.1.elapsed());
            if left.is_zero() {
                break;
            }
            if gone() {
                return Err(ProfileError::Stopping);
            }
            std::thread::sleep(left.min(LOOK));
        }
        let report = guard.report().build_unresolved().map_err(failed)?;
        let period = 1_000_000_000 / FREQUENCY.unsigned_abs();
        let mut profile = Builder::new(
            &[("samples", "count"), ("cpu", "nanoseconds")],
            begun.0,
            begun.1.elapsed(),
            (("cpu", "nanoseconds"), u64::from(period)),
        );
        drop(guard);
        let mut symbols = Symbols::default();
        for (frames, count) in &report.data {
            let count = count.unsigned_abs() as u64;
            let places = frames.frames.iter().enumerate().map(|(depth, frame)| {
                // All but the innermost are return addresses.
                symbols.at(frame.ip.saturating_sub(usize::from(depth > 0)))
            });
            let stack: Vec<_> = places.collect();
            let name = &frames.thread_name[..frames.thread_name_length];
            let name = String::from_utf8_lossy(name);
            let values = [count, count * u64::from(period)];
            profile.sample(stack, &values, Some(("thread", &name)));
        }
        Ok(profile.finish()?)
    }

    /// Makes a temporary file, as the profiler will for what it cannot hold.
    fn try_temporary() -> io::Result<()> {
        // Nobody's yet, even where this program always has the same number.
        let name = format!(
            ".audio-capture-exporter-{}-{}",
            process::id(),
            Timestamp::now().as_nanosecond()
        );
        let path = env::temp_dir().join(name);
        File::create_new(&path)?;
        fs::remove_file(&path)
    }

    fn without_temporary(error: io::Error) -> ProfileError {
        ProfileError::Temporary {
            directory: env::temp_dir(),
            error,
        }
    }

    fn failed(error: rpprof::Error) -> ProfileError {
        match error {
            // It uses no other file.
            rpprof::Error::IoError(error) => without_temporary(error),
            other => ProfileError::Failed(other.to_string()),
        }
    }
}

/// Samples the whole process for `duration`; ends early when everybody is `gone`. The profile,
/// gzipped.
#[cfg(all(
    feature = "profiling",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
pub(super) fn take(duration: Duration, gone: &dyn Fn() -> bool) -> Result<Vec<u8>, ProfileError> {
    with::take(duration, gone)
}

#[cfg(not(all(
    feature = "profiling",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
pub(super) fn take(_: Duration, _: &dyn Fn() -> bool) -> Result<Vec<u8>, ProfileError> {
    Err(ProfileError::NotBuilt(
        "this build has no CPU profiler; build it with the feature profiling, on Linux on x86-64 or \
         64-bit ARM",
    ))
}
