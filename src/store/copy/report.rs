//! What a copy or a comparison tells: while it runs, and at its end.

use super::rows::Sum;

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// With which table.
    pub table: &'static str,
    /// Rows of all tables that this phase is done with; tables while they are counted.
    pub rows: u64,
    /// Rows of all tables, or all tables.
    pub rows_all: u64,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The rows of the source are counted.
    Count,
    /// The source is read and written to the target.
    Copy,
    /// The target is read, or both are.
    Compare,
}

/// What both stores came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How people know the one.
    pub from: String,
    /// And the other.
    pub to: String,
    /// Rows that an earlier copy, which was interrupted, had brought already.
    pub rows_before: u64,
    /// Each table.
    pub tables: Vec<TableReport>,
    /// Petitions of the target that cannot be found by their words, because their documents cannot be read.
    pub unfindable: u64,
}

/// What a table came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableReport {
    /// Its name.
    pub table: &'static str,
    /// In the one store.
    pub from: Sum,
    /// In the other.
    pub to: Sum,
}

impl TableReport {
    /// Whether it is the same in both.
    pub fn is_equal(&self) -> bool {
        self.from == self.to
    }
}

impl Report {
    /// Whether every table is the same in both.
    pub fn is_equal(&self) -> bool {
        self.tables.iter().all(TableReport::is_equal)
    }

    /// Rows of all tables of the first store.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.from.rows).sum()
    }
}
