//! Reading reconciliations: runs, what a far side listed, differences.

use channel_sdk::listing::Listed;
use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    rows::{from_name, get, get_json, get_text, get_text_opt, text, time, unsigned},
    statement::{Statement, Value},
};
use crate::{
    petition::{Petition, PetitionId},
    store::{DeliveryId, Difference, DifferenceQuery, DifferenceState, Reconciliation, RunState, StoreError},
};

const LAST: &str = "SELECT * FROM reconciliations WHERE channel = $1 AND ($2::text IS NULL OR state = $2)
     ORDER BY id DESC LIMIT 1";

pub(super) const LISTED_OF: &str = "SELECT entry FROM listings
     WHERE channel = $1 AND external_id = ANY ($2::text[]) AND run = $3";

const LISTED_ANY: &str = "SELECT EXISTS (SELECT 1 FROM listings WHERE channel = $1 AND run = $2) AS any_there";

/// No id is empty, so that everything comes after the empty text.
pub(super) const LISTED_MISSING: &str = "SELECT l.entry FROM listings l
     WHERE l.channel = $1 AND l.external_id > $2 AND l.run = $3
         AND NOT EXISTS (SELECT 1 FROM petitions p WHERE p.channel = l.channel AND p.external_id = l.external_id)
     ORDER BY l.external_id LIMIT $4";

pub(super) const PETITIONS: &str = "SELECT d.doc FROM petitions p JOIN dossiers d ON d.petition = p.pk
     WHERE p.channel = $1 AND p.external_id > $2 ORDER BY p.external_id LIMIT $3";

pub(super) const DIFFERENCES_OF: &str = "SELECT * FROM differences
     WHERE channel = $1 AND external_id = ANY ($2::text[]) ORDER BY id";

pub(super) async fn reconciliation_last(
    conn: &ClientWrapper,
    channel: &str,
    state: Option<RunState>,
) -> Result<Option<Reconciliation>, StoreError> {
    let statement = conn.prepare_cached(LAST).await?;
    let state = state.map(RunState::as_str);
    conn.query_opt(&statement, &[&text(channel), &state]).await?.as_ref().map(run_of).transpose()
}

fn run_of(row: &Row) -> Result<Reconciliation, StoreError> {
    let count = |column: &str| get(row, column).map(unsigned);
    Ok(Reconciliation {
        id: get(row, "id")?,
        channel: get_text(row, "channel")?,
        state: from_name("reconciliation", &get_text(row, "state")?)?,
        cursor: get_text_opt(row, "cursor")?,
        began_at: time(get(row, "began_at")?)?,
        ended_at: get::<Option<i64>>(row, "ended_at")?.map(time).transpose()?,
        listed: count("listed")?,
        unreadable: count("unreadable")?,
        compared: count("compared")?,
        asked: count("asked")?,
        found: count("found")?,
        failure: get_text_opt(row, "failure")?,
    })
}

pub(super) async fn listed_of(
    conn: &ClientWrapper,
    run: &Reconciliation,
    ids: &[String],
) -> Result<Vec<Listed>, StoreError> {
    let statement = conn.prepare_cached(LISTED_OF).await?;
    let rows = conn.query(&statement, &[&text(&run.channel), &texts(ids), &run.id]).await?;
    rows.iter().map(listed_entry).collect()
}

pub(super) async fn listed_any(conn: &ClientWrapper, run: &Reconciliation) -> Result<bool, StoreError> {
    let statement = conn.prepare_cached(LISTED_ANY).await?;
    get(&conn.query_one(&statement, &[&text(&run.channel), &run.id]).await?, "any_there")
}

pub(super) async fn listed_missing(
    conn: &ClientWrapper,
    run: &Reconciliation,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<Listed>, StoreError> {
    let statement = conn.prepare_cached(LISTED_MISSING).await?;
    let (channel, after) = (text(&run.channel), text(after.unwrap_or_default()));
    let rows = conn.query(&statement, &[&channel, &after, &run.id, &i64::from(limit)]).await?;
    rows.iter().map(listed_entry).collect()
}

fn listed_entry(row: &Row) -> Result<Listed, StoreError> {
    get_json("listing", row, "entry")
}

fn texts(plain: &[String]) -> Vec<String> {
    plain.iter().map(|it| text(it).into_owned()).collect()
}

pub(super) async fn petition_list_by_external_id(
    conn: &ClientWrapper,
    channel: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<Petition>, StoreError> {
    let statement = conn.prepare_cached(PETITIONS).await?;
    let after = text(after.unwrap_or_default());
    let rows = conn.query(&statement, &[&text(channel), &after, &i64::from(limit)]).await?;
    rows.iter().map(|row| get_json("petition", row, "doc")).collect()
}

pub(super) fn page(query: &DifferenceQuery) -> Statement {
    let mut it = Statement { sql: "SELECT * FROM differences WHERE TRUE".to_owned(), ..Statement::default() };
    if let Some(channel) = &query.channel {
        let channel = it.value(Value::text(channel));
        it.and(&format!("channel = {channel}"));
    }
    if let Some(kind) = query.kind {
        let kind = it.value(Value::text(kind.as_str()));
        it.and(&format!("kind = {kind}"));
    }
    if let Some(run) = query.not_seen_in {
        let run = it.value(Value::Id(run));
        it.and(&format!("seen_in <> {run}"));
    }
    if let Some(after) = query.after {
        let after = it.value(Value::Id(after));
        it.and(&format!("id < {after}"));
    }
    if let Some(state) = query.state {
        // Written out, so that the partial index of what is open is seen to fit.
        it.and(&format!("state = '{}'", state.as_str()));
    }
    it.sql.push_str(&format!(" ORDER BY id DESC LIMIT {}", query.limit));
    it
}

pub(super) async fn difference_list(
    conn: &ClientWrapper,
    query: &DifferenceQuery,
) -> Result<Vec<Difference>, StoreError> {
    page(query).rows(conn).await?.iter().map(difference_of).collect()
}

pub(super) async fn difference_list_of(
    conn: &ClientWrapper,
    channel: &str,
    ids: &[String],
) -> Result<Vec<Difference>, StoreError> {
    let statement = conn.prepare_cached(DIFFERENCES_OF).await?;
    conn.query(&statement, &[&text(channel), &texts(ids)]).await?.iter().map(difference_of).collect()
}

pub(super) async fn difference_get(conn: &ClientWrapper, id: Uuid) -> Result<Option<Difference>, StoreError> {
    let statement = conn.prepare_cached("SELECT * FROM differences WHERE id = $1").await?;
    conn.query_opt(&statement, &[&id]).await?.as_ref().map(difference_of).transpose()
}

fn difference_of(row: &Row) -> Result<Difference, StoreError> {
    Ok(Difference {
        id: get(row, "id")?,
        channel: get_text(row, "channel")?,
        external_id: get_text(row, "external_id")?,
        petition: get::<Option<Uuid>>(row, "petition")?.map(PetitionId),
        delivery: get::<Option<Uuid>>(row, "delivery")?.map(DeliveryId),
        kind: from_name("difference", &get_text(row, "kind")?)?,
        state: from_name::<DifferenceState>("difference", &get_text(row, "state")?)?,
        found_in: get(row, "found_in")?,
        seen_in: get(row, "seen_in")?,
        found_at: time(get(row, "found_at")?)?,
        closed_at: get::<Option<i64>>(row, "closed_at")?.map(time).transpose()?,
        outcome: get_text_opt(row, "outcome")?,
    })
}
