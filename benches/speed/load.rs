//! Calls in flight: a closed loop, each caller asking again when it has its answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use http::uri::PathAndQuery;
use prost::Message;
use tokio::task::JoinSet;
use tonic::{Request, transport::Channel};
use tonic_prost::ProstCodec;

/// Connections that the calls are spread over: a connection carries 200 calls at once.
pub(crate) const CONNECTIONS: usize = 4;
/// How long before the measure begins: connections, prepared statements, the first growth of files.
const WARM_UP_SHARE: u32 = 5;

/// What a load measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

/// Connections to one server.
pub(crate) async fn connect(address: &str, count: usize) -> Vec<Channel> {
    let mut channels = Vec::with_capacity(count);
    for _ in 0..count {
        channels.push(Channel::from_shared(address.to_owned()).unwrap().connect().await.unwrap());
    }
    channels
}

/// One unary call.
pub(crate) async fn call<Q, A>(channel: &Channel, path: &'static str, question: Q) -> A
where
    Q: Message + 'static,
    A: Message + Default + 'static,
{
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let codec = ProstCodec::<Q, A>::default();
    client.unary(Request::new(question), PathAndQuery::from_static(path), codec).await.unwrap().into_inner()
}

/// Asks with `in_flight` callers for `lasting`, after a warm-up. `ask` makes the question of a number that no other has.
pub(crate) async fn unary<Q, A>(
    channels: &[Channel],
    path: &'static str,
    (in_flight, lasting): (usize, Duration),
    ask: impl Fn(u64) -> Q + Clone + Send + Sync + 'static,
) -> Measured
where
    Q: Message + 'static,
    A: Message + Default + 'static,
{
    let (numbers, is_measured, is_over) = (Arc::new(AtomicU64::new(0)), flag(), flag());
    let mut callers = JoinSet::new();
    for caller in 0..in_flight {
        let channel = channels[caller % channels.len()].clone();
        let (numbers, is_measured, is_over) = (numbers.clone(), is_measured.clone(), is_over.clone());
        let ask = ask.clone();
        callers.spawn(async move {
            let mut waits = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let question = ask(numbers.fetch_add(1, Ordering::Relaxed));
                let begun = Instant::now();
                call::<Q, A>(&channel, path, question).await;
                if is_measured.load(Ordering::Relaxed) {
                    waits.push(begun.elapsed());
                }
            }
            waits
        });
    }
    tokio::time::sleep(lasting / WARM_UP_SHARE).await;
    is_measured.store(true, Ordering::Relaxed);
    let begun = Instant::now();
    tokio::time::sleep(lasting).await;
    is_measured.store(false, Ordering::Relaxed);
    let took = begun.elapsed();
    is_over.store(true, Ordering::Relaxed);
    let waits: Vec<Duration> = callers.join_all().await.into_iter().flatten().collect();
    measured(waits, took)
}

fn flag() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(false))
}

/// What these waits, of calls that ended within `took`, come to.
pub(crate) fn measured(mut waits: Vec<Duration>, took: Duration) -> Measured {
    waits.sort_unstable();
    let at = |per_mille: usize| waits.get(waits.len() * per_mille / 1000).copied().unwrap_or_default();
    Measured { per_second: waits.len() as f64 / took.as_secs_f64(), p50: at(500), p99: at(990) }
}
