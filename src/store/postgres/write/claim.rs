//! Giving out what is due, in the database: the oldest of each channel that has room, one of each lane.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;
use uuid::Uuid;

use super::pipeline::{Sent, Step, Value};
use crate::store::{
    Claim, Claimed, DeliveryId, StoreError,
    columns::lease_of,
    postgres::{
        delivery_list::delivery_of,
        rows::{get, text},
    },
};

/// What is due, channel by channel: the index gives each channel's oldest first. `$1`, `$2`: the room of channels that are
/// named; `$3`: at most; `$4`: now.
macro_rules! due {
    ($condition:literal) => {
        concat!(
            "SELECT d.n, d.channel, d.lane, d.due_at FROM channels c
             LEFT JOIN unnest($1::text[], $2::bigint[]) r (name, room) ON r.name = c.name
             CROSS JOIN LATERAL (
                 SELECT n, channel, lane, due_at FROM deliveries d
                 WHERE d.channel = c.name AND d.head AND d.due_at <= $4 ",
            $condition,
            " ORDER BY d.due_at, d.n LIMIT least(coalesce(r.room, $3), $3)
             ) d
             WHERE NOT c.paused ORDER BY d.due_at, d.n LIMIT $3"
        )
    };
}

/// A dead letter may have been retried while a later one of its lane was under a lease that has now ended unsettled: then
/// the lane's first comes forward, and the lease that is over is let go.
pub(super) const FORWARD: &str = concat!(
    "WITH due AS (",
    due!("AND d.leased"),
    "), first AS (
         SELECT due.n, f.n AS first FROM due CROSS JOIN LATERAL (
             SELECT e.n FROM deliveries e
             WHERE e.channel = due.channel AND e.lane = due.lane AND e.state = 0 ORDER BY e.n LIMIT 1) f
         WHERE f.n <> due.n
     )
     UPDATE deliveries d
     SET head = (d.n = first.first), leased = d.leased AND d.n = first.first,
         in_doubt = d.in_doubt OR (d.leased AND d.n <> first.first),
         silent_attempts = d.silent_attempts + (d.leased AND d.n <> first.first)::int,
         next_at = CASE WHEN d.leased AND d.n <> first.first THEN d.due_at ELSE d.next_at END
     FROM first WHERE d.n IN (first.n, first.first)"
);

/// Leases what is due until `$5`. A lease that is over and was never settled: that attempt ended without a word, and may
/// have arrived.
pub(super) const LEASE: &str = concat!(
    "WITH due AS (",
    // Whatever is behind what came forward a moment ago, beyond what was looked at then, waits for the next claim.
    due!(
        "AND NOT (d.leased AND d.lane IS NOT NULL AND EXISTS (
             SELECT 1 FROM deliveries e
             WHERE e.channel = d.channel AND e.lane = d.lane AND e.state = 0 AND e.n < d.n))"
    ),
    "), leased AS (
         UPDATE deliveries d SET leased = true, due_at = $5, attempts = d.attempts + 1,
                                 attempts_in_round = d.attempts_in_round + 1, in_doubt = d.in_doubt OR d.leased,
                                 silent_attempts = d.silent_attempts + d.leased::int
         FROM due WHERE d.n = due.n RETURNING d.*, due.due_at AS was_due_at
     )
     SELECT leased.*, e.body FROM leased LEFT JOIN errands e ON e.delivery = leased.n
     ORDER BY leased.was_due_at, leased.n"
);

/// What was leased until just then, by this gateway's claim whose answer was lost.
pub(super) const LEASED_UNTIL: &str = "SELECT d.*, e.body FROM channels c
                            CROSS JOIN LATERAL (SELECT * FROM deliveries d
                                                WHERE d.channel = c.name AND d.head AND d.leased AND d.due_at = $1) d
                            LEFT JOIN errands e ON e.delivery = d.n ORDER BY d.n";

/// What was given out: what can be done, and what nobody can do, with its lease.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) claimed: Vec<Claimed>,
    pub(super) unreadable: Vec<Unreadable>,
}

/// A delivery that was given out and whose errand cannot be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unreadable {
    pub(super) id: DeliveryId,
    pub(super) lease: Uuid,
    /// What the claim carried on of the attempts before it, here or at a gateway that can read it.
    pub(super) in_doubt: bool,
}

/// The two steps of a claim; the second gives the rows.
pub(super) fn steps(claim: &Claim, now: i64, until: i64) -> [Sent<'static>; 2] {
    let values = || -> Vec<Value<'static>> {
        let names: Vec<String> = claim.room_of.keys().map(|name| text(name).into_owned()).collect();
        let rooms: Vec<i64> = claim.room_of.values().map(|room| i64::from(*room)).collect();
        vec![Box::new(names), Box::new(rooms), Box::new(i64::from(claim.limit)), Box::new(now)]
    };
    let mut leased = values();
    leased.push(Box::new(until));
    [Sent::Step(Step::new(FORWARD, values())), Sent::Step(Step::new(LEASE, leased))]
}

/// What the rows of a claim say.
pub(super) fn given(rows: &[Row]) -> Result<Given, StoreError> {
    let mut given = Given::default();
    for row in rows {
        let (n, attempts): (i64, i64) = (get(row, "n")?, get(row, "attempts")?);
        let lease = lease_of(n, attempts);
        match delivery_of(row) {
            Ok(delivery) => given.claimed.push(Claimed { delivery, lease }),
            Err(StoreError::Damaged(what)) => {
                tracing::error!(delivery.number = n, what, "a stored errand cannot be read here");
                let (id, in_doubt) = (DeliveryId(get(row, "id")?), get(row, "in_doubt")?);
                given.unreadable.push(Unreadable { id, lease, in_doubt });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(given)
}

/// What an earlier claim of this gateway gave out, known by the end of its leases.
pub(super) async fn again(conn: &ClientWrapper, until: i64) -> Result<Given, StoreError> {
    let statement = conn.prepare_cached(LEASED_UNTIL).await?;
    given(&conn.query(&statement, &[&until]).await?)
}
