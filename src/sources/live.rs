//! Local places that live: a growing file, a directory of segments, a pipe.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::{SourceKind, segments::SegmentFolder};
use crate::units::PcmFormat;

/// Where something local grows or is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveLocation {
    /// A file that grows and may be replaced.
    Follow {
        /// Its path.
        path: PathBuf,
    },
    /// A directory that a recorder writes one file after another into.
    Segments(SegmentFolder),
    /// A FIFO or the standard input.
    Pipe {
        /// The FIFO's path; `None` is the standard input.
        path: Option<PathBuf>,
        /// What the bytes are, when they are not a container.
        pcm: Option<PcmFormat>,
    },
}

impl LiveLocation {
    /// The `kind` label.
    pub fn kind(&self) -> SourceKind {
        match self {
            Self::Follow { .. } => SourceKind::File,
            Self::Segments(_) => SourceKind::Directory,
            Self::Pipe { .. } => SourceKind::Pipe,
        }
    }
}

/// The last part of a path only: what may be shown.
impl fmt::Display for LiveLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |path: &Path| {
            path.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        };
        match self {
            Self::Follow { path } => write!(f, "file {}", name(path)),
            Self::Segments(folder) => write!(f, "directory {}", name(&folder.path)),
            Self::Pipe {
                path: Some(path), ..
            } => write!(f, "fifo {}", name(path)),
            Self::Pipe { path: None, .. } => f.write_str("standard input"),
        }
    }
}
