//! Connections to the database: a pool for reads, one connection that writes, and one that sees whether it is there.
//!
//! A connection counts as good only while whoever has it says so in the end ([`Connection::release`]): one that was let go of
//! in the middle of something (a caller went away, a server fell silent) is closed and not used again, and the others are
//! doubted. When another server has become the primary, or the writer had to connect anew, no older connection is used: what
//! is read is never older than what was written here.

use std::{
    ops::{Deref, DerefMut},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool::{
    Runtime,
    managed::{self, Metrics, Object, Pool, PoolError, RecycleError, RecycleResult, TimeoutType, Timeouts},
};
use deadpool_postgres::ClientWrapper;
use tokio::{
    sync::{Semaphore, watch},
    time::timeout,
};

use super::{
    rows::LOST,
    servers::{NoPrimary, Servers},
};
use crate::{
    config,
    store::{OpenError, StoreError},
};

/// A connection that is doubted answers an empty statement within this, or all of its age are given up; short, because
/// whoever asks for the gateway's health has a second.
const PING_LIMIT: Duration = Duration::from_millis(500);
/// How long a call waits for a free connection. Reads take milliseconds: who waits longer than this waits behind a database
/// that does not keep up, and is better told so than added to the queue.
const WAIT_LIMIT: Duration = Duration::from_secs(5);
/// How much longer than the database's own limit for it a read is waited for.
const READ_GRACE: Duration = Duration::from_secs(2);
/// Any statement of a writer: far beyond a batch on a healthy disk. It never cuts a COMMIT off: the writing transaction
/// lifts it before (`SET LOCAL statement_timeout = 0`), because a commit that is cut off while it waits for a synchronous
/// replica is reported as done, and the replica may not have it.
const WRITER_STATEMENT_LIMIT: Duration = Duration::from_secs(10);
/// How long a writer waits for the counter row: longer than a batch of each of several gateways, shorter than a caller's
/// patience.
const WRITER_LOCK_LIMIT: Duration = Duration::from_secs(5);
/// A gateway that is held up inside its transaction holds the counter row, and all others wait for it: the database ends
/// the transaction after this.
const WRITER_IDLE_LIMIT: Duration = Duration::from_secs(3);

/// A pooled connection.
pub(super) type Client = Object<Manager>;

/// The database: a pool for reads, a connection for writing, and one to see whether it is there.
pub(super) struct Database {
    name: String,
    readers: Pool<Manager>,
    probe: Pool<Manager>,
    writer: Pool<Manager>,
    /// Of the connections for reading, those that lists may have: decisions, which read one petition, find one always.
    lists: Semaphore,
    read_limit: Duration,
}

/// One connection.
pub(super) struct Connection {
    client: ClientWrapper,
    made: Instant,
    /// Since when it is known to be good, though others are doubted.
    good_since: Instant,
    /// Somebody has it, or let go of it in the middle of something.
    engaged: AtomicBool,
    trust: Arc<Mutex<Trust>>,
    /// When another server than before became the primary.
    moved: watch::Receiver<Instant>,
}

/// Makes connections of one sort.
pub(super) struct Manager {
    servers: Arc<Servers>,
    trust: Arc<Mutex<Trust>>,
    setup: String,
    writes: bool,
}

/// Which connections are used again.
struct Trust {
    /// None that was made before.
    made_since: Instant,
    /// One that is not known to be good since then is asked first.
    good_since: Instant,
}

impl Database {
    /// The pools; connections are made when they are needed.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub(super) fn new(settings: &config::Postgres) -> Result<Database, OpenError> {
        let servers = Arc::new(Servers::new(settings)?);
        let trust = Arc::new(Mutex::new(Trust { made_since: Instant::now(), good_since: Instant::now() }));
        let pool = |writes: bool, setup: String, size: usize| {
            Pool::builder(Manager { servers: Arc::clone(&servers), trust: Arc::clone(&trust), setup, writes })
                .max_size(size)
                .runtime(Runtime::Tokio1)
                .timeouts(Timeouts { wait: Some(WAIT_LIMIT), ..Timeouts::default() })
                .build()
                .expect("the pool has the runtime that its time-outs need")
        };
        Ok(Database {
            name: settings.to_string(),
            readers: pool(false, reader_setup(settings.statement_limit), settings.connections_max),
            probe: pool(false, reader_setup(settings.statement_limit), 1),
            writer: pool(true, writer_setup(), 1),
            lists: Semaphore::new((settings.connections_max * 3 / 4).max(1)),
            read_limit: settings.statement_limit + READ_GRACE,
        })
    }

    /// The pools, with a first connection made.
    ///
    /// # Errors
    /// TLS cannot be set up, or no server can be reached.
    pub(super) async fn open(settings: &config::Postgres) -> Result<Database, OpenError> {
        let database = Database::new(settings)?;
        let unreachable = |source| OpenError::Unreachable { store: database.name.clone(), source };
        match database.writer.get().await {
            Ok(client) => client.release(),
            Err(PoolError::Backend(refusals)) => return Err(unreachable(Box::new(refusals))),
            Err(error) => return Err(unreachable(Box::new(error))),
        }
        Ok(database)
    }

    /// How people know the database; without secrets.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Reads: `ask` is given a connection for it. When that turns out to be lost it is asked once more on another, which a
    /// read may: so a failover costs a caller some time and no error.
    ///
    /// # Errors
    /// The database cannot be reached or does not answer; what `ask` says.
    pub(super) async fn read<T, Ask, Answer>(&self, ask: Ask) -> Result<T, StoreError>
    where
        Ask: Fn(Arc<Client>) -> Answer,
        Answer: Future<Output = Result<T, StoreError>>,
    {
        match self.read_once(&self.readers, &ask).await {
            Err(StoreError::Unavailable(LOST)) => self.read_once(&self.readers, &ask).await,
            answer => answer,
        }
    }

    /// Reads a list, in which many rows may have to be looked at.
    ///
    /// # Errors
    /// See [`Database::read`]; too many lists wait.
    pub(super) async fn list<T, Ask, Answer>(&self, ask: Ask) -> Result<T, StoreError>
    where
        Ask: Fn(Arc<Client>) -> Answer,
        Answer: Future<Output = Result<T, StoreError>>,
    {
        let Ok(Ok(_turn)) = timeout(WAIT_LIMIT, self.lists.acquire()).await else { return Err(StoreError::Full) };
        self.read(ask).await
    }

    /// Reads, once, on a connection that is kept for this alone: so it is known whether the database can be used, however
    /// many wait for it; and when it cannot, whether another server can, which frees those who wait.
    ///
    /// # Errors
    /// The database cannot be reached or does not answer; what `ask` says.
    pub(super) async fn probe<T, Ask, Answer>(&self, ask: Ask) -> Result<T, StoreError>
    where
        Ask: Fn(Arc<Client>) -> Answer,
        Answer: Future<Output = Result<T, StoreError>>,
    {
        self.read_once(&self.probe, &ask).await
    }

    async fn read_once<T, Ask, Answer>(&self, pool: &Pool<Manager>, ask: &Ask) -> Result<T, StoreError>
    where
        Ask: Fn(Arc<Client>) -> Answer,
        Answer: Future<Output = Result<T, StoreError>>,
    {
        let asking = Asking(Arc::new(pool.get().await?));
        let answer = tokio::select! {
            answer = timeout(self.read_limit, ask(Arc::clone(&asking.0))) => answer,
            () = asking.0.superseded() => Ok(Err(StoreError::Unavailable(LOST))),
        };
        let answer = answer.map_err(|_| StoreError::Unavailable("the database does not answer"))?;
        if !matches!(answer, Err(StoreError::Unavailable(LOST))) {
            asking.0.release();
        }
        answer
    }

    /// The connection for writing; there is one at a time. Who has it says at the end that it may be used again
    /// ([`Connection::release`]), when no transaction is open on it.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub(super) async fn writer(&self) -> Result<Client, StoreError> {
        Ok(self.writer.get().await?)
    }
}

/// A read under way. When nobody waits for its end, the other connections are doubted: its server may be silent.
struct Asking(Arc<Client>);

impl Drop for Asking {
    fn drop(&mut self) {
        if self.0.engaged.load(Ordering::Acquire) {
            trust(&self.0.trust).good_since = Instant::now();
        }
    }
}

impl Connection {
    /// Says that nothing is under way on this connection: it may be used again.
    pub(super) fn release(&self) {
        self.engaged.store(false, Ordering::Release);
    }

    /// Waits until another server than this connection's has become the primary: what was asked on it, and is not answered
    /// yet, is better asked there.
    pub(super) async fn superseded(&self) {
        let mut moved = self.moved.clone();
        if moved.wait_for(|at| *at > self.made).await.is_err() {
            // The database is being let go of.
            std::future::pending::<()>().await;
        }
    }
}

impl Deref for Connection {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        &self.client
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut ClientWrapper {
        &mut self.client
    }
}

impl managed::Manager for Manager {
    type Type = Connection;
    type Error = NoPrimary;

    async fn create(&self) -> Result<Connection, NoPrimary> {
        let moved = self.servers.moves();
        let client = self.servers.connect(&self.setup).await?;
        let made = Instant::now();
        let since = *moved.borrow();
        let mut trusted = trust(&self.trust);
        trusted.made_since = if self.writes { made } else { trusted.made_since.max(since) };
        let (trust, engaged) = (Arc::clone(&self.trust), AtomicBool::new(true));
        Ok(Connection { client, made, good_since: made, engaged, trust, moved })
    }

    /// As a rule nothing is asked of the server: that would double what a read costs.
    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<NoPrimary> {
        if connection.client.is_closed() {
            return Err(RecycleError::message("closed"));
        }
        if connection.engaged.swap(true, Ordering::AcqRel) {
            return Err(RecycleError::message("let go of in the middle of something"));
        }
        let Trust { made_since, good_since } = *trust(&self.trust);
        if connection.made < made_since {
            return Err(RecycleError::message("older than what is trusted"));
        }
        if connection.good_since < good_since {
            if !matches!(timeout(PING_LIMIT, connection.client.simple_query("")).await, Ok(Ok(_))) {
                trust(&self.trust).made_since = Instant::now();
                return Err(RecycleError::message("silent"));
            }
            connection.good_since = Instant::now();
        }
        Ok(())
    }
}

fn trust(trust: &Mutex<Trust>) -> MutexGuard<'_, Trust> {
    trust.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What every connection is told, whatever the database's own settings are. Each statement sees all that was committed
/// before it. Compiling statements takes longer than ours run. Who closes a connection does not wait for the answer: the
/// database looks each second whether anybody is there. (The last two are PostgreSQL's own, and not known to all that speak
/// its language.)
const COMMON_SETUP: &str = "SET default_transaction_isolation = 'read committed'; \
    SELECT set_config(known.name, wanted.value, false) FROM pg_settings AS known \
    JOIN (VALUES ('jit', 'off'), ('client_connection_check_interval', '1000')) AS wanted (name, value) \
    ON wanted.name = known.name";

fn reader_setup(statement_limit: Duration) -> String {
    let limit = statement_limit.as_millis();
    // A lock that a read waits for is that of a migration. A read that is held up holds cleaning up.
    format!(
        "SET default_transaction_read_only = on; SET statement_timeout = {limit}; SET lock_timeout = {limit}; \
         SET idle_in_transaction_session_timeout = {limit}; {COMMON_SETUP}"
    )
}

/// A weaker `synchronous_commit` is raised, so that what was committed outlives a crash; a stronger one
/// (`remote_apply`) stays.
fn writer_setup() -> String {
    format!(
        "SET default_transaction_read_only = off; SET statement_timeout = {}; SET lock_timeout = {}; \
         SET idle_in_transaction_session_timeout = {}; \
         SELECT set_config('synchronous_commit', 'on', false) \
         WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write'); {COMMON_SETUP}",
        WRITER_STATEMENT_LIMIT.as_millis(),
        WRITER_LOCK_LIMIT.as_millis(),
        WRITER_IDLE_LIMIT.as_millis(),
    )
}

impl From<PoolError<NoPrimary>> for StoreError {
    fn from(error: PoolError<NoPrimary>) -> StoreError {
        StoreError::Unavailable(match error {
            PoolError::Backend(_) => "the database cannot be reached",
            PoolError::Timeout(TimeoutType::Wait) => "too many calls wait for the database",
            _ => "no connection to the database",
        })
    }
}
