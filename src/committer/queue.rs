//! What waits for the committer, in three lanes, and which of it makes the next batch.
//!
//! The gateway's own duties go first: they are few, and a claim or a sign of life that comes late costs more than anything
//! beside it. Then come people, who look at a form while they wait. Bulk (imports, pulls, what is processed again) takes
//! what is left and a share that nobody can take from it: it is slowed, never turned away and never starved.

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use std::{collections::VecDeque, sync::Arc};

use super::STOPPED;
use crate::store::{StoreError, Write, Written};

/// Writes in a batch: at this size the cost of the commit is spread thin, and one more would only make all wait longer.
pub(super) const BATCH_WRITES_MAX: usize = 512;
/// Bytes in a batch, so that a few large messages do not make one long transaction. One larger write goes alone.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Writes that wait in a lane: two full batches, one being committed and one gathering.
pub(super) const WAITING_WRITES_MAX: usize = 2 * BATCH_WRITES_MAX;
/// Bulk writes that wait: a full batch; what is beyond waits where it comes from and holds nothing here.
pub(super) const WAITING_BULK_MAX: usize = BATCH_WRITES_MAX;
/// Bytes of people's writes that wait, in KiB: what bounds the memory when messages are large.
pub(super) const WAITING_KIB_MAX: u32 = 64 * 1024;
/// The same of bulk: four batches.
const WAITING_BULK_KIB_MAX: u32 = 32 * 1024;
/// Bulk writes in a batch while people are about: a quarter, so that a form waits little longer than without an import.
const BULK_BESIDE_PEOPLE: usize = BATCH_WRITES_MAX / 4;
/// What people leave of a batch for bulk that waits: an eighth, so that it goes on whatever they do.
const BULK_AT_LEAST: usize = BATCH_WRITES_MAX / 8;

/// Who waits for a write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Urgency {
    /// The gateway itself: claims, settlements, signs of life, an operator's switch.
    Own,
    /// Somebody, now: a form, a decision, a push that wants its receipt.
    #[default]
    People,
    /// Nobody in particular: imports, pulls, what is processed again.
    Bulk,
}

/// A write that was handed in, and who waits for it.
pub(super) struct Job {
    pub(super) write: Write,
    pub(super) size_bytes: usize,
    pub(super) answer: oneshot::Sender<Result<Written, StoreError>>,
    /// Given back with the answer, when the bytes are gone.
    pub(super) room: OwnedSemaphorePermit,
}

/// Where writes of one urgency are handed in.
#[derive(Clone)]
pub(super) struct Door {
    queue: mpsc::Sender<Job>,
    room: Arc<Semaphore>,
    kib_max: u32,
}

/// The doors of all lanes.
#[derive(Clone)]
pub(super) struct Doors {
    own: Door,
    people: Door,
    bulk: Door,
}

/// What waits.
pub(super) struct Lanes {
    own: Lane,
    people: Lane,
    bulk: Lane,
    /// Whether the last batch held anything of people's.
    people_are_about: bool,
    /// Whether bulk waited and the last batch held nothing of it, because what people wrote was large.
    bulk_was_passed_over: bool,
}

struct Lane {
    queue: mpsc::Receiver<Job>,
    /// What was taken out of the queue and is not in a batch yet; at most one.
    front: VecDeque<Job>,
}

/// A batch being gathered.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) jobs: Vec<Job>,
    bytes: usize,
}

/// Empty lanes, and the doors to them.
pub(super) fn lanes() -> (Doors, Lanes) {
    let (own_door, own) = lane(WAITING_WRITES_MAX, WAITING_KIB_MAX);
    let (people_door, people) = lane(WAITING_WRITES_MAX, WAITING_KIB_MAX);
    let (bulk_door, bulk) = lane(WAITING_BULK_MAX, WAITING_BULK_KIB_MAX);
    let doors = Doors { own: own_door, people: people_door, bulk: bulk_door };
    (doors, Lanes { own, people, bulk, people_are_about: false, bulk_was_passed_over: false })
}

fn lane(writes_max: usize, kib_max: u32) -> (Door, Lane) {
    let (sender, queue) = mpsc::channel(writes_max);
    let room = Arc::new(Semaphore::new(kib_max as usize));
    (Door { queue: sender, room, kib_max }, Lane { queue, front: VecDeque::with_capacity(1) })
}

impl Doors {
    pub(super) fn of(&self, urgency: Urgency) -> &Door {
        match urgency {
            Urgency::Own => &self.own,
            Urgency::People => &self.people,
            Urgency::Bulk => &self.bulk,
        }
    }
}

impl Door {
    /// How many writes wait behind it.
    pub(super) fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Hands a write in, after waiting for room.
    pub(super) async fn hand_in(
        &self,
        write: Write,
        size_bytes: usize,
        answer: oneshot::Sender<Result<Written, StoreError>>,
    ) -> Result<(), StoreError> {
        let kib = u32::try_from(size_bytes / 1_024).unwrap_or(u32::MAX).clamp(1, self.kib_max);
        let room = Arc::clone(&self.room).acquire_many_owned(kib).await.map_err(|_| STOPPED)?;
        self.queue.send(Job { write, size_bytes, answer, room }).await.map_err(|_| STOPPED)
    }
}

impl Lanes {
    /// Nothing is let in any more; what waits is still given out.
    pub(super) fn close(&mut self) {
        for lane in [&mut self.own, &mut self.people, &mut self.bulk] {
            lane.queue.close();
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.own.queue.is_closed()
    }

    /// Waits until something waits; `false` once the lanes are closed and empty. May be dropped and asked again.
    pub(super) async fn wait(&mut self) -> bool {
        tokio::select! {
            biased;
            true = self.own.wait() => true,
            true = self.people.wait() => true,
            true = self.bulk.wait() => true,
            else => false,
        }
    }

    /// What waits, as far as it fits one batch.
    pub(super) fn gather(&mut self) -> Vec<Job> {
        let mut batch = Batch::default();
        let mut of_bulk = if self.bulk_was_passed_over { self.bulk.fill(&mut batch, 1) } else { 0 };
        self.own.fill(&mut batch, BATCH_WRITES_MAX);
        let for_people = if self.bulk.is_empty() { BATCH_WRITES_MAX } else { BATCH_WRITES_MAX - BULK_AT_LEAST };
        let of_people = self.people.fill(&mut batch, for_people);
        let beside_people = if of_people > 0 || self.people_are_about { BULK_BESIDE_PEOPLE } else { BATCH_WRITES_MAX };
        let for_bulk = BATCH_WRITES_MAX.min(batch.jobs.len() + beside_people);
        of_bulk += self.bulk.fill(&mut batch, for_bulk);
        self.people.fill(&mut batch, BATCH_WRITES_MAX);
        self.bulk_was_passed_over = of_bulk == 0 && !self.bulk.is_empty();
        self.people_are_about = of_people > 0;
        batch.jobs
    }

    /// Everything that waits, at once.
    pub(super) fn empty(&mut self) -> impl Iterator<Item = Job> {
        [&mut self.own, &mut self.people, &mut self.bulk]
            .into_iter()
            .flat_map(|lane| std::iter::from_fn(move || lane.front.pop_front().or_else(|| lane.queue.try_recv().ok())))
    }

    /// How many writes of this urgency wait.
    #[cfg(test)]
    pub(super) fn waiting(&self, urgency: Urgency) -> usize {
        let lane = match urgency {
            Urgency::Own => &self.own,
            Urgency::People => &self.people,
            Urgency::Bulk => &self.bulk,
        };
        lane.front.len() + lane.queue.len()
    }
}

impl Lane {
    async fn wait(&mut self) -> bool {
        if self.front.is_empty()
            && let Some(job) = self.queue.recv().await
        {
            self.front.push_back(job);
        }
        !self.front.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.front.is_empty() && self.queue.is_empty()
    }

    /// Puts what waits into the batch until that holds so many writes or no more bytes; how many were put.
    fn fill(&mut self, batch: &mut Batch, writes_max: usize) -> usize {
        let before = batch.jobs.len();
        while batch.jobs.len() < writes_max {
            let Some(job) = self.front.pop_front().or_else(|| self.queue.try_recv().ok()) else { break };
            if !batch.jobs.is_empty() && batch.bytes + job.size_bytes > BATCH_BYTES_MAX {
                self.front.push_back(job);
                break;
            }
            batch.bytes += job.size_bytes;
            batch.jobs.push(job);
        }
        batch.jobs.len() - before
    }
}
