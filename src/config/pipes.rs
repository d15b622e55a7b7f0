//! What comes through a pipe can be read only once.

use std::{
    collections::{HashMap, hash_map::Entry},
    fs,
    path::PathBuf,
};

use super::{mistake::Mistakes, source::Placed};
use crate::sources::{LiveLocation, Location};

/// Two readers of one pipe would each get a part of the audio.
pub(super) fn once(placed: &[Placed], mistakes: &Mistakes) {
    let mut readers: HashMap<Option<PathBuf>, &str> = HashMap::new();
    for again in placed {
        let Location::Live(LiveLocation::Pipe { path, .. }) = &again.options.location else {
            continue;
        };
        // By whatever name; one that is not there yet is known by its name alone.
        let real = |path: &PathBuf| fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        let first = match readers.entry(path.as_ref().map(real)) {
            Entry::Occupied(first) => *first.get(),
            Entry::Vacant(free) => {
                free.insert(&again.path);
                continue;
            }
        };
        let (pipe, remedy) = match path {
            None => (
                "the standard input",
                "use a FIFO (fifo:///path) for one of them",
            ),
            Some(_) => (
                "this FIFO",
                "let the recorder write into a FIFO for each, or remove one of them",
            ),
        };
        let url = format!("{}.url", again.path);
        let at = if again.line.is_some() {
            &url
        } else {
            &again.path
        };
        mistakes.add(
            again.line,
            at,
            format!("{first} reads {pipe} already"),
            remedy,
        );
    }
}
