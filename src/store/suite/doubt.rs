//! Deliveries whose outcome is not known: in doubt, handed over, parked, resolved; and settlements that are events.

use std::time::Duration;

use uuid::Uuid;

use super::fixture::{Bench, decided};
use crate::{
    petition::{Command, DeliveryNote, ParkedOutcome, Petition},
    store::{
        Change, Claimed, Committed, Delivery, DeliveryId, DeliveryQuery, DeliveryState, Settle, Settlement, Write,
    },
};

fn retry(in_doubt: bool) -> Settlement {
    Settlement::Retry { reason: "no answer".to_owned(), wait: Duration::from_secs(10), in_doubt }
}

fn park() -> Settlement {
    Settlement::Park { reason: "nobody knows".to_owned() }
}

async fn read(bench: &Bench, id: DeliveryId) -> Delivery {
    bench.store.delivery_get(id).await.unwrap().unwrap()
}

/// What is counted for the tests' channel: waiting, parked, dead.
async fn counted(bench: &Bench) -> (u64, u64, u64) {
    let channel = bench.store.channel_list().await.unwrap().remove(0);
    let counts = bench.store.counts().await.unwrap();
    let of_channel = (channel.pending, channel.parked, channel.dead_letters);
    assert_eq!((counts.pending, counts.parked, counts.dead_letters), of_channel, "one channel holds all");
    of_channel
}

async fn resolve(bench: &Bench, id: DeliveryId, outcome: ParkedOutcome) -> bool {
    let settlement = Settlement::Resolve(outcome);
    bench.settled(Write::Settle(Settle { id, lease: Uuid::nil(), settlement })).await
}

/// Two deliveries of a lane, the first of them parked at second 1.
async fn parked(bench: &Bench) -> Vec<DeliveryId> {
    let made = bench.deliveries("PA-1", Some("lane"), 2).await;
    let claimed = bench.claim(0).await.remove(0);
    assert!(bench.settle(&claimed, 1, park()).await);
    made
}

pub(crate) async fn an_attempt_that_ended_without_a_word_leaves_its_delivery_in_doubt_and_is_counted(bench: Bench) {
    bench.deliveries("PA-1", Some("lane"), 1).await;
    let mut seen = Vec::new();
    for second in [0, 60, 120] {
        let claimed = bench.claim(second).await.remove(0);
        seen.push((claimed.delivery.in_doubt, claimed.delivery.silent_attempts));
        assert_eq!(read(&bench, claimed.delivery.id).await.in_doubt, claimed.delivery.in_doubt);
    }
    assert_eq!(seen, [(false, 0), (true, 1), (true, 2)]);
    let id = bench.claim(180).await.remove(0).delivery.id;
    assert!(bench.retry(id, 240).await, "its lease is over");
    let hurried = bench.claim(240).await.remove(0);
    assert_eq!((hurried.delivery.in_doubt, hurried.delivery.silent_attempts), (true, 4));
    assert!(bench.settle(&hurried, 241, retry(true)).await);
    assert_eq!(bench.claim(251).await.remove(0).delivery.silent_attempts, 4, "that attempt had its say");
}

pub(crate) async fn a_settlement_says_whether_the_doubt_stays(bench: Bench) {
    bench.deliveries("PA-1", None, 1).await;
    let mut second = 0;
    for in_doubt in [true, true, false] {
        let claimed = bench.claim(second).await.remove(0);
        assert!(bench.settle(&claimed, second, retry(in_doubt)).await);
        second += 10;
        assert_eq!(read(&bench, claimed.delivery.id).await.in_doubt, in_doubt);
    }
    let claimed = bench.claim(second).await.remove(0);
    assert!(!claimed.delivery.in_doubt);
    let dead = Settlement::DeadLetter { reason: "used up".to_owned(), in_doubt: true };
    assert!(bench.settle(&claimed, second, dead).await);
    assert!(bench.retry(claimed.delivery.id, second).await);
    let revived = bench.claim(second).await.remove(0).delivery;
    assert!(revived.in_doubt, "who retries a dead letter knows no more than before");
    let verdicts = bench.store.attempt_list(revived.id).await.unwrap().into_iter().map(|it| it.verdict);
    assert_eq!(verdicts.collect::<Vec<_>>(), ["unknown", "unknown", "retry", "reject"]);
}

pub(crate) async fn what_is_given_back_keeps_its_doubt_and_its_schedule(bench: Bench) {
    let made = bench.deliveries("PA-1", Some("lane"), 2).await;
    let give_back = || Settlement::GiveBack { reason: "not here".to_owned(), wait: Duration::from_secs(10) };
    let certain = bench.claim(0).await.remove(0);
    assert!(bench.settle(&certain, 1, give_back()).await);
    assert!(!bench.settle(&certain, 1, give_back()).await, "its lease is gone");
    assert!(bench.claim(10).await.is_empty());
    let again = bench.claim(11).await.remove(0);
    let of = |it: &Claimed| (it.delivery.id, it.delivery.attempts_in_round, it.delivery.in_doubt);
    assert_eq!(of(&again), (made[0], 1, false));
    assert_ne!(again.lease, certain.lease);
    let in_doubt = bench.claim(71).await.remove(0);
    assert_eq!(of(&in_doubt), (made[0], 2, true), "the attempt before ended without a word");
    assert!(bench.settle(&in_doubt, 72, give_back()).await);
    let kept = read(&bench, made[0]).await;
    assert_eq!((kept.in_doubt, kept.attempts_in_round, kept.silent_attempts), (true, 1, 1));
    assert_eq!(of(&bench.claim(82).await.remove(0)), (made[0], 2, true));
    assert!(bench.store.attempt_list(made[0]).await.unwrap().is_empty());
    assert_eq!(counted(&bench).await, (2, 0, 0));
}

pub(crate) async fn what_is_parked_is_not_given_out_and_holds_its_lane(bench: Bench) {
    let made = parked(&bench).await;
    assert!(bench.claim(1_000_000_000).await.is_empty());
    let first = read(&bench, made[0]).await;
    assert_eq!((first.state, first.in_doubt, first.ended_at), (DeliveryState::Parked, true, None));
    assert_eq!(first.reason.as_deref(), Some("nobody knows"));
    assert_eq!(counted(&bench).await, (1, 1, 0));
    assert!(!bench.retry(made[0], 5).await, "a person must say what became of it");
    // Whatever else happens in the lane, nothing overtakes it.
    let mut petition = bench.store.petition_get(first.petition).await.unwrap().unwrap();
    let mut change = decided(&petition, super::fixture::accept());
    change.deliveries = vec![bench.delivery(&petition, Some("lane"))];
    petition = change.petition.clone();
    assert!(matches!(bench.commit(change).await, Committed::New { .. }));
    assert!(bench.claim(1_000_000_001).await.is_empty(), "{}", petition.id);
    let of = async |state| {
        let query = DeliveryQuery { state: Some(state), limit: 9, ..DeliveryQuery::default() };
        let found = bench.store.delivery_list(&query).await.unwrap();
        found.into_iter().map(|it| it.id).collect::<Vec<_>>()
    };
    assert_eq!(of(DeliveryState::Parked).await, [made[0]]);
    assert_eq!(of(DeliveryState::Pending).await.last(), Some(&made[1]));
}

pub(crate) async fn a_parked_delivery_is_delivered_by_a_persons_word_and_its_lane_goes_on(bench: Bench) {
    let made = parked(&bench).await;
    bench.set(5);
    assert!(resolve(&bench, made[0], ParkedOutcome::Delivered).await);
    assert!(!resolve(&bench, made[0], ParkedOutcome::Delivered).await, "once");
    let first = read(&bench, made[0]).await;
    assert_eq!((first.state, first.in_doubt, first.reason), (DeliveryState::Delivered, false, None));
    assert_eq!(bench.claim(5).await.remove(0).delivery.id, made[1]);
    assert_eq!(counted(&bench).await, (1, 0, 0));
}

pub(crate) async fn a_parked_delivery_is_sent_again_by_a_persons_word_as_if_never_tried(bench: Bench) {
    let made = parked(&bench).await;
    bench.set(5);
    assert!(resolve(&bench, made[0], ParkedOutcome::SendAgain).await);
    assert!(!resolve(&bench, made[0], ParkedOutcome::SendAgain).await, "once");
    assert_eq!(counted(&bench).await, (2, 0, 0));
    let again = bench.claim(5).await.remove(0).delivery;
    assert_eq!((again.id, again.attempts, again.attempts_in_round), (made[0], 2, 1));
    assert_eq!((again.in_doubt, again.silent_attempts), (false, 0));
}

pub(crate) async fn a_persons_word_has_no_effect_on_what_is_not_parked(bench: Bench) {
    let made = bench.deliveries("PA-1", None, 2).await;
    let both = [ParkedOutcome::Delivered, ParkedOutcome::SendAgain];
    for outcome in both {
        assert!(!resolve(&bench, made[0], outcome).await, "pending");
    }
    let claimed = bench.claim(0).await;
    for outcome in both {
        assert!(!resolve(&bench, made[0], outcome).await, "being attempted");
    }
    assert!(bench.settle(&claimed[0], 1, Settlement::Delivered { remote_reference: None }).await);
    let dead = Settlement::DeadLetter { reason: "HTTP 422".to_owned(), in_doubt: false };
    assert!(bench.settle(&claimed[1], 1, dead).await);
    assert!(!resolve(&bench, made[0], ParkedOutcome::SendAgain).await, "delivered");
    assert!(!resolve(&bench, made[1], ParkedOutcome::SendAgain).await, "a dead letter is retried");
}

pub(crate) async fn a_receipt_settles_what_is_parked_and_what_was_handed_over(bench: Bench) {
    let receipt = || Settlement::Delivered { remote_reference: Some("R-9".to_owned()) };
    let without_lease = |id| Write::Settle(Settle { id, lease: Uuid::nil(), settlement: receipt() });
    let made = parked(&bench).await;
    assert!(bench.settled(without_lease(made[0])).await);
    let claimed = bench.claim(2).await.remove(0);
    let wait = Duration::from_secs(30);
    let over = Settlement::HandedOver { wait, remote_reference: Some("R-1".to_owned()) };
    assert!(bench.settle(&claimed, 3, over).await);
    let waiting = read(&bench, made[1]).await;
    assert_eq!((waiting.state, waiting.in_doubt), (DeliveryState::Pending, true));
    assert!(bench.claim(32).await.is_empty());
    assert!(bench.settled(without_lease(made[1])).await);
    let settled = read(&bench, made[1]).await;
    assert_eq!((settled.state, settled.remote_reference.as_deref()), (DeliveryState::Delivered, Some("R-9")));
    assert_eq!(counted(&bench).await, (0, 0, 0));
    let verdicts = bench.store.attempt_list(made[1]).await.unwrap().into_iter().map(|it| it.verdict);
    assert_eq!(verdicts.collect::<Vec<_>>(), ["handed_over", "delivered"]);
}

pub(crate) async fn a_dead_letter_can_be_found_delivered_after_all(bench: Bench) {
    let made = bench.deliveries("PA-1", Some("lane"), 1).await;
    let claimed = bench.claim(0).await.remove(0);
    let dead = Settlement::DeadLetter { reason: "used up".to_owned(), in_doubt: true };
    assert!(bench.settle(&claimed, 1, dead).await);
    assert!(resolve(&bench, made[0], ParkedOutcome::Delivered).await);
    let found = read(&bench, made[0]).await;
    assert_eq!((found.state, found.in_doubt), (DeliveryState::Delivered, false));
    assert_eq!(counted(&bench).await, (0, 0, 0));
}

/// The change that notes a delivery as parked, and parks it.
fn noted(petition: &Petition, claimed: &Claimed) -> Change {
    let note = DeliveryNote::Parked { reason: "nobody knows".to_owned() };
    let change = decided(petition, Command::NoteDelivery { delivery: claimed.delivery.about(), note });
    let settle = Settle { id: claimed.delivery.id, lease: claimed.lease, settlement: park() };
    Change { settle: Some(settle), ..change }
}

pub(crate) async fn a_change_takes_effect_with_its_settlement_or_not_at_all(bench: Bench) {
    let made = bench.deliveries("PA-1", Some("lane"), 1).await;
    let old = bench.claim(0).await.remove(0);
    let new = bench.claim(60).await.remove(0);
    let petition = bench.store.petition_get(new.delivery.petition).await.unwrap().unwrap();
    assert_eq!(bench.commit(noted(&petition, &old)).await, Committed::Unsettled, "its lease is over");
    assert_eq!(bench.store.petition_get(petition.id).await.unwrap().unwrap(), petition);
    let batch = [noted(&petition, &new), noted(&petition, &new)].map(|change| Write::Change(Box::new(change)));
    let written = bench.store.write(batch.into()).await.unwrap();
    let answers: Vec<Committed> = written.into_iter().map(super::fixture::committed).collect();
    assert!(matches!(answers[..], [Committed::New { .. }, Committed::Unsettled]), "{answers:?}");
    assert_eq!(read(&bench, made[0]).await.state, DeliveryState::Parked);
    let events = bench.store.event_list_of(petition.id).await.unwrap();
    let names: Vec<&str> = events.iter().map(|it| it.event.body.name()).collect();
    assert_eq!(names, ["received", "delivery_parked"]);
}

pub(crate) async fn a_settlement_of_a_stale_change_has_no_effect(bench: Bench) {
    let made = bench.deliveries("PA-1", Some("lane"), 1).await;
    let claimed = bench.claim(0).await.remove(0);
    let old = bench.store.petition_get(claimed.delivery.petition).await.unwrap().unwrap();
    let mut petition = old.clone();
    bench.command(&mut petition, super::fixture::accept()).await;
    assert_eq!(bench.commit(noted(&old, &claimed)).await, Committed::Stale);
    assert_eq!(read(&bench, made[0]).await.state, DeliveryState::Pending);
    assert!(matches!(bench.commit(noted(&petition, &claimed)).await, Committed::New { .. }));
}
