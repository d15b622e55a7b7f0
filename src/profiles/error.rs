//! Why there is no profile.

use std::{io, path::PathBuf};

/// Why there is no profile; the text tells the owner what to do.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// Another is being taken.
    #[error("another profile is being taken; one is taken at a time, so ask again when it is done")]
    Busy,
    /// This program was built without.
    #[error("{0}")]
    NotBuilt(&'static str),
    /// The allocator was started without its profiler.
    #[error(
        "the allocator's profiler is off; start the program with \
         _RJEM_MALLOC_CONF=prof:true in its environment"
    )]
    Off,
    /// Nobody has switched the allocator's samples on.
    #[error(
        "the allocator takes no samples of what is allocated; POST /debug/pprof/start switches them \
         on, so does `profiles` in the configuration"
    )]
    Inactive,
    /// There is no directory to write to.
    #[error("there is no directory for profiles; set `profiles.directory` in the configuration")]
    NoDirectory,
    /// The system refused something.
    #[error("the system refused what a profile needs: {0}")]
    System(#[from] io::Error),
    /// There is no place for the temporary file of a CPU profile.
    #[error(
        "a CPU profile needs a temporary file, and {directory:?} takes none ({error}); let this \
         program write there, or start it with TMPDIR set to a directory where it may"
    )]
    Temporary {
        /// Where temporary files belong.
        directory: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The profiler itself failed.
    #[error("the profiler failed: {0}")]
    Failed(String),
    /// The program is stopping.
    #[error("the program is stopping")]
    Stopping,
}
