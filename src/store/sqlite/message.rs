//! The journal: messages as they arrived, and what became of each of their items.

use bytes::Bytes;
use channel_sdk::adapter::Entrance;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{
    channel,
    rows::{from_json, from_name, get, nanos, small, time, to_json, unsigned, uuid},
    writer::Tx,
};
use crate::{
    petition::PetitionId,
    store::{
        ItemRecord, ItemRef, ItemState, ItemsDone, MessageId, MessageState, NewMessage, QuarantineQuery,
        QuarantinedItem, StoreError, StoredMessage,
    },
};

pub(super) fn message_insert_in_tx(tx: &mut Tx<'_>, message: &NewMessage) -> Result<MessageId, StoreError> {
    let sql = "INSERT INTO messages (channel, entrance, route, content_type, received_at, sha256, state, body)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7)";
    tx.sql(sql)?.execute(params![
        message.channel,
        message.entrance == Entrance::Pull,
        message.route,
        message.content_type,
        nanos(message.received_at),
        message.sha256,
        &message.body[..],
    ])?;
    let id = MessageId(tx.row_number());
    let tally = tx.tally(&message.channel);
    tally.messages += 1;
    tally.last_inbound_at = tally.last_inbound_at.max(Some(message.received_at));
    Ok(id)
}

/// Records what became of an item; an item dealt with again (reprocessed, discarded) replaces what was known of it.
pub(super) fn item_put_in_tx(tx: &mut Tx<'_>, record: &ItemRecord) -> Result<(), StoreError> {
    let (message, place_no) = (record.item.message.0, record.item.index);
    let before: Option<String> = tx
        .sql("SELECT state FROM items WHERE message = ?1 AND place_no = ?2")?
        .query_row(params![message, place_no], |row| row.get(0))
        .optional()?;
    let sql = "INSERT INTO items (message, place_no, place, external_id, state, faults, petition, discarded)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
               ON CONFLICT (message, place_no) DO UPDATE SET
                   place = excluded.place, external_id = excluded.external_id, state = excluded.state,
                   faults = excluded.faults, petition = excluded.petition, discarded = excluded.discarded";
    tx.sql(sql)?.execute(params![
        message,
        place_no,
        record.place,
        record.external_id,
        record.state.as_str(),
        to_json(&record.faults)?,
        record.petition.as_ref().map(|petition| petition.0.as_bytes().as_slice()),
        record.discarded,
    ])?;
    let quarantined = ItemState::Quarantined;
    let was = before.as_deref() == Some(quarantined.as_str());
    let is = record.state == quarantined;
    if was != is {
        let channel: String =
            tx.sql("SELECT channel FROM messages WHERE id = ?1")?.query_row([message], |row| row.get(0))?;
        tx.tally(&channel).quarantined += if is { 1 } else { -1 };
    }
    Ok(())
}

/// The message is dealt with and its feed's cursor moves on: in one transaction, so that a page is neither lost nor
/// forgotten when the gateway is killed in between.
pub(super) fn message_done_in_tx(tx: &mut Tx<'_>, done: &ItemsDone) -> Result<(), StoreError> {
    if let Some(message) = done.message {
        tx.sql("UPDATE messages SET state = 1 WHERE id = ?1 AND state = 0")?.execute([message.0])?;
    }
    if let Some(cursor) = &done.cursor {
        channel::cursor_move_in_tx(tx, &done.channel, cursor)?;
        let now = tx.now;
        let tally = tx.tally(&done.channel);
        tally.last_inbound_at = tally.last_inbound_at.max(Some(now));
    }
    Ok(())
}

pub(super) fn message_reopen_in_tx(tx: &Tx<'_>, id: MessageId) -> Result<(), StoreError> {
    tx.sql("UPDATE messages SET state = 0 WHERE id = ?1 AND state <> 0")?.execute([id.0])?;
    Ok(())
}

pub(super) fn message_is_unfinished_in_tx(tx: &Tx<'_>, id: MessageId) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM messages WHERE id = ?1 AND state = 0)";
    Ok(tx.sql(sql)?.query_row([id.0], |row| row.get(0))?)
}

pub(super) fn message_get(conn: &Connection, id: MessageId) -> Result<Option<StoredMessage>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM messages WHERE id = ?1")?;
    statement.query_and_then([id.0], message_of)?.next().transpose()
}

pub(super) const UNFINISHED: &str = "SELECT id FROM messages WHERE state = 0 ORDER BY id LIMIT ?1";

pub(super) fn message_list_unfinished(conn: &Connection, limit: u32) -> Result<Vec<MessageId>, StoreError> {
    let mut statement = conn.prepare_cached(UNFINISHED)?;
    statement.query_and_then([limit], |row| Ok(MessageId(get(row, "id")?)))?.collect()
}

fn message_of(row: &Row<'_>) -> Result<StoredMessage, StoreError> {
    let state: i64 = get(row, "state")?;
    let body: Vec<u8> = get(row, "body")?;
    Ok(StoredMessage {
        id: MessageId(get(row, "id")?),
        channel: get(row, "channel")?,
        entrance: entrance_of(row)?,
        route: get(row, "route")?,
        content_type: get(row, "content_type")?,
        received_at: time(get(row, "received_at")?)?,
        sha256: get(row, "sha256")?,
        state: if state == 0 { MessageState::Received } else { MessageState::Done },
        body: Bytes::from(body),
    })
}

fn entrance_of(row: &Row<'_>) -> Result<Entrance, StoreError> {
    let pulled: bool = get(row, "entrance")?;
    Ok(if pulled { Entrance::Pull } else { Entrance::Push })
}

pub(super) fn item_list_of(conn: &Connection, petition: PetitionId) -> Result<Vec<ItemRecord>, StoreError> {
    let sql = "SELECT * FROM items WHERE petition = ?1 ORDER BY message, place_no";
    let mut statement = conn.prepare_cached(sql)?;
    statement.query_and_then([petition.0.as_bytes().as_slice()], item_of)?.collect()
}

fn item_of(row: &Row<'_>) -> Result<ItemRecord, StoreError> {
    let (state, faults): (String, String) = (get(row, "state")?, get(row, "faults")?);
    let petition: Option<Vec<u8>> = get(row, "petition")?;
    let petition: Option<Uuid> = petition.map(|bytes| uuid("item", &bytes)).transpose()?;
    Ok(ItemRecord {
        item: ItemRef { message: MessageId(get(row, "message")?), index: small(get(row, "place_no")?) },
        place: get(row, "place")?,
        external_id: get(row, "external_id")?,
        state: from_name("item", &state)?,
        faults: from_json("item", &faults)?,
        petition: petition.map(PetitionId),
        discarded: get(row, "discarded")?,
    })
}

const QUARANTINED: &str = "SELECT i.*, m.channel, m.entrance, m.route, m.content_type, m.received_at, m.sha256,
                                  length(m.body) AS size_bytes
                           FROM items i JOIN messages m ON m.id = i.message";

/// One page of the quarantine, out of its index in either direction; of other states, out of the table. The state is
/// written out, so that the index is seen to fit.
pub(super) fn quarantine_page(state: ItemState, oldest_first: bool) -> String {
    let (beyond, order) = if oldest_first { (">", "ASC") } else { ("<", "DESC") };
    format!(
        "{QUARANTINED} WHERE i.state = '{state}' AND (i.message, i.place_no) {beyond} (?1, ?2)
         AND (?3 IS NULL OR m.channel = ?3)
         AND (?4 IS NULL OR EXISTS (SELECT 1 FROM json_each(i.faults) WHERE value ->> '$.code' = ?4))
         AND (?5 IS NULL OR substr(i.place, 1, length(?5)) = ?5) AND (?6 IS NULL OR i.external_id = ?6)
         AND (?7 IS NULL OR m.route = ?7)
         AND (?8 IS NULL OR m.received_at >= ?8) AND (?9 IS NULL OR m.received_at < ?9)
         ORDER BY i.message {order}, i.place_no {order} LIMIT ?10"
    )
}

pub(super) fn quarantine_list(conn: &Connection, query: &QuarantineQuery) -> Result<Vec<QuarantinedItem>, StoreError> {
    let before_all = if query.oldest_first { i64::MIN } else { i64::MAX };
    let after = query.after.map_or((before_all, 0), |after| (after.message.0, after.index));
    let params = params![
        after.0,
        after.1,
        query.channel,
        query.fault_code,
        query.place,
        query.external_id,
        query.route,
        query.received_from.map(nanos),
        query.received_before.map(nanos),
        query.limit
    ];
    let mut statement = conn.prepare_cached(&quarantine_page(query.state, query.oldest_first))?;
    statement.query_and_then(params, quarantined_of)?.collect()
}

pub(super) fn quarantine_get(conn: &Connection, item: ItemRef) -> Result<Option<QuarantinedItem>, StoreError> {
    let sql = format!("{QUARANTINED} WHERE i.message = ?1 AND i.place_no = ?2");
    let mut statement = conn.prepare_cached(&sql)?;
    statement.query_and_then(params![item.message.0, item.index], quarantined_of)?.next().transpose()
}

fn quarantined_of(row: &Row<'_>) -> Result<QuarantinedItem, StoreError> {
    Ok(QuarantinedItem {
        record: item_of(row)?,
        channel: get(row, "channel")?,
        entrance: entrance_of(row)?,
        route: get(row, "route")?,
        content_type: get(row, "content_type")?,
        received_at: time(get(row, "received_at")?)?,
        sha256: get(row, "sha256")?,
        size_bytes: unsigned(get(row, "size_bytes")?),
    })
}
