//! Group commit: many callers, one transaction, one answer each.
//!
//! A disk can make a few hundred commits a second durable, whatever is in them. So whoever writes hands its write in
//! here and waits; while one batch is being committed the next gathers; each caller gets its own answer once its write is
//! durable. Everything that is written goes through here, and nothing is decided here.
//!
//! What waits is bounded by count and by bytes: beyond that a caller is told soon that the store is not available now,
//! instead of filling the memory.

mod tail;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use channel_sdk::inbound::CodeList;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

pub use self::tail::Tail;
use crate::{
    petition::Seq,
    store::{
        Beat, Change, Claim, Claimed, Committed, DeliveryId, Held, ItemRecord, ItemsDone, MessageId, NewMessage,
        Reconcile, Settle, Store, StoreError, Write, Written,
    },
};

/// Writes in a batch: at this size the cost of the commit is spread thin, and one more would only make all wait longer.
const BATCH_WRITES_MAX: usize = 512;
/// Bytes in a batch, so that a few large messages do not make one long transaction. One larger write goes alone.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Writes that wait: two full batches, one being committed and one gathering.
const WAITING_WRITES_MAX: usize = 2 * BATCH_WRITES_MAX;
/// Bytes that wait, in KiB: what bounds the memory when messages are large.
const WAITING_KIB_MAX: u32 = 64 * 1024;
/// How long a caller waits for admission. Longer than a few commits; shorter than a caller's patience.
const ADMISSION_WAIT: Duration = Duration::from_millis(500);
/// After this long without a commit that succeeds, callers are told at once that the store takes nothing: longer than any
/// batch on a disk that works, shorter than a caller's patience.
const BUSY_MAX: Duration = Duration::from_secs(5);
/// What a write costs beside its texts, about: rows, keys, the answer's channel.
const WRITE_BYTES: usize = 1_024;

const STOPPED: StoreError = StoreError::Unavailable("the gateway is stopping");
const AWAY: StoreError = StoreError::Unavailable("it has taken no writes for some time");
const FULL: StoreError = StoreError::Unavailable("too many writes are waiting");

struct Job {
    write: Write,
    size_bytes: usize,
    answer: oneshot::Sender<Result<Written, StoreError>>,
    /// Given back with the answer, when the bytes are gone.
    _room: OwnedSemaphorePermit,
}

/// Where writes are handed in. Cheap to clone.
#[derive(Clone)]
pub struct Committer {
    queue: mpsc::Sender<Job>,
    room: Arc<Semaphore>,
    seq: watch::Receiver<Seq>,
    due: Arc<Notify>,
    busy: Busy,
}

/// Since when a batch, or one after the other in vain, is being committed.
type Busy = Arc<Mutex<Option<Instant>>>;

/// The task that commits what was handed in.
pub struct CommitterTask {
    store: Arc<dyn Store>,
    queue: mpsc::Receiver<Job>,
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
    let (sender, queue) = mpsc::channel(WAITING_WRITES_MAX);
    let due = Arc::new(Notify::new());
    let room = Arc::new(Semaphore::new(WAITING_KIB_MAX as usize));
    let busy = Busy::default();
    let task = CommitterTask { store, queue, seq: seq_sender, due: Arc::clone(&due), busy: Arc::clone(&busy) };
    Ok((Committer { queue: sender, room, seq, due, busy }, task))
}

impl Committer {
    /// Commits a decision on a petition.
    ///
    /// # Errors
    /// As every write here: the store failed or takes nothing now. Unless it says that the gateway is stopping or full,
    /// the write may yet have become durable: the same key or version asks again.
    pub async fn change(&self, change: Change) -> Result<Committed, StoreError> {
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
        let is_sign_of_life = matches!(write, Write::Beat(_) | Write::Leave);
        // Claims and signs of life find out when it takes writes again.
        if !is_sign_of_life && !matches!(write, Write::Claim(_)) && self.busy_for() > BUSY_MAX {
            return Err(AWAY);
        }
        let (answer, answered) = oneshot::channel();
        let admission = async {
            let kib = u32::try_from(size_bytes / 1_024).unwrap_or(u32::MAX).clamp(1, WAITING_KIB_MAX);
            let room = Arc::clone(&self.room).acquire_many_owned(kib).await.map_err(|_| STOPPED)?;
            let job = Job { write, size_bytes, answer, _room: room };
            self.queue.send(job).await.map_err(|_| STOPPED)
        };
        if is_sign_of_life {
            // Under load it waits its turn: a gateway that is busy is not one that is gone.
            admission.await?;
        } else {
            timeout(ADMISSION_WAIT, admission).await.map_err(|_| FULL)??;
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
        let mut left_over = None;
        loop {
            let first = match left_over.take() {
                Some(job) => Some(job),
                None => tokio::select! {
                    biased;
                    () = stop.cancelled(), if !self.queue.is_closed() => {
                        // From here on nothing is let in; `recv` gives what is there and then nothing.
                        self.queue.close();
                        continue;
                    }
                    job = self.queue.recv() => job,
                },
            };
            let Some(first) = first else { return };
            let (batch, next) = self.gather(first);
            left_over = next;
            self.commit(batch).await;
        }
    }

    /// What waits, as far as it fits one batch, and the one that did not fit.
    fn gather(&mut self, first: Job) -> (Vec<Job>, Option<Job>) {
        let mut bytes = first.size_bytes;
        let mut batch = vec![first];
        while batch.len() < BATCH_WRITES_MAX {
            let Ok(job) = self.queue.try_recv() else { break };
            bytes += job.size_bytes;
            if bytes > BATCH_BYTES_MAX {
                return (batch, Some(job));
            }
            batch.push(job);
        }
        (batch, None)
    }

    async fn commit(&mut self, batch: Vec<Job>) {
        let may_be_due = batch.iter().any(|job| may_make_due(&job.write));
        let (mut writes, mut answers) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        for Job { write, answer, _room, .. } in batch {
            writes.push(write);
            answers.push((answer, _room));
        }
        crate::failpoint::at!("commit.gathered");
        let written = self.write_all(writes.into()).await;
        crate::failpoint::at!("commit.written");
        if written.iter().any(|it| matches!(it, Err(StoreError::Unavailable(_) | StoreError::Unknown))) {
            self.turn_away();
        }
        self.publish(written.iter().flatten(), may_be_due);
        crate::failpoint::at!("commit.published");
        for ((answer, _room), written) in answers.into_iter().zip(written) {
            send(answer, written);
        }
        crate::failpoint::at!("commit.answered");
    }

    /// Tells whoever waits that the store takes nothing now: each would wait as long in vain as the batch before.
    fn turn_away(&mut self) {
        while let Ok(Job { answer, .. }) = self.queue.try_recv() {
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
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
        let written = self.store.write(batch).await;
        // A store that does not take writes now is held up until it takes one: the next try is no new beginning.
        if !matches!(written, Err(StoreError::Unavailable(_) | StoreError::Unknown)) {
            *self.busy.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        let written = written.and_then(|it| if it.len() == count { Ok(it) } else { Err(wrong_answer()) });
        if let Err(error) = &written {
            tracing::error!(error = error as &dyn std::error::Error, writes = count, "a batch failed");
        }
        written
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

/// A caller that is gone does not want its answer; what was written stays written.
fn send(answer: oneshot::Sender<Result<Written, StoreError>>, result: Result<Written, StoreError>) {
    drop(answer.send(result));
}

/// Whether a delivery may be due after this write that was not before: a new one, the next of a lane, one tried again.
fn may_make_due(write: &Write) -> bool {
    match write {
        Write::Change(change) => !change.deliveries.is_empty(),
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

/// About how many bytes a write holds: its long texts.
fn size_of(write: &Write) -> usize {
    WRITE_BYTES
        + match write {
            Write::Journal(message) => message.body.len(),
            Write::Change(change) => {
                let content = &change.petition.content;
                let extensions: usize = content.extensions.values().map(String::len).sum();
                let answers: usize = change.petition.answers.iter().map(|answer| answer.text.len()).sum();
                // Petition and event each hold it.
                2 * (content.body.len() + extensions) + answers
            }
            Write::Items(items) => items.len() * WRITE_BYTES,
            Write::Reconcile(step) => step.rows() * WRITE_BYTES / 4,
            Write::CodeList { list, .. } => list.entries.iter().map(|(code, name)| code.len() + name.len()).sum(),
            Write::MessageDone(_)
            | Write::Reopen(_)
            | Write::TakeOver(_)
            | Write::Beat(_)
            | Write::Leave
            | Write::Sync(_)
            | Write::Claim(_)
            | Write::Settle(_)
            | Write::Retry(_)
            | Write::SendAgain(_)
            | Write::Pause { .. } => 0,
        }
}

fn wrong_answer() -> StoreError {
    StoreError::Damaged("answer of the engine")
}
