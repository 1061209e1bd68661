//! What is done about a difference: fetch, send again, settle, or note that nothing is to be done. Done twice it does
//! nothing more: whatever is closed stays closed, and what has arrived since is not sent again.

use channel_sdk::{
    adapter::{ItemResult, Outcome},
    notice::NoticeKind,
};
use uuid::Uuid;

use super::{ReconcileError, Reconciler};
use crate::{
    committer::Urgency,
    decision::{Context, DecisionError},
    petition::{Command, DeliveryNote, DifferenceKind, EventBody, ParkedOutcome},
    store::{
        Delivery, DeliveryId, DeliveryState, Difference, DifferenceChange, DifferenceQuery, DifferenceState, Errand,
        Reconcile, Settle, Settlement, StoreError,
    },
};

/// What is said of a message that would put the far side back.
const OVERTAKEN: &str = "không gửi lại: đối tác đã có thông tin mới hơn (nothing sent: the far side has later news)";

/// What is said of one that the far side lacks.
const SENT_AGAIN: &str = "gửi lại với đúng khóa cũ (sent again under the same key)";
/// What is said of one that has arrived since the lists were compared.
const ARRIVED_SINCE: &str = "không gửi lại: đã đến nơi sau khi đối chiếu (nothing sent: it has arrived since)";
/// What is said of one that the far side has.
const SETTLED: &str = "ghi nhận là đã gửi (settled as delivered)";

/// Differences looked at together.
const PAGE_ROWS: u32 = 100;

/// Which differences are to be repaired.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Of this channel.
    pub channel: String,
    /// Of this kind alone.
    pub kind: Option<DifferenceKind>,
    /// This one alone.
    pub one: Option<Uuid>,
}

/// What became of some differences.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Closed now.
    pub repaired: u64,
    /// Left to a person.
    pub left: u64,
    /// Could not be repaired now, and stay open.
    pub failed: u64,
    /// Why, of the last that failed.
    pub failure: Option<String>,
    /// Where to go on; `None` at the end.
    pub after: Option<Uuid>,
}

impl Reconciler {
    /// Repairs some of the wanted differences that are open, newest first, after the one where the last call stopped.
    ///
    /// # Errors
    /// The store failed. What one far side refuses is told in [`Repaired::failed`].
    pub async fn repair_some(&self, wanted: &Wanted, after: Option<Uuid>, actor: &str) -> Result<Repaired, StoreError> {
        let mut done = Repaired::default();
        let mut open = self.open(wanted, after).await?;
        if wanted.one.is_none() {
            if open.len() == PAGE_ROWS as usize {
                done.after = open.last().map(|it| it.id);
            }
            open = self.whole_petitions(wanted, &open).await?;
        }
        for difference in self.in_lane_order(open).await? {
            if !difference.kind.is_repairable() {
                done.left += 1;
                continue;
            }
            match self.repair(&difference, actor).await {
                Ok(()) => done.repaired += 1,
                Err(ReconcileError::Store(error)) => return Err(error),
                Err(error) => {
                    let why = super::describe(&error);
                    tracing::warn!(
                        channel.name = %difference.channel,
                        difference.id = %difference.id,
                        error = &error as &dyn std::error::Error,
                        "a difference could not be repaired"
                    );
                    done.failed += 1;
                    done.failure = Some(why);
                }
            }
        }
        Ok(done)
    }

    async fn open(&self, wanted: &Wanted, after: Option<Uuid>) -> Result<Vec<Difference>, StoreError> {
        if let Some(id) = wanted.one {
            let one = self.store.difference_get(id).await?;
            return Ok(one.into_iter().filter(|it| it.state == DifferenceState::Open).collect());
        }
        let query = DifferenceQuery {
            channel: Some(wanted.channel.clone()),
            state: Some(DifferenceState::Open),
            kind: wanted.kind,
            after,
            limit: PAGE_ROWS,
            ..DifferenceQuery::default()
        };
        self.store.difference_list(&query).await
    }

    /// Everything that is wanted of the petitions on a page, so that no page parts what must go in order.
    async fn whole_petitions(&self, wanted: &Wanted, page: &[Difference]) -> Result<Vec<Difference>, StoreError> {
        let mut ids: Vec<String> = page.iter().map(|it| it.external_id.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        let all = self.store.difference_list_of(&wanted.channel, &ids).await?;
        let is_wanted =
            |it: &Difference| it.state == DifferenceState::Open && wanted.kind.is_none_or(|kind| it.kind == kind);
        Ok(all.into_iter().filter(is_wanted).collect())
    }

    /// Messages of one petition are sent again in the order in which they were sent first.
    async fn in_lane_order(&self, mut differences: Vec<Difference>) -> Result<Vec<Difference>, StoreError> {
        let mut petitions: Vec<_> = differences.iter().filter_map(|it| it.petition).collect();
        petitions.sort_unstable();
        petitions.dedup();
        let deliveries: Vec<DeliveryId> =
            self.store.delivery_list_of(&petitions).await?.into_iter().map(|it| it.id).collect();
        let place = |id: Option<DeliveryId>| id.and_then(|id| deliveries.iter().position(|it| *it == id));
        differences.sort_by_cached_key(|it| place(it.delivery));
        Ok(differences)
    }

    /// Repairs one difference and closes it.
    ///
    /// # Errors
    /// See [`ReconcileError`]; it stays open.
    async fn repair(&self, difference: &Difference, actor: &str) -> Result<(), ReconcileError> {
        let channel = self.channel(&difference.channel)?;
        let _turn = channel.turn_to_repair().await;
        // Looked at again in our turn: whoever had it before may have repaired this one.
        let is_open =
            self.store.difference_get(difference.id).await?.is_some_and(|it| it.state == DifferenceState::Open);
        if !is_open {
            return Ok(());
        }
        let outcome = match difference.kind {
            DifferenceKind::MissingHere | DifferenceKind::OlderHere => self.fetch(difference).await?,
            DifferenceKind::NotVisibleThere | DifferenceKind::Undelivered => self.send_again(difference, actor).await?,
            DifferenceKind::VisibleUnsettled => self.settle(difference, actor).await?,
            DifferenceKind::OvertakenThere => OVERTAKEN,
            DifferenceKind::UnknownThere | DifferenceKind::AnswerDiffers => return Ok(()),
        };
        self.close(difference, DifferenceState::Repaired, outcome.to_owned(), actor).await
    }

    /// What is fetched goes the usual way: journal, decode, intake.
    async fn fetch(&self, difference: &Difference) -> Result<&'static str, ReconcileError> {
        let channel = self.channel(&difference.channel)?;
        let id = &difference.external_id;
        let Some(raw) = channel.adapter.read_one(&*channel.remote, id, self.clock.now()).await? else {
            return Ok("đối tác không còn (the far side has it no more)");
        };
        let is_ours = |external_id: &Option<String>| external_id.as_ref() == Some(id);
        Ok(match self.inbound.accept(&channel, raw, None).await? {
            Outcome::Items(items) => {
                let ours: Vec<_> = items.iter().filter(|it| is_ours(&it.external_id)).collect();
                if ours.is_empty() {
                    "đối tác trả về thông điệp khác (the far side gave something else; see the quarantine)"
                } else if ours.iter().any(|it| matches!(it.result, ItemResult::Refused(_))) {
                    "đã lấy về, bị từ chối và đang cách ly (fetched and refused; in quarantine)"
                } else {
                    "đã lấy về (fetched)"
                }
            }
            Outcome::Unreadable(_) | Outcome::Unavailable { .. } => {
                "đã lấy về, không đọc được và đang cách ly (fetched and unreadable; in quarantine)"
            }
        })
    }

    async fn send_again(&self, difference: &Difference, actor: &str) -> Result<&'static str, ReconcileError> {
        let Some(id) = difference.delivery else { return Ok("không có lượt gửi (no delivery)") };
        if self.is_overtaken_since(difference, id).await? {
            return Ok(OVERTAKEN);
        }
        match self.store.delivery_get(id).await? {
            // It arrived after this was found: a person had it sent again, or a repair that was cut off before its end.
            Some(it)
                if it.state == DeliveryState::Delivered && it.ended_at.is_some_and(|at| at >= difference.found_at) =>
            {
                return Ok(ARRIVED_SINCE);
            }
            Some(it) if it.state == DeliveryState::Parked => {
                self.resolve(&it, ParkedOutcome::SendAgain, (SENT_AGAIN, actor)).await?;
            }
            _ => drop(self.committer.send_again(id).await?),
        }
        Ok(SENT_AGAIN)
    }

    /// Whether the far side took a later message of the petition after this was found. A receipt is never overtaken.
    async fn is_overtaken_since(&self, difference: &Difference, id: DeliveryId) -> Result<bool, StoreError> {
        let Some(petition) = difference.petition else { return Ok(false) };
        let tells = |it: &Delivery| match &it.errand {
            Errand::Tell { notice } => notice.body.kind() != NoticeKind::Received,
            Errand::Fetch { .. } => false,
        };
        let deliveries = self.store.delivery_list_of(&[petition]).await?;
        let mut from = deliveries.iter().skip_while(|it| it.id != id);
        let is_told = from.next().is_some_and(tells);
        let is_later = |it: &Delivery| {
            tells(it) && it.state == DeliveryState::Delivered && it.ended_at.is_some_and(|at| at >= difference.found_at)
        };
        Ok(is_told && from.any(is_later))
    }

    async fn settle(&self, difference: &Difference, actor: &str) -> Result<&'static str, ReconcileError> {
        let Some(id) = difference.delivery else { return Ok("không có lượt gửi (no delivery)") };
        match self.store.delivery_get(id).await? {
            Some(it) if matches!(it.state, DeliveryState::Parked | DeliveryState::DeadLetter) => {
                self.resolve(&it, ParkedOutcome::Delivered, (SETTLED, actor)).await?;
            }
            _ => {
                let settlement = Settlement::Delivered { remote_reference: None };
                self.committer.settle(Settle { id, lease: Uuid::nil(), settlement }).await?;
            }
        }
        Ok(SETTLED)
    }

    /// Resolves what a person was told to look at, without a lease: what the far side has is true whoever says it. That it
    /// is resolved is an event, as that it was given up or parked was one; both commit together.
    async fn resolve(
        &self,
        delivery: &Delivery,
        outcome: ParkedOutcome,
        (reason, actor): (&str, &str),
    ) -> Result<(), ReconcileError> {
        let settlement = match outcome {
            ParkedOutcome::Delivered => Settlement::Delivered { remote_reference: None },
            ParkedOutcome::SendAgain => Settlement::Resolve(ParkedOutcome::SendAgain),
        };
        let note = DeliveryNote::Resolved { outcome, reason: reason.to_owned() };
        let command = Command::NoteDelivery { delivery: delivery.about(), note };
        let settle = Some(Settle { id: delivery.id, lease: Uuid::nil(), settlement });
        let context = Context { actor: actor.to_owned(), settle, urgency: Urgency::Bulk, ..Context::default() };
        match self.decisions.decide(delivery.petition, command, context).await {
            // Somebody resolved it meanwhile.
            Ok(_) | Err(DecisionError::Unsettled) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A person decides that a difference may stay.
    ///
    /// # Errors
    /// See [`ReconcileError`]; it stays open.
    pub async fn dismiss(&self, difference: &Difference, reason: &str, actor: &str) -> Result<(), ReconcileError> {
        self.close(difference, DifferenceState::Dismissed, reason.to_owned(), actor).await
    }

    /// Closes a difference; of a petition of ours it is an event, in the same transaction.
    pub(super) async fn close(
        &self,
        difference: &Difference,
        state: DifferenceState,
        outcome: String,
        actor: &str,
    ) -> Result<(), ReconcileError> {
        let (id, kind) = (difference.id.to_string(), difference.kind);
        let told = format!("{outcome} ({actor})");
        let closed = DifferenceChange::Closed { id: difference.id, state, at: self.clock.now(), outcome: told };
        let petition = match difference.petition {
            Some(petition) => Some(petition),
            // What never came is a petition of ours once it was fetched.
            None => {
                let known = self.store.petition_get_by_external_id(&difference.channel, &difference.external_id);
                known.await?.map(|it| it.id)
            }
        };
        let Some(petition) = petition else {
            return Ok(self.committer.reconcile(Reconcile::Differences(vec![closed])).await?);
        };
        let body = match state {
            DifferenceState::Dismissed => EventBody::DifferenceDismissed { difference: id, kind, reason: outcome },
            _ => EventBody::DifferenceRepaired { difference: id, kind, outcome },
        };
        let context = Context {
            actor: actor.to_owned(),
            differences: vec![closed],
            urgency: Urgency::Bulk,
            ..Context::default()
        };
        self.decisions.note(petition, vec![body], context).await?;
        Ok(())
    }
}
