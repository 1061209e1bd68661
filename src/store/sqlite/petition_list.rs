//! Lists of petitions: conditions, order, pages.
//!
//! By receipt, rows are walked in the order of their number, which is the order of receipt to the millisecond; the few of
//! one millisecond are put in order here. So a page costs what it holds and not what matches, full-text hits included.
//! By due date, the index of each status gives its own in order, and these are merged.

use rusqlite::{Connection, Row, params_from_iter, types::Value};

use super::{
    petition::doc_get,
    rows::{NO_DUE_DATE, get, unsigned, uuid},
    search,
};
use crate::{
    petition::{Petition, Status, moves::OPEN},
    store::{
        PetitionQuery, Sort, StoreError,
        list::{self, Found, statuses},
    },
};

pub(super) fn petition_list(conn: &Connection, query: &PetitionQuery) -> Result<Vec<Petition>, StoreError> {
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    for arm in arms(query) {
        found_add(conn, query, arm, limit, &mut found)?;
    }
    found.sort_unstable_by(|a, b| Found::order(query.sort, a, b));
    found.truncate(limit);
    let mut petitions = Vec::with_capacity(found.len());
    for row in found {
        let petition = doc_get(conn, "SELECT doc FROM dossiers WHERE petition = ?1", [row.pk])?;
        petitions.push(petition.ok_or(StoreError::Damaged("petition"))?);
    }
    Ok(petitions)
}

pub(super) fn petition_count(conn: &Connection, query: &PetitionQuery) -> Result<u64, StoreError> {
    if statuses(query).is_some_and(|statuses| statuses.is_empty()) {
        return Ok(0);
    }
    let statement = conditions(query, None);
    let sql = format!("SELECT count(*) FROM {}", statement.sql);
    let count = conn.prepare_cached(&sql)?.query_row(params_from_iter(statement.values), |row| row.get(0))?;
    Ok(unsigned(count))
}

/// The statuses to ask for one by one, where an index by status gives the order; one question for all otherwise.
fn arms(query: &PetitionQuery) -> Vec<Option<Status>> {
    let is_found_otherwise = query.text.is_some() || query.external_id.is_some();
    let is_by_receipt = query.sort != Sort::DueSoonest;
    let statuses = statuses(query);
    let is_impossible = statuses.as_ref().is_some_and(Vec::is_empty);
    if !is_impossible && (is_found_otherwise || is_by_receipt && statuses.is_none()) {
        return vec![None];
    }
    statuses.unwrap_or_else(|| Status::ALL.to_vec()).into_iter().map(Some).collect()
}

fn found_add(
    conn: &Connection,
    query: &PetitionQuery,
    arm: Option<Status>,
    limit: usize,
    found: &mut Vec<Found>,
) -> Result<(), StoreError> {
    let Statement { sql, values, .. } = select(query, arm)?;
    let mut prepared = conn.prepare_cached(&sql)?;
    let rows = prepared.query_and_then(params_from_iter(values), found_of)?;
    let before = found.len();
    for row in rows {
        let row = row?;
        // What comes now is later than the whole page: by due date at once, by receipt with the next millisecond.
        let is_same_moment =
            query.sort != Sort::DueSoonest && found.last().is_some_and(|last| row.is_of_same_millisecond(last));
        if found.len() - before >= limit && !is_same_moment {
            break;
        }
        found.push(row);
    }
    Ok(())
}

/// The rows of an arm after the page before, in order; the reader stops when it has enough.
fn select(query: &PetitionQuery, arm: Option<Status>) -> Result<Statement, StoreError> {
    let mut it = conditions(query, arm);
    it.after(query)?;
    let order = match query.sort {
        Sort::ReceivedNewest => format!("{} DESC", it.pk),
        Sort::ReceivedOldest => it.pk.to_owned(),
        Sort::DueSoonest => "p.due_on, p.id".to_owned(),
    };
    it.sql = format!("SELECT p.pk, p.received_at_us, p.due_on, p.id FROM {} ORDER BY {order}", it.sql);
    Ok(it)
}

/// How the engine means to answer the query, for tests.
#[cfg(test)]
pub(super) fn plans(conn: &Connection, query: &PetitionQuery) -> Vec<String> {
    let statements = arms(query).into_iter().map(|arm| select(query, arm).unwrap());
    statements.map(|it| plan(conn, &it.sql, params_from_iter(it.values))).collect()
}

#[cfg(test)]
pub(super) fn plan(conn: &Connection, sql: &str, params: impl rusqlite::Params) -> String {
    let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let steps = statement.query_map(params, |row| row.get::<_, String>("detail")).unwrap();
    steps.map(Result::unwrap).collect::<Vec<_>>().join("; ")
}

fn found_of(row: &Row<'_>) -> Result<Found, StoreError> {
    let id: Vec<u8> = get(row, "id")?;
    Ok(Found {
        pk: get(row, "pk")?,
        received_at_us: get(row, "received_at_us")?,
        due_on: get(row, "due_on")?,
        id: uuid("petition", &id)?,
    })
}

/// A statement from its `FROM` on, with its values in order.
struct Statement {
    /// The row number's name: of the hit where words are asked for, so that hits are skipped by it.
    pk: &'static str,
    sql: String,
    values: Vec<Value>,
}

impl Statement {
    fn and(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self.values.extend(values);
    }

    /// `columns` in turn may be one of `list`; an empty list asks nothing.
    fn and_any_of(&mut self, columns: &[&str], list: &[String]) {
        if list.is_empty() {
            return;
        }
        let json = serde_json::to_string(list).expect("a list of strings always becomes JSON");
        let one = |column: &&str| format!("{column} IN (SELECT value FROM json_each(?))");
        let any: Vec<String> = columns.iter().map(one).collect();
        self.and(&format!("({})", any.join(" OR ")), columns.iter().map(|_| Value::Text(json.clone())));
    }

    /// The rows after the last one of the page before.
    fn after(&mut self, query: &PetitionQuery) -> Result<(), StoreError> {
        let Some((key, id)) = &query.after else { return Ok(()) };
        let id = Value::Blob(id.0.as_bytes().to_vec());
        if query.sort == Sort::DueSoonest {
            self.and("(p.due_on, p.id) > (?, ?)", [Value::Text(key.clone()), id]);
            return Ok(());
        }
        let at = list::received_after(key)?;
        if query.sort == Sort::ReceivedNewest {
            self.and_pk_until(at);
            self.and("(p.received_at_us, p.id) < (?, ?)", [at.into(), id]);
        } else {
            self.and_pk_from(at);
            self.and("(p.received_at_us, p.id) > (?, ?)", [at.into(), id]);
        }
        Ok(())
    }

    /// The rows of this microsecond's millisecond and later.
    fn and_pk_from(&mut self, microsecond: i64) {
        self.and(&format!("{} >= ?", self.pk), [list::pk_first(microsecond).into()]);
    }

    /// The rows of this microsecond's millisecond and earlier.
    fn and_pk_until(&mut self, microsecond: i64) {
        self.and(&format!("{} <= ?", self.pk), [list::pk_last(microsecond).into()]);
    }
}

/// All conditions but the page's. A `+` before a column keeps the engine from looking for rows by it: the order that it
/// would lose is worth more than the rows that it would skip.
fn conditions(query: &PetitionQuery, arm: Option<Status>) -> Statement {
    let mut it = from(query);
    match arm {
        Some(status) => it.and("p.status = ?", [text(status.as_str())]),
        None => it.and_any_of(&["+p.status"], &names(&statuses(query).unwrap_or_default(), |status| status.as_str())),
    }
    it.and_any_of(&["+p.kind"], &names(&query.kinds, |kind| kind.as_str()));
    it.and_any_of(&["+p.field_code"], &query.fields);
    it.and_any_of(&["+p.locality"], &query.localities);
    it.and_any_of(&["+p.forwarding_agency", "+p.receiving_agency", "+p.unit", "+p.forwarded_to"], &query.agencies);
    match &query.external_id {
        None => it.and_any_of(&["+p.channel"], &query.channels),
        // Its index begins with the channel, and there are few.
        Some(external_id) if query.channels.is_empty() => {
            let condition = "p.channel IN (SELECT name FROM channels) AND p.external_id = ?";
            it.and(condition, [text(external_id)]);
        }
        Some(external_id) => {
            it.and_any_of(&["p.channel"], &query.channels);
            it.and("p.external_id = ?", [text(external_id)]);
        }
    }
    received(query, &mut it);
    due(query, &mut it);
    it
}

fn from(query: &PetitionQuery) -> Statement {
    // `CROSS JOIN` keeps the order: hits first, in the order of their numbers, then their petitions.
    match query.text.as_deref().and_then(search::query_of) {
        Some(words) => Statement {
            pk: "f.rowid",
            sql: "petition_fts f CROSS JOIN petitions p ON p.pk = f.rowid WHERE f.petition_fts MATCH ?".to_owned(),
            values: vec![Value::Text(words)],
        },
        None => Statement { pk: "p.pk", sql: "petitions p WHERE TRUE".to_owned(), values: Vec::new() },
    }
}

fn received(query: &PetitionQuery, it: &mut Statement) {
    let (from, before) = list::received(query);
    if let Some(at) = from {
        it.and_pk_from(at);
        it.and("p.received_at_us >= ?", [at.into()]);
    }
    if let Some(at) = before {
        it.and_pk_until(at);
        it.and("p.received_at_us < ?", [at.into()]);
    }
}

fn due(query: &PetitionQuery, it: &mut Statement) {
    if query.due_from.is_some() || query.due_until.is_some() {
        it.and("p.due_on < ?", [text(NO_DUE_DATE)]);
    }
    if let Some(from) = query.due_from {
        it.and("p.due_on >= ?", [text(&from.to_string())]);
    }
    if let Some(until) = query.due_until {
        it.and("p.due_on <= ?", [text(&until.to_string())]);
    }
    if let Some((is_overdue, today)) = query.overdue {
        let today = text(&today.to_string());
        if is_overdue {
            // That it is open is asked by `statuses`.
            it.and("p.due_on < ?", [today]);
        } else {
            let open: Vec<String> = OPEN.iter().map(|status| format!("'{status}'")).collect();
            it.and(&format!("NOT (+p.status IN ({}) AND p.due_on < ?)", open.join(", ")), [today]);
        }
    }
}

fn names<T: Copy>(values: &[T], name: impl Fn(T) -> &'static str) -> Vec<String> {
    values.iter().map(|value| name(*value).to_owned()).collect()
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}
