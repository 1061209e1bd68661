//! Petitions: committing a change, and reading one.

use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, ToSql, params};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    delivery, event, message, reconciliation,
    rows::{due_on, from_json, signed, unsigned, uuid},
    search::text_put_in_tx,
    writer::Tx,
};
use crate::{
    petition::{Petition, PetitionId, Seq, Version},
    store::{Change, Committed, ItemRecord, RequestKey, StoreError, pk::pk_of},
};

/// Everything that one decision does, or the answer why not; what is wrong is found before anything is written.
pub(super) fn change_commit_in_tx(tx: &mut Tx<'_>, change: &Change) -> Result<Committed, StoreError> {
    if let Some(key) = &change.request {
        let mut statement = tx.sql(REQUEST_GET)?;
        if let Some(known) = request_find(&mut statement, key)? {
            return Ok(known);
        }
    }
    if let Some(settle) = &change.settle
        && !delivery::delivery_is_settled_by_in_tx(tx, settle)?
    {
        return Ok(Committed::Unsettled);
    }
    let ready = change.ready()?;
    let seq = tx.seq + change.events.len() as u64;
    let put = match change.expected_version {
        None => petition_insert_in_tx(tx, change, seq)?,
        Some(version) => petition_update_in_tx(tx, change, version, seq)?,
    };
    let pk = match put {
        Put::Written(pk) => pk,
        Put::Refused(answer) => return Ok(answer),
    };
    let id = change.petition.id;
    for (event, body) in change.events.iter().zip(&ready.bodies) {
        event::event_insert_in_tx(tx, event, body)?;
    }
    if let Some(words) = &ready.words {
        text_put_in_tx(tx, pk, words, change.expected_version.is_none())?;
    }
    for (new, errand) in change.deliveries.iter().zip(&ready.errands) {
        delivery::delivery_insert_in_tx(tx, (id, change.petition.updated_at), new, errand)?;
    }
    let (version, seq) = (change.petition.version, Seq(seq));
    if let Some(key) = &change.request {
        request_insert_in_tx(tx, key, id, version, seq)?;
    }
    if let Some(item) = &change.item {
        message::item_put_in_tx(tx, &ItemRecord { petition: item.petition.or(Some(id)), ..item.clone() })?;
    }
    if let Some(settle) = &change.settle {
        delivery::delivery_settle_in_tx(tx, settle)?;
    }
    reconciliation::differences_in_tx(tx, &change.differences)?;
    Ok(Committed::New { id, version, seq })
}

enum Put {
    /// The petition's row is written under this number.
    Written(i64),
    /// Nothing was written.
    Refused(Committed),
}

fn petition_insert_in_tx(tx: &mut Tx<'_>, change: &Change, seq: u64) -> Result<Put, StoreError> {
    let petition = &change.petition;
    // Most are new: the insert finds out by itself whether one is known, and asking before would cost each a walk of the
    // index.
    let sql = "INSERT INTO petitions (id, version, seq_last, status, kind, field_code, locality, forwarding_agency,
                                      receiving_agency, unit, forwarded_to, due_on, channel, external_id,
                                      received_at_us, pk)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
               ON CONFLICT (channel, external_id) DO NOTHING";
    let (received_at, pk) = (petition.received_at.as_microsecond(), pk_of(petition, tx.seq + 1));
    let own: [&dyn ToSql; 4] = [&petition.channel, &petition.external_id, &received_at, &pk];
    let inserted = with_columns(petition, seq, &own, |values| tx.sql(sql)?.execute(values).map_err(StoreError::from))?;
    if inserted == 0 {
        return petition_known_in_tx(tx, petition).map(Put::Refused);
    }
    tx.sql("INSERT INTO dossiers (petition, doc) VALUES (?1, ?2)")?.execute(params![pk, change.ready()?.doc])?;
    tx.tally(&petition.channel).petitions += 1;
    Ok(Put::Written(pk))
}

/// The answer for a petition whose channel and external id were there already.
fn petition_known_in_tx(tx: &Tx<'_>, petition: &Petition) -> Result<Committed, StoreError> {
    let (id, version, seq) = tx
        .sql("SELECT id, version, seq_last FROM petitions WHERE channel = ?1 AND external_id = ?2")?
        .query_row([&petition.channel, &petition.external_id], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        })
        .optional()?
        // What is in the way of the insert cannot be missing.
        .ok_or(StoreError::Damaged("petition"))?;
    let id = PetitionId(uuid("petition", &id)?);
    Ok(Committed::Duplicate { id, version: unsigned(version), seq: Seq(unsigned(seq)) })
}

fn petition_update_in_tx(tx: &Tx<'_>, change: &Change, version: Version, seq: u64) -> Result<Put, StoreError> {
    let petition = &change.petition;
    let sql =
        "UPDATE petitions SET version = ?2, seq_last = ?3, status = ?4, kind = ?5, field_code = ?6, locality = ?7,
                                    forwarding_agency = ?8, receiving_agency = ?9, unit = ?10, forwarded_to = ?11,
                                    due_on = ?12
               WHERE id = ?1 AND version = ?13 RETURNING pk";
    let version = signed(version);
    let pk: Option<i64> = with_columns(petition, seq, &[&version], |values| {
        Ok(tx.sql(sql)?.query_row(values, |row| row.get(0)).optional()?)
    })?;
    let Some(pk) = pk else { return Ok(Put::Refused(Committed::Stale)) };
    tx.sql("UPDATE dossiers SET doc = ?2 WHERE petition = ?1")?.execute(params![pk, change.ready()?.doc])?;
    Ok(Put::Written(pk))
}

/// The values of the columns that every change sets, in the order of both statements, and `more` after them.
fn with_columns<T>(
    petition: &Petition,
    seq: u64,
    more: &[&dyn ToSql],
    run: impl FnOnce(&[&dyn ToSql]) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let content = &petition.content;
    let (id, version, seq) = (petition.id.0.as_bytes().as_slice(), signed(petition.version), signed(seq));
    let (unit, forwarded_to) = (petition.unit.as_ref(), petition.forwarded_to.as_ref());
    let unit = unit.map_or("", |agency| agency.code.as_str());
    let forwarded_to = forwarded_to.map_or("", |agency| agency.code.as_str());
    let due_on = due_on(petition);
    let (status, kind, locality) = (petition.status.as_str(), content.kind.as_str(), content.locality());
    let (forwarding, receiving) = (&content.forwarding_agency.code, &content.receiving_agency.code);
    let mut values: Vec<&dyn ToSql> = vec![&id, &version, &seq, &status, &kind, &content.field.code, &locality];
    values.extend([&forwarding as &dyn ToSql, &receiving, &unit, &forwarded_to, &due_on]);
    values.extend(more);
    run(&values)
}

const REQUEST_GET: &str = "SELECT fingerprint, petition, version, seq FROM requests
                           WHERE hash IN (?1, ?1 & 0xffffffff) AND principal = ?2 AND id = ?3";

fn request_find(statement: &mut CachedStatement<'_>, key: &RequestKey) -> Result<Option<Committed>, StoreError> {
    let row = statement
        .query_row(params![hash_of(key.id, &key.principal), key.principal, key.id.as_bytes().as_slice()], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?))
        })
        .optional()?;
    let Some((fingerprint, petition, version, seq)) = row else { return Ok(None) };
    if fingerprint != key.fingerprint {
        return Ok(Some(Committed::KeyReused));
    }
    let id = PetitionId(uuid("request", &petition)?);
    Ok(Some(Committed::Duplicate { id, version: unsigned(version), seq: Seq(unsigned(seq)) }))
}

fn request_insert_in_tx(
    tx: &Tx<'_>,
    key: &RequestKey,
    petition: PetitionId,
    version: Version,
    seq: Seq,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO requests (hash, principal, id, fingerprint, petition, version, seq)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    tx.sql(sql)?.execute(params![
        hash_of(key.id, &key.principal),
        key.principal,
        key.id.as_bytes().as_slice(),
        key.fingerprint.as_slice(),
        petition.0.as_bytes().as_slice(),
        signed(version),
        signed(seq.0),
    ])?;
    Ok(())
}

/// What a key is looked up by: 32 bits of a digest over it, and before them, where the id is one of version 7, the second
/// in which it was made. The digest is short, so that its index stays in memory; a chance hit costs one more row. With the
/// second before it, new keys come to stand at the index's end, and a commit writes a few of its pages instead of one for
/// each key. Rows of before have the digest alone, and so are looked for by that as well.
pub(super) fn hash_of(id: Uuid, principal: &str) -> i64 {
    let digest = Sha256::new().chain_update(id.as_bytes()).chain_update(principal.as_bytes()).finalize();
    let digest = i64::from(u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]]));
    let made_at = id.get_timestamp().filter(|_| id.get_version_num() == 7);
    let second = made_at.map_or(0, |at| at.to_unix().0);
    signed(second & SECOND_MASK) << 32 | digest
}

/// 31 bits of a second: what is left of a positive number beside the digest. They begin anew in 2038, which changes
/// nothing but where in the index a key stands.
const SECOND_MASK: u64 = (1 << 31) - 1;

pub(super) fn request_get(conn: &Connection, key: &RequestKey) -> Result<Option<Committed>, StoreError> {
    request_find(&mut conn.prepare_cached(REQUEST_GET)?, key)
}

pub(super) fn petition_get(conn: &Connection, id: PetitionId) -> Result<Option<Petition>, StoreError> {
    let sql = "SELECT d.doc FROM petitions p JOIN dossiers d ON d.petition = p.pk WHERE p.id = ?1";
    doc_get(conn, sql, [id.0.as_bytes().as_slice()])
}

pub(super) fn petition_get_by_external_id(
    conn: &Connection,
    channel: &str,
    external_id: &str,
) -> Result<Option<Petition>, StoreError> {
    let sql = "SELECT d.doc FROM petitions p JOIN dossiers d ON d.petition = p.pk
               WHERE p.channel = ?1 AND p.external_id = ?2";
    doc_get(conn, sql, [channel, external_id])
}

pub(super) fn petition_seq(conn: &Connection, id: PetitionId) -> Result<Option<Seq>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT seq_last FROM petitions WHERE id = ?1")?;
    let seq: Option<i64> = statement.query_row([id.0.as_bytes().as_slice()], |row| row.get(0)).optional()?;
    Ok(seq.map(|seq| Seq(unsigned(seq))))
}

/// The petition in the one row and column that `sql` asks for.
pub(super) fn doc_get(conn: &Connection, sql: &str, params: impl Params) -> Result<Option<Petition>, StoreError> {
    let doc: Option<String> = conn.prepare_cached(sql)?.query_row(params, |row| row.get(0)).optional()?;
    doc.map(|doc| from_json("petition", &doc)).transpose()
}
