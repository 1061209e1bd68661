//! Writing: a batch is one transaction, in two round trips.
//!
//! 1. `load`: begin, lock the counter row, read what the batch touches.
//! 2. The batch is decided in memory (`batch`, `deliveries`) and becomes one statement for each table (`flush`), with what is
//!    given out of deliveries after them (`claim`); the answers are kept beside the batch's key (`answers`); commit.
//!
//! A batch that was interrupted (a lost connection, a failover, a request of the database to try again) is tried again under
//! the same key. Whether it was committed after all is never guessed: the lock can be had again only when the earlier
//! transaction is over, and then its key is there or it is not.

mod answers;
mod batch;
mod claim;
mod deliveries;
mod flush;
mod known;
mod load;
mod pipeline;
#[cfg(test)]
mod plans;
mod reconciliation;

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use deadpool::managed::Object;
use deadpool_postgres::ClientWrapper;
use tokio::{sync::Mutex, time::timeout};
use uuid::Uuid;

use self::{
    answers::Answer,
    batch::{Batch, Decided},
    claim::{Given, Unreadable},
    pipeline::{Sent, Step, Value, run},
};
use super::{clock::DatabaseClock, connect::Database, rows::get};
use crate::store::{Settle, Settlement, StoreError, Write, Written};

/// For how long an interrupted batch is tried again. A failover takes some seconds; whoever waits longer is told.
const TRY_FOR: Duration = Duration::from_secs(15);
/// The first pause before another try; it doubles.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// The longest pause: a database that is back is used within half a second.
const PAUSE_MAX: Duration = Duration::from_millis(500);
/// A round trip that takes longer than this is not waited for: the connection is given up, and the batch looked up by its key
/// over another. Longer than the wait for the lock that the database itself allows.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(8);

/// A commit waits for the replica however long that takes: a wait that is cut off would be told as a success that the replica
/// may not know of.
const COMMIT: &str = "SET LOCAL statement_timeout = 0; COMMIT";

/// How long an errand that cannot be read here waits for a gateway that can read it.
const LEFT_TO_NEWER: Duration = Duration::from_secs(60);
const OTHERS_ARE_ALIVE: &str = "SELECT EXISTS (SELECT 1 FROM gateways WHERE id <> $1 AND until > $2) AS alive";

/// Why a delivery is given up whose errand a newer gateway wrote, or that is damaged: here nobody can do it.
const UNREADABLE: &str = "không đọc được (a stored errand cannot be read)";

const KEEP_ANSWERS: &str = "INSERT INTO gateways (id, until, batch, answers) VALUES ($1, $2, $3, $4)
                            ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, answers = excluded.answers";

/// The answers of a batch, and what it gave out that nobody can do, with its leases.
type Done = (Vec<Written>, Vec<Unreadable>);

/// Writes, one batch at a time.
pub(super) struct Writer {
    database: Arc<Database>,
    clock: Arc<DatabaseClock>,
    gateway: Uuid,
    /// One at a time: the row that is locked orders all gateways' batches, so two of one gateway would only wait for it.
    turn: Mutex<()>,
}

/// Why a try did not end with an answer.
struct Interrupted {
    error: StoreError,
    /// Whether the commit may have been carried out.
    may_be_done: bool,
    /// Whether it was seen that no earlier try was.
    has_looked: bool,
}

impl From<StoreError> for Interrupted {
    fn from(error: StoreError) -> Interrupted {
        Interrupted { error, may_be_done: false, has_looked: false }
    }
}

impl Writer {
    pub(super) fn new(database: Arc<Database>, clock: Arc<DatabaseClock>, gateway: Uuid) -> Writer {
        Writer { database, clock, gateway, turn: Mutex::new(()) }
    }

    /// Makes the whole batch durable in one transaction and answers each write, in order.
    pub(super) async fn write(&self, batch: &[Write]) -> Result<Vec<Written>, StoreError> {
        let _turn = self.turn.lock().await;
        let (written, unreadable) = self.try_again(batch).await?;
        if !unreadable.is_empty() {
            let is_alone = self.is_alone().await;
            let batch: Vec<Write> = unreadable.into_iter().map(|it| of_unreadable(it, is_alone)).collect();
            // What was asked is durable whatever becomes of these: they are found unreadable again when their leases end.
            if let Err(error) = self.try_again(&batch).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "unreadable errands could not be given up");
            }
        }
        Ok(written)
    }

    /// Whether there are no other gateways; where that cannot be told, there may be.
    async fn is_alone(&self) -> bool {
        let (gateway, now) = (self.gateway, self.clock.now_nanos());
        let others = self.database.read(|conn| async move {
            let statement = conn.prepare_cached(OTHERS_ARE_ALIVE).await?;
            get::<bool>(&conn.query_one(&statement, &[&gateway, &now]).await?, "alive")
        });
        matches!(others.await, Ok(false))
    }

    async fn try_again(&self, batch: &[Write]) -> Result<Done, StoreError> {
        let key = Uuid::now_v7();
        let give_up_at = Instant::now() + TRY_FOR;
        let (mut pause, mut may_be_done) = (PAUSE_MIN, false);
        loop {
            let interrupted = match self.try_once(batch, key).await {
                Ok(done) => return Ok(done),
                Err(interrupted) => interrupted,
            };
            // A try that got as far as its second round trip has looked the earlier ones up.
            may_be_done = interrupted.may_be_done || (may_be_done && !interrupted.has_looked);
            let StoreError::Unavailable(why) = interrupted.error else {
                return Err(if may_be_done { StoreError::Unknown } else { interrupted.error });
            };
            if Instant::now() + pause > give_up_at {
                return Err(if may_be_done { StoreError::Unknown } else { interrupted.error });
            }
            tracing::warn!(why, writes = batch.len(), "a batch was interrupted and is tried again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn try_once(&self, batch: &[Write], key: Uuid) -> Result<Done, Interrupted> {
        let conn = in_time(async { self.database.writer().await }).await?;
        match self.transaction(&conn, batch, key).await {
            Ok(done) => {
                conn.release();
                Ok(done)
            }
            Err(interrupted) => {
                // Closed at once, whatever state it is in: a transaction that is open on it holds everybody up.
                drop(Object::take(conn));
                Err(interrupted)
            }
        }
    }

    async fn transaction(&self, conn: &ClientWrapper, writes: &[Write], key: Uuid) -> Result<Done, Interrupted> {
        let begun = in_time(load::begin(conn, &self.clock, self.gateway, writes)).await?;
        crate::failpoint::at!("postgres.begun");
        if let Some((last, kept)) = &begun.last_batch
            && *last == key
        {
            return Ok(self.answered_before(conn, kept).await?);
        }
        let mut batch = Batch::new(self.gateway, begun.known);
        let mut decided = Vec::with_capacity(writes.len());
        for write in writes {
            decided.push(batch.decide(write)?);
        }
        let plan = Plan::of(&batch, decided, key)?;
        crate::failpoint::at!("postgres.decided");
        let rows = commit(conn, &plan.steps).await?;
        crate::failpoint::at!("postgres.committed");
        Ok(answers(plan.answers, &rows)?)
    }

    /// The answers of a batch that was committed although its reply was lost.
    async fn answered_before(&self, conn: &ClientWrapper, kept: &[u8]) -> Result<Done, StoreError> {
        let (mut written, mut unreadable) = (Vec::new(), Vec::new());
        for answer in answers::decode(kept)? {
            written.push(match answer {
                Answer::Written(written) => written,
                Answer::Claimed(until) => {
                    let given = in_time(claim::again(conn, until)).await?;
                    unreadable.extend(given.unreadable);
                    Written::Claimed(given.claimed)
                }
            });
        }
        in_time(async { Ok(conn.batch_execute("COMMIT").await?) }).await?;
        tracing::info!(writes = written.len(), "a batch whose reply was lost was committed: it is not done again");
        Ok((written, unreadable))
    }
}

/// What is sent in the second round trip, and how its answers come about.
struct Plan<'a> {
    steps: Vec<Sent<'a>>,
    answers: Vec<Planned>,
}

/// An answer that is known, or the step whose rows give it.
enum Planned {
    Written(Written),
    Claimed(usize),
}

impl<'a> Plan<'a> {
    fn of(batch: &'a Batch<'a>, decided: Vec<Decided<'_>>, key: Uuid) -> Result<Plan<'a>, StoreError> {
        let mut steps: Vec<Sent<'a>> = flush::steps(batch)?.into_iter().map(Sent::Step).collect();
        let (mut planned, mut kept) = (Vec::with_capacity(decided.len()), Vec::with_capacity(decided.len()));
        for (place, decided) in (0..).zip(decided) {
            match decided {
                Decided::Answer(written) => {
                    kept.push(Answer::Written(written.clone()));
                    planned.push(Planned::Written(written));
                }
                Decided::Claim(claim) => {
                    // The database tells microseconds: the nanoseconds tell the claims of a batch apart.
                    let until = batch.later(claim.lease)?.saturating_add(place);
                    steps.extend(claim::steps(claim, batch.known.now, until));
                    kept.push(Answer::Claimed(until));
                    planned.push(Planned::Claimed(steps.len() - 1));
                }
            }
        }
        let keep: Vec<Value<'a>> =
            vec![Box::new(batch.gateway), Box::new(batch.known.now), Box::new(key), Box::new(answers::encode(&kept))];
        steps.push(Sent::Step(Step::new(KEEP_ANSWERS, keep)));
        steps.push(Sent::Text(COMMIT));
        Ok(Plan { steps, answers: planned })
    }
}

/// What becomes of an errand that cannot be read here: as long as there are other gateways, one of them may be newer and have
/// written it. What attempts before this one left in doubt stays so, and its schedule is not used up.
fn of_unreadable(it: Unreadable, is_alone: bool) -> Write {
    let reason = UNREADABLE.to_owned();
    let settlement = if is_alone {
        Settlement::DeadLetter { reason, in_doubt: it.in_doubt }
    } else {
        Settlement::GiveBack { reason, wait: LEFT_TO_NEWER }
    };
    Write::Settle(Settle { id: it.id, lease: it.lease, settlement })
}

/// The answers, and what was given out that nobody can do.
fn answers(planned: Vec<Planned>, rows: &[Vec<tokio_postgres::Row>]) -> Result<Done, StoreError> {
    let (mut written, mut unreadable) = (Vec::with_capacity(planned.len()), Vec::new());
    for planned in planned {
        written.push(match planned {
            Planned::Written(written) => written,
            Planned::Claimed(step) => {
                let Given { claimed, unreadable: given_up } = claim::given(&rows[step])?;
                unreadable.extend(given_up);
                Written::Claimed(claimed)
            }
        });
    }
    Ok((written, unreadable))
}

/// The second round trip. What is lost from here on may have been committed.
async fn commit(conn: &ClientWrapper, steps: &[Sent<'_>]) -> Result<Vec<Vec<tokio_postgres::Row>>, Interrupted> {
    in_time(async { Ok(run(conn, steps).await?) }).await.map_err(|error| {
        let may_be_done = matches!(error, StoreError::Unavailable(_));
        Interrupted { error, may_be_done, has_looked: true }
    })
}

async fn in_time<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(ROUND_TRIP_MAX, work).await.map_err(|_| StoreError::Unavailable("the database does not answer"))?
}
