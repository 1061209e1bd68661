//! What settlements and retries make of a delivery; pure. The lanes' heads are marked afterwards, in the database.

use std::time::Duration;

use super::{
    batch::{Attempt, Batch},
    known::Standing,
};
use crate::{
    petition::ParkedOutcome,
    store::{
        DeliveryId, HANDED_OVER, Settle, Settlement, StoreError,
        columns::{AWAITED, DEAD_LETTER, DELIVERED, NEVER, PENDING, after, nanos, time},
    },
};

impl<'a> Batch<'a> {
    /// Whether the settlement took effect.
    pub(super) fn settle(&mut self, settle: &'a Settle) -> Result<bool, StoreError> {
        let Some(mut it) = self.known.deliveries.remove(&settle.id.0) else { return Ok(false) };
        let took_effect = self.settle_standing(&mut it, settle);
        self.known.deliveries.insert(settle.id.0, it);
        took_effect
    }

    /// Whether the settlement would take effect now.
    pub(super) fn is_settled_by(&self, settle: &Settle) -> bool {
        self.known.deliveries.get(&settle.id.0).is_some_and(|it| it.is_settled_by(settle))
    }

    fn settle_standing(&mut self, it: &mut Standing, settle: &'a Settle) -> Result<bool, StoreError> {
        if !it.is_settled_by(settle) {
            return Ok(false);
        }
        match &settle.settlement {
            Settlement::Delivered { remote_reference } if it.state == DELIVERED => {
                Ok(add_reference(it, remote_reference.as_deref()))
            }
            Settlement::Delivered { remote_reference } => self.delivered(it, remote_reference.as_deref()),
            Settlement::Resolve(ParkedOutcome::Delivered) => self.delivered(it, None),
            Settlement::Retry { reason, wait, in_doubt } => {
                wait_on(it, (self.later(*wait)?, self.later(*wait)?), reason, *in_doubt);
                self.end_attempt(it, if *in_doubt { "unknown" } else { "retry" }, Some(reason));
                Ok(true)
            }
            Settlement::GiveBack { reason, wait } => {
                let until = self.later(*wait)?;
                wait_on(it, (until, until), reason, it.in_doubt);
                // Its number is used up all the same: it names the lease.
                it.attempts_in_round -= 1;
                self.rows.touch_lane(it);
                Ok(true)
            }
            Settlement::HandedOver { wait, remote_reference } => {
                wait_on(it, (self.later(*wait)?, self.later(*wait)?), AWAITED, true);
                add_reference(it, remote_reference.as_deref());
                self.end_attempt(it, HANDED_OVER, None);
                Ok(true)
            }
            Settlement::Park { reason } => {
                // What is parked has no next time; what is shown is since when.
                wait_on(it, (self.known.now, NEVER), reason, true);
                self.end_attempt(it, "park", Some(reason));
                Ok(true)
            }
            Settlement::DeadLetter { reason, in_doubt } => {
                self.end(it, DEAD_LETTER, Some(reason));
                it.in_doubt = *in_doubt;
                self.rows.tally(&it.channel).dead_letters += 1;
                self.rows.tally(&it.channel).pending -= 1;
                self.end_attempt(it, "reject", Some(reason));
                Ok(true)
            }
            Settlement::Resolve(ParkedOutcome::SendAgain) => {
                send_again(it, self.known.now);
                Ok(true)
            }
        }
    }

    fn delivered(&mut self, it: &mut Standing, reference: Option<&str>) -> Result<bool, StoreError> {
        self.end(it, DELIVERED, None);
        (it.due_at, it.in_doubt) = (it.next_at, false);
        it.remote_reference = reference.map(str::to_owned).or(it.remote_reference.take());
        let now = time(self.known.now)?;
        let tally = self.rows.tally(&it.channel);
        tally.delivered += 1;
        tally.last_delivered_at = tally.last_delivered_at.max(Some(now));
        self.end_attempt(it, "delivered", None);
        Ok(true)
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
            PENDING => self.hurry(&mut it),
            _ => false,
        };
        self.known.deliveries.insert(id.0, it);
        took_effect
    }

    /// Whether a delivery that is over is sent once more: its key and its place in its lane stay.
    pub(super) fn send_again(&mut self, id: DeliveryId) -> bool {
        let Some(mut it) = self.known.deliveries.remove(&id.0) else { return false };
        if it.state == DELIVERED {
            let tally = self.rows.tally(&it.channel);
            tally.delivered -= 1;
            // The rest of a revival counts it out of the dead letters.
            tally.dead_letters += 1;
            it.remote_reference = None;
        }
        // Whoever asks for this knows that it did not arrive.
        it.in_doubt &= it.state == PENDING;
        let took_effect = it.state != PENDING && self.revive(&mut it);
        self.known.deliveries.insert(id.0, it);
        took_effect
    }

    /// One before it may have been revived while it was under the lease that is let go: its lane is marked anew.
    fn hurry(&mut self, it: &mut Standing) -> bool {
        let took_effect = hurry(it, self.known.now);
        if took_effect {
            self.rows.touch_lane(it);
        }
        took_effect
    }

    fn revive(&mut self, it: &mut Standing) -> bool {
        it.state = PENDING;
        it.head = Some(it.lane.is_none());
        (it.next_at, it.due_at) = (self.known.now, self.known.now);
        (it.attempts_in_round, it.silent_attempts) = (0, 0);
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

impl Standing {
    /// Whether this settlement has an effect on it.
    fn is_settled_by(&self, settle: &Settle) -> bool {
        match &settle.settlement {
            Settlement::Delivered { .. } if self.state == DELIVERED => self.remote_reference.is_none(),
            // Whoever says it: the far side has it, and that does not become untrue by a lease that ended.
            Settlement::Delivered { .. } => true,
            Settlement::Resolve(ParkedOutcome::Delivered) if self.state == DEAD_LETTER => true,
            Settlement::Resolve(_) => self.state == PENDING && self.due_at == NEVER,
            _ => self.leased && self.state == PENDING && settle.lease == self.lease(),
        }
    }
}

/// It goes on waiting, until the times that are shown and that count.
fn wait_on(it: &mut Standing, (next_at, due_at): (i64, i64), reason: &str, in_doubt: bool) {
    it.leased = false;
    (it.next_at, it.due_at) = (next_at, due_at);
    it.reason = Some(reason.to_owned());
    it.in_doubt = in_doubt;
    it.is_changed = true;
}

/// A person has made sure that the far side does not have it: it is as if it had never been tried.
fn send_again(it: &mut Standing, now: i64) {
    (it.next_at, it.due_at) = (now, now);
    (it.attempts_in_round, it.silent_attempts) = (0, 0);
    it.in_doubt = false;
    it.is_changed = true;
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
    if it.due_at == NEVER || (it.leased && it.due_at > now) {
        return false;
    }
    it.due_at = it.due_at.min(now);
    it.next_at = it.due_at;
    it.in_doubt |= it.leased;
    it.silent_attempts += i64::from(it.leased);
    it.leased = false;
    it.is_changed = true;
    true
}
