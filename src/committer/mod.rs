//! Group commit: many callers, one transaction, one answer each.
//!
//! A disk can make a few hundred commits a second durable, whatever is in them. So whoever writes hands its write in
//! here and waits; while one batch is being committed the next gathers; each caller gets its own answer once its write is
//! durable. Everything that is written goes through here, and nothing is decided here.
//!
//! What waits is bounded by count and by bytes, and each caller has its [`Urgency`]: beyond the bounds a caller that
//! somebody waits for is told soon that too much waits ([`StoreError::Full`]), and bulk waits, instead of filling the memory.

mod queue;
mod size;
mod tail;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use channel_sdk::inbound::CodeList;
use tokio::{
    sync::{Notify, oneshot, watch},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

pub use self::{queue::Urgency, tail::Tail};
use self::{
    queue::{Doors, Job, Lanes, lanes},
    size::size_of,
};
use crate::{
    petition::Seq,
    store::{
        Beat, Change, Claim, Claimed, Committed, DeliveryId, Held, ItemRecord, ItemsDone, MessageId, NewMessage,
        Reconcile, Settle, Store, StoreError, Write, Written,
    },
};

/// How long a caller waits for admission. Longer than a few commits; shorter than a caller's patience.
const ADMISSION_WAIT: Duration = Duration::from_millis(500);
/// After this long without a commit that succeeds, callers are told at once that the store takes nothing: longer than any
/// batch on a disk that works, shorter than a caller's patience.
const BUSY_MAX: Duration = Duration::from_secs(5);

const STOPPED: StoreError = StoreError::Unavailable("the gateway is stopping");
const AWAY: StoreError = StoreError::Unavailable("it has taken no writes for some time");

/// Where writes are handed in. Cheap to clone.
#[derive(Clone)]
pub struct Committer {
    doors: Doors,
    urgency: Urgency,
    seq: watch::Receiver<Seq>,
    due: Arc<Notify>,
    busy: Busy,
}

/// Since when a batch, or one after the other in vain, is being committed.
type Busy = Arc<Mutex<Option<Instant>>>;

/// The task that commits what was handed in.
pub struct CommitterTask {
    store: Arc<dyn Store>,
    lanes: Lanes,
    seq: watch::Sender<Seq>,
    due: Arc<Notify>,
    busy: Busy,
}

/// A committer over a store, and the task that must run for it.
///
/// # Errors
/// The store cannot be read.
pub async fn committer(store: Arc<dyn Store>) -> Result<(Committer, CommitterTask), StoreError> {
    let (seq_sender, seq) = watch::channel(store.seq_last().await?);
    let (doors, lanes) = lanes();
    let due = Arc::new(Notify::new());
    let busy = Busy::default();
    let task = CommitterTask { store, lanes, seq: seq_sender, due: Arc::clone(&due), busy: Arc::clone(&busy) };
    Ok((Committer { doors, urgency: Urgency::People, seq, due, busy }, task))
}

impl Committer {
    /// The same committer for writes of this urgency. What is the gateway's own duty stays that.
    #[must_use]
    pub fn with(&self, urgency: Urgency) -> Committer {
        Committer { urgency, ..self.clone() }
    }

    /// Commits a decision on a petition.
    ///
    /// # Errors
    /// As every write here: the store failed or takes nothing now. Unless it says that the gateway is stopping or full,
    /// the write may yet have become durable: the same key or version asks again.
    pub async fn change(&self, change: Change) -> Result<Committed, StoreError> {
        change.make_ready()?;
        match self.write(Write::Change(Box::new(change))).await? {
            Written::Committed(committed) => Ok(committed),
            _ => Err(wrong_answer()),
        }
    }

    /// Keeps a message as it arrived.
    ///
    /// # Errors
    /// See [`Committer::change`].
    pub async fn journal(&self, message: NewMessage) -> Result<MessageId, StoreError> {
        match self.write(Write::Journal(message)).await? {
            Written::Message(id) => Ok(id),
            _ => Err(wrong_answer()),
        }
    }

    /// Records what became of items that changed no petition.
    ///
    /// # Errors
    /// See [`Committer::change`].
    pub async fn items(&self, items: Vec<ItemRecord>) -> Result<(), StoreError> {
        self.done(Write::Items(items)).await
    }

    /// A message is dealt with; its feed's cursor moves with it.
    ///
    /// # Errors
    /// See [`Committer::change`].
    pub async fn message_done(&self, done: ItemsDone) -> Result<(), StoreError> {
        self.done(Write::MessageDone(done)).await
    }

    /// Has a message dealt with again: should that be interrupted, it is listed as unfinished and taken up again.
    ///
    /// # Errors
    /// See [`Committer::change`].
    pub async fn message_reopen(&self, id: MessageId) -> Result<(), StoreError> {
        self.done(Write::Reopen(id)).await
    }

    /// Makes an unfinished message this gateway's to deal with; `false` when it is finished, or another's.
    ///
    /// # Errors
    /// See [`Committer::change`].
    pub async fn message_take_over(&self, id: MessageId) -> Result<bool, StoreError> {
        self.settled(Write::TakeOver(id)).await
    }

    /// Says that this gateway is alive; gives what it may do until the next beat.
    ///
    /// # Errors
    /// See [`Committer::change`].
    pub async fn beat(&self, beat: Beat) -> Result<Held, StoreError> {
        match self.write(Write::Beat(beat)).await? {
            Written::Held(held) => Ok(held),
            _ => Err(wrong_answer()),
        }
    }

    /// Says that this gateway goes.
    ///
    /// # Errors
    /// See [`Committer::change`].
    pub async fn leave(&self) -> Result<(), StoreError> {
        self.done(Write::Leave).await
    }

    /// Has a channel pulled at once, by whichever gateway holds it.
    ///
    /// # Errors
    /// See [`Committer::change`].
    pub async fn sync(&self, channel: &str) -> Result<(), StoreError> {
        self.done(Write::Sync(channel.to_owned())).await
    }

    /// Leases the next deliveries that are due.
    ///
    /// # Errors
    /// See [`Committer::change`].
    pub async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, StoreError> {
        match self.write(Write::Claim(claim)).await? {
            Written::Claimed(claimed) => Ok(claimed),
            _ => Err(wrong_answer()),
        }
    }

    /// Ends an attempt; `false` when the settlement has no effect.
    ///
    /// # Errors
    /// See [`Committer::change`].
    pub async fn settle(&self, settle: Settle) -> Result<bool, StoreError> {
        self.settled(Write::Settle(settle)).await
    }

    /// Has a dead letter, or one that waits for its time, tried now; `false` when it is delivered or being attempted.
    ///
    /// # Errors
    /// See [`Committer::change`].
    pub async fn retry(&self, id: DeliveryId) -> Result<bool, StoreError> {
        self.settled(Write::Retry(id)).await
    }

    /// Has a delivery that is over sent once more, under its old key; `false` when it is pending.
    ///
    /// # Errors
    /// See [`Committer::change`].
    pub async fn send_again(&self, id: DeliveryId) -> Result<bool, StoreError> {
        self.settled(Write::SendAgain(id)).await
    }

    /// Makes a step of a reconciliation durable.
    ///
    /// # Errors
    /// See [`Committer::change`].
    pub async fn reconcile(&self, step: Reconcile) -> Result<(), StoreError> {
        self.done(Write::Reconcile(Box::new(step))).await
    }

    /// Pauses or resumes a channel.
    ///
    /// # Errors
    /// See [`Committer::change`].
    pub async fn pause(&self, channel: &str, paused: bool, reason: &str) -> Result<(), StoreError> {
        self.done(Write::Pause { channel: channel.to_owned(), paused, reason: reason.to_owned() }).await
    }

    /// Keeps a channel's code list.
    ///
    /// # Errors
    /// See [`Committer::change`].
    pub async fn code_list(&self, channel: &str, list: CodeList) -> Result<(), StoreError> {
        self.done(Write::CodeList { channel: channel.to_owned(), list }).await
    }

    /// The number of the last committed event, as it moves.
    pub fn seq_changes(&self) -> watch::Receiver<Seq> {
        self.seq.clone()
    }

    /// Signalled when deliveries may have fallen due. It keeps one signal for one waiter, so only one task may wait.
    pub fn deliveries_due(&self) -> Arc<Notify> {
        Arc::clone(&self.due)
    }

    /// How many writes of this urgency wait for their batch.
    pub fn waiting(&self, urgency: Urgency) -> usize {
        self.doors.of(urgency).waiting()
    }

    /// Why nothing is taken now: the store has taken no writes for some time.
    pub fn away(&self) -> Option<StoreError> {
        (self.busy_for() > BUSY_MAX).then_some(AWAY)
    }

    /// For how long nothing could be committed although something was to be; zero when nothing waits.
    pub fn busy_for(&self) -> Duration {
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.map_or(Duration::ZERO, |since| since.elapsed())
    }

    async fn settled(&self, write: Write) -> Result<bool, StoreError> {
        match self.write(write).await? {
            Written::Settled(took_effect) => Ok(took_effect),
            _ => Err(wrong_answer()),
        }
    }

    async fn done(&self, write: Write) -> Result<(), StoreError> {
        match self.write(write).await? {
            Written::Done => Ok(()),
            _ => Err(wrong_answer()),
        }
    }

    async fn write(&self, write: Write) -> Result<Written, StoreError> {
        let size_bytes = size_of(&write);
        let urgency = if is_own_duty(&write) { Urgency::Own } else { self.urgency };
        // Claims and signs of life find out when it takes writes again.
        if let Some(away) = self.away().filter(|_| !finds_out(&write)) {
            return Err(away);
        }
        let (answer, answered) = oneshot::channel();
        let admission = self.doors.of(urgency).hand_in(write, size_bytes, answer);
        match urgency {
            Urgency::People => timeout(ADMISSION_WAIT, admission).await.map_err(|_| StoreError::Full)??,
            // Under load they wait their turn: a gateway that is busy is not one that is gone, and bulk has time.
            Urgency::Own | Urgency::Bulk => admission.await?,
        }
        answered.await.map_err(|_| STOPPED)?
    }
}

impl CommitterTask {
    /// What has other gateways' commits told here as well; a task to be run beside this one.
    pub fn tail(&self) -> Tail {
        Tail { store: Arc::clone(&self.store), seq: self.seq.clone(), due: Arc::clone(&self.due) }
    }

    /// Commits until `stop`, then what was handed in before it.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                // From here on nothing is let in; what is there is still committed.
                () = stop.cancelled(), if !self.lanes.is_closed() => self.lanes.close(),
                is_waiting = self.lanes.wait() => match is_waiting {
                    true => {
                        let batch = self.lanes.gather();
                        self.commit(batch).await;
                    }
                    false => return,
                },
            }
        }
    }

    async fn commit(&mut self, batch: Vec<Job>) {
        let may_be_due = batch.iter().any(|job| may_make_due(&job.write));
        let (mut writes, mut answers) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        for Job { write, answer, room, .. } in batch {
            writes.push(write);
            answers.push((answer, room));
        }
        crate::failpoint::at!("commit.gathered");
        let written = self.write_all(writes.into()).await;
        crate::failpoint::at!("commit.written");
        if written.iter().any(|it| matches!(it, Err(StoreError::Unavailable(_) | StoreError::Unknown))) {
            self.turn_away();
        }
        self.publish(written.iter().flatten(), may_be_due);
        crate::failpoint::at!("commit.published");
        for ((answer, room), written) in answers.into_iter().zip(written) {
            drop(room);
            send(answer, written);
        }
        crate::failpoint::at!("commit.answered");
    }

    /// Tells whoever waits that the store takes nothing now: each would wait as long in vain as the batch before.
    fn turn_away(&mut self) {
        for Job { answer, .. } in self.lanes.empty() {
            send(answer, Err(AWAY));
        }
    }

    /// Writes a batch. Where the engine refuses it, nothing of it was done; then each write goes alone, so that only the
    /// one fails that the engine cannot bear.
    async fn write_all(&self, batch: Arc<[Write]>) -> Vec<Result<Written, StoreError>> {
        match self.write_batch(Arc::clone(&batch)).await {
            Ok(written) => written.into_iter().map(Ok).collect(),
            Err(StoreError::Engine(_) | StoreError::Damaged(_)) if batch.len() > 1 => {
                let mut written = Vec::with_capacity(batch.len());
                for write in batch.iter() {
                    let alone = self.write_batch(Arc::new([write.clone()])).await;
                    written.push(alone.and_then(|mut one| one.pop().ok_or_else(wrong_answer)));
                }
                written
            }
            Err(error) => vec![Err(error); batch.len()],
        }
    }

    async fn write_batch(&self, batch: Arc<[Write]>) -> Result<Vec<Written>, StoreError> {
        let count = batch.len();
        let before = self.busy_since();
        self.busy_set(before.or_else(|| Some(Instant::now())));
        let written = self.store.write(batch).await;
        match &written {
            // A store that does not take writes now is held up until it takes one: the next try is no new beginning.
            Err(StoreError::Unavailable(_) | StoreError::Unknown) => {}
            // A claim of nothing wrote nothing, so it shows nothing.
            Ok(written) if written.iter().all(is_nothing) => self.busy_set(before),
            _ => self.busy_set(None),
        }
        let written = written.and_then(|it| if it.len() == count { Ok(it) } else { Err(wrong_answer()) });
        if let Err(error) = &written {
            tracing::error!(error = error as &dyn std::error::Error, writes = count, "a batch failed");
        }
        written
    }

    fn busy_since(&self) -> Option<Instant> {
        *self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn busy_set(&self, since: Option<Instant>) {
        *self.busy.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    /// Signals go out before the answers: who has its answer can rely on watchers being told.
    fn publish<'a>(&self, written: impl Iterator<Item = &'a Written>, may_be_due: bool) {
        let seqs = written.filter_map(|written| match written {
            Written::Committed(Committed::New { seq, .. }) => Some(*seq),
            _ => None,
        });
        if let Some(last) = seqs.max() {
            move_on(&self.seq, last);
        }
        if may_be_due {
            self.due.notify_one();
        }
    }
}

/// Tells the last number, where it is news; whether it was.
fn move_on(told: &watch::Sender<Seq>, last: Seq) -> bool {
    told.send_if_modified(|seq| {
        let is_later = last > *seq;
        *seq = last.max(*seq);
        is_later
    })
}

/// A claim of what is not there.
fn is_nothing(written: &Written) -> bool {
    matches!(written, Written::Claimed(claimed) if claimed.is_empty())
}

/// A caller that is gone does not want its answer; what was written stays written.
fn send(answer: oneshot::Sender<Result<Written, StoreError>>, result: Result<Written, StoreError>) {
    drop(answer.send(result));
}

/// Whether a write is the gateway's own duty, which nobody's load may hold up.
fn is_own_duty(write: &Write) -> bool {
    match write {
        Write::Beat(_)
        | Write::Leave
        | Write::Claim(_)
        | Write::Settle(_)
        | Write::Retry(_)
        | Write::SendAgain(_)
        | Write::Pause { .. }
        | Write::Sync(_)
        | Write::TakeOver(_) => true,
        Write::Change(change) => change.settle.is_some(),
        Write::Reconcile(_)
        | Write::Journal(_)
        | Write::Items(_)
        | Write::MessageDone(_)
        | Write::Reopen(_)
        | Write::CodeList { .. } => false,
    }
}

/// Whether a write is tried although the store takes none now, so that it is known when it does again.
fn finds_out(write: &Write) -> bool {
    matches!(write, Write::Beat(_) | Write::Leave | Write::Claim(_))
}

/// Whether a delivery may be due after this write that was not before: a new one, the next of a lane, one tried again.
fn may_make_due(write: &Write) -> bool {
    match write {
        Write::Change(change) => !change.deliveries.is_empty() || change.settle.is_some(),
        Write::Settle(_) | Write::Retry(_) | Write::SendAgain(_) | Write::Pause { .. } => true,
        Write::Journal(_)
        | Write::Items(_)
        | Write::MessageDone(_)
        | Write::Reopen(_)
        | Write::TakeOver(_)
        | Write::Beat(_)
        | Write::Leave
        | Write::Sync(_)
        | Write::Claim(_)
        | Write::Reconcile(_)
        | Write::CodeList { .. } => false,
    }
}

fn wrong_answer() -> StoreError {
    StoreError::Damaged("answer of the engine")
}
