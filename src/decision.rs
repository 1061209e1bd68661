//! One decision on one petition: load it, ask the rules, commit; again when somebody was faster.
//!
//! Both ways into a petition meet here: what ministry systems ask over gRPC, and what channels tell through the intake.
//! The rules themselves are in `crate::petition`; this is the loop around them and what follows from an event: the
//! deliveries to the channel.

use std::sync::Arc;

use channel_sdk::{
    adapter::Entrance,
    notice::{Notice, NoticeKind},
};
use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    channels::{Channel, Channels},
    clock::SharedClock,
    committer::{Committer, Urgency},
    petition::{
        AttachmentState, Command, EventBody, NewEvent, Petition, PetitionId, Refusal, Seq, Version, decide, notices,
    },
    store::{
        Change, Committed, DeliveryId, DifferenceChange, Errand, ItemRecord, NewDelivery, RequestKey, Settle, Store,
        StoreError, Texts,
    },
};

/// How often a decision is made again when others were faster. Each time somebody got ahead, so this bounds unfairness
/// and not failure; 20 callers at once on one petition are more than a ministry has.
const TRIES_MAX: u32 = 20;

/// Decides and commits.
#[derive(Clone)]
pub struct Decisions {
    store: Arc<dyn Store>,
    committer: Committer,
    channels: Channels,
    clock: SharedClock,
}

/// Who decides, and under which promises.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// A principal's name, `channel:<name>` or `gateway`; stands in the event.
    pub actor: String,
    /// Refuse when the petition is not at this version.
    pub expected_version: Option<Version>,
    /// The caller's key.
    pub request: Option<RequestKey>,
    /// The item of a message that it came from.
    pub item: Option<ItemRecord>,
    /// How that message came in; `None` over gRPC.
    pub entrance: Option<Entrance>,
    /// The settlement of a delivery that the decision notes: both happen, or neither.
    pub settle: Option<Settle>,
    /// Differences that are found or closed with it.
    pub differences: Vec<DifferenceChange>,
    /// Who waits for it.
    pub urgency: Urgency,
}

/// What came of a decision.
#[derive(Debug, Clone)]
pub struct Decided {
    /// The petition as it stands now.
    pub petition: Petition,
    /// The number of the decision's last event; the petition's own when nothing had to happen.
    pub seq: Seq,
    /// Whether it was so before: the same key, or nothing new.
    pub repeated: bool,
}

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// There is no such petition.
    #[error("there is no such petition")]
    NotFound,
    /// The rules refuse.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The petition is not at the version that the caller saw.
    #[error("the petition is at version {now}, not {expected}")]
    Changed {
        /// What the caller saw.
        expected: Version,
        /// What it is.
        now: Version,
    },
    /// The key was used for another call.
    #[error("the request id was used for another call")]
    KeyReused,
    /// The delivery that it notes has gone on meanwhile.
    #[error("the delivery has gone on meanwhile")]
    Unsettled,
    /// Others were faster, again and again.
    #[error("others changed the petition at the same time; try again")]
    Contended,
    /// The store failed; nothing was decided.
    #[error("the decision could not be stored")]
    Store(#[from] StoreError),
}

impl Decisions {
    /// Decides over this store for these channels.
    pub fn new(store: Arc<dyn Store>, committer: Committer, channels: Channels, clock: SharedClock) -> Decisions {
        Decisions { store, committer, channels, clock }
    }

    /// Does what `command` asks of the petition.
    ///
    /// # Errors
    /// Nothing was changed, unless the store failed after the commit was handed over: then the same key asks again.
    pub async fn decide(&self, id: PetitionId, command: Command, context: Context) -> Result<Decided, DecisionError> {
        if let Some(known) = self.known_call(&context).await? {
            return Ok(known);
        }
        for _ in 0..TRIES_MAX {
            let petition = self.store.petition_get(id).await?.ok_or(DecisionError::NotFound)?;
            crate::failpoint::at!("decide.loaded");
            let events = match decide_on(&petition, &command, &context) {
                Ok(events) => events,
                // The first try of this very call may have been committed since we looked.
                Err(refusal) => return self.known_call(&context).await?.ok_or(refusal),
            };
            if events.is_empty() {
                let seq = self.seq_of(&petition).await?;
                return Ok(Decided { petition, seq, repeated: true });
            }
            let change = self.change(Some(petition), id, events, &context);
            if let Some(decided) = self.commit(change, context.urgency).await? {
                return Ok(decided);
            }
        }
        Err(DecisionError::Contended)
    }

    /// Records a new petition; `repeated` when its channel and external id, or the caller's key, are known.
    ///
    /// # Errors
    /// As [`Decisions::decide`].
    pub async fn receive(&self, id: PetitionId, event: EventBody, context: Context) -> Result<Decided, DecisionError> {
        // No rule stands between a repeated call and its answer here, so the commit's own look at the key is enough.
        let change = self.change(None, id, vec![event], &context);
        self.commit(change, context.urgency).await?.ok_or(DecisionError::Contended)
    }

    /// Records what was noticed of the petition, whatever its status: no rule stands against it.
    ///
    /// # Errors
    /// As [`Decisions::decide`].
    pub async fn note(
        &self,
        id: PetitionId,
        bodies: Vec<EventBody>,
        context: Context,
    ) -> Result<Decided, DecisionError> {
        for _ in 0..TRIES_MAX {
            let petition = self.store.petition_get(id).await?.ok_or(DecisionError::NotFound)?;
            let change = self.change(Some(petition), id, bodies.clone(), &context);
            if let Some(decided) = self.commit(change, context.urgency).await? {
                return Ok(decided);
            }
        }
        Err(DecisionError::Contended)
    }

    /// The answer to a call whose key is known, before anything is decided anew: by now the petition may have moved on,
    /// and the rules would refuse what they allowed then.
    async fn known_call(&self, context: &Context) -> Result<Option<Decided>, DecisionError> {
        let Some(key) = &context.request else { return Ok(None) };
        match self.store.request_get(key).await? {
            None => Ok(None),
            Some(Committed::New { id, seq, .. } | Committed::Duplicate { id, seq, .. }) => {
                self.repeated(id, seq).await.map(Some)
            }
            Some(Committed::KeyReused | Committed::Stale | Committed::Unsettled) => Err(DecisionError::KeyReused),
        }
    }

    async fn repeated(&self, id: PetitionId, seq: Seq) -> Result<Decided, DecisionError> {
        let petition = self.store.petition_get(id).await?.ok_or(DecisionError::NotFound)?;
        Ok(Decided { petition, seq, repeated: true })
    }

    async fn seq_of(&self, petition: &Petition) -> Result<Seq, StoreError> {
        Ok(self.store.petition_seq(petition.id).await?.unwrap_or(Seq(0)))
    }

    /// Commits; `None` when somebody was faster.
    async fn commit(&self, change: Change, urgency: Urgency) -> Result<Option<Decided>, DecisionError> {
        let petition = change.petition.clone();
        crate::failpoint::at!("decide.decided");
        let committed = self.committer.with(urgency).change(change).await?;
        crate::failpoint::at!("decide.committed");
        match committed {
            Committed::New { seq, .. } => Ok(Some(Decided { petition, seq, repeated: false })),
            Committed::Duplicate { id, seq, .. } => self.repeated(id, seq).await.map(Some),
            Committed::KeyReused => Err(DecisionError::KeyReused),
            Committed::Stale => Ok(None),
            Committed::Unsettled => Err(DecisionError::Unsettled),
        }
    }

    fn change(&self, petition: Option<Petition>, id: PetitionId, bodies: Vec<EventBody>, context: &Context) -> Change {
        let at = self.clock.now();
        let expected_version = petition.as_ref().map(|petition| petition.version);
        let mut state = petition;
        let known_files = state.as_ref().map_or(0, |petition| petition.attachments.len());
        let mut events = Vec::with_capacity(bodies.len());
        for body in bodies {
            let version = state.as_ref().map_or(0, |petition| petition.version) + 1;
            let event = NewEvent { petition_id: id, version, at, actor: context.actor.clone(), body };
            match &mut state {
                Some(petition) => petition.apply(&event),
                None => state = Petition::begin(&event),
            }
            events.push(event);
        }
        let petition = state.expect("a change of no petition begins with its receipt");
        let deliveries = self.deliveries(&petition, &events, known_files, at, context);
        let item = context.item.clone().map(|item| ItemRecord { petition: Some(id), ..item });
        let (request, settle) = (context.request.clone(), context.settle.clone());
        let differences = context.differences.clone();
        Change {
            expected_version,
            petition,
            events,
            deliveries,
            request,
            item,
            settle,
            differences,
            texts: Texts::default(),
        }
    }

    /// What the channel is told of `events`, and which files are fetched from it.
    fn deliveries(
        &self,
        petition: &Petition,
        events: &[NewEvent],
        known_files: usize,
        at: Timestamp,
        context: &Context,
    ) -> Vec<NewDelivery> {
        let Some(channel) = self.channels.get(&petition.channel) else { return Vec::new() };
        let tell = events.iter().filter_map(|event| tell(petition, event, channel, context));
        let fetch = petition.attachments[known_files..]
            .iter()
            .filter(|held| channel.abilities.fetches && held.state == AttachmentState::Announced)
            .map(|held| Errand::Fetch {
                external_id: petition.external_id.clone(),
                attachment_id: held.id,
                attachment: held.attachment.clone(),
            })
            .map(|errand| new_delivery(petition, None, errand, DeliveryId(uuid_at(at))));
        tell.chain(fetch).collect()
    }
}

fn decide_on(petition: &Petition, command: &Command, context: &Context) -> Result<Vec<EventBody>, DecisionError> {
    match context.expected_version {
        Some(expected) if expected != petition.version => {
            Err(DecisionError::Changed { expected, now: petition.version })
        }
        _ => Ok(decide(petition, command.clone())?),
    }
}

fn tell(petition: &Petition, event: &NewEvent, channel: &Channel, context: &Context) -> Option<NewDelivery> {
    let body = notices::notice_of(&event.body)?;
    let kind = body.kind();
    // The reply to a push is a receipt already; most channels want no second one.
    let is_confirmed = context.entrance == Some(Entrance::Push) && !channel.abilities.confirms_pushes;
    if !channel.carries(kind) || (kind == NoticeKind::Received && is_confirmed) {
        return None;
    }
    let id = DeliveryId(uuid_at(event.at));
    let notice = Notice {
        delivery_id: id.0.to_string(),
        external_id: petition.external_id.clone(),
        petition_id: petition.id.to_string(),
        revision: petition.revision,
        at: event.at,
        due_on: petition.due_on,
        assembly: petition.content.assembly.clone(),
        body,
    };
    let lane = Some(petition.id.to_string());
    Some(new_delivery(petition, lane, Errand::Tell { notice: Box::new(notice) }, id))
}

fn new_delivery(petition: &Petition, lane: Option<String>, errand: Errand, id: DeliveryId) -> NewDelivery {
    NewDelivery { id, channel: petition.channel.clone(), lane, errand }
}

/// A new UUID of version 7 for an instant: sorted by time, unique by its random part.
pub fn uuid_at(at: Timestamp) -> Uuid {
    let seconds = u64::try_from(at.as_second()).unwrap_or(0);
    let nanoseconds = u32::try_from(at.subsec_nanosecond()).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanoseconds))
}
