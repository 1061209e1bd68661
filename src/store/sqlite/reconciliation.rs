//! Reconciliations: runs, what a far side listed, differences.

use channel_sdk::listing::Listed;
use rusqlite::{Connection, Row, params, types::Value};
use uuid::Uuid;

use super::{
    rows::{from_json, from_name, get, nanos, signed, time, to_json, unsigned, uuid},
    writer::Tx,
};
use crate::{
    petition::{Petition, PetitionId},
    store::{
        DeliveryId, Difference, DifferenceChange, DifferenceQuery, DifferenceState, Reconcile, Reconciliation,
        RunState, StoreError,
    },
};

pub(super) fn reconcile_in_tx(tx: &Tx<'_>, step: &Reconcile) -> Result<(), StoreError> {
    match step {
        Reconcile::Begin(run) => {
            let sql = "SELECT EXISTS (SELECT 1 FROM reconciliations WHERE channel = ?1 AND ended_at IS NULL)";
            let is_under_way: bool = tx.sql(sql)?.query_row([&run.channel], |row| row.get(0))?;
            if is_under_way { Ok(()) } else { run_put_in_tx(tx, run) }
        }
        Reconcile::Step { run, listed, differences } => {
            run_put_in_tx(tx, run)?;
            listed.iter().try_for_each(|entry| listed_put_in_tx(tx, run, entry))?;
            differences_in_tx(tx, differences)
        }
        Reconcile::Differences(differences) => differences_in_tx(tx, differences),
    }
}

fn run_put_in_tx(tx: &Tx<'_>, run: &Reconciliation) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO reconciliations (id, channel, state, cursor, began_at, ended_at, listed, unreadable, compared,
                                            asked, found, failure)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
               ON CONFLICT (id) DO UPDATE SET
                   state = excluded.state, cursor = excluded.cursor, ended_at = excluded.ended_at,
                   listed = excluded.listed, unreadable = excluded.unreadable, compared = excluded.compared,
                   asked = excluded.asked, found = excluded.found, failure = excluded.failure
               WHERE reconciliations.ended_at IS NULL";
    tx.sql(sql)?.execute(params![
        bytes(&run.id),
        run.channel,
        run.state.as_str(),
        run.cursor,
        nanos(run.began_at),
        run.ended_at.map(nanos),
        signed(run.listed),
        signed(run.unreadable),
        signed(run.compared),
        signed(run.asked),
        signed(run.found),
        run.failure,
    ])?;
    Ok(())
}

fn listed_put_in_tx(tx: &Tx<'_>, run: &Reconciliation, entry: &Listed) -> Result<(), StoreError> {
    let sql = "INSERT INTO listings (channel, external_id, run, entry) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (channel, external_id) DO UPDATE SET run = excluded.run, entry = excluded.entry";
    tx.sql(sql)?.execute(params![run.channel, entry.external_id, bytes(&run.id), to_json(entry)?])?;
    Ok(())
}

pub(super) fn differences_in_tx(tx: &Tx<'_>, changes: &[DifferenceChange]) -> Result<(), StoreError> {
    for change in changes {
        match change {
            DifferenceChange::Found(difference) => difference_insert_in_tx(tx, difference)?,
            DifferenceChange::Seen { id, run } => {
                let sql = "UPDATE differences SET seen_in = ?2 WHERE id = ?1 AND state = 'open'";
                tx.sql(sql)?.execute([bytes(id), bytes(run)])?;
            }
            DifferenceChange::Closed { id, state, at, outcome } => {
                let sql = "UPDATE differences SET state = ?2, closed_at = ?3, outcome = ?4
                           WHERE id = ?1 AND state = 'open'";
                tx.sql(sql)?.execute(params![bytes(id), state.as_str(), nanos(*at), outcome])?;
            }
        }
    }
    Ok(())
}

fn difference_insert_in_tx(tx: &Tx<'_>, it: &Difference) -> Result<(), StoreError> {
    let sql = "INSERT INTO differences (id, channel, external_id, petition, delivery, kind, state, found_in, seen_in,
                                        found_at, closed_at, outcome)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT (id) DO NOTHING";
    tx.sql(sql)?.execute(params![
        bytes(&it.id),
        it.channel,
        it.external_id,
        it.petition.as_ref().map(|petition| bytes(&petition.0)),
        it.delivery.as_ref().map(|delivery| bytes(&delivery.0)),
        it.kind.as_str(),
        it.state.as_str(),
        bytes(&it.found_in),
        bytes(&it.seen_in),
        nanos(it.found_at),
        it.closed_at.map(nanos),
        it.outcome,
    ])?;
    Ok(())
}

pub(super) fn reconciliation_last(
    conn: &Connection,
    channel: &str,
    state: Option<RunState>,
) -> Result<Option<Reconciliation>, StoreError> {
    let sql =
        "SELECT * FROM reconciliations WHERE channel = ?1 AND (?2 IS NULL OR state = ?2) ORDER BY id DESC LIMIT 1";
    let mut statement = conn.prepare_cached(sql)?;
    statement.query_and_then(params![channel, state.map(RunState::as_str)], run_of)?.next().transpose()
}

fn run_of(row: &Row<'_>) -> Result<Reconciliation, StoreError> {
    let (id, state): (Vec<u8>, String) = (get(row, "id")?, get(row, "state")?);
    let count = |column: &str| get(row, column).map(unsigned);
    Ok(Reconciliation {
        id: uuid("reconciliation", &id)?,
        channel: get(row, "channel")?,
        state: from_name("reconciliation", &state)?,
        cursor: get(row, "cursor")?,
        began_at: time(get(row, "began_at")?)?,
        ended_at: get::<Option<i64>>(row, "ended_at")?.map(time).transpose()?,
        listed: count("listed")?,
        unreadable: count("unreadable")?,
        compared: count("compared")?,
        asked: count("asked")?,
        found: count("found")?,
        failure: get(row, "failure")?,
    })
}

pub(super) fn listed_of(conn: &Connection, run: &Reconciliation, ids: &[String]) -> Result<Vec<Listed>, StoreError> {
    let sql = "SELECT entry FROM listings WHERE channel = ?1 AND external_id = ?2 AND run = ?3";
    let mut statement = conn.prepare_cached(sql)?;
    let mut listed = Vec::with_capacity(ids.len());
    for id in ids {
        let found = statement.query_and_then(params![run.channel, id, bytes(&run.id)], listed_entry)?.next();
        listed.extend(found.transpose()?);
    }
    Ok(listed)
}

pub(super) fn listed_any(conn: &Connection, run: &Reconciliation) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM listings WHERE channel = ?1 AND run = ?2)";
    Ok(conn.prepare_cached(sql)?.query_row(params![run.channel, bytes(&run.id)], |row| row.get(0))?)
}

pub(super) fn listed_missing(
    conn: &Connection,
    run: &Reconciliation,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<Listed>, StoreError> {
    // No id is empty, so that everything comes after the empty text.
    let sql = "SELECT entry FROM listings l WHERE channel = ?1 AND external_id > ?2 AND run = ?3
                   AND NOT EXISTS (SELECT 1 FROM petitions p
                                   WHERE p.channel = l.channel AND p.external_id = l.external_id)
               ORDER BY external_id LIMIT ?4";
    let mut statement = conn.prepare_cached(sql)?;
    let values = params![run.channel, after.unwrap_or_default(), bytes(&run.id), limit];
    statement.query_and_then(values, listed_entry)?.collect()
}

fn listed_entry(row: &Row<'_>) -> Result<Listed, StoreError> {
    from_json("listing", &get::<String>(row, "entry")?)
}

pub(super) fn petition_list_by_external_id(
    conn: &Connection,
    channel: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<Petition>, StoreError> {
    let sql = "SELECT d.doc FROM petitions p JOIN dossiers d ON d.petition = p.pk
               WHERE p.channel = ?1 AND p.external_id > ?2 ORDER BY p.external_id LIMIT ?3";
    let mut statement = conn.prepare_cached(sql)?;
    let docs = statement.query_and_then(params![channel, after.unwrap_or_default(), limit], |row| {
        from_json("petition", &get::<String>(row, "doc")?)
    })?;
    docs.collect()
}

pub(super) fn difference_list(conn: &Connection, query: &DifferenceQuery) -> Result<Vec<Difference>, StoreError> {
    let mut sql = "SELECT * FROM differences WHERE TRUE".to_owned();
    let mut values = Vec::new();
    let mut and = |condition: &str, value: Value| {
        sql.push_str(condition);
        values.push(value);
    };
    if let Some(channel) = &query.channel {
        and(" AND channel = ?", Value::Text(channel.clone()));
    }
    if let Some(kind) = query.kind {
        and(" AND kind = ?", Value::Text(kind.as_str().to_owned()));
    }
    if let Some(run) = query.not_seen_in {
        and(" AND seen_in <> ?", Value::Blob(bytes(&run).to_vec()));
    }
    if let Some(after) = query.after {
        and(" AND id < ?", Value::Blob(bytes(&after).to_vec()));
    }
    if let Some(state) = query.state {
        // Written out, so that the partial index of what is open is seen to fit.
        sql.push_str(&format!(" AND state = '{}'", state.as_str()));
    }
    sql.push_str(" ORDER BY id DESC LIMIT ?");
    values.push(Value::Integer(i64::from(query.limit)));
    conn.prepare_cached(&sql)?.query_and_then(rusqlite::params_from_iter(values), difference_of)?.collect()
}

pub(super) fn difference_list_of(
    conn: &Connection,
    channel: &str,
    ids: &[String],
) -> Result<Vec<Difference>, StoreError> {
    let sql = "SELECT * FROM differences WHERE channel = ?1 AND external_id = ?2 ORDER BY id";
    let mut statement = conn.prepare_cached(sql)?;
    let mut differences = Vec::new();
    for id in ids {
        for difference in statement.query_and_then([channel, id], difference_of)? {
            differences.push(difference?);
        }
    }
    Ok(differences)
}

pub(super) fn difference_get(conn: &Connection, id: Uuid) -> Result<Option<Difference>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT * FROM differences WHERE id = ?1")?;
    statement.query_and_then([bytes(&id)], difference_of)?.next().transpose()
}

fn difference_of(row: &Row<'_>) -> Result<Difference, StoreError> {
    let id = |column: &str| uuid("difference", &get::<Vec<u8>>(row, column)?);
    let maybe = |column: &str| get::<Option<Vec<u8>>>(row, column)?.map(|it| uuid("difference", &it)).transpose();
    let (kind, state): (String, String) = (get(row, "kind")?, get(row, "state")?);
    Ok(Difference {
        id: id("id")?,
        channel: get(row, "channel")?,
        external_id: get(row, "external_id")?,
        petition: maybe("petition")?.map(PetitionId),
        delivery: maybe("delivery")?.map(DeliveryId),
        kind: from_name("difference", &kind)?,
        state: from_name::<DifferenceState>("difference", &state)?,
        found_in: id("found_in")?,
        seen_in: id("seen_in")?,
        found_at: time(get(row, "found_at")?)?,
        closed_at: get::<Option<i64>>(row, "closed_at")?.map(time).transpose()?,
        outcome: get(row, "outcome")?,
    })
}

fn bytes(id: &Uuid) -> &[u8] {
    id.as_bytes().as_slice()
}
