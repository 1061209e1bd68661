//! S1: `SubmitPetition`, durable, unary, against a service that only echoes the same message.

use std::time::Duration;

use petition_gateway::pb;
use serde_json::json;

use super::Bench;
use crate::{
    load::{self, CONNECTIONS, Measured},
    outcome::{Goal, Outcome, median},
    petitions,
    process::{Gateway, start_role},
    roles::ECHO_PATH,
};

/// Calls in flight.
pub(crate) const IN_FLIGHT: usize = 256;
/// How long each round of each side is measured, before the scale.
const SECONDS: u64 = 10;

pub(crate) const PATH: &str = "/petition.gateway.v1.PetitionService/SubmitPetition";

pub(crate) fn run(bench: &Bench<'_>) -> Vec<Outcome> {
    let lasting = lasting(bench);
    let (echo_process, echo_address) = start_role("echo");
    let gateway = Gateway::start(&bench.fresh("submit"), "");
    let (mut echoed, mut submitted) = (Vec::new(), Vec::new());
    let mut cpu = Vec::new();
    for round in 0..bench.options.rounds {
        let before = (echo_process.cpu_seconds(), gateway.process.cpu_seconds());
        echoed.push(bench.runtime.block_on(echo(&echo_address, round, lasting)));
        submitted.push(bench.runtime.block_on(submit(&gateway.grpc, &format!("S1-{round}"), lasting)));
        let (echo, ours) = (echoed.last().unwrap(), submitted.last().unwrap());
        let used = (echo_process.cpu_seconds() - before.0, gateway.process.cpu_seconds() - before.1);
        // Calls of the warm-up cost as well, so this is a little more than a call costs.
        let each = |used: f64, it: &Measured| used * 1e6 / (it.per_second * lasting.as_secs_f64());
        cpu.push((each(used.0, echo), each(used.1, ours)));
        let (echo_us, our_us) = cpu.last().unwrap();
        let (echo, ours) = (told(echo), told(ours));
        bench.note(&format!("S1 round {round}: echo {echo}, {echo_us:.0} µs of CPU; gateway {ours}, {our_us:.0} µs"));
    }
    let rate = |all: &[Measured]| median(all.iter().map(|it| it.per_second).collect());
    let p99 = |all: &[Measured]| median(all.iter().map(|it| it.p99.as_secs_f64() * 1000.0).collect());
    let more = json!({"in_flight": IN_FLIGHT, "connections": CONNECTIONS, "seconds": lasting.as_secs_f64(),
                       "cpu_us_of_a_call": {"echo": median(cpu.iter().map(|it| it.0).collect()),
                                            "gateway": median(cpu.iter().map(|it| it.1).collect())}});
    vec![
        Outcome {
            row: "S1",
            what: format!("SubmitPetition, {IN_FLIGHT} in flight, calls/s"),
            reference: format!("{:.0}/s echoed", rate(&echoed)),
            measured: format!("{:.0}/s", rate(&submitted)),
            value: rate(&submitted) / rate(&echoed),
            goal: Goal::AtLeast(0.45),
            more: more.clone(),
        },
        Outcome {
            row: "S1",
            what: format!("SubmitPetition, {IN_FLIGHT} in flight, p99"),
            reference: format!("{:.1} ms echoed", p99(&echoed)),
            measured: format!("{:.1} ms", p99(&submitted)),
            value: p99(&submitted) / p99(&echoed),
            goal: Goal::AtMost(3.0),
            more,
        },
    ]
}

/// How long one round of one side is measured.
pub(crate) fn lasting(bench: &Bench<'_>) -> Duration {
    Duration::from_millis(bench.options.scaled(SECONDS * 1000, 300))
}

async fn echo(address: &str, round: u32, lasting: Duration) -> Measured {
    let channels = load::connect(address, CONNECTIONS).await;
    let ask = move |number| petitions::submission(format!("S1-echo-{round}-{number}"));
    load::unary::<_, pb::SubmitPetitionRequest>(&channels, ECHO_PATH, (IN_FLIGHT, lasting), ask).await
}

/// Submits petitions whose ids begin with `name`.
pub(crate) async fn submit(address: &str, name: &str, lasting: Duration) -> Measured {
    let channels = load::connect(address, CONNECTIONS).await;
    let name = name.to_owned();
    let ask = move |number| petitions::submission(format!("{name}-{number}"));
    load::unary::<_, pb::SubmitPetitionResponse>(&channels, PATH, (IN_FLIGHT, lasting), ask).await
}

/// A measure in a few words.
pub(crate) fn told(it: &Measured) -> String {
    format!("{:.0}/s (p50 {:.1} ms, p99 {:.1} ms)", it.per_second, ms(it.p50), ms(it.p99))
}

fn ms(it: Duration) -> f64 {
    it.as_secs_f64() * 1000.0
}
