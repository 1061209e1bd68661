//! Records to canonical messages. Texts are moved out of the record, never copied.

use std::str::FromStr;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jiff::{Timestamp, civil::Date};
use sha2::{Digest, Sha256};

use crate::{
    dialect::{Record, Value},
    fault::{Fault, FaultCode},
    inbound::{Draft, Extensions, InboundAttachment, Rating, Reassignment, Receipt, Supplement, Withdrawal},
    model::{Agency, AssemblyContext, Attachment, Field, PetitionKind, Petitioner, PetitionerKind},
};

/// A petition from its record.
///
/// A petitioner without a kind is the one that the petition's kind implies: voters, a deputy, otherwise a citizen.
///
/// # Errors
/// Everything that keeps it from being a draft; places are canonical names, because the dialect has told its own by then.
pub fn draft_from(mut record: Record, extensions: Extensions) -> Result<Draft, Vec<Fault>> {
    let mut take = Taking { record: &mut record, faults: Vec::new() };
    let kind: Option<PetitionKind> = take.needed("kind", Taking::code);
    let draft = Draft {
        external_id: take.needed("external_id", Taking::some_text).unwrap_or_default(),
        revision: take.count("revision").unwrap_or(0),
        kind: kind.unwrap_or(PetitionKind::Petition),
        subject: take.text("subject"),
        body: take.text("body"),
        field: Field { code: take.text("field.code"), name: take.text("field.name") },
        petitioner: petitioner(&mut take, kind),
        receiving_agency: take.agency("receiving_agency"),
        forwarding_agency: take.agency("forwarding_agency"),
        sent_at: take.instant("sent_at"),
        forwarded_at: take.instant("forwarded_at"),
        due_on: take.date("due_on"),
        public: take.flag("public"),
        assembly: assembly(&mut take),
        attachments: take.attachments(),
        extensions,
    };
    take.done(draft)
}

fn petitioner(take: &mut Taking<'_>, kind: Option<PetitionKind>) -> Petitioner {
    let implied = match kind {
        Some(PetitionKind::VoterPetition) => PetitionerKind::Voters,
        Some(PetitionKind::DeputyPetition) => PetitionerKind::Deputy,
        _ => PetitionerKind::Citizen,
    };
    Petitioner {
        kind: take.code("petitioner.kind").unwrap_or(implied),
        full_name: take.some_text("petitioner.full_name"),
        identity_number: take.some_text("petitioner.identity_number"),
        telephone: take.some_text("petitioner.telephone"),
        email: take.some_text("petitioner.email"),
        address: take.some_text("petitioner.address"),
        province_code: take.some_text("petitioner.province_code"),
        organisation_name: take.some_text("petitioner.organisation_name"),
        tax_code: take.some_text("petitioner.tax_code"),
        anonymous: take.flag("petitioner.anonymous"),
    }
}

fn assembly(take: &mut Taking<'_>) -> Option<AssemblyContext> {
    take.record.record("assembly").filter(|it| !it.is_empty())?;
    Some(AssemblyContext {
        term: take.text("assembly.term"),
        session: take.count("assembly.session"),
        phase: take.code("assembly.phase"),
        letter_number: take.text("assembly.letter_number"),
        letter_date: take.date("assembly.letter_date"),
        delegation: take.agency("assembly.delegation"),
        constituency: take.text("assembly.constituency"),
        deputy: take.text("assembly.deputy"),
    })
}

/// A withdrawal from its record.
///
/// # Errors
/// It names no petition.
pub fn withdrawal_from(mut record: Record) -> Result<Withdrawal, Vec<Fault>> {
    let mut take = Taking { record: &mut record, faults: Vec::new() };
    let withdrawal = Withdrawal {
        external_id: take.needed("external_id", Taking::some_text).unwrap_or_default(),
        at: take.instant("at"),
        reason: take.text("reason"),
    };
    take.done(withdrawal)
}

/// Supplementary information from its record.
///
/// # Errors
/// It names no petition, says nothing, or has a file that cannot be.
pub fn supplement_from(mut record: Record, extensions: Extensions) -> Result<Supplement, Vec<Fault>> {
    let mut take = Taking { record: &mut record, faults: Vec::new() };
    let supplement = Supplement {
        external_id: take.needed("external_id", Taking::some_text).unwrap_or_default(),
        at: take.instant("at"),
        text: take.text("text"),
        attachments: take.attachments(),
        extensions,
    };
    if supplement.text.trim().is_empty() && supplement.attachments.is_empty() && take.faults.is_empty() {
        take.refuse(FaultCode::Missing, "text", "phải có nội dung bổ sung hoặc tệp đính kèm");
    }
    take.done(supplement)
}

/// A rating from its record.
///
/// # Errors
/// It names no petition, or its score is not 1 to 5.
pub fn rating_from(mut record: Record) -> Result<Rating, Vec<Fault>> {
    let mut take = Taking { record: &mut record, faults: Vec::new() };
    let score: u8 = take.needed("score", Taking::count).unwrap_or(1);
    if !(1..=5).contains(&score) {
        take.refuse(FaultCode::Format, "score", "phải là số nguyên từ 1 đến 5");
    }
    let rating = Rating {
        external_id: take.needed("external_id", Taking::some_text).unwrap_or_default(),
        score,
        comment: take.text("comment"),
        at: take.instant("at"),
    };
    take.done(rating)
}

/// A reassignment from its record.
///
/// # Errors
/// It names no petition, or no agency.
pub fn reassignment_from(mut record: Record) -> Result<Reassignment, Vec<Fault>> {
    let mut take = Taking { record: &mut record, faults: Vec::new() };
    let reassignment = Reassignment {
        external_id: take.needed("external_id", Taking::some_text).unwrap_or_default(),
        to: take.agency("to"),
        at: take.instant("at"),
        reason: take.text("reason"),
    };
    if reassignment.to == Agency::default() {
        take.refuse(FaultCode::Missing, "to.code", "thiếu mã hoặc tên cơ quan nhận");
    }
    take.done(reassignment)
}

/// A receipt from its record.
///
/// # Errors
/// It names no petition, or none of our deliveries.
pub fn receipt_from(mut record: Record) -> Result<Receipt, Vec<Fault>> {
    let mut take = Taking { record: &mut record, faults: Vec::new() };
    let receipt = Receipt {
        external_id: take.needed("external_id", Taking::some_text).unwrap_or_default(),
        delivery_id: take.needed("delivery_id", Taking::some_text).unwrap_or_default(),
        remote_reference: take.text("remote_reference"),
    };
    take.done(receipt)
}

/// An announced attachment from its record; `content` is base64.
///
/// # Errors
/// It has no name, its content is no base64, or size or digest are wrong.
pub fn attachment_from(mut record: Record) -> Result<InboundAttachment, Vec<Fault>> {
    let mut take = Taking { record: &mut record, faults: Vec::new() };
    let content = take.some_text("content");
    let mut attachment = Attachment {
        name: take.needed("name", Taking::some_text).unwrap_or_default(),
        media_type: take.text("media_type"),
        size_bytes: take.count("size_bytes").unwrap_or(0),
        sha256: take.text("sha256").trim().to_ascii_lowercase(),
        remote_id: take.text("remote_id"),
    };
    let is_digest = attachment.sha256.len() == 64 && attachment.sha256.bytes().all(|it| it.is_ascii_hexdigit());
    if !attachment.sha256.is_empty() && !is_digest {
        take.refuse(FaultCode::Format, "sha256", "phải là SHA-256 gồm 64 chữ số thập lục phân");
        attachment.sha256.clear();
    }
    let content = content.and_then(|mut text| {
        // Senders break base64 into lines; the alphabet has no white space.
        text.retain(|it| !it.is_ascii_whitespace());
        let bytes = STANDARD.decode(text).ok();
        if bytes.is_none() {
            take.refuse(FaultCode::Format, "content", "nội dung tệp phải là base64");
        }
        bytes
    });
    let faults = take.faults;
    if !faults.is_empty() {
        return Err(faults);
    }
    match content {
        None => Ok(InboundAttachment { attachment, content: None }),
        Some(bytes) => with_content(attachment, Bytes::from(bytes)).map_err(|fault| vec![fault]),
    }
}

/// An attachment with the content that came with it; size and digest are taken from the content where they were not
/// announced.
///
/// # Errors
/// The announced size or digest is not that of the content.
pub fn with_content(attachment: Attachment, content: Bytes) -> Result<InboundAttachment, Fault> {
    let digest = hex::encode(Sha256::digest(&content));
    with_digested(attachment, content, digest)
}

/// The same where the content's SHA-256 is known: one file may be referred to by many petitions.
///
/// # Errors
/// The announced size or digest is not that of the content.
pub fn with_digested(mut attachment: Attachment, content: Bytes, digest: String) -> Result<InboundAttachment, Fault> {
    let size = content.len() as u64;
    if attachment.size_bytes != 0 && attachment.size_bytes != size {
        return Err(Fault::new(FaultCode::Conflict, "size_bytes", "kích thước đã báo khác kích thước của nội dung"));
    }
    if !attachment.sha256.is_empty() && attachment.sha256 != digest {
        return Err(Fault::new(FaultCode::Conflict, "sha256", "SHA-256 đã báo khác SHA-256 của nội dung"));
    }
    attachment.size_bytes = size;
    attachment.sha256 = digest;
    Ok(InboundAttachment { attachment, content: Some(content) })
}

/// Takes values out of a record and collects what is wrong with them.
struct Taking<'r> {
    record: &'r mut Record,
    faults: Vec<Fault>,
}

impl Taking<'_> {
    fn done<T>(self, message: T) -> Result<T, Vec<Fault>> {
        if self.faults.is_empty() { Ok(message) } else { Err(self.faults) }
    }

    fn refuse(&mut self, code: FaultCode, name: &str, message: &str) {
        self.faults.push(Fault::new(code, name, message));
    }

    /// What `take` finds under `name`; nothing there, and nothing wrong told about it, is a fault.
    fn needed<T>(&mut self, name: &str, take: fn(&mut Self, &str) -> Option<T>) -> Option<T> {
        let before = self.faults.len();
        let found = take(self, name);
        if found.is_none() && self.faults.len() == before {
            self.refuse(FaultCode::Missing, name, "thiếu hoặc để trống");
        }
        found
    }

    fn some_text(&mut self, name: &str) -> Option<String> {
        self.record.take_text(name).filter(|text| !text.trim().is_empty())
    }

    fn text(&mut self, name: &str) -> String {
        self.record.take_text(name).unwrap_or_default()
    }

    fn flag(&mut self, name: &str) -> bool {
        self.record.boolean(name).unwrap_or(false)
    }

    fn date(&mut self, name: &str) -> Option<Date> {
        self.record.date(name)
    }

    fn instant(&mut self, name: &str) -> Option<Timestamp> {
        self.record.timestamp(name)
    }

    fn agency(&mut self, name: &str) -> Agency {
        Agency { code: self.text(&format!("{name}.code")), name: self.text(&format!("{name}.name")) }
    }

    fn code<T: FromStr>(&mut self, name: &str) -> Option<T> {
        let found = self.record.text(name)?.parse().ok();
        if found.is_none() {
            self.refuse(FaultCode::UnknownCode, name, "bảng mã của kênh cho ra một tên chuẩn không tồn tại");
        }
        found
    }

    fn count<T: TryFrom<i64>>(&mut self, name: &str) -> Option<T> {
        let found = T::try_from(self.record.integer(name)?).ok();
        if found.is_none() {
            self.refuse(FaultCode::Format, name, "phải là số nguyên không âm và không quá lớn");
        }
        found
    }

    fn attachments(&mut self) -> Vec<InboundAttachment> {
        let items = self.record.take_list("attachments");
        let mut attachments = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let Value::Record(record) = item else { continue };
            match attachment_from(record) {
                Ok(attachment) => attachments.push(attachment),
                Err(faults) => {
                    let prefix = format!("attachments[{index}]");
                    self.faults.extend(faults.into_iter().map(|fault| fault.under(&prefix)));
                }
            }
        }
        attachments
    }
}
