//! Reading deliveries and their attempts.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params, types::Value};

use super::rows::{from_json, get, is_in, small, state_of, time, uuid};
use crate::{
    petition::PetitionId,
    store::{Attempt, Delivery, DeliveryId, DeliveryQuery, StoreError},
};

const DELIVERIES: &str = "SELECT d.*, e.body FROM deliveries d JOIN errands e ON e.delivery = d.n";

pub(super) fn delivery_list(conn: &Connection, query: &DeliveryQuery) -> Result<Vec<Delivery>, StoreError> {
    let mut sql = format!("{DELIVERIES} WHERE TRUE");
    let mut values = Vec::new();
    if let Some(petition) = query.petition {
        sql.push_str(" AND d.petition = ?");
        values.push(Value::Blob(petition.0.as_bytes().to_vec()));
    }
    if let Some(channel) = &query.channel {
        sql.push_str(" AND d.channel = ?");
        values.push(Value::Text(channel.clone()));
    }
    if let Some(state) = query.state {
        sql.push_str(" AND ");
        sql.push_str(is_in(state));
    }
    if let Some(after) = query.after {
        sql.push_str(" AND d.n < (SELECT n FROM deliveries WHERE id = ?)");
        values.push(Value::Blob(after.0.as_bytes().to_vec()));
    }
    sql.push_str(" ORDER BY d.n DESC LIMIT ?");
    values.push(Value::Integer(i64::from(query.limit)));
    conn.prepare_cached(&sql)?.query_and_then(rusqlite::params_from_iter(values), delivery_of)?.collect()
}

pub(super) fn delivery_get(conn: &Connection, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
    let mut statement = conn.prepare_cached(&format!("{DELIVERIES} WHERE d.id = ?1"))?;
    statement.query_and_then([id.0.as_bytes().as_slice()], delivery_of)?.next().transpose()
}

pub(super) fn delivery_list_of(conn: &Connection, petitions: &[PetitionId]) -> Result<Vec<Delivery>, StoreError> {
    let mut statement = conn.prepare_cached(&format!("{DELIVERIES} WHERE d.petition = ?1 ORDER BY d.n"))?;
    let mut deliveries = Vec::new();
    for petition in petitions {
        for delivery in statement.query_and_then([petition.0.as_bytes().as_slice()], delivery_of)? {
            deliveries.push(delivery?);
        }
    }
    Ok(deliveries)
}

pub(super) fn attempt_list(conn: &Connection, id: DeliveryId) -> Result<Vec<Attempt>, StoreError> {
    let sql = "SELECT * FROM attempts WHERE delivery = (SELECT n FROM deliveries WHERE id = ?1) ORDER BY number";
    let mut statement = conn.prepare_cached(sql)?;
    let attempts = statement.query_and_then([id.0.as_bytes().as_slice()], |row| {
        Ok(Attempt {
            number: small(get(row, "number")?),
            at: time(get(row, "at")?)?,
            verdict: get(row, "verdict")?,
            reason: get(row, "reason")?,
        })
    })?;
    attempts.collect()
}

pub(super) fn delivery_next_at(conn: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT min((SELECT min(due_at) FROM deliveries WHERE channel = c.name AND head = 1))
               FROM channels c WHERE c.paused = 0";
    let at: Option<Option<i64>> = conn.prepare_cached(sql)?.query_row(params![], |row| row.get(0)).optional()?;
    at.flatten().map(time).transpose()
}

pub(super) fn delivery_of(row: &Row<'_>) -> Result<Delivery, StoreError> {
    let (id, petition): (Vec<u8>, Vec<u8>) = (get(row, "id")?, get(row, "petition")?);
    let (state, body): (i64, String) = (get(row, "state")?, get(row, "body")?);
    let ended_at: Option<i64> = get(row, "ended_at")?;
    Ok(Delivery {
        id: DeliveryId(uuid("delivery", &id)?),
        petition: PetitionId(uuid("delivery", &petition)?),
        channel: get(row, "channel")?,
        lane: get(row, "lane")?,
        errand: from_json("delivery", &body)?,
        state: state_of(state, get(row, "due_at")?),
        attempts: small(get(row, "attempts")?),
        attempts_in_round: small(get(row, "attempts_in_round")?),
        in_doubt: get(row, "in_doubt")?,
        silent_attempts: small(get(row, "silent_attempts")?),
        next_at: time(get(row, "next_at")?)?,
        created_at: time(get(row, "created_at")?)?,
        ended_at: ended_at.map(time).transpose()?,
        reason: get(row, "reason")?,
        remote_reference: get(row, "remote_reference")?,
    })
}
