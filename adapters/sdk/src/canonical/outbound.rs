//! Canonical messages to records. Empty texts are absent, so that a dialect leaves them out or writes null.

use crate::{
    dialect::{Record, Value},
    inbound::{Draft, InboundAttachment},
    model::{Agency, Answer, AssemblyContext, Attachment, Petitioner},
    notice::{Notice, NoticeBody},
};

/// A notice as a record; each kind has its own part of [`super::names::NOTICE`].
pub fn notice_record(notice: &Notice) -> Record {
    let mut record = Record::new();
    record
        .set_text("delivery_id", &notice.delivery_id)
        .set_text("external_id", &notice.external_id)
        .set_text("petition_id", &notice.petition_id)
        .set("revision", whole(notice.revision))
        .set("at", notice.at)
        .set_some("due_on", notice.due_on)
        .set("kind", Value::Code(notice.body.kind().as_str().to_owned()));
    if let Some(context) = &notice.assembly {
        assembly(&mut record, context);
    }
    body(&mut record, &notice.body);
    record
}

fn body(record: &mut Record, body: &NoticeBody) {
    match body {
        NoticeBody::Received | NoticeBody::Published => {}
        NoticeBody::Accepted { note } | NoticeBody::InProgress { note } | NoticeBody::Closed { note } => {
            record.set_text("note", note);
        }
        NoticeBody::Declined { reason, legal_basis } => {
            record.set_text("reason", reason).set_text("legal_basis", legal_basis);
        }
        NoticeBody::Forwarded { to, reason, legal_basis } => {
            agency(record, "to", to);
            record.set_text("reason", reason).set_text("legal_basis", legal_basis);
        }
        NoticeBody::InformationRequested { question, reply_by } => {
            record.set_text("question", question).set_some("reply_by", *reply_by);
        }
        NoticeBody::Assigned { unit, note } => {
            agency(record, "unit", unit);
            record.set_text("note", note);
        }
        NoticeBody::DeadlineExtended { due_on, reason, legal_basis } => {
            record.set("due_on", *due_on).set_text("reason", reason).set_text("legal_basis", legal_basis);
        }
        NoticeBody::Answered { answer } => {
            record.set("answer", answer_record(answer));
        }
        NoticeBody::Reopened { reason } => {
            record.set_text("reason", reason);
        }
    }
}

/// An answer as a record; [`notice_record`] has it under `answer`.
pub fn answer_record(answer: &Answer) -> Record {
    let mut record = Record::new();
    record.set("version", answer.version).set_text("text", &answer.text);
    if let Some(document) = &answer.document {
        record
            .set_text("document.number", &document.number)
            .set_some("document.issued_on", document.issued_on)
            .set_text("document.signer", &document.signer)
            .set_text("document.position", &document.position);
    }
    record
        .set_some("resolution", answer.resolution.map(|it| Value::Code(it.as_str().to_owned())))
        .set_some("resolution_due_on", answer.resolution_due_on)
        .set("public", answer.public);
    if !answer.attachments.is_empty() {
        let items = answer.attachments.iter().map(|it| Value::Record(attachment_record(it)));
        record.set("attachments", items.collect::<Vec<_>>());
    }
    record
}

/// An attachment as a record, without its content.
pub fn attachment_record(attachment: &Attachment) -> Record {
    let mut record = Record::new();
    record.set_text("name", &attachment.name).set_text("media_type", &attachment.media_type);
    if attachment.size_bytes > 0 {
        record.set("size_bytes", whole(attachment.size_bytes));
    }
    record.set_text("sha256", &attachment.sha256).set_text("remote_id", &attachment.remote_id);
    record
}

/// A petition as a record: what a far side writes, and what [`super::draft_from`] reads back as the same draft.
/// Extensions stay behind, and so does the content of attachments.
pub fn draft_record(draft: &Draft) -> Record {
    let mut record = Record::new();
    record
        .set_text("external_id", &draft.external_id)
        .set("revision", whole(draft.revision))
        .set("kind", Value::Code(draft.kind.as_str().to_owned()))
        .set_text("subject", &draft.subject)
        .set_text("body", &draft.body)
        .set_text("field.code", &draft.field.code)
        .set_text("field.name", &draft.field.name);
    petitioner(&mut record, &draft.petitioner);
    agency(&mut record, "receiving_agency", &draft.receiving_agency);
    agency(&mut record, "forwarding_agency", &draft.forwarding_agency);
    record
        .set_some("sent_at", draft.sent_at)
        .set_some("forwarded_at", draft.forwarded_at)
        .set_some("due_on", draft.due_on)
        .set("public", draft.public);
    if let Some(context) = &draft.assembly {
        assembly(&mut record, context);
    }
    if !draft.attachments.is_empty() {
        let item = |it: &InboundAttachment| Value::Record(attachment_record(&it.attachment));
        record.set("attachments", draft.attachments.iter().map(item).collect::<Vec<_>>());
    }
    record
}

fn petitioner(record: &mut Record, petitioner: &Petitioner) {
    record
        .set("petitioner.kind", Value::Code(petitioner.kind.as_str().to_owned()))
        .set_some("petitioner.full_name", petitioner.full_name.as_deref())
        .set_some("petitioner.identity_number", petitioner.identity_number.as_deref())
        .set_some("petitioner.telephone", petitioner.telephone.as_deref())
        .set_some("petitioner.email", petitioner.email.as_deref())
        .set_some("petitioner.address", petitioner.address.as_deref())
        .set_some("petitioner.province_code", petitioner.province_code.as_deref())
        .set_some("petitioner.organisation_name", petitioner.organisation_name.as_deref())
        .set_some("petitioner.tax_code", petitioner.tax_code.as_deref())
        .set("petitioner.anonymous", petitioner.anonymous);
}

fn assembly(record: &mut Record, context: &AssemblyContext) {
    record
        .set_text("assembly.term", &context.term)
        .set_some("assembly.session", context.session)
        .set_some("assembly.phase", context.phase.map(|it| Value::Code(it.as_str().to_owned())))
        .set_text("assembly.letter_number", &context.letter_number)
        .set_some("assembly.letter_date", context.letter_date);
    agency(record, "assembly.delegation", &context.delegation);
    record.set_text("assembly.constituency", &context.constituency).set_text("assembly.deputy", &context.deputy);
}

fn agency(record: &mut Record, name: &str, agency: &Agency) {
    record.set_text(&format!("{name}.code"), &agency.code).set_text(&format!("{name}.name"), &agency.name);
}

/// Counts are `u64` in the model and `i64` in records; none is anywhere near the end of either.
fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
