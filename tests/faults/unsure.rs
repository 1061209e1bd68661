//! Far sides that do not honour keys, and a gateway that dies in the middle of sending to them: what may have arrived is
//! asked for where the far side can be asked, also when it acknowledges later; where it cannot, it waits for a person and is
//! flagged as that. Nothing is sent blindly a second time, and what waits for a person is no more than what was under way.

use std::{
    collections::BTreeMap,
    os::unix::process::ExitStatusExt,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
};
use petition_gateway::{
    demo::ministry::{books::Books, gateways::Gateways},
    pb::{self, DeliveryState, channel_service_client::ChannelServiceClient},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;
use tokio::{
    task::{JoinSet, block_in_place},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    life::KILLED,
    points::{self, Engine, RANDOM},
};
use crate::{
    cli_gateway::{Gateway, Home, Unborn},
    support::{TestStore, new_request_id, serve_router, signed, write_secrets},
    together::{
        fleet,
        places::{Place, Places},
    },
};

/// What the gateway dies of, one after the other: every place between the claim of a delivery and its settlement.
const DEATHS: &[&str] = &[
    "claim.after",
    "attempt.begun",
    "send.before",
    RANDOM,
    "send.answered",
    "send.heard",
    "send.before",
    "settle.before",
    "settle.after",
    RANDOM,
];
/// Far sides by their channels, and what each of them guarantees.
const SIDES: [(&str, &str); 3] = [
    ("asked", "honours_key = false"),
    ("silent", "honours_key = false, answers_by_reference = false"),
    ("late", "honours_key = false, acknowledged_within = \"1s\""),
];
/// How many calls each takes at once; so many deliveries may be under way at most, those claimed ahead included.
const AT_ONCE: usize = 2;
const UNDER_WAY_MAX: usize = AT_ONCE * 4;
/// A far side takes so long to answer after it has taken a message: deaths fall into this time.
const ANSWERS_AFTER_MS: std::ops::Range<u64> = 5..60;
/// Long: what was under way on PostgreSQL waits for the end of its lease, and two cores may be busy with everything else.
const PATIENCE: Duration = Duration::from_secs(60);
/// A gateway that is killed at random works for so long at most.
const WORK_MS_MAX: u64 = 1_500;

/// The keys of the messages that took effect at a far side, each time.
type Taken = Arc<Mutex<Vec<String>>>;

/// A portal that knows no keys: whatever comes whole takes effect, and is answered a little later.
async fn play(State(taken): State<Taken>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let key = parts.headers.get("idempotency-key").map(|key| key.to_str().unwrap().to_owned());
    if parts.method == Method::GET {
        let Some(key) = key else { return "{\"danhSach\": []}".into_response() };
        let has = taken.lock().unwrap().contains(&key);
        return format!("{{\"daNhan\": {has}, \"maThamChieu\": \"TC-1\"}}").into_response();
    }
    if axum::body::to_bytes(body, usize::MAX).await.is_err() {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let number = {
        let mut taken = taken.lock().unwrap();
        taken.extend(key);
        taken.len() as u64
    };
    sleep(Duration::from_millis(ChaCha8Rng::seed_from_u64(number).random_range(ANSWERS_AFTER_MS))).await;
    "{\"maThamChieu\": \"TC-1\"}".into_response()
}

/// The far sides, the places of the gateway, and its configuration.
struct Scene {
    sides: BTreeMap<&'static str, Taken>,
    places: Places,
    config: String,
    draw: ChaCha8Rng,
    _attachments: TempDir,
}

impl Scene {
    async fn set(seed: u64) -> Scene {
        let (mut sides, mut channels) = (BTreeMap::new(), String::new());
        for (name, guarantees) in SIDES {
            let taken = Taken::default();
            let address = serve_router(Router::new().fallback(play).with_state(Arc::clone(&taken))).await;
            sides.insert(name, taken);
            channels += &format!(
                "[channels.{name}]\nkind = \"government-portal\"\nbase_url = \"http://{address}\"\nauth.type = \"none\"\n\
                 push.hmac_secret_file = \"push.secret\"\npoll.enabled = false\nguarantees = {{ {guarantees} }}\n\
                 limits = {{ requests_per_second = 1000, concurrency = {AT_ONCE} }}\n"
            );
        }
        let attachments = tempfile::tempdir().unwrap();
        let config = fleet::config(attachments.path(), &channels);
        let draw = ChaCha8Rng::seed_from_u64(seed);
        Scene { sides, places: Places::default(), config, draw, _attachments: attachments }
    }

    /// Starts a gateway that is to live.
    fn start(&self, home: Home) -> Gateway {
        self.try_start(home, None).unwrap_or_else(|unborn| panic!("{:?}", unborn.said))
    }

    /// Starts a gateway, with an order of what it is to die of.
    fn try_start(&self, home: Home, order: Option<&str>) -> Result<Gateway, Unborn> {
        let gateway = block_in_place(|| {
            Gateway::try_start(home, &self.config, |mut command| {
                order.map(|order| command.env("PETITION_GATEWAY_FAIL", order));
                command
            })
        })?;
        self.places.put(0, Place { grpc: gateway.grpc.parse().unwrap(), http: gateway.http.parse().unwrap() });
        Ok(gateway)
    }

    /// A gateway works until it dies of this.
    async fn die(&mut self, home: Home, point: &str) -> Home {
        if point == RANDOM {
            let gateway = self.start(home);
            sleep(Duration::from_millis(self.draw.random_range(0..WORK_MS_MAX))).await;
            return gateway.kill();
        }
        let order = points::order(point, &mut self.draw);
        // What is left from before may be taken up, and be its end, before it serves.
        let mut gateway = match self.try_start(home, Some(&order)) {
            Ok(gateway) => gateway,
            Err(unborn) => {
                assert_eq!(unborn.status.signal(), Some(KILLED), "{order}: {:?}", unborn.said);
                return unborn.home;
            }
        };
        let until = Instant::now() + PATIENCE;
        while gateway.has_ended().is_none() {
            assert!(Instant::now() < until, "{order} is not passed");
            sleep(Duration::from_millis(10)).await;
        }
        gateway.kill()
    }

    fn gateways(&self) -> Gateways {
        Gateways::new(self.places.connections(), Books::default())
    }

    /// Every delivery of a channel.
    async fn deliveries(&self, channel: &str) -> Vec<pb::Delivery> {
        let parent = format!("channels/{channel}");
        let request = pb::ListDeliveriesRequest { parent, page_size: 1_000, ..Default::default() };
        let mut client = ChannelServiceClient::new(self.places.connection(0));
        let page = client.list_deliveries(request).await.unwrap().into_inner();
        assert_eq!(page.next_page_token, "", "they fit on a page");
        page.deliveries
    }

    /// Waits until nothing of a channel is under way: what is parked holds up what comes after it in its lane.
    async fn until_at_rest(&self, channel: &str) -> Vec<pb::Delivery> {
        let until = Instant::now() + PATIENCE;
        loop {
            let deliveries = self.deliveries(channel).await;
            let parked: Vec<&str> = petitions(&deliveries, DeliveryState::Parked).collect();
            if petitions(&deliveries, DeliveryState::Pending).all(|it| parked.contains(&it)) {
                return deliveries;
            }
            assert!(Instant::now() < until, "{channel}: {deliveries:?}");
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// A person looks at the far side, and says of what is parked whether it is there.
    async fn resolve(&self, channel: &str, parked: &[&pb::Delivery]) {
        let mut client = ChannelServiceClient::new(self.places.connection(0));
        for delivery in parked {
            let is_there = self.sides[channel].lock().unwrap().contains(&key(delivery));
            let outcome = if is_there { pb::ParkedOutcome::Delivered } else { pb::ParkedOutcome::SendAgain };
            let request = pb::ResolveDeliveryRequest {
                name: delivery.name.clone(),
                request_id: new_request_id(),
                outcome: outcome.into(),
                reason: "đã xem trên cổng của đối tác".to_owned(),
            };
            client.resolve_delivery(request).await.unwrap();
        }
    }

    /// Everything was told once; what nobody but a person could know was flagged and is no more than what was under way.
    async fn audit(&self) -> usize {
        let mut parked_all = 0;
        for (channel, _) in SIDES {
            let mut deliveries = self.until_at_rest(channel).await;
            let parked = of(&deliveries, DeliveryState::Parked);
            if channel == "silent" {
                assert!(parked.iter().all(|it| !it.reason.is_empty() && it.in_doubt), "{parked:?}");
                assert!(parked.len() <= DEATHS.len() * UNDER_WAY_MAX, "{}", parked.len());
                parked_all = parked.len();
                self.assert_told_once(channel, &of(&deliveries, DeliveryState::Delivered));
                self.resolve(channel, &parked).await;
                deliveries = self.until_at_rest(channel).await;
            }
            let delivered = of(&deliveries, DeliveryState::Delivered);
            assert_eq!(delivered.len(), deliveries.len(), "{channel}: {deliveries:?}");
            self.assert_told_once(channel, &delivered);
            assert_eq!(self.sides[channel].lock().unwrap().len(), delivered.len(), "{channel}: nothing else was told");
        }
        parked_all
    }

    fn assert_told_once(&self, channel: &str, delivered: &[&pb::Delivery]) {
        let taken = self.sides[channel].lock().unwrap();
        for delivery in delivered {
            let key = key(delivery);
            let times = taken.iter().filter(|it| **it == key).count();
            assert_eq!(times, 1, "{channel}: {} was told {times} times: {delivery:?}", delivery.external_id);
        }
    }
}

fn of(deliveries: &[pb::Delivery], state: DeliveryState) -> Vec<&pb::Delivery> {
    deliveries.iter().filter(|it| it.state() == state).collect()
}

fn petitions(deliveries: &[pb::Delivery], state: DeliveryState) -> impl Iterator<Item = &str> {
    of(deliveries, state).into_iter().map(|it| it.petition.as_str())
}

fn key(delivery: &pb::Delivery) -> String {
    delivery.name.rsplit('/').next().unwrap().to_owned()
}

/// Pushes petition after petition to a channel and accepts each, so that the far side is owed a word.
async fn work(places: Places, gateways: Gateways, channel: &'static str, stop: CancellationToken) {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(3)).build().unwrap();
    for number in 1_000_001.. {
        if stop.is_cancelled() {
            return;
        }
        let id = format!("PAKN-2019-{number}");
        let body = crate::portal::petition(&id, 1, "Tôi xin hỏi.").to_string().into_bytes();
        loop {
            let address = format!("http://{}/channels/{channel}/pakn", places.of_turn(0).http);
            let request = client.post(address).header("content-type", "application/json");
            match signed(request, body.clone()).send().await.map(|answer| answer.status().as_u16()) {
                Ok(200) => break,
                Ok(429 | 500..) | Err(_) => sleep(Duration::from_millis(50)).await,
                Ok(status) => panic!("a push was answered {status}"),
            }
        }
        let filter = format!("external_id = \"{id}\"");
        let request = pb::ListPetitionsRequest { filter, ..Default::default() };
        let found = gateways.persist(|mut client| {
            let request = request.clone();
            async move { client.list_petitions(request).await }
        });
        let mut found = found.await.unwrap().into_inner().petitions;
        found.retain(|it| it.channel == format!("channels/{channel}"));
        let name = found.remove(0).name;
        let request = pb::AcceptPetitionRequest { name, request_id: new_request_id(), ..Default::default() };
        let accepted = gateways.persist(|mut client| {
            let request = request.clone();
            async move { client.accept_petition(request).await }
        });
        accepted.await.unwrap();
        sleep(Duration::from_millis(20)).await;
    }
}

async fn whatever_it_dies_of(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    write_secrets(folder.path());
    let store = match engine {
        Engine::Sqlite => TestStore::default(),
        Engine::Postgres => block_in_place(TestStore::shared),
    };
    let mut scene = Scene::set(1).await;
    let mut gateway = scene.start(Home::at(folder, store));
    let (stop, mut workers) = (CancellationToken::new(), JoinSet::new());
    for (channel, _) in SIDES {
        workers.spawn(work(scene.places.clone(), scene.gateways(), channel, stop.clone()));
    }
    let mut home = gateway.kill();
    for point in DEATHS {
        home = scene.die(home, point).await;
        assert_eq!(home.audit(&["--skip-files"]), Ok(()), "after {point}");
    }
    gateway = scene.start(home);
    stop.cancel();
    while let Some(ended) = workers.join_next().await {
        ended.unwrap();
    }
    let parked = scene.audit().await;
    let told: Vec<usize> = scene.sides.values().map(|it| it.lock().unwrap().len()).collect();
    eprintln!("{}: {} deaths, {told:?} told, each once; {parked} waited for a person", engine.name(), DEATHS.len());
    assert!(block_in_place(|| gateway.terminate()).success());
    assert_eq!(gateway.kill().audit(&[]), Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite_what_may_have_arrived_at_a_far_side_that_honours_no_keys_is_never_sent_blindly_again() {
    whatever_it_dies_of(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgresql_what_may_have_arrived_at_a_far_side_that_honours_no_keys_is_never_sent_blindly_again() {
    whatever_it_dies_of(Engine::Postgres).await;
}
