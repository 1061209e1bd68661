//! Writing: one thread with one connection. A batch is one transaction: all of it is durable or none of it.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::{self, JoinHandle},
};

use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection};
use tokio::sync::oneshot;

use super::{
    channel::{self, Tally},
    delivery, message, petition, reconciliation, redelivery,
    rows::{signed, unsigned},
    wal::Wal,
};
use crate::{
    clock::SharedClock,
    store::{Held, StoreError, Write, Written},
};

type Answer = oneshot::Sender<Result<Vec<Written>, StoreError>>;

/// Who writes: a thread of its own, or whoever asks.
pub(super) enum Writer {
    /// Dropping it ends the thread after the batch in hand and closes the database.
    Thread(WriterThread),
    /// For simulations: a thread would keep a time of its own.
    Inline { conn: SharedConnection, clock: SharedClock },
}

/// The one connection of a store that nobody else has.
pub(super) type SharedConnection = Arc<Mutex<Connection>>;

/// The thread that writes.
pub(super) struct WriterThread {
    batches: Option<mpsc::Sender<(Arc<[Write]>, Answer)>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(conn: Connection, clock: SharedClock) -> std::io::Result<Writer> {
        let (batches, inbox) = mpsc::channel::<(Arc<[Write]>, Answer)>();
        let mut wal = Wal::of(&conn);
        let work = move || {
            for (batch, answer) in inbox {
                // Whoever asked may be gone; what is written is written.
                let _gone = answer.send(write(&conn, &batch, clock.now()));
                wal.keep_short(&conn);
            }
        };
        let thread = thread::Builder::new().name("store-writer".to_owned()).spawn(work)?;
        Ok(Writer::Thread(WriterThread { batches: Some(batches), thread: Some(thread) }))
    }

    pub(super) async fn write(&self, batch: Arc<[Write]>) -> Result<Vec<Written>, StoreError> {
        const STOPPED: StoreError = StoreError::Unavailable("its writer has stopped");
        let thread = match self {
            Writer::Thread(thread) => thread,
            Writer::Inline { conn, clock } => {
                return write(&conn.lock().unwrap_or_else(PoisonError::into_inner), &batch, clock.now());
            }
        };
        let (answer, answered) = oneshot::channel();
        let batches = thread.batches.as_ref().ok_or(STOPPED)?;
        batches.send((batch, answer)).map_err(|_| STOPPED)?;
        answered.await.map_err(|_| STOPPED)?
    }
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        drop(self.batches.take());
        if let Some(thread) = self.thread.take() {
            // A writer that ended by a defect has told so already; there is nothing left to save.
            let _ended = thread.join();
        }
    }
}

/// The transaction of one batch, and what it has gathered to write at its end.
pub(super) struct Tx<'a> {
    conn: &'a Connection,
    /// When it happens.
    pub(super) now: Timestamp,
    /// The number of the last event, those of this batch included.
    pub(super) seq: u64,
    tallies: HashMap<String, Tally>,
}

impl Tx<'_> {
    /// A statement, prepared once for the connection's life.
    pub(super) fn sql(&self, text: &str) -> Result<CachedStatement<'_>, StoreError> {
        Ok(self.conn.prepare_cached(text)?)
    }

    /// The row number of the last insert.
    pub(super) fn row_number(&self) -> i64 {
        self.conn.last_insert_rowid()
    }

    /// What this batch changes in a channel's counts.
    pub(super) fn tally(&mut self, channel: &str) -> &mut Tally {
        // `entry` would need an owned name for each of the thousands of look-ups of the same few channels.
        if !self.tallies.contains_key(channel) {
            self.tallies.insert(channel.to_owned(), Tally::default());
        }
        self.tallies.get_mut(channel).expect("it was inserted if it was absent")
    }

    /// Brings the channels' rows up to what this batch has done so far.
    pub(super) fn write_tallies(&mut self) -> Result<(), StoreError> {
        for (name, tally) in std::mem::take(&mut self.tallies) {
            channel::tally_add_in_tx(self, &name, &tally)?;
        }
        Ok(())
    }
}

pub(super) fn write(conn: &Connection, batch: &[Write], now: Timestamp) -> Result<Vec<Written>, StoreError> {
    if !conn.is_autocommit() {
        // The batch before failed and so did its rollback (the disk was gone): nothing begins before that is done.
        conn.execute_batch("ROLLBACK")?;
    }
    conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    crate::failpoint::at!("sqlite.begun");
    let written = write_in_tx(conn, batch, now).and_then(|written| {
        crate::failpoint::at!("sqlite.before_commit");
        conn.prepare_cached("COMMIT")?.execute([])?;
        crate::failpoint::at!("sqlite.committed");
        Ok(written)
    });
    if written.is_err() && !conn.is_autocommit() {
        // SQLite has rolled back by itself after some errors; after the others it is ours to do. Should it fail now, it
        // is done before the next batch: the caller is told of the first failure.
        drop(conn.execute_batch("ROLLBACK"));
    }
    written
}

fn write_in_tx(conn: &Connection, batch: &[Write], now: Timestamp) -> Result<Vec<Written>, StoreError> {
    let seq: i64 =
        conn.prepare_cached("SELECT value FROM counters WHERE name = 'seq'")?.query_row([], |row| row.get(0))?;
    let before = unsigned(seq);
    let mut tx = Tx { conn, now, seq: before, tallies: HashMap::new() };
    let mut written = Vec::with_capacity(batch.len());
    for write in batch {
        written.push(write_one(&mut tx, write)?);
        crate::failpoint::at!("sqlite.in_transaction");
    }
    tx.write_tallies()?;
    if tx.seq != before {
        tx.sql("UPDATE counters SET value = ?1 WHERE name = 'seq'")?.execute([signed(tx.seq)])?;
    }
    Ok(written)
}

/// Nobody else is to hear of it, but it is written all the same: so a disk that takes nothing is found out within a beat,
/// though nobody calls. There and back, for SQLite writes no page on which a statement changed nothing.
fn beat_in_tx(tx: &Tx<'_>) -> Result<(), StoreError> {
    for step in [1, -1] {
        tx.sql("UPDATE counters SET value = value + ?1 WHERE name = 'seq'")?.execute([step])?;
    }
    Ok(())
}

fn write_one(tx: &mut Tx<'_>, write: &Write) -> Result<Written, StoreError> {
    Ok(match write {
        Write::Change(change) => Written::Committed(petition::change_commit_in_tx(tx, change)?),
        Write::Journal(message) => Written::Message(message::message_insert_in_tx(tx, message)?),
        Write::Items(items) => {
            for item in items {
                message::item_put_in_tx(tx, item)?;
            }
            Written::Done
        }
        Write::MessageDone(done) => {
            message::message_done_in_tx(tx, done)?;
            Written::Done
        }
        Write::Reopen(message) => {
            message::message_reopen_in_tx(tx, *message)?;
            Written::Done
        }
        // One gateway has this store to itself: what is unfinished is its own, and nobody else could hold a channel.
        Write::TakeOver(message) => Written::Settled(message::message_is_unfinished_in_tx(tx, *message)?),
        Write::Beat(beat) => {
            beat_in_tx(tx)?;
            Written::Held(Held { channels: beat.channels.clone(), to_sync: BTreeSet::new() })
        }
        Write::Leave | Write::Sync(_) => Written::Done,
        Write::Claim(claim) => Written::Claimed(delivery::delivery_claim_in_tx(tx, claim)?),
        Write::Settle(settle) => Written::Settled(delivery::delivery_settle_in_tx(tx, settle)?),
        Write::Retry(id) => Written::Settled(delivery::delivery_retry_in_tx(tx, *id)?),
        Write::SendAgain(id) => Written::Settled(redelivery::delivery_send_again_in_tx(tx, *id)?),
        Write::Reconcile(step) => {
            reconciliation::reconcile_in_tx(tx, step)?;
            Written::Done
        }
        Write::Pause { channel, paused, reason } => {
            channel::channel_pause_in_tx(tx, channel, *paused, reason)?;
            Written::Done
        }
        Write::CodeList { channel, list } => {
            channel::code_list_put_in_tx(tx, channel, list)?;
            Written::Done
        }
    })
}
