//! Rows of any engine: their values, pages of them, and what a table comes to as one number.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::tables::Table;

/// One column's value of one row. It is personal data and is never shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) enum Value {
    /// Nothing.
    Absent,
    /// A number.
    Integer(i64),
    /// Yes or no.
    Boolean(bool),
    /// An id.
    Uuid(Uuid),
    /// A text, as whoever wrote it meant it: without an engine's escapes.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// The values of a row, in the order of its table's columns.
pub(in crate::store) type Row = Vec<Value>;

impl Value {
    /// The number, where it is one.
    pub(in crate::store) fn integer(&self) -> Option<i64> {
        match self {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The text, where it is one.
    pub(in crate::store) fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// About what it takes in memory.
    fn size(&self) -> usize {
        size_of::<Value>()
            + match self {
                Value::Text(text) => text.len(),
                Value::Bytes(bytes) => bytes.len(),
                _ => 0,
            }
    }

    /// Appends it so that no two rows look alike: its sort, its length where that varies, itself.
    fn append_to(&self, bytes: &mut Vec<u8>) {
        let mut append = |sort: u8, value: &[u8]| {
            bytes.push(sort);
            bytes.extend_from_slice(value);
        };
        match self {
            Value::Absent => append(0, &[]),
            Value::Integer(number) => append(1, &number.to_be_bytes()),
            Value::Boolean(it) => append(2, &[u8::from(*it)]),
            Value::Uuid(id) => append(3, id.as_bytes()),
            Value::Text(text) => append_sized(bytes, 4, text.as_bytes()),
            Value::Bytes(value) => append_sized(bytes, 5, value),
        }
    }
}

fn append_sized(bytes: &mut Vec<u8>, sort: u8, value: &[u8]) {
    bytes.push(sort);
    bytes.extend_from_slice(&(value.len() as u64).to_be_bytes());
    bytes.extend_from_slice(value);
}

/// What the rows of a table come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum {
    /// How many there are.
    pub rows: u64,
    /// SHA-256 over the table's and the columns' names and every value of every row, in the order of the key.
    pub sha256: [u8; 32],
}

/// Sums rows up as they go by.
pub(super) struct Summing {
    sha: Sha256,
    rows: u64,
    /// One row; kept for its memory.
    bytes: Vec<u8>,
}

impl Summing {
    pub(super) fn of(table: &Table) -> Summing {
        let sha = Sha256::new().chain_update(table.name).chain_update([0]).chain_update(table.names());
        Summing { sha, rows: 0, bytes: Vec::new() }
    }

    pub(super) fn add(&mut self, row: &Row) {
        self.bytes.clear();
        row.iter().for_each(|value| value.append_to(&mut self.bytes));
        self.sha.update(&self.bytes);
        self.rows += 1;
    }

    pub(super) fn end(self) -> Sum {
        Sum { rows: self.rows, sha256: self.sha.finalize().into() }
    }
}

/// Rows on a page: enough that a transaction costs little for each, few enough that one interrupted loses little.
const PAGE_ROWS: usize = 4_096;
/// Bytes on a page, beside its last row: messages' bodies are up to 32 MiB each, and a few pages are on their way at once.
const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// Gathers the rows that an engine gives into pages, and puts in order what the engine does not.
pub(in crate::store) struct Gather {
    table: &'static Table,
    rows: Vec<Row>,
    bytes: usize,
    /// Where the rows begin that are alike in the columns by which the engine orders.
    alike_from: usize,
}

impl Gather {
    /// For the rows of a table, which come in the order of [`Table::key_in_order`].
    pub(in crate::store) fn new(table: &'static Table) -> Gather {
        Gather { table, rows: Vec::new(), bytes: 0, alike_from: 0 }
    }

    /// Takes a row, and gives the page before it when that is full.
    pub(in crate::store) fn add(&mut self, row: Row) -> Option<Vec<Row>> {
        let mut page = None;
        let is_alike = self.rows.last().is_some_and(|last| self.table.key_in_order().all(|at| last[at] == row[at]));
        if !is_alike {
            self.put_in_order();
            if self.rows.len() >= PAGE_ROWS || self.bytes >= PAGE_BYTES {
                page = Some(std::mem::take(&mut self.rows));
                self.bytes = 0;
            }
            self.alike_from = self.rows.len();
        }
        self.bytes += row.iter().map(Value::size).sum::<usize>();
        self.rows.push(row);
        page
    }

    /// The last page; without rows when there is nothing on it.
    pub(in crate::store) fn end(mut self) -> Vec<Row> {
        self.put_in_order();
        self.rows
    }

    fn put_in_order(&mut self) {
        let alike = &mut self.rows[self.alike_from..];
        if alike.len() > 1 {
            alike.sort_by(|one, other| {
                let values = self.table.key().map(|at| one[at].cmp(&other[at]));
                values.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::copy::tables::{REQUESTS, table};

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    /// The rows of each page.
    fn pages(table: &'static Table, rows: impl IntoIterator<Item = Row>) -> Vec<Vec<Row>> {
        let mut gather = Gather::new(table);
        let mut pages: Vec<_> = rows.into_iter().filter_map(|row| gather.add(row)).collect();
        pages.push(gather.end());
        pages
    }

    #[test]
    fn no_two_rows_look_alike() {
        let rows: [&[Value]; 9] = [
            &[],
            &[Value::Absent],
            &[Value::Absent, Value::Absent],
            &[text("")],
            &[Value::Bytes(Vec::new())],
            &[text("ab"), text("c")],
            &[text("a"), text("bc")],
            &[Value::Integer(1)],
            &[Value::Boolean(true)],
        ];
        let sums: Vec<Sum> = rows
            .iter()
            .map(|row| {
                let mut summing = Summing::of(table("events").unwrap());
                summing.add(&row.to_vec());
                summing.end()
            })
            .collect();
        for (at, sum) in sums.iter().enumerate() {
            assert!(sums[..at].iter().all(|other| other != sum), "{at}");
        }
    }

    #[test]
    fn pages_are_bounded_by_rows_and_by_bytes() {
        let errands = table("errands").unwrap();
        let small = (0..10_000).map(|n| vec![Value::Integer(n), text("{}")]);
        assert_eq!(pages(errands, small).iter().map(Vec::len).collect::<Vec<_>>(), [4_096, 4_096, 1_808]);
        let large = (0..5).map(|n| vec![Value::Integer(n), text(&"x".repeat(PAGE_BYTES / 2))]);
        assert_eq!(pages(errands, large).iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    }

    #[test]
    fn rows_that_differ_in_a_text_alone_are_put_in_order_and_on_one_page() {
        let request = |id: u128, principal: &str| {
            let (id, zero) = (Value::Uuid(Uuid::from_u128(id)), Value::Integer(0));
            vec![id.clone(), text(principal), Value::Bytes(Vec::new()), id, zero.clone(), zero]
        };
        let mut rows: Vec<Row> = (0..4_095).map(|id| request(id, "a")).collect();
        rows.extend([request(5_000, "đ"), request(5_000, "b"), request(5_000, "\0"), request(6_000, "a")]);
        let pages = pages(table(REQUESTS).unwrap(), rows);
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [4_098, 1]);
        let last: Vec<&str> = pages[0][4_095..].iter().filter_map(|row| row[1].text()).collect();
        assert_eq!(last, ["\0", "b", "đ"]);
    }
}
