//! F: memory at rest and through an import, the start on a store of many petitions, the size of the program.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use petition_gateway::pb::{self, petition_service_client::PetitionServiceClient};
use serde_json::json;

use super::{Bench, import::import};
use crate::{
    outcome::{Goal, Outcome},
    process::{Gateway, gateway_binary},
    store::id_of,
};

/// Petitions of the import, before the scale.
const PETITIONS: u64 = 1_000_000;
/// How long a gateway rests before its memory counts as that of rest.
const REST: Duration = Duration::from_secs(3);
/// Where the first look at the memory of an import is taken: caches are full by then.
const SETTLED: f64 = 0.1;

pub(crate) fn run(bench: &Bench<'_>) -> Vec<Outcome> {
    let mut outcomes = vec![binary(), start(bench)];
    let gateway = Gateway::start(&bench.fresh("footprint"), "");
    std::thread::sleep(REST);
    let idle = gateway.process.resident_mib();
    outcomes.push(plain("resident memory at rest, MiB", format!("{idle:.1} MiB"), idle, 40.0));
    outcomes.push(through_import(bench, &gateway));
    outcomes
}

fn plain(what: &str, measured: String, value: f64, at_most: f64) -> Outcome {
    let (what, reference) = (what.to_owned(), "–".to_owned());
    Outcome { row: "F", what, reference, measured, value, goal: Goal::AtMost(at_most), more: json!({}) }
}

fn binary() -> Outcome {
    let megabytes = std::fs::metadata(gateway_binary()).unwrap().len() as f64 / 1e6;
    plain("size of the program, MB", format!("{megabytes:.1} MB"), megabytes, 30.0)
}

/// From the start of the process to the first answered call.
fn start(bench: &Bench<'_>) -> Outcome {
    let many = bench.many();
    let folder = bench.filled("many", many);
    let begun = Instant::now();
    let gateway = Gateway::start(&folder, "");
    bench.runtime.block_on(async {
        let mut client = PetitionServiceClient::connect(gateway.grpc.clone()).await.unwrap();
        let name = format!("petitions/{}", id_of(many / 2));
        client.get_petition(pb::GetPetitionRequest { name, ..Default::default() }).await.unwrap();
    });
    let seconds = begun.elapsed().as_secs_f64();
    let what = format!("start to the first answered call with {many} petitions stored, s");
    plain(&what, format!("{seconds:.3} s"), seconds, 0.5)
}

fn through_import(bench: &Bench<'_>, gateway: &Gateway) -> Outcome {
    let count = bench.options.scaled(PETITIONS, 2_000);
    let is_over = Arc::new(AtomicBool::new(false));
    let seen = std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut seen = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                seen.push(gateway.process.resident_mib());
                std::thread::sleep(Duration::from_millis(50));
            }
            seen
        });
        bench.runtime.block_on(import(&gateway.grpc, "F", count));
        is_over.store(true, Ordering::Relaxed);
        looking.join().unwrap()
    });
    let settled = seen[(seen.len() as f64 * SETTLED) as usize];
    let most = seen.iter().copied().fold(0.0, f64::max);
    Outcome {
        row: "F",
        what: format!("memory through an import of {count}: the most, of what it was after a tenth"),
        reference: format!("{settled:.1} MiB after a tenth"),
        measured: format!("{most:.1} MiB at most"),
        value: most / settled,
        goal: Goal::AtMost(1.1),
        more: json!({"petitions": count, "last_mib": seen.last()}),
    }
}
