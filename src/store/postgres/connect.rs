//! Connections to the database.

use deadpool_postgres::{Client, Pool};

use crate::store::StoreError;

/// The database: a pool for reads, and connections for writing.
pub(super) struct Database {
    readers: Pool,
    writer: Pool,
}

impl Database {
    /// A connection for reading.
    pub(super) async fn reader(&self) -> Result<Client, StoreError> {
        Ok(self.readers.get().await?)
    }

    /// The connection for writing; there is one at a time.
    pub(super) async fn writer(&self) -> Result<Client, StoreError> {
        Ok(self.writer.get().await?)
    }
}
