//! The rules: a petition and a command give events, or a refusal. Pure.

use channel_sdk::{
    inbound::Extensions,
    model::{Answer, Attachment, PetitionKind, ResolutionClass},
};

use super::{
    command::Command,
    content::Content,
    delivery::{AboutDelivery, DeliveryNote},
    event::EventBody,
    moves::{Action, Status, target},
    refusal::Refusal,
    state::{AttachmentState, Petition, Supplied},
};

/// The longest text of a decision (an answer, a reason, a note), in bytes: answers run to about 6,000 characters, a
/// Vietnamese character to 3 bytes; ten times that is generous and still bounds an event.
const TEXT_BYTES_MAX: usize = 200_000;
/// The most bytes in all supplements of a petition together: with its body they must fit one message of the contract.
const SUPPLEMENT_BYTES_MAX: usize = 1_000_000;
/// The most files of a petition, those of its supplements included.
const FILES_MAX: usize = 500;

/// The event of a new petition.
pub fn receive(channel: &str, external_id: &str, revision: u64, content: Content) -> EventBody {
    EventBody::Received {
        channel: channel.to_owned(),
        external_id: external_id.to_owned(),
        revision,
        content: Box::new(content),
    }
}

/// What `command` does to `petition`: events in order, none when it is already so.
///
/// # Errors
/// The refusal, naming what would be right. Nothing happens then.
pub fn decide(petition: &Petition, command: Command) -> Result<Vec<EventBody>, Refusal> {
    check_texts(&command)?;
    if let Command::Amend { revision, content } = command {
        return Ok(amend(petition, revision, content));
    }
    if is_told_again(petition, &command) {
        return Ok(Vec::new());
    }
    if let Some(action) = command.action() {
        check_move(petition, action)?;
    }
    one_event(petition, command).map(|event| event.into_iter().collect())
}

fn check_move(petition: &Petition, action: Action) -> Result<(), Refusal> {
    let kind = petition.content.kind;
    let own_procedure = matches!(kind, PetitionKind::Complaint | PetitionKind::Denunciation);
    if own_procedure && matches!(action, Action::Answer | Action::Publish) {
        return Err(Refusal::OwnProcedure { kind: kind.as_str() });
    }
    match target(action, petition.status) {
        Some(_) => Ok(()),
        None => Err(Refusal::WrongStatus { action, status: petition.status }),
    }
}

fn one_event(petition: &Petition, command: Command) -> Result<Option<EventBody>, Refusal> {
    Ok(Some(match command {
        Command::Accept { note } => EventBody::Accepted { note },
        Command::Decline { reason, explanation, legal_basis } => {
            require("explanation", &explanation, "a refusal tells the petitioner why")?;
            require("legal_basis", &legal_basis, "a refusal names the rule it rests on")?;
            EventBody::Declined { reason, explanation, legal_basis }
        }
        Command::Forward { to, reason, legal_basis } => {
            require(
                "to",
                if to.code.is_empty() { &to.name } else { &to.code },
                "the competent agency by code or name",
            )?;
            require("reason", &reason, "the petitioner and the agency are told why")?;
            EventBody::Forwarded { to, reason, legal_basis }
        }
        Command::Assign { unit, note } => {
            require("unit", if unit.code.is_empty() { &unit.name } else { &unit.code }, "the unit by code or name")?;
            EventBody::Assigned { unit, note }
        }
        Command::Start { note } => EventBody::Started { note },
        Command::RequestInformation { question, reply_by } => {
            require("question", &question, "the petitioner must know what is asked")?;
            EventBody::InformationRequested { question, reply_by }
        }
        Command::ProvideInformation { text, attachments, told_at, extensions } => {
            check_room(petition, &text, &attachments, &extensions)?;
            EventBody::InformationProvided { text, attachments, told_at, extensions }
        }
        Command::ExtendDeadline { due_on, reason, legal_basis } => {
            require("reason", &reason, "an extension is told to the petitioner with its reason")?;
            if petition.due_on.is_some_and(|old| due_on <= old) {
                return Err(Refusal::Invalid {
                    field: "due_on",
                    why: "an extension ends later than the date in force",
                });
            }
            EventBody::DeadlineExtended { due_on, reason, legal_basis }
        }
        Command::Answer { answer } => answered(petition, answer)?,
        Command::Publish if !petition.answer().is_some_and(|answer| answer.public) => return Err(Refusal::NotPublic),
        Command::Publish => EventBody::Published,
        Command::Close { note } => EventBody::Closed { note },
        Command::Reopen { reason } => {
            require("reason", &reason, "new facts, a low rating or an answer to be corrected")?;
            EventBody::Reopened { reason }
        }
        Command::Withdraw { reason, told_at } => EventBody::Withdrawn { reason, told_at },
        Command::Reassign { to, reason, told_at } => EventBody::Reassigned { to, reason, told_at },
        Command::Rate { score, .. } if !(1..=5).contains(&score) => {
            return Err(Refusal::Invalid { field: "score", why: "1 (worst) to 5 (best)" });
        }
        Command::Rate { .. } if petition.answers.is_empty() => return Err(Refusal::NoAnswer),
        Command::Rate { score, comment, told_at } => EventBody::Rated { score, comment, told_at },
        Command::HoldAttachment { id, sha256, size_bytes } => return hold(petition, id, sha256, size_bytes),
        Command::NoteDelivery { delivery, note } => noted(delivery, note)?,
        Command::Amend { revision, content } => return Ok(amend(petition, revision, content).into_iter().next()),
    }))
}

fn amend(petition: &Petition, revision: u64, content: Box<Content>) -> Vec<EventBody> {
    if petition.knows(revision, &content.digest()) {
        return Vec::new();
    }
    if revision < petition.revision {
        return vec![EventBody::LateRevision { revision, content }];
    }
    vec![EventBody::Amended { revision, content }]
}

/// A channel that serves its news again tells nothing new: the same words with the same time, or both without one.
fn is_told_again(petition: &Petition, command: &Command) -> bool {
    match command {
        Command::Rate { score, comment, told_at } => {
            petition.ratings.iter().any(|it| it.score == *score && it.comment == *comment && it.told_at == *told_at)
        }
        // While it is asked for, "no reply" may be told in the same words as to the question before.
        Command::ProvideInformation { told_at: None, .. } if petition.status == Status::InformationRequested => false,
        Command::ProvideInformation { text, attachments, told_at, .. } => {
            let same = |it: &Supplied| it.text == *text && it.told_at == *told_at && it.files == *attachments;
            petition.supplements.iter().any(same)
        }
        Command::Withdraw { reason, told_at } => {
            petition.status == Status::Withdrawn
                || petition.withdrawals.iter().any(|it| it.told_at == *told_at && it.reason == *reason)
        }
        Command::Reassign { to, told_at, .. } => {
            let is_there = petition.status == Status::Forwarded && petition.forwarded_to.as_ref() == Some(to);
            is_there || petition.reassignments.iter().any(|it| it.told_at == *told_at && it.to == *to)
        }
        _ => false,
    }
}

fn answered(petition: &Petition, mut answer: Answer) -> Result<EventBody, Refusal> {
    require("text", &answer.text, "an answer says something")?;
    let is_assembly = matches!(petition.content.kind, PetitionKind::VoterPetition | PetitionKind::DeputyPetition);
    if is_assembly && answer.resolution.is_none() {
        return Err(Refusal::Missing { field: "resolution", why: "an answer to the National Assembly has its class" });
    }
    if answer.resolution == Some(ResolutionClass::ToBeResolved) && answer.resolution_due_on.is_none() {
        return Err(Refusal::Missing {
            field: "resolution_due_on",
            why: "what will be resolved is promised with a term",
        });
    }
    if answer.attachments.iter().any(|file| file.sha256.is_empty()) {
        return Err(Refusal::Missing {
            field: "attachments.sha256",
            why: "upload the file first and name its SHA-256",
        });
    }
    answer.version = petition.answers.last().map_or(1, |last| last.version + 1);
    Ok(EventBody::Answered { answer })
}

fn hold(petition: &Petition, id: u32, sha256: String, size_bytes: u64) -> Result<Option<EventBody>, Refusal> {
    let held = petition.attachments.iter().find(|held| held.id == id).ok_or(Refusal::NoSuchAttachment)?;
    let known = held.state == AttachmentState::Held && held.attachment.sha256 == sha256;
    Ok((!known).then_some(EventBody::AttachmentHeld { id, sha256, size_bytes }))
}

fn noted(delivery: AboutDelivery, note: DeliveryNote) -> Result<EventBody, Refusal> {
    Ok(match note {
        DeliveryNote::Failed { reason } => EventBody::DeliveryFailed { delivery, reason },
        DeliveryNote::Parked { reason } => EventBody::DeliveryParked { delivery, reason },
        DeliveryNote::Resolved { outcome, reason } => {
            require("reason", &reason, "whoever looks later must see from what it was known")?;
            EventBody::DeliveryResolved { delivery, outcome, reason }
        }
    })
}

fn check_room(petition: &Petition, text: &str, files: &[Attachment], extensions: &Extensions) -> Result<(), Refusal> {
    let size = |text: &str, extensions: &Extensions| {
        text.len() + extensions.iter().map(|(path, value)| path.len() + value.len()).sum::<usize>()
    };
    let held: usize = petition.supplements.iter().map(|it| size(&it.text, &it.extensions)).sum();
    if held + size(text, extensions) > SUPPLEMENT_BYTES_MAX {
        return Err(Refusal::Invalid { field: "text", why: "all supplements together have at most 1,000,000 bytes" });
    }
    if petition.attachments.len() + files.len() > FILES_MAX {
        return Err(Refusal::Invalid { field: "attachments", why: "a petition has at most 500 files" });
    }
    Ok(())
}

fn require(field: &'static str, value: &str, why: &'static str) -> Result<(), Refusal> {
    if value.trim().is_empty() { Err(Refusal::Missing { field, why }) } else { Ok(()) }
}

fn check_texts(command: &Command) -> Result<(), Refusal> {
    let texts: [&str; 2] = match command {
        Command::Accept { note } | Command::Start { note } | Command::Close { note } => [note, ""],
        Command::Assign { note, .. } => [note, ""],
        Command::Decline { explanation: reason, legal_basis, .. }
        | Command::Forward { reason, legal_basis, .. }
        | Command::ExtendDeadline { reason, legal_basis, .. } => [reason, legal_basis],
        Command::RequestInformation { question, .. } => [question, ""],
        Command::ProvideInformation { text, .. } => [text, ""],
        Command::Answer { answer } => [&answer.text, ""],
        Command::Reopen { reason } | Command::Withdraw { reason, .. } | Command::Reassign { reason, .. } => {
            [reason, ""]
        }
        Command::Rate { comment, .. } => [comment, ""],
        Command::NoteDelivery { note, .. } => match note {
            DeliveryNote::Failed { reason } | DeliveryNote::Parked { reason } => [reason, ""],
            DeliveryNote::Resolved { reason, .. } => [reason, ""],
        },
        Command::Publish | Command::Amend { .. } | Command::HoldAttachment { .. } => ["", ""],
    };
    if texts.iter().any(|text| text.len() > TEXT_BYTES_MAX) {
        return Err(Refusal::Invalid { field: "text", why: "at most 200,000 bytes" });
    }
    Ok(())
}
