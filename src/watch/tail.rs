//! The latest events, read once and kept for all watchers.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::{
    sync::{Mutex as Turn, watch},
    time::Instant,
};

use super::LOOK_ANYWAY;
use crate::{
    petition::{Content, Event, EventBody, Seq},
    store::{Store, StoreError},
};

/// How many events are read, or given out, at a time.
const PAGE: u32 = 256;
/// Events that are kept: some seconds of the most that a gateway takes in, which a watcher may be behind without reading
/// for itself.
const KEPT_MAX: usize = 8_192;
/// Bytes of their texts, so that large petitions do not fill the memory.
const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// What an event holds beside its long texts, about.
const EVENT_BYTES: usize = 512;

/// The latest events, each as the `T` that all watchers of it share.
pub struct Tail<T> {
    store: Arc<dyn Store>,
    committed: watch::Receiver<Seq>,
    make: fn(Event) -> T,
    kept: Mutex<Kept<T>>,
    /// Held by the one watcher that reads on for all.
    reading: Turn<()>,
    watchers: AtomicU32,
}

/// Events without a gap.
struct Kept<T> {
    /// The number before the first of them.
    base: Seq,
    events: VecDeque<(Arc<T>, usize)>,
    bytes: usize,
    /// When the end of them was last the end of all.
    ended_at: Option<Instant>,
}

impl<T> Tail<T> {
    /// The tail of a store's events, whose last number is told by `committed`.
    pub fn new(store: Arc<dyn Store>, committed: watch::Receiver<Seq>, make: fn(Event) -> T) -> Tail<T> {
        let kept = Kept { base: Seq(0), events: VecDeque::new(), bytes: 0, ended_at: None };
        let (kept, reading) = (Mutex::new(kept), Turn::new(()));
        Tail { store, committed, make, kept, reading, watchers: AtomicU32::new(0) }
    }

    pub(super) fn joined(&self) {
        self.watchers.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn left(&self) {
        self.watchers.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many watch.
    pub(super) fn watchers(&self) -> u32 {
        self.watchers.load(Ordering::Relaxed)
    }

    /// What tells of commits.
    pub(super) fn committed(&self) -> watch::Receiver<Seq> {
        self.committed.clone()
    }

    /// Whether nothing after `place` is kept, nor was committed as far as is known when it was last looked for.
    pub(super) fn is_at_the_end(&self, place: Seq) -> bool {
        place >= self.kept().last()
    }

    /// Events after `place`, in order and without a gap; none when there are none, as far as `committed` tells and as of a
    /// second ago.
    pub(super) async fn after(&self, place: Seq, committed: Seq) -> Result<Vec<Arc<T>>, StoreError> {
        if let Some(found) = self.kept().after(place, committed) {
            return Ok(found);
        }
        if place < self.kept().base {
            let events = self.store.event_list_after(place, PAGE).await?;
            return Ok(without_gap(place, events).into_iter().map(|event| Arc::new((self.make)(event))).collect());
        }
        let _reading = self.reading.lock().await;
        if let Some(found) = self.kept().after(place, committed) {
            return Ok(found);
        }
        let read = without_gap(place, self.store.event_list_after(place, PAGE).await?);
        let mut kept = self.kept();
        kept.append(place, read, self.make);
        Ok(kept.after(place, committed).unwrap_or_default())
    }

    fn kept(&self) -> MutexGuard<'_, Kept<T>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Kept<T> {
    fn last(&self) -> Seq {
        Seq(self.base.0 + self.events.len() as u64)
    }

    /// A page of what is kept after `place`, or nothing when it is known that there is nothing; `None` when the store has
    /// to be asked.
    fn after(&self, place: Seq, committed: Seq) -> Option<Vec<Arc<T>>> {
        let skipped = usize::try_from(place.0.checked_sub(self.base.0)?).ok()?;
        if skipped < self.events.len() {
            let page = self.events.range(skipped..).take(PAGE as usize);
            return Some(page.map(|(event, _)| Arc::clone(event)).collect());
        }
        let is_fresh = self.ended_at.is_some_and(|at| at.elapsed() < LOOK_ANYWAY);
        (place == self.last() && committed <= place && is_fresh).then(Vec::new)
    }

    /// Adds what follows `place`, which is the end of what is kept, or beyond it: then what is kept is of no use any more.
    fn append(&mut self, place: Seq, events: Vec<Event>, make: fn(Event) -> T) {
        if place != self.last() {
            self.events.clear();
            (self.base, self.bytes) = (place, 0);
        }
        self.ended_at = (events.len() < PAGE as usize).then(Instant::now);
        for event in events {
            let bytes = bytes_of(&event);
            self.bytes += bytes;
            self.events.push_back((Arc::new(make(event)), bytes));
        }
        // What was read just now stays, however large: whoever read it takes it from here.
        while self.events.len() > PAGE as usize && (self.events.len() > KEPT_MAX || self.bytes > KEPT_BYTES_MAX) {
            if let Some((_, bytes)) = self.events.pop_front() {
                self.base.0 += 1;
                self.bytes -= bytes;
            }
        }
    }
}

/// The events up to the first gap. There is none: the numbers follow the commits. Should a store be damaged, its watchers
/// stop before the gap instead of counting on past it.
fn without_gap(place: Seq, mut events: Vec<Event>) -> Vec<Event> {
    let sound = (place.0 + 1..).zip(&events).take_while(|(seq, event)| event.seq.0 == *seq).count();
    events.truncate(sound);
    events
}

/// About how many bytes an event holds.
fn bytes_of(event: &Event) -> usize {
    let of = |content: &Content| {
        content.body.len() + content.extensions.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>()
    };
    EVENT_BYTES
        + match &event.event.body {
            EventBody::Received { content, .. }
            | EventBody::Amended { content, .. }
            | EventBody::LateRevision { content, .. } => of(content),
            EventBody::Answered { answer } => answer.text.len(),
            EventBody::InformationProvided { text, .. } => text.len(),
            _ => 0,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::petition::{NewEvent, PetitionId};

    fn events(numbers: std::ops::RangeInclusive<u64>) -> Vec<Event> {
        let event = NewEvent {
            petition_id: PetitionId(uuid::Uuid::from_u128(1)),
            version: 1,
            at: jiff::Timestamp::UNIX_EPOCH,
            actor: "gateway".to_owned(),
            body: EventBody::Published,
        };
        numbers.map(|seq| Event { seq: Seq(seq), event: event.clone() }).collect()
    }

    fn kept() -> Kept<u64> {
        Kept { base: Seq(0), events: VecDeque::new(), bytes: 0, ended_at: None }
    }

    fn append(kept: &mut Kept<u64>, place: u64, numbers: std::ops::RangeInclusive<u64>) {
        kept.append(Seq(place), events(numbers), |event| event.seq.0);
    }

    fn after(kept: &Kept<u64>, place: u64, committed: u64) -> Option<Vec<u64>> {
        Some(kept.after(Seq(place), Seq(committed))?.into_iter().map(|it| *it).collect())
    }

    #[test]
    fn what_one_watcher_has_read_is_there_for_the_others() {
        let mut kept = kept();
        assert_eq!(after(&kept, 0, 0), None, "nobody has looked yet");
        append(&mut kept, 0, 1..=3);
        assert_eq!(after(&kept, 0, 3), Some(vec![1, 2, 3]));
        assert_eq!(after(&kept, 2, 3), Some(vec![3]));
        assert_eq!(after(&kept, 3, 3), Some(Vec::new()), "it was looked a moment ago");
        assert_eq!(after(&kept, 3, 4), None, "more was committed");
        append(&mut kept, 3, 4..=4);
        assert_eq!(after(&kept, 0, 4), Some(vec![1, 2, 3, 4]));
    }

    #[test]
    fn who_reads_on_from_beyond_the_end_begins_anew() {
        let mut kept = kept();
        append(&mut kept, 0, 1..=3);
        append(&mut kept, 10, 11..=12);
        assert_eq!(after(&kept, 10, 12), Some(vec![11, 12]));
        assert_eq!(after(&kept, 3, 12), None, "what lies between is not kept");
    }

    #[test]
    fn only_the_latest_are_kept_and_a_page_at_a_time_is_given_out() {
        let mut kept = kept();
        for from in (0..20_000).step_by(250) {
            append(&mut kept, from, from + 1..=from + 250);
        }
        assert_eq!(kept.last(), Seq(20_000));
        assert_eq!(kept.events.len(), KEPT_MAX);
        assert_eq!(after(&kept, 20_000 - KEPT_MAX as u64 - 1, 20_000), None);
        let page = after(&kept, 15_000, 20_000).unwrap();
        assert_eq!((page[0], page.len()), (15_001, PAGE as usize));
    }

    #[test]
    fn nobody_is_led_past_a_gap() {
        let mut damaged = events(5..=9);
        damaged.remove(2);
        let sound: Vec<u64> = without_gap(Seq(4), damaged).into_iter().map(|event| event.seq.0).collect();
        assert_eq!(sound, [5, 6]);
        assert!(without_gap(Seq(3), events(5..=9)).is_empty());
    }
}
