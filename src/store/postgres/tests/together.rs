//! Several gateways on one database, as far as their stores promise it: who holds what, who deals with what, and that nothing
//! is lost or done twice when a connection is.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures::future::join_all;

use jiff::Timestamp;
use postgres_server::Server;

use super::{
    super::{PostgresStore, connect::Database},
    wire::Wire,
};
use crate::{
    clock::ManualClock,
    config,
    petition::Seq,
    store::{
        Beat, ChannelHealth, Claim, Claimed, Committed, GatewayAbout, Held, MessageId, Write, Written,
        suite::{Bench, message},
    },
};

const PORTAL: &str = "portal";

async fn store(url: &str, clock: &Arc<ManualClock>) -> PostgresStore {
    PostgresStore::open_at(url, clock.clone()).await
}

/// Two gateways' benches on one database, at one time.
async fn two() -> (Bench, Bench) {
    let database = Server::shared().database();
    let clock = Bench::clock();
    let (first, second) = (store(&database.url(), &clock).await, store(&database.url(), &clock).await);
    let first = Bench::new(first, clock, database);
    let second = first.beside(second);
    (first, second)
}

/// A bench behind a wire.
async fn wired() -> (Bench, Wire) {
    let database = Server::shared().database();
    let clock = Bench::clock();
    let wire = Wire::to(&database);
    let store = store(&wire.url, &clock).await;
    (Bench::new(store, clock, database), wire)
}

fn beat() -> Write {
    Write::Beat(Beat {
        lease: Duration::from_secs(9),
        about: GatewayAbout { node: "một".to_owned(), version: "0.1.0".to_owned(), since: Timestamp::UNIX_EPOCH },
        channels: BTreeSet::from([PORTAL.to_owned(), "assembly".to_owned()]),
        seen: BTreeMap::from([(PORTAL.to_owned(), ChannelHealth::default())]),
    })
}

async fn held(bench: &Bench) -> Held {
    match bench.write(beat()).await {
        Written::Held(held) => held,
        other => panic!("a beat was answered by {other:?}"),
    }
}

async fn settled(bench: &Bench, write: Write) -> bool {
    match bench.write(write).await {
        Written::Settled(took_effect) => took_effect,
        other => panic!("answered by {other:?}"),
    }
}

async fn journal(bench: &Bench) -> MessageId {
    match bench.write(Write::Journal(message(PORTAL, "[]"))).await {
        Written::Message(id) => id,
        other => panic!("a message was answered by {other:?}"),
    }
}

#[tokio::test]
async fn a_channel_is_held_by_one_gateway_until_it_is_silent_for_its_lease() {
    let (first, second) = two().await;
    assert_eq!(held(&first).await.channels.len(), 2);
    assert!(held(&second).await.channels.is_empty());
    first.set(8);
    assert_eq!(held(&first).await.channels.len(), 2, "it says that it is alive");
    first.set(16);
    assert!(held(&second).await.channels.is_empty());
    first.set(17);
    assert_eq!(held(&second).await.channels.len(), 2, "its last sign of life was nine seconds ago");
    assert!(held(&first).await.channels.is_empty(), "who comes back finds its turn gone");
}

#[tokio::test]
async fn a_gateway_that_leaves_lets_go_at_once() {
    let (first, second) = two().await;
    held(&first).await;
    let message = journal(&first).await;
    assert_eq!(first.write(Write::Leave).await, Written::Done);
    assert_eq!(held(&second).await.channels.len(), 2);
    assert_eq!(second.store.message_list_unfinished(9).await.unwrap(), [message]);
}

#[tokio::test]
async fn a_message_is_left_to_the_gateway_that_has_it_until_that_is_silent() {
    let (first, second) = two().await;
    held(&first).await;
    held(&second).await;
    let message = journal(&first).await;
    assert_eq!(first.store.message_list_unfinished(9).await.unwrap(), [message]);
    assert!(second.store.message_list_unfinished(9).await.unwrap().is_empty());
    assert!(!settled(&second, Write::TakeOver(message)).await);
    assert!(settled(&first, Write::TakeOver(message)).await, "it is its own already");
    first.set(9);
    held(&second).await;
    assert_eq!(second.store.message_list_unfinished(9).await.unwrap(), [message]);
    assert!(settled(&second, Write::TakeOver(message)).await);
    assert!(!settled(&first, Write::TakeOver(message)).await, "it is another's now");
    assert!(first.store.message_list_unfinished(9).await.unwrap().is_empty());
}

#[tokio::test]
async fn gateways_see_what_others_see_and_hold_as_long_as_those_are_alive() {
    let (first, second) = two().await;
    held(&first).await;
    held(&second).await;
    let others = second.store.gateway_list_others().await.unwrap();
    assert_eq!(others.len(), 1);
    assert_eq!(others[0].holds, BTreeSet::from(["assembly".to_owned(), PORTAL.to_owned()]));
    assert_eq!(others[0].about.node, "một");
    assert_eq!(others[0].seen.keys().collect::<Vec<_>>(), [PORTAL]);
    first.set(9);
    assert!(second.store.gateway_list_others().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_wish_to_pull_a_channel_reaches_whoever_holds_it_once() {
    let (first, second) = two().await;
    held(&first).await;
    second.write(Write::Sync(PORTAL.to_owned())).await;
    assert!(held(&second).await.to_sync.is_empty());
    assert_eq!(held(&first).await.to_sync, BTreeSet::from([PORTAL.to_owned()]));
    assert!(held(&first).await.to_sync.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_gapless_and_nothing_is_taken_twice_when_gateways_race() {
    const EACH: usize = 30;
    let (first, second) = two().await;
    // Both are sent the same petitions at the same time.
    let write = |bench: Bench, first: Bench, number: usize| async move {
        bench.store.write([Write::Change(Box::new(first.new_petition(&format!("PA-{number}"))))].into()).await
    };
    let calls = (0..EACH)
        .flat_map(|number| [write(first.clone(), first.clone(), number), write(second.clone(), first.clone(), number)]);
    let answers = join_all(calls).await;
    let new: BTreeSet<Seq> = answers
        .iter()
        .filter_map(|answer| match answer.as_ref().unwrap().as_slice() {
            [Written::Committed(Committed::New { seq, .. })] => Some(*seq),
            [Written::Committed(Committed::Duplicate { .. })] => None,
            other => panic!("a change was answered by {other:?}"),
        })
        .collect();
    assert_eq!(new, (1..=EACH as u64).map(Seq).collect());
    assert_eq!(second.store.counts().await.unwrap().petitions, EACH as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_given_to_one_gateway_when_they_race_for_it() {
    let (first, second) = two().await;
    for number in 0..40 {
        first.write(Write::Change(Box::new(first.new_petition_with_delivery(&format!("PA-{number}"))))).await;
    }
    let claim = || Claim { lease: Duration::from_secs(60), limit: 7, room_of: BTreeMap::new() };
    let claims = (0..10).map(|number| {
        let bench = if number % 2 == 0 { first.clone() } else { second.clone() };
        async move {
            match bench.write(Write::Claim(claim())).await {
                Written::Claimed(claimed) => claimed,
                other => panic!("a claim was answered by {other:?}"),
            }
        }
    });
    let claimed: Vec<Claimed> = join_all(claims).await.into_iter().flatten().collect();
    let distinct: BTreeSet<_> = claimed.iter().map(|it| it.delivery.id).collect();
    assert_eq!((claimed.len(), distinct.len()), (40, 40));
}

#[tokio::test]
async fn a_commit_whose_reply_was_lost_is_not_done_again() {
    let (bench, wire) = wired().await;
    bench.write(Write::Journal(message(PORTAL, "[]"))).await;
    wire.lose_next_reply_to_a_commit();
    let batch = [
        Write::Change(Box::new(bench.new_petition_with_delivery("PA-1"))),
        Write::Journal(message(PORTAL, "[1]")),
        Write::Claim(Claim { lease: Duration::from_secs(60), limit: 7, room_of: BTreeMap::new() }),
    ];
    let written = bench.store.write(batch.into()).await.unwrap();
    assert_eq!(wire.lost(), 1, "the reply was lost for real");
    assert!(matches!(&written[0], Written::Committed(Committed::New { seq: Seq(1), .. })), "{written:?}");
    assert_eq!(written[1], Written::Message(MessageId(2)));
    assert!(matches!(&written[2], Written::Claimed(claimed) if claimed.len() == 1), "{written:?}");
    let counts = bench.store.counts().await.unwrap();
    assert_eq!((counts.petitions, counts.events, counts.messages, counts.pending), (1, 1, 2, 1));
}

#[tokio::test]
async fn a_batch_that_was_cut_off_before_its_commit_is_done_once() {
    let (bench, wire) = wired().await;
    bench.write(Write::Journal(message(PORTAL, "[]"))).await;
    wire.cut_before_next_commit();
    let written = bench.write(Write::Change(Box::new(bench.new_petition("PA-1")))).await;
    assert!(matches!(written, Written::Committed(Committed::New { seq: Seq(1), .. })), "{written:?}");
    assert_eq!(wire.lost(), 1, "the connection was cut for real");
    assert_eq!(bench.store.counts().await.unwrap().petitions, 1);
}

#[tokio::test]
async fn a_gateway_that_is_held_up_inside_its_transaction_holds_others_up_for_seconds_only() {
    let database = Server::shared().database();
    let clock = Bench::clock();
    let bench = Bench::new(store(&database.url(), &clock).await, clock, ());
    // As a stopped process leaves it: the row is locked, and no word comes any more.
    let stuck = Database::open(&config::Postgres::at(&database.url())).await.unwrap().writer().await.unwrap();
    stuck.batch_execute("BEGIN; SELECT 1 FROM counters FOR UPDATE").await.unwrap();
    let written = bench.write(Write::Change(Box::new(bench.new_petition("PA-1")))).await;
    assert!(matches!(written, Written::Committed(Committed::New { .. })), "{written:?}");
    assert!(stuck.batch_execute("COMMIT").await.is_err(), "it was cut off");
}
