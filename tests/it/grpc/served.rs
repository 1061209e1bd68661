//! The gRPC server with the parts it stands on, without the rest of the gateway: a test hands messages in and settles
//! deliveries itself, and the clock stands still until it is moved.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use channel_sdk::adapter::{Entrance, RawMessage};
use petition_gateway::{
    admission::{Admission, Rooms},
    blobs::Blobs,
    channels::Channels,
    clock::{Clock, ManualClock, SharedClock},
    committer::{self, Committer},
    decision::Decisions,
    grpc::{Grpc, Limits, Parts},
    inbound::Inbound,
    intake::Intake,
    pb::{channel_service_client::ChannelServiceClient, petition_service_client::PetitionServiceClient},
    presence,
    security::{Incoming, Principals, Role, Roles, ServerTls},
    store::{GatewayAbout, Store},
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use super::paper::{self, PAPER, Paper};
use crate::support::TestStore;

/// The largest attachment that the server under test takes.
pub(crate) const ATTACHMENT_BYTES_MAX: u64 = 3 * 1024 * 1024;

/// How a server is made.
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    pub(crate) principals: Principals,
    pub(crate) tls: Option<ServerTls>,
    /// Nothing is committed before this is told; until then everything that is let in waits.
    pub(crate) commits_from: Option<Arc<Notify>>,
}

impl Default for Settings {
    fn default() -> Self {
        let everything = Roles::of(&[Role::MinistrySystem, Role::Operator]);
        Settings {
            limits: limits(),
            principals: Principals::new(Vec::new(), everything),
            tls: None,
            commits_from: None,
        }
    }
}

/// Limits that no test meets by chance.
pub(crate) fn limits() -> Limits {
    Limits {
        message_bytes_max: 4 * 1024 * 1024,
        rooms: Rooms {
            people_max: 1_000,
            answer_target: Duration::from_secs(1),
            reads_max: 1_000,
            imports_max: 100,
            transfers_max: 100,
        },
        bytes_in_flight_max: 64 * 1024 * 1024,
        streams_per_connection_max: 1_000,
        connection_age_max: Duration::from_secs(3_600),
        keep_alive: Duration::from_secs(30),
        keep_alive_timeout: Duration::from_secs(10),
        call_max: Duration::from_secs(60),
        watchers_max: 100,
    }
}

/// A server that runs.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) committer: Committer,
    pub(crate) admission: Admission,
    pub(crate) paper: Arc<Paper>,
    pub(crate) channels: Channels,
    pub(crate) stop: CancellationToken,
    inbound: Inbound,
    tasks: JoinSet<()>,
    pub(crate) ready: tokio::sync::watch::Sender<bool>,
    _folder: TempDir,
    _kept: TestStore,
}

impl Served {
    /// A server on loopback whose callers may do everything.
    pub(crate) async fn new() -> Served {
        Served::with(Settings::default()).await
    }

    /// A server whose callers on loopback have these roles.
    pub(crate) async fn to(roles: &[Role]) -> Served {
        let principals = Principals::new(Vec::new(), Roles::of(roles));
        Served::with(Settings { principals, ..Settings::default() }).await
    }

    pub(crate) async fn with(settings: Settings) -> Served {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at("2019-12-06T02:00:00Z".parse().unwrap()));
        let shared: SharedClock = clock.clone();
        let kept = TestStore::fresh();
        let store = kept.open(folder.path(), shared.clone()).await;
        let blobs = Blobs::open(folder.path().join("blobs"), ATTACHMENT_BYTES_MAX).await.unwrap();
        let paper = Arc::new(Paper::default());
        let channels = Channels::new([paper::channel(&paper)]);
        let (committer, task) = committer::committer(store.clone()).await.unwrap();
        let decisions = Decisions::new(store.clone(), committer.clone(), channels.clone(), shared.clone());
        let intake = Intake::new(store.clone(), committer.clone(), decisions.clone(), blobs.clone(), shared.clone());
        let inbound = Inbound::new(store.clone(), committer.clone(), intake, channels.clone());
        let about = GatewayAbout { node: "gw".to_owned(), version: "0".to_owned(), since: clock.now() };
        let (presence, turns) = presence::presence(store.clone(), committer.clone(), channels.clone(), about);
        let parts = Parts {
            store: store.clone(),
            committer: committer.clone(),
            decisions,
            inbound: inbound.clone(),
            channels: channels.clone(),
            turns,
            blobs,
            clock: shared,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let incoming = Incoming::new(listener, settings.tls.map(Arc::new), 100).into_stream();
        let grpc = Grpc::new(parts, Arc::new(settings.principals), settings.limits).unwrap();
        let admission = grpc.admission();
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            if let Some(told) = settings.commits_from {
                told.notified().await;
            }
            task.run(CancellationToken::new()).await;
        });
        tasks.spawn(presence.run(CancellationToken::new()));
        let (ready, is_ready) = tokio::sync::watch::channel(true);
        tasks.spawn(grpc.run(incoming, is_ready, stop.clone()));
        Served {
            address,
            clock,
            store,
            committer,
            admission,
            paper,
            channels,
            stop,
            inbound,
            tasks,
            ready,
            _folder: folder,
            _kept: kept,
        }
    }

    /// A plain connection.
    pub(crate) async fn connect(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    pub(crate) async fn petitions(&self) -> PetitionServiceClient<Channel> {
        PetitionServiceClient::new(self.connect().await)
    }

    pub(crate) async fn operators(&self) -> ChannelServiceClient<Channel> {
        ChannelServiceClient::new(self.connect().await)
    }

    /// Hands a message of the paper channel in, as its listener would.
    pub(crate) async fn push(&self, text: &str) {
        let raw = RawMessage {
            entrance: Entrance::Push,
            route: "POST /".to_owned(),
            content_type: "text/plain".to_owned(),
            received_at: self.clock.now(),
            body: Bytes::from(text.to_owned()),
        };
        let channel = self.channels.get(PAPER).unwrap().clone();
        self.inbound.accept(&channel, raw, None).await.unwrap();
    }

    /// Moves the clock on.
    pub(crate) fn later(&self, seconds: i64) {
        self.clock.advance(jiff::SignedDuration::from_secs(seconds));
    }

    /// Waits until the server has ended by itself, after a stop; the committer goes on.
    pub(crate) async fn ended(&mut self) {
        self.tasks.join_next().await.unwrap().unwrap();
    }
}

/// Asks again and again until there is an answer. No test asserts on time: the patience only ends a failure.
pub(crate) async fn eventually<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asking).await.expect("it should have happened by now")
}
