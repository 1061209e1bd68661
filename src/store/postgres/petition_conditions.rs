//! What must hold of every row of a list of petitions, as conditions of a statement.
//!
//! Every condition that a list is often narrowed by has an index that gives the rows of one value in the order of receipt,
//! and no other index gives that order. So the database cannot mean to walk through all petitions, expecting those that
//! match any moment, when they are ten years back. Where several values may hold, each is a walk of its own (an arm), and
//! the walks are merged. A list that none of them narrows walks the row numbers.

use super::{
    rows::NO_DUE_DATE,
    statement::{Statement, Value},
};
use crate::{
    petition::{Status, moves::OPEN},
    store::{
        PetitionQuery, Sort, StoreError,
        list::{self, statuses},
        words::words_asked,
    },
};

/// Where an agency may stand.
const AGENCIES: [&str; 4] = ["p.forwarding_agency", "p.receiving_agency", "p.unit", "p.forwarded_to"];

/// Planning more walks than these costs more than they save: more values than that are looked for in the rows of one walk.
const ARMS_MAX: usize = 48;

/// The conditions of a query.
#[derive(Clone, Default)]
pub(super) struct Conditions {
    /// The list's order.
    pub(super) sort: Sort,
    /// Holds the values.
    pub(super) statement: Statement,
    /// One of these must hold, in a walk of its own; none where there is one walk.
    pub(super) arms: Vec<String>,
    /// Whether a row may come up in two arms.
    pub(super) arms_overlap: bool,
    /// All of these must hold.
    filters: Vec<String>,
    /// Bounds of the row number: operator and value.
    bounds: Vec<(&'static str, String)>,
    /// The value that holds the words.
    pub(super) words: Option<String>,
    /// Whether the rows come out of an index of one value, or are few, and not by their number.
    pub(super) is_narrowed: bool,
}

impl Conditions {
    /// What `query` asks; `None` when it leaves no status.
    pub(super) fn of(query: &PetitionQuery) -> Result<Option<Conditions>, StoreError> {
        let mut it = Conditions { sort: query.sort, ..Conditions::default() };
        let words = query.text.as_deref().map(words_asked).filter(|words| !words.is_empty());
        it.words = words.map(|words| it.statement.value(Value::Texts(words)));
        it.external_id(query);
        if !it.statuses(query) {
            return Ok(None);
        }
        it.agencies(&query.agencies);
        it.narrow("p.locality", &query.localities);
        it.narrow("p.field_code", &query.fields);
        let kinds: Vec<String> = query.kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
        it.filter(&["p.kind"], &kinds);
        it.filter(&["p.channel"], &query.channels);
        it.received(query);
        it.due(query);
        it.after(query)?;
        Ok(Some(it))
    }

    /// The conditions of the rows of `p` in one arm, or of all rows.
    pub(super) fn of_petitions(&self, arm: Option<&str>) -> String {
        let bounds = self.bounds.iter().map(|(beyond, pk)| format!("p.pk {beyond} {pk}"));
        let all: Vec<String> =
            arm.map(str::to_owned).into_iter().chain(self.filters.iter().cloned()).chain(bounds).collect();
        if all.is_empty() { "TRUE".to_owned() } else { all.join(" AND ") }
    }

    /// The condition that one of the arms holds.
    pub(super) fn any_arm(&self) -> Option<String> {
        (!self.arms.is_empty()).then(|| format!("({})", self.arms.join(" OR ")))
    }

    /// The condition of the rows of `t` that all words occur, within the bounds.
    pub(super) fn of_texts(&self, words: &str) -> String {
        let bounds = self.bounds.iter().map(|(beyond, pk)| format!(" AND t.petition {beyond} {pk}"));
        format!("t.words @> {words}{}", bounds.collect::<String>())
    }

    /// Adds a bound of the row number.
    pub(super) fn bound(&mut self, beyond: &'static str, pk: i64) {
        let pk = self.statement.value(Value::Integer(pk));
        self.bounds.push((beyond, pk));
    }

    fn external_id(&mut self, query: &PetitionQuery) {
        let Some(external_id) = &query.external_id else { return };
        self.is_narrowed = true;
        if query.channels.is_empty() {
            // Its index begins with the channel, and there are few.
            self.filters.push("p.channel IN (SELECT name FROM channels)".to_owned());
        }
        self.compare("p.external_id =", Value::text(external_id));
    }

    /// `false` when no status is left.
    fn statuses(&mut self, query: &PetitionQuery) -> bool {
        let of = |status: &Status| format!("p.status = '{status}'");
        let statuses = statuses(query);
        match statuses.as_deref() {
            Some([]) => return false,
            // The index of due dates is one for each status.
            None if query.sort == Sort::DueSoonest && !self.is_narrowed => {
                self.arms = Status::ALL.iter().map(of).collect();
            }
            None => return true,
            Some([one]) => self.filters.push(of(one)),
            // Rows that an external id leaves are few.
            Some(several) if self.is_narrowed => self.filters.push(format!("p.status IN ({})", quoted(several))),
            Some(several) => self.arms = several.iter().map(of).collect(),
        }
        self.is_narrowed = true;
        true
    }

    fn agencies(&mut self, agencies: &[String]) {
        if agencies.is_empty() || !self.arms.is_empty() || agencies.len() * AGENCIES.len() > ARMS_MAX {
            return self.filter(&AGENCIES, agencies);
        }
        for agency in distinct(agencies) {
            let agency = self.statement.value(Value::text(agency));
            self.arms.extend(AGENCIES.iter().map(|column| format!("{column} = {agency}")));
        }
        self.arms_overlap = true;
        self.is_narrowed = true;
    }

    /// `column`, which has an index of its own, is one of `list`.
    fn narrow(&mut self, column: &str, list: &[String]) {
        let list = distinct(list);
        match &list[..] {
            [] => return,
            [one] => self.compare(&format!("{column} ="), Value::text(one)),
            several if self.arms.is_empty() && several.len() <= ARMS_MAX => {
                let of = |value: &&str| format!("{column} = {}", self.statement.value(Value::text(value)));
                self.arms = several.iter().map(of).collect();
            }
            _ => return self.filter(&[column], &list.into_iter().map(str::to_owned).collect::<Vec<_>>()),
        }
        self.is_narrowed = true;
    }

    /// `columns` in turn may be one of `list`; an empty list asks nothing.
    fn filter(&mut self, columns: &[&str], list: &[String]) {
        let equal = match list {
            [] => return,
            [one] => format!("= {}", self.statement.value(Value::text(one))),
            several => format!("= ANY ({})", self.statement.value(Value::texts(several))),
        };
        let any: Vec<String> = columns.iter().map(|column| format!("{column} {equal}")).collect();
        self.filters.push(format!("({})", any.join(" OR ")));
    }

    fn received(&mut self, query: &PetitionQuery) {
        let (from, before) = list::received(query);
        if let Some(at) = from {
            self.bound(">=", list::pk_first(at));
            self.compare("p.received_at_us >=", Value::Integer(at));
        }
        if let Some(at) = before {
            self.bound("<=", list::pk_last(at));
            self.compare("p.received_at_us <", Value::Integer(at));
        }
    }

    fn due(&mut self, query: &PetitionQuery) {
        if query.due_from.is_some() || query.due_until.is_some() {
            self.compare("p.due_on <", Value::text(NO_DUE_DATE));
        }
        if let Some(from) = query.due_from {
            self.compare("p.due_on >=", Value::text(&from.to_string()));
        }
        if let Some(until) = query.due_until {
            self.compare("p.due_on <=", Value::text(&until.to_string()));
        }
        match query.overdue {
            None => (),
            // That it is open is asked by the statuses.
            Some((true, today)) => self.compare("p.due_on <", Value::text(&today.to_string())),
            Some((false, today)) => {
                let today = self.statement.value(Value::text(&today.to_string()));
                self.filters.push(format!("NOT (p.status IN ({}) AND p.due_on < {today})", quoted(OPEN)));
            }
        }
    }

    /// The rows after the last one of the page before.
    fn after(&mut self, query: &PetitionQuery) -> Result<(), StoreError> {
        let Some((key, id)) = &query.after else { return Ok(()) };
        let (columns, beyond, key) = match query.sort {
            Sort::DueSoonest => ("p.due_on, p.id", ">", Value::text(key)),
            Sort::ReceivedNewest => {
                let at = list::received_after(key)?;
                self.bound("<=", list::pk_last(at));
                ("p.received_at_us, p.id", "<", Value::Integer(at))
            }
            Sort::ReceivedOldest => {
                let at = list::received_after(key)?;
                self.bound(">=", list::pk_first(at));
                ("p.received_at_us, p.id", ">", Value::Integer(at))
            }
        };
        let (key, id) = (self.statement.value(key), self.statement.value(Value::Id(id.0)));
        self.filters.push(format!("({columns}) {beyond} ({key}, {id})"));
        Ok(())
    }

    fn compare(&mut self, condition: &str, value: Value) {
        let value = self.statement.value(value);
        self.filters.push(format!("{condition} {value}"));
    }
}

/// The names of statuses are ours and need no escape.
fn quoted(statuses: &[Status]) -> String {
    statuses.iter().map(|status| format!("'{status}'")).collect::<Vec<_>>().join(", ")
}

fn distinct(list: &[String]) -> Vec<&str> {
    let mut list: Vec<&str> = list.iter().map(String::as_str).collect();
    list.sort_unstable();
    list.dedup();
    list
}
