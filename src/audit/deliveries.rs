//! Deliveries: each is in a state that a delivery can be in, its attempts say how it came there, and its lane keeps its order.

use super::{Finding, Section, What, finding};
use crate::store::{
    DeliveryState,
    inspect::{AttemptRow, DeliveryRow, Found, Unreadable, delivery_state},
};

/// The rules of deliveries, as they come by their numbers.
pub(super) struct Deliveries {
    last: i64,
}

impl Deliveries {
    /// For deliveries after this number.
    pub(super) fn after(last: i64) -> Deliveries {
        Deliveries { last }
    }

    /// The last number that came.
    pub(super) fn last(&self) -> i64 {
        self.last
    }

    /// A delivery with its attempts, by their numbers.
    pub(super) fn next(&mut self, delivery: &Found<DeliveryRow>, attempts: &[AttemptRow]) -> Vec<Finding> {
        let mut found = Vec::new();
        let n = delivery.as_ref().map_or_else(|unreadable| unreadable.row, |delivery| delivery.n);
        found.extend(finding::gap(self.last, n, |from, to| of(What::DeliveryMissing, numbers(from, to))));
        self.last = n;
        let Ok(it) = delivery else {
            found.push(of(What::DeliveryUnreadable, numbers(n, n)));
            return found;
        };
        let mut tell = |what: What, more: &str| {
            found.push(of(what, format!("channels/{}/deliveries/{}{more}", it.channel, it.id)));
        };
        if !it.has_petition {
            tell(What::DeliveryWithoutPetition, "");
        }
        if !it.has_errand {
            tell(What::DeliveryUnreadable, "");
        }
        state(it).into_iter().for_each(|why| tell(What::DeliveryState, why));
        ended(it, attempts).into_iter().for_each(|why| tell(What::DeliveryAttempts, why));
        lane(it, attempts).into_iter().for_each(|(what, why)| tell(what, why));
        found
    }
}

/// What of its columns does not go together.
fn state(it: &DeliveryRow) -> Vec<&'static str> {
    let Some(state) = delivery_state(it.state, it.due_at) else {
        return vec![": trạng thái không có (no such state)"];
    };
    let mut broken = match state {
        DeliveryState::Pending => waiting(it),
        DeliveryState::Parked => parked(it),
        DeliveryState::Delivered | DeliveryState::DeadLetter => over(it, state),
    };
    broken.extend(counts(it));
    broken
}

fn counts(it: &DeliveryRow) -> Vec<&'static str> {
    let rules = [
        (
            it.attempts_in_round < 0 || it.attempts < it.attempts_in_round,
            ": số lần gửi của lượt này lớn hơn tổng số (attempts of this round are not among all)",
        ),
        (
            it.silent_attempts < 0 || it.attempts_in_round < it.silent_attempts,
            ": số lần gửi dừng giữa chừng lớn hơn số lần gửi (more attempts ended without a word than were begun)",
        ),
    ];
    broken(rules)
}

/// Waits for its time, or is being attempted.
fn waiting(it: &DeliveryRow) -> Vec<&'static str> {
    let rules = [
        (it.leased && !it.head, ": đang được giữ mà không được nhận gửi (it is under a lease and may not be claimed)"),
        (it.leased && it.attempts == 0, ": đang được giữ mà chưa gửi lần nào (it is under a lease without an attempt)"),
        (
            !it.has_lane && !it.head,
            ": đang chờ, không theo hàng, mà không được nhận gửi (it waits without a lane and may not be claimed)",
        ),
        (it.ended_at.is_some(), ": có giờ kết thúc mà chưa kết thúc (it waits and has an end)"),
        (
            !it.leased && it.due_at != it.next_at,
            ": giờ đến hạn khác giờ gửi tiếp theo (it is due at another time than its next attempt)",
        ),
    ];
    broken(rules)
}

/// Waits for a person.
fn parked(it: &DeliveryRow) -> Vec<&'static str> {
    let rules = [
        (it.leased, ": tạm giữ mà vẫn đang gửi (it is parked and under a lease)"),
        (it.ended_at.is_some(), ": tạm giữ mà có giờ kết thúc (it is parked and has an end)"),
        (!it.in_doubt, ": tạm giữ mà không chờ xác minh (it is parked and not in doubt)"),
        (!it.has_reason, ": tạm giữ mà không có lý do (it is parked without a reason)"),
    ];
    broken(rules)
}

/// Delivered, or given up.
fn over(it: &DeliveryRow, state: DeliveryState) -> Vec<&'static str> {
    let is_delivered = state == DeliveryState::Delivered;
    let rules = [
        (it.head, ": không chờ mà vẫn được nhận gửi (it does not wait and may be claimed)"),
        (it.leased, ": không chờ mà vẫn đang được giữ (it does not wait and is under a lease)"),
        (it.ended_at.is_none(), ": kết thúc mà thiếu giờ (it has ended without its time)"),
        (is_delivered && it.in_doubt, ": đã chuyển mà vẫn chờ xác minh (it is delivered and in doubt)"),
        (!is_delivered && !it.has_reason, ": bỏ mà không có lý do (it was given up without a reason)"),
    ];
    broken(rules)
}

fn broken(rules: impl IntoIterator<Item = (bool, &'static str)>) -> Vec<&'static str> {
    rules.into_iter().filter(|(is_broken, _)| *is_broken).map(|(_, why)| why).collect()
}

/// What its attempts do not say.
fn ended(it: &DeliveryRow, attempts: &[AttemptRow]) -> Vec<&'static str> {
    let says = |verdict: &str| attempts.iter().any(|attempt| attempt.verdict == verdict);
    // A word that came outside any attempt (a receipt) is one of its own, and those after it count on from there.
    let is_beyond = |attempt: &AttemptRow| attempt.number > it.attempts && !says("delivered");
    let state = delivery_state(it.state, it.due_at);
    let rules = [
        (
            state == Some(DeliveryState::Delivered) && !says("delivered"),
            ": không lần gửi nào ghi là đã chuyển (no attempt says that it was delivered)",
        ),
        (
            state == Some(DeliveryState::DeadLetter) && !says("reject"),
            ": không lần gửi nào ghi là đã bỏ (no attempt says that it was given up)",
        ),
        (
            attempts.iter().any(is_beyond),
            ": lần gửi có số lớn hơn số lần đã bắt đầu (an attempt has a number beyond those that were begun)",
        ),
        (attempts.iter().any(|attempt| attempt.number < 1), ": lần gửi không có số (an attempt has no number)"),
    ];
    broken(rules)
}

/// What is wrong with the order of its lane, told at one of its deliveries.
fn lane(it: &DeliveryRow, attempts: &[AttemptRow]) -> Vec<(What, &'static str)> {
    let (Some(first), Some(heads)) = (it.lane_first, it.lane_heads) else { return Vec::new() };
    // One that had ended and was taken up again by a person goes before what was delivered meanwhile.
    let has_ended_before = attempts.iter().any(|attempt| matches!(attempt.verdict.as_str(), "delivered" | "reject"));
    let rules = [
        (
            it.n == first && heads != 1,
            What::LaneHead,
            ": hàng không có đúng một lượt được nhận gửi (not exactly one of its lane may be claimed)",
        ),
        // The first may wait for the end of one that was sent before a person took the first up again.
        (
            it.head && it.n != first && !it.leased,
            What::LaneHead,
            ": được nhận gửi trước lượt đầu hàng (it may be claimed before the first of its lane)",
        ),
        (
            it.was_overtaken && !has_ended_before,
            What::LaneOvertaken,
            ": lượt sau trong hàng đã được chuyển trước (a later one of its lane was delivered before it)",
        ),
    ];
    rules.into_iter().filter(|(is_broken, ..)| *is_broken).map(|(_, what, why)| (what, why)).collect()
}

/// An attempt that cannot be read, told by its delivery's number.
pub(super) fn attempt_unreadable(attempt: Unreadable) -> Finding {
    of(
        What::DeliveryAttempts,
        format!("{}: một lần gửi không đọc được (an attempt cannot be read)", numbers(attempt.row, attempt.row)),
    )
}

/// Every number up to the counter is there. Of one snapshot.
pub(super) fn counter(counted: i64, last: i64) -> Option<Finding> {
    finding::gap(last, counted + 1, |from, to| of(What::DeliveryMissing, numbers(from, to)))
}

fn of(what: What, row: String) -> Finding {
    Finding::new(Section::Deliveries, what, row)
}

fn numbers(from: i64, to: i64) -> String {
    if from == to { format!("delivery number {from}") } else { format!("delivery numbers {from} to {to}") }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// One that waits in a lane of its own and was never tried.
    fn waiting() -> DeliveryRow {
        DeliveryRow {
            n: 1,
            id: Uuid::nil(),
            channel: "portal".to_owned(),
            has_lane: true,
            state: 0,
            head: true,
            leased: false,
            attempts: 0,
            attempts_in_round: 0,
            next_at: 5,
            due_at: 5,
            created_at: 5,
            ended_at: None,
            has_reason: false,
            in_doubt: false,
            silent_attempts: 0,
            has_errand: true,
            has_petition: true,
            lane_first: Some(1),
            lane_heads: Some(1),
            was_overtaken: false,
        }
    }

    fn sent() -> DeliveryRow {
        DeliveryRow { leased: true, attempts: 1, attempts_in_round: 1, due_at: 9, ..waiting() }
    }

    fn ended_as(state: i64) -> DeliveryRow {
        let ended_at = Some(9);
        DeliveryRow { state, head: false, leased: false, ended_at, lane_first: None, lane_heads: None, ..sent() }
    }

    fn attempt(number: i64, verdict: &str) -> AttemptRow {
        AttemptRow { delivery: 1, number, verdict: verdict.to_owned() }
    }

    fn found(delivery: DeliveryRow, attempts: &[AttemptRow]) -> Vec<What> {
        let findings = Deliveries::after(delivery.n - 1).next(&Ok(delivery), attempts);
        findings.into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_delivery_in_each_state_of_its_life_is_as_it_should_be() {
        let retried = DeliveryRow { leased: false, due_at: 5, has_reason: true, ..sent() };
        let second = DeliveryRow { n: 2, head: false, ..waiting() };
        let dead = DeliveryRow { has_reason: true, ..ended_as(2) };
        let parked = DeliveryRow { leased: false, due_at: i64::MAX, has_reason: true, in_doubt: true, ..sent() };
        for (delivery, attempts) in [
            (waiting(), vec![]),
            (sent(), vec![]),
            (retried, vec![attempt(1, "retry")]),
            (second, vec![]),
            (ended_as(1), vec![attempt(1, "delivered")]),
            (dead, vec![attempt(1, "reject")]),
            (parked, vec![attempt(1, "park")]),
        ] {
            assert!(found(delivery.clone(), &attempts).is_empty(), "{delivery:?}");
        }
    }

    #[test]
    fn a_receipt_without_an_attempt_and_a_dead_letter_taken_up_again_are_as_they_should_be() {
        let receipt = DeliveryRow { attempts: 0, attempts_in_round: 0, ..ended_as(1) };
        assert!(found(receipt, &[attempt(1, "delivered")]).is_empty());
        let revived = DeliveryRow { attempts: 7, was_overtaken: true, has_reason: true, ..waiting() };
        assert!(found(revived.clone(), &[attempt(7, "reject")]).is_empty());
        let behind_one_under_way = DeliveryRow { head: false, ..revived };
        assert!(found(behind_one_under_way, &[attempt(7, "reject")]).is_empty());
        let under_way = DeliveryRow { n: 2, ..sent() };
        assert!(found(under_way, &[]).is_empty());
    }

    #[test]
    fn columns_that_do_not_go_together_are_found() {
        let broken = [
            DeliveryRow { state: 9, ..waiting() },
            DeliveryRow { ended_at: Some(1), ..waiting() },
            DeliveryRow { due_at: 6, ..waiting() },
            DeliveryRow { attempts_in_round: 1, ..waiting() },
            DeliveryRow { attempts: 0, attempts_in_round: 0, ..sent() },
            DeliveryRow { due_at: i64::MAX, has_reason: true, ..waiting() },
            DeliveryRow { silent_attempts: 1, ..waiting() },
            DeliveryRow { head: false, has_lane: false, lane_first: None, lane_heads: None, ..waiting() },
        ];
        for delivery in broken {
            assert_eq!(found(delivery.clone(), &[]), [What::DeliveryState], "{delivery:?}");
        }
        for delivery in [
            DeliveryRow { head: true, ..ended_as(1) },
            DeliveryRow { leased: true, head: true, ..ended_as(1) },
            DeliveryRow { ended_at: None, ..ended_as(1) },
            DeliveryRow { in_doubt: true, ..ended_as(1) },
        ] {
            assert!(found(delivery, &[attempt(1, "delivered")]).contains(&What::DeliveryState));
        }
        assert_eq!(found(ended_as(2), &[attempt(1, "reject")]), [What::DeliveryState], "no reason");
    }

    #[test]
    fn attempts_that_do_not_say_how_it_ended_are_found() {
        assert_eq!(found(ended_as(1), &[attempt(1, "retry")]), [What::DeliveryAttempts]);
        let dead = DeliveryRow { has_reason: true, ..ended_as(2) };
        assert_eq!(found(dead, &[]), [What::DeliveryAttempts]);
        assert_eq!(found(waiting(), &[attempt(1, "retry")]), [What::DeliveryAttempts]);
    }

    #[test]
    fn a_lane_without_a_head_or_with_two_or_out_of_order_is_found() {
        for heads in [0, 2] {
            let first = DeliveryRow { lane_heads: Some(heads), ..waiting() };
            assert_eq!(found(first, &[]), [What::LaneHead]);
        }
        assert_eq!(found(DeliveryRow { n: 2, ..waiting() }, &[]), [What::LaneHead]);
        assert_eq!(found(DeliveryRow { was_overtaken: true, ..waiting() }, &[]), [What::LaneOvertaken]);
    }

    #[test]
    fn what_is_gone_or_cannot_be_read_is_found() {
        let mut rules = Deliveries::after(0);
        assert_eq!(
            rules.next(&Ok(DeliveryRow { n: 3, lane_first: Some(3), ..waiting() }), &[])[0].row,
            "delivery numbers 1 to 2"
        );
        assert_eq!(rules.next(&Err(Unreadable { row: 4 }), &[])[0].what, What::DeliveryUnreadable);
        assert_eq!(counter(5, rules.last()).unwrap().row, "delivery number 5");
        assert_eq!(found(DeliveryRow { has_errand: false, ..waiting() }, &[]), [What::DeliveryUnreadable]);
        assert_eq!(found(DeliveryRow { has_petition: false, ..waiting() }, &[]), [What::DeliveryWithoutPetition]);
    }
}
