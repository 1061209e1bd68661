//! The intake: a decoded message becomes a recorded petition, or a recorded happening of one, once.
//!
//! Idempotent by (channel, external id, revision, content): the same again is answered "already had"; changed content is
//! an amendment. What the rules refuse is answered with its faults, and the inbound engine keeps it in quarantine.

use std::sync::Arc;

use bytes::Bytes;
use channel_sdk::{
    adapter::{Entrance, ItemResult},
    fault::{Fault, FaultCode},
    inbound::{Draft, Inbound, InboundAttachment, Receipt},
    model::Attachment,
};

use crate::{
    blobs::{BlobError, Blobs},
    clock::SharedClock,
    committer::{Committer, Urgency},
    decision::{Context, Decided, DecisionError, Decisions, uuid_at},
    petition::{Command, Content, DeliveryNote, ParkedOutcome, Petition, PetitionId, Refusal, check, receive},
    store::{Delivery, DeliveryId, DeliveryState, ItemRecord, Settle, Settlement, Store, StoreError},
};

/// Takes canonical messages in.
#[derive(Clone)]
pub struct Intake {
    store: Arc<dyn Store>,
    committer: Committer,
    decisions: Decisions,
    blobs: Blobs,
    clock: SharedClock,
}

/// Where a message came from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The channel.
    pub channel: String,
    /// Pushed or pulled; `None` when it is taken in later than it was answered (resumed, reprocessed).
    pub entrance: Option<Entrance>,
    /// The item of the journalled message.
    pub item: ItemRecord,
    /// Who waits for it.
    pub urgency: Urgency,
}

/// Why a message could be neither taken nor refused: the gateway itself cannot now.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The store failed.
    #[error("the message could not be recorded")]
    Store(#[from] StoreError),
    /// A file that came inline could not be kept.
    #[error("a file of the message could not be kept")]
    Blob(#[from] BlobError),
    /// Others changed the petition at the same time, again and again.
    #[error("the petition is changed by others at the same time")]
    Contended,
}

impl Intake {
    /// An intake over these parts.
    pub fn new(
        store: Arc<dyn Store>,
        committer: Committer,
        decisions: Decisions,
        blobs: Blobs,
        clock: SharedClock,
    ) -> Intake {
        Intake { store, committer, decisions, blobs, clock }
    }

    /// Takes one message in; when this returns, its result is durable.
    ///
    /// # Errors
    /// Nothing may be acknowledged; the message stays in the journal and is taken again.
    pub async fn take(&self, origin: &Origin, message: Inbound) -> Result<ItemResult, IntakeError> {
        match self.take_message(origin, message).await {
            // Too large today is too large tomorrow: that is the item's fault, and no reason to have it sent again.
            Err(IntakeError::Blob(error @ BlobError::TooLarge { .. })) => {
                Ok(refused(FaultCode::TooLarge, "attachments", &format!("tệp quá lớn ({error})")))
            }
            result => result,
        }
    }

    async fn take_message(&self, origin: &Origin, message: Inbound) -> Result<ItemResult, IntakeError> {
        match message {
            Inbound::Petition(draft) => self.take_petition(origin, *draft).await,
            Inbound::CodeList(list) => {
                self.committer.with(origin.urgency).code_list(&origin.channel, list).await?;
                Ok(ItemResult::Taken { petition_id: String::new() })
            }
            Inbound::Receipt(receipt) => self.take_receipt(origin, receipt).await,
            other => {
                let external_id = other.external_id().unwrap_or_default().to_owned();
                match self.store.petition_get_by_external_id(&origin.channel, &external_id).await? {
                    Some(petition) => self.tell(origin, petition.id, self.command_of(other).await?).await,
                    None => Ok(refused(FaultCode::UnknownPetition, "external_id", UNKNOWN_PETITION)),
                }
            }
        }
    }

    async fn take_petition(&self, origin: &Origin, draft: Draft) -> Result<ItemResult, IntakeError> {
        let faults = check::check(&draft);
        if !faults.is_empty() {
            return Ok(ItemResult::Refused(faults));
        }
        crate::failpoint::at!("intake.checked");
        let mut draft = draft;
        draft.attachments = self.keep_files(draft.attachments).await?;
        crate::failpoint::at!("intake.files_kept");
        let (external_id, revision) = (draft.external_id.clone(), draft.revision);
        let content = Content::of(draft);
        // Most are new, and the commit itself tells whether one is known: asking before would cost each a read.
        let id = PetitionId(uuid_at(self.clock.now()));
        let event = receive(&origin.channel, &external_id, revision, content.clone());
        match self.decisions.receive(id, event, context(origin)).await {
            // What we hold may be an amendment of the one that is known.
            Ok(decided) if decided.repeated => self.amend(origin, &decided.petition, revision, content).await,
            outcome => self.result(outcome),
        }
    }

    async fn amend(
        &self,
        origin: &Origin,
        known: &Petition,
        revision: u64,
        content: Content,
    ) -> Result<ItemResult, IntakeError> {
        self.tell(origin, known.id, Command::Amend { revision, content: Box::new(content) }).await
    }

    async fn tell(&self, origin: &Origin, id: PetitionId, command: Command) -> Result<ItemResult, IntakeError> {
        self.result(self.decisions.decide(id, command, context(origin)).await)
    }

    fn result(&self, outcome: Result<Decided, DecisionError>) -> Result<ItemResult, IntakeError> {
        match outcome {
            Ok(Decided { petition, repeated: false, .. }) => {
                Ok(ItemResult::Taken { petition_id: petition.id.to_string() })
            }
            Ok(Decided { petition, .. }) => Ok(ItemResult::AlreadyHad { petition_id: petition.id.to_string() }),
            Err(DecisionError::Refused(refusal)) => Ok(refused_by(&refusal)),
            Err(DecisionError::NotFound) => Ok(refused(FaultCode::UnknownPetition, "external_id", UNKNOWN_PETITION)),
            Err(DecisionError::Store(error)) => Err(error.into()),
            Err(
                DecisionError::Contended
                | DecisionError::Unsettled
                | DecisionError::Changed { .. }
                | DecisionError::KeyReused,
            ) => Err(IntakeError::Contended),
        }
    }

    async fn command_of(&self, message: Inbound) -> Result<Command, IntakeError> {
        Ok(match message {
            Inbound::Withdrawal(it) => Command::Withdraw { reason: it.reason, told_at: it.at },
            Inbound::Rating(it) => Command::Rate { score: it.score, comment: it.comment, told_at: it.at },
            Inbound::Reassignment(it) => Command::Reassign { to: it.to, reason: it.reason, told_at: it.at },
            Inbound::Supplement(it) => {
                let files = self.keep_files(it.attachments).await?;
                let attachments = files.into_iter().map(|file| file.attachment).collect();
                Command::ProvideInformation { text: it.text, attachments, told_at: it.at, extensions: it.extensions }
            }
            Inbound::Petition(_) | Inbound::Receipt(_) | Inbound::CodeList(_) => {
                unreachable!("`take` sends these three elsewhere")
            }
        })
    }

    async fn take_receipt(&self, origin: &Origin, receipt: Receipt) -> Result<ItemResult, IntakeError> {
        let Ok(id) = uuid::Uuid::parse_str(&receipt.delivery_id) else {
            return Ok(refused(FaultCode::Format, "delivery_id", "không phải mã gửi (not a delivery id of ours)"));
        };
        // One channel's word must not settle what another is owed.
        let delivery = self.store.delivery_get(DeliveryId(id)).await?.filter(|it| it.channel == origin.channel);
        let Some(delivery) = delivery else {
            return Ok(refused(FaultCode::UnknownPetition, "delivery_id", "không có lần gửi này (no such delivery)"));
        };
        let remote_reference = Some(receipt.remote_reference).filter(|it| !it.is_empty());
        let settlement = Settlement::Delivered { remote_reference };
        let settle = Settle { id: delivery.id, lease: uuid::Uuid::nil(), settlement };
        if matches!(delivery.state, DeliveryState::Parked | DeliveryState::DeadLetter) {
            return self.take_late_receipt(origin, &delivery, settle).await;
        }
        let petition_id = delivery.petition.to_string();
        Ok(match self.committer.settle(settle).await? {
            true => ItemResult::Taken { petition_id },
            false => ItemResult::AlreadyHad { petition_id },
        })
    }

    /// A receipt that resolves what a person was told to look at: that it is resolved is told as well.
    async fn take_late_receipt(
        &self,
        origin: &Origin,
        delivery: &Delivery,
        settle: Settle,
    ) -> Result<ItemResult, IntakeError> {
        let reason = "đối tác xác nhận muộn (a late receipt of the far side)".to_owned();
        let note = DeliveryNote::Resolved { outcome: ParkedOutcome::Delivered, reason };
        let command = Command::NoteDelivery { delivery: delivery.about(), note };
        let actor = format!("channel:{}", origin.channel);
        let context = Context { actor, settle: Some(settle), ..Context::default() };
        match self.decisions.decide(delivery.petition, command, context).await {
            Err(DecisionError::Unsettled) => Ok(ItemResult::AlreadyHad { petition_id: delivery.petition.to_string() }),
            outcome => self.result(outcome),
        }
    }

    /// Keeps the contents that came inline, before the event that names them.
    async fn keep_files(&self, files: Vec<InboundAttachment>) -> Result<Vec<InboundAttachment>, IntakeError> {
        let mut kept = Vec::with_capacity(files.len());
        for file in files {
            kept.push(match file.content {
                Some(content) => self.keep(file.attachment, content).await?,
                None => file,
            });
        }
        Ok(kept)
    }

    async fn keep(&self, attachment: Attachment, content: Bytes) -> Result<InboundAttachment, IntakeError> {
        let blob = self.blobs.put_bytes(content).await?;
        let attachment =
            Attachment { sha256: blob.sha256, size_bytes: blob.size_bytes, remote_id: String::new(), ..attachment };
        Ok(InboundAttachment { attachment, content: None })
    }
}

const UNKNOWN_PETITION: &str = "chưa có phản ánh, kiến nghị mang mã này (no petition with this id has arrived)";

fn context(origin: &Origin) -> Context {
    Context {
        actor: format!("channel:{}", origin.channel),
        item: Some(origin.item.clone()),
        entrance: origin.entrance,
        urgency: origin.urgency,
        ..Context::default()
    }
}

fn refused(code: FaultCode, place: &str, message: &str) -> ItemResult {
    ItemResult::Refused(vec![Fault::new(code, place, message)])
}

/// What a channel reads first; the English sentence behind it has the detail.
fn in_vietnamese(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::WrongStatus { .. } => "trạng thái hiện tại không cho phép",
        Refusal::OwnProcedure { .. } => "khiếu nại, tố cáo theo thủ tục riêng",
        Refusal::Missing { .. } => "thiếu thông tin bắt buộc",
        Refusal::Invalid { .. } => "giá trị không hợp lệ",
        Refusal::NotPublic => "câu trả lời không được công khai",
        Refusal::NoAnswer => "phản ánh, kiến nghị chưa được trả lời",
        Refusal::NoSuchAttachment => "không có tệp đính kèm này",
    }
}

fn refused_by(refusal: &Refusal) -> ItemResult {
    let code = match refusal {
        Refusal::WrongStatus { .. } | Refusal::OwnProcedure { .. } | Refusal::NotPublic | Refusal::NoAnswer => {
            FaultCode::NotAllowed
        }
        Refusal::Missing { .. } => FaultCode::Missing,
        Refusal::Invalid { .. } => FaultCode::Format,
        Refusal::NoSuchAttachment => FaultCode::Conflict,
    };
    refused(code, "", &format!("{} ({refusal})", in_vietnamese(refusal)))
}
