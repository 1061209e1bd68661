//! The gateway's SQLite store, from outside: its rows as they are (`rows`), and many made-up ones (`fill`).

mod fill;
mod rows;

pub(crate) use fill::{fill, id_of, plant, word_of};
pub(crate) use rows::Rows;
