//! The one place that chooses an engine: a store is opened, looked at and brought forward here, whatever it is.

use std::{path::PathBuf, sync::Arc};

use super::{
    Store,
    copy::{CopyError, Shelf},
    inspect::Pages,
    postgres::{self, PostgresPages, PostgresShelf, PostgresStore},
    sqlite::{self, SqlitePages, SqliteShelf, SqliteStore},
};
use crate::{clock::SharedClock, config};

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another gateway has it open.
    #[error("the store {0} is in use by another gateway: one SQLite store serves one gateway")]
    InUse(String),
    /// There is nothing there.
    #[error("there is no store {0}")]
    Missing(String),
    /// A newer gateway has brought it forward.
    #[error("the store {store} has schema version {found}, this gateway knows {known}: use the newer gateway")]
    Newer {
        /// Which store.
        store: String,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// It is to be brought forward, which is not done by the way where older gateways may be at work.
    #[error(
        "the store {store} has schema version {found}, this gateway needs {known}: back it up, then run \
         `petition-gateway migrate` with this configuration"
    )]
    Older {
        /// Which store.
        store: String,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// It belongs to something else.
    #[error("{0} is not a store of this gateway")]
    Foreign(String),
    /// It can never be one as it is set up.
    #[error("{store} cannot be a store: {why}")]
    Unfit {
        /// Which store.
        store: String,
        /// Why, and what to do.
        why: &'static str,
    },
    /// The file or its folder cannot be used.
    #[error("the store {path} cannot be opened")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No server lets us in as its primary.
    #[error("the store {store} cannot be reached")]
    Unreachable {
        /// Which store.
        store: String,
        /// Why, of each server.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A copy of another store into it was interrupted.
    #[error(
        "the store {store} holds an unfinished copy of {source_name}: run the same `petition-gateway store copy` again, which \
         goes on where it stopped, or take another store"
    )]
    Unfinished {
        /// Which store.
        store: String,
        /// What was being copied into it.
        source_name: String,
    },
    /// Somebody holds on to what is to be changed.
    #[error("the schema of the store {0} is held by another for too long; see what it does, then try again")]
    Busy(String),
    /// The engine refused.
    #[error("the store's engine failed while opening")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl OpenError {
    /// An engine's error.
    pub(super) fn engine(error: impl std::error::Error + Send + Sync + 'static) -> OpenError {
        OpenError::Engine(Box::new(error))
    }
}

/// Where a store's schema stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// Which store, without secrets.
    pub store: String,
    /// Its version; 0 where nothing is there yet.
    pub found: i64,
    /// The version that this gateway knows.
    pub known: i64,
    /// The oldest version that a gateway may know and still work on it.
    pub oldest: i64,
}

impl Schema {
    /// Whether it is to be brought forward before this gateway can work on it.
    pub fn is_behind(&self) -> bool {
        self.found < self.known
    }

    /// Whether this gateway is too old for it.
    pub fn is_too_new(&self) -> bool {
        self.found > self.known && self.oldest > self.known
    }
}

/// What bringing a store forward did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// Its version before; 0 where nothing was there.
    pub before: i64,
    /// Where it stands now.
    pub schema: Schema,
}

/// Opens the configured store; makes it where there is nothing yet.
///
/// # Errors
/// See [`OpenError`].
pub async fn open(store: config::Store, clock: SharedClock) -> Result<Arc<dyn Store>, OpenError> {
    match store {
        config::Store::Sqlite { file } => {
            let place = file.to_string_lossy().into_owned();
            Ok(Arc::new(blocking(move || SqliteStore::open(&place, clock)).await?))
        }
        config::Store::Postgres(settings) => Ok(Arc::new(PostgresStore::open(&settings, clock).await?)),
    }
}

/// Brings the configured store's schema forward.
///
/// # Errors
/// See [`OpenError`]; the steps that succeeded stay done.
pub async fn migrate(store: config::Store) -> Result<Migrated, OpenError> {
    match store {
        config::Store::Sqlite { file } => blocking(move || sqlite::migrate(&file)).await,
        config::Store::Postgres(settings) => postgres::migrate(&settings).await,
    }
}

/// Looks where the configured store's schema stands, and changes nothing.
///
/// # Errors
/// See [`OpenError`].
pub async fn schema_check(store: config::Store) -> Result<Schema, OpenError> {
    match store {
        config::Store::Sqlite { file } => blocking(move || sqlite::schema_check(&file)).await,
        config::Store::Postgres(settings) => postgres::schema_check(&settings).await,
    }
}

/// Opens a store to be read whole, as it is at this moment, while no gateway works on it.
pub(super) async fn shelf_open_source(store: &config::Store) -> Result<Box<dyn Shelf>, CopyError> {
    match store {
        config::Store::Sqlite { file } => {
            let file = file.clone();
            Ok(Box::new(blocking(move || SqliteShelf::open_source(&file)).await?))
        }
        config::Store::Postgres(settings) => Ok(Box::new(PostgresShelf::open_source(settings).await?)),
    }
}

/// Opens a store to be filled by a copy; makes its schema where there is none.
pub(super) async fn shelf_open_target(store: &config::Store) -> Result<Box<dyn Shelf>, CopyError> {
    match store {
        config::Store::Sqlite { file } => {
            let file = file.clone();
            Ok(Box::new(blocking(move || SqliteShelf::open_target(&file)).await?))
        }
        config::Store::Postgres(settings) => Ok(Box::new(PostgresShelf::open_target(settings).await?)),
    }
}

/// Opens a store to be looked into, beside the gateways that work on it.
pub(super) async fn inspection_open(store: &config::Store, clock: SharedClock) -> Result<Box<dyn Pages>, OpenError> {
    match store {
        config::Store::Sqlite { file } => {
            let file = file.clone();
            Ok(Box::new(blocking(move || SqlitePages::open(&file, clock)).await?))
        }
        config::Store::Postgres(settings) => Ok(Box::new(PostgresPages::open(settings).await?)),
    }
}

/// Whether both are one store, as far as their names tell.
pub(super) fn is_same(one: &config::Store, other: &config::Store) -> bool {
    match (one, other) {
        (config::Store::Sqlite { file: one }, config::Store::Sqlite { file: other }) => {
            let whole = |file: &PathBuf| file.canonicalize().unwrap_or_else(|_| file.clone());
            whole(one) == whole(other)
        }
        (config::Store::Postgres(one), config::Store::Postgres(other)) => one.to_string() == other.to_string(),
        _ => false,
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("opening a store does not panic")
}
