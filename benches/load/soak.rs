//! Half of what the gateway can serve, for long: nothing may grow but the store.

use std::time::{Duration, Instant};

use petition_gateway::pb::{self, petition_service_client::PetitionServiceClient};
use tokio::task::JoinSet;

use super::{
    callers::{a_second, at_once},
    gateway::{Gateway, Holds},
    table::Table,
};

/// Calls in flight when the peak is taken, and for how long.
const IN_FLIGHT: usize = 256;
const PEAK: Duration = Duration::from_secs(10);
/// Watchers, and readers of lists: there is always somebody who reads.
const WATCHERS: usize = 8;
const READERS: usize = 4;
/// How often the process is looked at.
const LOOK: Duration = Duration::from_secs(5);

pub(crate) async fn run(lasting: Duration) -> Table {
    let gateway = Gateway::start();
    let peak = at_once(&gateway, IN_FLIGHT, PEAK).await.accepted.len() as f64 / PEAK.as_secs_f64();
    println!("peak: {peak:.0} calls a second; half of it for {lasting:?}");
    let mut others = JoinSet::new();
    for _ in 0..WATCHERS {
        others.spawn(watch(PetitionServiceClient::new(gateway.connect().await)));
    }
    for _ in 0..READERS {
        others.spawn(list(PetitionServiceClient::new(gateway.connect().await)));
    }
    // Looked at until just before the end, while all are still there.
    let looking = look(&gateway, lasting.saturating_sub(LOOK));
    let (told, looks) = tokio::join!(a_second(&gateway, peak / 2.0, lasting), looking);
    others.abort_all();
    let mut table = Table::new("soak");
    let calls = told.accepted.len() as f64 / lasting.as_secs_f64();
    table.row("accepted a second", format!("{:.0}", peak / 2.0), format!("{calls:.0}"), calls >= 0.45 * peak);
    let others = told.others.len();
    table.row(
        "answered otherwise",
        "0",
        format!("{others} {}", told.others.first().cloned().unwrap_or_default()),
        others == 0,
    );
    table.row("refused", "-", told.refused, true);
    tell(&mut table, &looks, lasting);
    table
}

fn tell(table: &mut Table, looks: &[(Duration, Holds)], lasting: Duration) {
    let is_early = |at: Duration| at < lasting / 6;
    let most = |early: bool, of: fn(&Holds) -> u64| {
        looks.iter().filter(|(at, _)| is_early(*at) == early).map(|(_, holds)| of(holds)).max().unwrap_or_default()
    };
    let mut row = |what, of: fn(&Holds) -> u64, more: u64, unit: u64| {
        let (early, late) = (most(true, of), most(false, of));
        let (limit, first) = (early + early * more / 100, early / unit);
        table.row(what, format!("<= {}", limit / unit), format!("{first}, then {}", late / unit), late <= limit);
    };
    row("memory, MiB", |it| it.memory_kib, 5, 1024);
    row("descriptors", |it| it.descriptors, 5, 1);
    row("threads", |it| it.threads, 5, 1);
    let longest = looks.iter().map(|(_, it)| it.wal_bytes).max().unwrap_or_default() >> 20;
    table.row("the store's log, MiB", "<= 96", longest, longest <= 96);
}

async fn look(gateway: &Gateway, lasting: Duration) -> Vec<(Duration, Holds)> {
    let begun = Instant::now();
    let mut looks = Vec::new();
    while begun.elapsed() < lasting {
        tokio::time::sleep(LOOK).await;
        let (at, holds) = (begun.elapsed(), gateway.holds());
        if looks.len() % 12 == 0 {
            println!("{:>6} s  {holds:?}", at.as_secs());
        }
        looks.push((at, holds));
    }
    looks
}

async fn watch(mut client: PetitionServiceClient<tonic::transport::Channel>) {
    let mut stream = client.watch_petitions(pb::WatchPetitionsRequest::default()).await.unwrap().into_inner();
    while let Ok(Some(_)) = stream.message().await {}
}

async fn list(mut client: PetitionServiceClient<tonic::transport::Channel>) {
    loop {
        let request = pb::ListPetitionsRequest { page_size: 200, ..Default::default() };
        client.list_petitions(request).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
