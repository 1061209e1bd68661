//! S9: many watchers of one stream of events: does each see every event once and in order, and how long after its commit
//! was acknowledged?
//!
//! The watchers are read as fast as they can be, each message only as far as its number: what is measured is the gateway.
//! The lag is counted from the moment at which the call was sent that made the event, so it holds the commit too.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Buf;
use http::uri::PathAndQuery;
use petition_gateway::pb::{self, petition_service_client::PetitionServiceClient};
use serde_json::json;
use tokio::{sync::Barrier, task::JoinSet, time::MissedTickBehavior};
use tonic::{
    Request, Status, Streaming,
    codec::{Codec, DecodeBuf, Decoder},
    transport::Channel,
};
use tonic_prost::ProstCodec;

use super::Bench;
use crate::{
    load::{connect, measured},
    outcome::{Goal, Outcome},
    petitions,
    process::Gateway,
};

/// Watchers, before the scale.
const WATCHERS: u64 = 1_000;
/// Streams on one connection: a gateway allows 200.
const WATCHERS_OF_A_CONNECTION: usize = 100;
/// Events a second, before the scale.
const EVENTS_PER_SECOND: u64 = 1_000;
/// How long, before the scale.
const SECONDS: u64 = 20;
/// Petitions that the events are about: assigned again and again.
const PETITIONS: u64 = 500;

const WATCH: &str = "/petition.gateway.v1.PetitionService/WatchPetitions";

pub(crate) fn run(bench: &Bench<'_>) -> Vec<Outcome> {
    let watchers = usize::try_from(bench.options.scaled(WATCHERS, 10)).unwrap();
    let rate = bench.options.scaled(EVENTS_PER_SECOND, 50);
    let events = rate * bench.options.scaled(SECONDS * 1000, 2_000) / 1000;
    let gateway = Gateway::start(&bench.fresh("watch"), "");
    let (lags, took) = bench.runtime.block_on(watch(&gateway, watchers, (rate, events)));
    assert_eq!(lags.len() as u64, watchers as u64 * events, "every watcher saw every event");
    let lag = measured(lags, took);
    let (p50, p99) = (lag.p50.as_secs_f64() * 1000.0, lag.p99.as_secs_f64() * 1000.0);
    let reached = events as f64 / took.as_secs_f64();
    vec![Outcome {
        row: "S9",
        what: format!("{watchers} watchers of {rate} events/s, each once and in order; p99 lag in ms"),
        reference: "–".to_owned(),
        measured: format!("p50 {p50:.0} ms, p99 {p99:.0} ms at {reached:.0} events/s"),
        value: p99,
        goal: Goal::AtMost(250.0),
        more: json!({"events": events, "gateway_cpu_s": gateway.process.cpu_seconds(), "seconds": took.as_secs_f64(),
                     "gateway_mib": gateway.process.resident_mib()}),
    }]
}

/// When each event's call was sent, by the event's number.
type Sent = Arc<Mutex<HashMap<u64, Instant>>>;

async fn watch(gateway: &Gateway, watchers: usize, (rate, events): (u64, u64)) -> (Vec<Duration>, Duration) {
    let channels = connect(&gateway.grpc, watchers.div_ceil(WATCHERS_OF_A_CONNECTION)).await;
    let names = prepare(&channels[0]).await;
    let first = 2 * PETITIONS + 1;
    let (mut watching, begun) = (JoinSet::new(), Arc::new(Barrier::new(watchers + 1)));
    for number in 0..watchers {
        let (channel, begun) = (channels[number % channels.len()].clone(), begun.clone());
        watching.spawn(async move {
            let mut stream = open(channel).await;
            // The first message says that the present is reached.
            stream.message().await.unwrap().unwrap();
            begun.wait().await;
            follow(stream, first, events).await
        });
    }
    begun.wait().await;
    let (sent, began) = (Sent::default(), Instant::now());
    let commanding = connect(&gateway.grpc, 2).await;
    command(&commanding, names, (rate, events), sent.clone()).await;
    let took = began.elapsed();
    let seen = watching.join_all().await;
    let sent = sent.lock().unwrap();
    let lag = |(at, seq): (&Instant, u64)| at.saturating_duration_since(sent[&seq]);
    (seen.iter().flat_map(|seen| seen.iter().zip(first..).map(lag)).collect(), took)
}

/// Petitions that can be assigned.
async fn prepare(channel: &Channel) -> Vec<String> {
    let mut client = PetitionServiceClient::new(channel.clone());
    let mut names = Vec::new();
    for number in 0..PETITIONS {
        let submitted = client.submit_petition(petitions::submission(format!("S9-{number}"))).await.unwrap();
        let name = submitted.into_inner().petition.unwrap().name;
        let request_id = uuid::Uuid::now_v7().to_string();
        let accept = pb::AcceptPetitionRequest { name: name.clone(), request_id, ..Default::default() };
        client.accept_petition(accept).await.unwrap();
        names.push(name);
    }
    names
}

/// Makes `events` events, `rate` a second: calls are sent at their times, whether or not earlier ones have ended.
async fn command(channels: &[Channel], names: Vec<String>, (rate, events): (u64, u64), sent: Sent) {
    let (names, numbers) = (Arc::new(names), Arc::new(AtomicU64::new(0)));
    // Each lane of calls has its own petitions, so that no two decide on one at the same time.
    let lanes = 100.min(rate);
    let mut commanding = JoinSet::new();
    for lane in 0..lanes {
        let (names, numbers, sent) = (names.clone(), numbers.clone(), sent.clone());
        let mut client = PetitionServiceClient::new(channels[lane as usize % channels.len()].clone());
        commanding.spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_secs_f64(lanes as f64 / rate as f64));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut round = lane;
            while numbers.fetch_add(1, Ordering::Relaxed) < events {
                ticks.tick().await;
                let name = names[round as usize % names.len()].clone();
                round += lanes;
                let unit = Some(pb::Agency { code: "CVL".to_owned(), display_name: "Cục Việc làm".to_owned() });
                let request_id = uuid::Uuid::now_v7().to_string();
                let assign = pb::AssignPetitionRequest { name, request_id, unit, ..Default::default() };
                let at = Instant::now();
                let assigned = client.assign_petition(assign).await.unwrap().into_inner();
                sent.lock().unwrap().insert(u64::try_from(assigned.seq).unwrap(), at);
            }
        });
    }
    commanding.join_all().await;
}

async fn open(channel: Channel) -> Streaming<Option<u64>> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let request = pb::WatchPetitionsRequest { from_now: true, ..Default::default() };
    client
        .server_streaming(Request::new(request), PathAndQuery::from_static(WATCH), Numbers)
        .await
        .unwrap()
        .into_inner()
}

/// When each of the events came; they must come in order, and each once.
async fn follow(mut stream: Streaming<Option<u64>>, first: u64, events: u64) -> Vec<Instant> {
    let mut seen = Vec::with_capacity(usize::try_from(events).unwrap());
    while seen.len() as u64 != events {
        if let Some(seq) = stream.message().await.unwrap().unwrap() {
            assert_eq!(seq, first + seen.len() as u64, "every event once and in order");
            seen.push(Instant::now());
        }
    }
    seen
}

/// Reads of a message of a watch only the number of its event; `None` for a progress.
#[derive(Clone, Copy)]
struct Numbers;

impl Codec for Numbers {
    type Encode = pb::WatchPetitionsRequest;
    type Decode = Option<u64>;
    type Encoder = <ProstCodec<pb::WatchPetitionsRequest, ()> as Codec>::Encoder;
    type Decoder = Numbers;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<pb::WatchPetitionsRequest, ()>::default().encoder()
    }

    fn decoder(&mut self) -> Numbers {
        Numbers
    }
}

impl Decoder for Numbers {
    type Item = Option<u64>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Option<u64>>, Status> {
        // `event` is field 1 of the message, and `seq` field 1 of an event: its tag, its length, tag 8, the number.
        let is_event = buffer.get_u8() == 0x0a;
        let read = is_event.then(|| {
            prost::encoding::decode_varint(buffer).unwrap();
            assert_eq!(buffer.get_u8(), 0x08, "the number comes first");
            prost::encoding::decode_varint(buffer).unwrap()
        });
        buffer.advance(buffer.remaining());
        Ok(Some(read))
    }
}
