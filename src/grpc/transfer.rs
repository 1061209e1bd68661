//! Petitions that ministry systems submit: one, or a stream of many.
//!
//! What is known is told by (channel, external id) and its content, as on every channel; what a client says again by its
//! `request_id`. An item without an id of its own is given one that follows from these, so that a repeat finds it.

use channel_sdk::inbound::Draft;

use super::{
    convert::{
        Sight,
        checks::Checks,
        common::signed,
        draft::{self, Submitted},
        petition::petition,
    },
    error::CallError,
    petitions::Petitions,
    principal::Caller,
    request_id,
};
use crate::{
    committer::Urgency,
    decision::{Context, Decided, uuid_at},
    pb,
    petition::{Command, Content, EventBody, PetitionId, Seq, receive},
    store::RequestKey,
};

/// What became of a submitted petition.
pub(super) struct Recorded {
    pub(super) decided: Decided,
    pub(super) how: How,
}

/// How a submitted petition was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// As a new petition.
    Created,
    /// As an amendment of a known one, or as a late revision of it.
    Amended,
    /// It was there already.
    Duplicate,
}

impl Petitions {
    /// Records one petition.
    pub(super) async fn submit(
        &self,
        caller: &Caller,
        mut request: pb::SubmitPetitionRequest,
    ) -> Result<pb::SubmitPetitionResponse, CallError> {
        let mut checks = Checks::default();
        let id = request_id::parse(&mut checks, "request_id", &std::mem::take(&mut request.request_id));
        let key = request_id::key(caller, "SubmitPetition", id, &request);
        let given_id = request_id::derived(caller, id, "").to_string();
        let submitted = draft::parse(&mut checks, request.petition, given_id);
        checks.done()?;
        crate::failpoint::at!("submit.parsed");
        let Recorded { decided, how } = self.record(caller, submitted, key, Urgency::People).await?;
        let amended = self.is_amendment(how, decided.seq).await?;
        crate::failpoint::at!("submit.before_answer");
        Ok(pb::SubmitPetitionResponse {
            seq: signed(decided.seq.0),
            duplicate: how == How::Duplicate,
            amended,
            petition: Some(petition(decided.petition, Sight::Full, self.parts.clock.today())),
        })
    }

    /// Records a petition, or what is new of it, once.
    pub(super) async fn record(
        &self,
        caller: &Caller,
        submitted: Submitted,
        key: RequestKey,
        urgency: Urgency,
    ) -> Result<Recorded, CallError> {
        let Submitted { channel, mut draft } = submitted;
        if self.parts.channels.get(&channel).is_some() {
            return Err(CallError::ChannelHasFarSide);
        }
        self.check_draft_files(&mut draft).await?;
        let (external_id, revision) = (draft.external_id.clone(), draft.revision);
        let content = Content::of(draft);
        let actor = caller.name.clone();
        let context = Context { actor, request: Some(key), urgency, ..Context::default() };
        // Most are new, and the commit itself tells whether one is known: asking before would cost each a read.
        let id = PetitionId(uuid_at(self.parts.clock.now()));
        let event = receive(&channel, &external_id, revision, content.clone());
        let decided = self.parts.decisions.receive(id, event, context.clone()).await?;
        if decided.repeated {
            // Known by its id or by this very call; the key tells which. What we hold may be an amendment of it.
            return self.amend(decided.petition.id, revision, content, context).await;
        }
        Ok(Recorded { decided, how: How::Created })
    }

    async fn amend(
        &self,
        id: PetitionId,
        revision: u64,
        content: Content,
        context: Context,
    ) -> Result<Recorded, CallError> {
        let command = Command::Amend { revision, content: Box::new(content) };
        let decided = self.parts.decisions.decide(id, command, context).await?;
        let how = if decided.repeated { How::Duplicate } else { How::Amended };
        Ok(Recorded { decided, how })
    }

    async fn check_draft_files(&self, draft: &mut Draft) -> Result<(), CallError> {
        for file in &mut draft.attachments {
            self.check_files(std::slice::from_mut(&mut file.attachment)).await?;
        }
        Ok(())
    }

    /// Whether the event is an amendment: what a late revision is not, and what a repeated call has to be told again.
    async fn is_amendment(&self, how: How, Seq(seq): Seq) -> Result<bool, CallError> {
        if how == How::Created {
            return Ok(false);
        }
        let events = self.parts.store.event_list_after(Seq(seq.saturating_sub(1)), 1).await?;
        Ok(events.first().is_some_and(|event| matches!(event.event.body, EventBody::Amended { .. })))
    }
}
