//! The demonstration: a ministry's year in a minute, everything in one process on an empty folder, and the audit of it.
//!
//! Both far sides are real HTTP servers, the gateway is the one that `serve` starts, with TLS and client certificates on
//! both listeners, and the ministry is a client of the public contract. Nothing here reaches into the gateway: what is
//! known of it comes through gRPC, as for everybody else.
//!
//! In reading order:
//! - [`options`]: how many, how fast, how bad; `folder`: certificates, secrets, `gateway.toml`; [`certificates`];
//! - [`far_end`], [`push`]: the far sides, and what makes their pushes (both serve the command `sandbox` too);
//! - [`ministry`]: the scripted ministry and its books; `reading`, `client`, `operator`: the contract, from outside;
//! - [`play`](Demo::play) in `stage`: release, progress, rest; [`progress`];
//! - `collect`, [`expectation`], [`audit`], [`report`]: the evidence, what should have been heard, the comparison.
//!
//! It prints nothing: the command line shows what it returns.

pub mod audit;
pub mod certificates;
mod client;
pub mod collect;
mod error;
pub mod expectation;
pub mod far_end;
mod folder;
pub mod ministry;
pub mod operator;
pub mod options;
pub mod progress;
pub mod push;
mod reading;
pub mod report;
mod stage;

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
    time::Duration,
};

use channel_sdk::sandbox::{Credentials, FarSide, SandboxSettings};
use secrecy::SecretString;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::error::DemoError;
use self::{
    certificates::Certificates,
    expectation::Ear,
    far_end::FarEnd,
    folder::{AGENCY, ASSEMBLY, CLIENT_ID, Folder, PORTAL, Places},
    ministry::{Ministry, books::Books, gateways::Gateways},
    operator::Operator,
    options::Options,
    push::{Activity, Driver, Target},
};
use crate::{
    adapters::KINDS,
    app::{self, Running},
    clock::SharedClock,
    config::{Config, Environment},
    supervise::Scope,
};

/// The ports that are taken where a demonstration is to stay up, if they are free.
const USUAL_GRPC_PORT: u16 = 7443;
const USUAL_HTTP_PORT: u16 = 7480;

/// Two servers, two drivers and the ministry, and room for none besides.
const TASKS: usize = 5;

/// How long what is ours may take to stop.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// The ministry thinks about a petition for at most this share of the year.
const THOUGHT_SHARE: u32 = 30;

/// A demonstration that is up.
pub struct Demo {
    options: Options,
    folder: Folder,
    running: Running,
    ends: Vec<End>,
    books: Books,
    operator: Operator,
    tasks: Scope,
    /// Stops the ministry and the pushes.
    leave: CancellationToken,
    /// Stops the far sides, which outlive the gateway.
    close: CancellationToken,
    begun: Instant,
}

/// A far side that is up.
struct End {
    channel: &'static str,
    ear: Ear,
    address: SocketAddr,
    side: Arc<dyn FarSide>,
    activity: Activity,
    all: u32,
}

/// Where everything is, for whoever wants to try it by hand.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// The gateway's gRPC listener.
    pub grpc: SocketAddr,
    /// The gateway's listener for pushes.
    pub http: SocketAddr,
    /// The far sides: channel and address.
    pub far_sides: Vec<(&'static str, SocketAddr)>,
}

impl Demo {
    /// Brings everything up; nothing is released yet.
    ///
    /// # Errors
    /// See [`DemoError`]; nothing runs then.
    pub async fn begin(options: Options, clock: SharedClock) -> Result<Demo, DemoError> {
        let folder = Folder::make(options.folder.as_deref())?;
        let (portal, assembly) = open_far_sides(&options, &folder).await?;
        let places = Places {
            portal: portal.address,
            assembly: assembly.address,
            grpc: loopback(options.usual_ports, USUAL_GRPC_PORT),
            http: loopback(options.usual_ports, USUAL_HTTP_PORT),
        };
        let config = Config::load(Some(&folder.write_config(places)?), &Environment::default(), KINDS)?;
        let (leave, close) = (CancellationToken::new(), CancellationToken::new());
        let mut tasks = Scope::new("demo", TASKS);
        let mut ends = vec![
            End::of(PORTAL, Ear::Portal, &portal, options.petitions),
            End::of(ASSEMBLY, Ear::Assembly, &assembly, options.voter_petitions),
        ];
        tasks.spawn(portal.serve(close.clone())).await;
        tasks.spawn(assembly.serve(close.clone())).await;
        let running = app::start(config, Arc::clone(&clock)).await?;
        for end in &mut ends {
            let driver = driver(&options, &folder, end, running.http, Arc::clone(&clock))?;
            end.activity = driver.activity();
            tasks.spawn(driver.run(leave.clone())).await;
        }
        let books = Books::default();
        let connection = client::connect(running.grpc, &folder.certificates, "ministry").await?;
        let gateways = Gateways::new([connection], books.clone());
        let thought_max = options.length / THOUGHT_SHARE;
        tasks.spawn(Ministry::new(gateways, books.clone(), options.seed, thought_max).run(leave.clone())).await;
        let operator = Operator::new(client::connect(running.grpc, &folder.certificates, "operator").await?);
        let begun = Instant::now();
        Ok(Demo { options, folder, running, ends, books, operator, tasks, leave, close, begun })
    }

    /// Where everything is.
    pub fn addresses(&self) -> Addresses {
        let far_sides = self.ends.iter().map(|end| (end.channel, end.address)).collect();
        Addresses { grpc: self.running.grpc, http: self.running.http, far_sides }
    }

    /// The folder that everything is written to.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The certificates.
    pub fn certificates(&self) -> &Certificates {
        &self.folder.certificates
    }

    /// Keeps a temporary folder beyond the end, for whoever must look into it.
    pub fn keep_folder(&mut self) {
        self.folder.keep();
    }

    /// Stops everything: ministry and pushes, then the gateway, then the far sides.
    pub async fn end(self) {
        self.leave.cancel();
        self.running.stop();
        let ended = self.running.ended().await;
        tracing::debug!(?ended, "the gateway of the demonstration has stopped");
        self.close.cancel();
        if !self.tasks.drain(STOP_LIMIT).await {
            tracing::debug!("parts of the demonstration were cut off");
        }
    }
}

impl End {
    fn of(channel: &'static str, ear: Ear, end: &FarEnd, all: u32) -> End {
        let side = Arc::clone(&end.side);
        End { channel, ear, address: end.address, side, activity: Activity::default(), all }
    }
}

async fn open_far_sides(options: &Options, folder: &Folder) -> Result<(FarEnd, FarEnd), DemoError> {
    let settings = |petitions, secret: &str| SandboxSettings {
        seed: options.seed,
        petitions,
        agency: AGENCY.to_owned(),
        epoch: options.epoch,
        credentials: Some(Credentials { id: CLIENT_ID.to_owned(), secret: secret.to_owned() }),
        mischief: options.mischief,
    };
    let anywhere = loopback(false, 0);
    let portal = settings(options.petitions, &folder.secrets.portal);
    let assembly = settings(options.voter_petitions, &folder.secrets.assembly);
    Ok((
        FarEnd::open("government-portal", portal, anywhere).await?,
        FarEnd::open("national-assembly", assembly, anywhere).await?,
    ))
}

/// What makes a far side's pushes: the portal shows its certificate, the National Assembly's system signs.
fn driver(
    options: &Options,
    folder: &Folder,
    end: &End,
    http: SocketAddr,
    clock: SharedClock,
) -> Result<Driver, DemoError> {
    let certificates = &folder.certificates;
    let (pair, secret) = match end.ear {
        Ear::Portal => (Some(certificates.pair(end.channel)?), None),
        Ear::Assembly => (None, Some(SecretString::from(folder.secrets.assembly_push.clone()))),
    };
    let client = push::client(Some(&certificates.authority()?), pair.as_ref())?;
    let address = format!("https://localhost:{}/channels/{}", http.port(), end.channel);
    let lost_per_mille = options.mischief.error_after_commit_per_mille;
    let target = Target { address, client, secret, clock };
    Ok(Driver::new(Arc::clone(&end.side), target, options.seed, lost_per_mille))
}

/// A place on this machine: the usual port if it is wanted and free, otherwise any.
fn loopback(usual: bool, port: u16) -> SocketAddr {
    let place = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if usual && TcpListener::bind(place).is_ok() { place } else { SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) }
}
