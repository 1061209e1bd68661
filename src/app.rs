//! The only place where parts are joined: configuration ▶ parts ▶ tasks ▶ drain.
//!
//! Read [`start`] from top to bottom: it is the order in which the gateway comes to life. It stops in the reverse order:
//! the entrances close first, what is under way ends, and the committer goes last, when nobody can write any more.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    blobs::{BlobError, Blobs},
    channels::{self, Channels},
    clock::SharedClock,
    committer,
    config::{self, Config},
    decision::Decisions,
    grpc::{self, Grpc},
    inbound::{
        Inbound,
        listen::{self, Listen, PushChannel},
        poll::Poll,
        resume::Resume,
        revisit::Revisit,
    },
    intake::Intake,
    outbound::{Outbound, Schedule, attempt::Attempts},
    remote::{self, HttpRemote},
    security::{Incoming, Principals, ServerTls, TlsFiles, tls::TlsError},
    store::{
        Store, StoreError,
        sqlite::{OpenError, SqliteStore},
    },
    supervise::{Ended, Supervisor},
};

/// How long to wait between looks at what came out of order.
const REVISIT_INTERVAL: Duration = Duration::from_secs(5);

/// An attempt is given up well before its lease ends, so that no other is begun beside it.
const ATTEMPT_SHARE_OF_LEASE: f64 = 0.9;

/// Why the gateway could not start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The store cannot be opened.
    #[error("the store cannot be opened")]
    Open(#[from] OpenError),
    /// The store cannot be read.
    #[error("the store cannot be read")]
    Store(#[from] StoreError),
    /// The attachments' folder cannot be used.
    #[error("the attachments' folder cannot be used")]
    Blobs(#[from] BlobError),
    /// A far side cannot be set up.
    #[error("the far side of channel {channel} cannot be set up")]
    Remote {
        /// Which.
        channel: String,
        /// Why.
        #[source]
        source: remote::SetupError,
    },
    /// A listener cannot listen.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A listener's TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[from] TlsError),
    /// The gRPC server cannot be set up.
    #[error("the gRPC server cannot be set up")]
    Grpc(#[from] grpc::SetupError),
    /// The system lets no signal handler be installed.
    #[error("signals cannot be heard")]
    Signals(#[source] io::Error),
}

/// A gateway that runs.
pub struct Running {
    /// Where gRPC listens.
    pub grpc: SocketAddr,
    /// Where pushes are taken.
    pub http: SocketAddr,
    supervisor: Supervisor,
    stop_limit: Duration,
    stopper: mpsc::Sender<()>,
    stopped: mpsc::Receiver<()>,
}

impl Running {
    /// Asks the gateway to stop; a second time cuts off what still runs. [`Running::ended`] waits for the end.
    pub fn stop(&self) {
        // A full queue has heard both requests already.
        if self.stopper.try_send(()).is_err() {
            tracing::debug!("asked to stop more than twice");
        }
    }

    /// Waits until the gateway has stopped, because it was asked to or because a task ended by itself.
    pub async fn ended(self) -> Ended {
        self.supervisor.run(self.stopped, self.stop_limit).await
    }

    /// Waits until the gateway has stopped, because of a signal or because a task ended by itself.
    pub async fn ended_by(self, signals: mpsc::Receiver<()>) -> Ended {
        self.supervisor.run(signals, self.stop_limit).await
    }
}

/// Runs the gateway until SIGTERM or SIGINT; a second signal stops at once.
///
/// # Errors
/// It could not start.
pub async fn serve(config: Config, clock: SharedClock) -> Result<Ended, AppError> {
    let signals = crate::supervise::signals().map_err(AppError::Signals)?;
    let running = start(config, clock).await?;
    tracing::info!(grpc = %running.grpc, http = %running.http, "the gateway runs");
    Ok(running.ended_by(signals).await)
}

/// Brings the gateway to life: when this returns, it is served.
///
/// # Errors
/// It could not start; nothing runs.
pub async fn start(config: Config, clock: SharedClock) -> Result<Running, AppError> {
    // Listening comes first: a wrong address is told before anything is touched.
    let (grpc_listener, grpc) = bind(config.grpc.listener.listen).await?;
    let (http_listener, http) = bind(config.http.listener.listen).await?;

    let store = open_store(config.store).await?;
    let blobs = Blobs::open(config.blobs.folder, config.blobs.attachment_bytes_max).await?;
    let channels = join_channels(&config.channels, &blobs, &clock)?;
    let (committer, committer_task) = committer::committer(Arc::clone(&store)).await?;
    let decisions = Decisions::new(Arc::clone(&store), committer.clone(), channels.clone(), Arc::clone(&clock));
    let intake =
        Intake::new(Arc::clone(&store), committer.clone(), decisions.clone(), blobs.clone(), Arc::clone(&clock));
    let inbound = Inbound::new(Arc::clone(&store), committer.clone(), intake, channels.clone(), Arc::clone(&clock));

    let mut life = Life::new();
    life.spawn_core("committer", |stop| committer_task.run(stop));

    let parts = grpc::Parts { store, committer, decisions, inbound, channels, blobs, clock };
    spawn_outbound(&mut life, &parts, &config.outbound);
    spawn_polls(&mut life, &parts, &config.inbound);
    spawn_http(&mut life, &parts, http_listener, config.http, &config.channels)?;
    spawn_grpc(&mut life, parts, grpc_listener, &config.grpc, config.principals)?;

    let (stopper, stopped) = mpsc::channel(2);
    let supervisor = life.into_supervisor();
    Ok(Running { grpc, http, supervisor, stop_limit: config.gateway.stop_limit, stopper, stopped })
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), AppError> {
    let fault = |source| AppError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(fault)?;
    let bound = listener.local_addr().map_err(fault)?;
    Ok((listener, bound))
}

/// The one place that chooses an engine.
async fn open_store(store: config::Store) -> Result<Arc<dyn Store>, AppError> {
    match store {
        config::Store::Sqlite { file } => {
            let place = file.to_string_lossy().into_owned();
            let opened = tokio::task::spawn_blocking(move || SqliteStore::open(&place)).await;
            Ok(Arc::new(opened.expect("opening a store does not panic")?))
        }
    }
}

fn join_channels(configured: &[config::Channel], blobs: &Blobs, clock: &SharedClock) -> Result<Channels, AppError> {
    let mut joined = Vec::new();
    for channel in configured {
        let remote = HttpRemote::new(channel, blobs.clone(), Arc::clone(clock))
            .map_err(|source| AppError::Remote { channel: channel.name.clone(), source })?;
        let poll = channel.feeds.iter().filter(|feed| feed.enabled);
        joined.push(channels::Channel::new(channels::Parts {
            name: channel.name.clone(),
            kind: channel.kind,
            agency: channel.agency.clone(),
            base_url: channel.base_url.to_string(),
            adapter: Arc::clone(&channel.adapter),
            remote: Arc::new(remote),
            enabled: channel.enabled,
            at_once: u32::try_from(channel.limits.concurrency).unwrap_or(u32::MAX),
            poll: poll.map(|feed| (feed.name.to_owned(), feed.interval)).collect(),
        }));
    }
    Ok(Channels::new(joined))
}

fn spawn_outbound(life: &mut Life, parts: &grpc::Parts, config: &config::Outbound) {
    let schedule = Schedule { waits: config.schedule.clone(), jitter_per_mille: config.jitter_per_mille };
    let attempts = Attempts {
        channels: parts.channels.clone(),
        committer: parts.committer.clone(),
        decisions: parts.decisions.clone(),
        schedule,
        patience: config.lease.mul_f64(ATTEMPT_SHARE_OF_LEASE),
        clock: Arc::clone(&parts.clock),
    };
    let outbound = Outbound {
        store: Arc::clone(&parts.store),
        committer: parts.committer.clone(),
        channels: parts.channels.clone(),
        attempts,
        concurrency: config.concurrency,
        lease: config.lease,
        due: parts.committer.deliveries_due(),
        clock: Arc::clone(&parts.clock),
    };
    life.spawn("outbound", |stop| outbound.run(stop));
}

fn spawn_polls(life: &mut Life, parts: &grpc::Parts, config: &config::Inbound) {
    for channel in parts.channels.iter().filter(|channel| channel.enabled) {
        for (feed, interval) in &channel.poll {
            let poll = Poll {
                channel: Arc::clone(channel),
                feed: feed.clone(),
                interval: *interval,
                pause_after_failure: config.failure_pause,
                inbound: parts.inbound.clone(),
                store: Arc::clone(&parts.store),
                clock: Arc::clone(&parts.clock),
            };
            life.spawn("poll", |stop| poll.run(stop));
        }
    }
    let (inbound, store) = (parts.inbound.clone(), Arc::clone(&parts.store));
    let resume = Resume { inbound: inbound.clone(), store: Arc::clone(&store), clock: Arc::clone(&parts.clock) };
    life.spawn("resume", |stop| resume.run(stop));
    let revisit = Revisit { interval: REVISIT_INTERVAL, inbound, store };
    life.spawn("revisit", |stop| revisit.run(stop));
}

fn spawn_http(
    life: &mut Life,
    parts: &grpc::Parts,
    listener: TcpListener,
    config: config::Http,
    configured: &[config::Channel],
) -> Result<(), AppError> {
    let tls = load_tls(life, config.listener.tls.clone(), &listen::ALPN)?;
    let (ready_sender, ready) = watch::channel(true);
    let channels = configured.iter().filter(|channel| channel.enabled).map(PushChannel::new).collect();
    let taker = Arc::new(parts.inbound.clone());
    let listen = Listen { listener, tls, http: config, channels, taker, ready, clock: Arc::clone(&parts.clock) };
    life.spawn("push listener", |stop| async move {
        let not_ready = async {
            stop.cancelled().await;
            ready_sender.send_replace(false);
        };
        tokio::join!(listen.run(stop.clone()), not_ready);
    });
    Ok(())
}

fn spawn_grpc(
    life: &mut Life,
    parts: grpc::Parts,
    listener: TcpListener,
    config: &config::Grpc,
    principals: Principals,
) -> Result<(), AppError> {
    let tls = load_tls(life, config.listener.tls.clone(), &["h2"])?;
    let incoming = Incoming::new(listener, tls, config.connections_max).into_stream();
    let server = Grpc::new(parts, Arc::new(principals), grpc::Limits::from(config))?;
    life.spawn("gRPC server", |stop| server.run(incoming, stop));
    Ok(())
}

/// A listener's TLS, followed for as long as the gateway runs; `None` on plain loopback.
fn load_tls(life: &mut Life, files: Option<TlsFiles>, alpn: &[&str]) -> Result<Option<Arc<ServerTls>>, AppError> {
    let Some(files) = files else { return Ok(None) };
    let tls = Arc::new(ServerTls::load(files, alpn)?);
    let followed = Arc::clone(&tls);
    life.spawn("certificates", |stop| followed.follow(stop));
    Ok(Some(tls))
}

/// The tasks in their two circles: whoever may write, and the committer that outlives them.
struct Life {
    supervisor: Supervisor,
    outer: TaskTracker,
    core_stop: CancellationToken,
}

impl Life {
    fn new() -> Life {
        Life { supervisor: Supervisor::new(), outer: TaskTracker::new(), core_stop: CancellationToken::new() }
    }

    /// A task of the outer circle.
    fn spawn<F, Task>(&mut self, name: &'static str, run: F)
    where
        F: FnOnce(CancellationToken) -> Task,
        Task: Future<Output = ()> + Send + 'static,
    {
        let outer = self.outer.clone();
        self.supervisor.spawn(name, |stop| outer.track_future(run(stop)));
    }

    /// A task that stops only when the outer circle has.
    fn spawn_core<F, Task>(&mut self, name: &'static str, run: F)
    where
        F: FnOnce(CancellationToken) -> Task,
        Task: Future<Output = ()> + Send + 'static,
    {
        let core_stop = self.core_stop.clone();
        self.supervisor.spawn(name, |_| run(core_stop));
    }

    fn into_supervisor(mut self) -> Supervisor {
        let (outer, core_stop) = (self.outer, self.core_stop);
        self.supervisor.spawn("drain", |stop| async move {
            stop.cancelled().await;
            outer.close();
            outer.wait().await;
            core_stop.cancel();
        });
        self.supervisor
    }
}
