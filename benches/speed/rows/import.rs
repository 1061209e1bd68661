//! S2: `ImportPetitions`, durable, one stream, against bare SQLite that inserts the same rows.
//!
//! The reference gets the very rows that the gateway wrote, read back from its store, full-text words included: what is
//! compared is everything around the inserts.

use std::time::{Duration, Instant};

use futures::stream;
use petition_gateway::pb::{self, petition_service_client::PetitionServiceClient};
use serde_json::json;

use super::Bench;
use crate::{
    outcome::{Goal, Outcome, median},
    petitions,
    process::Gateway,
    store,
};

/// Petitions of one import, before the scale: some seconds of work.
const PETITIONS: u64 = 100_000;

pub(crate) fn run(bench: &Bench<'_>) -> Vec<Outcome> {
    let count = bench.options.scaled(PETITIONS, 1_000);
    let gateway = Gateway::start(&bench.fresh("import"), "");
    let (mut bare, mut imported) = (Vec::new(), Vec::new());
    for round in 0..bench.options.rounds {
        let took = bench.runtime.block_on(import(&gateway.grpc, &format!("S2-{round}"), count));
        imported.push(count as f64 / took.as_secs_f64());
        // The rows of this round are the last ones.
        let rows = store::Rows::last(&gateway.database(), count);
        let folder = bench.fresh("import-bare");
        let took = rows.insert(&gateway.database(), &folder.join("bare.db"));
        bare.push(count as f64 / took.as_secs_f64());
        let (bare, ours) = (bare.last().unwrap(), imported.last().unwrap());
        bench.note(&format!("S2 round {round}: bare {bare:.0}/s, gateway {ours:.0}/s"));
    }
    let (bare, imported) = (median(bare), median(imported));
    vec![Outcome {
        row: "S2",
        what: format!("ImportPetitions of {count}, petitions/s"),
        reference: format!("{bare:.0}/s into bare SQLite"),
        measured: format!("{imported:.0}/s"),
        value: imported / bare,
        goal: Goal::AtLeast(0.6),
        more: json!({"petitions": count}),
    }]
}

/// Imports `count` petitions over one stream.
pub(crate) async fn import(address: &str, name: &str, count: u64) -> Duration {
    let mut client = PetitionServiceClient::connect(address.to_owned()).await.unwrap();
    let (name, id) = (name.to_owned(), uuid::Uuid::now_v7().to_string());
    let items = (0..count).map(move |number| pb::ImportPetitionsRequest {
        request_id: if number == 0 { id.clone() } else { String::new() },
        item_id: number.to_string(),
        petition: Some(petitions::draft(format!("{name}-{number}"))),
    });
    let begun = Instant::now();
    let response = client.import_petitions(stream::iter(items)).await.unwrap().into_inner();
    assert_eq!(response.created_count, i64::try_from(count).unwrap(), "every petition is new and is taken");
    begun.elapsed()
}
