//! Audio files.

use std::{
    fs::{File, metadata},
    io::{self, ErrorKind},
    path::Path,
};

use super::{FailureReason, OpenError};

/// An open audio file and what its name says about its contents.
#[derive(Debug)]
pub struct FileSource {
    /// Positioned at the start.
    pub file: File,
    /// The extension in lower case.
    pub extension: Option<String>,
}

/// Opens a regular file. Blocks; call it from the container's thread.
///
/// # Errors
/// [`OpenError`] when it is missing, may not be read or is not a regular file (a FIFO
/// would block until somebody writes).
pub fn open(path: &Path) -> Result<FileSource, OpenError> {
    if !metadata(path).map_err(|error| failed(&error))?.is_file() {
        let text = "this is not a regular file; only files can be played";
        return Err(OpenError::new(FailureReason::File, text));
    }
    let file = File::open(path).map_err(|error| failed(&error))?;
    let extension = path
        .extension()
        .map(|ext| ext.to_string_lossy().to_ascii_lowercase());
    Ok(FileSource { file, extension })
}

pub(super) fn failed(error: &io::Error) -> OpenError {
    let what = match error.kind() {
        ErrorKind::NotFound => "the file does not exist; check its path".to_owned(),
        ErrorKind::PermissionDenied => {
            "the file may not be read; give this user permission to".to_owned()
        }
        _ => format!("the file cannot be opened: {error}"),
    };
    OpenError::new(FailureReason::File, what)
}
