//! The shape of the file, and how an older one becomes today's.

use rusqlite::Connection;

use super::error::OpenError;

/// "AceH": tells our files from those of other programs.
pub(super) const APPLICATION_ID: i32 = 0x4163_6548;

/// Each makes the next version out of the one before; an empty file is version 0. What has been
/// released is never changed again.
const MIGRATIONS: &[&str] = &[
    // 1: what is measured. Times are milliseconds since 1970, words numbers of `name`.
    "CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
     CREATE TABLE sources (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, subject INTEGER NOT NULL,
        state INTEGER, expected INTEGER, audio INTEGER, surplus INTEGER,
        gap_connect INTEGER, gap_backoff INTEGER, gap_stall INTEGER, gap_loss INTEGER,
        gap_decode INTEGER, gap_blocked INTEGER, gap_local INTEGER,
        rms INTEGER, peak INTEGER, lost INTEGER, reconnects INTEGER);
     CREATE INDEX sources_at ON sources (at);
     CREATE TABLE memory (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, subject INTEGER NOT NULL,
        resident INTEGER, swap INTEGER, heap INTEGER, external INTEGER, processes INTEGER);
     CREATE INDEX memory_at ON memory (at);
     CREATE TABLE verdicts (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, subject INTEGER NOT NULL,
        pattern INTEGER, severity INTEGER, confidence INTEGER, slope REAL, words TEXT);
     CREATE TABLE alarms (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, subject INTEGER NOT NULL,
        id TEXT, alarm INTEGER, severity INTEGER, status INTEGER, value REAL, threshold REAL,
        words TEXT);",
    // 2: threads, consumers, and what was done.
    "ALTER TABLE memory ADD COLUMN threads INTEGER;
     CREATE TABLE consumers (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, subject INTEGER NOT NULL,
        category INTEGER, bytes INTEGER, active INTEGER);
     CREATE TABLE allocations (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, subject INTEGER NOT NULL,
        buffer_type INTEGER, attempted INTEGER, first_allocation INTEGER,
        repeated_blocked INTEGER, error INTEGER, released INTEGER);
     CREATE TABLE operations (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, subject INTEGER NOT NULL,
        outcome INTEGER, words TEXT);",
];

/// The version that this program writes.
pub(super) const VERSION: i32 = 2;
const _: () = assert!(MIGRATIONS.len() == VERSION as usize);

/// Refuses what this program cannot or must not write. Changes nothing.
pub(super) fn check(connection: &Connection) -> Result<(), OpenError> {
    let found = number(connection, "user_version")?;
    let application = number(connection, "application_id")?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && (application != 0 || tables > 0) {
        return Err(OpenError::Foreign);
    }
    if found > VERSION {
        return Err(OpenError::Newer {
            found,
            known: VERSION,
        });
    }
    if found < 0 {
        return Err(OpenError::Foreign);
    }
    Ok(())
}

/// Makes a checked file what this program writes.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let found = number(connection, "user_version")?;
    let from = usize::try_from(found).unwrap_or_default();
    if from == MIGRATIONS.len() {
        return Ok(());
    }
    // All or nothing: a program that is killed in between finds the file as it was.
    let transaction = connection.transaction()?;
    for migration in &MIGRATIONS[from..] {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    if from > 0 {
        tracing::info!(
            from,
            to = VERSION,
            "the history's file was brought up to date"
        );
    }
    Ok(())
}

fn number(connection: &Connection, pragma: &str) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, pragma, |row| row.get(0))
}
