//! Deliveries: in order within a lane, under leases, ended once.

use std::{collections::BTreeMap, time::Duration};

use super::fixture::{Bench, PORTAL, at, claim};
use crate::store::{Claim, Claimed, DeliveryId, DeliveryQuery, DeliveryState, Settle, Settlement, Write};

fn ids(claimed: &[Claimed]) -> Vec<DeliveryId> {
    claimed.iter().map(|claimed| claimed.delivery.id).collect()
}

fn delivered() -> Settlement {
    Settlement::Delivered { remote_reference: Some("GW-1".to_owned()) }
}

fn retry(wait_seconds: u64) -> Settlement {
    Settlement::Retry { reason: "HTTP 503".to_owned(), wait: Duration::from_secs(wait_seconds), in_doubt: false }
}

fn dead_letter() -> Settlement {
    Settlement::DeadLetter { reason: "HTTP 422".to_owned(), in_doubt: false }
}

async fn state(bench: &Bench, id: DeliveryId) -> DeliveryState {
    bench.store.delivery_get(id).await.unwrap().unwrap().state
}

/// What is counted for the tests' channel: waiting, dead.
async fn counted(bench: &Bench) -> (u64, u64) {
    let channels = bench.store.channel_list().await.unwrap();
    let counts = bench.store.counts().await.unwrap();
    let of_channel = (channels[0].pending, channels[0].dead_letters);
    assert_eq!((counts.pending, counts.dead_letters), of_channel, "one channel holds all");
    of_channel
}

pub(crate) async fn a_lane_gives_out_one_delivery_at_a_time_in_order(bench: Bench) {
    let wanted = bench.deliveries("PA-1", Some("lane"), 3).await;
    let mut given = Vec::new();
    for second in 1..=3 {
        let claimed = bench.claim(second).await;
        assert_eq!(claimed.len(), 1);
        assert!(bench.claim(second).await.is_empty(), "the lane has one under a lease");
        given.extend(ids(&claimed));
        assert!(bench.settle(&claimed[0], second, delivered()).await);
    }
    assert_eq!(given, wanted);
    assert!(bench.claim(4).await.is_empty());
    assert_eq!(bench.store.counts().await.unwrap().delivered, 3);
}

pub(crate) async fn lanes_and_deliveries_without_one_do_not_hold_each_other_up(bench: Bench) {
    let first = bench.deliveries("PA-1", Some("first"), 2).await;
    let second = bench.deliveries("PA-2", Some("second"), 2).await;
    let free = bench.deliveries("PA-3", None, 2).await;
    assert_eq!(ids(&bench.claim(1).await), [first[0], second[0], free[0], free[1]]);
}

pub(crate) async fn a_lane_is_a_channels_own(bench: Bench) {
    bench.deliveries("PA-1", Some("lane"), 1).await;
    let mut other = bench.new_petition_on("assembly", "KN-1");
    other.deliveries = vec![bench.delivery(&other.petition, Some("lane"))];
    bench.commit(other).await;
    assert_eq!(bench.claim(1).await.len(), 2);
}

pub(crate) async fn what_is_not_due_is_not_given_and_its_time_is_told(bench: Bench) {
    assert_eq!(bench.store.delivery_next_at().await.unwrap(), None);
    bench.deliveries("PA-1", None, 1).await;
    assert_eq!(bench.store.delivery_next_at().await.unwrap(), Some(at(0)), "a new one is due at once");
    let claimed = bench.claim(0).await.remove(0);
    assert_eq!(bench.store.delivery_next_at().await.unwrap(), Some(at(60)), "when the lease ends");
    bench.settle(&claimed, 10, retry(20)).await;
    assert!(bench.claim(29).await.is_empty());
    assert_eq!(bench.store.delivery_next_at().await.unwrap(), Some(at(30)));
    assert_eq!(bench.claim(30).await.len(), 1);
}

pub(crate) async fn the_oldest_comes_first_and_no_more_than_asked(bench: Bench) {
    let mut made = Vec::new();
    for second in [30, 10, 20] {
        bench.set(second);
        made.extend(bench.deliveries(&format!("PA-{second}"), None, 1).await);
    }
    bench.set(40);
    let claim = Claim { limit: 2, ..claim() };
    assert_eq!(ids(&bench.claim_as(claim).await), [made[1], made[2]]);
}

pub(crate) async fn a_delivery_of_the_same_batch_can_be_claimed(bench: Bench) {
    let mut change = bench.new_petition("PA-1");
    change.deliveries = vec![bench.delivery(&change.petition, None)];
    let batch = [Write::Change(Box::new(change)), Write::Claim(claim())];
    let written = bench.store.write(batch.into()).await.unwrap();
    assert!(matches!(&written[1], crate::store::Written::Claimed(claimed) if claimed.len() == 1));
}

pub(crate) async fn a_lease_that_ends_gives_the_delivery_to_the_next(bench: Bench) {
    bench.deliveries("PA-1", Some("lane"), 2).await;
    let first = bench.claim(0).await.remove(0);
    assert!(bench.claim(59).await.is_empty());
    let second = bench.claim(60).await.remove(0);
    assert_eq!(first.delivery.id, second.delivery.id);
    assert_ne!(first.lease, second.lease);
    assert_eq!((first.delivery.attempts, second.delivery.attempts), (1, 2));
}

pub(crate) async fn a_settlement_under_an_old_lease_has_no_effect_unless_it_says_delivered(bench: Bench) {
    bench.deliveries("PA-1", Some("lane"), 1).await;
    let old = bench.claim(0).await.remove(0);
    let new = bench.claim(60).await.remove(0);
    assert!(!bench.settle(&old, 61, retry(1)).await);
    assert!(!bench.settle(&old, 61, dead_letter()).await);
    assert!(bench.claim(62).await.is_empty(), "the new lease stands");
    assert!(bench.settle(&old, 63, delivered()).await);
    assert!(!bench.settle(&new, 64, retry(1)).await);
    assert!(!bench.settle(&new, 64, dead_letter()).await);
    assert_eq!(state(&bench, new.delivery.id).await, DeliveryState::Delivered);
    assert_eq!(counted(&bench).await, (0, 0));
}

pub(crate) async fn a_delivery_settled_once_under_its_lease_is_not_settled_again_under_it(bench: Bench) {
    bench.deliveries("PA-1", Some("lane"), 1).await;
    let claimed = bench.claim(0).await.remove(0);
    assert!(bench.settle(&claimed, 1, retry(9)).await);
    assert!(!bench.settle(&claimed, 2, dead_letter()).await);
    assert_eq!(state(&bench, claimed.delivery.id).await, DeliveryState::Pending);
    assert_eq!(bench.claim(10).await.len(), 1);
}

pub(crate) async fn a_retry_waits_for_its_time_and_holds_its_lane_up(bench: Bench) {
    let wanted = bench.deliveries("PA-1", Some("lane"), 2).await;
    let first = bench.claim(0).await.remove(0);
    assert!(bench.settle(&first, 1, retry(29)).await);
    assert!(bench.claim(29).await.is_empty());
    let again = bench.claim(30).await;
    assert_eq!(ids(&again), [wanted[0]]);
    assert_eq!((again[0].delivery.attempts, again[0].delivery.reason.as_deref()), (2, Some("HTTP 503")));
}

pub(crate) async fn a_dead_letter_lets_its_lane_go_on_and_can_be_retried_before_the_rest(bench: Bench) {
    let wanted = bench.deliveries("PA-1", Some("lane"), 3).await;
    let first = bench.claim(0).await.remove(0);
    assert!(bench.settle(&first, 1, dead_letter()).await);
    assert_eq!(counted(&bench).await, (2, 1));
    let second = bench.claim(2).await.remove(0);
    assert_eq!(second.delivery.id, wanted[1]);
    assert!(bench.retry(wanted[0], 3).await);
    assert!(bench.retry(wanted[0], 3).await, "asked twice, it is due all the same");
    assert_eq!(counted(&bench).await, (3, 0));
    assert!(bench.claim(4).await.is_empty(), "the second is still being attempted");
    assert!(bench.settle(&second, 5, retry(1)).await);
    let again = bench.claim(7).await.remove(0);
    assert_eq!(again.delivery.id, wanted[0]);
    assert_eq!((again.delivery.attempts, again.delivery.attempts_in_round, again.delivery.ended_at), (2, 1, None));
    assert!(bench.settle(&again, 8, delivered()).await);
    assert_eq!(ids(&bench.claim(9).await), [wanted[1]]);
}

pub(crate) async fn what_waits_for_its_time_is_tried_now_when_a_person_hurries_it(bench: Bench) {
    let wanted = bench.deliveries("PA-1", Some("lane"), 2).await;
    let hurry = |place: usize, second: i64| bench.retry(wanted[place], second);
    let first = bench.claim(0).await.remove(0);
    assert!(!hurry(0, 1).await, "it is being attempted");
    assert!(bench.settle(&first, 2, retry(39998)).await);
    assert!(hurry(1, 3).await, "it is due already, and still waits for the first");
    assert!(bench.claim(4).await.is_empty());
    assert!(hurry(0, 5).await);
    assert_eq!(bench.store.delivery_next_at().await.unwrap(), Some(at(5)));
    let again = bench.claim(5).await.remove(0);
    assert_eq!((again.delivery.id, again.delivery.next_at), (wanted[0], at(5)));
    assert_eq!((again.delivery.attempts, again.delivery.attempts_in_round), (2, 2), "its schedule counts on");
    assert_eq!(counted(&bench).await, (2, 0));
    assert!(bench.settle(&again, 6, delivered()).await);
    assert!(!hurry(0, 7).await, "it is delivered");
    assert!(!bench.retry(DeliveryId(bench.id()), 7).await);
}

pub(crate) async fn what_was_hurried_after_its_lease_ended_is_not_sent_back_to_waiting(bench: Bench) {
    let id = bench.deliveries("PA-1", None, 1).await[0];
    let old = bench.claim(0).await.remove(0);
    assert!(!bench.retry(id, 59).await);
    assert!(bench.retry(id, 60).await);
    assert!(!bench.settle(&old, 61, retry(39939)).await);
    assert_eq!(ids(&bench.claim(62).await), [id]);
}

pub(crate) async fn a_retried_dead_letter_goes_first_when_the_lease_before_it_ends_unsettled(bench: Bench) {
    let wanted = bench.deliveries("PA-1", Some("lane"), 2).await;
    let first = bench.claim(0).await.remove(0);
    bench.settle(&first, 1, dead_letter()).await;
    assert_eq!(ids(&bench.claim(2).await), [wanted[1]]);
    assert!(bench.retry(wanted[0], 3).await);
    assert_eq!(ids(&bench.claim(62).await), [wanted[0]]);
    assert!(bench.claim(63).await.is_empty());
}

/// A dead letter and the one after it in its lane, which was claimed at second 2.
async fn dead_and_under_way(bench: &Bench) -> (Vec<DeliveryId>, Claimed) {
    let made = bench.deliveries("PA-1", Some("lane"), 3).await;
    let first = bench.claim(0).await.remove(0);
    assert!(bench.settle(&first, 1, dead_letter()).await);
    let under_way = bench.claim(2).await.remove(0);
    assert_eq!(under_way.delivery.id, made[1]);
    (made, under_way)
}

pub(crate) async fn a_hurried_delivery_does_not_overtake_the_one_revived_before_it(bench: Bench) {
    let (made, _) = dead_and_under_way(&bench).await;
    bench.pause(PORTAL, true).await;
    assert!(bench.retry(made[0], 3).await);
    assert!(bench.retry(made[1], 62).await, "its lease is over");
    bench.pause(PORTAL, false).await;
    let first = bench.claim(63).await;
    assert_eq!(ids(&first), [made[0]]);
    assert!(bench.settle(&first[0], 64, delivered()).await);
    let second = bench.claim(65).await.remove(0).delivery;
    assert_eq!((second.id, second.in_doubt, second.silent_attempts), (made[1], true, 1));
}

pub(crate) async fn a_lease_that_is_over_is_let_go_when_one_before_it_comes_forward(bench: Bench) {
    let (made, _) = dead_and_under_way(&bench).await;
    assert!(bench.retry(made[0], 70).await, "the lease after it is over");
    let passed = bench.store.delivery_get(made[1]).await.unwrap().unwrap();
    assert_eq!((passed.in_doubt, passed.silent_attempts, passed.next_at), (true, 1, at(62)));
    let first = bench.claim(70).await;
    assert_eq!(ids(&first), [made[0]]);
    assert!(bench.settle(&first[0], 71, delivered()).await);
    let second = bench.claim(72).await.remove(0).delivery;
    assert_eq!((second.id, second.in_doubt, second.silent_attempts), (made[1], true, 1), "counted once");
}

pub(crate) async fn a_receipt_in_a_lane_does_not_break_the_lease_of_another_of_it(bench: Bench) {
    let (made, under_way) = dead_and_under_way(&bench).await;
    assert!(bench.retry(made[0], 3).await);
    let receipt = Settle { id: made[2], lease: uuid::Uuid::nil(), settlement: delivered() };
    assert!(bench.settled(Write::Settle(receipt)).await);
    assert!(bench.claim(4).await.is_empty(), "the second is still being attempted");
    assert!(bench.settle(&under_way, 5, retry(1)).await);
    assert_eq!(ids(&bench.claim(7).await), [made[0]]);
}

pub(crate) async fn a_receipt_settles_without_a_lease_and_adds_its_reference_once(bench: Bench) {
    let id = bench.deliveries("PA-1", None, 1).await[0];
    let receipt = |reference: Option<&str>| {
        let settlement = Settlement::Delivered { remote_reference: reference.map(str::to_owned) };
        Write::Settle(Settle { id, lease: uuid::Uuid::nil(), settlement })
    };
    bench.set(9);
    assert!(bench.settled(receipt(None)).await);
    assert!(bench.settled(receipt(Some("BDN-7"))).await);
    assert!(!bench.settled(receipt(Some("BDN-8"))).await);
    let delivery = bench.store.delivery_get(id).await.unwrap().unwrap();
    assert_eq!((delivery.state, delivery.ended_at), (DeliveryState::Delivered, Some(at(9))));
    assert_eq!(delivery.remote_reference.as_deref(), Some("BDN-7"));
    let unknown = Settle { id: DeliveryId(bench.id()), lease: uuid::Uuid::nil(), settlement: delivered() };
    assert!(!bench.settled(Write::Settle(unknown)).await);
}

pub(crate) async fn every_attempt_is_kept_with_its_verdict(bench: Bench) {
    let id = bench.deliveries("PA-1", None, 1).await[0];
    for (second, settlement) in [(10, retry(9)), (20, dead_letter())] {
        let claimed = bench.claim(second).await.remove(0);
        bench.settle(&claimed, second + 1, settlement).await;
    }
    bench.retry(id, 30).await;
    let claimed = bench.claim(30).await.remove(0);
    bench.settle(&claimed, 31, delivered()).await;
    let attempts = bench.store.attempt_list(id).await.unwrap();
    let told: Vec<_> =
        attempts.iter().map(|it| (it.number, it.at, it.verdict.as_str(), it.reason.as_deref())).collect();
    assert_eq!(
        told,
        [
            (1, at(11), "retry", Some("HTTP 503")),
            (2, at(21), "reject", Some("HTTP 422")),
            (3, at(31), "delivered", None),
        ]
    );
}

pub(crate) async fn a_paused_channel_and_an_excepted_one_are_given_nothing(bench: Bench) {
    bench.deliveries("PA-1", Some("lane"), 1).await;
    let room_of = BTreeMap::from([(PORTAL.to_owned(), 0)]);
    assert!(bench.claim_as(Claim { room_of, ..claim() }).await.is_empty());
    bench.pause(PORTAL, true).await;
    assert!(bench.claim(2).await.is_empty());
    assert_eq!(bench.store.delivery_next_at().await.unwrap(), None);
    let channel = bench.store.channel_list().await.unwrap().remove(0);
    assert_eq!((channel.name.as_str(), channel.paused, channel.paused_reason.as_str()), (PORTAL, true, "bảo trì"));
    bench.pause(PORTAL, false).await;
    assert_eq!(bench.claim(3).await.len(), 1);
}

pub(crate) async fn deliveries_are_listed_newest_first_by_channel_petition_and_state(bench: Bench) {
    let ids_of_first = bench.deliveries("PA-1", None, 3).await;
    let second = bench.deliveries("PA-2", None, 1).await[0];
    let claimed = bench.claim(1).await;
    bench.settle(&claimed[0], 2, dead_letter()).await;
    bench.settle(&claimed[1], 2, delivered()).await;
    let petition = bench.store.petition_get_by_external_id(PORTAL, "PA-1").await.unwrap().unwrap().id;
    let [a, b, c] = ids_of_first[..] else { panic!("three were made") };
    let all = DeliveryQuery { limit: 10, ..DeliveryQuery::default() };
    let of = async |query: DeliveryQuery| {
        let found = bench.store.delivery_list(&query).await.unwrap();
        found.into_iter().map(|delivery| delivery.id).collect::<Vec<_>>()
    };
    assert_eq!(of(all.clone()).await, [second, c, b, a]);
    assert_eq!(of(DeliveryQuery { limit: 2, ..all.clone() }).await, [second, c]);
    assert_eq!(of(DeliveryQuery { after: Some(c), ..all.clone() }).await, [b, a]);
    assert_eq!(of(DeliveryQuery { petition: Some(petition), ..all.clone() }).await, [c, b, a]);
    assert_eq!(of(DeliveryQuery { channel: Some("other".to_owned()), ..all.clone() }).await, []);
    assert_eq!(of(DeliveryQuery { state: Some(DeliveryState::Pending), ..all.clone() }).await, [second, c]);
    assert_eq!(of(DeliveryQuery { state: Some(DeliveryState::DeadLetter), ..all.clone() }).await, [a]);
    assert_eq!(of(DeliveryQuery { state: Some(DeliveryState::Delivered), ..all }).await, [b]);
}
