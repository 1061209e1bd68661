//! A store as it is moved: tables of rows, read in order and written page by page, whatever the engine.

use async_trait::async_trait;
use futures::stream::BoxStream;

use super::{
    CopyError,
    rows::Row,
    tables::{TABLES, Table},
};
use crate::store::StoreError;

/// The pages of a table, in order.
pub(in crate::store) type Walk = BoxStream<'static, Result<Vec<Row>, StoreError>>;

/// A store that nobody else uses as long as this is held.
#[async_trait]
pub(in crate::store) trait Shelf: Send + Sync {
    /// How people know the store; without secrets.
    fn name(&self) -> &str;

    /// How many rows a table has.
    async fn count(&self, table: &'static Table) -> Result<u64, StoreError>;

    /// Every row of a table in the order of its key. One walk at a time.
    async fn walk(&self, table: &'static Table) -> Result<Walk, StoreError>;

    /// How many petitions can be found by their words.
    async fn findable_count(&self) -> Result<u64, StoreError>;

    /// The copy that is under way into this store, if one is.
    async fn mark(&self) -> Result<Option<Mark>, StoreError>;

    /// Marks the store as the target of a copy that begins.
    ///
    /// # Errors
    /// It is not empty; the store.
    async fn begin(&self, mark: &Mark) -> Result<(), CopyError>;

    /// Writes rows of a table, with what is made from them, and moves the mark on, in one transaction.
    ///
    /// # Errors
    /// The mark is not at `from`: another copy is at work; the store.
    async fn put(&self, rows: Vec<Row>, from: Place, to: Place) -> Result<(), CopyError>;

    /// Makes what was written durable, fit for use, and takes the mark away: gateways may open the store.
    ///
    /// # Errors
    /// A gateway is alive on it; the store.
    async fn finish(&self) -> Result<(), CopyError>;

    /// Takes away all that an unfinished copy has brought, and its mark.
    ///
    /// # Errors
    /// The store.
    async fn clear(&self) -> Result<(), StoreError>;
}

/// What an unfinished copy leaves in its target, so that it goes on where it stopped and no gateway takes it for whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Mark {
    /// How people know the source.
    pub(in crate::store) source: String,
    /// What the source's state came to when the copy began.
    pub(in crate::store) state: Vec<u8>,
    /// How far the copy has come.
    pub(in crate::store) place: Place,
}

/// How far a copy has come: so many rows of this table, and all of the tables before it.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Place {
    /// The table.
    pub(in crate::store) table: &'static Table,
    /// Rows of it that are there.
    pub(in crate::store) rows: u64,
}

impl Place {
    /// Where every copy begins.
    pub(in crate::store) fn start() -> Place {
        Place { table: &TABLES[0], rows: 0 }
    }

    /// How many of the table's first rows are there.
    pub(super) fn rows_of(&self, table: &Table) -> u64 {
        let number = |name: &str| TABLES.iter().position(|table| table.name == name);
        match number(table.name).cmp(&number(self.table.name)) {
            std::cmp::Ordering::Less => u64::MAX,
            std::cmp::Ordering::Equal => self.rows,
            std::cmp::Ordering::Greater => 0,
        }
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Place) -> bool {
        (self.table.name, self.rows) == (other.table.name, other.rows)
    }
}

impl Eq for Place {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::copy::tables::table;

    #[test]
    fn a_place_says_what_is_there_of_each_table() {
        let place = Place { table: table("events").unwrap(), rows: 7 };
        let there = ["petitions", "dossiers", "events", "messages"].map(|name| place.rows_of(table(name).unwrap()));
        assert_eq!(there, [u64::MAX, u64::MAX, 7, 0]);
    }
}
