//! Reading one petition, and what a caller's key did.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;
use uuid::Uuid;

use super::rows::{get, get_json, text, unsigned};
use crate::{
    petition::{Petition, PetitionId, Seq},
    store::{Committed, RequestKey, StoreError},
};

pub(super) const PETITION_GET: &str =
    "SELECT d.doc FROM petitions p LEFT JOIN dossiers d ON d.petition = p.pk WHERE p.id = $1";

pub(super) const PETITION_GET_BY_EXTERNAL_ID: &str =
    "SELECT d.doc FROM petitions p LEFT JOIN dossiers d ON d.petition = p.pk
     WHERE p.channel = $1 AND p.external_id = $2";

pub(super) const PETITION_SEQ: &str = "SELECT seq_last FROM petitions WHERE id = $1";

pub(super) const REQUEST_GET: &str =
    "SELECT fingerprint, petition, version, seq FROM requests WHERE id = $1 AND principal = $2";

pub(super) async fn petition_get(conn: &ClientWrapper, id: PetitionId) -> Result<Option<Petition>, StoreError> {
    let statement = conn.prepare_cached(PETITION_GET).await?;
    conn.query_opt(&statement, &[&id.0]).await?.as_ref().map(petition_of).transpose()
}

pub(super) async fn petition_get_by_external_id(
    conn: &ClientWrapper,
    channel: &str,
    external_id: &str,
) -> Result<Option<Petition>, StoreError> {
    let statement = conn.prepare_cached(PETITION_GET_BY_EXTERNAL_ID).await?;
    let found = conn.query_opt(&statement, &[&text(channel), &text(external_id)]).await?;
    found.as_ref().map(petition_of).transpose()
}

fn petition_of(row: &Row) -> Result<Petition, StoreError> {
    get_json("petition", row, "doc")
}

pub(super) async fn petition_seq(conn: &ClientWrapper, id: PetitionId) -> Result<Option<Seq>, StoreError> {
    let statement = conn.prepare_cached(PETITION_SEQ).await?;
    let found = conn.query_opt(&statement, &[&id.0]).await?;
    found.map(|row| get(&row, "seq_last").map(|seq| Seq(unsigned(seq)))).transpose()
}

pub(super) async fn request_get(conn: &ClientWrapper, key: &RequestKey) -> Result<Option<Committed>, StoreError> {
    let statement = conn.prepare_cached(REQUEST_GET).await?;
    let found = conn.query_opt(&statement, &[&key.id, &text(&key.principal)]).await?;
    found.map(|row| committed_of(&row, key)).transpose()
}

/// What the row of a known key says to a call with it.
pub(super) fn committed_of(row: &Row, key: &RequestKey) -> Result<Committed, StoreError> {
    let fingerprint: Vec<u8> = get(row, "fingerprint")?;
    if fingerprint != key.fingerprint {
        return Ok(Committed::KeyReused);
    }
    let (petition, version, seq): (Uuid, i64, i64) = (get(row, "petition")?, get(row, "version")?, get(row, "seq")?);
    Ok(Committed::Duplicate { id: PetitionId(petition), version: unsigned(version), seq: Seq(unsigned(seq)) })
}
