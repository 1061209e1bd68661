//! Channels: their counts, their pauses, the cursors of their feeds, their code lists.

use channel_sdk::inbound::CodeList;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    rows::{from_json, get, nanos, time, to_json, unsigned},
    writer::Tx,
};
use crate::store::{ChannelState, CursorMove, StoreError, TableCounts};

/// What a batch adds to a channel's row.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) petitions: i64,
    pub(super) messages: i64,
    pub(super) quarantined: i64,
    pub(super) pending: i64,
    pub(super) delivered: i64,
    pub(super) dead_letters: i64,
    pub(super) last_inbound_at: Option<Timestamp>,
    pub(super) last_delivered_at: Option<Timestamp>,
}

pub(super) fn tally_add_in_tx(tx: &Tx<'_>, name: &str, tally: &Tally) -> Result<(), StoreError> {
    let sql = "INSERT INTO channels AS c (name, petitions, messages, quarantined, pending, delivered, dead_letters,
                                          last_inbound_at, last_delivered_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
               ON CONFLICT (name) DO UPDATE SET
                   petitions = c.petitions + excluded.petitions,
                   messages = c.messages + excluded.messages,
                   quarantined = c.quarantined + excluded.quarantined,
                   pending = c.pending + excluded.pending,
                   delivered = c.delivered + excluded.delivered,
                   dead_letters = c.dead_letters + excluded.dead_letters,
                   last_inbound_at = coalesce(max(c.last_inbound_at, excluded.last_inbound_at),
                                              c.last_inbound_at, excluded.last_inbound_at),
                   last_delivered_at = coalesce(max(c.last_delivered_at, excluded.last_delivered_at),
                                                c.last_delivered_at, excluded.last_delivered_at)";
    tx.sql(sql)?.execute(params![
        name,
        tally.petitions,
        tally.messages,
        tally.quarantined,
        tally.pending,
        tally.delivered,
        tally.dead_letters,
        tally.last_inbound_at.map(nanos),
        tally.last_delivered_at.map(nanos),
    ])?;
    Ok(())
}

pub(super) fn channel_pause_in_tx(tx: &Tx<'_>, name: &str, paused: bool, reason: &str) -> Result<(), StoreError> {
    let sql = "INSERT INTO channels (name, paused, paused_reason) VALUES (?1, ?2, ?3)
               ON CONFLICT (name) DO UPDATE SET paused = excluded.paused, paused_reason = excluded.paused_reason";
    tx.sql(sql)?.execute(params![name, paused, reason])?;
    Ok(())
}

pub(super) fn cursor_move_in_tx(tx: &Tx<'_>, channel: &str, cursor: &CursorMove) -> Result<(), StoreError> {
    let sql = "SELECT cursor FROM cursors WHERE channel = ?1 AND feed = ?2";
    let stands: Option<String> = tx.sql(sql)?.query_row([channel, &cursor.feed], |row| row.get(0)).optional()?;
    if stands != cursor.from {
        return Ok(());
    }
    let sql = "INSERT INTO cursors (channel, feed, cursor, at) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (channel, feed) DO UPDATE SET cursor = excluded.cursor, at = excluded.at";
    tx.sql(sql)?.execute(params![channel, cursor.feed, cursor.to, nanos(tx.now)])?;
    Ok(())
}

pub(super) fn code_list_put_in_tx(tx: &Tx<'_>, channel: &str, list: &CodeList) -> Result<(), StoreError> {
    let sql = "INSERT INTO code_lists (channel, name, entries) VALUES (?1, ?2, ?3)
               ON CONFLICT (channel, name) DO UPDATE SET entries = excluded.entries";
    tx.sql(sql)?.execute(params![channel, list.name, to_json(&list.entries)?])?;
    Ok(())
}

pub(super) fn cursor_get(conn: &Connection, channel: &str, feed: &str) -> Result<Option<String>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT cursor FROM cursors WHERE channel = ?1 AND feed = ?2")?;
    Ok(statement.query_row([channel, feed], |row| row.get(0)).optional()?)
}

pub(super) fn code_list_of(conn: &Connection, channel: &str) -> Result<Vec<CodeList>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT name, entries FROM code_lists WHERE channel = ?1 ORDER BY name")?;
    let lists = statement.query_and_then([channel], |row| {
        let entries: String = get(row, "entries")?;
        Ok(CodeList { name: get(row, "name")?, entries: from_json("code list", &entries)? })
    })?;
    lists.collect()
}

/// Few are parked, and an index has them: so they are counted, and taken out of what waits.
const PARKED: &str = "(SELECT count(*) FROM deliveries d
                       WHERE d.channel = c.name AND d.state = 0 AND d.due_at = 9223372036854775807)";

pub(super) fn channel_list(conn: &Connection) -> Result<Vec<ChannelState>, StoreError> {
    let mut statement =
        conn.prepare_cached(&format!("SELECT c.*, {PARKED} AS parked FROM channels c ORDER BY name"))?;
    statement.query_and_then([], channel_of)?.collect()
}

fn channel_of(row: &Row<'_>) -> Result<ChannelState, StoreError> {
    let count = |column: &str| get(row, column).map(unsigned);
    let at = |column: &str| get::<Option<i64>>(row, column)?.map(time).transpose();
    Ok(ChannelState {
        name: get(row, "name")?,
        paused: get(row, "paused")?,
        paused_reason: get(row, "paused_reason")?,
        last_inbound_at: at("last_inbound_at")?,
        last_delivered_at: at("last_delivered_at")?,
        pending: count("pending")?.saturating_sub(count("parked")?),
        parked: count("parked")?,
        dead_letters: count("dead_letters")?,
        quarantined: count("quarantined")?,
        petitions: count("petitions")?,
    })
}

pub(super) fn counts(conn: &Connection) -> Result<TableCounts, StoreError> {
    // The sequence is gapless, so its last number is the number of events.
    let sql = format!(
        "SELECT (SELECT value FROM counters WHERE name = 'seq') AS events,
                coalesce(sum(petitions), 0) AS petitions, coalesce(sum(messages), 0) AS messages,
                coalesce(sum(quarantined), 0) AS quarantined, coalesce(sum(pending), 0) AS pending,
                coalesce(sum(delivered), 0) AS delivered, coalesce(sum(dead_letters), 0) AS dead_letters,
                coalesce(sum({PARKED}), 0) AS parked
         FROM channels c"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let counts = statement.query_row([], |row| {
        let count = |column: &str| row.get(column).map(unsigned);
        Ok(TableCounts {
            petitions: count("petitions")?,
            events: count("events")?,
            messages: count("messages")?,
            quarantined: count("quarantined")?,
            pending: count("pending")?.saturating_sub(count("parked")?),
            parked: count("parked")?,
            delivered: count("delivered")?,
            dead_letters: count("dead_letters")?,
        })
    });
    Ok(counts?)
}
