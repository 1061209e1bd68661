//! Reading events.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;

use super::rows::{get, get_json, get_text, signed, time, unsigned};
use crate::{
    petition::{Event, NewEvent, PetitionId, Seq},
    store::StoreError,
};

pub(super) const EVENT_LIST_AFTER: &str =
    "SELECT seq, petition, version, at, actor, body FROM events WHERE seq > $1 ORDER BY seq LIMIT $2";

pub(super) const EVENT_LIST_OF: &str =
    "SELECT seq, petition, version, at, actor, body FROM events WHERE petition = $1 ORDER BY version";

pub(super) async fn event_list_after(conn: &ClientWrapper, after: Seq, limit: u32) -> Result<Vec<Event>, StoreError> {
    let statement = conn.prepare_cached(EVENT_LIST_AFTER).await?;
    let rows = conn.query(&statement, &[&signed(after.0), &i64::from(limit)]).await?;
    rows.iter().map(event_of).collect()
}

pub(super) async fn event_list_of(conn: &ClientWrapper, petition: PetitionId) -> Result<Vec<Event>, StoreError> {
    let statement = conn.prepare_cached(EVENT_LIST_OF).await?;
    conn.query(&statement, &[&petition.0]).await?.iter().map(event_of).collect()
}

pub(super) async fn seq_last(conn: &ClientWrapper) -> Result<Seq, StoreError> {
    let statement = conn.prepare_cached("SELECT seq FROM counters").await?;
    Ok(Seq(unsigned(get(&conn.query_one(&statement, &[]).await?, "seq")?)))
}

fn event_of(row: &Row) -> Result<Event, StoreError> {
    let event = NewEvent {
        petition_id: PetitionId(get(row, "petition")?),
        version: unsigned(get(row, "version")?),
        at: time(get(row, "at")?)?,
        actor: get_text(row, "actor")?,
        body: get_json("event", row, "body")?,
    };
    Ok(Event { seq: Seq(unsigned(get(row, "seq")?)), event })
}
