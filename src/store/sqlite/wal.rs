//! The write-ahead log, kept short.
//!
//! SQLite moves the log's pages into the database by itself, and begins the log anew once nobody reads from it. Where there
//! is always somebody who reads (watchers, long lists, one after the other) that moment never comes, and the log grows until
//! the disk is full. So the writer looks at the log's size after each batch, and where it is too long waits a little for
//! those who read from it now; whoever comes meanwhile reads from the database, in which everything stands by then.

use std::{path::PathBuf, time::Duration};

use rusqlite::Connection;

use super::schema::{BUSY, WAL_BYTES_KEPT};

/// How long the writer waits for those who read: longer than nearly all reads take, and no longer than people's writes can
/// wait without much notice.
const PATIENCE: Duration = Duration::from_millis(200);
/// After it waited in vain, so much more is written before it waits again.
const STEP_BYTES: u64 = 16 * 1024 * 1024;

/// The log of a database.
pub(super) struct Wal {
    path: PathBuf,
    /// From this size on the log is begun anew.
    bytes_max: u64,
}

impl Wal {
    /// The log of the connection's database.
    pub(super) fn of(conn: &Connection) -> Wal {
        Wal { path: PathBuf::from(format!("{}-wal", conn.path().unwrap_or_default())), bytes_max: WAL_BYTES_KEPT }
    }

    /// Begins the log anew if it is too long. What fails here is tried again later: nothing depends on it but the size.
    pub(super) fn keep_short(&mut self, conn: &Connection) {
        // SQLite cuts the file back to what is kept when it begins anew, so a longer one is full.
        let bytes = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        if bytes <= self.bytes_max {
            return;
        }
        self.bytes_max = match restart(conn) {
            Ok(true) => WAL_BYTES_KEPT,
            Ok(false) => {
                tracing::warn!(wal.bytes = bytes, "somebody reads for long: the store's log cannot be begun anew now");
                bytes + STEP_BYTES
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(wal.bytes = bytes, error, "the store's log could not be begun anew");
                bytes + STEP_BYTES
            }
        };
    }
}

/// Moves everything into the database and has the next write begin the log anew; `false` when somebody reads too long.
fn restart(conn: &Connection) -> rusqlite::Result<bool> {
    conn.busy_timeout(PATIENCE)?;
    let busy = conn.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| row.get::<_, i64>(0));
    conn.busy_timeout(BUSY)?;
    Ok(busy? == 0)
}
