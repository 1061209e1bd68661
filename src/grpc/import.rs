//! `ImportPetitions`: a stream of petitions, many under way at once so that they share commits, never more than the client's
//! [`Window`] in memory. It is bulk: people's forms go before it, and it is slowed, not refused, when much is to be done.
//!
//! Each item stands for itself: a refused one is told in the answer and stops nothing. Items of one petition keep their
//! order. If the gateway itself cannot go on, the call ends with the reason; what was committed stays, and the same import
//! sent again doubles nothing.

use std::collections::{BTreeMap, HashSet};

use channel_sdk::fault::{Fault, FaultCode};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::sync::OwnedSemaphorePermit;
use tonic::{Status, Streaming};
use uuid::Uuid;

use super::{
    convert::{checks::Checks, common, draft, draft::Submitted},
    error::CallError,
    petitions::Petitions,
    principal::Caller,
    request_id,
    transfer::{How, Recorded},
    window::Window,
};
use crate::{committer::Urgency, decision::DecisionError, pb, petition::Seq, store::RequestKey};

/// The most items of one import; more is a client that has lost its end.
const ITEMS_MAX: u64 = 100_000_000;
/// The longest id of an item.
const ITEM_ID_BYTES_MAX: usize = 200;
/// Refusals that are told one by one.
const REFUSALS_MAX: usize = 1_000;
/// Faults of one refusal that are told, so that the answer stays within a message.
const FAULTS_MAX: usize = 10;
/// Bytes of all refusals that are told; an answer is at most 4 MiB.
const REFUSAL_BYTES_MAX: usize = 3 * 1024 * 1024;

/// One item, read.
struct Item {
    number: u64,
    item_id: String,
    submitted: Submitted,
    key: RequestKey,
    size_bytes: usize,
}

/// What an item is in order with: channel and external id.
type Lane = (String, String);

/// An item that is done.
struct Done {
    number: u64,
    item_id: String,
    lane: Lane,
    result: Result<Recorded, CallError>,
}

/// An item's room in the client's window.
type Room = OwnedSemaphorePermit;

type Running<'p> = FuturesUnordered<BoxFuture<'p, Done>>;

impl Petitions {
    /// Records every petition of a stream.
    pub(super) async fn import(
        &self,
        caller: &Caller,
        window: &Window,
        mut stream: Streaming<pb::ImportPetitionsRequest>,
    ) -> Result<pb::ImportPetitionsResponse, Status> {
        let mut import = Import::default();
        let mut running: Running<'_> = FuturesUnordered::new();
        let mut busy: HashSet<Lane> = HashSet::new();
        let (mut next, mut room, mut has_ended): (Option<Item>, Option<Room>, bool) = (None, None, false);
        loop {
            if let Some(item) = &next
                && room.is_none()
            {
                room = window.room(item.size_bytes).now_or_never();
            }
            if room.is_some()
                && let Some(item) = next.take_if(|item| !busy.contains(&lane(item)))
            {
                busy.insert(lane(&item));
                running.push(self.take(caller, item, room.take()).boxed());
            }
            if has_ended && next.is_none() && running.is_empty() {
                crate::failpoint::at!("import.before_answer");
                return Ok(import.tally.into_response());
            }
            let may_read = next.is_none() && !has_ended;
            let size_bytes = next.as_ref().map_or(0, |item| item.size_bytes);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(CallError::ShuttingDown { last_seq: None }.into()),
                Some(done) = running.next() => {
                    busy.remove(&done.lane);
                    import.tally.add(done)?;
                }
                found = window.room(size_bytes), if next.is_some() && room.is_none() => room = Some(found),
                message = stream.message(), if may_read => match message? {
                    Some(message) => next = import.read(caller, message)?,
                    None => has_ended = true,
                },
            }
        }
    }

    /// Records an item, which holds its room until it is done.
    async fn take(&self, caller: &Caller, item: Item, _room: Option<Room>) -> Done {
        crate::failpoint::at!("import.item_read");
        let lane = lane(&item);
        let Item { number, item_id, submitted, key, .. } = item;
        let result = self.record(caller, submitted, key, Urgency::Bulk).await;
        crate::failpoint::at!("import.item_taken");
        Done { number, item_id, lane, result }
    }
}

fn lane(item: &Item) -> Lane {
    (item.submitted.channel.clone(), item.submitted.draft.external_id.clone())
}

/// An import under way.
#[derive(Default)]
struct Import {
    request_id: Option<(String, Uuid)>,
    items: u64,
    tally: Tally,
}

impl Import {
    /// The next item, or `None` for one that was refused.
    fn read(&mut self, caller: &Caller, message: pb::ImportPetitionsRequest) -> Result<Option<Item>, CallError> {
        self.items += 1;
        if self.items > ITEMS_MAX {
            return Err(CallError::TooManyItems { items_max: ITEMS_MAX });
        }
        let size_bytes = prost::Message::encoded_len(&message);
        let pb::ImportPetitionsRequest { request_id, item_id, petition } = message;
        let import_id = self.import_id(request_id)?;
        let mut checks = Checks::default();
        if item_id.is_empty() || item_id.len() > ITEM_ID_BYTES_MAX {
            checks.format("item_id", "must be your own id of the item, 1 to 200 bytes");
        }
        let id = request_id::derived(caller, import_id, &item_id);
        let content = pb::SubmitPetitionRequest { request_id: String::new(), petition };
        let key = request_id::key(caller, "ImportPetitions", id, &content);
        let submitted = draft::parse(&mut checks, content.petition, id.to_string());
        let item_id = if item_id.len() > ITEM_ID_BYTES_MAX { String::new() } else { item_id };
        match checks.done() {
            Ok(()) => Ok(Some(Item { number: self.items, item_id, submitted, key, size_bytes })),
            Err(error) => {
                self.tally.refuse(self.items, item_id, faults_of(error)?);
                Ok(None)
            }
        }
    }

    /// The id of the whole import: told with the first item, and the same or nothing with the others.
    fn import_id(&mut self, told: String) -> Result<Uuid, CallError> {
        match &self.request_id {
            Some((known, id)) if told.is_empty() || told == *known => Ok(*id),
            Some(_) => {
                let mut checks = Checks::default();
                checks.format("request_id", "must be that of the first message, or empty");
                checks.done().map(|()| Uuid::nil())
            }
            None => {
                let id = request_id::check(&told)?;
                self.request_id = Some((told, id));
                Ok(id)
            }
        }
    }
}

/// What became of the items so far.
#[derive(Default)]
struct Tally {
    created: u64,
    amended: u64,
    duplicate: u64,
    refused: u64,
    /// By the item's number, because items end in another order than they came.
    refusals: BTreeMap<u64, pb::ImportRefusal>,
    refusal_bytes: usize,
    first_seq: Option<Seq>,
    last_seq: Option<Seq>,
}

impl Tally {
    fn add(&mut self, done: Done) -> Result<(), CallError> {
        match done.result {
            Ok(Recorded { decided, how }) => {
                match how {
                    How::Created => self.created += 1,
                    How::Amended => self.amended += 1,
                    How::Duplicate => self.duplicate += 1,
                }
                if how != How::Duplicate {
                    self.first_seq = Some(self.first_seq.map_or(decided.seq, |seq| seq.min(decided.seq)));
                    self.last_seq = self.last_seq.max(Some(decided.seq));
                }
            }
            Err(error) => self.refuse(done.number, done.item_id, faults_of(error)?),
        }
        Ok(())
    }

    fn refuse(&mut self, number: u64, item_id: String, mut faults: Vec<Fault>) {
        self.refused += 1;
        faults.truncate(FAULTS_MAX);
        let faults = faults.into_iter().map(common::fault).collect();
        let refusal = pb::ImportRefusal { item_number: common::signed(number), item_id, faults };
        self.refusal_bytes += prost::Message::encoded_len(&refusal);
        self.refusals.insert(number, refusal);
        while self.refusals.len() > REFUSALS_MAX || self.refusal_bytes > REFUSAL_BYTES_MAX {
            let Some((_, last)) = self.refusals.pop_last() else { break };
            self.refusal_bytes -= prost::Message::encoded_len(&last);
        }
    }

    fn into_response(self) -> pb::ImportPetitionsResponse {
        let seq = |seq: Option<Seq>| seq.map_or(0, |Seq(seq)| common::signed(seq));
        pb::ImportPetitionsResponse {
            created_count: common::signed(self.created),
            amended_count: common::signed(self.amended),
            duplicate_count: common::signed(self.duplicate),
            refused_count: common::signed(self.refused),
            refusals: self.refusals.into_values().collect(),
            first_seq: seq(self.first_seq),
            last_seq: seq(self.last_seq),
        }
    }
}

/// The faults of an item, or the error that ends the whole import: what is not the item's own fault.
fn faults_of(error: CallError) -> Result<Vec<Fault>, CallError> {
    let one = |code, place: &str, message: &str| Ok(vec![Fault::new(code, place, message)]);
    match error {
        CallError::Invalid(violations) => {
            Ok(violations.into_iter().map(|it| Fault::new(it.code, it.field, it.description)).collect())
        }
        CallError::AttachmentNotUploaded { .. } => {
            one(FaultCode::Missing, "petition.attachments", "tệp chưa được tải lên (a file was not uploaded before)")
        }
        CallError::ChannelHasFarSide => {
            one(FaultCode::NotAllowed, "petition.channel", "only the far side of a configured channel may speak for it")
        }
        CallError::Decision(DecisionError::KeyReused) => {
            one(FaultCode::Conflict, "item_id", "this item_id was used for another content under this request_id")
        }
        CallError::Decision(DecisionError::Refused(refusal)) => {
            one(FaultCode::NotAllowed, "petition", &refusal.to_string())
        }
        fatal => Err(fatal),
    }
}
