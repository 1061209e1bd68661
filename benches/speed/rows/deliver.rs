//! S4: answers delivered to a far side that answers at once, in order for each petition, against the same HTTP client that
//! posts the same bytes to the same far side and stores nothing.
//!
//! Each petition is accepted and answered while its channel is paused, so that two calls of each wait; then the channel is
//! resumed, and the clock runs until the last answer has come. The far side checks that no answer came before its
//! petition's acceptance.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use petition_gateway::pb::{
    self, channel_service_client::ChannelServiceClient, petition_service_client::PetitionServiceClient,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tonic::transport::Channel;

use super::Bench;
use crate::{
    outcome::{Goal, Outcome, median},
    process::{Gateway, start_role},
};

/// Petitions, before the scale: two deliveries each.
const PETITIONS: u64 = 50_000;
/// Calls that the far side takes at once, and that the reference makes at once.
const AT_ONCE: usize = 32;
/// Decisions in flight while the deliveries are made.
const DECIDING: usize = 128;

pub(crate) fn run(bench: &Bench<'_>) -> Vec<Outcome> {
    let petitions = bench.options.scaled(PETITIONS, 100);
    let (mut posted, mut delivered) = (Vec::new(), Vec::new());
    for round in 0..bench.options.rounds {
        let (_desk, desk) = start_role("desk");
        let gateway = Gateway::start(&bench.fresh("deliver"), &channel(&desk, "government-portal", AT_ONCE));
        let took = bench.runtime.block_on(deliver(&gateway, &desk, petitions));
        delivered.push(2.0 * petitions as f64 / took.as_secs_f64());
        posted.push(bench.runtime.block_on(post(&desk, 2 * petitions)));
        let (posted, ours) = (posted.last().unwrap(), delivered.last().unwrap());
        bench.note(&format!("S4 round {round}: posted {posted:.0}/s, delivered {ours:.0}/s"));
    }
    let (posted, delivered) = (median(posted), median(delivered));
    vec![Outcome {
        row: "S4",
        what: format!("{} deliveries of {petitions} petitions, in order, a second", 2 * petitions),
        reference: format!("{posted:.0}/s posted"),
        measured: format!("{delivered:.0}/s"),
        value: delivered / posted,
        goal: Goal::AtLeast(0.4),
        more: json!({"at_once": AT_ONCE, "petitions": petitions}),
    }]
}

/// A channel whose far side is as fast as it can be, at the highest limit that a channel may have.
pub(crate) fn channel(address: &str, kind: &str, at_once: usize) -> String {
    format!(
        "[channels.portal]\nkind = \"{kind}\"\nbase_url = \"{address}\"\nauth = {{ type = \"none\" }}\n\
         limits = {{ requests_per_second = 10000, concurrency = {at_once} }}\n\
         poll = {{ pakn = {{ interval = \"1h\" }}, danh-gia = {{ enabled = false }}, \"danh-muc/linh-vuc\" = {{ enabled = false }}, \
         \"danh-muc/co-quan\" = {{ enabled = false }}, \"danh-muc/trang-thai\" = {{ enabled = false }} }}\n"
    )
}

async fn deliver(gateway: &Gateway, desk: &str, petitions: u64) -> Duration {
    let http = reqwest::Client::new();
    let sent = http.post(format!("{desk}/bench/have/{petitions}")).send().await.unwrap();
    assert!(sent.status().is_success());
    let grpc = Channel::from_shared(gateway.grpc.clone()).unwrap().connect().await.unwrap();
    let mut channels = ChannelServiceClient::new(grpc.clone());
    let (name, id) = ("channels/portal".to_owned(), || uuid::Uuid::now_v7().to_string());
    let sync = pb::SyncChannelRequest { name: name.clone(), request_id: id() };
    channels.sync_channel(sync).await.unwrap();
    let names = received(&grpc, petitions).await;
    // The receipts go out first.
    came(&http, desk, |came| came["calls"].as_u64() == Some(petitions)).await;
    let reason = "đo tốc độ".to_owned();
    let pause = pb::PauseChannelRequest { name: name.clone(), request_id: id(), reason };
    channels.pause_channel(pause).await.unwrap();
    decide(&grpc, names).await;
    let begun = Instant::now();
    let resume = pb::ResumeChannelRequest { name, request_id: id() };
    channels.resume_channel(resume).await.unwrap();
    let end = came(&http, desk, |came| came["answers"].as_u64() == Some(petitions)).await;
    assert_eq!(end["out_of_order"], 0, "no answer comes before the acceptance of its petition");
    assert_eq!(end["calls"].as_u64(), Some(3 * petitions), "nothing was sent twice");
    begun.elapsed()
}

/// The names of the petitions, once all were received.
async fn received(grpc: &Channel, petitions: u64) -> Vec<String> {
    let mut client = PetitionServiceClient::new(grpc.clone());
    let mut events = client.watch_petitions(pb::WatchPetitionsRequest::default()).await.unwrap().into_inner();
    let mut names = Vec::new();
    while names.len() as u64 != petitions {
        if let Some(pb::watch_petitions_response::Item::Event(event)) = events.message().await.unwrap().unwrap().item {
            names.push(event.petition);
        }
    }
    names
}

/// Accepts and answers each petition.
async fn decide(grpc: &Channel, names: Vec<String>) {
    let (names, next) = (Arc::new(names), Arc::new(AtomicUsize::new(0)));
    let mut deciding = JoinSet::new();
    for _ in 0..DECIDING {
        let (names, next) = (names.clone(), next.clone());
        let mut client = PetitionServiceClient::new(grpc.clone());
        deciding.spawn(async move {
            while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                let (name, request_id) = (name.clone(), || uuid::Uuid::now_v7().to_string());
                let accept =
                    pb::AcceptPetitionRequest { name: name.clone(), request_id: request_id(), ..Default::default() };
                client.accept_petition(accept).await.unwrap();
                let text = "Người lao động đóng đủ mười hai tháng thì được hưởng trợ cấp. ".repeat(6);
                let answer = pb::AnswerPetitionRequest {
                    name,
                    request_id: request_id(),
                    text,
                    resolution: pb::ResolutionClass::Resolved.into(),
                    publishable: true,
                    ..Default::default()
                };
                client.answer_petition(answer).await.unwrap();
            }
        });
    }
    deciding.join_all().await;
}

/// Waits until what came to the far side is as wished.
async fn came(http: &reqwest::Client, desk: &str, is_wished: impl Fn(&Value) -> bool) -> Value {
    loop {
        let came: Value = http.get(format!("{desk}/bench/came")).send().await.unwrap().json().await.unwrap();
        if is_wished(&came) {
            return came;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The reference: what was delivered, posted again by a client that stores nothing. Calls a second.
async fn post(desk: &str, count: u64) -> f64 {
    let http = reqwest::Client::new();
    let kept = http.get(format!("{desk}/bench/kept")).send().await.unwrap();
    let kept: Arc<Vec<(String, String)>> = Arc::new(kept.json().await.unwrap());
    let next = Arc::new(AtomicUsize::new(0));
    let (count, mut posting) = (usize::try_from(count).unwrap(), JoinSet::new());
    let begun = Instant::now();
    for _ in 0..AT_ONCE {
        let (http, kept, next, desk) = (http.clone(), kept.clone(), next.clone(), desk.to_owned());
        posting.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return;
                }
                let (path, body) = &kept[number % kept.len()];
                let request = http.post(format!("{desk}{path}")).body(body.clone());
                let request = request
                    .header("content-type", "application/json; charset=utf-8")
                    .header("idempotency-key", uuid::Uuid::now_v7().to_string());
                let reply = request.send().await.unwrap();
                assert!(reply.status().is_success());
                reply.bytes().await.unwrap();
            }
        });
    }
    posting.join_all().await;
    count as f64 / begun.elapsed().as_secs_f64()
}
