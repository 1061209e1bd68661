//! S7: S1 on a store of many petitions, against S1 on a store of ten thousand.

use serde_json::json;

use super::{
    Bench,
    submit::{lasting, submit, told},
};
use crate::{
    outcome::{Goal, Outcome, median},
    process::Gateway,
};

/// Petitions of the small store.
pub(crate) const FEW: u64 = 10_000;

pub(crate) fn run(bench: &Bench<'_>) -> Vec<Outcome> {
    let (few, many) = (bench.filled("few", FEW), bench.filled("many", bench.many()));
    let (few, many) = (Gateway::start(&few, ""), Gateway::start(&many, ""));
    let lasting = lasting(bench);
    let (mut on_few, mut on_many) = (Vec::new(), Vec::new());
    for round in 0..bench.options.rounds {
        let (name, run) = (format!("S7-{}-{round}", uuid::Uuid::now_v7()), bench.runtime);
        let few = run.block_on(submit(&few.grpc, &name, lasting));
        let many = run.block_on(submit(&many.grpc, &name, lasting));
        bench.note(&format!("S7 round {round}: few {}, many {}", told(&few), told(&many)));
        on_few.push(few.per_second);
        on_many.push(many.per_second);
    }
    let (on_few, on_many) = (median(on_few), median(on_many));
    vec![Outcome {
        row: "S7",
        what: format!("SubmitPetition with {} petitions stored, calls/s", bench.many()),
        reference: format!("{on_few:.0}/s with {FEW}"),
        measured: format!("{on_many:.0}/s"),
        value: on_many / on_few,
        goal: Goal::AtLeast(0.8),
        more: json!({"stored": bench.many()}),
    }]
}
