//! Reading deliveries and their attempts.

use deadpool_postgres::ClientWrapper;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::{
    rows::{get, get_json, get_text, get_text_opt, is_in, small, state_of, time},
    statement::{Statement, Value},
};
use crate::{
    petition::PetitionId,
    store::{Attempt, Delivery, DeliveryId, DeliveryQuery, StoreError},
};

/// The columns that [`delivery_of`] reads, named one by one: a newer gateway may add others.
pub(super) const DELIVERIES: &str = "SELECT d.id, d.petition, d.channel, d.lane, d.state, d.attempts,
            d.attempts_in_round, d.in_doubt, d.silent_attempts, d.next_at, d.due_at, d.created_at, d.ended_at, d.reason,
            d.remote_reference, e.body
     FROM deliveries d JOIN errands e ON e.delivery = d.n";

const ATTEMPTS: &str = "SELECT number, at, verdict, reason FROM attempts
     WHERE delivery = (SELECT n FROM deliveries WHERE id = $1) ORDER BY number";

/// Each channel's first comes out of the index; nothing waits in most.
pub(super) const NEXT_AT: &str = "SELECT min((SELECT d.due_at FROM deliveries d WHERE d.channel = c.name AND d.head
                  ORDER BY d.due_at LIMIT 1)) AS at
     FROM channels c WHERE NOT c.paused";

pub(super) fn page(query: &DeliveryQuery) -> Statement {
    let mut it = Statement { sql: format!("{DELIVERIES} WHERE TRUE"), ..Statement::default() };
    if let Some(petition) = query.petition {
        let petition = it.value(Value::Id(petition.0));
        it.and(&format!("d.petition = {petition}"));
    }
    if let Some(channel) = &query.channel {
        let channel = it.value(Value::text(channel));
        it.and(&format!("d.channel = {channel}"));
    }
    if let Some(state) = query.state {
        it.and(is_in(state));
    }
    if let Some(after) = query.after {
        let after = it.value(Value::Id(after.0));
        it.and(&format!("d.n < (SELECT n FROM deliveries WHERE id = {after})"));
    }
    it.sql.push_str(&format!(" ORDER BY d.n DESC LIMIT {}", query.limit));
    it
}

pub(super) async fn delivery_list(conn: &ClientWrapper, query: &DeliveryQuery) -> Result<Vec<Delivery>, StoreError> {
    page(query).rows(conn).await?.iter().map(delivery_of).collect()
}

pub(super) async fn delivery_get(conn: &ClientWrapper, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
    let statement = conn.prepare_cached(&format!("{DELIVERIES} WHERE d.id = $1")).await?;
    conn.query_opt(&statement, &[&id.0]).await?.as_ref().map(delivery_of).transpose()
}

pub(super) async fn delivery_list_of(
    conn: &ClientWrapper,
    petitions: &[PetitionId],
) -> Result<Vec<Delivery>, StoreError> {
    let ids: Vec<uuid::Uuid> = petitions.iter().map(|petition| petition.0).collect();
    let sql = format!("{DELIVERIES} WHERE d.petition = ANY ($1::uuid[]) ORDER BY d.n");
    let statement = conn.prepare_cached(&sql).await?;
    conn.query(&statement, &[&ids]).await?.iter().map(delivery_of).collect()
}

pub(super) async fn attempt_list(conn: &ClientWrapper, id: DeliveryId) -> Result<Vec<Attempt>, StoreError> {
    let statement = conn.prepare_cached(ATTEMPTS).await?;
    let rows = conn.query(&statement, &[&id.0]).await?;
    let attempts = rows.iter().map(|row| {
        Ok(Attempt {
            number: small(get(row, "number")?),
            at: time(get(row, "at")?)?,
            verdict: get_text(row, "verdict")?,
            reason: get_text_opt(row, "reason")?,
        })
    });
    attempts.collect()
}

pub(super) async fn delivery_next_at(conn: &ClientWrapper) -> Result<Option<Timestamp>, StoreError> {
    let statement = conn.prepare_cached(NEXT_AT).await?;
    let at: Option<i64> = get(&conn.query_one(&statement, &[]).await?, "at")?;
    at.map(time).transpose()
}

pub(super) fn delivery_of(row: &Row) -> Result<Delivery, StoreError> {
    let ended_at: Option<i64> = get(row, "ended_at")?;
    Ok(Delivery {
        id: DeliveryId(get(row, "id")?),
        petition: PetitionId(get(row, "petition")?),
        channel: get_text(row, "channel")?,
        lane: get_text_opt(row, "lane")?,
        errand: get_json("delivery", row, "body")?,
        state: state_of(get(row, "state")?, get(row, "due_at")?),
        attempts: small(get(row, "attempts")?),
        attempts_in_round: small(get(row, "attempts_in_round")?),
        in_doubt: get(row, "in_doubt")?,
        silent_attempts: small(get(row, "silent_attempts")?),
        next_at: time(get(row, "next_at")?)?,
        created_at: time(get(row, "created_at")?)?,
        ended_at: ended_at.map(time).transpose()?,
        reason: get_text_opt(row, "reason")?,
        remote_reference: get_text_opt(row, "remote_reference")?,
    })
}
