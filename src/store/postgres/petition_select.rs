//! The statements of lists of petitions: the rows of a page with their petitions, each in one statement, so that a petition
//! is as it was when its row matched.

use super::{petition_conditions::Conditions, statement::Statement};
use crate::store::{Sort, pk::beside};

/// What orders a row, and finds its petition.
const COLUMNS: &str = "p.pk, p.received_at_us, p.due_on, p.id";

/// How the rows of a page are come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// By a walk in the list's order, until the page is full.
    Walk,
    /// The same, but past so many rows at most whose words are looked at.
    WalkPast(usize),
    /// By the index of words, provided that it hits so many petitions at most; `hits` tells how many, and one more for more.
    Hits(usize),
    /// By the number, all rows after this one that are of its millisecond.
    RestOfMillisecond(i64),
}

/// The statement that counts all rows.
pub(super) fn count(conditions: &Conditions) -> Statement {
    let of_petitions = conditions.of_petitions(conditions.any_arm().as_deref());
    let sql = match &conditions.words {
        None => format!("SELECT count(*) AS count FROM petitions p WHERE {of_petitions}"),
        Some(words) => format!(
            "SELECT count(*) AS count FROM texts t JOIN petitions p ON p.pk = t.petition WHERE {} AND {of_petitions}",
            conditions.of_texts(words)
        ),
    };
    Statement { sql, ..conditions.statement.clone() }
}

/// The statement for up to `limit` rows of a page.
pub(super) fn page(conditions: &Conditions, limit: usize, way: Way) -> Statement {
    let mut conditions = conditions.clone();
    if let Way::RestOfMillisecond(pk) = way {
        let beside = beside(pk);
        let (beyond, until, end) = if conditions.sort == Sort::ReceivedNewest {
            ("<", ">=", *beside.start())
        } else {
            (">", "<=", *beside.end())
        };
        conditions.bound(beyond, pk);
        conditions.bound(until, end);
    }
    let sql = match (way, &conditions.words) {
        (Way::Hits(hits_max), Some(words)) => hits(&conditions, words, limit, hits_max),
        _ => format!(
            "SELECT f.pk, f.received_at_us, f.due_on, f.id, d.doc
             FROM ({}) f LEFT JOIN dossiers d ON d.petition = f.pk",
            walks(&conditions, limit, way)
        ),
    };
    Statement { sql, ..conditions.statement }
}

/// The order of rows, as the index that is walked gives it. `is_narrowed`: see [`Conditions`].
fn order(sort: Sort, is_narrowed: bool) -> &'static str {
    match sort {
        Sort::ReceivedNewest if is_narrowed => "received_at_us DESC, id DESC",
        Sort::ReceivedOldest if is_narrowed => "received_at_us, id",
        Sort::ReceivedNewest => "pk DESC",
        Sort::ReceivedOldest => "pk",
        Sort::DueSoonest => "due_on, id",
    }
}

/// The walks of all arms, merged.
fn walks(conditions: &Conditions, limit: usize, way: Way) -> String {
    let order = order(conditions.sort, conditions.is_narrowed);
    let limit = if matches!(way, Way::RestOfMillisecond(_)) { String::new() } else { format!("LIMIT {limit}") };
    let walk = |arm: Option<&str>| {
        let of_petitions = conditions.of_petitions(arm);
        let Some(words) = &conditions.words else {
            return format!("SELECT {COLUMNS} FROM petitions p WHERE {of_petitions} ORDER BY {order} {limit}");
        };
        // What `OFFSET 0` stands behind is looked up row by row: the database cannot mean to begin with the words.
        let has_words = format!(
            "CROSS JOIN LATERAL (SELECT 1 FROM texts t WHERE t.petition = p.pk AND t.words @> {words} OFFSET 0) t"
        );
        match way {
            Way::WalkPast(rows_max) => format!(
                "SELECT {COLUMNS} FROM (SELECT {COLUMNS} FROM petitions p WHERE {of_petitions} ORDER BY {order}
                 LIMIT {}) p {has_words} ORDER BY {order} {limit}",
                rows_max / conditions.arms.len().max(1)
            ),
            _ => format!("SELECT {COLUMNS} FROM petitions p {has_words} WHERE {of_petitions} ORDER BY {order} {limit}"),
        }
    };
    if conditions.arms.is_empty() {
        return walk(None);
    }
    let walks: Vec<String> = conditions.arms.iter().map(|arm| format!("({})", walk(Some(arm)))).collect();
    let union = if conditions.arms_overlap { " UNION " } else { " UNION ALL " };
    format!("{} ORDER BY {order} {limit}", walks.join(union))
}

/// What the index of words hits, then which of the petitions match, then the first of them. In this order whatever the
/// database thinks of how rare the words are, which it hardly knows: one step is not planned into another.
fn hits(conditions: &Conditions, words: &str, limit: usize, hits_max: usize) -> String {
    format!(
        "WITH found AS MATERIALIZED (SELECT t.petition FROM texts t WHERE {}),
              hit AS MATERIALIZED (SELECT petition FROM found LIMIT {})
         SELECT n.hits, f.pk, f.received_at_us, f.due_on, f.id, d.doc
         FROM (SELECT count(*) AS hits FROM hit) n
         LEFT JOIN (SELECT {COLUMNS}
                    FROM hit CROSS JOIN LATERAL (SELECT {COLUMNS} FROM petitions p WHERE p.pk = hit.petition AND {}
                                                 OFFSET 0) p
                    WHERE (SELECT count(*) FROM hit) <= {hits_max}
                    ORDER BY {} LIMIT {limit}) f ON TRUE
         LEFT JOIN dossiers d ON d.petition = f.pk",
        conditions.of_texts(words),
        hits_max.saturating_add(1),
        conditions.of_petitions(conditions.any_arm().as_deref()),
        order(conditions.sort, true),
    )
}
