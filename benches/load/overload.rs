//! Five times as many calls as the gateway can serve.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use petition_gateway::pb::petition_service_client::PetitionServiceClient;
use tokio_util::sync::CancellationToken;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::{
    callers::{Told, a_second, at_once, call},
    gateway::Gateway,
    table::Table,
};

/// Calls in flight when the peak is taken: what a busy ministry's systems have under way together.
const IN_FLIGHT: usize = 256;
/// How long the peak is taken, after so long to warm up.
const PEAK: Duration = Duration::from_secs(15);
const WARM_UP: Duration = Duration::from_secs(3);
/// How often health is asked for, and the quiet client calls.
const NOW_AND_THEN: Duration = Duration::from_millis(100);

/// What somebody saw who asks now and then.
#[derive(Default)]
struct Seen {
    good: u64,
    bad: u64,
    ids: Vec<u64>,
    longest: Duration,
}

pub(crate) async fn run(lasting: Duration) -> Table {
    let gateway = Gateway::start();
    let mut accepted = at_once(&gateway, IN_FLIGHT, WARM_UP).await.accepted;
    let normal = at_once(&gateway, IN_FLIGHT, PEAK).await;
    let peak = normal.accepted.len() as f64 / PEAK.as_secs_f64();
    println!("peak: {peak:.0} calls a second, p99 {:?}; the storm lasts {lasting:?}", normal.p99());
    let stop = CancellationToken::new();
    let storming = async {
        let storm = a_second(&gateway, 5.0 * peak, lasting).await;
        stop.cancel();
        storm
    };
    let (asking, calling) = (gateway.connect().await, gateway.connect().await);
    let (storm, health, quiet) =
        tokio::join!(storming, ask_for_health(asking, stop.clone()), call_now_and_then(calling, stop.clone()));
    let after = at_once(&gateway, IN_FLIGHT, PEAK).await;
    accepted.extend([&normal.accepted, &storm.accepted, &quiet.ids, &after.accepted].into_iter().flatten().copied());
    let mut table = Table::new("overload");
    tell_storm(&mut table, peak, &normal, &storm, lasting);
    tell_others(&mut table, &health, &quiet);
    let again = after.accepted.len() as f64 / PEAK.as_secs_f64();
    table.row(
        "calls a second after the storm",
        format!(">= {:.0}", 0.9 * peak),
        format!("{again:.0}"),
        again >= 0.9 * peak,
    );
    tell_kept(&mut table, &gateway, accepted);
    table
}

fn tell_storm(table: &mut Table, peak: f64, normal: &Told, storm: &Told, lasting: Duration) {
    let accepted = storm.accepted.len() as f64 / lasting.as_secs_f64();
    let sent = storm.accepted.len() as u64 + storm.refused + storm.others.len() as u64;
    let offered = (sent + storm.unsent) as f64 / lasting.as_secs_f64();
    let share = |part: u64| format!("{:.1} %", 100.0 * part as f64 / sent as f64);
    table.row(
        "calls a second that were due",
        format!("{:.0}", 5.0 * peak),
        format!("{offered:.0}"),
        offered >= 4.5 * peak,
    );
    table.row(
        "of those sent (the rest its callers could not send)",
        "-",
        format!("{:.0}", sent as f64 / lasting.as_secs_f64()),
        true,
    );
    table.row("accepted a second", format!(">= {:.0}", 0.9 * peak), format!("{accepted:.0}"), accepted >= 0.9 * peak);
    table.row("refused with a time to come again", "the rest", share(storm.refused), true);
    let (others, first) = (storm.others.len(), storm.others.first().cloned().unwrap_or_default());
    table.row("answered otherwise", "0", format!("{others} {first}"), others == 0);
    let most = 3 * normal.p99();
    table.row("p99 of what was accepted", format!("<= {most:?}"), format!("{:?}", storm.p99()), storm.p99() <= most);
}

fn tell_others(table: &mut Table, health: &Seen, quiet: &Seen) {
    let seen = |seen: &Seen| format!("{} of {}, {:?} at most", seen.good, seen.good + seen.bad, seen.longest);
    table.row("SERVING, asked ten times a second", "always", seen(health), health.bad == 0 && health.good > 0);
    table.row("a quiet client let in", "always", seen(quiet), quiet.bad == 0 && quiet.good > 0);
}

/// Compares what was acknowledged with what is in the store.
fn tell_kept(table: &mut Table, gateway: &Gateway, accepted: Vec<u64>) {
    let count = accepted.len();
    let accepted: HashSet<u64> = accepted.into_iter().collect();
    let (rows, kept) = gateway.received();
    let lost = accepted.difference(&kept).count();
    let undone = kept.difference(&accepted).count();
    table.row("accepted and not in the store", "0", format!("{lost} of {count}"), lost == 0);
    table.row("in the store twice", "0", rows - kept.len(), rows == kept.len());
    table.row("in the store and not accepted", "0", undone, undone == 0);
}

async fn ask_for_health(channel: tonic::transport::Channel, stop: CancellationToken) -> Seen {
    let mut client = HealthClient::new(channel);
    let mut seen = Seen::default();
    while stop.run_until_cancelled(tokio::time::sleep(NOW_AND_THEN)).await.is_some() {
        let begun = Instant::now();
        let answer = client.check(HealthCheckRequest::default()).await;
        let is_good = answer.is_ok_and(|it| it.into_inner().status() == ServingStatus::Serving);
        if is_good {
            seen.good += 1
        } else {
            seen.bad += 1
        }
        seen.longest = seen.longest.max(begun.elapsed());
    }
    seen
}

async fn call_now_and_then(channel: tonic::transport::Channel, stop: CancellationToken) -> Seen {
    let client = PetitionServiceClient::new(channel);
    let mut seen = Seen::default();
    while stop.run_until_cancelled(tokio::time::sleep(NOW_AND_THEN)).await.is_some() {
        let (id, begun, answer) = call(client.clone()).await;
        match answer {
            Ok(()) => {
                seen.good += 1;
                seen.ids.push(id);
            }
            Err(_) => seen.bad += 1,
        }
        seen.longest = seen.longest.max(begun.elapsed());
    }
    seen
}
