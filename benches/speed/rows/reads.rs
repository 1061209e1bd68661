//! S8: reads on a store of many petitions, against the same on ten thousand: one petition by its name, a page of a list, a
//! page of a search.

use std::time::Duration;

use petition_gateway::pb;
use prost::Message;
use serde_json::json;
use tonic::transport::Channel;

use super::{Bench, growth::FEW};
use crate::{
    load::{self, Measured},
    outcome::{Goal, Outcome, median},
    process::Gateway,
    store::{id_of, word_of},
};

/// Reads in flight: a few people and a program.
const IN_FLIGHT: usize = 4;
/// How long each read is measured in each round, before the scale.
const SECONDS: u64 = 5;

type Measure = fn(&Bench<'_>, &[Channel], u64) -> Measured;

const READS: [(&str, Measure); 3] =
    [("GetPetition", get), ("ListPetitions, 50", list), ("SearchPetitions, 50", search)];

pub(crate) fn run(bench: &Bench<'_>) -> Vec<Outcome> {
    let many = bench.many();
    let (few_folder, many_folder) = (bench.filled("few", FEW), bench.filled("many", many));
    let (on_few, on_many) = (Gateway::start(&few_folder, ""), Gateway::start(&many_folder, ""));
    let connect = |address: &str| bench.runtime.block_on(load::connect(address, 2));
    let (few_channels, many_channels) = (connect(&on_few.grpc), connect(&on_many.grpc));
    let mut outcomes = Vec::new();
    for (what, measure) in READS {
        let (mut few_p99, mut many_p99) = (Vec::new(), Vec::new());
        for round in 0..bench.options.rounds {
            few_p99.push(ms(measure(bench, &few_channels, FEW)));
            many_p99.push(ms(measure(bench, &many_channels, many)));
            let (few, many) = (few_p99.last().unwrap(), many_p99.last().unwrap());
            bench.note(&format!("S8 {what} round {round}: p99 few {few:.2} ms, many {many:.2} ms"));
        }
        let (few_p99, many_p99) = (median(few_p99), median(many_p99));
        outcomes.push(Outcome {
            row: "S8",
            what: format!("{what} with {many} petitions stored, p99"),
            reference: format!("{few_p99:.2} ms with {FEW}"),
            measured: format!("{many_p99:.2} ms"),
            value: many_p99 / few_p99,
            goal: Goal::AtMost(3.0),
            more: json!({"stored": many, "in_flight": IN_FLIGHT}),
        });
    }
    outcomes
}

fn ms(measured: Measured) -> f64 {
    measured.p99.as_secs_f64() * 1000.0
}

fn measure<Q, A>(
    bench: &Bench<'_>,
    channels: &[Channel],
    path: &'static str,
    ask: impl Fn(u64) -> Q + Clone + Send + Sync + 'static,
) -> Measured
where
    Q: Message + 'static,
    A: Message + Default + 'static,
{
    let lasting = Duration::from_millis(bench.options.scaled(SECONDS * 1000, 200));
    bench.runtime.block_on(load::unary::<Q, A>(channels, path, (IN_FLIGHT, lasting), ask))
}

/// Numbers all over the store, the same each time.
fn spread(number: u64, stored: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % stored
}

fn get(bench: &Bench<'_>, channels: &[Channel], stored: u64) -> Measured {
    measure::<_, pb::GetPetitionResponse>(
        bench,
        channels,
        "/petition.gateway.v1.PetitionService/GetPetition",
        move |number| {
            let name = format!("petitions/{}", id_of(spread(number, stored)));
            pb::GetPetitionRequest { name, ..Default::default() }
        },
    )
}

fn list(bench: &Bench<'_>, channels: &[Channel], _: u64) -> Measured {
    measure::<_, pb::ListPetitionsResponse>(
        bench,
        channels,
        "/petition.gateway.v1.PetitionService/ListPetitions",
        |_| pb::ListPetitionsRequest { page_size: 50, ..Default::default() },
    )
}

fn search(bench: &Bench<'_>, channels: &[Channel], stored: u64) -> Measured {
    measure::<_, pb::SearchPetitionsResponse>(
        bench,
        channels,
        "/petition.gateway.v1.PetitionService/SearchPetitions",
        move |number| {
            let query = format!("trợ cấp {}", word_of(spread(number, stored)));
            pb::SearchPetitionsRequest { query, page_size: 50, ..Default::default() }
        },
    )
}
