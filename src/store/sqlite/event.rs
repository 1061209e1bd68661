//! Events: appended, never changed.

use rusqlite::{Connection, Row, params};

use super::{
    rows::{from_json, get, nanos, signed, time, unsigned, uuid},
    writer::Tx,
};
use crate::{
    petition::{Event, NewEvent, PetitionId, Seq},
    store::StoreError,
};

/// Appends an event under the next number.
pub(super) fn event_insert_in_tx(tx: &mut Tx<'_>, event: &NewEvent, body: &str) -> Result<(), StoreError> {
    let seq = tx.seq + 1;
    tx.sql("INSERT INTO events (seq, petition, version, at, actor, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute(
        params![
            signed(seq),
            event.petition_id.0.as_bytes().as_slice(),
            signed(event.version),
            nanos(event.at),
            event.actor,
            body,
        ],
    )?;
    tx.seq = seq;
    Ok(())
}

pub(super) fn event_list_after(conn: &Connection, after: Seq, limit: u32) -> Result<Vec<Event>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
    statement.query_and_then(params![signed(after.0), limit], event_of)?.collect()
}

pub(super) fn event_list_of(conn: &Connection, petition: PetitionId) -> Result<Vec<Event>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM events WHERE petition = ?1 ORDER BY version")?;
    statement.query_and_then([petition.0.as_bytes().as_slice()], event_of)?.collect()
}

pub(super) fn seq_last(conn: &Connection) -> Result<Seq, StoreError> {
    let mut statement = conn.prepare_cached("SELECT value FROM counters WHERE name = 'seq'")?;
    Ok(Seq(unsigned(statement.query_row([], |row| row.get(0))?)))
}

fn event_of(row: &Row<'_>) -> Result<Event, StoreError> {
    let (petition, body): (Vec<u8>, String) = (get(row, "petition")?, get(row, "body")?);
    let event = NewEvent {
        petition_id: PetitionId(uuid("event", &petition)?),
        version: unsigned(get(row, "version")?),
        at: time(get(row, "at")?)?,
        actor: get(row, "actor")?,
        body: from_json("event", &body)?,
    };
    Ok(Event { seq: Seq(unsigned(get(row, "seq")?)), event })
}
