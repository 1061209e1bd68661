//! `WatchPetitions`: every event after a number, in order, without gap or repeat, then live.
//!
//! The stream is pulled: the next event is read when the client's window has room for it, so a slow client holds nothing
//! but its own page of events and can lose nothing. A client that breaks off goes on from the last number that it has
//! dealt with. What many watch is read once (`crate::watch`), rendered once (`told`) and sent as bytes (`service`).

mod service;
mod told;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use channel_sdk::model::PetitionKind;
use futures::stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

pub(super) use self::service::Watched;
use self::told::{Told, bytes_of};
use super::{
    convert::{
        Sight,
        checks::Checks,
        common::{signed, time},
        enums,
        event::Whose,
        names,
        petition::petition,
    },
    entrance::{BoxStream, bounded, deadline},
    error::CallError,
    petitions::Petitions,
    principal::caller,
};
use crate::{
    clock::SharedClock,
    pb::{self, watch_petitions_response::Item},
    petition::{Event, EventBody, PetitionId, Seq},
    store::{Store, StoreError},
    watch::{Tail, Watch},
};

/// Seconds without a message after which a stream shows that it lives: unless told otherwise, and at most.
const HEARTBEAT_DEFAULT: i32 = 15;
const HEARTBEAT_MAX: i32 = 300;
/// The most channels and kinds of a filter.
const FILTER_MAX: usize = 100;
/// A progress is sent when so many events were passed over since the last message: a client that breaks off then does
/// not make us read them again.
const PASSED_OVER_MAX: usize = 256;
/// Petitions whose channel and kind are remembered over all watchers (about 100 bytes each).
const REMEMBERED_MAX: usize = 50_000;

/// What all watchers share.
#[derive(Clone)]
pub(super) struct Watchers {
    store: Arc<dyn Store>,
    committed: watch::Receiver<Seq>,
    tail: Arc<Tail<Told>>,
    places: Arc<Semaphore>,
    whose: Arc<Mutex<HashMap<PetitionId, Arc<Whose>>>>,
}

impl Watchers {
    pub(super) fn new(store: Arc<dyn Store>, committed: watch::Receiver<Seq>, watchers_max: usize) -> Watchers {
        let tail = Arc::new(Tail::new(store.clone(), committed.clone(), Told::new));
        Watchers { store, committed, tail, places: Arc::new(Semaphore::new(watchers_max)), whose: Arc::default() }
    }

    /// Channel, id and kind of an event's petition: from the event, from memory, or from the store.
    pub(super) async fn whose(&self, event: &Event) -> Result<Arc<Whose>, StoreError> {
        let id = event.event.petition_id;
        let known = match &event.event.body {
            EventBody::Received { channel, external_id, content, .. } => {
                let (channel, external_id) = (channel.clone(), external_id.clone());
                Some(Arc::new(Whose { channel, external_id, kind: content.kind }))
            }
            EventBody::Amended { content, .. } => {
                self.remembered(id).map(|whose| Arc::new(Whose { kind: content.kind, ..Whose::clone(&whose) }))
            }
            _ => return self.looked_up(id).await,
        };
        match known {
            Some(whose) => Ok(self.remember(id, whose)),
            None => self.looked_up(id).await,
        }
    }

    async fn looked_up(&self, id: PetitionId) -> Result<Arc<Whose>, StoreError> {
        if let Some(whose) = self.remembered(id) {
            return Ok(whose);
        }
        let found = self.store.petition_get(id).await?.ok_or(StoreError::Damaged("petition of an event"))?;
        let whose = Whose { channel: found.channel, external_id: found.external_id, kind: found.content.kind };
        Ok(self.remember(id, Arc::new(whose)))
    }

    fn remembered(&self, id: PetitionId) -> Option<Arc<Whose>> {
        self.whose.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn remember(&self, id: PetitionId, whose: Arc<Whose>) -> Arc<Whose> {
        let mut all = self.whose.lock().unwrap_or_else(PoisonError::into_inner);
        // Forgetting everything now and then is simple, and costs one look-up for each petition still spoken of.
        if all.len() >= REMEMBERED_MAX && !all.contains_key(&id) {
            all.clear();
        }
        all.insert(id, Arc::clone(&whose));
        whose
    }
}

impl Petitions {
    /// Follows the events.
    pub(super) async fn watch(
        &self,
        request: Request<pb::WatchPetitionsRequest>,
    ) -> Result<Response<BoxStream<Bytes>>, Status> {
        let (deadline, caller) = (deadline(&request), caller(&request)?);
        let request = request.into_inner();
        let sight = Sight::of(&caller, request.view, Sight::Full);
        let watching = self.watching(request, sight).await?;
        let stream = stream::unfold(Some(Box::new(watching)), |watching| async move {
            let mut watching = watching?;
            Some(match watching.next().await {
                Ok(message) => (Ok(message), Some(watching)),
                Err(error) => (Err(error.into()), None),
            })
        });
        Ok(Response::new(bounded(Box::pin(stream), deadline)))
    }

    async fn watching(&self, request: pb::WatchPetitionsRequest, sight: Sight) -> Result<Watching, CallError> {
        let (asked, after) = Asked::parse(request, sight)?;
        let watchers = self.watchers.clone();
        let place = Arc::clone(&watchers.places).try_acquire_owned().map_err(|_| CallError::TooManyWatchers)?;
        let last = watchers.store.seq_last().await?;
        let after = after.unwrap_or(last);
        if after > last {
            return Err(CallError::SeqNotReached { last });
        }
        Ok(Watching {
            watch: Watch::new(watchers.tail.clone(), after),
            watchers,
            asked,
            waiting: VecDeque::new(),
            place: after,
            passed_over: 0,
            is_live: false,
            clock: self.parts.clock.clone(),
            stop: self.stop.clone(),
            _place: place,
        })
    }
}

/// What a watcher asked for.
struct Asked {
    channels: HashSet<String>,
    kinds: HashSet<PetitionKind>,
    include_petition: bool,
    sight: Sight,
    heartbeat: Duration,
}

impl Asked {
    /// What was asked for, and after which number; `None` for the present.
    fn parse(request: pb::WatchPetitionsRequest, sight: Sight) -> Result<(Asked, Option<Seq>), CallError> {
        let mut checks = Checks::default();
        let after = Seq(checks.not_negative("after_seq", request.after_seq));
        let mut channels = HashSet::new();
        for (index, name) in checks.count("channels", request.channels, FILTER_MAX).into_iter().enumerate() {
            match name.strip_prefix("channels/").filter(|it| names::is_channel_name(it)) {
                Some(channel) => drop(channels.insert(channel.to_owned())),
                None => checks.format(&format!("channels[{index}]"), "must be of the form channels/{channel}"),
            }
        }
        let mut kinds = HashSet::new();
        for (index, kind) in checks.count("kinds", request.kinds, FILTER_MAX).into_iter().enumerate() {
            match enums::parse_kind(kind) {
                Some(kind) => drop(kinds.insert(kind)),
                None => checks.format(&format!("kinds[{index}]"), "must be one of PetitionKind"),
            }
        }
        let seconds = match request.heartbeat_seconds {
            0 => HEARTBEAT_DEFAULT,
            seconds => seconds,
        };
        if !(1..=HEARTBEAT_MAX).contains(&seconds) {
            checks.format("heartbeat_seconds", "must be 1 to 300, or 0 for 15");
        }
        checks.done()?;
        let heartbeat = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
        let asked = Asked { channels, kinds, include_petition: request.include_petition, sight, heartbeat };
        Ok((asked, (!request.from_now).then_some(after)))
    }

    fn wants(&self, whose: &Whose) -> bool {
        (self.channels.is_empty() || self.channels.contains(&whose.channel))
            && (self.kinds.is_empty() || self.kinds.contains(&whose.kind))
    }
}

/// One watcher.
struct Watching {
    watch: Watch<Told>,
    watchers: Watchers,
    asked: Asked,
    /// Read, and not dealt with yet.
    waiting: VecDeque<Arc<Told>>,
    /// Everything up to here was sent, or was not asked for.
    place: Seq,
    passed_over: usize,
    /// Whether the client was told that it has reached the present.
    is_live: bool,
    clock: SharedClock,
    stop: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl Watching {
    /// The next message.
    async fn next(&mut self) -> Result<Bytes, CallError> {
        loop {
            if self.stop.is_cancelled() {
                return Err(CallError::ShuttingDown { last_seq: Some(self.place) });
            }
            while let Some(event) = self.waiting.pop_front() {
                if let Some(message) = self.dealt_with(&event).await? {
                    return Ok(message);
                }
            }
            if !self.is_live && self.is_at_the_end() {
                self.is_live = true;
                return Ok(self.progress());
            }
            if self.passed_over >= PASSED_OVER_MAX {
                return Ok(self.progress());
            }
            let stop = self.stop.clone();
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                events = self.watch.next(self.asked.heartbeat) => {
                    self.waiting = events?.into();
                    if self.waiting.is_empty() {
                        return Ok(self.progress());
                    }
                }
            }
        }
    }

    /// The message that an event makes; `None` for one that was not asked for.
    async fn dealt_with(&mut self, told: &Told) -> Result<Option<Bytes>, CallError> {
        let seq = told.event.seq;
        let whose = told.whose(&self.watchers).await?;
        if !self.asked.wants(whose) {
            self.place = seq;
            self.passed_over += 1;
            return Ok(None);
        }
        let sight = self.asked.sight;
        let message = if self.asked.include_petition {
            let found = self.watchers.store.petition_get(told.event.event.petition_id).await?;
            let found = found.ok_or(StoreError::Damaged("petition of an event"))?;
            let mut message = told.message(whose, sight);
            message.petition_state = Some(petition(found, sight, self.clock.today()));
            bytes_of(Item::Event(message))
        } else {
            told.rendered(whose, sight)
        };
        self.place = seq;
        self.passed_over = 0;
        Ok(Some(message))
    }

    fn is_at_the_end(&self) -> bool {
        self.place >= *self.watchers.committed.borrow()
    }

    fn progress(&mut self) -> Bytes {
        self.passed_over = 0;
        let progress = pb::WatchProgress {
            seq: signed(self.place.0),
            caught_up: self.is_at_the_end(),
            time: Some(time(self.clock.now())),
        };
        bytes_of(Item::Progress(progress))
    }
}
