//! Connections to the database: a pool for reads, and one connection that writes.
//!
//! Several servers are a primary and its replicas; a connection is made to whichever is the primary now, and each attempt
//! has its time. A connection counts as good only while whoever has it says so in the end ([`Connection::release`]): one
//! that was let go of in the middle of something (a caller went away, a server fell silent) is closed and not used again.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool::{
    Runtime,
    managed::{self, Metrics, Object, Pool, PoolError, RecycleError, RecycleResult, TimeoutType, Timeouts},
};
use deadpool_postgres::{ClientWrapper, ConfigConnectImpl, Connect};
use secrecy::ExposeSecret;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::{rows::LOST, tls::Tls};
use crate::{
    config,
    security::ClientTls,
    store::{OpenError, StoreError},
};

/// How a database administrator knows our connections.
const APPLICATION_NAME: &str = "petition-gateway";
/// A server that does not take a connection within this is passed by; a local network needs milliseconds.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// The same with TLS, log-in and settings. A server that is stopped takes connections, and then says nothing.
const LOG_IN_LIMIT: Duration = Duration::from_secs(3);
/// What was sent and not confirmed by the other machine within this makes the connection broken: a machine that is gone
/// says nothing, and a failover takes no longer than this.
const UNCONFIRMED_LIMIT: Duration = Duration::from_secs(5);
/// A connection that waits for an answer asks after this long whether the other machine is there, and again each second.
const KEEP_ALIVE_IDLE: Duration = Duration::from_secs(3);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(1);
const KEEP_ALIVE_RETRIES: u32 = 3;
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

/// The database: a pool for reads, and a connection for writing.
pub(super) struct Database {
    name: String,
    readers: Pool<Manager>,
    writer: Pool<Manager>,
    read_limit: Duration,
}

/// One connection.
pub(super) struct Connection {
    client: ClientWrapper,
    made: Instant,
    /// Somebody has it, or let go of it in the middle of something.
    engaged: AtomicBool,
}

/// Makes connections of one sort.
pub(super) struct Manager {
    servers: Arc<Servers>,
    setup: String,
    writes: bool,
}

/// What all connections share.
struct Servers {
    all: Vec<(config::Server, tokio_postgres::Config)>,
    link: ConfigConnectImpl<Tls>,
    /// Which of them was the primary last.
    primary: AtomicUsize,
    is_away: AtomicBool,
    /// Since when the writer is connected: connections from before may be to a server that is the primary no more.
    writer_since: Mutex<Option<Instant>>,
}

/// No server is a primary that lets us in: each, and why.
#[derive(Debug)]
pub(super) struct NoPrimary(Vec<(String, Option<tokio_postgres::Error>)>);

impl Database {
    /// The pools; connections are made when they are needed.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub(super) fn new(settings: &config::Postgres) -> Result<Database, OpenError> {
        let servers = Arc::new(Servers::new(settings)?);
        let pool = |writes: bool, setup: String, size: usize| {
            Pool::builder(Manager { servers: Arc::clone(&servers), setup, writes })
                .max_size(size)
                .runtime(Runtime::Tokio1)
                .timeouts(Timeouts { wait: Some(WAIT_LIMIT), ..Timeouts::default() })
                .build()
                .expect("the pool has the runtime that its time-outs need")
        };
        Ok(Database {
            name: settings.to_string(),
            readers: pool(false, reader_setup(settings.statement_limit), settings.connections_max),
            writer: pool(true, writer_setup(), 1),
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
        match self.read_once(&ask).await {
            Err(StoreError::Unavailable(LOST)) => self.read_once(&ask).await,
            answer => answer,
        }
    }

    async fn read_once<T, Ask, Answer>(&self, ask: &Ask) -> Result<T, StoreError>
    where
        Ask: Fn(Arc<Client>) -> Answer,
        Answer: Future<Output = Result<T, StoreError>>,
    {
        let client = Arc::new(self.readers.get().await?);
        let answer = timeout(self.read_limit, ask(Arc::clone(&client))).await;
        let answer = answer.map_err(|_| StoreError::Unavailable("the database does not answer"))?;
        if !matches!(answer, Err(StoreError::Unavailable(LOST))) {
            client.release();
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

impl Connection {
    /// Says that nothing is under way on this connection: it may be used again.
    pub(super) fn release(&self) {
        self.engaged.store(false, Ordering::Release);
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
        let client = self.servers.connect(&self.setup).await?;
        let made = Instant::now();
        if self.writes {
            *self.servers.writer_since.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
        }
        Ok(Connection { client, made, engaged: AtomicBool::new(true) })
    }

    /// Asks nothing of the server: that would double what a read costs. A broken connection shows here as closed, or in
    /// the read, which is then repeated.
    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<NoPrimary> {
        if connection.client.is_closed() {
            return Err(RecycleError::message("closed"));
        }
        if connection.engaged.swap(true, Ordering::AcqRel) {
            return Err(RecycleError::message("let go of in the middle of something"));
        }
        let since = *self.servers.writer_since.lock().unwrap_or_else(PoisonError::into_inner);
        if since.is_some_and(|since| connection.made < since) {
            return Err(RecycleError::message("older than the writer's: the primary may be another"));
        }
        Ok(())
    }
}

impl Servers {
    fn new(settings: &config::Postgres) -> Result<Servers, OpenError> {
        let tls = ClientTls::load(settings.tls.clone()).map_err(OpenError::engine)?;
        let all = settings.servers.iter().map(|server| (server.clone(), config_of(settings, server))).collect();
        Ok(Servers {
            all,
            link: ConfigConnectImpl { tls: Tls(Arc::new(tls)) },
            primary: AtomicUsize::new(0),
            is_away: AtomicBool::new(false),
            writer_since: Mutex::new(None),
        })
    }

    /// A connection to the primary, set up. The server that was it last is asked first.
    async fn connect(&self, setup: &str) -> Result<ClientWrapper, NoPrimary> {
        let first = self.primary.load(Ordering::Relaxed);
        let mut refusals = Vec::new();
        for at in (0..self.all.len()).map(|step| (first + step) % self.all.len()) {
            let (server, config) = &self.all[at];
            match timeout(LOG_IN_LIMIT, self.connect_to(config, setup)).await {
                Ok(Ok(client)) => {
                    self.primary.store(at, Ordering::Relaxed);
                    if self.is_away.swap(false, Ordering::Relaxed) || at != first {
                        tracing::info!(store.server = %server, "connected to the database");
                    }
                    return Ok(client);
                }
                Ok(Err(error)) => refusals.push((server.to_string(), Some(error))),
                Err(_) => refusals.push((server.to_string(), None)),
            }
        }
        let refusal = NoPrimary(refusals);
        if !self.is_away.swap(true, Ordering::Relaxed) {
            tracing::error!("the database cannot be reached: {refusal}");
        }
        Err(refusal)
    }

    async fn connect_to(
        &self,
        config: &tokio_postgres::Config,
        setup: &str,
    ) -> Result<ClientWrapper, tokio_postgres::Error> {
        let (client, task) = self.link.connect(config).await?;
        let client = ClientWrapper::new(client, task);
        client.batch_execute(setup).await?;
        Ok(client)
    }
}

fn config_of(settings: &config::Postgres, server: &config::Server) -> tokio_postgres::Config {
    let mut config = tokio_postgres::Config::new();
    match &server.host {
        Host::Tcp(name) => config.host(name),
        Host::Unix(folder) => config.host_path(folder),
    };
    config.port(server.port).user(&settings.user).dbname(&settings.database).application_name(APPLICATION_NAME);
    if let Some(password) = &settings.password {
        config.password(password.expose_secret());
    }
    config
        .ssl_mode(if server.tls { SslMode::Require } else { SslMode::Disable })
        .target_session_attrs(TargetSessionAttrs::ReadWrite)
        .connect_timeout(CONNECT_LIMIT)
        .tcp_user_timeout(UNCONFIRMED_LIMIT)
        .keepalives_idle(KEEP_ALIVE_IDLE)
        .keepalives_interval(KEEP_ALIVE_INTERVAL)
        .keepalives_retries(KEEP_ALIVE_RETRIES);
    config
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

impl fmt::Display for NoPrimary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (server, why)) in self.0.iter().enumerate() {
            let between = if number == 0 { "" } else { "; " };
            match why {
                None => write!(f, "{between}{server}: no answer within {} seconds", LOG_IN_LIMIT.as_secs())?,
                Some(error) => write!(f, "{between}{server}: {}", said(error))?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for NoPrimary {}

/// The innermost cause: what the server or the system said.
fn said(error: &tokio_postgres::Error) -> String {
    if let Some(told) = error.as_db_error() {
        return format!("{} (SQLSTATE {})", told.message(), told.code().code());
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
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
