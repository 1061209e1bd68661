//! The contract's messages as the demonstration reads them: like any client, from the contract alone.

use channel_sdk::model::{Agency, ResolutionClass};
use jiff::{Timestamp, civil::Date};
use sha2::{Digest, Sha256};

use super::{expectation::Happening, ministry::Case};
use crate::{
    clock::vietnam_date,
    pb::{self, petition_event::Change},
};

/// Members of the sandbox portal's petitions that our model has no place for: the agency that the portal thinks
/// competent, and its first classification. They arrive as extensions, under their path in the message.
const BELONGS_TO_CODE: &str = "goiYChuyen.ma";
const BELONGS_TO_NAME: &str = "goiYChuyen.ten";
const FIRST_CLASSIFICATION: &str = "phanLoaiSoBo";

/// `channels/portal` without its collection; a name that has none is itself.
pub(super) fn id_of(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The short name of a status.
pub(super) fn status_name(status: i32) -> String {
    let status = pb::PetitionStatus::try_from(status).unwrap_or_default();
    status.as_str_name().trim_start_matches("PETITION_STATUS_").to_ascii_lowercase()
}

/// SHA-256 in hex.
pub(super) fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// The class of an answer; `None` where none is owed.
pub(super) fn class(class: i32) -> Option<ResolutionClass> {
    match pb::ResolutionClass::try_from(class).unwrap_or_default() {
        pb::ResolutionClass::Unspecified => None,
        pb::ResolutionClass::Resolved => Some(ResolutionClass::Resolved),
        pb::ResolutionClass::InResolution => Some(ResolutionClass::InResolution),
        pb::ResolutionClass::ToBeResolved => Some(ResolutionClass::ToBeResolved),
        pb::ResolutionClass::Explained => Some(ResolutionClass::Explained),
    }
}

/// A score, where it is one.
pub(super) fn score(rating: Option<&pb::Rating>) -> Option<u8> {
    rating.and_then(|rating| u8::try_from(rating.score).ok()).filter(|score| *score > 0)
}

/// What happened, as far as the audit compares it.
pub(super) fn happening(event: &pb::PetitionEvent) -> Happening {
    let Some(change) = &event.change else { return Happening::Unknown };
    match change {
        Change::Received(_) => Happening::Received,
        Change::Amended(_) => Happening::Amended,
        Change::LateRevision(_) => Happening::LateRevision,
        Change::Accepted(_) => Happening::Accepted,
        Change::Declined(_) => Happening::Declined,
        Change::Forwarded(it) => {
            Happening::Forwarded { to: it.to.as_ref().map(|agency| agency.code.clone()).unwrap_or_default() }
        }
        Change::Reassigned(_) => Happening::Reassigned,
        Change::Assigned(_) => Happening::Assigned,
        Change::ProcessingStarted(_) => Happening::Started,
        Change::InformationRequested(_) => Happening::InformationRequested,
        Change::InformationProvided(_) => Happening::InformationProvided,
        Change::DeadlineExtended(_) => Happening::DeadlineExtended,
        Change::Answered(it) => answered(it.answer.as_ref()),
        Change::Published(_) => Happening::Published,
        Change::Closed(_) => Happening::Closed,
        Change::Reopened(_) => Happening::Reopened,
        Change::Withdrawn(_) => Happening::Withdrawn,
        Change::Rated(it) => Happening::Rated { score: score(it.rating.as_ref()).unwrap_or_default() },
        Change::AttachmentHeld(_) => Happening::FileHeld,
        Change::DeliveryFailed(_) | Change::DeliveryParked(_) | Change::DeliveryResolved(_) => Happening::DeliveryNoted,
        Change::DifferenceFound(_) | Change::DifferenceRepaired(_) | Change::DifferenceDismissed(_) => {
            Happening::Compared
        }
    }
}

fn answered(answer: Option<&pb::Answer>) -> Happening {
    let Some(answer) = answer else { return Happening::Unknown };
    Happening::Answered { sha256: sha256(&answer.text), class: class(answer.resolution) }
}

/// The revision that an event brought, where it brought one.
pub(super) fn revision(event: &pb::PetitionEvent) -> Option<u64> {
    let content = match event.change.as_ref()? {
        Change::Received(it) => it.content.as_ref(),
        Change::Amended(it) => it.content.as_ref(),
        _ => None,
    };
    content.and_then(|content| u64::try_from(content.revision).ok())
}

/// A petition as the ministry's rules look at it.
pub(super) fn case(draft: &pb::PetitionDraft) -> Case {
    use pb::PetitionKind::{Complaint, Denunciation, DeputyPetition, VoterPetition};
    let kind = draft.kind();
    let extension = |key: &str| draft.extensions.get(key).cloned().unwrap_or_default();
    let agency = Agency { code: extension(BELONGS_TO_CODE), name: extension(BELONGS_TO_NAME) };
    Case {
        external_id: draft.external_id.clone(),
        of_voters: matches!(kind, VoterPetition | DeputyPetition),
        field: draft.field.as_ref().map(|field| field.code.clone()).unwrap_or_default(),
        is_complaint: matches!(kind, Complaint | Denunciation) || !extension(FIRST_CLASSIFICATION).is_empty(),
        belongs_to: (!agency.code.is_empty()).then_some(agency),
        due_on: draft.due_date.as_ref().and_then(date),
        sent_on: sent_on(draft),
        publishable: draft.publishable,
    }
}

fn sent_on(draft: &pb::PetitionDraft) -> Date {
    let letter = draft.assembly.as_ref().and_then(|assembly| assembly.letter_date.as_ref()).and_then(date);
    let sent = draft.send_time.as_ref().and_then(|at| Timestamp::new(at.seconds, at.nanos).ok()).map(vietnam_date);
    letter.or(sent).unwrap_or(Date::constant(2019, 1, 1))
}

/// A day of the contract.
pub(super) fn date(day: &pb::CivilDate) -> Option<Date> {
    Date::new(i16::try_from(day.year).ok()?, i8::try_from(day.month).ok()?, i8::try_from(day.day).ok()?).ok()
}

/// A day for the contract.
pub(super) fn civil(date: Date) -> pb::CivilDate {
    pb::CivilDate { year: date.year().into(), month: date.month().into(), day: date.day().into() }
}
