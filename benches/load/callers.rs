//! Whoever calls: so many at once, or so many a second whatever becomes of them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use petition_gateway::pb::{self, petition_service_client::PetitionServiceClient};
use tokio::task::JoinSet;
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt;

use super::gateway::Gateway;

/// Connections that callers share; each is a client to the gateway.
const CONNECTIONS: usize = 16;
/// Calls of a connection that may wait for their answers: as many as the gateway lets a connection have.
const WAITING_MAX: usize = 200;
/// How often those who call by the second look how many are due.
const TICK: Duration = Duration::from_millis(5);

/// What callers were told.
#[derive(Debug)]
pub(crate) struct Told {
    /// The numbers of what was accepted.
    pub(crate) accepted: Vec<u64>,
    /// How long those calls took, in microseconds.
    pub(crate) waits: Histogram<u64>,
    /// Refused with a time to come again.
    pub(crate) refused: u64,
    /// Anything else, by its words.
    pub(crate) others: Vec<String>,
    /// Due and not sent, because too many calls before them had no answer yet.
    pub(crate) unsent: u64,
}

impl Default for Told {
    fn default() -> Told {
        let (accepted, others) = (Vec::new(), Vec::new());
        Told { accepted, waits: Histogram::new(3).unwrap(), refused: 0, others, unsent: 0 }
    }
}

impl Told {
    fn note(&mut self, id: u64, begun: Instant, answer: Result<(), Status>) {
        match answer {
            Ok(()) => {
                self.accepted.push(id);
                self.waits.saturating_record(u64::try_from(begun.elapsed().as_micros()).unwrap());
            }
            Err(status) if status.code() == Code::ResourceExhausted && says_when(&status) => self.refused += 1,
            Err(status) => self.others.push(format!("{:?}: {}", status.code(), status.message())),
        }
    }

    pub(crate) fn add(&mut self, other: Told) {
        self.accepted.extend(other.accepted);
        self.waits.add(other.waits).unwrap();
        self.refused += other.refused;
        self.others.extend(other.others);
        self.unsent += other.unsent;
    }

    /// The 99th percentile of the calls that were accepted.
    pub(crate) fn p99(&self) -> Duration {
        Duration::from_micros(self.waits.value_at_quantile(0.99))
    }
}

fn says_when(status: &Status) -> bool {
    status.get_details_retry_info().and_then(|it| it.retry_delay).is_some_and(|delay| delay > Duration::ZERO)
}

/// So many callers, each of whom calls again as soon as it is answered.
pub(crate) async fn at_once(gateway: &Gateway, callers: usize, lasting: Duration) -> Told {
    let is_over = Arc::new(AtomicBool::new(false));
    let mut running = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let channel = gateway.connect().await;
        for _ in 0..callers / CONNECTIONS {
            running.spawn(call_on_and_on(PetitionServiceClient::new(channel.clone()), Arc::clone(&is_over)));
        }
    }
    tokio::time::sleep(lasting).await;
    is_over.store(true, Ordering::Relaxed);
    sum(running).await
}

async fn call_on_and_on(client: PetitionServiceClient<Channel>, is_over: Arc<AtomicBool>) -> Told {
    let mut told = Told::default();
    while !is_over.load(Ordering::Relaxed) {
        let (id, begun, answer) = call(client.clone()).await;
        told.note(id, begun, answer);
    }
    told
}

/// So many calls a second, sent when they are due, whatever became of those before.
pub(crate) async fn a_second(gateway: &Gateway, calls: f64, lasting: Duration) -> Told {
    let mut running = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let client = PetitionServiceClient::new(gateway.connect().await);
        running.spawn(call_by_the_second(client, calls / CONNECTIONS as f64, lasting));
    }
    sum(running).await
}

async fn call_by_the_second(client: PetitionServiceClient<Channel>, calls: f64, lasting: Duration) -> Told {
    let (begun, mut told, mut due) = (Instant::now(), Told::default(), 0_u64);
    let mut waiting = JoinSet::new();
    let mut ticks = tokio::time::interval(TICK);
    while begun.elapsed() < lasting {
        ticks.tick().await;
        while let Some(done) = waiting.try_join_next() {
            let (id, begun, answer) = done.unwrap();
            told.note(id, begun, answer);
        }
        let due_now = (begun.elapsed().as_secs_f64() * calls) as u64;
        for _ in due..due_now {
            if waiting.len() < WAITING_MAX {
                waiting.spawn(call(client.clone()));
            } else {
                told.unsent += 1;
            }
        }
        due = due_now;
    }
    while let Some(done) = waiting.join_next().await {
        let (id, begun, answer) = done.unwrap();
        told.note(id, begun, answer);
    }
    told
}

async fn sum(mut running: JoinSet<Told>) -> Told {
    let mut all = Told::default();
    while let Some(told) = running.join_next().await {
        all.add(told.unwrap());
    }
    all
}

/// One call, on a petition of its own: its number, when it was begun, and what it was told.
pub(crate) async fn call(mut client: PetitionServiceClient<Channel>) -> (u64, Instant, Result<(), Status>) {
    static NUMBERS: AtomicU64 = AtomicU64::new(0);
    let id = NUMBERS.fetch_add(1, Ordering::Relaxed);
    let request = submission(id);
    let begun = Instant::now();
    let answer = client.submit_petition(request).await.map(|_| ());
    (id, begun, answer)
}

/// A petition of the usual size: 1.6 KB on the wire.
fn submission(id: u64) -> pb::SubmitPetitionRequest {
    let text = "Kính đề nghị Bộ xem xét, hướng dẫn về chế độ bảo hiểm thất nghiệp đối với người lao động. ";
    pb::SubmitPetitionRequest {
        request_id: uuid::Uuid::now_v7().to_string(),
        petition: Some(pb::PetitionDraft {
            external_id: format!("T-{id}"),
            kind: pb::PetitionKind::PolicyQuestion.into(),
            subject: "Hỏi về chế độ bảo hiểm thất nghiệp".to_owned(),
            body: text.repeat(12),
            petitioner: Some(pb::Petitioner {
                kind: pb::PetitionerKind::Citizen.into(),
                full_name: Some("Trần Văn Thử Nghiệm".to_owned()),
                province_code: Some("01".to_owned()),
                ..Default::default()
            }),
            ..Default::default()
        }),
    }
}
