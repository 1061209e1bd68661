//! Reading: a few read-only connections, used on the runtime's blocking threads. In WAL mode a reader neither waits for
//! the writer nor holds it up.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{schema, writer::SharedConnection};
use crate::store::StoreError;

/// Reads at a time: the disk and two to eight cores are busy with these; more would only queue inside SQLite.
const READERS: usize = 8;

/// Who reads: connections of their own, or whoever asks, on the writer's.
pub(super) enum Readers {
    /// Opened as they are needed.
    Own(OwnReaders),
    /// For simulations: a blocking thread would keep a time of its own.
    Inline(SharedConnection),
}

/// The readers' connections.
pub(super) struct OwnReaders {
    path: PathBuf,
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Readers {
        Readers::Own(OwnReaders { path, permits: Arc::new(Semaphore::new(READERS)), idle: Arc::default() })
    }

    /// Reads on one snapshot: all statements of `read` see the same state of the store.
    pub(super) async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let own = match self {
            Readers::Own(own) => own,
            Readers::Inline(conn) => return read_on(&conn.lock().unwrap_or_else(PoisonError::into_inner), read),
        };
        let permit = Arc::clone(&own.permits).acquire_owned().await;
        let permit = permit.map_err(|_| StoreError::Unavailable("it is closed"))?;
        let (path, idle) = (own.path.clone(), Arc::clone(&own.idle));
        let work = move || {
            let _permit = permit;
            let known = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let conn = known.map_or_else(|| schema::open_reader(&path), Ok)?;
            let result = read_on(&conn, read);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
            result
        };
        spawn_blocking(work).await.map_err(StoreError::engine)?
    }
}

fn read_on<T>(conn: &Connection, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
    let snapshot = conn.unchecked_transaction()?;
    let result = read(&snapshot);
    snapshot.finish()?;
    result
}
