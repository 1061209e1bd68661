//! The servers of the database: a primary and its replicas; which of them is the primary now, and a connection to it.
//!
//! The primary of last time is asked first, and the others a moment later each, whether it answers or not: a server that is
//! stopped or cut off takes connections and says nothing, and nobody should wait for that. Whichever takes writes first wins.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool_postgres::{ClientWrapper, ConfigConnectImpl, Connect};
use futures::{StreamExt, stream::FuturesUnordered};
use secrecy::ExposeSecret;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::tls::Tls;
use crate::{config, security::ClientTls, store::OpenError};

/// How a database administrator knows our connections.
const APPLICATION_NAME: &str = "petition-gateway";
/// How much earlier than the next server each is asked: most log-ins take less, and a failover costs no more than this.
const HEAD_START: Duration = Duration::from_millis(300);
/// A server that does not take a connection within this is away; a local network needs milliseconds.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// The same with TLS, log-in and settings.
const LOG_IN_LIMIT: Duration = Duration::from_secs(3);
/// What was sent and not confirmed by the other machine within this makes the connection broken: a machine that is gone
/// says nothing.
const UNCONFIRMED_LIMIT: Duration = Duration::from_secs(5);
/// A connection that waits for an answer asks after this long whether the other machine is there, and again each second.
const KEEP_ALIVE_IDLE: Duration = Duration::from_secs(3);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(1);
const KEEP_ALIVE_RETRIES: u32 = 3;

/// The servers.
pub(super) struct Servers {
    all: Vec<(config::Server, tokio_postgres::Config)>,
    link: ConfigConnectImpl<Tls>,
    /// Which of them was the primary last.
    primary: AtomicUsize,
    is_away: AtomicBool,
    /// When another than before was found to be the primary.
    moved: watch::Sender<Instant>,
}

/// No server is a primary that lets us in: each, and why (`None`: it says nothing).
#[derive(Debug)]
pub(super) struct NoPrimary(Vec<(String, Option<tokio_postgres::Error>)>);

impl Servers {
    /// The configured servers.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub(super) fn new(settings: &config::Postgres) -> Result<Servers, OpenError> {
        let tls = ClientTls::load(settings.tls.clone()).map_err(OpenError::engine)?;
        let all = settings.servers.iter().map(|server| (server.clone(), config_of(settings, server))).collect();
        Ok(Servers {
            all,
            link: ConfigConnectImpl { tls: Tls(Arc::new(tls)) },
            primary: AtomicUsize::new(0),
            is_away: AtomicBool::new(false),
            moved: watch::Sender::new(Instant::now()),
        })
    }

    /// Tells when another server than before is the primary.
    pub(super) fn moves(&self) -> watch::Receiver<Instant> {
        self.moved.subscribe()
    }

    /// A connection to the primary, set up by these statements.
    pub(super) async fn connect(&self, setup: &str) -> Result<ClientWrapper, NoPrimary> {
        let (first, count) = (self.primary.load(Ordering::Relaxed), self.all.len());
        let mut asked = FuturesUnordered::new();
        for (at, wait) in (0..count).map(|step| (first + step) % count).zip((0..).map(|step| HEAD_START * step)) {
            asked.push(async move {
                sleep(wait).await;
                (at, timeout(LOG_IN_LIMIT, self.connect_to(at, setup)).await)
            });
        }
        let mut refusals = Vec::new();
        while let Some((at, answer)) = asked.next().await {
            match answer {
                Ok(Ok(client)) => {
                    self.take_note(at);
                    return Ok(client);
                }
                Ok(Err(error)) => refusals.push((at, Some(error))),
                Err(_) => refusals.push((at, None)),
            }
        }
        refusals.sort_by_key(|(at, _)| *at);
        let refusals = refusals.into_iter().map(|(at, why)| (self.all[at].0.to_string(), why)).collect();
        let refusal = NoPrimary(refusals);
        if !self.is_away.swap(true, Ordering::Relaxed) {
            tracing::error!("the database cannot be reached: {refusal}");
        }
        Err(refusal)
    }

    async fn connect_to(&self, at: usize, setup: &str) -> Result<ClientWrapper, tokio_postgres::Error> {
        let (client, task) = self.link.connect(&self.all[at].1).await?;
        let client = ClientWrapper::new(client, task);
        client.batch_execute(setup).await?;
        Ok(client)
    }

    /// This server is the primary.
    fn take_note(&self, at: usize) {
        let has_moved = self.primary.swap(at, Ordering::Relaxed) != at;
        if has_moved {
            self.moved.send_replace(Instant::now());
        }
        if self.is_away.swap(false, Ordering::Relaxed) || has_moved {
            tracing::info!(store.server = %self.all[at].0, "connected to the database");
        }
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
