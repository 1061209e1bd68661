//! A far side that is away for nine days, as over Tết, with everything waiting for it; and the day after.
//!
//! The outbound engine, the store and the schedule are the product's, and so are the protocol and the pace of calls. The
//! far side only counts: who came when, under which key.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use channel_sdk::{
    Remote, Reply, Request,
    model::{Agency, Answer, Field, PetitionKind, Petitioner, PetitionerKind},
    remote::{Fetched, RemoteError},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use petition_gateway::{
    app,
    blobs::Blobs,
    channels::{Channel, Channels, Parts as ChannelParts},
    committer,
    config::{Config, Environment},
    decision::{Context, Decisions, uuid_at},
    grpc::Parts,
    inbound::Inbound,
    intake::Intake,
    petition::{Command, Content, PetitionId, receive},
    presence,
    remote::Pace,
    store::{DeliveryQuery, DeliveryState, Errand, GatewayAbout, Store, sqlite::SqliteStore},
};
use tokio::{
    runtime::Builder,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{far, time::Time};

const CHANNEL: &str = "portal";
/// What the far side allows in any second.
const LIMIT: NonZeroU32 = NonZeroU32::new(20).unwrap();
/// An answer and its corrections: what waits for each petition.
const TOLD_OF_EACH: usize = 20;

/// How much waits and how long. A debug build would take a quarter of an hour for the whole holiday.
const DELIVERIES: usize = if cfg!(debug_assertions) { 1_000 } else { 100_000 };
const AWAY: Duration = Duration::from_secs(if cfg!(debug_assertions) { 12 } else { 9 * 24 } * 60 * 60);
/// After the far side is back: the longest wait of the schedule, with its jitter, and what the drain takes at the limit.
const BACK: Duration = Duration::from_secs(12 * 60 * 60 * 12 / 10 + 2 * DELIVERIES as u64 / LIMIT.get() as u64 + 60);

/// The far side.
struct Counter {
    pace: Pace,
    opens_at: Instant,
    /// When it was called, whether or not it was there.
    called: Mutex<Vec<Instant>>,
    /// What it was told of each petition, by address, in order, as keys.
    told: Mutex<BTreeMap<String, Vec<String>>>,
}

#[async_trait]
impl Remote for Counter {
    async fn call(&self, request: Request) -> Result<Reply, RemoteError> {
        self.pace.turn().await;
        let now = Instant::now();
        self.called.lock().unwrap().push(now);
        sleep(Duration::from_millis(30)).await;
        if now < self.opens_at {
            return Err(RemoteError::Unreachable("connection refused".to_owned()));
        }
        if let Some(key) = request.idempotency_key {
            let petition = request.path.rsplit_once('/').map_or("", |(petition, _)| petition).to_owned();
            self.told.lock().unwrap().entry(petition).or_default().push(key);
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(Reply { status: StatusCode::OK, headers, body: Bytes::from_static(b"{\"maThamChieu\":\"TC-1\"}") })
    }

    async fn download(&self, _: Request) -> Result<Fetched, RemoteError> {
        Err(RemoteError::Unreachable("there are no files".to_owned()))
    }
}

#[test]
fn what_waits_over_a_holiday_is_told_in_order_and_never_faster_than_allowed() {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let far = Arc::new(Counter {
            pace: Pace::new(LIMIT),
            opens_at: Instant::now() + AWAY,
            called: Mutex::default(),
            told: Mutex::default(),
        });
        let config = Config::read("holiday.toml", std::path::Path::new(""), "", &Environment::empty(), &[]).unwrap();
        let time = Arc::new(Time::beginning_at("2020-01-22T10:00:00Z".parse().unwrap()));
        time.begin_life();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory(time).unwrap());
        let (parts, committing) = parts(&store, &far).await;
        let stop = CancellationToken::new();
        let everything = async {
            let petitions = owe(&parts).await;
            let outbound = app::outbound(&parts, &config.outbound);
            let day_after = async {
                sleep(AWAY + BACK).await;
                stop.cancel();
            };
            futures::join!(outbound.run(stop.clone()), day_after);
            petitions
        };
        let petitions = tokio::select! {
            petitions = everything => petitions,
            () = committing.run(CancellationToken::new()) => unreachable!("nobody stops it"),
        };
        audit(&*store, &far, &petitions).await;
    });
}

async fn parts(store: &Arc<dyn Store>, far: &Arc<Counter>) -> (Parts, committer::CommitterTask) {
    let channels = Channels::new([Channel::new(ChannelParts {
        name: CHANNEL.to_owned(),
        kind: "government-portal",
        agency: far::AGENCY.to_owned(),
        base_url: String::new(),
        adapter: far::portal_adapter(),
        remote: Arc::clone(far) as _,
        enabled: true,
        at_once: 8,
        poll: BTreeMap::new(),
    })]);
    let (store, clock, blobs) = (Arc::clone(store), store.clock(), Blobs::in_memory(1));
    let (committer, task) = committer::committer(Arc::clone(&store)).await.unwrap();
    let decisions = Decisions::new(Arc::clone(&store), committer.clone(), channels.clone(), Arc::clone(&clock));
    let intake =
        Intake::new(Arc::clone(&store), committer.clone(), decisions.clone(), blobs.clone(), Arc::clone(&clock));
    let inbound = Inbound::new(Arc::clone(&store), committer.clone(), intake, channels.clone());
    let about = GatewayAbout { node: "simulation".to_owned(), version: String::new(), since: clock.now() };
    let (_presence, turns) = presence::presence(Arc::clone(&store), committer.clone(), channels.clone(), about);
    (Parts { store, committer, decisions, inbound, channels, turns, blobs, clock }, task)
}

/// Everything that is decided on the last evening before the holiday.
async fn owe(parts: &Parts) -> Vec<PetitionId> {
    let mut petitions = Vec::new();
    let by = || Context { actor: "officer".to_owned(), ..Context::default() };
    for number in 0..DELIVERIES / TOLD_OF_EACH {
        let id = PetitionId(uuid_at(parts.clock.now()));
        let event = receive(CHANNEL, &format!("PAKN-2020-{number:07}"), 1, content());
        parts.decisions.receive(id, event, by()).await.unwrap();
        parts.decisions.decide(id, Command::Accept { note: String::new() }, by()).await.unwrap();
        for version in 2..TOLD_OF_EACH {
            parts.decisions.decide(id, Command::Answer { answer: answer(version) }, by()).await.unwrap();
        }
        petitions.push(id);
    }
    petitions
}

fn answer(version: usize) -> Answer {
    Answer {
        version: 0,
        text: format!("Trả lời lần {version}"),
        document: None,
        resolution: None,
        resolution_due_on: None,
        public: true,
        attachments: Vec::new(),
    }
}

async fn audit(store: &dyn Store, far: &Counter, petitions: &[PetitionId]) {
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.delivered, counts.pending, counts.dead_letters), (DELIVERIES as u64, 0, 0));
    let told = far.told.lock().unwrap().clone();
    let mut keys = BTreeSet::new();
    for id in petitions {
        let query = DeliveryQuery { petition: Some(*id), limit: 100, ..DeliveryQuery::default() };
        let mut owed = store.delivery_list(&query).await.unwrap();
        owed.reverse();
        assert!(owed.iter().all(|it| it.state == DeliveryState::Delivered));
        let Errand::Tell { notice } = &owed[0].errand else { panic!("there are no files") };
        let expected: Vec<String> = owed.iter().map(|it| it.id.0.to_string()).collect();
        let address = told.keys().find(|address| address.ends_with(&notice.external_id)).cloned().unwrap_or_default();
        assert_eq!(told.get(&address), Some(&expected), "each once, in order");
        keys.extend(expected);
    }
    assert_eq!(keys.len(), DELIVERIES);
    let called = far.called.lock().unwrap();
    let limit = LIMIT.get() as usize;
    for window in called.windows(limit + 1) {
        let took = window[limit].duration_since(window[0]);
        assert!(took >= Duration::from_secs(1), "{} calls within {took:?}", limit + 1);
    }
}

fn content() -> Content {
    Content {
        kind: PetitionKind::Feedback,
        subject: "Chậm trả kết quả".to_owned(),
        body: "Hồ sơ nộp đã hai tháng, chưa có kết quả.".to_owned(),
        field: Field { code: "KHAC".to_owned(), name: "Khác".to_owned() },
        petitioner: Petitioner::of(PetitionerKind::Citizen),
        receiving_agency: Agency::default(),
        forwarding_agency: Agency::default(),
        sent_at: None,
        forwarded_at: None,
        due_on: None,
        public: true,
        assembly: None,
        attachments: Vec::new(),
        extensions: BTreeMap::new(),
    }
}
