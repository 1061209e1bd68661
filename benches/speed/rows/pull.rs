//! S3: petitions that wait at a portal are pulled, confirmed there and seen by a watcher, against a client that reads the
//! same portal dry and throws everything away.
//!
//! Two references are told: reading alone, which the goal is about, and reading with a confirmation of each petition,
//! which is what the protocol asks of whoever pulls.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use petition_gateway::pb::{self, petition_service_client::PetitionServiceClient};
use serde::Deserialize;
use serde_json::json;
use tokio::task::JoinSet;

use super::{Bench, deliver::channel};
use crate::{
    outcome::{Goal, Outcome, median},
    process::{Gateway, start_sandbox},
};

/// Petitions that are pulled, before the scale. The portal pushes one in ten of its own, which nobody takes here.
const PETITIONS: u64 = 100_000;
/// Confirmations at once, on both sides.
const AT_ONCE: usize = 32;

pub(crate) fn run(bench: &Bench<'_>) -> Vec<Outcome> {
    let petitions = bench.options.scaled(PETITIONS, 500);
    let (mut dry, mut confirmed, mut through) = (Vec::new(), Vec::new(), Vec::new());
    let mut count = 0;
    for round in 0..bench.options.rounds {
        let (_portal, address) = start_sandbox("government-portal", petitions * 10 / 9);
        let begun = Instant::now();
        let ids = bench.runtime.block_on(read_dry(&address));
        dry.push(ids.len() as f64 / begun.elapsed().as_secs_f64());
        count = ids.len();
        // Another portal for each: one that was confirmed is not one that waits.
        let (_portal, address) = start_sandbox("government-portal", petitions * 10 / 9);
        let gateway = Gateway::start(&bench.fresh("pull"), &channel(&address, "government-portal", AT_ONCE));
        let took = bench.runtime.block_on(pull(&gateway, count as u64));
        through.push(count as f64 / took.as_secs_f64());
        drop(gateway);
        let (_portal, address) = start_sandbox("government-portal", petitions * 10 / 9);
        let begun = Instant::now();
        bench.runtime.block_on(async { confirm(&address, read_dry(&address).await).await });
        confirmed.push(count as f64 / begun.elapsed().as_secs_f64());
        let (dry, sure, ours) = (dry.last().unwrap(), confirmed.last().unwrap(), through.last().unwrap());
        bench.note(&format!("S3 round {round}: read {dry:.0}/s, and confirmed {sure:.0}/s; gateway {ours:.0}/s"));
    }
    let (dry, confirmed, through) = (median(dry), median(confirmed), median(through));
    let row = |what: &str, reference: f64, told: &str| Outcome {
        row: "S3",
        what: format!("{count} petitions, portal ▶ gateway ▶ watcher, {what}"),
        reference: format!("{reference:.0}/s {told}"),
        measured: format!("{through:.0}/s"),
        value: through / reference,
        goal: Goal::AtLeast(0.4),
        more: json!({"petitions": count, "at_once": AT_ONCE}),
    };
    vec![
        row("against reading alone", dry, "read and thrown away"),
        row("against reading and confirming", confirmed, "read, confirmed, thrown away"),
    ]
}

/// Until a watcher has seen every petition and the portal every confirmation.
async fn pull(gateway: &Gateway, count: u64) -> Duration {
    let begun = Instant::now();
    let mut client = PetitionServiceClient::connect(gateway.grpc.clone()).await.unwrap();
    let mut events = client.watch_petitions(pb::WatchPetitionsRequest::default()).await.unwrap().into_inner();
    let mut seen = 0;
    while seen != count {
        let message = events.message().await.unwrap().unwrap();
        seen += u64::from(matches!(message.item, Some(pb::watch_petitions_response::Item::Event(_))));
    }
    let mut channels = pb::channel_service_client::ChannelServiceClient::connect(gateway.grpc.clone()).await.unwrap();
    loop {
        let request = pb::GetChannelRequest { name: "channels/portal".to_owned() };
        let channel = channels.get_channel(request).await.unwrap().into_inner().channel.unwrap();
        if channel.pending_delivery_count == 0 {
            return begun.elapsed();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A page of the portal, of which only the ids are looked at.
#[derive(Deserialize)]
struct Page {
    #[serde(rename = "danhSach")]
    items: Vec<Item>,
    #[serde(rename = "conTro")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "maPAKN")]
    id: String,
}

async fn read_dry(address: &str) -> Vec<String> {
    let http = reqwest::Client::new();
    let (mut ids, mut token) = (Vec::new(), None);
    loop {
        let mut request = http.get(format!("{address}/api/v1/pakn")).query(&[
            ("tuThoiDiem", "2000-01-01T00:00:00+07:00"),
            ("coQuan", "000.00.00.G07"),
            ("soLuong", "100"),
        ]);
        if let Some(token) = &token {
            request = request.query(&[("conTro", token)]);
        }
        let page: Page = request.send().await.unwrap().json().await.unwrap();
        ids.extend(page.items.into_iter().map(|item| item.id));
        match page.next {
            None => return ids,
            next => token = next,
        }
    }
}

async fn confirm(address: &str, ids: Vec<String>) {
    let (http, ids, next) = (reqwest::Client::new(), Arc::new(ids), Arc::new(AtomicUsize::new(0)));
    let mut confirming = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (http, ids, next, address) = (http.clone(), ids.clone(), next.clone(), address.to_owned());
        confirming.spawn(async move {
            while let Some(id) = ids.get(next.fetch_add(1, Ordering::Relaxed)) {
                let body = json!({"thoiDiem": "2019-12-06T09:15:00+07:00", "phienBan": 1,
                                  "maHoSo": uuid::Uuid::now_v7().to_string()});
                let request = http.post(format!("{address}/api/v1/pakn/{id}/xac-nhan")).json(&body);
                let reply = request.header("idempotency-key", uuid::Uuid::now_v7().to_string()).send().await.unwrap();
                reply.bytes().await.unwrap();
            }
        });
    }
    confirming.join_all().await;
}
