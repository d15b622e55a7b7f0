//! jemalloc's heap profiler.

#[cfg(all(feature = "jemalloc", feature = "profiling"))]
pub(super) use with::{dump, give_back, sample, samples};

#[cfg(not(all(feature = "jemalloc", feature = "profiling")))]
const NOT_BUILT: super::ProfileError = super::ProfileError::NotBuilt(
    "this build has no heap profiler; build it with the features jemalloc and profiling, which are \
     on by default",
);

#[cfg(not(all(feature = "jemalloc", feature = "profiling")))]
pub(super) fn dump() -> Result<String, super::ProfileError> {
    Err(NOT_BUILT)
}

#[cfg(not(all(feature = "jemalloc", feature = "profiling")))]
pub(super) fn give_back() {}

#[cfg(not(all(feature = "jemalloc", feature = "profiling")))]
pub(super) fn sample(_: bool) -> Result<(), super::ProfileError> {
    Err(NOT_BUILT)
}

#[cfg(not(all(feature = "jemalloc", feature = "profiling")))]
pub(super) fn samples() -> Result<bool, super::ProfileError> {
    Err(NOT_BUILT)
}

#[cfg(all(feature = "jemalloc", feature = "profiling"))]
mod with {
    use std::{
        fs::File,
        io::{self, Read as _, Seek as _},
        os::fd::AsRawFd as _,
        sync::OnceLock,
    };

    use rustix::fs::{MemfdFlags, memfd_create};
    use tikv_jemalloc_ctl::{Access as _, AsName as _};

    use crate::profiles::ProfileError;

    /// Where jemalloc writes. It wants a path that lives as long as the program; a file that is
    /// memory has one under `/proc` and needs no directory that can be written to.
    struct Sink {
        file: File,
        path: &'static str,
    }

    static SINK: OnceLock<Sink> = OnceLock::new();

    /// What is allocated, as jemalloc tells it (`heap_v2`). For one caller at a time.
    pub(in crate::profiles) fn dump() -> Result<String, ProfileError> {
        if !samples()? {
            return Err(ProfileError::Inactive);
        }
        let sink = sink()?;
        let dumped = "prof.dump\0".name().write(sink.path);
        dumped.map_err(failed)?;
        let mut text = String::new();
        let mut file = &sink.file;
        file.rewind()?;
        file.read_to_string(&mut text)?;
        // The memory is given back; the file stays.
        file.set_len(0)?;
        Ok(text)
    }

    /// Switches the samples of what is allocated on or off. What was allocated before is in no
    /// profile.
    pub(in crate::profiles) fn sample(on: bool) -> Result<(), ProfileError> {
        is_there()?;
        b"prof.active\0".name().write(on).map_err(failed)
    }

    /// Whether they are taken.
    pub(in crate::profiles) fn samples() -> Result<bool, ProfileError> {
        is_there()?;
        b"prof.active\0".name().read().map_err(failed)
    }

    /// Returns to the system what this thread has freed. jemalloc does so as an arena is used, and
    /// after this thread nobody may use its arena for long.
    pub(in crate::profiles) fn give_back() {
        let Ok::<u32, _>(arena) = "thread.arena\0".name().read() else {
            return;
        };
        let decay = format!("arena.{arena}.dirty_decay_ms\0");
        let decay = decay.as_str().name();
        // Zero milliseconds: at once. Where that fails the memory is only returned later.
        if let Ok::<isize, _>(before) = decay.update(0) {
            let _best_effort = decay.write(before);
        }
    }

    fn is_there() -> Result<(), ProfileError> {
        match b"opt.prof\0".name().read() {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(ProfileError::Off),
        }
    }

    fn failed(error: tikv_jemalloc_ctl::Error) -> ProfileError {
        ProfileError::Failed(error.to_string())
    }

    fn sink() -> io::Result<&'static Sink> {
        if let Some(sink) = SINK.get() {
            return Ok(sink);
        }
        let file = File::from(memfd_create("heap-profile", MemfdFlags::CLOEXEC)?);
        let path = format!("/proc/self/fd/{}\0", file.as_raw_fd());
        let path: &'static str = Box::leak(path.into_boxed_str());
        Ok(SINK.get_or_init(|| Sink { file, path }))
    }
}
