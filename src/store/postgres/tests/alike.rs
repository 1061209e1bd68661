//! Lists: that this engine gives what the embedded one gives, whatever is asked and however words are looked for; and
//! that a NUL, which the database cannot hold, comes back.

use channel_sdk::{
    fault::{Fault, FaultCode},
    model::{Agency, PetitionKind},
};
use jiff::SignedDuration;
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use super::{bench, connected, place};
use crate::{
    clock::Clock,
    petition::Status,
    store::{
        Change, ItemRecord, ItemRef, ItemState, PetitionQuery, QuarantineQuery, Sort, Store, Write, Written,
        postgres::{PostgresStore, petition_list::Patience, petition_list::petition_list_by},
        suite::{Bench, message, sqlite_bench},
    },
};

const SORTS: [Sort; 3] = [Sort::ReceivedNewest, Sort::ReceivedOldest, Sort::DueSoonest];
const CODES: [&str; 4] = ["", "A", "B", "C'\""];
const WORDS: [&str; 6] = ["bảo", "hiểm", "thất nghiệp", "nhà ở", "đường", "không ai viết"];

fn agency(rng: &mut ChaCha8Rng) -> Agency {
    Agency { code: (*CODES.choose(rng).unwrap()).to_owned(), name: String::new() }
}

fn date(rng: &mut ChaCha8Rng) -> jiff::civil::Date {
    jiff::civil::date(2019, 7, rng.random_range(1..6))
}

/// A new petition of few values, so that many petitions share them, down to millisecond and microsecond of receipt.
fn petition(bench: &Bench, rng: &mut ChaCha8Rng, number: usize) -> Change {
    let mut change = bench.new_petition(&format!("PA-{}", number / 2));
    let petition = &mut change.petition;
    petition.channel = if number.is_multiple_of(2) { "portal" } else { "assembly" }.to_owned();
    petition.received_at += SignedDuration::from_micros(rng.random_range(0..4) * 500);
    petition.status = *Status::ALL.choose(rng).unwrap();
    petition.due_on = rng.random_bool(0.7).then(|| date(rng));
    petition.unit = rng.random_bool(0.5).then(|| agency(rng));
    petition.forwarded_to = rng.random_bool(0.2).then(|| agency(rng));
    let content = &mut petition.content;
    content.kind = *[PetitionKind::Feedback, PetitionKind::Petition].choose(rng).unwrap();
    content.field.code = agency(rng).code;
    content.petitioner.province_code = Some(agency(rng).code);
    (content.forwarding_agency, content.receiving_agency) = (agency(rng), agency(rng));
    content.subject = WORDS[..5].choose_multiple(rng, 2).copied().collect::<Vec<_>>().join(" ");
    change
}

fn some<T: Clone>(rng: &mut ChaCha8Rng, of: &[T]) -> Vec<T> {
    if rng.random_bool(0.7) {
        return Vec::new();
    }
    let count = rng.random_range(1..=3.min(of.len()));
    of.choose_multiple(rng, count).cloned().collect()
}

fn query(rng: &mut ChaCha8Rng, first: jiff::Timestamp) -> PetitionQuery {
    let codes = CODES.map(str::to_owned);
    let time = |rng: &mut ChaCha8Rng| {
        rng.random_bool(0.1).then(|| first + SignedDuration::from_nanos(rng.random_range(-1..9) * 250_100))
    };
    let due = |rng: &mut ChaCha8Rng| rng.random_bool(0.1).then(|| date(rng));
    let external_id = rng.random_bool(0.1).then(|| format!("PA-{}", rng.random_range(0..100)));
    let text = rng.random_bool(0.3).then(|| some(rng, &WORDS).join(", "));
    PetitionQuery {
        statuses: some(rng, Status::ALL),
        kinds: some(rng, PetitionKind::ALL),
        fields: some(rng, &codes),
        channels: some(rng, &["portal".to_owned(), "assembly".to_owned(), "axis".to_owned()]),
        agencies: some(rng, &codes),
        localities: some(rng, &codes),
        external_id,
        received_from: time(rng),
        received_before: time(rng),
        due_from: due(rng),
        due_until: due(rng),
        overdue: rng.random_bool(0.2).then(|| (rng.random_bool(0.5), date(rng))),
        text,
        sort: *SORTS.choose(rng).unwrap(),
        after: None,
        limit: rng.random_range(1..12),
    }
}

/// The embedded engine and this one, with the same petitions.
async fn both() -> (Bench, PostgresStore, postgres_server::Database, ChaCha8Rng) {
    let mut rng = ChaCha8Rng::seed_from_u64(20_190_701);
    let (embedded, place) = (sqlite_bench(), place());
    let store = PostgresStore::open_at(&place.url(), Bench::clock()).await;
    let changes = (0..200).map(|number| Write::Change(Box::new(petition(&embedded, &mut rng, number))));
    let batch: Vec<Write> = changes.collect();
    embedded.store.write(batch.clone().into()).await.unwrap();
    store.write(batch.into()).await.unwrap();
    (embedded, store, place, rng)
}

#[tokio::test]
async fn both_engines_give_the_same_pages_and_counts_whatever_is_asked() {
    let (embedded, store, _place, mut rng) = both().await;
    let first = Bench::clock().now();
    for _ in 0..300 {
        let mut query = query(&mut rng, first);
        let count = embedded.store.petition_count(&query).await.unwrap();
        assert_eq!(store.petition_count(&query).await.unwrap(), count, "{query:?}");
        loop {
            let page = embedded.store.petition_list(&query).await.unwrap();
            assert_eq!(store.petition_list(&query).await.unwrap(), page, "{query:?}");
            let Some(last) = page.last() else { break };
            query.after = Some((query.sort.key(last), last.id));
        }
    }
}

#[tokio::test]
async fn the_pages_are_the_same_however_words_are_looked_for() {
    let (embedded, _store, place, mut rng) = both().await;
    let database = connected(&place).await;
    for number in 0..120 {
        let mut query = query(&mut rng, Bench::clock().now());
        query.text = Some((*WORDS.choose(&mut rng).unwrap()).to_owned());
        let patience = match number % 3 {
            0 => Patience { walked_max: 5, hits_max: 3 },
            1 => Patience { walked_max: 0, hits_max: 1_000 },
            _ => Patience { walked_max: 1_000, hits_max: 0 },
        };
        loop {
            let page = embedded.store.petition_list(&query).await.unwrap();
            let asked = &query;
            let found = database.read(|conn| async move { petition_list_by(patience, &conn, asked).await }).await;
            assert_eq!(found.unwrap(), page, "{patience:?} {query:?}");
            let Some(last) = page.last() else { break };
            query.after = Some((query.sort.key(last), last.id));
        }
    }
}

#[tokio::test]
async fn a_text_with_a_nul_is_kept_found_and_listed() {
    let bench = bench().await;
    let mut change = bench.new_petition("PA\0-1");
    change.petition.content.subject = "đường\0phố \u{10FFFE}".to_owned();
    change.petition.content.field.code = "F\0".to_owned();
    let petition = change.petition.clone();
    bench.write(Write::Change(Box::new(change))).await;
    let known = bench.store.petition_get_by_external_id(&petition.channel, "PA\0-1").await.unwrap();
    assert_eq!(known.as_ref(), Some(&petition));
    let text = Some("phố đường".to_owned());
    let fields = vec!["F\0".to_owned()];
    let query = PetitionQuery { text, fields, external_id: Some("PA\0-1".to_owned()), limit: 9, ..Default::default() };
    assert_eq!(bench.store.petition_list(&query).await.unwrap(), [petition]);

    let Written::Message(id) = bench.write(Write::Journal(message("portal\0", "[]"))).await else { panic!() };
    let item = ItemRecord {
        item: ItemRef::whole(id),
        place: "a\0b".to_owned(),
        external_id: Some("\0".to_owned()),
        state: ItemState::Quarantined,
        faults: vec![Fault::new(FaultCode::Missing, "a\0", "\"code\":\"format\" \u{10FFFE}")],
        petition: None,
        discarded: None,
    };
    bench.write(Write::Items(vec![item.clone()])).await;
    for (code, count) in [("missing", 1), ("format", 0), ("", 0)] {
        let channel = Some("portal\0".to_owned());
        let query = QuarantineQuery { channel, fault_code: Some(code.to_owned()), limit: 9, ..Default::default() };
        let found = bench.store.quarantine_list(&query).await.unwrap();
        assert_eq!(found.len(), count, "{code}");
        assert!(found.iter().all(|it| it.record == item), "{found:?}");
    }
}
