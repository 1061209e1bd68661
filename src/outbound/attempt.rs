//! One attempt of one delivery: send, hear the verdict, settle.

use std::{sync::Arc, time::Duration};

use channel_sdk::{model::Attachment, notice::Verdict, remote::Fetched};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::Schedule;
use crate::{
    channels::{Channel, Channels, DELIVERIES},
    clock::SharedClock,
    committer::Committer,
    decision::{Context, DecisionError, Decisions},
    fence::while_allowed,
    petition::{Command, PetitionId},
    store::{Claimed, Delivery, Errand, Settle, Settlement, Store, StoreError},
};

/// How long a delivery waits that was claimed here and is another gateway's to send; it is then left to that one.
const LEFT_TO_OTHERS: Duration = Duration::from_secs(5);

/// What an attempt needs.
#[derive(Clone)]
pub struct Attempts {
    /// Asked what other gateways know.
    pub store: Arc<dyn Store>,
    /// Where adapters and far sides are.
    pub channels: Channels,
    /// Where the settlement goes.
    pub committer: Committer,
    /// What records a fetched file.
    pub decisions: Decisions,
    /// When the next attempt is.
    pub schedule: Schedule,
    /// The time.
    pub clock: SharedClock,
}

impl Attempts {
    /// Attempts a claimed delivery once and settles it. Nothing is sent after `until`, which is before the lease ends, and
    /// before which the attempt must have ended, waiting for the channel's turn included.
    ///
    /// # Errors
    /// The store failed: nothing is settled, the lease ends, the delivery is attempted again under the same key.
    pub async fn make(&self, claimed: Claimed, until: Instant) -> Result<(), StoreError> {
        crate::failpoint::at!("attempt.begun");
        let Claimed { delivery, lease } = claimed;
        let verdict = match self.channels.get(&delivery.channel) {
            // Attempts that ended without a word (a defect, a kill) were never settled; they count all the same.
            Some(_) if self.schedule.is_used_up(delivery.attempts_in_round) => Verdict::Reject {
                reason: "các lần gửi đều dừng giữa chừng (every attempt ended without a result)".to_owned(),
            },
            Some(channel) => {
                let verdict = self.run_in_time(channel, &delivery, until).await?;
                self.observe(channel, &delivery, &verdict);
                verdict
            }
            None if self.is_anothers(&delivery.channel).await? => Verdict::Retry {
                reason: "kênh do cổng khác phụ trách (another gateway has this channel)".to_owned(),
                not_before: Some(LEFT_TO_OTHERS),
            },
            None => Verdict::Reject {
                reason: "kênh không còn được cấu hình (the channel is not configured)".to_owned(),
            },
        };
        let settlement = self.settlement(&delivery, verdict, draw_of(lease));
        crate::failpoint::at!("settle.before");
        self.committer.settle(Settle { id: delivery.id, lease, settlement }).await?;
        crate::failpoint::at!("settle.after");
        Ok(())
    }

    /// Whether a gateway beside this one knows the channel, as while channels are configured at one after the other.
    async fn is_anothers(&self, channel: &str) -> Result<bool, StoreError> {
        Ok(self.store.gateway_list_others().await?.iter().any(|other| other.seen.contains_key(channel)))
    }

    async fn run_in_time(&self, channel: &Channel, delivery: &Delivery, until: Instant) -> Result<Verdict, StoreError> {
        // A gateway that was held up after its claim must not send what another has sent, and gone on from, meanwhile.
        let in_time = while_allowed(|| Instant::now() < until, self.run_errand(channel, delivery));
        timeout_at(until, in_time).await.ok().flatten().unwrap_or_else(|| {
            let reason = "quá thời hạn của lượt gửi (the attempt took too long)".to_owned();
            Ok(Verdict::Retry { reason, not_before: None })
        })
    }

    async fn run_errand(&self, channel: &Channel, delivery: &Delivery) -> Result<Verdict, StoreError> {
        match &delivery.errand {
            Errand::Tell { notice } => Ok(channel.adapter.deliver(&*channel.remote, notice).await),
            Errand::Fetch { external_id, attachment_id, attachment } => {
                match channel.adapter.fetch(&*channel.remote, external_id, attachment).await {
                    Ok(fetched) if is_announced(attachment, &fetched) => {
                        self.hold(delivery.petition, *attachment_id, fetched).await
                    }
                    // The announced digest or size may be that of an edited file: a person compares and retries.
                    Ok(_) => Ok(Verdict::Reject {
                        reason: "tệp không khớp mã băm hoặc kích thước đã báo (the file differs from its announced digest or size)".to_owned(),
                    }),
                    Err(verdict) => Ok(verdict),
                }
            }
        }
    }

    async fn hold(&self, petition: PetitionId, id: u32, fetched: Fetched) -> Result<Verdict, StoreError> {
        let Fetched { sha256, size_bytes, .. } = fetched;
        let context = Context { actor: "gateway".to_owned(), ..Context::default() };
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

    fn settlement(&self, delivery: &Delivery, verdict: Verdict, draw: u16) -> Settlement {
        match verdict {
            Verdict::Delivered { remote_reference } => Settlement::Delivered { remote_reference },
            Verdict::Reject { reason } => Settlement::DeadLetter { reason },
            Verdict::Retry { reason, not_before } => {
                match self.schedule.wait(delivery.attempts_in_round, not_before, draw) {
                    Some(wait) => Settlement::Retry { reason, wait },
                    None => Settlement::DeadLetter { reason },
                }
            }
        }
    }

    /// What operators see of it. The reason may quote the far side, so it goes to the store and not to the log.
    fn observe(&self, channel: &Channel, delivery: &Delivery, verdict: &Verdict) {
        let now = self.clock.now();
        match verdict {
            Verdict::Delivered { .. } => channel.succeeded(DELIVERIES, now),
            Verdict::Retry { reason, .. } => {
                if channel.failed(DELIVERIES, now, reason.clone()) {
                    tracing::warn!(channel.name = %channel.name, "the far side does not take deliveries; they are tried again");
                }
            }
            Verdict::Reject { .. } => tracing::error!(
                channel.name = %channel.name,
                petition.id = %delivery.petition,
                delivery.id = %delivery.id.0,
                delivery.attempt = delivery.attempts,
                "a delivery was rejected and is a dead letter now"
            ),
        }
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
