//! Between the gateway and its far sides: calls that are lost, doubled, late, cut short, or answered by somebody else.
//!
//! A request that has left is the world's: it arrives whether or not the gateway that sent it still lives.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use channel_sdk::{
    Remote, Reply, Request,
    remote::{Body, Fetched, RemoteError, segment},
};
use futures::TryStreamExt;
use http::{HeaderValue, Method, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};

use crate::{
    far::{Call, Side},
    world::{Life, World},
};

/// How long the gateway waits for an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// Stands in a reply that ends before its end: a file tells its length, and is known by that.
const CUT_SHORT: &str = "x-cut-short";

/// What is on its way, by when it arrives.
#[derive(Default)]
pub(crate) struct Mail {
    on_its_way: BTreeMap<(Timestamp, u64), Parcel>,
    waiting: BTreeMap<u64, oneshot::Sender<Reply>>,
    sent: u64,
}

enum Parcel {
    Request { side: usize, call: Call, fate: Fate, waits: u64 },
    Reply { reply: Reply, waits: u64 },
}

/// What becomes of the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Arrives { after_ms: u64 },
    CutShort { after_ms: u64 },
    Lost,
}

impl Mail {
    pub(crate) fn is_empty(&self) -> bool {
        self.on_its_way.is_empty()
    }

    fn post(&mut self, at: Timestamp, parcel: Parcel) {
        self.sent += 1;
        self.on_its_way.insert((at, self.sent), parcel);
    }
}

/// The far side of one channel, as the gateway has it in one of its lives.
pub(crate) struct Wire {
    pub(crate) world: Arc<World>,
    pub(crate) life: Arc<Life>,
    pub(crate) side: usize,
}

impl Wire {
    fn far(&self) -> &Side {
        &self.world.sides[self.side]
    }

    async fn send(&self, request: Request) -> Result<Reply, RemoteError> {
        let call = self.call_of(request).await?;
        self.life.step().await;
        let (world, network) = (&self.world, &self.world.plan.network);
        if let Some(why) = self.outage() {
            sleep(Duration::from_millis(20)).await;
            return Err(RemoteError::Unreachable(why.to_owned()));
        }
        if world.happens("unreachable", network.unreachable) {
            world.tell("network", &format!("no connection to {}", self.far().name));
            sleep(Duration::from_millis(20)).await;
            return Err(RemoteError::Unreachable("connection refused".to_owned()));
        }
        if world.happens("interposed", network.interposed) {
            world.tell("network", &format!("somebody else answers for {}", self.far().name));
            sleep(Duration::from_millis(50)).await;
            return Ok(interposed(world.draw("interposed as", 0..3)));
        }
        let answered = self.post(call);
        let Ok(Ok(reply)) = timeout(PATIENCE, answered).await else {
            self.life.step().await;
            return Err(RemoteError::NoAnswer("time-out".to_owned()));
        };
        self.life.step().await;
        Ok(reply)
    }

    /// Posts a request, or what is left of it.
    fn post(&self, call: Call) -> oneshot::Receiver<Reply> {
        let (world, network) = (&self.world, &self.world.plan.network);
        let (answer, answered) = oneshot::channel();
        let now = world.time.true_now();
        let in_ms = |ms: u64| now + SignedDuration::from_millis(i64::try_from(ms).unwrap());
        let fate = if world.happens("unheard", network.unheard) {
            Fate::Lost
        } else if world.happens("truncated", network.truncated) {
            Fate::CutShort { after_ms: self.delay_ms() }
        } else {
            Fate::Arrives { after_ms: self.delay_ms() }
        };
        let is_lost = world.happens("lost", network.lost);
        // Without keys nobody can tell a call that comes twice from two; no gateway can help that, and none is tried for it.
        let is_doubled =
            call.key().is_some() && call.method != Method::GET && world.happens("doubled", network.doubled);
        let first = in_ms(if call.key().is_some() { self.delay_ms() } else { self.delay_ms().min(45) });
        let second = in_ms(world.draw("doubled after", 5..20_000));
        let mut mail = world.mail.lock().unwrap();
        mail.sent += 1;
        let waits = mail.sent;
        mail.waiting.insert(waits, answer);
        let side = self.side;
        if is_doubled {
            mail.post(second, Parcel::Request { side, call: call.clone(), fate: Fate::Lost, waits: 0 });
        }
        if is_lost {
            world.tell("network", &format!("loses a call to {}", self.far().name));
        } else {
            mail.post(first, Parcel::Request { side, call, fate, waits });
        }
        drop(mail);
        world.mail_came.notify_one();
        answered
    }

    fn delay_ms(&self) -> u64 {
        if self.world.happens("slow", self.world.plan.network.slow) {
            return self.world.draw("slow for", 200..6_000);
        }
        self.world.draw("delay", 1..40)
    }

    /// Why there is no connection now: a partition, or a certificate that has expired.
    fn outage(&self) -> Option<&'static str> {
        let (world, plan) = (&self.world, &self.world.plan);
        let passed = world.time.true_now().duration_since(world.began).as_secs();
        (0..u64::from(plan.network.outages)).find_map(|number| {
            let mut rng = crate::plan::draws(plan.seed ^ number, "outage");
            let from = rand::Rng::random_range(&mut rng, 0..40);
            let until = from + rand::Rng::random_range(&mut rng, 2..20);
            let side = rand::Rng::random_range(&mut rng, 0..world.sides.len());
            let is_now = side == self.side && (from..until).contains(&passed) && world.is_stormy();
            let why = if number.is_multiple_of(2) { "no route to host" } else { "the certificate has expired" };
            is_now.then_some(why)
        })
    }

    async fn call_of(&self, request: Request) -> Result<Call, RemoteError> {
        let mut headers = request.headers;
        for name in ["x-request-id", "traceparent", "user-agent"] {
            headers.insert(name, HeaderValue::from_static("simulation"));
        }
        if let Some(key) = &request.idempotency_key {
            headers.insert("idempotency-key", HeaderValue::from_str(key).unwrap());
        }
        let (content_type, body) = match request.body {
            Body::Empty => (None, Bytes::new()),
            Body::Bytes { content_type, bytes } => (Some(content_type), bytes),
            Body::Blob { content_type, sha256 } => (Some(content_type), self.file(&sha256).await?),
            Body::Related(_) => return Err(RemoteError::Blob("no simulated answer has several parts".to_owned())),
        };
        if let Some(content_type) = content_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(&content_type).unwrap());
        }
        let pairs: Vec<String> =
            request.query.iter().map(|(name, value)| format!("{}={}", segment(name), segment(value))).collect();
        let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
        Ok(Call { method: request.method, address: format!("{}{query}", request.path), headers, body })
    }

    async fn file(&self, sha256: &str) -> Result<Bytes, RemoteError> {
        let missing = || RemoteError::Blob("the file is not there".to_owned());
        let blob = self.world.blobs.get(sha256, 0).await.map_err(|_| missing())?.ok_or_else(missing)?;
        let pieces: Vec<Bytes> = blob.try_collect().await.map_err(|_| missing())?;
        Ok(pieces.concat().into())
    }
}

#[async_trait]
impl Remote for Wire {
    async fn call(&self, request: Request) -> Result<Reply, RemoteError> {
        self.send(request).await
    }

    async fn download(&self, request: Request) -> Result<Fetched, RemoteError> {
        let reply = self.send(request).await?;
        if reply.status != StatusCode::OK {
            return Err(RemoteError::Status(reply.status.as_u16()));
        }
        if reply.headers.contains_key(CUT_SHORT) {
            return Err(RemoteError::NoAnswer("the file ended before its end".to_owned()));
        }
        let media_type = reply.content_type().to_owned();
        let stored = self.world.blobs.put_bytes(reply.body).await;
        let stored = stored.map_err(|error| RemoteError::Blob(error.to_string()))?;
        Ok(Fetched { sha256: stored.sha256, size_bytes: stored.size_bytes, media_type })
    }
}

/// What stands in the far side's place.
fn interposed(sort: u64) -> Reply {
    let (status, content_type, body) = match sort {
        0 => (StatusCode::OK, "text/html", "<!DOCTYPE html><html><body>Hệ thống đang bảo trì</body></html>"),
        1 => (StatusCode::BAD_GATEWAY, "text/html", "<html><body>502 Bad Gateway</body></html>"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "text/plain", ""),
    };
    let mut headers = http::HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    Reply { status, headers, body: Bytes::from_static(body.as_bytes()) }
}

/// Carries what is on its way, as long as the world turns.
pub(crate) async fn carry(world: &World) {
    loop {
        let now = world.time.true_now();
        let next = {
            let mut mail = world.mail.lock().unwrap();
            match mail.on_its_way.first_key_value() {
                Some(((at, _), _)) if *at <= now => mail.on_its_way.pop_first().map(|(_, parcel)| Ok(parcel)),
                Some(((at, _), _)) => Some(Err(*at)),
                None => None,
            }
        };
        match next {
            Some(Ok(parcel)) => arrive(world, parcel).await,
            Some(Err(at)) => {
                let wait = Duration::try_from(at.duration_since(now)).unwrap();
                tokio::select! {
                    biased;
                    () = world.mail_came.notified() => {}
                    () = sleep(wait) => {}
                }
            }
            None => world.mail_came.notified().await,
        }
    }
}

async fn arrive(world: &World, parcel: Parcel) {
    match parcel {
        Parcel::Request { side, call, fate, waits } => {
            // A portal tells what has changed since it was last asked. It knows one reader, and a question of which nobody hears
            // the answer would be a second.
            let is_heard = world.mail.lock().unwrap().waiting.get(&waits).is_some_and(|it| !it.is_closed());
            if call.method == Method::GET && !is_heard {
                return;
            }
            let side = &world.sides[side];
            let key = call.key().map(|key| format!(" under {}", world.trace.name_of_key(key))).unwrap_or_default();
            let what = format!("{} {}", call.method, call.address);
            let reply = side.answer(call).await;
            let fate_shown = if fate == Fate::Lost { ", heard by nobody" } else { "" };
            world.tell(side.name, &format!("{what}{key}: {}{fate_shown}", reply.status.as_u16()));
            let (after_ms, reply) = match fate {
                Fate::Arrives { after_ms } => (after_ms, reply),
                Fate::CutShort { after_ms } => {
                    let body = reply.body.slice(..reply.body.len() / 2);
                    let mut headers = reply.headers;
                    headers.insert(CUT_SHORT, HeaderValue::from_static("yes"));
                    (after_ms, Reply { body, headers, ..reply })
                }
                Fate::Lost => return,
            };
            let at = world.time.true_now() + SignedDuration::from_millis(i64::try_from(after_ms).unwrap());
            world.mail.lock().unwrap().post(at, Parcel::Reply { reply, waits });
        }
        Parcel::Reply { reply, waits } => {
            let waiting = world.mail.lock().unwrap().waiting.remove(&waits);
            // Whoever asked may have lost patience, or its life.
            if let Some(waiting) = waiting {
                drop(waiting.send(reply));
            }
        }
    }
}
