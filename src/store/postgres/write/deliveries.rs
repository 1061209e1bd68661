//! What settlements and retries make of a delivery; pure. The lanes' heads are marked afterwards, in the database.

use std::time::Duration;

use super::{
    batch::{Attempt, Batch},
    known::Standing,
};
use crate::store::{
    DeliveryId, Settle, Settlement, StoreError,
    columns::{DEAD_LETTER, DELIVERED, PENDING, after, nanos, time},
};

impl<'a> Batch<'a> {
    /// Whether the settlement took effect.
    pub(super) fn settle(&mut self, settle: &'a Settle) -> Result<bool, StoreError> {
        let Some(mut it) = self.known.deliveries.remove(&settle.id.0) else { return Ok(false) };
        let took_effect = self.settle_standing(&mut it, settle);
        self.known.deliveries.insert(settle.id.0, it);
        took_effect
    }

    fn settle_standing(&mut self, it: &mut Standing, settle: &'a Settle) -> Result<bool, StoreError> {
        let holds_lease = it.leased && it.state == PENDING && settle.lease == it.lease();
        match &settle.settlement {
            Settlement::Delivered { remote_reference } if it.state == DELIVERED => {
                Ok(add_reference(it, remote_reference.as_deref()))
            }
            // Whoever says it: the far side has it, and that does not become untrue by a lease that ended.
            Settlement::Delivered { remote_reference } => {
                self.end(it, DELIVERED, None);
                it.remote_reference.clone_from(remote_reference);
                let now = time(self.known.now)?;
                let tally = self.rows.tally(&it.channel);
                tally.delivered += 1;
                tally.last_delivered_at = tally.last_delivered_at.max(Some(now));
                self.end_attempt(it, "delivered", None);
                Ok(true)
            }
            _ if !holds_lease => Ok(false),
            Settlement::Retry { reason, wait } => {
                let next_at = self.later(*wait)?;
                it.leased = false;
                (it.next_at, it.due_at) = (next_at, next_at);
                it.reason = Some(reason.clone());
                it.is_changed = true;
                self.end_attempt(it, "retry", Some(reason));
                Ok(true)
            }
            Settlement::DeadLetter { reason } => {
                self.end(it, DEAD_LETTER, Some(reason));
                self.rows.tally(&it.channel).dead_letters += 1;
                self.rows.tally(&it.channel).pending -= 1;
                self.end_attempt(it, "reject", Some(reason));
                Ok(true)
            }
        }
    }

    /// Takes a delivery out of what waits, or out of the dead letters.
    fn end(&mut self, it: &mut Standing, state: i64, reason: Option<&str>) {
        if state == DELIVERED {
            match it.state {
                PENDING => self.rows.tally(&it.channel).pending -= 1,
                _ => self.rows.tally(&it.channel).dead_letters -= 1,
            }
        }
        it.state = state;
        it.head = Some(false);
        it.leased = false;
        it.ended_at = Some(self.known.now);
        it.reason = reason.map(str::to_owned);
        it.is_changed = true;
    }

    /// Records the attempt. A word that came outside any attempt (a receipt) is one of its own.
    fn end_attempt(&mut self, it: &mut Standing, verdict: &'static str, reason: Option<&'a str>) {
        let number = if it.attempts > it.attempt_last { it.attempts } else { it.attempt_last + 1 };
        it.attempt_last = number;
        self.rows.attempts.push(Attempt { delivery: it.n, number, verdict, reason });
        self.rows.touch_lane(it);
    }

    /// Whether a person's wish to try again took effect.
    pub(super) fn retry(&mut self, id: DeliveryId) -> bool {
        let Some(mut it) = self.known.deliveries.remove(&id.0) else { return false };
        let took_effect = match it.state {
            DEAD_LETTER => self.revive(&mut it),
            PENDING => hurry(&mut it, self.known.now),
            _ => false,
        };
        self.known.deliveries.insert(id.0, it);
        took_effect
    }

    fn revive(&mut self, it: &mut Standing) -> bool {
        it.state = PENDING;
        it.head = Some(it.lane.is_none());
        (it.next_at, it.due_at) = (self.known.now, self.known.now);
        it.attempts_in_round = 0;
        it.ended_at = None;
        it.is_changed = true;
        let tally = self.rows.tally(&it.channel);
        tally.pending += 1;
        tally.dead_letters -= 1;
        self.rows.touch_lane(it);
        true
    }

    /// The time `wait` from now, in nanoseconds.
    pub(super) fn later(&self, wait: Duration) -> Result<i64, StoreError> {
        Ok(nanos(after(time(self.known.now)?, wait)))
    }
}

/// A delivery that is delivered stays so; a reference that the far side told later is kept.
fn add_reference(it: &mut Standing, reference: Option<&str>) -> bool {
    if it.remote_reference.is_some() || reference.is_none() {
        return false;
    }
    it.remote_reference = reference.map(str::to_owned);
    it.is_changed = true;
    true
}

/// What waits for its time falls due; what is due already keeps its place. A lease that is over is let go, so that a late
/// word of its holder does not send the delivery back to waiting.
fn hurry(it: &mut Standing, now: i64) -> bool {
    if it.leased && it.due_at > now {
        return false;
    }
    it.next_at = it.next_at.min(now);
    it.due_at = it.due_at.min(now);
    it.leased = false;
    it.is_changed = true;
    true
}
