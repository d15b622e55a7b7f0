//! What is too old or too much goes, a little at a time.

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension as _};

use super::{Kind, Retain, cell};
use crate::units::ByteSize;

/// Rows of a kind that one look removes at most. A clock that is far ahead for a moment thus
/// costs no more than these.
const CHUNK: usize = 2_000;
/// Chunks that one look removes at most where the file is too large.
const CHUNKS: usize = 25;
/// Pages that are given back to the disk at a time.
const PAGES: usize = 4_096;

/// Removes what is older than `retain` says. True when there may be more.
pub(super) fn remove_old(
    connection: &Connection,
    retain: &Retain,
    now: SystemTime,
) -> rusqlite::Result<bool> {
    let mut more = false;
    for kind in Kind::ALL {
        let Some(oldest) = now.checked_sub(retain.of(*kind)) else {
            continue;
        };
        let removed = connection.execute(
            &format!(
                "DELETE FROM {kind} WHERE seq IN \
                 (SELECT seq FROM {kind} WHERE at < ? ORDER BY seq LIMIT {CHUNK})"
            ),
            [cell::millis(oldest)],
        )?;
        more |= removed == CHUNK;
    }
    Ok(more)
}

/// Removes the oldest rows until the file's content is smaller than `most`, and gives free
/// pages back. True when there is more to be done.
pub(super) fn shrink(connection: &Connection, most: ByteSize) -> rusqlite::Result<bool> {
    let mut chunks = 0;
    while used(connection)? > most.0 && chunks < CHUNKS {
        let Some(kind) = kind_of_the_oldest(connection)? else {
            break;
        };
        connection.execute(
            &format!(
                "DELETE FROM {kind} WHERE seq IN (SELECT seq FROM {kind} ORDER BY seq LIMIT {CHUNK})"
            ),
            [],
        )?;
        chunks += 1;
    }
    let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    let mut pages = vacuum.query([])?;
    // Each step gives back one page.
    while pages.next()?.is_some() {}
    Ok(chunks == CHUNKS)
}

/// Whose first row is the oldest, by the wall clock.
fn kind_of_the_oldest(connection: &Connection) -> rusqlite::Result<Option<Kind>> {
    let mut oldest = None;
    for kind in Kind::ALL {
        let first = connection
            .query_row(
                &format!("SELECT at FROM {kind} ORDER BY seq LIMIT 1"),
                [],
                |row| row.get::<_, i64>(0),
            )
            .optional()?;
        oldest = oldest
            .into_iter()
            .chain(first.map(|at| (at, *kind)))
            .min_by_key(|(at, _)| *at);
    }
    Ok(oldest.map(|(_, kind)| kind))
}

/// Bytes of the file that hold something.
pub(super) fn used(connection: &Connection) -> rusqlite::Result<u64> {
    let [size, all, free] = ["page_size", "page_count", "freelist_count"]
        .map(|pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)));
    Ok(size?.unsigned_abs() * (all? - free?).unsigned_abs())
}
