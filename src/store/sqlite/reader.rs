//! Reading: a few read-only connections, used on the runtime's blocking threads. In WAL mode a reader neither waits for
//! the writer nor holds it up.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::schema;
use crate::store::StoreError;

/// Reads at a time: the disk and two to eight cores are busy with these; more would only queue inside SQLite.
const READERS: usize = 8;

/// The readers' connections, opened as they are needed.
pub(super) struct Readers {
    path: PathBuf,
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Readers {
        Readers { path, permits: Arc::new(Semaphore::new(READERS)), idle: Arc::default() }
    }

    /// Reads on one snapshot: all statements of `read` see the same state of the store.
    pub(super) async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| StoreError::Unavailable("it is closed"))?;
        let (path, idle) = (self.path.clone(), Arc::clone(&self.idle));
        let work = move || {
            let _permit = permit;
            let known = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let conn = known.map_or_else(|| schema::open_reader(&path), Ok)?;
            let snapshot = conn.unchecked_transaction()?;
            let result = read(&snapshot);
            snapshot.finish()?;
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
            result
        };
        spawn_blocking(work).await.map_err(StoreError::engine)?
    }
}
