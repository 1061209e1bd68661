//! Stores with each sort of damage, done by hand, on every engine: whoever looks finds it and names it. And one without any.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use channel_sdk::{
    fault::{Fault, FaultCode},
    inbound::CodeList,
};
use postgres_server::{Database, Server};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use uuid::Uuid;

use super::{Growing, inspect};
use crate::{
    audit::{Options, Report, Section, Told, What, audit},
    clock::SystemClock,
    config,
    petition::{Command, Petition, decide},
    store::{
        Beat, Change, Claim, Claimed, CursorMove, Delivery, GatewayAbout, ItemRecord, ItemRef, ItemState, ItemsDone,
        MessageId, NewMessage, RequestKey, Settle, Settlement, Write, Written,
        postgres::PostgresStore,
        sqlite::SqliteStore,
        suite::{Bench, message},
    },
};

/// A store, and a hand in it.
struct House {
    bench: Bench,
    store: config::Store,
    hand: Hand,
}

enum Hand {
    Sqlite(TempDir),
    Postgres(Arc<Database>),
}

impl House {
    fn sqlite() -> House {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("store.sqlite");
        let clock = Bench::clock();
        let store = SqliteStore::open(file.to_str().unwrap(), clock.clone()).unwrap();
        let bench = Bench::new(store, clock, ());
        let store = config::store_of_url(&format!("sqlite:{}", file.display())).unwrap();
        House { bench, store, hand: Hand::Sqlite(folder) }
    }

    async fn postgres() -> House {
        let (place, clock) = (Arc::new(Server::shared().database()), Bench::clock());
        let store = PostgresStore::open_at(&place.url(), clock.clone()).await;
        let bench = Bench::new(store, clock, Arc::clone(&place));
        House { bench, store: config::store_of_url(&place.url()).unwrap(), hand: Hand::Postgres(place) }
    }

    async fn each() -> [House; 2] {
        let houses = [House::sqlite(), House::postgres().await];
        for house in &houses {
            fill(&house.bench).await;
        }
        houses
    }

    fn do_by_hand(&self, sql: &str) {
        match &self.hand {
            Hand::Sqlite(folder) => {
                let conn = rusqlite::Connection::open(folder.path().join("store.sqlite")).unwrap();
                conn.execute_batch(sql).unwrap();
            }
            Hand::Postgres(database) => drop(database.run(sql)),
        }
    }

    async fn look(&self, options: &Options) -> (Report, Vec<Told>) {
        let store = inspect(&self.store, Arc::new(SystemClock)).await.unwrap();
        let mut heard = Vec::new();
        let report = audit(&store, None, options, &mut |told| heard.push(told)).await.unwrap();
        (report, heard)
    }

    async fn found(&self) -> BTreeSet<What> {
        let options = Options { patience: Duration::ZERO, ..Options::default() };
        self.look(&options).await.0.found.into_keys().collect()
    }
}

/// One of everything, as gateways leave it.
async fn fill(bench: &Bench) {
    let petition = petition(bench).await;
    deliveries(bench).await;
    messages(bench, &petition).await;
    let entries = vec![("KHAC".to_owned(), "Khác".to_owned())];
    let list = CodeList { name: "linh-vuc".to_owned(), entries };
    bench.write(Write::CodeList { channel: "portal".to_owned(), list }).await;
}

/// A petition with three events and a caller's key.
async fn petition(bench: &Bench) -> Petition {
    let mut change = bench.new_petition("PA-1");
    change.request =
        Some(RequestKey { principal: "một cửa".to_owned(), id: Uuid::from_u128(7), fingerprint: [7; 32] });
    let mut petition = change.petition.clone();
    bench.write(Write::Change(Box::new(change.clone()))).await;
    for command in [Command::Accept { note: String::new() }, Command::Close { note: String::new() }] {
        let before = petition.clone();
        let Ok(bodies) = decide(&before, command) else { continue };
        let events: Vec<_> = bodies
            .into_iter()
            .map(|body| {
                let mut event = change.events[0].clone();
                (event.version, event.body) = (petition.version + 1, body);
                petition.apply(&event);
                event
            })
            .collect();
        let (expected_version, deliveries) = (Some(before.version), Vec::new());
        let next = Change {
            expected_version,
            petition: petition.clone(),
            events,
            deliveries,
            request: None,
            ..change.clone()
        };
        bench.write(Write::Change(Box::new(next))).await;
    }
    petition
}

/// Two lanes with two each, of which the first lane's ended both ways, and one without a lane under a lease.
async fn deliveries(bench: &Bench) {
    for external_id in ["PA-2", "PA-3", "PA-4"] {
        let mut change = bench.new_petition_with_delivery(external_id);
        if external_id != "PA-4" {
            let second = bench.new_petition_with_delivery("another").deliveries;
            change.deliveries.extend(second);
            let lane = Some(change.petition.id.to_string());
            change.deliveries.iter_mut().for_each(|delivery| delivery.lane.clone_from(&lane));
        }
        bench.write(Write::Change(Box::new(change))).await;
    }
    let first = claim(bench).await;
    assert_eq!(first.len(), 3);
    settle(bench, &first[0], Settlement::Delivered { remote_reference: None }).await;
    let second = claim(bench).await;
    settle(bench, &second[0], Settlement::DeadLetter { reason: "HTTP 404".to_owned(), in_doubt: false }).await;
    let waits =
        first.iter().find(|claimed| claimed.delivery.lane.is_some() && claimed.delivery.id != first[0].delivery.id);
    let again = waits.expect("the second lane's first was claimed, too");
    let retry = retry();
    settle(bench, again, retry).await;
}

fn retry() -> Settlement {
    Settlement::Retry { reason: "HTTP 503".to_owned(), wait: Duration::from_secs(600), in_doubt: false }
}

async fn claim(bench: &Bench) -> Vec<Claimed> {
    let claim = Claim { lease: Duration::from_secs(60), limit: 10, room_of: Default::default() };
    match bench.write(Write::Claim(claim)).await {
        Written::Claimed(claimed) => claimed,
        other => panic!("a claim was answered by {other:?}"),
    }
}

async fn settle(bench: &Bench, claimed: &Claimed, settlement: Settlement) {
    let settle = Settle { id: claimed.delivery.id, lease: claimed.lease, settlement };
    assert_eq!(bench.write(Write::Settle(settle)).await, Written::Settled(true));
}

/// A message with an item in each state, and one without items.
async fn messages(bench: &Bench, petition: &Petition) {
    for body in ["[1,2,3]", "[]"] {
        let sha256 = hex::encode(Sha256::digest(body));
        let Written::Message(id) = bench.write(Write::Journal(NewMessage { sha256, ..message("portal", body) })).await
        else {
            panic!("a message was not answered by its number")
        };
        if body != "[]" {
            bench.write(Write::Items(items(id, petition))).await;
        }
        let cursor = CursorMove { feed: format!("pakn-{}", id.0), from: None, to: "7".to_owned() };
        let done = ItemsDone { message: Some(id), channel: "portal".to_owned(), cursor: Some(cursor) };
        bench.write(Write::MessageDone(done)).await;
    }
}

fn items(message: MessageId, petition: &Petition) -> Vec<ItemRecord> {
    let item = |index: u32, state: ItemState| ItemRecord {
        item: ItemRef { message, index },
        place: format!("danhSach[{index}]"),
        external_id: Some(format!("PA-{index}")),
        state,
        faults: Vec::new(),
        petition: None,
        discarded: None,
    };
    vec![
        ItemRecord { petition: Some(petition.id), ..item(0, ItemState::Taken) },
        ItemRecord {
            faults: vec![Fault::new(FaultCode::UnknownCode, "linhVuc", "lạ")],
            ..item(1, ItemState::Quarantined)
        },
        ItemRecord { discarded: Some("trùng".to_owned()), ..item(2, ItemState::Discarded) },
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_as_gateways_leave_it_is_sound_and_all_of_it_is_looked_at() {
    for house in House::each().await {
        let (report, heard) = house.look(&Options::default()).await;
        assert!(report.is_sound() && report.found.is_empty(), "{report:?}");
        let rows: Vec<u64> = report.rows.values().copied().collect();
        let events = report.rows[&Section::Events];
        assert!(events > 4, "{report:?}");
        assert_eq!(rows, [events, 4, 2, 5, 4, 1], "{report:?}");
        assert!(heard.iter().all(|told| matches!(told, Told::Progress { .. })));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_store_is_sound() {
    for house in [House::sqlite(), House::postgres().await] {
        assert_eq!(house.found().await, BTreeSet::new());
    }
}

/// What is done by hand, and what must be found because of it; other rules may see it as well.
const DAMAGE: &[(&str, &[What])] = &[
    ("DELETE FROM events WHERE seq = 2", &[What::EventMissing, What::HistoryGap]),
    ("DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)", &[What::EventCounter, What::HistoryMissing]),
    ("UPDATE events SET seq = 1000 + seq WHERE seq = 1", &[What::HistoryDisordered, What::RequestLost]),
    ("UPDATE events SET body = '{}' WHERE seq = 2", &[What::HistoryUnreadable]),
    ("UPDATE dossiers SET doc = replace(doc, 'hai tháng', 'ba tháng')", &[What::PetitionDiffers]),
    ("UPDATE dossiers SET doc = '{'", &[What::PetitionUnreadable]),
    ("DELETE FROM dossiers", &[What::PetitionUnreadable]),
    ("UPDATE petitions SET status = 'withdrawn'", &[What::ListingDiffers]),
    ("UPDATE petitions SET version = version + 1", &[What::ListingDiffers]),
    ("UPDATE messages SET sha256 = 'ab'", &[What::MessageAltered]),
    ("UPDATE messages SET state = 7", &[What::MessageUnreadable]),
    ("DELETE FROM items; DELETE FROM messages WHERE id = 1", &[What::MessageMissing, What::TallyDiffers]),
    ("DELETE FROM items WHERE place_no = 1", &[What::ItemMissing, What::TallyDiffers]),
    ("UPDATE items SET faults = '[]'", &[What::ItemWithoutReason]),
    ("UPDATE items SET discarded = NULL", &[What::ItemWithoutReason]),
    ("UPDATE items SET faults = '{'", &[What::ItemUnreadable]),
    ("UPDATE items SET state = 'lost' WHERE place_no = 0", &[What::ItemUnreadable]),
    ("DELETE FROM attempts", &[What::DeliveryAttempts]),
    ("UPDATE attempts SET number = number + 9", &[What::DeliveryAttempts]),
    ("UPDATE deliveries SET due_at = due_at + 1 WHERE state = 0 AND NOT leased", &[What::DeliveryState]),
    ("UPDATE deliveries SET ended_at = NULL", &[What::DeliveryState]),
    ("UPDATE deliveries SET state = 9 WHERE state = 1", &[What::DeliveryState, What::TallyDiffers]),
    ("UPDATE deliveries SET head = false WHERE state = 0 AND NOT leased", &[What::LaneHead]),
    ("UPDATE deliveries SET head = true WHERE state = 0", &[What::LaneHead]),
    ("DELETE FROM deliveries WHERE n = 1", &[What::DeliveryMissing, What::TallyDiffers]),
    ("UPDATE errands SET body = '{}' WHERE delivery = 2", &[What::DeliveryUnreadable]),
    (
        "UPDATE deliveries SET state = 1, head = false, leased = false, attempts = 1, ended_at = 1 WHERE n = 4",
        &[What::LaneOvertaken, What::DeliveryAttempts],
    ),
    ("UPDATE channels SET pending = pending + 1", &[What::TallyDiffers]),
    ("DELETE FROM channels", &[What::TallyDiffers]),
    ("UPDATE code_lists SET entries = '['", &[What::ChannelUnreadable]),
    ("UPDATE requests SET seq = 999", &[What::RequestLost]),
    (
        "DELETE FROM petitions",
        &[What::EventWithoutPetition, What::DeliveryWithoutPetition, What::ItemWithoutPetition, What::RequestLost],
    ),
];

/// The same where the engines differ: SQLite, PostgreSQL.
const OWN_DAMAGE: &[(&str, &str, What)] = &[
    ("UPDATE counters SET value = value + 1", "UPDATE counters SET seq = seq + 1", What::EventCounter),
    ("UPDATE counters SET value = value - 1", "UPDATE counters SET seq = seq - 1", What::EventCounter),
    ("DELETE FROM petition_fts WHERE rowid IN (SELECT pk FROM petitions)", "DELETE FROM texts", What::WordsMissing),
    (
        "UPDATE messages SET state = 0",
        "UPDATE messages SET state = 0; UPDATE gateways SET until = 9000000000000000000",
        What::MessageForgotten,
    ),
];

async fn is_found(house: &House, sql: &str, expected: &[What]) {
    house.do_by_hand(sql);
    let found = house.found().await;
    for what in expected {
        assert!(found.contains(what), "{sql}: {what} is not among {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_sort_of_damage_is_found_and_named_in_a_file() {
    for (sql, expected) in
        DAMAGE.iter().copied().chain(OWN_DAMAGE.iter().map(|(sql, _, what)| (*sql, std::slice::from_ref(what))))
    {
        let house = House::sqlite();
        fill(&house.bench).await;
        is_found(&house, sql, expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_sort_of_damage_is_found_and_named_in_a_database() {
    for (sql, expected) in
        DAMAGE.iter().copied().chain(OWN_DAMAGE.iter().map(|(_, sql, what)| (*sql, std::slice::from_ref(what))))
    {
        let house = House::postgres().await;
        fill(&house.bench).await;
        house.do_by_hand("INSERT INTO gateways (id, until) VALUES ('00000000-0000-0000-0000-000000000001', 0)");
        is_found(&house, sql, expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_of_its_columns_sort_is_a_finding_and_not_an_end() {
    for (sql, expected) in [
        ("UPDATE events SET petition = x'00' WHERE seq = 2", What::EventUnreadable),
        ("UPDATE petitions SET id = x'00' WHERE pk = (SELECT min(pk) FROM petitions)", What::PetitionUnreadable),
        ("UPDATE deliveries SET id = x'00' WHERE n = 1", What::DeliveryUnreadable),
        ("UPDATE deliveries SET head = 2 WHERE n = 1", What::DeliveryUnreadable),
    ] {
        let house = House::sqlite();
        fill(&house.bench).await;
        is_found(&house, sql, &[expected]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_waits_for_a_gateway_is_a_remark() {
    let house = House::postgres().await;
    fill(&house.bench).await;
    house.do_by_hand("UPDATE messages SET state = 0");
    let (report, _) = house.look(&Options::default()).await;
    assert!(report.is_sound() && !report.is_served, "{report:?}");
    assert_eq!(report.found, [(What::MessageWaiting, 2)].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_sections_and_the_time_that_were_asked_for_are_looked_at() {
    for house in House::each().await {
        house.do_by_hand("UPDATE channels SET pending = 99; DELETE FROM events WHERE seq = 1");
        let options = Options { sections: vec![Section::Channels], ..Options::default() };
        let (report, _) = house.look(&options).await;
        assert_eq!(report.found, [(What::TallyDiffers, 1)].into());
        let later: jiff::Timestamp = "2025-01-01T00:00:00Z".parse().unwrap();
        let sections = vec![Section::Events, Section::Petitions, Section::Journal, Section::Deliveries];
        let (report, _) = house.look(&Options { sections, since: Some(later), ..Options::default() }).await;
        assert_eq!((report.rows.len(), report.found.len()), (0, 0), "{report:?}");
        let store = inspect(&house.store, Arc::new(SystemClock)).await.unwrap();
        let last = store.counters().await.unwrap().last.0;
        assert_eq!(store.row_before(Growing::Events, later).await.unwrap(), last);
        assert_eq!(store.row_before(Growing::Events, jiff::Timestamp::UNIX_EPOCH).await.unwrap(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_writes_does_not_wait_for_whoever_looks() {
    for house in House::each().await {
        let store = inspect(&house.store, Arc::new(SystemClock)).await.unwrap();
        let before = store.counters().await.unwrap();
        let change = house.bench.new_petition("PA-9");
        house.bench.write(Write::Change(Box::new(change))).await;
        assert_eq!(store.counters().await.unwrap(), before, "a snapshot stays as it was");
        store.renew().await.unwrap();
        assert_eq!(store.counters().await.unwrap().seq, before.seq + 1);
    }
}

impl House {
    /// A lane with two deliveries, of which the first is a dead letter and the second under a lease.
    async fn dead_and_under_way(&self) -> [Claimed; 2] {
        let mut change = self.bench.new_petition_with_delivery("PA-9");
        change.deliveries.extend(self.bench.new_petition_with_delivery("another").deliveries);
        change.deliveries.iter_mut().for_each(|delivery| delivery.lane = Some("lane".to_owned()));
        self.bench.write(Write::Change(Box::new(change))).await;
        let first = claim(&self.bench).await.remove(0);
        settle(&self.bench, &first, Settlement::DeadLetter { reason: "HTTP 404".to_owned(), in_doubt: false }).await;
        [first, claim(&self.bench).await.remove(0)]
    }

    /// Claims while no errand can be read, and tells how that left the delivery.
    async fn claim_unreadable(&self, it: &Claimed) -> Delivery {
        self.do_by_hand("UPDATE errands SET body = body || 'x'");
        assert!(claim(&self.bench).await.is_empty(), "nobody can do it");
        self.do_by_hand("UPDATE errands SET body = substr(body, 1, length(body) - 1)");
        self.bench.store.delivery_get(it.delivery.id).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn a_store_in_which_people_retry_out_of_turn_is_sound() {
    for house in [House::sqlite(), House::postgres().await] {
        let [first, second] = house.dead_and_under_way().await;
        for (second_of_day, id) in [(100_000, first.delivery.id), (100_001, second.delivery.id)] {
            house.bench.set(second_of_day);
            assert_eq!(house.bench.write(Write::Retry(id)).await, Written::Settled(true));
            assert_eq!(house.found().await, BTreeSet::new());
        }
    }
    for house in [House::sqlite(), House::postgres().await] {
        let [_, second] = house.dead_and_under_way().await;
        house.bench.set(100_000);
        assert_eq!(house.bench.write(Write::Retry(second.delivery.id)).await, Written::Settled(true));
        assert_eq!(house.found().await, BTreeSet::new(), "hurried after its lease");
    }
}

#[tokio::test]
async fn an_errand_that_cannot_be_read_keeps_its_doubt_when_it_is_given_up() {
    for house in [House::sqlite(), House::postgres().await] {
        let [_, sent] = house.dead_and_under_way().await;
        house.bench.set(100_000);
        let given_up = house.claim_unreadable(&sent).await;
        assert_eq!((given_up.state.as_str(), given_up.in_doubt), ("dead_letter", true));
    }
}

#[tokio::test]
async fn an_errand_that_is_left_to_a_newer_gateway_keeps_its_doubt_and_its_schedule() {
    let house = House::postgres().await;
    let [_, sent] = house.dead_and_under_way().await;
    let Hand::Postgres(place) = &house.hand else { panic!("it is a house on PostgreSQL") };
    let newer = house.bench.beside(PostgresStore::open_at(&place.url(), Bench::clock()).await);
    let about = GatewayAbout { node: "hai".to_owned(), version: "9".to_owned(), since: sent.delivery.created_at };
    let lease = Duration::from_secs(1_000_000);
    newer.write(Write::Beat(Beat { lease, channels: BTreeSet::new(), about, seen: Default::default() })).await;
    house.bench.set(100_000);
    let left = house.claim_unreadable(&sent).await;
    assert_eq!((left.state.as_str(), left.in_doubt, left.attempts_in_round), ("pending", true, 1));
    assert!(house.bench.store.attempt_list(left.id).await.unwrap().is_empty());
}
