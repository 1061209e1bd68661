//! Reconciliations: runs, what a far side listed, differences, and what is sent once more.

use channel_sdk::listing::Listed;
use uuid::Uuid;

use super::fixture::{Bench, PORTAL, at, event};
use crate::{
    petition::{DifferenceKind, EventBody, PetitionId},
    store::{
        Change, Committed, DeliveryState, Difference, DifferenceChange, DifferenceQuery, DifferenceState, Reconcile,
        Reconciliation, RunState, Settlement, Texts, Write,
    },
};

/// A run of [`PORTAL`] that begins now.
pub(crate) fn run(bench: &Bench) -> Reconciliation {
    Reconciliation {
        id: bench.id(),
        channel: PORTAL.to_owned(),
        state: RunState::Listing,
        cursor: None,
        began_at: at(10),
        ended_at: None,
        listed: 0,
        unreadable: 0,
        compared: 0,
        asked: 0,
        found: 0,
        failure: None,
    }
}

/// An open difference that the run found.
pub(crate) fn difference(bench: &Bench, run: &Reconciliation, external_id: &str) -> Difference {
    Difference {
        id: bench.id(),
        channel: run.channel.clone(),
        external_id: external_id.to_owned(),
        petition: None,
        delivery: None,
        kind: DifferenceKind::MissingHere,
        state: DifferenceState::Open,
        found_in: run.id,
        seen_in: run.id,
        found_at: at(11),
        closed_at: None,
        outcome: None,
    }
}

async fn step(bench: &Bench, run: &Reconciliation, listed: Vec<Listed>, differences: Vec<DifferenceChange>) {
    let step = Reconcile::Step { run: run.clone(), listed, differences };
    bench.write(Write::Reconcile(Box::new(step))).await;
}

fn listed(external_id: &str, revision: u64) -> Listed {
    Listed { external_id: external_id.to_owned(), revision: Some(revision), ..Listed::default() }
}

pub(crate) async fn a_run_is_kept_with_its_place_and_no_other_begins_beside_it(bench: Bench) {
    let (first, second) = (run(&bench), run(&bench));
    for begun in [&first, &second] {
        bench.write(Write::Reconcile(Box::new(Reconcile::Begin(begun.clone())))).await;
    }
    let store = &bench.store;
    assert_eq!(store.reconciliation_last(PORTAL).await.unwrap(), Some(first.clone()));
    assert_eq!(store.reconciliation_last("assembly").await.unwrap(), None);
    let cursor = Some("a\0b".to_owned());
    let further = Reconciliation { state: RunState::Comparing, cursor, listed: 3, asked: 1, ..first.clone() };
    step(&bench, &further, Vec::new(), Vec::new()).await;
    assert_eq!(store.reconciliation_last(PORTAL).await.unwrap(), Some(further.clone()));
    assert_eq!(store.reconciliation_last_done(PORTAL).await.unwrap(), None);
    let done = Reconciliation { state: RunState::Done, ended_at: Some(at(20)), found: 2, ..further.clone() };
    step(&bench, &done, Vec::new(), Vec::new()).await;
    // Somebody who slept through the end does not open it again.
    step(&bench, &further, Vec::new(), Vec::new()).await;
    assert_eq!(store.reconciliation_last_done(PORTAL).await.unwrap(), Some(done));
    bench.write(Write::Reconcile(Box::new(Reconcile::Begin(second.clone())))).await;
    assert_eq!(store.reconciliation_last(PORTAL).await.unwrap(), Some(second));
}

pub(crate) async fn what_a_run_listed_is_found_and_what_is_no_petition_is_missing_page_by_page(bench: Bench) {
    bench.petition("PA-2").await;
    let (old, now) = (run(&bench), run(&bench));
    step(&bench, &old, vec![listed("PA-0", 1), listed("PA-9", 1)], Vec::new()).await;
    step(&bench, &now, (1..=5).map(|n| listed(&format!("PA-{n}"), 1)).collect(), Vec::new()).await;
    step(&bench, &now, vec![listed("PA-3", 2), listed("PA\0", 1)], Vec::new()).await;
    let store = &bench.store;
    let ids = ["PA-0", "PA-2", "PA-3", "PA\0"].map(str::to_owned);
    let mut found = store.listed_of(&now, &ids).await.unwrap();
    found.sort_by(|a, b| a.external_id.cmp(&b.external_id));
    assert_eq!(found, [listed("PA\0", 1), listed("PA-2", 1), listed("PA-3", 2)], "of this run alone, in its last word");
    assert!(store.listed_any(&now).await.unwrap() && !store.listed_any(&run(&bench)).await.unwrap());
    let (mut missing, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = store.listed_missing(&now, after.as_deref(), 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.external_id.clone());
        missing.extend(page.into_iter().map(|it| it.external_id));
    }
    missing.sort();
    assert_eq!(missing, ["PA\0", "PA-1", "PA-3", "PA-4", "PA-5"]);
}

pub(crate) async fn petitions_of_a_channel_are_walked_once_each_with_their_deliveries(bench: Bench) {
    let mut expected = Vec::new();
    for number in 0..5 {
        let change = bench.new_petition_with_delivery(&format!("PA-{number}"));
        expected.push(change.petition.id);
        bench.commit(change).await;
    }
    bench.commit(bench.new_petition_on("assembly", "KN-1")).await;
    let (mut walked, mut after) = (Vec::<PetitionId>::new(), None::<String>);
    loop {
        let page = bench.store.petition_list_by_external_id(PORTAL, after.as_deref(), 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.external_id.clone());
        walked.extend(page.into_iter().map(|it| it.id));
    }
    walked.sort_unstable();
    expected.sort_unstable();
    assert_eq!(walked, expected);
    let deliveries = bench.store.delivery_list_of(&expected[..3]).await.unwrap();
    let mut of: Vec<PetitionId> = deliveries.into_iter().map(|it| it.petition).collect();
    of.sort_unstable();
    assert_eq!(of, expected[..3]);
}

pub(crate) async fn a_difference_is_found_seen_again_and_closed_once(bench: Bench) {
    let (first, second) = (run(&bench), run(&bench));
    let (kept, gone) = (difference(&bench, &first, "PA-1"), difference(&bench, &first, "PA\0"));
    let found = [&kept, &gone].map(|it| DifferenceChange::Found(it.clone()));
    step(&bench, &first, Vec::new(), found.to_vec()).await;
    // A step that was cut off is done again.
    step(&bench, &first, Vec::new(), found.to_vec()).await;
    step(&bench, &second, Vec::new(), vec![DifferenceChange::Seen { id: kept.id, run: second.id }]).await;
    let store = &bench.store;
    let open = |not_seen_in: Option<Uuid>| DifferenceQuery {
        channel: Some(PORTAL.to_owned()),
        state: Some(DifferenceState::Open),
        kind: Some(DifferenceKind::MissingHere),
        not_seen_in,
        limit: 9,
        ..DifferenceQuery::default()
    };
    let seen = Difference { seen_in: second.id, ..kept.clone() };
    assert_eq!(store.difference_list(&open(None)).await.unwrap(), [gone.clone(), seen.clone()], "newest first");
    assert_eq!(store.difference_list(&open(Some(second.id))).await.unwrap(), std::slice::from_ref(&gone));
    let close = |state, outcome: &str| {
        let closed = DifferenceChange::Closed { id: gone.id, state, at: at(30), outcome: outcome.to_owned() };
        Write::Reconcile(Box::new(Reconcile::Differences(vec![closed])))
    };
    bench.write(close(DifferenceState::Repaired, "đã lấy về\0")).await;
    bench.write(close(DifferenceState::Dismissed, "muộn")).await;
    let closed = store.difference_get(gone.id).await.unwrap().unwrap();
    assert_eq!((closed.state, closed.closed_at), (DifferenceState::Repaired, Some(at(30))));
    assert_eq!(closed.outcome.as_deref(), Some("đã lấy về\0"));
    let of = store.difference_list_of(PORTAL, &["PA-1".to_owned()]).await.unwrap();
    assert_eq!(of, [seen]);
    let page = DifferenceQuery { after: Some(gone.id), limit: 9, ..DifferenceQuery::default() };
    assert_eq!(store.difference_list(&page).await.unwrap().len(), 1);
}

pub(crate) async fn a_difference_of_a_petition_comes_with_its_event_or_not_at_all(bench: Bench) {
    let petition = bench.petition("PA-1").await;
    let run = run(&bench);
    let [found, late] = [0, 1].map(|_| Difference { petition: Some(petition.id), ..difference(&bench, &run, "PA-1") });
    let noted = |it: &Difference| {
        let body = EventBody::DifferenceFound { difference: it.id.to_string(), kind: it.kind, delivery: None };
        let event = event(petition.id, petition.version + 1, at(11), body);
        let mut after = petition.clone();
        after.apply(&event);
        Change {
            expected_version: Some(petition.version),
            petition: after,
            events: vec![event],
            deliveries: Vec::new(),
            request: None,
            item: None,
            settle: None,
            differences: vec![DifferenceChange::Found(it.clone())],
            texts: Texts::default(),
        }
    };
    assert!(matches!(bench.commit(noted(&found)).await, Committed::New { .. }));
    assert_eq!(bench.commit(noted(&late)).await, Committed::Stale);
    assert_eq!(bench.store.difference_get(found.id).await.unwrap(), Some(found));
    assert_eq!(bench.store.difference_get(late.id).await.unwrap(), None);
    let events = bench.store.event_list_of(petition.id).await.unwrap();
    assert_eq!(events.len(), 2);
    assert!(matches!(events[1].event.body, EventBody::DifferenceFound { .. }));
}

pub(crate) async fn what_was_delivered_is_sent_again_in_its_place_and_counted_once(bench: Bench) {
    let wanted = bench.deliveries("PA-1", Some("lane"), 2).await;
    let deliver = async |second: i64| {
        for id in &wanted {
            let claimed = bench.claim(second).await;
            assert_eq!(claimed.iter().map(|it| it.delivery.id).collect::<Vec<_>>(), [*id], "in the order of the lane");
            assert!(bench.settle(&claimed[0], second, Settlement::Delivered { remote_reference: None }).await);
        }
    };
    deliver(1).await;
    assert_eq!(bench.store.counts().await.unwrap().delivered, 2);
    for id in wanted.iter().rev() {
        assert!(bench.settled(Write::SendAgain(*id)).await);
    }
    assert!(!bench.settled(Write::SendAgain(wanted[0])).await, "it waits already");
    let counts = bench.store.counts().await.unwrap();
    assert_eq!((counts.delivered, counts.pending, counts.dead_letters), (0, 2, 0));
    deliver(2).await;
    let delivery = bench.store.delivery_get(wanted[0]).await.unwrap().unwrap();
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Delivered, 2));
    let counts = bench.store.counts().await.unwrap();
    assert_eq!((counts.delivered, counts.pending, counts.dead_letters), (2, 0, 0));
}
