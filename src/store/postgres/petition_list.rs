//! Lists of petitions: a page costs what it holds, and neither what matches nor what there is.
//!
//! Rows are walked in the list's order ([`petition_conditions`](super::petition_conditions)). Where words are asked for,
//! nobody knows beforehand whether walking past what lacks them is short, or fetching what has them: so the walk is tried
//! for a while (words that many petitions have), then the index of words (words that few have), and only between the two
//! is the walk gone to its end.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;

use super::{
    petition_conditions::Conditions,
    petition_select::{Way, count, page},
    rows::{get, get_json, unsigned},
};
use crate::{
    petition::Petition,
    store::{PetitionQuery, Sort, StoreError, list::Found},
};

/// How long words are looked for one way before another is taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// How many rows are walked past before the index of words is asked.
    pub(super) walked_max: usize,
    /// How many hits of it are fetched and sorted; where there are more, the walk comes to its end sooner.
    pub(super) hits_max: usize,
}

/// A thousand rows fill a page with words that one in twenty petitions has, and otherwise cost 10 ms. With ten million
/// petitions, words that have 10,000 hits fill a page of 50 after 50,000 rows, and to fetch the hits takes as long: some
/// 100 ms.
const PATIENCE: Patience = Patience { walked_max: 1_000, hits_max: 10_000 };

/// A petition of a page, with what orders it.
type Placed = (Found, Petition);

pub(super) async fn petition_list(conn: &ClientWrapper, query: &PetitionQuery) -> Result<Vec<Petition>, StoreError> {
    petition_list_by(PATIENCE, conn, query).await
}

pub(super) async fn petition_list_by(
    patience: Patience,
    conn: &ClientWrapper,
    query: &PetitionQuery,
) -> Result<Vec<Petition>, StoreError> {
    let Some(conditions) = Conditions::of(query)? else { return Ok(Vec::new()) };
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    // Rows of one millisecond are walked in any order: one more than the page shows whether the page ends within one.
    let is_exact = conditions.is_narrowed || query.sort == Sort::DueSoonest;
    let mut placed = placed_get(patience, conn, &conditions, limit.saturating_add(usize::from(!is_exact))).await?;
    if !is_exact && let Some(cut) = cut_in_millisecond(query.sort, limit, &mut placed) {
        // The rest of it may be of a later time than the page, as the next page is: it never gives the same rows.
        let rest = page(&conditions, limit, Way::RestOfMillisecond(cut)).rows(conn).await?;
        placed.extend(placed_of(&rest)?);
    }
    placed.sort_unstable_by(|(a, _), (b, _)| Found::order(query.sort, a, b));
    placed.truncate(limit);
    Ok(placed.into_iter().map(|(_, petition)| petition).collect())
}

pub(super) async fn petition_count(conn: &ClientWrapper, query: &PetitionQuery) -> Result<u64, StoreError> {
    let Some(conditions) = Conditions::of(query)? else { return Ok(0) };
    let rows = count(&conditions).rows(conn).await?;
    rows.first().map_or(Ok(0), |row| get(row, "count").map(unsigned))
}

/// The first `limit` rows.
async fn placed_get(
    patience: Patience,
    conn: &ClientWrapper,
    conditions: &Conditions,
    limit: usize,
) -> Result<Vec<Placed>, StoreError> {
    if conditions.words.is_none() {
        return placed_of(&page(conditions, limit, Way::Walk).rows(conn).await?);
    }
    let walked = page(conditions, limit, Way::WalkPast(patience.walked_max)).rows(conn).await?;
    if walked.len() >= limit {
        return placed_of(&walked);
    }
    let mut hit = page(conditions, limit, Way::Hits(patience.hits_max)).rows(conn).await?;
    let hits: i64 = hit.first().map_or(Ok(0), |row| get(row, "hits"))?;
    if unsigned(hits) <= patience.hits_max as u64 {
        // Without a petition that matches, the row tells the number of hits alone.
        hit.retain(|row| !matches!(get::<Option<i64>>(row, "pk"), Ok(None)));
        return placed_of(&hit);
    }
    placed_of(&page(conditions, limit, Way::Walk).rows(conn).await?)
}

/// The last row of a page that may end otherwise once the rest of that row's millisecond is known: it is the one after the
/// page, and of the same millisecond as the page's last.
fn cut_in_millisecond(sort: Sort, limit: usize, placed: &mut [Placed]) -> Option<i64> {
    placed.sort_unstable_by_key(|(found, _)| found.pk);
    if sort == Sort::ReceivedNewest {
        placed.reverse();
    }
    let (last, next) = (&placed.get(limit.checked_sub(1)?)?.0, &placed.get(limit)?.0);
    next.is_of_same_millisecond(last).then_some(next.pk)
}

fn placed_of(rows: &[Row]) -> Result<Vec<Placed>, StoreError> {
    let placed = rows.iter().map(|row| {
        let found = Found {
            pk: get(row, "pk")?,
            received_at_us: get(row, "received_at_us")?,
            due_on: get(row, "due_on")?,
            id: get(row, "id")?,
        };
        Ok((found, get_json("petition", row, "doc")?))
    });
    placed.collect()
}
