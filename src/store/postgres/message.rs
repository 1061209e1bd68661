//! Reading the journal: messages as they arrived, and what became of each of their items.

use bytes::Bytes;
use channel_sdk::adapter::Entrance;
use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    rows::{from_name, get, get_json, get_text, get_text_opt, nanos, small, time, unsigned},
    statement::{Statement, Value},
};
use crate::{
    petition::PetitionId,
    store::{
        ItemRecord, ItemRef, MessageId, MessageState, QuarantineQuery, QuarantinedItem, StoreError, StoredMessage,
    },
};

const MESSAGE_GET: &str = "SELECT id, channel, entrance, route, content_type, received_at, sha256, state, body
                           FROM messages WHERE id = $1";

/// Those of nobody, of the gateway `$1`, and of gateways that are gone at the time `$2`.
pub(super) const UNFINISHED: &str = "SELECT m.id FROM messages m
     WHERE m.state = 0
       AND (m.owner IS NULL OR m.owner = $1
            OR NOT EXISTS (SELECT 1 FROM gateways g WHERE g.id = m.owner AND g.until > $2))
     ORDER BY m.id LIMIT $3";

pub(super) const ITEM_LIST_OF: &str = "SELECT message, place_no, place, external_id, state, faults, petition, discarded
     FROM items WHERE petition = $1 ORDER BY message, place_no";

const QUARANTINED: &str = "SELECT i.message, i.place_no, i.place, i.external_id, i.state, i.faults, i.petition,
            i.discarded, m.channel, m.entrance, m.route, m.content_type, m.received_at, m.sha256,
            octet_length(m.body)::bigint AS size_bytes
     FROM items i JOIN messages m ON m.id = i.message";

pub(super) async fn message_get(conn: &ClientWrapper, id: MessageId) -> Result<Option<StoredMessage>, StoreError> {
    let statement = conn.prepare_cached(MESSAGE_GET).await?;
    conn.query_opt(&statement, &[&id.0]).await?.as_ref().map(message_of).transpose()
}

pub(super) async fn message_list_unfinished(
    conn: &ClientWrapper,
    gateway: Uuid,
    now: i64,
    limit: u32,
) -> Result<Vec<MessageId>, StoreError> {
    let statement = conn.prepare_cached(UNFINISHED).await?;
    let rows = conn.query(&statement, &[&gateway, &now, &i64::from(limit)]).await?;
    rows.iter().map(|row| get(row, "id").map(MessageId)).collect()
}

fn message_of(row: &Row) -> Result<StoredMessage, StoreError> {
    let state: i64 = get(row, "state")?;
    let body: Vec<u8> = get(row, "body")?;
    Ok(StoredMessage {
        id: MessageId(get(row, "id")?),
        channel: get_text(row, "channel")?,
        entrance: entrance_of(row)?,
        route: get_text(row, "route")?,
        content_type: get_text(row, "content_type")?,
        received_at: time(get(row, "received_at")?)?,
        sha256: get_text(row, "sha256")?,
        state: if state == 0 { MessageState::Received } else { MessageState::Done },
        body: Bytes::from(body),
    })
}

fn entrance_of(row: &Row) -> Result<Entrance, StoreError> {
    let entrance: i64 = get(row, "entrance")?;
    Ok(if entrance == 0 { Entrance::Push } else { Entrance::Pull })
}

pub(super) async fn item_list_of(conn: &ClientWrapper, petition: PetitionId) -> Result<Vec<ItemRecord>, StoreError> {
    let statement = conn.prepare_cached(ITEM_LIST_OF).await?;
    conn.query(&statement, &[&petition.0]).await?.iter().map(item_of).collect()
}

fn item_of(row: &Row) -> Result<ItemRecord, StoreError> {
    let petition: Option<Uuid> = get(row, "petition")?;
    Ok(ItemRecord {
        item: ItemRef { message: MessageId(get(row, "message")?), index: small(get(row, "place_no")?) },
        place: get_text(row, "place")?,
        external_id: get_text_opt(row, "external_id")?,
        state: from_name("item", &get_text(row, "state")?)?,
        faults: get_json("item", row, "faults")?,
        petition: petition.map(PetitionId),
        discarded: get_text_opt(row, "discarded")?,
    })
}

/// One page of the quarantine, out of its index in either direction.
pub(super) fn quarantine_page(query: &QuarantineQuery) -> Statement {
    let mut it = Statement { sql: format!("{QUARANTINED} WHERE i.state = '{}'", query.state), ..Statement::default() };
    let (beyond, order) = if query.oldest_first { (">", "ASC") } else { ("<", "DESC") };
    if let Some(after) = query.after {
        let message = it.value(Value::Integer(after.message.0));
        let place_no = it.value(Value::Integer(i64::from(after.index)));
        it.and(&format!("(i.message, i.place_no) {beyond} ({message}, {place_no})"));
    }
    if let Some(channel) = &query.channel {
        let channel = it.value(Value::text(channel));
        it.and(&format!("m.channel = {channel}"));
    }
    if let Some(code) = &query.fault_code {
        let code = it.value(Value::Text(code_in_faults(code)));
        it.and(&format!("position({code} in i.faults) > 0"));
    }
    if let Some(place) = &query.place {
        let place = it.value(Value::text(place));
        it.and(&format!("left(i.place, char_length({place})) = {place}"));
    }
    if let Some(external_id) = &query.external_id {
        let external_id = it.value(Value::text(external_id));
        it.and(&format!("i.external_id = {external_id}"));
    }
    if let Some(route) = &query.route {
        let route = it.value(Value::text(route));
        it.and(&format!("m.route = {route}"));
    }
    for (at, compare) in [(query.received_from, ">="), (query.received_before, "<")] {
        if let Some(at) = at {
            let at = it.value(Value::Integer(nanos(at)));
            it.and(&format!("m.received_at {compare} {at}"));
        }
    }
    it.sql.push_str(&format!(" ORDER BY i.message {order}, i.place_no {order} LIMIT {}", query.limit));
    it
}

/// What stands in the JSON of faults that have this code, and nowhere else in it: inside a string its quotation marks
/// would stand after backslashes. The database's own JSON functions refuse a text with a NUL.
fn code_in_faults(code: &str) -> String {
    let code = serde_json::Value::String(code.to_owned());
    format!("\"code\":{code}")
}

pub(super) async fn quarantine_list(
    conn: &ClientWrapper,
    query: &QuarantineQuery,
) -> Result<Vec<QuarantinedItem>, StoreError> {
    quarantine_page(query).rows(conn).await?.iter().map(quarantined_of).collect()
}

pub(super) async fn quarantine_get(conn: &ClientWrapper, item: ItemRef) -> Result<Option<QuarantinedItem>, StoreError> {
    let statement = conn.prepare_cached(&format!("{QUARANTINED} WHERE i.message = $1 AND i.place_no = $2")).await?;
    let found = conn.query_opt(&statement, &[&item.message.0, &i64::from(item.index)]).await?;
    found.as_ref().map(quarantined_of).transpose()
}

fn quarantined_of(row: &Row) -> Result<QuarantinedItem, StoreError> {
    Ok(QuarantinedItem {
        record: item_of(row)?,
        channel: get_text(row, "channel")?,
        entrance: entrance_of(row)?,
        route: get_text(row, "route")?,
        content_type: get_text(row, "content_type")?,
        received_at: time(get(row, "received_at")?)?,
        sha256: get_text(row, "sha256")?,
        size_bytes: unsigned(get(row, "size_bytes")?),
    })
}
