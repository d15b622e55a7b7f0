//! The file of what survives a restart: alarms, and what is still to be sent.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{delivery::Waiting, saved::SavedAlarms};

/// The form of the file that this version writes and reads.
const VERSION: u32 = 1;
/// A larger file is not one of ours, in bytes.
const MOST: u64 = 64 << 20;

/// The whole file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Saved {
    version: u32,
    pub(super) alarms: SavedAlarms,
    /// By the target's id, which tells nothing about its address.
    pub(super) targets: BTreeMap<String, Waiting>,
}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("{0}; check its path and permissions")]
    System(#[from] io::Error),
    #[error("it is not the state of alarms, or is damaged ({0})")]
    Damaged(String),
    #[error("a newer version of this program wrote it; use that one, or name another file")]
    Newer,
}

impl Saved {
    pub(super) fn new(alarms: SavedAlarms, targets: BTreeMap<String, Waiting>) -> Self {
        Self {
            version: VERSION,
            alarms,
            targets,
        }
    }
}

/// Reads the file; `None` if there is none yet. Blocking.
///
/// # Errors
/// [`Unreadable`].
pub(super) fn load(path: &Path) -> Result<Option<Saved>, Unreadable> {
    #[derive(Deserialize)]
    struct Head {
        version: u32,
    }
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
        Ok(file) if !file.is_file() => return Err(Unreadable::Damaged("no file".to_owned())),
        Ok(_) => {}
    }
    let mut text = Vec::new();
    File::open(path)?.take(MOST).read_to_end(&mut text)?;
    let damaged = |error: serde_json::Error| {
        let (line, column) = (error.line(), error.column());
        Unreadable::Damaged(format!("line {line}, column {column}"))
    };
    let head: Head = serde_json::from_slice(&text).map_err(damaged)?;
    if head.version > VERSION {
        return Err(Unreadable::Newer);
    }
    serde_json::from_slice(&text).map(Some).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarms::disk::save;

    #[test]
    fn what_cannot_be_read_is_told_apart() {
        let folder = std::env::temp_dir().join(format!("alarm-state-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("state.json");
        assert!(load(&path).unwrap().is_none());
        let saved = Saved::new(SavedAlarms::default(), BTreeMap::new());
        let text = serde_json::to_vec(&saved).unwrap();
        save(&path, &text).unwrap();
        assert!(load(&path).unwrap().is_some());
        for cut in [0, 1, text.len() / 2, text.len() - 1] {
            save(&path, &text[..cut]).unwrap();
            assert!(matches!(load(&path), Err(Unreadable::Damaged(_))), "{cut}");
        }
        save(&path, br#"{"version": 2, "alarms": "of the future"}"#).unwrap();
        assert!(matches!(load(&path), Err(Unreadable::Newer)));
        let names = fs::read_dir(&folder).unwrap().count();
        assert_eq!(names, 1, "nothing unfinished is left");
        fs::remove_dir_all(&folder).unwrap();
    }
}
