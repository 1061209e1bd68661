//! Lists of petitions: conditions, order, pages.
//!
//! By receipt, rows are walked in the order of their number, of all petitions or of each status asked for; by due date, in
//! that of each status. The walks are merged, so a page costs what it holds and not what matches. Where the other
//! conditions leave few petitions (a rare locality, a rare word), the database fetches those and sorts them instead: it
//! knows how rare a value is.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;

use super::{
    rows::{NO_DUE_DATE, get, get_json, unsigned},
    statement::{Statement, Value},
};
use crate::{
    petition::{Petition, Status, moves::OPEN},
    store::{
        PetitionQuery, Sort, StoreError,
        list::{self, Found, statuses},
        pk::beside,
        words::words_asked,
    },
};

/// A petition of a page, with what orders it.
type Placed = (Found, Petition);

pub(super) async fn petition_list(conn: &ClientWrapper, query: &PetitionQuery) -> Result<Vec<Petition>, StoreError> {
    let Some(statement) = select(query, Part::Page)? else { return Ok(Vec::new()) };
    let mut page = placed(&statement.rows(conn).await?)?;
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    if let Some(cut) = cut_in_millisecond(query.sort, limit, &mut page)
        && let Some(rest) = select(query, Part::RestOfMillisecond(cut))?
    {
        page.extend(placed(&rest.rows(conn).await?)?);
    }
    page.sort_unstable_by(|(a, _), (b, _)| Found::order(query.sort, a, b));
    page.truncate(limit);
    Ok(page.into_iter().map(|(_, petition)| petition).collect())
}

/// The last row of a page that may end otherwise once the rest of that row's millisecond is known: one row more than the
/// page was asked for, and it is of the same millisecond as the one before.
fn cut_in_millisecond(sort: Sort, limit: usize, page: &mut [Placed]) -> Option<i64> {
    match sort {
        Sort::ReceivedNewest => page.sort_unstable_by_key(|(found, _)| std::cmp::Reverse(found.pk)),
        Sort::ReceivedOldest => page.sort_unstable_by_key(|(found, _)| found.pk),
        Sort::DueSoonest => return None,
    }
    let (last, next) = (&page.get(limit.checked_sub(1)?)?.0, &page.get(limit)?.0);
    next.is_of_same_millisecond(last).then_some(next.pk)
}

pub(super) async fn petition_count(conn: &ClientWrapper, query: &PetitionQuery) -> Result<u64, StoreError> {
    let Some(Conditions { statement: mut it, from, statuses }) = Conditions::of(query) else { return Ok(0) };
    it.sql = format!("SELECT count(*) AS count FROM {from} WHERE {}{}", one_of(statuses.as_deref()), it.sql);
    let rows = it.rows(conn).await?;
    rows.first().map_or(Ok(0), |row| get(row, "count").map(unsigned))
}

/// Which rows of a list are asked for.
#[derive(Clone, Copy)]
pub(super) enum Part {
    /// The page, and one more.
    Page,
    /// All that come after this row and are of its millisecond.
    RestOfMillisecond(i64),
}

/// The statement for a part of a list; `None` when nothing can match.
///
/// It gives rows and their petitions as they stood at one time. The rest of a millisecond may be of a later time than its
/// page, as the next page is: it never gives what the page gave.
pub(super) fn select(query: &PetitionQuery, part: Part) -> Result<Option<Statement>, StoreError> {
    let Some(mut conditions) = Conditions::of(query) else { return Ok(None) };
    conditions.after(query)?;
    let limit = match part {
        Part::Page => format!("LIMIT {}", u64::from(query.limit) + 1),
        Part::RestOfMillisecond(pk) => {
            conditions.rest_of_millisecond(query.sort, pk);
            String::new()
        }
    };
    let order = match query.sort {
        Sort::ReceivedNewest => "pk DESC",
        Sort::ReceivedOldest => "pk",
        Sort::DueSoonest => "due_on, id",
    };
    let Conditions { statement: mut it, from, statuses } = conditions;
    let walk = |of: String| format!("SELECT p.pk, p.received_at_us, p.due_on, p.id FROM {from} WHERE {of}{}", it.sql);
    let walks: Vec<String> = match arms(query, statuses.as_deref()) {
        Some(arms) => arms.iter().map(|status| walk(format!("p.status = '{status}'"))).collect(),
        None => vec![walk(one_of(statuses.as_deref()))],
    };
    it.sql = format!(
        "SELECT f.pk, f.received_at_us, f.due_on, f.id, d.doc
         FROM ({} ORDER BY {order} {limit}) f LEFT JOIN dossiers d ON d.petition = f.pk",
        walks.join(" UNION ALL ")
    );
    Ok(Some(it))
}

/// The statuses to walk one by one, because an index gives each in order; `None` for one walk of all.
fn arms<'a>(query: &PetitionQuery, statuses: Option<&'a [Status]>) -> Option<&'a [Status]> {
    match query.sort {
        _ if query.external_id.is_some() => None,
        Sort::DueSoonest => Some(statuses.unwrap_or(Status::ALL)),
        // Words are looked up, or walked past, once and not for each status.
        _ => statuses.filter(|_| query.text.is_none()),
    }
}

fn one_of(statuses: Option<&[Status]>) -> String {
    statuses.map_or_else(|| "TRUE".to_owned(), |statuses| format!("p.status IN ({})", quoted(statuses)))
}

/// The names of statuses are ours and need no escape.
fn quoted(statuses: &[Status]) -> String {
    statuses.iter().map(|status| format!("'{status}'")).collect::<Vec<_>>().join(", ")
}

fn placed(rows: &[Row]) -> Result<Vec<Placed>, StoreError> {
    rows.iter().map(placed_of).collect()
}

fn placed_of(row: &Row) -> Result<Placed, StoreError> {
    let found = Found {
        pk: get(row, "pk")?,
        received_at_us: get(row, "received_at_us")?,
        due_on: get(row, "due_on")?,
        id: get(row, "id")?,
    };
    Ok((found, get_json("petition", row, "doc")?))
}

/// What must hold of every row of a list.
struct Conditions {
    /// All but that of the status, each after an `AND`; with the values.
    statement: Statement,
    /// The tables.
    from: &'static str,
    /// One of these statuses.
    statuses: Option<Vec<Status>>,
}

impl Conditions {
    /// What the query asks, the page aside; `None` when it leaves no status.
    fn of(query: &PetitionQuery) -> Option<Conditions> {
        let statuses = statuses(query);
        if statuses.as_ref().is_some_and(Vec::is_empty) {
            return None;
        }
        let mut it = Conditions { statement: Statement::default(), from: "petitions p", statuses };
        it.words(query);
        let kinds: Vec<String> = query.kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
        it.any_of(&["p.kind"], &kinds);
        it.any_of(&["p.field_code"], &query.fields);
        it.any_of(&["p.locality"], &query.localities);
        it.any_of(&["p.forwarding_agency", "p.receiving_agency", "p.unit", "p.forwarded_to"], &query.agencies);
        it.any_of(&["p.channel"], &query.channels);
        it.external_id(query);
        it.received(query);
        it.due(query);
        Some(it)
    }

    fn words(&mut self, query: &PetitionQuery) {
        let words = query.text.as_deref().map(words_asked).unwrap_or_default();
        if !words.is_empty() {
            self.from = "texts t JOIN petitions p ON p.pk = t.petition";
            self.and_value("t.words @>", Value::Texts(words));
        }
    }

    /// `columns` in turn may be one of `list`; an empty list asks nothing.
    fn any_of(&mut self, columns: &[&str], list: &[String]) {
        let equal = match list {
            [] => return,
            // Rows that equal one value come out of an index in order.
            [one] => format!("= {}", self.statement.value(Value::text(one))),
            several => format!("= ANY ({})", self.statement.value(Value::texts(several))),
        };
        let any: Vec<String> = columns.iter().map(|column| format!("{column} {equal}")).collect();
        self.statement.and(&format!("({})", any.join(" OR ")));
    }

    fn external_id(&mut self, query: &PetitionQuery) {
        let Some(external_id) = &query.external_id else { return };
        if query.channels.is_empty() {
            // Its index begins with the channel, and there are few.
            self.statement.and("p.channel IN (SELECT name FROM channels)");
        }
        self.and_value("p.external_id =", Value::text(external_id));
    }

    fn received(&mut self, query: &PetitionQuery) {
        let (from, before) = list::received(query);
        if let Some(at) = from {
            self.and_pk(">=", list::pk_first(at));
            self.and_value("p.received_at_us >=", Value::Integer(at));
        }
        if let Some(at) = before {
            self.and_pk("<=", list::pk_last(at));
            self.and_value("p.received_at_us <", Value::Integer(at));
        }
    }

    fn due(&mut self, query: &PetitionQuery) {
        if query.due_from.is_some() || query.due_until.is_some() {
            self.and_value("p.due_on <", Value::text(NO_DUE_DATE));
        }
        if let Some(from) = query.due_from {
            self.and_value("p.due_on >=", Value::text(&from.to_string()));
        }
        if let Some(until) = query.due_until {
            self.and_value("p.due_on <=", Value::text(&until.to_string()));
        }
        match query.overdue {
            None => (),
            // That it is open is asked by `statuses`.
            Some((true, today)) => self.and_value("p.due_on <", Value::text(&today.to_string())),
            Some((false, today)) => {
                let today = self.statement.value(Value::text(&today.to_string()));
                self.statement.and(&format!("NOT (p.status IN ({}) AND p.due_on < {today})", quoted(OPEN)));
            }
        }
    }

    /// The rows after the last one of the page before.
    fn after(&mut self, query: &PetitionQuery) -> Result<(), StoreError> {
        let Some((key, id)) = &query.after else { return Ok(()) };
        let id = self.statement.value(Value::Id(id.0));
        let (columns, beyond, key) = match query.sort {
            Sort::DueSoonest => ("p.due_on, p.id", ">", Value::text(key)),
            sort => {
                let at = list::received_after(key)?;
                let newest_first = sort == Sort::ReceivedNewest;
                let (beyond, pk) = if newest_first { ("<", list::pk_last(at)) } else { (">", list::pk_first(at)) };
                self.and_pk(if newest_first { "<=" } else { ">=" }, pk);
                ("p.received_at_us, p.id", beyond, Value::Integer(at))
            }
        };
        let key = self.statement.value(key);
        self.statement.and(&format!("({columns}) {beyond} ({key}, {id})"));
        Ok(())
    }

    /// What comes after row `pk` and is of its millisecond.
    fn rest_of_millisecond(&mut self, sort: Sort, pk: i64) {
        let (beyond, until, end) = match sort {
            Sort::ReceivedNewest => ("<", ">=", *beside(pk).start()),
            _ => (">", "<=", *beside(pk).end()),
        };
        self.and_pk(beyond, pk);
        self.and_pk(until, end);
    }

    /// A bound of row numbers. It is told of both tables: the database carries only equality from one to the other.
    fn and_pk(&mut self, beyond: &str, pk: i64) {
        let pk = self.statement.value(Value::Integer(pk));
        self.statement.and(&format!("p.pk {beyond} {pk}"));
        if self.from.starts_with("texts") {
            self.statement.and(&format!("t.petition {beyond} {pk}"));
        }
    }

    fn and_value(&mut self, condition: &str, value: Value) {
        let value = self.statement.value(value);
        self.statement.and(&format!("{condition} {value}"));
    }
}
