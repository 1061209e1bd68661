//! Reading: a few read-only connections, used on the runtime's blocking threads. In WAL mode a reader neither waits for
//! the writer nor holds it up.
//!
//! Lists and searches never have all of the connections, so that decisions, which read one petition, find one; the look at
//! the store's health waits for none of them. A read that nobody waits for any more, or that takes too long, is broken off.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, InterruptHandle};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::timeout,
};

use super::{schema, writer::SharedConnection};
use crate::store::StoreError;

/// Reads at a time: the disk and two to eight cores are busy with these; more would only queue inside SQLite.
const READERS: usize = 8;
/// Lists and searches among them.
const LISTS: usize = 6;
/// No read takes longer: longer than a list over millions, shorter than the caller's patience. While one lasts, the log
/// cannot be begun anew.
const READ_MAX: Duration = Duration::from_secs(30);

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
    lists: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

/// What breaks a read off: there while it runs on its connection.
#[derive(Default)]
struct Running(Arc<Mutex<Option<InterruptHandle>>>);

/// Breaks the read off when whoever waits for it goes away. One that has ended is not there any more.
impl Drop for Running {
    fn drop(&mut self) {
        self.break_off();
    }
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Readers {
        let (permits, lists) = (Arc::new(Semaphore::new(READERS)), Arc::new(Semaphore::new(LISTS)));
        Readers::Own(OwnReaders { path, permits, lists, idle: Arc::default() })
    }

    /// Reads on one snapshot: all statements of `read` see the same state of the store.
    pub(super) async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        match self {
            Readers::Own(own) => own.read(take(&own.permits).await?, read).await,
            Readers::Inline(conn) => read_on(&conn.lock().unwrap_or_else(PoisonError::into_inner), read),
        }
    }

    /// Reads a list, in which many rows may have to be looked at.
    pub(super) async fn list<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let _turn = match self {
            Readers::Own(own) => Some(take(&own.lists).await?),
            Readers::Inline(_) => None,
        };
        self.read(read).await
    }

    /// Reads beside all others, to see whether reading is possible at all.
    pub(super) async fn check<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        match self {
            Readers::Own(own) => own.read((), read).await,
            Readers::Inline(_) => self.read(read).await,
        }
    }
}

async fn take(permits: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, StoreError> {
    Arc::clone(permits).acquire_owned().await.map_err(|_| StoreError::Unavailable("it is closed"))
}

impl OwnReaders {
    async fn read<P, T, F>(&self, permit: P, read: F) -> Result<T, StoreError>
    where
        P: Send + 'static,
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (path, idle) = (self.path.clone(), Arc::clone(&self.idle));
        let running = Running::default();
        let slot = Arc::clone(&running.0);
        let work = move || {
            let _permit = permit;
            let known = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let conn = known.map_or_else(|| schema::open_reader(&path), Ok)?;
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(conn.get_interrupt_handle());
            let result = read_on(&conn, read);
            // From here on the connection may be another's.
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = None;
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
            result
        };
        let mut work = spawn_blocking(work);
        let done = match timeout(READ_MAX, &mut work).await {
            Ok(done) => done,
            Err(_) => {
                running.break_off();
                work.await
            }
        };
        done.map_err(StoreError::lost)?
    }
}

impl Running {
    fn break_off(&self) {
        if let Some(handle) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            handle.interrupt();
        }
    }
}

fn read_on<T>(conn: &Connection, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
    let snapshot = conn.unchecked_transaction()?;
    let result = read(&snapshot);
    snapshot.finish()?;
    result
}
