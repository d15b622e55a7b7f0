//! Files that are whole at any moment.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Writes the file: it is the old one or the new one at any moment, also after a power cut.
/// Blocking.
///
/// # Errors
/// Those of the system; the old file is untouched then.
pub(super) fn save(path: &Path, text: &[u8]) -> io::Result<()> {
    let unfinished = with_suffix(path, ".unfinished");
    let mut file = File::create(&unfinished)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    // Until the folder is on the disk, so is only the old name.
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// The path with something behind it.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}
