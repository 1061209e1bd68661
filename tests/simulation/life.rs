//! A run: one gateway after the other is born into the same world, until everything is well or a promise is broken.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures::future::join_all;
use petition_gateway::{
    app::{self, Ground},
    channels::{Channel, Channels, Parts as ChannelParts},
    config::{Config, Environment},
    grpc::Parts,
    store::{DeliveryQuery, DeliveryState},
    supervise::Ended,
};
use tokio::{
    runtime::Builder,
    sync::mpsc,
    time::{sleep, timeout},
};

use crate::{
    disk::Disk,
    finale,
    network::{self, Wire},
    office, operator,
    plan::{CALM, End, Plan},
    pushes,
    world::{Life, Sabotage, World},
};

/// A gateway that is stopped cleanly may take so long.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// The configuration: seconds where an operator has minutes, so that a run is short; the code is the same.
const CONFIG: &str = r#"
[inbound]
failure_pause_seconds = 1
[outbound]
schedule = ["1s", "2s", "4s", "8s", "15s", "15s", "15s", "15s", "15s", "30s", "30s", "30s", "60s", "60s", "60s", "60s"]
lease_seconds = 10
# A gateway that is killed again and again is no fault of the message here.
silent_attempts_max = 100
concurrency = 8
"#;

/// How a run ended.
pub(crate) struct Run {
    pub(crate) world: Arc<World>,
    /// What was broken, if anything was.
    pub(crate) broken: Option<String>,
}

/// Runs one plan to its end.
pub(crate) fn run(plan: Plan, sabotage: Sabotage) -> Run {
    let world = World::of(plan, sabotage);
    for life in 0.. {
        let end = world.plan.ends.get(life).copied().filter(|_| world.is_stormy());
        world.time.set_gateway_wrong(if world.is_stormy() {
            world.plan.clocks.get(life).copied().unwrap_or(0)
        } else {
            0
        });
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let is_over = runtime.block_on(live(&world, end));
        // The end of the clock, before the runtime and everything of the gateway is gone with it.
        let pause = Duration::from_millis(world.draw("gateway is down", 50..3_000));
        runtime.block_on(async { world.time.end_life(pause) });
        drop(runtime);
        if is_over || world.what_broke().is_some() {
            break;
        }
    }
    Run { broken: world.what_broke(), world }
}

/// One life; whether the run is over.
async fn live(world: &Arc<World>, end: Option<End>) -> bool {
    world.time.begin_life();
    world.tell("gateway", "starts");
    let dies_at = match end {
        Some(End::Killed(step)) => Some(step),
        _ => None,
    };
    let life = Life::new(world, dies_at);
    let ground = Ground {
        store: Arc::new(Disk { world: Arc::clone(world), life: Arc::clone(&life) }),
        blobs: world.blobs.clone(),
        channels: channels(world, &life),
    };
    let config = config();
    let plan = app::Plan { gateway: &config.gateway, inbound: &config.inbound, outbound: &config.outbound };
    let works = app::work(ground, plan).await.unwrap_or_else(|error| panic!("{error}"));
    let (supervisor, parts) = works.without_entrances();
    let (stopper, stopped) = mpsc::channel(2);
    let gateway = supervisor.run(stopped, STOP_LIMIT);
    let pushing = world.sides.iter().map(|side| pushes::push(world, &life, side, &parts));
    tokio::select! {
        biased;
        () = life.over() => false,
        ended = gateway => {
            world.tell("gateway", &format!("has stopped: {ended:?}"));
            world.check(!matches!(ended, Ended::TaskEnded { .. }), || format!("a task ended: {ended:?}"));
            false
        }
        () = network::carry(world) => false,
        () = pushes::release(world) => false,
        _ = join_all(pushing) => false,
        () = operator::work(world, &life, &parts) => false,
        () = office::work(world, &life, &parts) => false,
        () = stop(world, end, stopper) => false,
        () = until_all_is_well(world, &parts) => true,
    }
}

/// Asks the gateway to stop, if that is how this life ends.
async fn stop(world: &World, end: Option<End>, stopper: mpsc::Sender<()>) {
    if let Some(End::Stopped(after)) = end {
        sleep(Duration::from_secs(after)).await;
        world.tell("gateway", "is asked to stop");
        stopper.try_send(()).unwrap();
    }
    std::future::pending::<()>().await;
}

/// Waits for the storm to pass and for everything to become well, as it must, and looks whether it did.
async fn until_all_is_well(world: &World, parts: &Parts) {
    while world.is_stormy() && world.what_broke().is_none() {
        sleep(Duration::from_millis(500)).await;
    }
    world.tell("world", "is calm");
    world.time.set_gateway_wrong(0);
    world.sides.iter().for_each(|side| side.recovers());
    let quiet = async {
        // Twice in a row: what is on its way between two parts is in neither.
        let mut quiet = 0;
        while quiet < 3 && world.what_broke().is_none() {
            sleep(Duration::from_secs(5)).await;
            quiet = if unrest(world, parts).await.is_empty() { quiet + 1 } else { 0 };
        }
    };
    if timeout(CALM, quiet).await.is_err() {
        world.broken(format!("it did not become well: {}", unrest(world, parts).await.join("; ")));
    }
    if world.what_broke().is_none() {
        finale::audit(world).await;
    }
}

/// What still goes on, or should.
async fn unrest(world: &World, parts: &Parts) -> Vec<String> {
    let mut out = Vec::new();
    let last = world.model.lock().unwrap().last_seq();
    if !world.office.lock().unwrap().is_idle(last) {
        out.push("the officers have not done".to_owned());
    }
    for side in &world.sides {
        if side.far.unreleased() > 0 || side.pushing.lock().unwrap().is_some() {
            out.push(format!("{} has more to tell", side.name));
        }
        let missing = side.far.accounts().into_iter().filter(|it| it.sound && it.petition_id.is_none());
        out.extend(missing.map(|it| format!("{} {} was never confirmed", side.name, it.external_id)));
    }
    if !world.mail.lock().unwrap().is_empty() {
        out.push("something is on its way".to_owned());
    }
    for state in [DeliveryState::Pending, DeliveryState::Parked] {
        let query = DeliveryQuery { state: Some(state), limit: 100, ..DeliveryQuery::default() };
        let waiting = parts.store.delivery_list(&query).await.unwrap();
        out.extend(waiting.into_iter().map(|it| {
            let (name, reason) = (world.trace.name("delivery", it.id.0), it.reason.unwrap_or_default());
            format!("{name} is {} after {} attempts ({reason})", state.as_str(), it.attempts)
        }));
    }
    let unfinished = parts.store.message_list_unfinished(100).await.unwrap();
    out.extend(unfinished.into_iter().map(|it| format!("message {} is not dealt with", it.0)));
    out
}

fn config() -> &'static Config {
    static PLAIN: OnceLock<Config> = OnceLock::new();
    PLAIN.get_or_init(|| {
        Config::read("simulation.toml", std::path::Path::new(""), CONFIG, &Environment::empty(), &[])
            .unwrap_or_else(|error| panic!("{error}"))
    })
}

fn channels(world: &Arc<World>, life: &Arc<Life>) -> Channels {
    Channels::new(world.sides.iter().enumerate().map(|(number, side)| {
        let feeds = side.adapter.abilities().feeds;
        Channel::new(ChannelParts {
            name: side.name.to_owned(),
            kind: side.kind,
            agency: crate::far::AGENCY.to_owned(),
            base_url: String::new(),
            adapter: Arc::clone(&side.adapter),
            remote: Arc::new(Wire { world: Arc::clone(world), life: Arc::clone(life), side: number }),
            enabled: true,
            at_once: 4,
            poll: feeds.iter().map(|feed| (feed.name.to_owned(), interval(feed.name))).collect(),
        })
    }))
}

fn interval(feed: &str) -> Duration {
    Duration::from_secs(if feed.starts_with("danh-muc/") { 120 } else { 5 })
}
