//! A petition as the contract shows it, with its answer, supplements, files and ratings.

use channel_sdk::model::{Answer, OfficialDocument, ResolutionClass};
use jiff::civil::Date;

use super::{
    Sight,
    checks::Checks,
    common::{agency, attachment, day, field, named_file, parse_day, parse_files, signed, time},
    draft::{assembly, petitioner},
    enums, names,
};
use crate::{
    pb,
    petition::{AttachmentState, HeldAttachment, InformationRequest, Petition, PetitionId, RatingGiven, Supplied},
};

/// A petition as a caller sees it; `today` in Vietnam judges whether it is overdue.
pub(in crate::grpc) fn petition(petition: Petition, sight: Sight, today: Date) -> pb::Petition {
    let id = petition.id;
    let is_overdue = petition.is_overdue(today);
    let is_full = sight == Sight::Full;
    let supplements = if is_full { supplements(&petition) } else { Vec::new() };
    let files = if is_full { petition.attachments } else { Vec::new() };
    let content = petition.content;
    pb::Petition {
        name: names::petition(id),
        version: signed(petition.version),
        status: enums::status(petition.status),
        kind: enums::kind(content.kind),
        channel: names::channel(&petition.channel),
        external_id: petition.external_id,
        revision: signed(petition.revision),
        subject: sight.remark(content.subject),
        body: sight.text(content.body),
        field: field(content.field),
        petitioner: Some(petitioner(content.petitioner, sight)),
        receiving_agency: agency(content.receiving_agency),
        forwarding_agency: agency(content.forwarding_agency),
        send_time: content.sent_at.map(time),
        forward_time: content.forwarded_at.map(time),
        receive_time: Some(time(petition.received_at)),
        update_time: Some(time(petition.updated_at)),
        due_date: petition.due_on.map(day),
        channel_due_date: content.due_on.map(day),
        overdue: is_overdue,
        publishable: content.public,
        assembly: content.assembly.map(|it| assembly(it, sight)),
        attachments: files.into_iter().map(|file| held(id, file, sight)).collect(),
        supplements,
        unit: petition.unit.and_then(agency),
        forwarded_to: petition.forwarded_to.and_then(agency),
        answer: petition.answers.into_iter().last().map(|it| answer(id, it, sight)),
        information_request: petition.information_request.map(|it| information_request(it, sight)),
        rating: petition.ratings.into_iter().last().map(|it| rating(it, sight)),
        extensions: if is_full { content.extensions } else { Default::default() },
    }
}

/// A file of a petition.
pub(in crate::grpc) fn held(id: PetitionId, file: HeldAttachment, sight: Sight) -> pb::Attachment {
    let is_held = file.state == AttachmentState::Held && !file.attachment.sha256.is_empty();
    attachment(id, file.id, file.attachment, is_held, sight)
}

fn supplements(petition: &Petition) -> Vec<pb::Supplement> {
    let one = |supplied: &Supplied| {
        let its = |file: &&HeldAttachment| supplied.attachment_ids.contains(&file.id);
        let files = petition.attachments.iter().filter(its).cloned();
        pb::Supplement {
            text: supplied.text.clone(),
            attachments: files.map(|file| held(petition.id, file, Sight::Full)).collect(),
            provide_time: supplied.told_at.map(time),
            extensions: supplied.extensions.clone(),
        }
    };
    petition.supplements.iter().map(one).collect()
}

fn information_request(request: InformationRequest, sight: Sight) -> pb::InformationRequest {
    pb::InformationRequest {
        question: sight.text(request.question),
        reply_by_date: request.reply_by.map(day),
        request_time: Some(time(request.at)),
    }
}

fn rating(rating: RatingGiven, sight: Sight) -> pb::Rating {
    pb::Rating { score: rating.score.into(), comment: sight.text(rating.comment), rate_time: rating.told_at.map(time) }
}

/// One version of the answer.
pub(in crate::grpc) fn answer(id: PetitionId, answer: Answer, sight: Sight) -> pb::Answer {
    let files = if sight == Sight::Full { answer.attachments } else { Vec::new() };
    pb::Answer {
        version: i32::try_from(answer.version).unwrap_or(i32::MAX),
        text: sight.text(answer.text),
        document: answer.document.map(|it| document(it, sight)),
        resolution: answer.resolution.map(enums::resolution).unwrap_or_default(),
        resolution_due_date: answer.resolution_due_on.map(day),
        publishable: answer.public,
        attachments: files.into_iter().map(|file| named_file(id, file, sight)).collect(),
    }
}

fn document(document: OfficialDocument, sight: Sight) -> pb::OfficialDocument {
    pb::OfficialDocument {
        number: document.number,
        issue_date: document.issued_on.map(day),
        signer: sight.remark(document.signer),
        position: document.position,
    }
}

/// Reads an answer; the domain gives it its version.
pub(in crate::grpc) fn parse_answer(checks: &mut Checks, request: pb::AnswerPetitionRequest) -> Answer {
    let resolution = enums::parse_resolution(request.resolution);
    let resolution_due_on = parse_day(checks, "resolution_due_date", request.resolution_due_date);
    if resolution_due_on.is_some() && resolution != Some(ResolutionClass::ToBeResolved) {
        checks.format("resolution_due_date", "is told with the resolution TO_BE_RESOLVED only");
    }
    Answer {
        version: 0,
        text: checks.text("text", request.text, super::decision::TEXT_BYTES_MAX),
        document: request.document.map(|it| parse_document(checks, it)),
        resolution,
        resolution_due_on,
        public: request.publishable,
        attachments: parse_files(checks, "attachments", request.attachments),
    }
}

fn parse_document(checks: &mut Checks, document: pb::OfficialDocument) -> OfficialDocument {
    OfficialDocument {
        number: checks.line("document.number", document.number),
        issued_on: parse_day(checks, "document.issue_date", document.issue_date),
        signer: checks.line("document.signer", document.signer),
        position: checks.line("document.position", document.position),
    }
}
