//! How much several gateways on one PostgreSQL take in: one, then two, then four, with the same load on all of them together.
//!
//! `cargo bench --bench several_gateways [-- SECONDS]` starts a database that keeps its promises (on disk, fsync), gateways as
//! processes of their own, and clients that submit petitions over gRPC, each call under a request id of its own. It prints a
//! table and a JSON line for each row, and counts afterwards: every petition that was acknowledged is there once.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark ends at the first thing that goes wrong")]

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use petition_gateway::pb::{self, petition_service_client::PetitionServiceClient};
use postgres_server::{Options, Server};
use tokio::task::JoinSet;
use tonic::transport::Channel;

/// Calls in flight, over all gateways together: more gateways do not mean more load.
const IN_FLIGHT: u64 = 128;
/// How long each row is measured unless something else is said.
const SECONDS: u64 = 10;
/// How long before the measure begins: connections, prepared statements, the first growth of files.
const WARM_UP: Duration = Duration::from_secs(2);

/// A gateway in a process of its own.
struct Gateway {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

/// What one row measured.
struct Measured {
    gateways: usize,
    per_second: f64,
    p99: Duration,
}

fn main() {
    let seconds = std::env::args().skip(1).find_map(|it| it.parse().ok()).unwrap_or(SECONDS);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!("gateways  petitions/s      p99  of one gateway");
    let mut first = None;
    for gateways in [1, 2, 4] {
        let measured = measure(&runtime, gateways, Duration::from_secs(seconds));
        let share = measured.per_second / *first.get_or_insert(measured.per_second);
        println!("{gateways:>8}  {:>11.0}  {:>4} ms  {share:>14.2}", measured.per_second, measured.p99.as_millis());
        println!(
            "{{\"row\":\"S10\",\"gateways\":{},\"petitions_per_second\":{:.0},\"p99_ms\":{},\"of_one\":{share:.3}}}",
            measured.gateways,
            measured.per_second,
            measured.p99.as_millis(),
        );
    }
}

/// Each row has a database of its own, so that none finds what an earlier one left.
fn measure(runtime: &tokio::runtime::Runtime, count: usize, lasting: Duration) -> Measured {
    let server = Server::start(Options { on_disk: true, ..Options::default() });
    let database = server.database();
    let gateways: Vec<Gateway> = (0..count).map(|_| Gateway::start(&database.url())).collect();
    let load = Load::default();
    let mut waits = runtime.block_on(load.run(&gateways, lasting));
    waits.sort_unstable();
    let told = load.acknowledged.load(Ordering::Relaxed);
    let kept: u64 = database.run("SELECT count(*) FROM petitions")[0][0].parse().unwrap();
    let last: u64 = database.run("SELECT seq FROM counters")[0][0].parse().unwrap();
    assert_eq!((kept, last), (told, told), "every petition that was acknowledged is there once");
    Measured {
        gateways: count,
        per_second: waits.len() as f64 / lasting.as_secs_f64(),
        p99: waits.get(waits.len() * 99 / 100).copied().unwrap_or_default(),
    }
}

impl Gateway {
    fn start(store: &str) -> Gateway {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("gateway.toml");
        let text = format!(
            "[gateway]\ndata_folder = \"data\"\n[store]\nurl = \"{store}\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [grpc]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n\
             [security.loopback]\nroles = [\"ministry_system\"]\n"
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_petition-gateway"));
        let mut child = command.arg("serve").arg("--config").arg(config).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = log.next().expect("the gateway starts").unwrap();
            let said: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            if let Some(address) = said["fields"]["grpc"].as_str() {
                break format!("http://{address}");
            }
        };
        // The log must be read on, or the gateway would stand still when the pipe is full.
        std::thread::spawn(move || log.for_each(drop));
        Gateway { child, address, _folder: folder }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Clients that submit until told to stop.
#[derive(Default, Clone)]
struct Load {
    acknowledged: Arc<AtomicU64>,
    is_measured: Arc<AtomicBool>,
    is_over: Arc<AtomicBool>,
}

impl Load {
    /// How long each call that ended within the measured time took.
    async fn run(&self, gateways: &[Gateway], lasting: Duration) -> Vec<Duration> {
        let mut clients = JoinSet::new();
        for number in 0..IN_FLIGHT {
            let gateway = &gateways[usize::try_from(number).unwrap() % gateways.len()];
            let channel = Channel::from_shared(gateway.address.clone()).unwrap().connect().await.unwrap();
            clients.spawn(self.clone().submit(PetitionServiceClient::new(channel), number));
        }
        tokio::time::sleep(WARM_UP).await;
        self.is_measured.store(true, Ordering::Relaxed);
        tokio::time::sleep(lasting).await;
        self.is_measured.store(false, Ordering::Relaxed);
        self.is_over.store(true, Ordering::Relaxed);
        clients.join_all().await.into_iter().flatten().collect()
    }

    async fn submit(self, mut client: PetitionServiceClient<Channel>, number: u64) -> Vec<Duration> {
        let mut waits = Vec::new();
        for round in 0_u64.. {
            if self.is_over.load(Ordering::Relaxed) {
                break;
            }
            let request = petition(number, round);
            let begun = Instant::now();
            client.submit_petition(request).await.unwrap();
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
            if self.is_measured.load(Ordering::Relaxed) {
                waits.push(begun.elapsed());
            }
        }
        waits
    }
}

/// A petition of about 1.6 KB.
fn petition(client: u64, round: u64) -> pb::SubmitPetitionRequest {
    let external_id = format!("S10-{client}-{round}");
    let body = format!("Đề nghị trả lời về chế độ bảo hiểm thất nghiệp, hồ sơ số {external_id}. ").repeat(14);
    let petitioner = pb::Petitioner { kind: pb::PetitionerKind::Citizen.into(), ..Default::default() };
    pb::SubmitPetitionRequest {
        request_id: uuid::Uuid::now_v7().to_string(),
        petition: Some(pb::PetitionDraft {
            external_id,
            kind: pb::PetitionKind::Feedback.into(),
            subject: "Chậm trả kết quả".to_owned(),
            body,
            petitioner: Some(petitioner),
            ..Default::default()
        }),
    }
}
