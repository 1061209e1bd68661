//! Deliveries: the order of lanes, leases, attempts and how they end.
//!
//! A parked delivery is the first of its lane and never due, so that nothing of the lane overtakes it.
//!
//! What may be claimed is marked (`head`): the first pending delivery of each lane, and each one without a lane. So a
//! claim reads an index from its oldest end, however many wait. Whoever changes what is pending in a lane marks anew.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    rows::{AWAITED, DEAD_LETTER, DELIVERED, NEVER, PENDING, after, get, lease_of, nanos},
    writer::Tx,
};
use crate::{
    petition::{ParkedOutcome, PetitionId},
    store::{Claim, Claimed, DeliveryId, HANDED_OVER, NewDelivery, Settle, Settlement, StoreError},
};

/// Why an errand is given up that a newer gateway wrote, or that is damaged: here nobody can do it.
const UNREADABLE: &str = "không đọc được (a stored errand cannot be read)";

pub(super) fn delivery_insert_in_tx(
    tx: &mut Tx<'_>,
    (petition, at): (PetitionId, Timestamp),
    new: &NewDelivery,
    errand: &str,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO deliveries (id, petition, channel, lane, state, head, leased, attempts, attempts_in_round,
                                       next_at, due_at, created_at)
               VALUES (?1, ?2, ?3, ?4, 0,
                       NOT EXISTS (SELECT 1 FROM deliveries WHERE channel = ?3 AND lane = ?4 AND state = 0),
                       0, 0, 0, ?5, ?5, ?6)";
    let (id, petition) = (new.id.0.as_bytes().as_slice(), petition.0.as_bytes().as_slice());
    tx.sql(sql)?.execute(params![id, petition, new.channel, new.lane, nanos(tx.now), nanos(at)])?;
    let n = tx.row_number();
    tx.sql("INSERT INTO errands (delivery, body) VALUES (?1, ?2)")?.execute(params![n, errand])?;
    tx.tally(&new.channel).pending += 1;
    Ok(())
}

/// Ends every lease, as if its time had come: what was under way is claimed again at once instead of minutes later.
pub(super) fn lease_end_all(conn: &Connection, now: Timestamp) -> rusqlite::Result<usize> {
    conn.execute(LEASE_END_ALL, [nanos(now)])
}

pub(super) const LEASE_END_ALL: &str = "UPDATE deliveries SET due_at = ?1
                   WHERE channel IN (SELECT name FROM channels) AND head = 1 AND due_at > ?1 AND leased = 1";

pub(super) fn delivery_claim_in_tx(tx: &mut Tx<'_>, claim: &Claim) -> Result<Vec<Claimed>, StoreError> {
    // A channel whose first delivery came in this very batch has its row now.
    tx.write_tallies()?;
    let mut due = due_list_in_tx(tx, claim)?;
    due.sort_unstable();
    due.truncate(usize::try_from(claim.limit).unwrap_or(usize::MAX));
    let mut claimed = Vec::with_capacity(due.len());
    for (_, n) in due {
        if let Some(first) = first_of_lane_in_tx(tx, n)? {
            claimed.extend(lease_in_tx(tx, first, claim)?);
        }
    }
    Ok(claimed)
}

pub(super) const DUE_LIST: &str = "SELECT due_at, n FROM deliveries WHERE channel = ?1 AND head = 1 AND due_at <= ?2
                               ORDER BY due_at, n LIMIT ?3";

/// Time and number of what is due, channel by channel: the index gives each channel's oldest first.
fn due_list_in_tx(tx: &Tx<'_>, claim: &Claim) -> Result<Vec<(i64, i64)>, StoreError> {
    let mut channels = tx.sql("SELECT name FROM channels WHERE paused = 0")?;
    let names: Vec<String> = channels.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut statement = tx.sql(DUE_LIST)?;
    let mut due = Vec::new();
    for name in names {
        let room = claim.room_of.get(&name).copied().unwrap_or(claim.limit).min(claim.limit);
        let rows = statement.query_map(params![name, nanos(tx.now), room], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for row in rows {
            due.push(row?);
        }
    }
    Ok(due)
}

/// `n`, or the one that goes before it: a dead letter retried while `n` was under a lease that has now ended unsettled.
fn first_of_lane_in_tx(tx: &Tx<'_>, n: i64) -> Result<Option<i64>, StoreError> {
    let (channel, lane): (String, Option<String>) = tx
        .sql("SELECT channel, lane FROM deliveries WHERE n = ?1")?
        .query_row([n], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some(lane) = lane else { return Ok(Some(n)) };
    let Some((first, due_at)) = lane_mark_in_tx(tx, &channel, &lane)? else { return Ok(None) };
    Ok((first == n || due_at <= nanos(tx.now)).then_some(first))
}

/// Leases `n`; one that cannot be read becomes a dead letter instead, and holds nothing else up.
fn lease_in_tx(tx: &mut Tx<'_>, n: i64, claim: &Claim) -> Result<Option<Claimed>, StoreError> {
    // A lease that is over and was never settled: that attempt ended without a word, and may have arrived.
    let sql = "UPDATE deliveries SET leased = 1, due_at = ?2, attempts = attempts + 1,
                                     attempts_in_round = attempts_in_round + 1, in_doubt = max(in_doubt, leased),
                                     silent_attempts = silent_attempts + leased WHERE n = ?1";
    tx.sql(sql)?.execute(params![n, nanos(after(tx.now, claim.lease))])?;
    let sql = "SELECT d.*, e.body FROM deliveries d JOIN errands e ON e.delivery = d.n WHERE d.n = ?1";
    let delivery = tx.sql(sql)?.query_and_then([n], super::delivery_list::delivery_of)?.next();
    match delivery.unwrap_or(Err(StoreError::Damaged("delivery"))) {
        Ok(delivery) => Ok(Some(Claimed { lease: lease_of(n, i64::from(delivery.attempts)), delivery })),
        Err(StoreError::Damaged(what)) => {
            tracing::error!(delivery.number = n, what, "a stored errand cannot be read and is given up");
            let it = tx.sql("SELECT * FROM deliveries WHERE n = ?1")?.query_row([n], |row| Ok(standing_of(row)))??;
            dead_letter_in_tx(tx, &it, UNREADABLE, it.in_doubt)?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Marks the first pending delivery of the lane as the one that may be claimed; gives its number and when it is due. While
/// a later one is being attempted under a lease, the first waits: the end of that marks the lane anew.
///
/// Whose mark is taken away under a lease that is over is let go with it: that attempt ended without a word.
fn lane_mark_in_tx(tx: &Tx<'_>, channel: &str, lane: &str) -> Result<Option<(i64, i64)>, StoreError> {
    let sql =
        "SELECT n, due_at, head FROM deliveries WHERE channel = ?1 AND lane = ?2 AND state = 0 ORDER BY n LIMIT 1";
    let first: Option<(i64, i64, bool)> =
        tx.sql(sql)?.query_row(params![channel, lane], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    let Some((n, due_at, is_marked)) = first else { return Ok(None) };
    if !is_marked {
        let sql = "SELECT EXISTS (SELECT 1 FROM deliveries WHERE channel = ?1 AND lane = ?2 AND state = 0 AND head = 1
                                                             AND leased = 1 AND due_at > ?3)";
        if tx.sql(sql)?.query_row(params![channel, lane, nanos(tx.now)], |row| row.get(0))? {
            return Ok(Some((n, due_at)));
        }
        let sql = "UPDATE deliveries SET head = 0, next_at = CASE WHEN leased = 1 THEN due_at ELSE next_at END,
                                         in_doubt = max(in_doubt, leased), silent_attempts = silent_attempts + leased,
                                         leased = 0
                   WHERE channel = ?1 AND lane = ?2 AND state = 0 AND head = 1";
        tx.sql(sql)?.execute(params![channel, lane])?;
        tx.sql("UPDATE deliveries SET head = 1 WHERE n = ?1")?.execute([n])?;
    }
    Ok(Some((n, due_at)))
}

/// A delivery as a settlement or a retry finds it.
pub(super) struct Standing {
    pub(super) n: i64,
    pub(super) channel: String,
    pub(super) lane: Option<String>,
    pub(super) state: i64,
    pub(super) attempts: i64,
    pub(super) leased: bool,
    pub(super) due_at: i64,
    pub(super) in_doubt: bool,
    pub(super) has_reference: bool,
}

impl Standing {
    /// Whether this settlement has an effect on it.
    fn is_settled_by(&self, settle: &Settle) -> bool {
        match &settle.settlement {
            Settlement::Delivered { .. } if self.state == DELIVERED => !self.has_reference,
            // Whoever says it: the far side has it, and that does not become untrue by a lease that ended.
            Settlement::Delivered { .. } => true,
            Settlement::Resolve(ParkedOutcome::Delivered) if self.state == DEAD_LETTER => true,
            Settlement::Resolve(_) => self.state == PENDING && self.due_at == NEVER,
            _ => self.leased && self.state == PENDING && settle.lease == lease_of(self.n, self.attempts),
        }
    }
}

pub(super) fn standing_in_tx(tx: &Tx<'_>, id: DeliveryId) -> Result<Option<Standing>, StoreError> {
    let mut statement = tx.sql("SELECT * FROM deliveries WHERE id = ?1")?;
    statement.query_and_then([id.0.as_bytes().as_slice()], standing_of)?.next().transpose()
}

fn standing_of(row: &Row<'_>) -> Result<Standing, StoreError> {
    Ok(Standing {
        n: get(row, "n")?,
        channel: get(row, "channel")?,
        lane: get(row, "lane")?,
        state: get(row, "state")?,
        attempts: get(row, "attempts")?,
        leased: get(row, "leased")?,
        due_at: get(row, "due_at")?,
        in_doubt: get(row, "in_doubt")?,
        has_reference: get::<Option<String>>(row, "remote_reference")?.is_some(),
    })
}

/// Whether the settlement would take effect now.
pub(super) fn delivery_is_settled_by_in_tx(tx: &Tx<'_>, settle: &Settle) -> Result<bool, StoreError> {
    Ok(standing_in_tx(tx, settle.id)?.is_some_and(|it| it.is_settled_by(settle)))
}

pub(super) fn delivery_settle_in_tx(tx: &mut Tx<'_>, settle: &Settle) -> Result<bool, StoreError> {
    let Some(it) = standing_in_tx(tx, settle.id)?.filter(|it| it.is_settled_by(settle)) else { return Ok(false) };
    match &settle.settlement {
        Settlement::Delivered { remote_reference } if it.state == DELIVERED => {
            reference_add_in_tx(tx, &it, remote_reference.as_deref())
        }
        Settlement::Delivered { remote_reference } => {
            delivered_in_tx(tx, &it, remote_reference.as_deref())?;
            attempt_end_in_tx(tx, &it, "delivered", None)
        }
        Settlement::Retry { reason, wait, in_doubt } => {
            wait_in_tx(tx, &it, &Wait { until: nanos(after(tx.now, *wait)), reason, in_doubt: *in_doubt })?;
            attempt_end_in_tx(tx, &it, if *in_doubt { "unknown" } else { "retry" }, Some(reason))
        }
        Settlement::GiveBack { reason, wait } => {
            wait_in_tx(tx, &it, &Wait { until: nanos(after(tx.now, *wait)), reason, in_doubt: it.in_doubt })?;
            attempt_give_back_in_tx(tx, &it)
        }
        Settlement::HandedOver { wait, remote_reference } => {
            wait_in_tx(tx, &it, &Wait { until: nanos(after(tx.now, *wait)), reason: AWAITED, in_doubt: true })?;
            reference_add_in_tx(tx, &it, remote_reference.as_deref())?;
            attempt_end_in_tx(tx, &it, HANDED_OVER, None)
        }
        Settlement::Park { reason } => {
            wait_in_tx(tx, &it, &Wait { until: NEVER, reason, in_doubt: true })?;
            attempt_end_in_tx(tx, &it, "park", Some(reason))
        }
        Settlement::DeadLetter { reason, in_doubt } => dead_letter_in_tx(tx, &it, reason, *in_doubt),
        Settlement::Resolve(ParkedOutcome::Delivered) => {
            delivered_in_tx(tx, &it, None)?;
            attempt_end_in_tx(tx, &it, "delivered", None)
        }
        Settlement::Resolve(ParkedOutcome::SendAgain) => send_again_in_tx(tx, &it),
    }
}

fn delivered_in_tx(tx: &mut Tx<'_>, it: &Standing, reference: Option<&str>) -> Result<(), StoreError> {
    let sql = "UPDATE deliveries SET state = 1, head = 0, leased = 0, due_at = next_at, in_doubt = 0, ended_at = ?2,
                                     reason = NULL, remote_reference = coalesce(?3, remote_reference) WHERE n = ?1";
    tx.sql(sql)?.execute(params![it.n, nanos(tx.now), reference])?;
    let now = tx.now;
    let tally = tx.tally(&it.channel);
    tally.delivered += 1;
    tally.last_delivered_at = tally.last_delivered_at.max(Some(now));
    Ok(())
}

/// The attempt is not one of its round. Its number is used up all the same: it names the lease.
fn attempt_give_back_in_tx(tx: &mut Tx<'_>, it: &Standing) -> Result<bool, StoreError> {
    tx.sql("UPDATE deliveries SET attempts_in_round = attempts_in_round - 1 WHERE n = ?1")?.execute([it.n])?;
    tx.tally(&it.channel).pending -= 1;
    if let Some(lane) = &it.lane {
        lane_mark_in_tx(tx, &it.channel, lane)?;
    }
    Ok(true)
}

/// How a delivery goes on waiting.
struct Wait<'a> {
    until: i64,
    reason: &'a str,
    in_doubt: bool,
}

fn wait_in_tx(tx: &mut Tx<'_>, it: &Standing, wait: &Wait<'_>) -> Result<(), StoreError> {
    let sql = "UPDATE deliveries SET leased = 0, next_at = ?2, due_at = ?3, reason = ?4, in_doubt = ?5 WHERE n = ?1";
    // What is parked has no next time; what is shown is since when.
    let next_at = if wait.until == NEVER { nanos(tx.now) } else { wait.until };
    tx.sql(sql)?.execute(params![it.n, next_at, wait.until, wait.reason, wait.in_doubt])?;
    tx.tally(&it.channel).pending += 1;
    Ok(())
}

fn dead_letter_in_tx(tx: &mut Tx<'_>, it: &Standing, reason: &str, in_doubt: bool) -> Result<bool, StoreError> {
    let sql = "UPDATE deliveries SET state = 2, head = 0, leased = 0, ended_at = ?2, reason = ?3, in_doubt = ?4
               WHERE n = ?1";
    tx.sql(sql)?.execute(params![it.n, nanos(tx.now), reason, in_doubt])?;
    tx.tally(&it.channel).dead_letters += 1;
    attempt_end_in_tx(tx, it, "reject", Some(reason))
}

/// A person has made sure that the far side does not have it: it is as if it had never been tried.
fn send_again_in_tx(tx: &Tx<'_>, it: &Standing) -> Result<bool, StoreError> {
    let sql =
        "UPDATE deliveries SET next_at = ?2, due_at = ?2, attempts_in_round = 0, silent_attempts = 0, in_doubt = 0
               WHERE n = ?1";
    tx.sql(sql)?.execute(params![it.n, nanos(tx.now)])?;
    Ok(true)
}

/// A delivery that is delivered stays so; a reference that the far side told later is kept.
fn reference_add_in_tx(tx: &Tx<'_>, it: &Standing, reference: Option<&str>) -> Result<bool, StoreError> {
    if it.has_reference || reference.is_none() {
        return Ok(false);
    }
    tx.sql("UPDATE deliveries SET remote_reference = ?2 WHERE n = ?1")?.execute(params![it.n, reference])?;
    Ok(true)
}

/// Records the attempt, takes the delivery out of the count it was in, and lets the next of its lane come forward.
fn attempt_end_in_tx(tx: &mut Tx<'_>, it: &Standing, verdict: &str, reason: Option<&str>) -> Result<bool, StoreError> {
    let last: i64 = tx
        .sql("SELECT coalesce(max(number), 0) FROM attempts WHERE delivery = ?1")?
        .query_row([it.n], |row| row.get(0))?;
    // A word that came outside any attempt (a receipt) is one of its own.
    let number = if it.attempts > last { it.attempts } else { last + 1 };
    tx.sql("INSERT INTO attempts (delivery, number, at, verdict, reason) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![it.n, number, nanos(tx.now), verdict, reason])?;
    match it.state {
        PENDING => tx.tally(&it.channel).pending -= 1,
        _ => tx.tally(&it.channel).dead_letters -= 1,
    }
    if let Some(lane) = &it.lane {
        lane_mark_in_tx(tx, &it.channel, lane)?;
    }
    Ok(true)
}

pub(super) fn delivery_retry_in_tx(tx: &mut Tx<'_>, id: DeliveryId) -> Result<bool, StoreError> {
    let Some(it) = standing_in_tx(tx, id)? else { return Ok(false) };
    match it.state {
        DEAD_LETTER => dead_letter_revive_in_tx(tx, &it),
        PENDING => pending_hurry_in_tx(tx, &it),
        _ => Ok(false),
    }
}

/// What waits for its time falls due; what is due already keeps its place. A lease that is over is let go, so that a
/// late word of its holder does not send the delivery back to waiting.
fn pending_hurry_in_tx(tx: &Tx<'_>, it: &Standing) -> Result<bool, StoreError> {
    if it.due_at == NEVER || (it.leased && it.due_at > nanos(tx.now)) {
        return Ok(false);
    }
    let sql = "UPDATE deliveries SET next_at = min(due_at, ?2), due_at = min(due_at, ?2),
                                     in_doubt = max(in_doubt, leased), silent_attempts = silent_attempts + leased,
                                     leased = 0 WHERE n = ?1";
    tx.sql(sql)?.execute(params![it.n, nanos(tx.now)])?;
    // One before it may have been revived while it was under the lease that is let go.
    if let Some(lane) = &it.lane {
        lane_mark_in_tx(tx, &it.channel, lane)?;
    }
    Ok(true)
}

pub(super) fn dead_letter_revive_in_tx(tx: &mut Tx<'_>, it: &Standing) -> Result<bool, StoreError> {
    let sql = "UPDATE deliveries SET state = 0, head = ?2, next_at = ?3, due_at = ?3, attempts_in_round = 0,
                                     silent_attempts = 0, ended_at = NULL WHERE n = ?1";
    tx.sql(sql)?.execute(params![it.n, it.lane.is_none(), nanos(tx.now)])?;
    if let Some(lane) = &it.lane {
        lane_mark_in_tx(tx, &it.channel, lane)?;
    }
    let tally = tx.tally(&it.channel);
    tally.pending += 1;
    tally.dead_letters -= 1;
    Ok(true)
}
