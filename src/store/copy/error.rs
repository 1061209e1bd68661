//! Why a store could not be copied or compared.

use crate::store::{OpenError, StoreError};

/// Why a store could not be copied or compared; what was copied until then stays, and the same copy goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// From and to are one.
    #[error("both are the same store: {0}")]
    Same(String),
    /// The one to be read is not there.
    #[error("there is no store {0}")]
    Missing(String),
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Gateways serve it.
    #[error("{gateways} gateway(s) are alive on {store}; one that was killed counts as alive for {seconds} s more")]
    InUse {
        /// Which store.
        store: String,
        /// How many.
        gateways: u64,
        /// For how long the last of them counts as alive, unless it says so again.
        seconds: u64,
    },
    /// What is to be filled has something in it.
    #[error("{store} is not empty: there are rows in {table}")]
    NotEmpty {
        /// Which store.
        store: String,
        /// Where something was found.
        table: &'static str,
    },
    /// What is to be read was not copied whole.
    #[error("{store} is itself an unfinished copy of {source_name}")]
    Unfinished {
        /// Which store.
        store: String,
        /// Of which.
        source_name: String,
    },
    /// What is to be filled holds a part of another store, or of this one as it was.
    #[error("{store} holds an unfinished copy of {source_name} as it was then, not of {wanted} as it is now")]
    OfAnother {
        /// Which store.
        store: String,
        /// Of which.
        source_name: String,
        /// What was to be copied.
        wanted: String,
    },
    /// Two copies write to it.
    #[error("another copy is at work on {0}")]
    Overtaken(String),
    /// It is written to by somebody.
    #[error("{0} has changed meanwhile: somebody writes to it")]
    Changed(String),
    /// It failed.
    #[error("{store}")]
    Store {
        /// Which store.
        store: String,
        /// How.
        #[source]
        source: StoreError,
    },
}

impl CopyError {
    /// For errors of the store of this name.
    pub(in crate::store) fn of(store: &str) -> impl Fn(StoreError) -> CopyError {
        move |source| CopyError::Store { store: store.to_owned(), source }
    }
}
