//! Moving house: a whole store from one engine to another, and the proof that both hold the same.
//!
//! A store is a list of tables here (`tables`), and each engine gives and takes their rows (`shelf`). Numbers stay as they
//! are (events, messages, deliveries, petitions' rows), so what was handed out before the move is good after it: a watcher's
//! cursor, a page token, a caller's request id.
//!
//! The source is held as it is at one moment, and no gateway works on it meanwhile. The target keeps a mark of how far the
//! copy has come, moved in the transactions that bring the rows: whoever is killed at any line goes on from there, and no
//! gateway opens a store with a mark in it. In the end every table of the source, as it was read, and of the target, read
//! back, comes to the same count and the same SHA-256, or the mark stays.
//!
//! What means nothing elsewhere is not copied: which gateways are alive, whose turn a channel is. Full text is made anew.

mod error;
mod report;
mod rows;
mod run;
mod shelf;
mod tables;
#[cfg(test)]
mod tests;

use self::run::Told;
pub use self::{
    error::CopyError,
    report::{Phase, Progress, Report, TableReport},
    rows::Sum,
};
pub(in crate::store) use self::{
    rows::{Gather, Row, Value},
    shelf::{Mark, Place, Shelf, Walk},
    tables::{COUNTERS, Column, DOSSIERS, REQUESTS, Sort, TABLES, Table, table},
};
use super::{
    OpenError, Schema,
    columns::from_json,
    open::{is_same, shelf_open_source, shelf_open_target},
    words::words_of,
};
use crate::{config, petition::Petition};

/// Copies the store `from` into the store `to`, which is empty or holds a part of the same copy, and compares the two.
/// `told` hears how far it is. What differs is told by the report, and no gateway opens the target then.
///
/// # Errors
/// See [`CopyError`]; the same call goes on where it stopped.
pub async fn copy(
    from: &config::Store,
    to: &config::Store,
    start_over: bool,
    told: &mut (dyn FnMut(Progress) + Send),
) -> Result<Report, CopyError> {
    let source = shelf_open_source(from).await?;
    if is_same(from, to) {
        return Err(CopyError::Same(source.name().to_owned()));
    }
    if let Some(mark) = source.mark().await.map_err(CopyError::of(source.name()))? {
        return Err(CopyError::Unfinished { store: source.name().to_owned(), source_name: mark.source });
    }
    let target = shelf_open_target(to).await?;
    run::copy(&*source, &*target, start_over, told).await
}

/// Compares two stores, table by table.
///
/// # Errors
/// See [`CopyError`].
pub async fn compare(one: &config::Store, other: &config::Store, told: Told<'_>) -> Result<Report, CopyError> {
    let is_same = is_same(one, other);
    let one = shelf_open_source(one).await?;
    if is_same {
        return Err(CopyError::Same(one.name().to_owned()));
    }
    run::compare(&*one, &*shelf_open_source(other).await?, told).await
}

/// A store is moved as the engine's newest version knows it: no column is passed over.
pub(in crate::store) fn has_to_be_current(schema: Schema) -> Result<(), CopyError> {
    let Schema { store, found, known, .. } = schema;
    match found {
        0 => Err(CopyError::Missing(store)),
        _ if found < known => Err(OpenError::Older { store, found, known }.into()),
        _ if found > known => Err(OpenError::Newer { store, found, known }.into()),
        _ => Ok(()),
    }
}

/// The row number and the words of a petition by its row of [`DOSSIERS`]; `None` when the document cannot be read, which its
/// store could not either.
pub(in crate::store) fn text_of(row: &Row) -> Option<(i64, String)> {
    let [pk, doc] = &row[..] else { return None };
    let petition: Petition = from_json("petition", doc.text()?).ok()?;
    Some((pk.integer()?, words_of(&petition)))
}
