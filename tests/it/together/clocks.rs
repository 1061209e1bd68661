//! Gateways whose clocks are minutes apart, and one whose clock is set in the middle of everything: the database's time is
//! the one that counts.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use channel_sdk::sandbox::Mischief;
use jiff::{SignedDuration, Timestamp};
use petition_gateway::{
    adapters::KINDS,
    app::{self, Running},
    clock::{Clock, SystemClock},
    config::{Config, Environment},
    pb::{self, watch_petitions_response::Item},
    supervise::Ended,
};
use tempfile::TempDir;
use tokio::time::sleep;

use super::{
    far_sides::FarSides,
    fleet,
    load::Load,
    places::{Place, Places},
    seed,
};
use crate::support::{Ministry, TestStore, write_secrets};

/// A clock that is off, by so many seconds.
struct WrongClock(AtomicI64);

impl Clock for WrongClock {
    fn now(&self) -> Timestamp {
        SystemClock.now() + SignedDuration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

/// Gateways in this process, each with a clock of its own.
struct Gateways {
    clocks: Vec<Arc<WrongClock>>,
    running: Vec<Running>,
    places: Places,
    _folders: Vec<TempDir>,
    _store: TestStore,
}

impl Gateways {
    async fn start(seconds_off: &[i64], channels: &str) -> Gateways {
        let store = TestStore::shared();
        let attachments = tempfile::tempdir().unwrap();
        let (mut clocks, mut running, mut folders) = (Vec::new(), Vec::new(), Vec::new());
        let places = Places::default();
        for (at, seconds) in seconds_off.iter().enumerate() {
            let folder = tempfile::tempdir().unwrap();
            write_secrets(folder.path());
            let clock = Arc::new(WrongClock(AtomicI64::new(*seconds)));
            let listen = "listen = \"127.0.0.1:0\"";
            let common = fleet::config(attachments.path(), channels);
            let text = format!("[http]\n{listen}\n[grpc]\n{listen}\n{}{common}", store.config());
            let config = Config::read("test.toml", folder.path(), &text, &Environment::empty(), KINDS).unwrap();
            let gateway = app::start(config, clock.clone()).await.unwrap();
            places.put(at, Place { grpc: gateway.grpc, http: gateway.http });
            clocks.push(clock);
            running.push(gateway);
            folders.push(folder);
        }
        folders.push(attachments);
        Gateways { clocks, running, places, _folders: folders, _store: store }
    }

    /// The channels that each of them says it looks after.
    async fn holders(&self) -> Vec<Vec<String>> {
        let mut holders = Vec::new();
        for gateway in &self.running {
            let mut ministry = Ministry::connect(gateway.grpc).await;
            let listed = ministry.channels.list_gateways(pb::ListGatewaysRequest {}).await.unwrap().into_inner();
            assert_eq!(listed.gateways.len(), self.running.len(), "all are alive: {listed:?}");
            holders.extend(listed.gateways.into_iter().filter(|it| it.self_).map(|it| it.channels));
        }
        holders
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_are_minutes_apart_change_nothing() {
    // A calm day: each delivery needs one attempt, unless two gateways disagree about what is due or whose it is.
    let far_sides = FarSides::open(40, 15, Mischief::default()).await;
    let begun = SystemClock.now();
    let gateways = Gateways::start(&[-7 * 60, 4 * 60, 13 * 60], &far_sides.config).await;
    let load = Load::begin(&gateways.places, &far_sides, seed(401));
    let books = load.books.clone();
    sleep(Duration::from_secs(4)).await;
    let holders = gateways.holders().await;
    assert_eq!(holders.concat().len(), 2, "each channel is looked after by one: {holders:?}");
    for seconds_off in [-6 * 60, 60 * 60, -7 * 60, 3] {
        gateways.clocks[1].0.store(seconds_off, Ordering::Relaxed);
        sleep(Duration::from_millis(1_500)).await;
        assert_eq!(gateways.holders().await, holders, "no turn ends early");
    }
    load.end().await;

    let mut ministry = Ministry::connect(gateways.places.of_turn(0).grpc).await;
    let last = books.open().watched.last_seq;
    for (seq, at) in event_times(&mut ministry, last).await {
        assert!(begun <= at && at <= SystemClock.now(), "event {seq} at {at}, begun {begun}");
    }
    for delivery in deliveries(&mut ministry).await {
        assert_eq!(delivery.attempt_count, 1, "{delivery:?}");
        let waited = time(delivery.end_time.as_ref()).duration_since(time(delivery.create_time.as_ref()));
        assert!(waited < SignedDuration::from_secs(30), "{waited:?} {delivery:?}");
    }
    for gateway in gateways.running {
        gateway.stop();
        assert_eq!(gateway.ended().await, Ended::Clean);
    }
}

async fn event_times(ministry: &mut Ministry, last: u64) -> Vec<(u64, Timestamp)> {
    let request = pb::WatchPetitionsRequest::default();
    let mut stream = ministry.petitions.watch_petitions(request).await.unwrap().into_inner();
    let mut times = Vec::new();
    while (times.len() as u64) < last {
        if let Some(Item::Event(event)) = stream.message().await.unwrap().unwrap().item {
            times.push((u64::try_from(event.seq).unwrap(), time(event.event_time.as_ref())));
        }
    }
    times
}

async fn deliveries(ministry: &mut Ministry) -> Vec<pb::Delivery> {
    let mut deliveries = Vec::new();
    let mut request =
        pb::ListDeliveriesRequest { parent: "channels/-".to_owned(), page_size: 500, ..Default::default() };
    loop {
        let page = ministry.channels.list_deliveries(request.clone()).await.unwrap().into_inner();
        deliveries.extend(page.deliveries);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return deliveries;
        }
    }
}

fn time(at: Option<&prost_types::Timestamp>) -> Timestamp {
    let at = at.unwrap();
    Timestamp::new(at.seconds, at.nanos).unwrap()
}
