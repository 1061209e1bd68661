//! The only place where parts are joined: configuration ▶ parts ▶ tasks ▶ drain.
//!
//! Read [`start`], then [`work`], from top to bottom: it is the order in which the gateway comes to life. It stops in the reverse order:
//! the entrances close first, what is under way ends, and the committer goes last, when nobody can write any more.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    admission::Admission,
    blobs::{self, Blobs},
    channels::{self, Channels},
    clock::SharedClock,
    committer::{self, Urgency},
    config::{self, Config},
    decision::Decisions,
    grpc::{self, Grpc},
    health,
    inbound::{
        Inbound,
        listen::{self, Listen, PushChannel},
        poll::Poll,
        resume::Resume,
        revisit::Revisit,
    },
    intake::Intake,
    outbound::{Outbound, Schedule, attempt::Attempts, breaker},
    presence::{self, Turns},
    reconcile::{Reconciler, task::Reconciling},
    remote::{self, HttpRemote},
    security::{Incoming, ServerTls, TlsFiles, tls::TlsError},
    store::{self, GatewayAbout, OpenError, Store, StoreError},
    supervise::{Ended, Supervisor},
};

/// How long to wait between looks at what came out of order.
const REVISIT_INTERVAL: Duration = Duration::from_secs(5);

/// Why the gateway could not start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The store cannot be opened.
    #[error("the store cannot be opened")]
    Open(#[from] OpenError),
    /// The store cannot be read.
    #[error("the store cannot be read")]
    Store(#[from] StoreError),
    /// The attachments' storage cannot be used.
    #[error("the attachments' storage cannot be used")]
    Blobs(#[from] blobs::OpenError),
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

    let store = store::open(config.store, clock).await?;
    crate::failpoint::at!("start.store_opened");
    // From here on the store's time counts: gateways that share it have clocks of their own.
    let clock = store.clock();
    let blobs = Blobs::configured(&config.blobs).await?;
    let channels = join_channels(&config.channels, config.outbound.breaker, &blobs, &clock)?;
    let plan = Plan { gateway: &config.gateway, inbound: &config.inbound, outbound: &config.outbound };
    let Works { mut life, parts, ready } = work(Ground { store, blobs, channels }, plan).await?;
    spawn_reconciliations(&mut life, &parts, &config.channels);
    let server = Grpc::new(parts.clone(), Arc::new(config.principals), grpc::Limits::from(&config.grpc))?;
    // Both take from the same store, so both ask the same admission.
    let admission = server.admission();
    let entrance = Entrance { listener: http_listener, ready: ready.clone(), admission };
    spawn_http(&mut life, &parts, entrance, config.http, &config.channels)?;
    spawn_grpc(&mut life, server, (grpc_listener, ready), &config.grpc)?;

    crate::failpoint::at!("start.joined");
    let (stopper, stopped) = mpsc::channel(2);
    let supervisor = life.into_supervisor();
    Ok(Running { grpc, http, supervisor, stop_limit: config.gateway.stop_limit, stopper, stopped })
}

/// What a gateway works on.
pub struct Ground {
    /// Its memory.
    pub store: Arc<dyn Store>,
    /// Where files are.
    pub blobs: Blobs,
    /// Its far sides.
    pub channels: Channels,
}

/// How it works.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// Which gateway it is.
    pub gateway: &'a config::Gateway,
    /// How messages are taken in.
    pub inbound: &'a config::Inbound,
    /// How notices are delivered.
    pub outbound: &'a config::Outbound,
}

/// A gateway at work, its entrances still shut.
pub struct Works {
    life: Life,
    parts: grpc::Parts,
    ready: watch::Receiver<bool>,
}

impl Works {
    /// Its tasks, and the parts that entrances call. Without entrances of its own it is as good for whoever calls them.
    pub fn without_entrances(self) -> (Supervisor, grpc::Parts) {
        (self.life.into_supervisor(), self.parts)
    }
}

/// Sets everything to work that works by itself: it pulls, delivers, and finishes what was left from before.
///
/// # Errors
/// The store cannot be read.
pub async fn work(ground: Ground, plan: Plan<'_>) -> Result<Works, AppError> {
    let Ground { store, blobs, channels } = ground;
    let clock = store.clock();
    let (committer, committer_task) = committer::committer(Arc::clone(&store)).await?;
    let decisions = Decisions::new(Arc::clone(&store), committer.clone(), channels.clone(), Arc::clone(&clock));
    let intake =
        Intake::new(Arc::clone(&store), committer.clone(), decisions.clone(), blobs.clone(), Arc::clone(&clock));
    let inbound = Inbound::new(Arc::clone(&store), committer.clone(), intake, channels.clone());

    let mut life = Life::new();
    let tail = committer_task.tail();
    life.spawn_core("committer", |stop| committer_task.run(stop));
    life.spawn("tail", |stop| tail.run(stop));
    let (health, ready) = health::health(Arc::clone(&store), committer.clone());
    life.spawn("health", |stop| health.run(stop));
    let (presence, turns) =
        presence::presence(Arc::clone(&store), committer.clone(), channels.clone(), about(plan.gateway, &clock));
    life.spawn_presence("presence", |stop| presence.run(stop));

    // What is written from here on is an operator's word or the gateway's own duty: no load holds it up.
    let committer = committer.with(Urgency::Own);
    let parts = grpc::Parts { store, committer, decisions, inbound, channels, turns: turns.clone(), blobs, clock };
    let outbound = outbound(&parts, plan.outbound);
    life.spawn("outbound", |stop| outbound.run(stop));
    spawn_polls(&mut life, &parts, &turns, plan.inbound);
    Ok(Works { life, parts, ready })
}

fn about(gateway: &config::Gateway, clock: &SharedClock) -> GatewayAbout {
    GatewayAbout { node: gateway.node.clone(), version: env!("CARGO_PKG_VERSION").to_owned(), since: clock.now() }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), AppError> {
    let fault = |source| AppError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(fault)?;
    let bound = listener.local_addr().map_err(fault)?;
    Ok((listener, bound))
}

/// No more deliveries are begun at once than have their turn within some seconds: one that waited longer for our own rate
/// limit would use up its attempt by waiting.
const BEGUN_SECONDS: u32 = 2;

fn join_channels(
    configured: &[config::Channel],
    breaker: breaker::Limits,
    blobs: &Blobs,
    clock: &SharedClock,
) -> Result<Channels, AppError> {
    let mut joined = Vec::new();
    for channel in configured {
        let remote = HttpRemote::new(channel, blobs.clone(), Arc::clone(clock))
            .map_err(|source| AppError::Remote { channel: channel.name.clone(), source })?;
        let poll = channel.feeds.iter().filter(|feed| feed.enabled);
        let in_pace = channel.limits.requests_per_second.get().saturating_mul(BEGUN_SECONDS);
        let pace = remote.pace();
        let parts = channels::Parts {
            name: channel.name.clone(),
            kind: channel.kind,
            agency: channel.agency.clone(),
            base_url: channel.base_url.to_string(),
            adapter: Arc::clone(&channel.adapter),
            remote: Arc::new(remote),
            enabled: channel.enabled,
            at_once: u32::try_from(channel.limits.concurrency).unwrap_or(u32::MAX).min(in_pace),
            poll: poll.map(|feed| (feed.name.to_owned(), feed.interval)).collect(),
        };
        let made = channels::Channel::new(parts).guaranteeing(channel.guarantees);
        joined.push(made.breaking_at(breaker).at_pace(pace));
    }
    Ok(Channels::new(joined))
}

/// What delivers, over these parts; a task for the supervisor.
pub fn outbound(parts: &grpc::Parts, config: &config::Outbound) -> Outbound {
    let schedule = Schedule { waits: config.schedule.clone(), jitter_per_mille: config.jitter_per_mille };
    let attempts = Attempts {
        store: Arc::clone(&parts.store),
        channels: parts.channels.clone(),
        committer: parts.committer.clone(),
        decisions: parts.decisions.clone(),
        schedule,
        silent_attempts_max: config.silent_attempts_max,
        clock: Arc::clone(&parts.clock),
    };
    Outbound {
        store: Arc::clone(&parts.store),
        committer: parts.committer.clone(),
        channels: parts.channels.clone(),
        attempts,
        concurrency: config.concurrency,
        lease: config.lease,
        due: parts.committer.deliveries_due(),
        clock: Arc::clone(&parts.clock),
    }
}

fn spawn_polls(life: &mut Life, parts: &grpc::Parts, turns: &Turns, config: &config::Inbound) {
    for channel in parts.channels.iter().filter(|channel| channel.enabled) {
        for (feed, interval) in &channel.poll {
            let poll = Poll {
                channel: Arc::clone(channel),
                feed: feed.clone(),
                interval: *interval,
                pause_after_failure: config.failure_pause,
                inbound: parts.inbound.clone(),
                store: Arc::clone(&parts.store),
                turn: turns.of(&channel.name),
                clock: Arc::clone(&parts.clock),
            };
            life.spawn("poll", |stop| poll.run(stop));
        }
    }
    let (inbound, store) = (parts.inbound.clone(), Arc::clone(&parts.store));
    let resume = Resume { inbound: inbound.clone(), store: Arc::clone(&store), clock: Arc::clone(&parts.clock) };
    life.spawn("resume", |stop| resume.run(stop));
    let revisit = Revisit { interval: REVISIT_INTERVAL, turns: turns.clone(), inbound, store };
    life.spawn("revisit", |stop| revisit.run(stop));
}

fn spawn_reconciliations(life: &mut Life, parts: &grpc::Parts, configured: &[config::Channel]) {
    for config in configured.iter().filter(|it| it.enabled) {
        let Some(channel) = parts.channels.get(&config.name).filter(|it| it.abilities.lists) else { continue };
        let reconciler = Reconciler {
            store: Arc::clone(&parts.store),
            committer: parts.committer.with(Urgency::Bulk),
            decisions: parts.decisions.clone(),
            inbound: parts.inbound.clone(),
            channels: parts.channels.clone(),
            clock: Arc::clone(&parts.clock),
        };
        let (channel, plan, turn) = (Arc::clone(channel), config.reconcile, parts.turns.of(&config.name));
        let reconciling = Reconciling { channel, plan, turn, reconciler };
        life.spawn("reconciliation", |stop| reconciling.run(stop));
    }
}

/// Where pushes come in, whether they are to come here now, and who is let in.
struct Entrance {
    listener: TcpListener,
    ready: watch::Receiver<bool>,
    admission: Admission,
}

fn spawn_http(
    life: &mut Life,
    parts: &grpc::Parts,
    entrance: Entrance,
    config: config::Http,
    configured: &[config::Channel],
) -> Result<(), AppError> {
    let tls = load_tls(life, config.listener.tls.clone(), &listen::ALPN)?;
    let channels = configured.iter().filter(|channel| channel.enabled).map(PushChannel::new).collect();
    let taker = Arc::new(parts.inbound.clone());
    let Entrance { listener, ready, admission } = entrance;
    let clock = Arc::clone(&parts.clock);
    let listen = Listen { listener, tls, http: config, channels, admission, taker, ready, clock };
    life.spawn("push listener", |stop| listen.run(stop));
    Ok(())
}

fn spawn_grpc(
    life: &mut Life,
    server: Grpc,
    (listener, ready): (TcpListener, watch::Receiver<bool>),
    config: &config::Grpc,
) -> Result<(), AppError> {
    let tls = load_tls(life, config.listener.tls.clone(), &["h2"])?;
    let incoming = Incoming::new(listener, tls, config.connections_max).into_stream();
    life.spawn("gRPC server", |stop| server.run(incoming, ready, stop));
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

/// The tasks in their three circles: whoever does the work; the presence, which lets go of what this gateway holds when the
/// work has ended; the committer, through which that is written.
struct Life {
    supervisor: Supervisor,
    work: TaskTracker,
    presence: TaskTracker,
    presence_stop: CancellationToken,
    core_stop: CancellationToken,
}

impl Life {
    fn new() -> Life {
        Life {
            supervisor: Supervisor::new(),
            work: TaskTracker::new(),
            presence: TaskTracker::new(),
            presence_stop: CancellationToken::new(),
            core_stop: CancellationToken::new(),
        }
    }

    /// A task of the outermost circle.
    fn spawn<F, Task>(&mut self, name: &'static str, run: F)
    where
        F: FnOnce(CancellationToken) -> Task,
        Task: Future<Output = ()> + Send + 'static,
    {
        let work = self.work.clone();
        self.supervisor.spawn(name, |stop| work.track_future(run(stop)));
    }

    /// A task that stops only when all work has ended.
    fn spawn_presence<F, Task>(&mut self, name: &'static str, run: F)
    where
        F: FnOnce(CancellationToken) -> Task,
        Task: Future<Output = ()> + Send + 'static,
    {
        let (presence, stop) = (self.presence.clone(), self.presence_stop.clone());
        self.supervisor.spawn(name, |_| presence.track_future(run(stop)));
    }

    /// A task that stops only when both outer circles have.
    fn spawn_core<F, Task>(&mut self, name: &'static str, run: F)
    where
        F: FnOnce(CancellationToken) -> Task,
        Task: Future<Output = ()> + Send + 'static,
    {
        let core_stop = self.core_stop.clone();
        self.supervisor.spawn(name, |_| run(core_stop));
    }

    fn into_supervisor(mut self) -> Supervisor {
        let Life { work, presence, presence_stop, core_stop, .. } = self;
        self.supervisor.spawn("drain", |stop| async move {
            stop.cancelled().await;
            crate::failpoint::at!("stop.heard");
            work.close();
            work.wait().await;
            crate::failpoint::at!("stop.work_ended");
            presence_stop.cancel();
            presence.close();
            presence.wait().await;
            crate::failpoint::at!("stop.presence_ended");
            core_stop.cancel();
        });
        self.supervisor
    }
}
