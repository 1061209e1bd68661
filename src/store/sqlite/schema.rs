//! Opening a database file: is it ours, is it of a version that we know, bring it forward, set it up.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use crate::store::open::{Migrated, OpenError, Schema};

/// The migrations, in order; the database's `user_version` is how many were done. Forward only: never edit one that was
/// released, add the next.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_doubt.sql"),
    include_str!("migrations/0003_reconciliation.sql"),
];

/// `PTGW`: the mark by which a file is known as a store of this gateway.
const APPLICATION_ID: i64 = 0x5054_4757;

/// How long a statement waits for a lock. There is one writer and it holds the lock file, so only a backup tool or a
/// person with a shell can hold one, for moments.
pub(super) const BUSY: Duration = Duration::from_secs(5);
/// How often the lock file is tried: whoever ended just now may hold it for a moment more, because a process that it had
/// started meanwhile shares its files until it becomes another program.
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// The page of a new database; one that is there keeps its own. A petition's row has some two thousand bytes, of which
/// SQLite's usual page would hold one and waste the rest: here it is three, so a commit writes a third of the pages.
const PAGE_BYTES: i64 = 8_192;
/// The write-ahead log before a commit moves its pages into the database: 16 MiB bounds the log's size and what a
/// restart has to read, and is large enough that a busy page is moved once for many commits.
const WAL_BYTES: i64 = 16 * 1024 * 1024;
/// The log file is cut back to this size after a burst, and begun anew when it is longer ([`super::wal`]).
pub(super) const WAL_BYTES_KEPT: u64 = 64 * 1024 * 1024;
/// Page cache of the writer, in KiB: the hot ends of its indexes. The rest is the operating system's to cache.
const WRITER_CACHE_KIB: i64 = 16 * 1024;
/// Page cache of each reader, in KiB.
const READER_CACHE_KIB: i64 = 2 * 1024;
/// Prepared statements kept on each connection: all that are written down here, and the usual forms of lists.
const STATEMENTS_CACHED: usize = 96;

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> OpenError {
        OpenError::engine(error)
    }
}

/// Brings a file's schema forward, as opening it does; not while a gateway has it.
///
/// # Errors
/// See [`OpenError`].
pub fn migrate(path: &Path) -> Result<Migrated, OpenError> {
    let _lock = lock(path)?;
    let before = schema_check(path)?;
    open_writer(path)?;
    Ok(Migrated { before: before.found, schema: schema_check(path)? })
}

/// Where a file's schema stands. A gateway may have it meanwhile.
///
/// # Errors
/// See [`OpenError`].
pub fn schema_check(path: &Path) -> Result<Schema, OpenError> {
    let (store, known) = (name_of(path), known());
    let found = if path.exists() { check(&open_read_only(path)?, path) } else { Ok(0) };
    // There is one gateway on a file, so no step lets older ones go on.
    match found {
        Ok(found) => Ok(Schema { store, found, known, oldest: found }),
        Err(OpenError::Newer { found, .. }) => Ok(Schema { store, found, known, oldest: found }),
        Err(error) => Err(error),
    }
}

/// Takes the lock file beside the database; it is held as long as the file is open, whatever becomes of the process.
pub(super) fn lock(path: &Path) -> Result<File, OpenError> {
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(io)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(name).map_err(io)?;
    let mut tries = 1;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if tries < LOCK_TRIES => {
                tries += 1;
                std::thread::sleep(LOCK_PAUSE);
            }
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(name_of(path))),
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
    }
}

/// Whether a gateway has the file: whoever opens it holds the lock file. The lock is not taken, so that one that starts at
/// this moment is not kept out for longer than it tries.
pub(super) fn is_locked(path: &Path) -> bool {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = OpenOptions::new().read(true).open(name);
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// The writer's connection, on a database of the schema that this gateway knows.
pub(super) fn open_writer(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    let version = check(&conn, path)?;
    if version == 0 {
        // Has an effect on an empty file only.
        conn.pragma_update(None, "page_size", PAGE_BYTES)?;
    }
    set_up(&conn, WRITER_CACHE_KIB)?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    let page_bytes: i64 = conn.pragma_query_value(None, "page_size", |row| row.get(0))?;
    conn.pragma_update(None, "wal_autocheckpoint", WAL_BYTES / page_bytes.max(1))?;
    conn.pragma_update(None, "journal_size_limit", i64::try_from(WAL_BYTES_KEPT).unwrap_or(i64::MAX))?;
    bring_forward(&conn, version)?;
    Ok(conn)
}

/// The one connection to a database of the schema that this gateway knows, which is gone with it.
pub(super) fn open_in_memory() -> Result<Connection, OpenError> {
    let conn = Connection::open_in_memory()?;
    set_up(&conn, WRITER_CACHE_KIB)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    bring_forward(&conn, 0)?;
    Ok(conn)
}

/// A reader's connection.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let conn = open_read_only(path)?;
    conn.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    keep_statements(&conn)?;
    Ok(conn)
}

/// Statements stay as they were prepared. Else the engine looks at what is bound to a limit, or compared with what a partial
/// index asks for, and prepares the statement again for each other value, which costs more than running it.
fn keep_statements(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    Ok(())
}

fn open_read_only(path: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(BUSY)?;
    Ok(conn)
}

fn set_up(conn: &Connection, cache_kib: i64) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY)?;
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    conn.pragma_update(None, "cache_size", -cache_kib)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    keep_statements(conn)
}

/// The database's version; nothing is written before this has passed.
fn check(conn: &Connection, path: &Path) -> Result<i64, OpenError> {
    let known = known();
    let pragma = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let foreign = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => OpenError::Foreign(name_of(path)),
        _ => error.into(),
    };
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(foreign)?;
    let (mark, found) = (pragma("application_id")?, pragma("user_version")?);
    if mark != APPLICATION_ID && (mark != 0 || found != 0 || tables != 0) {
        return Err(OpenError::Foreign(name_of(path)));
    }
    if found > known {
        return Err(OpenError::Newer { store: name_of(path), found, known });
    }
    Ok(found)
}

/// Each step with its version in one transaction: a kill in between leaves the step before.
fn bring_forward(conn: &Connection, version: i64) -> rusqlite::Result<()> {
    for (done, step) in (1_i64..).zip(MIGRATIONS).filter(|(done, _)| *done > version) {
        let tx = conn.unchecked_transaction()?;
        tx.execute_batch(step)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", done)?;
        tx.commit()?;
    }
    Ok(())
}

fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).expect("there are few migrations")
}

fn name_of(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_statement_is_prepared_once_whatever_is_bound_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        for conn in [open_in_memory().unwrap(), open_writer(&path).unwrap(), open_reader(&path).unwrap()] {
            let mut statement = conn.prepare("SELECT seq FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2").unwrap();
            for limit in 1..=3 {
                statement.query_map([0, limit], |_| Ok(())).unwrap().for_each(drop);
            }
            assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
        }
    }
}
