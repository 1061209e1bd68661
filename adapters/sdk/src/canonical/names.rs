//! The canonical names that each message has, for [`crate::dialect::Map::check`].

use crate::model::{PetitionKind, PetitionerKind, ResolutionClass, SessionPhase};

/// [`crate::inbound::Draft`]. `attachments` is a list of [`ATTACHMENT`].
pub const DRAFT: &[&str] = &[
    "external_id",
    "revision",
    "kind",
    "subject",
    "body",
    "field.code",
    "field.name",
    "petitioner.kind",
    "petitioner.full_name",
    "petitioner.identity_number",
    "petitioner.telephone",
    "petitioner.email",
    "petitioner.address",
    "petitioner.province_code",
    "petitioner.organisation_name",
    "petitioner.tax_code",
    "petitioner.anonymous",
    "receiving_agency.code",
    "receiving_agency.name",
    "forwarding_agency.code",
    "forwarding_agency.name",
    "sent_at",
    "forwarded_at",
    "due_on",
    "public",
    "assembly.term",
    "assembly.session",
    "assembly.phase",
    "assembly.letter_number",
    "assembly.letter_date",
    "assembly.delegation.code",
    "assembly.delegation.name",
    "assembly.constituency",
    "assembly.deputy",
    "attachments",
];

/// [`crate::model::Attachment`], with `content` in base64 where it comes inline.
pub const ATTACHMENT: &[&str] = &["name", "media_type", "size_bytes", "sha256", "remote_id", "content"];

/// [`crate::inbound::Withdrawal`].
pub const WITHDRAWAL: &[&str] = &["external_id", "at", "reason"];

/// [`crate::inbound::Supplement`].
pub const SUPPLEMENT: &[&str] = &["external_id", "at", "text", "attachments"];

/// [`crate::inbound::Rating`].
pub const RATING: &[&str] = &["external_id", "score", "comment", "at"];

/// [`crate::inbound::Reassignment`].
pub const REASSIGNMENT: &[&str] = &["external_id", "to.code", "to.name", "at", "reason"];

/// [`crate::inbound::Receipt`].
pub const RECEIPT: &[&str] = &["external_id", "delivery_id", "remote_reference"];

/// [`crate::model::Answer`], as [`super::answer_record`] makes it.
pub const ANSWER: &[&str] = &[
    "version",
    "text",
    "document.number",
    "document.issued_on",
    "document.signer",
    "document.position",
    "resolution",
    "resolution_due_on",
    "public",
    "attachments",
];

/// [`crate::notice::Notice`], as [`super::notice_record`] makes it; each kind of notice has its own part of them.
pub const NOTICE: &[&str] = &[
    "delivery_id",
    "external_id",
    "petition_id",
    "revision",
    "at",
    "due_on",
    "assembly.term",
    "assembly.session",
    "assembly.phase",
    "assembly.letter_number",
    "assembly.letter_date",
    "assembly.delegation.code",
    "assembly.delegation.name",
    "assembly.constituency",
    "assembly.deputy",
    "kind",
    "note",
    "reason",
    "legal_basis",
    "to.code",
    "to.name",
    "question",
    "reply_by",
    "unit.code",
    "unit.name",
    "answer.version",
    "answer.text",
    "answer.document.number",
    "answer.document.issued_on",
    "answer.document.signer",
    "answer.document.position",
    "answer.resolution",
    "answer.resolution_due_on",
    "answer.public",
    "answer.attachments",
];

/// The canonical names of petition kinds, for [`crate::dialect::CodeTable::check`].
pub fn petition_kinds() -> Vec<&'static str> {
    PetitionKind::ALL.iter().map(|it| it.as_str()).collect()
}

/// The canonical names of petitioner kinds.
pub fn petitioner_kinds() -> Vec<&'static str> {
    PetitionerKind::ALL.iter().map(|it| it.as_str()).collect()
}

/// The canonical names of session phases.
pub fn session_phases() -> Vec<&'static str> {
    SessionPhase::ALL.iter().map(|it| it.as_str()).collect()
}

/// The canonical names of resolution classes.
pub fn resolution_classes() -> Vec<&'static str> {
    ResolutionClass::ALL.iter().map(|it| it.as_str()).collect()
}
