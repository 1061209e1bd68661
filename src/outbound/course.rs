//! What is right for a delivery, by what its far side guarantees and what is not known; pure.
//!
//! A delivery is **in doubt** (chờ xác minh) when an attempt left and nothing told whether it took effect: no whole answer
//! came, or the gateway was gone before one. Then it is never sent again blindly.

use std::time::Duration;

use channel_sdk::{Guarantees, Verdict};

use super::Schedule;
use crate::store::{Delivery, Errand, Settlement};

/// Why a delivery is parked before it is tried again.
const NOBODY_KNOWS: &str = "có thể đã đến nơi mà đối tác không cho hỏi lại (it may have arrived, and the far side cannot be \
                            asked)";
/// Why one that was handed over is parked.
const NO_RECEIPT: &str =
    "đã chuyển giao mà không có xác nhận trong thời hạn (it was handed over, and no receipt came in time)";

/// Why one is given up that was handed over again and again.
const NEVER_KEPT: &str = "đã chuyển giao nhiều lần mà đối tác không lưu (it was handed over time and again, and the far side \
                          has it not)";

/// What an attempt begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is sent, under its key.
    Send,
    /// The far side is asked whether it has it; it is sent only if not.
    Ask,
    /// Neither is right: a person must find out.
    Park,
}

/// One attempt's way through: what the delivery is, and what its far side guarantees.
pub struct Course<'a> {
    /// The delivery, as it was claimed.
    pub delivery: &'a Delivery,
    /// What its far side guarantees.
    pub guarantees: Guarantees,
    /// Whether the last attempt handed it over, and the receipt is overdue.
    pub is_handed_over: bool,
    /// When the next try is.
    pub schedule: &'a Schedule,
    /// Of 0 to 999, for the schedule's jitter.
    pub draw: u16,
}

impl Course<'_> {
    /// What the attempt begins with. A fetch only reads, so it is never in doubt.
    pub fn first_step(&self) -> Step {
        let is_in_doubt = self.delivery.in_doubt && matches!(self.delivery.errand, Errand::Tell { .. });
        match self.guarantees {
            _ if !is_in_doubt => Step::Send,
            // What was taken over already would only be taken over once more: a new sending tells nothing.
            Guarantees { honours_key: true, .. } if !self.is_handed_over => Step::Send,
            Guarantees { answers_by_reference: true, .. } => Step::Ask,
            _ => Step::Park,
        }
    }

    /// What comes of a far side that was asked and has it not: it is sent, with nothing in doubt. One that takes over
    /// message after message and keeps none would be sent to without end, since no such attempt fails: as many sendings
    /// as the schedule has for any other delivery, and it is given up.
    pub fn after_has_not(&self) -> Option<Settlement> {
        let sent = self.delivery.attempts_in_round.saturating_sub(1);
        let is_used_up = self.is_handed_over && sent > 0 && self.schedule.wait(sent, None, self.draw).is_none();
        is_used_up.then(|| Settlement::DeadLetter { reason: NEVER_KEPT.to_owned(), in_doubt: false })
    }

    /// The settlement of one that nobody but a person can judge.
    pub fn park(&self) -> Settlement {
        let reason = if self.is_handed_over { NO_RECEIPT } else { NOBODY_KNOWS };
        Settlement::Park { reason: reason.to_owned() }
    }

    /// What `verdict` on the sending comes to; `was_in_doubt` until then.
    pub fn after(&self, verdict: Verdict, was_in_doubt: bool) -> Settlement {
        match verdict {
            Verdict::Delivered { remote_reference } => match self.guarantees.acknowledges_later {
                Some(wait) if self.is_tell() => Settlement::HandedOver { wait, remote_reference },
                _ => Settlement::Delivered { remote_reference },
            },
            Verdict::Reject { reason } => Settlement::DeadLetter { reason, in_doubt: was_in_doubt },
            Verdict::Retry { reason, not_before } => self.again(reason, not_before, was_in_doubt),
            Verdict::NotTried { reason } => self.again(reason, None, was_in_doubt),
            Verdict::Unknown { reason, not_before } if !self.is_tell() => self.again(reason, not_before, false),
            Verdict::Unknown { reason, not_before } => match self.guarantees {
                Guarantees { honours_key: false, answers_by_reference: false, .. } => {
                    Settlement::Park { reason: format!("{reason}; {NOBODY_KNOWS}") }
                }
                _ => self.again(reason, not_before, true),
            },
        }
    }

    fn again(&self, reason: String, not_before: Option<Duration>, in_doubt: bool) -> Settlement {
        match self.schedule.wait(self.delivery.attempts_in_round, not_before, self.draw) {
            Some(wait) => Settlement::Retry { reason, wait, in_doubt },
            None => Settlement::DeadLetter { reason, in_doubt },
        }
    }

    fn is_tell(&self) -> bool {
        matches!(self.delivery.errand, Errand::Tell { .. })
    }
}

#[cfg(test)]
mod tests {
    use channel_sdk::{Notice, NoticeBody};
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::{
        petition::PetitionId,
        store::{DeliveryId, DeliveryState},
    };

    fn schedule() -> Schedule {
        Schedule { waits: vec![Duration::from_secs(5)], jitter_per_mille: 0 }
    }

    fn delivery(in_doubt: bool, attempts: u32) -> Delivery {
        let notice = Notice {
            delivery_id: Uuid::nil().to_string(),
            external_id: "PA-1".to_owned(),
            petition_id: "HS-1".to_owned(),
            revision: 1,
            at: Timestamp::UNIX_EPOCH,
            due_on: None,
            assembly: None,
            body: NoticeBody::Published,
        };
        Delivery {
            id: DeliveryId(Uuid::nil()),
            petition: PetitionId(Uuid::nil()),
            channel: "portal".to_owned(),
            lane: None,
            errand: Errand::Tell { notice: Box::new(notice) },
            state: DeliveryState::Pending,
            attempts,
            attempts_in_round: attempts,
            in_doubt,
            silent_attempts: 0,
            next_at: Timestamp::UNIX_EPOCH,
            created_at: Timestamp::UNIX_EPOCH,
            ended_at: None,
            reason: None,
            remote_reference: None,
        }
    }

    fn side(honours_key: bool, answers_by_reference: bool) -> Guarantees {
        Guarantees { honours_key, answers_by_reference, ..Guarantees::default() }
    }

    fn on<T>(delivery: &Delivery, guarantees: Guarantees, of: impl Fn(&Course<'_>) -> T) -> [T; 2] {
        [false, true]
            .map(|is_handed_over| of(&Course { delivery, guarantees, is_handed_over, schedule: &schedule(), draw: 0 }))
    }

    #[test]
    fn what_is_not_in_doubt_is_sent_and_what_is_goes_by_what_the_far_side_guarantees() {
        let sides = [side(false, false), side(false, true), side(true, false), side(true, true)];
        let steps = |in_doubt| sides.map(|side| on(&delivery(in_doubt, 1), side, |course| course.first_step()));
        assert_eq!(steps(false), [[Step::Send; 2]; 4]);
        assert_eq!(
            steps(true),
            [[Step::Park, Step::Park], [Step::Ask, Step::Ask], [Step::Send, Step::Park], [Step::Send, Step::Ask]]
        );
    }

    #[test]
    fn a_file_that_is_fetched_is_never_in_doubt() {
        let attachment = serde_json::from_str(r#"{"name": "a.pdf"}"#).unwrap();
        let errand = Errand::Fetch { external_id: "PA-1".to_owned(), attachment_id: 1, attachment };
        let fetch = Delivery { errand, ..delivery(true, 1) };
        assert_eq!(on(&fetch, side(false, false), |course| course.first_step()), [Step::Send; 2]);
        let unknown = || Verdict::Unknown { reason: "cut off".to_owned(), not_before: None };
        let [settlement, _] = on(&fetch, side(false, false), |course| course.after(unknown(), true));
        assert!(matches!(settlement, Settlement::Retry { in_doubt: false, .. }), "{settlement:?}");
    }

    #[test]
    fn an_unknown_outcome_is_tried_again_in_doubt_or_parked_and_never_forgotten() {
        let unknown = || Verdict::Unknown { reason: "cut off".to_owned(), not_before: None };
        for known in [side(true, false), side(false, true)] {
            let [settlement, _] = on(&delivery(false, 1), known, |course| course.after(unknown(), false));
            assert!(matches!(settlement, Settlement::Retry { in_doubt: true, .. }), "{settlement:?}");
            let [settlement, _] = on(&delivery(false, 2), known, |course| course.after(unknown(), false));
            assert!(matches!(settlement, Settlement::DeadLetter { in_doubt: true, .. }), "{settlement:?}");
        }
        let [settlement, _] = on(&delivery(false, 1), side(false, false), |course| course.after(unknown(), false));
        assert!(matches!(settlement, Settlement::Park { .. }), "{settlement:?}");
    }

    #[test]
    fn a_certain_refusal_leaves_the_doubt_of_the_attempts_before_it() {
        for was_in_doubt in [false, true] {
            let retry = || Verdict::Retry { reason: "HTTP 429".to_owned(), not_before: None };
            let [settlement, _] = on(&delivery(false, 1), side(true, false), |it| it.after(retry(), was_in_doubt));
            let Settlement::Retry { in_doubt, .. } = settlement else { panic!("{settlement:?}") };
            assert_eq!(in_doubt, was_in_doubt);
        }
    }

    #[test]
    fn what_is_taken_over_and_never_kept_is_given_up_after_as_many_sendings_as_any_other() {
        let later = Guarantees { acknowledges_later: Some(Duration::from_secs(60)), ..side(false, true) };
        // The schedule has one wait, and so two sendings; the third attempt only asks.
        let [never, second] = on(&delivery(true, 2), later, |course| course.after_has_not());
        assert_eq!((never, second), (None, None));
        let [was_lost, third] = on(&delivery(true, 3), later, |course| course.after_has_not());
        assert_eq!(was_lost, None, "what was not handed over ends by the verdict on its sending");
        assert!(matches!(third, Some(Settlement::DeadLetter { in_doubt: false, .. })), "{third:?}");
    }

    #[test]
    fn what_is_acknowledged_later_is_only_handed_over() {
        let day = Duration::from_secs(86_400);
        let later = Guarantees { acknowledges_later: Some(day), ..side(true, false) };
        let taken = || Verdict::Delivered { remote_reference: Some("R-1".to_owned()) };
        let [settlement, _] = on(&delivery(false, 1), later, |course| course.after(taken(), false));
        assert!(matches!(settlement, Settlement::HandedOver { wait, .. } if wait == day), "{settlement:?}");
    }
}
