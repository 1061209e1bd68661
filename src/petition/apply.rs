//! The fold: what each event does to a petition.

use channel_sdk::model::Attachment;

use super::{
    event::{EventBody, NewEvent},
    moves::{Action, Status, To, target},
    state::{
        AttachmentState, HeldAttachment, InformationRequest, Petition, RatingGiven, ReassignmentTold, Supplied,
        WithdrawalTold,
    },
};

impl Petition {
    /// The petition that its first event makes; `None` when the event is not a receipt.
    pub fn begin(event: &NewEvent) -> Option<Petition> {
        let EventBody::Received { channel, external_id, revision, content } = &event.body else {
            return None;
        };
        let mut petition = Petition {
            id: event.petition_id,
            version: event.version,
            channel: channel.clone(),
            external_id: external_id.clone(),
            revision: *revision,
            revisions: vec![(*revision, content.digest())],
            due_on: content.due_on,
            status: Status::Received,
            status_before_request: None,
            received_at: event.at,
            updated_at: event.at,
            information_request: None,
            unit: None,
            forwarded_to: None,
            attachments: Vec::new(),
            supplements: Vec::new(),
            answers: Vec::new(),
            ratings: Vec::new(),
            withdrawals: Vec::new(),
            reassignments: Vec::new(),
            content: (**content).clone(),
        };
        petition.announce(&content.attachments);
        Some(petition)
    }

    /// The petition that a whole history makes; `None` for no history or one that does not begin with a receipt.
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a NewEvent>) -> Option<Petition> {
        let mut events = events.into_iter();
        let mut petition = Petition::begin(events.next()?)?;
        for event in events {
            petition.apply(event);
        }
        Some(petition)
    }

    /// Does what `event` says. Events were checked when they were decided; applying one cannot fail.
    pub fn apply(&mut self, event: &NewEvent) {
        self.version = event.version;
        self.updated_at = event.at;
        let before = self.status;
        if let Some(action) = action_of(&event.body) {
            self.move_by(action);
        }
        match &event.body {
            EventBody::Received { .. }
            | EventBody::Accepted { .. }
            | EventBody::Declined { .. }
            | EventBody::Started { .. }
            | EventBody::Published
            | EventBody::Closed { .. }
            | EventBody::Reopened { .. }
            | EventBody::DeliveryFailed { .. }
            | EventBody::DeliveryParked { .. }
            | EventBody::DeliveryResolved { .. }
            | EventBody::DifferenceFound { .. }
            | EventBody::DifferenceRepaired { .. }
            | EventBody::DifferenceDismissed { .. } => {}
            EventBody::Amended { revision, content } => {
                self.revision = *revision;
                self.revisions.push((*revision, content.digest()));
                if content.due_on != self.content.due_on {
                    self.due_on = content.due_on;
                }
                self.announce(&content.attachments);
                self.content = (**content).clone();
            }
            EventBody::LateRevision { revision, content } => {
                // Before the one in force: `knows` reads the last entry as the content in force.
                let place = self.revisions.len().saturating_sub(1);
                self.revisions.insert(place, (*revision, content.digest()));
            }
            EventBody::AttachmentHeld { id, sha256, size_bytes } => self.hold(*id, sha256, *size_bytes),
            EventBody::Forwarded { to, .. } => self.forwarded_to = Some(to.clone()),
            EventBody::Reassigned { to, told_at, .. } => {
                self.forwarded_to = Some(to.clone());
                self.reassignments.push(ReassignmentTold { to: to.clone(), told_at: *told_at });
            }
            EventBody::Withdrawn { reason, told_at } => {
                self.withdrawals.push(WithdrawalTold { reason: reason.clone(), told_at: *told_at });
            }
            EventBody::Assigned { unit, .. } => self.unit = Some(unit.clone()),
            EventBody::InformationRequested { question, reply_by } => {
                self.status_before_request = Some(before);
                let (question, reply_by) = (question.clone(), *reply_by);
                self.information_request = Some(InformationRequest { at: event.at, question, reply_by });
            }
            EventBody::InformationProvided { text, attachments, told_at, extensions } => {
                let attachment_ids = self.announce(attachments);
                let (text, told_at, extensions) = (text.clone(), *told_at, extensions.clone());
                let files = attachments.clone();
                self.supplements.push(Supplied { at: event.at, text, attachment_ids, files, told_at, extensions });
            }
            EventBody::DeadlineExtended { due_on, .. } => self.due_on = Some(*due_on),
            EventBody::Answered { answer } => self.answers.push(answer.clone()),
            EventBody::Rated { score, comment, told_at } => {
                let (score, comment, told_at) = (*score, comment.clone(), *told_at);
                self.ratings.push(RatingGiven { at: event.at, score, comment, told_at });
            }
        }
    }

    fn move_by(&mut self, action: Action) {
        match target(action, self.status) {
            Some(To::Status(status)) => {
                self.status = status;
                if status != Status::InformationRequested {
                    self.status_before_request = None;
                    self.information_request = None;
                }
            }
            Some(To::Before) => {
                self.status = self.status_before_request.take().unwrap_or(Status::Received);
                self.information_request = None;
            }
            Some(To::Same) | None => {}
        }
    }

    /// Takes up files that are not known yet and gives them ids; returns the ids of all of `files`.
    fn announce(&mut self, files: &[Attachment]) -> Vec<u32> {
        let mut ids = Vec::with_capacity(files.len());
        for file in files {
            let known = self.attachments.iter().find(|held| held.is(file)).map(|held| held.id);
            let id = known.unwrap_or_else(|| self.take_up(file));
            ids.push(id);
        }
        ids
    }

    fn take_up(&mut self, file: &Attachment) -> u32 {
        let id = self.attachments.last().map_or(1, |last| last.id + 1);
        // What came inline or over gRPC has no reference to be fetched by: its content was stored before the event.
        let state = if file.remote_id.is_empty() { AttachmentState::Held } else { AttachmentState::Announced };
        self.attachments.push(HeldAttachment { id, attachment: file.clone(), state });
        id
    }

    fn hold(&mut self, id: u32, sha256: &str, size_bytes: u64) {
        if let Some(held) = self.attachments.iter_mut().find(|held| held.id == id) {
            held.attachment.sha256 = sha256.to_owned();
            held.attachment.size_bytes = size_bytes;
            held.state = AttachmentState::Held;
        }
    }
}

/// The row of the table of moves that an event followed; `None` for what moves nothing.
fn action_of(body: &EventBody) -> Option<Action> {
    Some(match body {
        EventBody::Received { .. }
        | EventBody::LateRevision { .. }
        | EventBody::AttachmentHeld { .. }
        | EventBody::DeliveryFailed { .. }
        | EventBody::DeliveryParked { .. }
        | EventBody::DeliveryResolved { .. }
        | EventBody::DifferenceFound { .. }
        | EventBody::DifferenceRepaired { .. }
        | EventBody::DifferenceDismissed { .. } => return None,
        EventBody::Amended { .. } => Action::Amend,
        EventBody::Accepted { .. } => Action::Accept,
        EventBody::Declined { .. } => Action::Decline,
        EventBody::Forwarded { .. } => Action::Forward,
        EventBody::Reassigned { .. } => Action::Reassign,
        EventBody::Assigned { .. } => Action::Assign,
        EventBody::Started { .. } => Action::Start,
        EventBody::InformationRequested { .. } => Action::RequestInformation,
        EventBody::InformationProvided { .. } => Action::ProvideInformation,
        EventBody::DeadlineExtended { .. } => Action::ExtendDeadline,
        EventBody::Answered { .. } => Action::Answer,
        EventBody::Published => Action::Publish,
        EventBody::Closed { .. } => Action::Close,
        EventBody::Reopened { .. } => Action::Reopen,
        EventBody::Withdrawn { .. } => Action::Withdraw,
        EventBody::Rated { .. } => Action::Rate,
    })
}
