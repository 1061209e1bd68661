//! Reading channels: their counts, their pauses, the cursors of their feeds, their code lists; and who else is there.
//!
//! Names are ordered by their bytes, whatever order of words the database was made with.

use std::collections::BTreeSet;

use channel_sdk::inbound::CodeList;
use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;
use uuid::Uuid;

use super::rows::{get, get_json, get_text, get_texts, text, time, unsigned};
use crate::store::{ChannelState, OtherGateway, StoreError, TableCounts};

/// All gateways but `$1` that are alive at the time `$2`, with the channels that they hold then.
const OTHERS: &str = "SELECT g.id, g.about, g.seen,
            ARRAY (SELECT t.channel FROM turns t WHERE t.gateway = g.id AND t.until > $2) AS holds
     FROM gateways g WHERE g.id <> $1 AND g.until > $2 AND g.about IS NOT NULL ORDER BY g.id";

/// Few are parked, and an index has them: so they are counted, and taken out of what waits.
macro_rules! parked {
    () => {
        "(SELECT count(*) FROM deliveries d
          WHERE d.channel = c.name AND d.state = 0 AND d.due_at = 9223372036854775807)"
    };
}

/// The sequence is gapless, so its last number is the number of events.
const COUNTS: &str = concat!(
    "SELECT (SELECT seq FROM counters) AS events,
            coalesce(sum(petitions), 0)::bigint AS petitions, coalesce(sum(messages), 0)::bigint AS messages,
            coalesce(sum(quarantined), 0)::bigint AS quarantined, coalesce(sum(pending), 0)::bigint AS pending,
            coalesce(sum(delivered), 0)::bigint AS delivered, coalesce(sum(dead_letters), 0)::bigint AS dead_letters,
            coalesce(sum(",
    parked!(),
    "), 0)::bigint AS parked
     FROM channels c"
);

pub(super) const CHANNELS: &str = concat!(
    "SELECT name, paused, paused_reason, last_inbound_at, last_delivered_at, pending, dead_letters, quarantined, petitions, ",
    parked!(),
    " AS parked FROM channels c ORDER BY name COLLATE \"C\""
);

pub(super) async fn cursor_get(conn: &ClientWrapper, channel: &str, feed: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT cursor FROM cursors WHERE channel = $1 AND feed = $2";
    let statement = conn.prepare_cached(sql).await?;
    let found = conn.query_opt(&statement, &[&text(channel), &text(feed)]).await?;
    found.map(|row| get_text(&row, "cursor")).transpose()
}

pub(super) async fn code_list_of(conn: &ClientWrapper, channel: &str) -> Result<Vec<CodeList>, StoreError> {
    let sql = "SELECT name, entries FROM code_lists WHERE channel = $1 ORDER BY name COLLATE \"C\"";
    let statement = conn.prepare_cached(sql).await?;
    let rows = conn.query(&statement, &[&text(channel)]).await?;
    let lists = rows.iter().map(|row| {
        let entries = get_json("code list", row, "entries")?;
        Ok(CodeList { name: get_text(row, "name")?, entries })
    });
    lists.collect()
}

pub(super) async fn channel_list(conn: &ClientWrapper) -> Result<Vec<ChannelState>, StoreError> {
    let statement = conn.prepare_cached(CHANNELS).await?;
    conn.query(&statement, &[]).await?.iter().map(channel_of).collect()
}

fn channel_of(row: &Row) -> Result<ChannelState, StoreError> {
    let count = |column: &str| get(row, column).map(unsigned);
    let at = |column: &str| get::<Option<i64>>(row, column)?.map(time).transpose();
    Ok(ChannelState {
        name: get_text(row, "name")?,
        paused: get(row, "paused")?,
        paused_reason: get_text(row, "paused_reason")?,
        last_inbound_at: at("last_inbound_at")?,
        last_delivered_at: at("last_delivered_at")?,
        pending: count("pending")?.saturating_sub(count("parked")?),
        parked: count("parked")?,
        dead_letters: count("dead_letters")?,
        quarantined: count("quarantined")?,
        petitions: count("petitions")?,
    })
}

pub(super) async fn gateway_list_others(
    conn: &ClientWrapper,
    gateway: Uuid,
    now: i64,
) -> Result<Vec<OtherGateway>, StoreError> {
    let statement = conn.prepare_cached(OTHERS).await?;
    let rows = conn.query(&statement, &[&gateway, &now]).await?;
    // A newer gateway may tell of itself what this one does not understand: it is passed over.
    Ok(rows.iter().filter_map(|row| other_of(row).ok()).collect())
}

fn other_of(row: &Row) -> Result<OtherGateway, StoreError> {
    Ok(OtherGateway {
        id: get(row, "id")?,
        holds: BTreeSet::from_iter(get_texts(row, "holds")?),
        about: get_json("gateway", row, "about")?,
        seen: get_json("gateway", row, "seen")?,
    })
}

pub(super) async fn counts(conn: &ClientWrapper) -> Result<TableCounts, StoreError> {
    let statement = conn.prepare_cached(COUNTS).await?;
    let row = conn.query_one(&statement, &[]).await?;
    let count = |column: &str| get(&row, column).map(unsigned);
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
}
