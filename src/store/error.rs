//! Why the store could not do what it was asked.

use std::sync::Arc;

/// The store's error; shared by every caller of a batch that failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be written or read now (disk full, locked, shutting down); nothing was done, try again.
    #[error("the store is not available now: {0}")]
    Unavailable(&'static str),
    /// More is to be written or looked through than can be soon: nothing was done, try again a little later.
    #[error("too much is waiting")]
    Full,
    /// The store was lost while it was committing, and did not come back soon: what was asked may be done or not. Ask again
    /// with the same key.
    #[error("the store was lost while it was committing: whether it is done is not known")]
    Unknown,
    /// The engine refused a statement: a defect or a damaged file. Nothing was done.
    #[error("the store's engine failed")]
    Engine(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// A stored record cannot be read back.
    #[error("a stored {0} cannot be read")]
    Damaged(&'static str),
}

/// Work on a thread of its own did not come to its end.
#[derive(Debug, thiserror::Error)]
#[error("the work ended by a defect")]
struct Lost;

impl StoreError {
    /// An engine's error.
    pub fn engine(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
        StoreError::Engine(Arc::new(error))
    }

    /// A thread's work that ended by a defect. What it panicked with is left behind: it may quote what is kept.
    pub(super) fn lost(_: tokio::task::JoinError) -> StoreError {
        StoreError::engine(Lost)
    }
}
