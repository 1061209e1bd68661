//! Changes: once each, in order, whole.

use std::collections::BTreeSet;

use super::fixture::{Bench, PORTAL, accept, answer, at, committed, decided, item, key};
use crate::{
    petition::{Command, Petition, PetitionId, Seq},
    store::{Committed, ItemState, Write},
};

pub(crate) async fn a_petition_is_read_back_as_it_was_committed(bench: Bench) {
    let mut petition = bench.petition("PA-1").await;
    bench.command(&mut petition, accept()).await;
    bench.command(&mut petition, answer("Đã trả lời.")).await;
    let store = &bench.store;
    assert_eq!(store.petition_get(petition.id).await.unwrap().as_ref(), Some(&petition));
    assert_eq!(store.petition_get_by_external_id(PORTAL, "PA-1").await.unwrap().as_ref(), Some(&petition));
    assert_eq!(store.petition_get_by_external_id("other", "PA-1").await.unwrap(), None);
    assert_eq!(store.petition_get(PetitionId(bench.id())).await.unwrap(), None);
    let events = store.event_list_of(petition.id).await.unwrap();
    assert_eq!(Petition::fold(events.iter().map(|event| &event.event)).as_ref(), Some(&petition));
    assert_eq!(events.iter().map(|event| event.seq.0).collect::<Vec<_>>(), [1, 2, 3]);
}

pub(crate) async fn the_number_of_a_petitions_last_event_is_told(bench: Bench) {
    let (mut first, second) = (bench.petition("PA-1").await, bench.petition("PA-2").await);
    bench.command(&mut first, accept()).await;
    let events = bench.store.event_list_of(first.id).await.unwrap();
    assert_eq!(bench.store.petition_seq(first.id).await.unwrap(), events.last().map(|event| event.seq));
    assert_eq!(bench.store.petition_seq(first.id).await.unwrap(), Some(Seq(3)));
    assert_eq!(bench.store.petition_seq(second.id).await.unwrap(), Some(Seq(2)));
    assert_eq!(bench.store.petition_seq(PetitionId(bench.id())).await.unwrap(), None);
}

pub(crate) async fn a_petition_sent_twice_is_recorded_once(bench: Bench) {
    let mut first = bench.petition("PA-7").await;
    bench.command(&mut first, accept()).await;
    let again = bench.commit(bench.new_petition("PA-7")).await;
    assert_eq!(again, Committed::Duplicate { id: first.id, version: 2, seq: Seq(2) });
    assert!(matches!(bench.commit(bench.new_petition_on("other", "PA-7")).await, Committed::New { .. }));
    assert_eq!(bench.store.counts().await.unwrap().petitions, 2);
}

pub(crate) async fn the_same_petition_twice_in_one_batch_is_recorded_once(bench: Bench) {
    let (first, second) = (bench.new_petition("PA-7"), bench.new_petition("PA-7"));
    let id = first.petition.id;
    let batch = vec![Write::Change(Box::new(first)), Write::Change(Box::new(second))];
    let answers: Vec<_> = bench.store.write(batch.into()).await.unwrap().into_iter().map(committed).collect();
    let (version, seq) = (1, Seq(1));
    assert_eq!(answers, [Committed::New { id, version, seq }, Committed::Duplicate { id, version, seq }]);
}

pub(crate) async fn the_same_key_is_answered_with_what_it_did(bench: Bench) {
    let key = key(bench.id(), 1);
    assert_eq!(bench.store.request_get(&key).await.unwrap(), None);
    let mut petition = bench.petition("PA-1").await;
    let mut change = decided(&petition, accept());
    change.request = Some(key.clone());
    let (id, version, seq) = (petition.id, 2, Seq(2));
    assert_eq!(bench.commit(change.clone()).await, Committed::New { id, version, seq });
    petition.clone_from(&change.petition);
    bench.command(&mut petition, answer("Đã trả lời.")).await;
    assert_eq!(bench.commit(change).await, Committed::Duplicate { id, version, seq });
    assert_eq!(bench.store.request_get(&key).await.unwrap(), Some(Committed::Duplicate { id, version, seq }));
}

pub(crate) async fn a_key_used_for_another_call_is_refused(bench: Bench) {
    let id = bench.id();
    let mut change = bench.new_petition("PA-1");
    change.request = Some(key(id, 1));
    assert!(matches!(bench.commit(change).await, Committed::New { .. }));
    let mut other = bench.new_petition("PA-2");
    other.request = Some(key(id, 2));
    assert_eq!(bench.commit(other).await, Committed::KeyReused);
    assert_eq!(bench.store.petition_get_by_external_id(PORTAL, "PA-2").await.unwrap(), None);
    assert_eq!(bench.store.request_get(&key(id, 2)).await.unwrap(), Some(Committed::KeyReused));
}

pub(crate) async fn the_same_key_of_another_caller_is_another_key(bench: Bench) {
    let id = bench.id();
    let mut change = bench.new_petition("PA-1");
    change.request = Some(key(id, 1));
    bench.commit(change).await;
    let mut other = bench.new_petition("PA-2");
    other.request = Some(crate::store::RequestKey { principal: "another".to_owned(), ..key(id, 2) });
    assert!(matches!(bench.commit(other).await, Committed::New { .. }));
}

pub(crate) async fn a_decision_on_an_old_version_is_stale_and_changes_nothing(bench: Bench) {
    let petition = bench.petition("PA-1").await;
    let withdraw = Command::Withdraw { reason: "đã giải quyết".to_owned(), told_at: None };
    let (first, second) = (decided(&petition, accept()), decided(&petition, withdraw));
    let batch = vec![Write::Change(Box::new(first.clone())), Write::Change(Box::new(second))];
    let answers: Vec<_> = bench.store.write(batch.into()).await.unwrap().into_iter().map(committed).collect();
    assert_eq!(answers[1], Committed::Stale);
    assert_eq!(bench.store.petition_get(petition.id).await.unwrap(), Some(first.petition));
    assert_eq!(bench.store.seq_last().await.unwrap(), Seq(2));
}

pub(crate) async fn a_second_change_of_a_petition_in_one_batch_sees_the_first(bench: Bench) {
    let new = bench.new_petition("PA-1");
    let accepted = decided(&new.petition, accept());
    let answered = decided(&accepted.petition, answer("Đã trả lời."));
    let last = answered.petition.clone();
    let batch = [new, accepted, answered].map(|change| Write::Change(Box::new(change)));
    let answers: Vec<_> = bench.store.write(batch.into()).await.unwrap().into_iter().map(committed).collect();
    assert!(answers.iter().all(|answer| matches!(answer, Committed::New { .. })), "{answers:?}");
    assert_eq!(bench.store.petition_get(last.id).await.unwrap(), Some(last));
}

pub(crate) async fn a_batch_that_fails_leaves_nothing(bench: Bench) {
    let first = bench.petition("PA-1").await;
    let mut clash = bench.new_petition("PA-3");
    // Another petition under the id of the first: no decision makes this, so the engine refuses it.
    clash.petition.id = first.id;
    clash.events[0].petition_id = first.id;
    let good = bench.new_petition("PA-2");
    let batch = vec![Write::Change(Box::new(good.clone())), Write::Change(Box::new(clash))];
    assert!(bench.store.write(batch.into()).await.is_err());
    assert_eq!(bench.store.petition_get(good.petition.id).await.unwrap(), None);
    assert_eq!(bench.store.seq_last().await.unwrap(), Seq(1));
    assert_eq!(bench.commit(good.clone()).await, Committed::New { id: good.petition.id, version: 1, seq: Seq(2) });
}

pub(crate) async fn a_change_takes_its_item_and_its_deliveries_along(bench: Bench) {
    let message = bench.journal("[]").await;
    let mut change = bench.new_petition("PA-1");
    change.item = Some(item(message, 0, ItemState::Taken));
    change.deliveries = vec![bench.delivery(&change.petition, Some("l"))];
    let (id, delivery) = (change.petition.id, change.deliveries[0].clone());
    bench.commit(change).await;
    let items = bench.store.item_list_of(id).await.unwrap();
    assert_eq!(
        items.iter().map(|item| (item.state, item.petition)).collect::<Vec<_>>(),
        [(ItemState::Taken, Some(id))]
    );
    let stored = bench.store.delivery_get(delivery.id).await.unwrap().unwrap();
    assert_eq!((stored.petition, stored.errand, stored.created_at), (id, delivery.errand, at(0)));
}

pub(crate) async fn sequence_numbers_are_gapless_and_in_order_under_eight_writers(bench: Bench) {
    const WRITERS: u64 = 8;
    const EACH: u64 = 20;
    let writers = (0..WRITERS).map(|writer| {
        let bench = bench.clone();
        async move {
            let mut seqs = Vec::new();
            for number in 0..EACH {
                // Every second one is a repeat: it must not take a number.
                let change = bench.new_petition(&format!("PA-{writer}-{}", number / 2));
                if let Committed::New { seq, .. } = bench.commit(change).await {
                    seqs.push(seq);
                }
            }
            assert!(seqs.is_sorted());
            seqs
        }
    });
    let seqs: BTreeSet<Seq> = futures::future::join_all(writers).await.into_iter().flatten().collect();
    let last = WRITERS * EACH / 2;
    assert_eq!(seqs, (1..=last).map(Seq).collect());
    assert_eq!(bench.store.seq_last().await.unwrap(), Seq(last));
    let mut seen = Vec::new();
    while let Some(page) =
        Some(bench.store.event_list_after(Seq(seen.len() as u64), 7).await.unwrap()).filter(|page| !page.is_empty())
    {
        seen.extend(page.into_iter().map(|event| event.seq.0));
    }
    assert_eq!(seen, (1..=last).collect::<Vec<_>>());
}
