//! Why there is no history.

use rusqlite::ErrorCode;

/// Why there is no history, with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no directory for it.
    #[error("the directory of `history.path` does not exist; make it, or change the path")]
    NoDirectory,
    /// The path is taken by something else than a file.
    #[error("`history.path` is not a file; name a file that this program may make")]
    NotAFile,
    /// This user may not write there.
    #[error(
        "`history.path` may not be written by this user ({0}); change its permissions or the path"
    )]
    ReadOnly(String),
    /// Another process has it.
    #[error("another process keeps its history in this file; give each its own `history.path`")]
    InUse,
    /// Written by a later version of this program.
    #[error(
        "the file was written by a newer version of this program (its version is {found}, this one knows {known}); \
         update this program, or give it another `history.path`"
    )]
    Newer {
        /// The file's version.
        found: i32,
        /// The newest that this program knows.
        known: i32,
    },
    /// Some other program's file.
    #[error("`history.path` is another program's file; name another")]
    Foreign,
    /// The database cannot be used for the moment.
    #[error("the file cannot be opened: {0}")]
    Database(#[from] rusqlite::Error),
}

impl OpenError {
    pub(super) fn is_broken_file(&self) -> bool {
        matches!(self, Self::Database(error) if is_broken_file(error))
    }
}

/// Whether the file is not, or no longer, a sound database.
pub(super) fn is_broken_file(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}
