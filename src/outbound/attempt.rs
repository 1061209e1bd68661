//! One attempt of one delivery: judge what is known of it, ask or send, hear the verdict, settle.
//!
//! ```text
//!                    claimed, nothing in doubt ─────────────────────────────┐
//!                                                                            ▼
//!  pending ──claim──▶ in doubt ─ key is honoured ─────────────────────────▶ send ─ Delivered ─▶ delivered
//!     ▲                  │                                                   │ │    (or handed over: waits for its
//!     │                  ├─ can be asked ─▶ ask ─ HasNot ──────────────────▲ │ │     receipt, then is in doubt)
//!     │                  │                   ├ Has ──────────▶ delivered      │ └─ Reject ─▶ dead letter
//!     │                  │                   └ CannotTell ─┐                  │
//!     │                  └─ neither ───────────────────────┴▶ parked          ├─ Unknown ─▶ pending in doubt, or parked
//!     │                                                        │              │             where neither is right
//!     └────── a person: send again ◀───────────────────────────┤              └─ Retry ──▶ pending, by the schedule;
//!                                     a person: delivered ◀────┘                            used up: dead letter
//! ```
//!
//! An attempt that ends without a word (a kill, a lease that ran out) leaves its delivery claimed; the next claim finds it
//! in doubt. A delivery that does so again and again is poison, and given up before it has taken the gateway down for the
//! whole schedule. Dead letters and parked deliveries are events of their petition, in the transaction that settles them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use channel_sdk::{Known, Notice, Verdict, model::Attachment, remote::Fetched};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::{
    Schedule,
    course::{Course, Step},
};
use crate::{
    channels::{Channel, Channels, DELIVERIES},
    clock::SharedClock,
    committer::{Committer, Urgency},
    decision::{Context, DecisionError, Decisions},
    fence::while_allowed,
    petition::{Command, DeliveryNote, PetitionId},
    store::{Claimed, Delivery, Errand, HANDED_OVER, Settle, Settlement, Store, StoreError},
};

/// How long a delivery waits that was claimed here and is another gateway's to send; it is then left to that one.
const LEFT_TO_OTHERS: Duration = Duration::from_secs(5);
/// How long a delivery waits whose turn did not come before its lease ended: those before it have been given up as well, so
/// there is room soon.
const TURN_MISSED: Duration = Duration::from_secs(1);

/// What an attempt needs.
#[derive(Clone)]
pub struct Attempts {
    /// Asked what other gateways know.
    pub store: Arc<dyn Store>,
    /// Where adapters and far sides are.
    pub channels: Channels,
    /// Where the settlement goes.
    pub committer: Committer,
    /// What records a fetched file, and what becomes of deliveries.
    pub decisions: Decisions,
    /// When the next attempt is.
    pub schedule: Schedule,
    /// How many attempts of a delivery may end without a word before it is given up.
    pub silent_attempts_max: u32,
    /// The time.
    pub clock: SharedClock,
}

impl Attempts {
    /// Attempts a claimed delivery once and settles it. Nothing is sent after `until`, which is before the lease ends, and
    /// before which the attempt must have ended, waiting for the channel's turn included.
    ///
    /// # Errors
    /// The store failed: nothing is settled, the lease ends, the delivery is claimed again and is in doubt.
    pub async fn make(&self, claimed: Claimed, until: Instant) -> Result<(), StoreError> {
        crate::failpoint::at!("attempt.begun");
        let Claimed { delivery, lease } = claimed;
        let settlement = match self.channels.get(&delivery.channel) {
            Some(_) if delivery.silent_attempts >= self.silent_attempts_max => Settlement::DeadLetter {
                reason: "các lần gửi đều dừng giữa chừng (too many attempts ended without a result)".to_owned(),
                in_doubt: delivery.in_doubt,
            },
            Some(channel) => self.make_on(channel, &delivery, (lease, until)).await?,
            None if self.is_anothers(&delivery.channel).await? => Settlement::Retry {
                reason: "kênh do cổng khác phụ trách (another gateway has this channel)".to_owned(),
                wait: LEFT_TO_OTHERS,
                in_doubt: delivery.in_doubt,
            },
            None => Settlement::DeadLetter {
                reason: "kênh không còn được cấu hình (the channel is not configured)".to_owned(),
                in_doubt: delivery.in_doubt,
            },
        };
        crate::failpoint::at!("settle.before");
        self.settle(&delivery, Settle { id: delivery.id, lease, settlement }).await?;
        crate::failpoint::at!("settle.after");
        Ok(())
    }

    /// Whether a gateway beside this one knows the channel, as while channels are configured at one after the other.
    async fn is_anothers(&self, channel: &str) -> Result<bool, StoreError> {
        Ok(self.store.gateway_list_others().await?.iter().any(|other| other.seen.contains_key(channel)))
    }

    async fn make_on(
        &self,
        channel: &Channel,
        delivery: &Delivery,
        (lease, until): (Uuid, Instant),
    ) -> Result<Settlement, StoreError> {
        let course = Course {
            delivery,
            guarantees: channel.abilities.guarantees,
            is_handed_over: self.is_handed_over(channel, delivery).await?,
            schedule: &self.schedule,
            draw: draw_of(lease),
        };
        let has_begun = AtomicBool::new(false);
        // A gateway that was held up after its claim must not send what another has sent, and gone on from, meanwhile.
        let in_time = while_allowed(|| Instant::now() < until, self.run_errand(channel, &course, &has_begun));
        timeout_at(until, in_time).await.ok().flatten().unwrap_or_else(|| {
            if !has_begun.load(Ordering::Acquire) {
                let reason = "chưa đến lượt gửi (its turn to be sent did not come)".to_owned();
                return Ok(Settlement::GiveBack { reason, wait: TURN_MISSED });
            }
            let reason = "quá thời hạn của lượt gửi (the attempt took too long)".to_owned();
            Ok(course.after(Verdict::Unknown { reason, not_before: None }, true))
        })
    }

    /// Whether the far side took it over in an attempt before, and owes its receipt.
    async fn is_handed_over(&self, channel: &Channel, delivery: &Delivery) -> Result<bool, StoreError> {
        if !delivery.in_doubt || channel.abilities.guarantees.acknowledges_later.is_none() {
            return Ok(false);
        }
        let attempts = self.store.attempt_list(delivery.id).await?;
        Ok(attempts.last().is_some_and(|last| last.verdict == HANDED_OVER))
    }

    /// Sets `has_begun` when the far side may hear of it: what is cut off before that has surely not been sent.
    async fn run_errand(
        &self,
        channel: &Channel,
        course: &Course<'_>,
        has_begun: &AtomicBool,
    ) -> Result<Settlement, StoreError> {
        let _turn = channel.turn_to_send().await;
        // The breaker may have opened since it was claimed. What waits for a receipt only asks, and its wait is shown by it.
        let held_back = channel.breaker().holds_back(self.clock.now()).filter(|_| !course.is_handed_over);
        if let Some(wait) = held_back {
            let reason = "kênh đang tạm nghỉ, chưa gửi (not sent: the far side is left alone)".to_owned();
            return Ok(Settlement::GiveBack { reason, wait });
        }
        has_begun.store(true, Ordering::Release);
        match &course.delivery.errand {
            Errand::Tell { notice } => Ok(self.tell(channel, course, notice).await),
            Errand::Fetch { external_id, attachment_id, attachment } => {
                let verdict = match channel.adapter.fetch(&*channel.remote, external_id, attachment).await {
                    Ok(fetched) if is_announced(attachment, &fetched) => {
                        self.hold(course.delivery.petition, *attachment_id, fetched).await?
                    }
                    // The announced digest or size may be that of an edited file: a person compares and retries.
                    Ok(_) => Verdict::Reject {
                        reason: "tệp không khớp mã băm hoặc kích thước đã báo (the file differs from its announced digest or size)".to_owned(),
                    },
                    Err(verdict) => verdict,
                };
                self.observe(channel, &verdict, course.draw);
                Ok(course.after(verdict, false))
            }
        }
    }

    async fn tell(&self, channel: &Channel, course: &Course<'_>, notice: &Notice) -> Settlement {
        let is_in_doubt = match course.first_step() {
            Step::Send => course.delivery.in_doubt,
            Step::Park => return course.park(),
            Step::Ask => match channel.adapter.ask(&*channel.remote, notice).await {
                Ok(Known::Has { remote_reference }) => {
                    let verdict = Verdict::Delivered { remote_reference: None };
                    self.observe(channel, &verdict, course.draw);
                    return Settlement::Delivered { remote_reference };
                }
                Ok(Known::HasNot) => match course.after_has_not() {
                    Some(given_up) => return given_up,
                    None => false,
                },
                Ok(Known::CannotTell) => return course.park(),
                Err(error) => {
                    let verdict = Verdict::Retry { reason: format!("hỏi lại: {error}"), not_before: None };
                    self.observe(channel, &verdict, course.draw);
                    return course.after(verdict, true);
                }
            },
        };
        let verdict = channel.adapter.deliver(&*channel.remote, notice).await;
        self.observe(channel, &verdict, course.draw);
        course.after(verdict, is_in_doubt)
    }

    async fn hold(&self, petition: PetitionId, id: u32, fetched: Fetched) -> Result<Verdict, StoreError> {
        let Fetched { sha256, size_bytes, .. } = fetched;
        let context = Context { actor: "gateway".to_owned(), urgency: Urgency::Bulk, ..Context::default() };
        let command = Command::HoldAttachment { id, sha256, size_bytes };
        match self.decisions.decide(petition, command, context).await {
            Ok(_) => {
                crate::failpoint::at!("fetch.held");
                Ok(Verdict::Delivered { remote_reference: None })
            }
            Err(DecisionError::Store(error)) => Err(error),
            Err(error @ DecisionError::Contended) => Ok(Verdict::Retry { reason: error.to_string(), not_before: None }),
            Err(error) => Ok(Verdict::Reject { reason: error.to_string() }),
        }
    }

    /// Settles; with what a person must see, its event is recorded in the same transaction.
    async fn settle(&self, delivery: &Delivery, settle: Settle) -> Result<(), StoreError> {
        let (note, said) = match &settle.settlement {
            Settlement::DeadLetter { reason, .. } => {
                (DeliveryNote::Failed { reason: reason.clone() }, "a delivery was given up and is a dead letter now")
            }
            Settlement::Park { reason } => {
                (DeliveryNote::Parked { reason: reason.clone() }, "a delivery may have arrived: it waits for a person")
            }
            _ => return self.committer.settle(settle).await.map(drop),
        };
        let command = Command::NoteDelivery { delivery: delivery.about(), note };
        let context = Context { actor: "gateway".to_owned(), settle: Some(settle.clone()), ..Context::default() };
        match self.decisions.decide(delivery.petition, command, context).await {
            Ok(_) => tracing::error!(
                channel.name = %delivery.channel,
                petition.id = %delivery.petition,
                delivery.id = %delivery.id.0,
                delivery.attempt = delivery.attempts,
                "{said}"
            ),
            // Its lease is over: whoever has it now decides.
            Err(DecisionError::Unsettled) => {}
            Err(DecisionError::Store(error)) => return Err(error),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "what became of a delivery cannot be noted");
                self.committer.settle(settle).await?;
            }
        }
        Ok(())
    }

    /// What operators see of the far side. The reason may quote it, so it goes to the store and not to the log.
    fn observe(&self, channel: &Channel, verdict: &Verdict, draw: u16) {
        let now = self.clock.now();
        match verdict {
            Verdict::Delivered { .. } => {
                channel.succeeded(DELIVERIES, now);
                answered(channel);
            }
            Verdict::Retry { reason, not_before } | Verdict::Unknown { reason, not_before } => {
                if channel.failed(DELIVERIES, now, reason.clone()) {
                    tracing::warn!(channel.name = %channel.name, "the far side does not take deliveries; they are tried again");
                }
                let has_opened = channel.breaker().failed(now, draw);
                if let Some(wait) = not_before {
                    channel.breaker().told_to_wait(now, *wait);
                }
                if has_opened {
                    tracing::warn!(channel.name = %channel.name, "the breaker is open: the far side is left alone");
                }
            }
            // A disk of ours says nothing of the far side: other deliveries go on, and a dead far side stays dead.
            Verdict::NotTried { .. } => {
                tracing::error!(channel.name = %channel.name, "a delivery cannot be sent: a file of ours cannot be read");
            }
            // The far side is alive and read it.
            Verdict::Reject { .. } => answered(channel),
        }
    }
}

fn answered(channel: &Channel) {
    if channel.breaker().answered() {
        tracing::info!(channel.name = %channel.name, "the breaker is closed: the far side takes deliveries again");
    }
}

/// A draw of 0 to 999 for the jitter: another for each attempt of each delivery, which a lease names.
fn draw_of(lease: Uuid) -> u16 {
    u16::try_from(lease.as_u128() % 1000).expect("a remainder of 1000 fits")
}

fn is_announced(announced: &Attachment, fetched: &Fetched) -> bool {
    let digest = announced.sha256.is_empty() || announced.sha256.eq_ignore_ascii_case(&fetched.sha256);
    let size = announced.size_bytes == 0 || announced.size_bytes == fetched.size_bytes;
    digest && size
}
