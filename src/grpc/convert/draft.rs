//! `PetitionDraft`, both ways: what a ministry system submits, and the content that an event carries.

use channel_sdk::{
    inbound::{Draft, InboundAttachment},
    model::{AssemblyContext, PetitionKind, Petitioner, PetitionerKind},
};

use super::{
    Sight,
    checks::Checks,
    common::{
        agency, day, field, named_file, parse_agency, parse_day, parse_field, parse_files, parse_time, signed, time,
    },
    enums, names,
};
use crate::{
    channels::DIRECT,
    pb,
    petition::{Content, PetitionId, check},
};

/// Where drafts stand in a request.
const PLACE: &str = "petition";
/// The longest key of an extension field: a path in the sender's message.
const EXTENSION_KEY_BYTES_MAX: usize = 400;

/// A draft as it was sent: the channel that it names, and the rest.
pub(in crate::grpc) struct Submitted {
    /// The channel's name.
    pub(in crate::grpc) channel: String,
    /// Everything else; `external_id` may still be empty, and the sizes of files are not known.
    pub(in crate::grpc) draft: Draft,
}

/// Reads a draft. `given_id` stands for the external id where the sender has none.
pub(in crate::grpc) fn parse(checks: &mut Checks, draft: Option<pb::PetitionDraft>, given_id: String) -> Submitted {
    let Some(draft) = draft else {
        checks.missing(PLACE, "is required: the petition itself");
        return Submitted { channel: DIRECT.to_owned(), draft: nothing() };
    };
    let channel = channel_of(checks, &draft.channel);
    let external_id = if draft.external_id.is_empty() { given_id } else { draft.external_id };
    let draft = Draft {
        external_id,
        revision: checks.not_negative("petition.revision", draft.revision),
        kind: kind_of(checks, draft.kind),
        subject: draft.subject,
        body: draft.body,
        field: parse_field(checks, "petition.field", draft.field),
        petitioner: parse_petitioner(checks, draft.petitioner),
        receiving_agency: parse_agency(checks, "petition.receiving_agency", draft.receiving_agency),
        forwarding_agency: parse_agency(checks, "petition.forwarding_agency", draft.forwarding_agency),
        sent_at: parse_time(checks, "petition.send_time", draft.send_time),
        forwarded_at: parse_time(checks, "petition.forward_time", draft.forward_time),
        due_on: parse_day(checks, "petition.due_date", draft.due_date),
        public: draft.publishable,
        assembly: draft.assembly.map(|it| parse_assembly(checks, it)),
        attachments: parse_files(checks, "petition.attachments", draft.attachments)
            .into_iter()
            .map(|attachment| InboundAttachment { attachment, content: None })
            .collect(),
        extensions: draft.extensions,
    };
    if draft.extensions.keys().any(|key| key.len() > EXTENSION_KEY_BYTES_MAX) {
        checks.format("petition.extensions", format!("a key must be at most {EXTENSION_KEY_BYTES_MAX} bytes"));
    }
    // The domain's own checks, the same for whatever channel. Files were looked at above, with better places.
    for fault in check::check(&draft).into_iter().filter(|fault| !fault.place.starts_with("attachments")) {
        checks.fault(PLACE, fault);
    }
    Submitted { channel, draft }
}

fn channel_of(checks: &mut Checks, name: &str) -> String {
    let channel = name.strip_prefix("channels/").unwrap_or(if name.is_empty() { DIRECT } else { "" });
    if !names::is_channel_name(channel) {
        checks.format("petition.channel", "must be of the form channels/{channel}: 1 to 40 of a-z, 0-9, -");
    }
    channel.to_owned()
}

fn kind_of(checks: &mut Checks, kind: i32) -> PetitionKind {
    enums::parse_kind(kind).unwrap_or_else(|| {
        checks.missing("petition.kind", "thiếu loại (the kind, one of PetitionKind)");
        PetitionKind::Petition
    })
}

fn parse_petitioner(checks: &mut Checks, petitioner: Option<pb::Petitioner>) -> Petitioner {
    let petitioner = petitioner.unwrap_or_default();
    let Some(kind) = enums::parse_petitioner_kind(petitioner.kind) else {
        checks.missing("petition.petitioner.kind", "thiếu loại người gửi (the kind, one of PetitionerKind)");
        return Petitioner::of(PetitionerKind::Citizen);
    };
    let mut line = |name: &str, text: Option<String>| {
        text.filter(|it| !it.is_empty()).map(|it| checks.line(&format!("petition.petitioner.{name}"), it))
    };
    Petitioner {
        kind,
        full_name: line("full_name", petitioner.full_name),
        identity_number: line("identity_number", petitioner.identity_number),
        telephone: line("telephone", petitioner.telephone),
        email: line("email", petitioner.email),
        address: line("address", petitioner.address),
        province_code: line("province_code", petitioner.province_code),
        organisation_name: line("organisation_name", petitioner.organisation_name),
        tax_code: line("tax_code", petitioner.tax_code),
        anonymous: petitioner.anonymous,
    }
}

fn parse_assembly(checks: &mut Checks, it: pb::AssemblyContext) -> AssemblyContext {
    let session = it.session.and_then(|session| {
        let number = u32::try_from(session).ok().filter(|number| *number > 0);
        if number.is_none() {
            checks.format("petition.assembly.session", "must be the number of a session, from 1");
        }
        number
    });
    AssemblyContext {
        term: checks.line("petition.assembly.term", it.term),
        session,
        phase: enums::parse_phase(it.phase),
        letter_number: checks.line("petition.assembly.letter_number", it.letter_number),
        letter_date: parse_day(checks, "petition.assembly.letter_date", it.letter_date),
        delegation: parse_agency(checks, "petition.assembly.delegation", it.delegation),
        constituency: checks.line("petition.assembly.constituency", it.constituency),
        deputy: checks.line("petition.assembly.deputy", it.deputy),
    }
}

fn nothing() -> Draft {
    Draft {
        external_id: String::new(),
        revision: 0,
        kind: PetitionKind::Petition,
        subject: String::new(),
        body: String::new(),
        field: channel_sdk::model::Field::default(),
        petitioner: Petitioner::of(PetitionerKind::Citizen),
        receiving_agency: channel_sdk::model::Agency::default(),
        forwarding_agency: channel_sdk::model::Agency::default(),
        sent_at: None,
        forwarded_at: None,
        due_on: None,
        public: false,
        assembly: None,
        attachments: Vec::new(),
        extensions: channel_sdk::inbound::Extensions::new(),
    }
}

/// The content of an event. A late or amending revision has no channel and id of its own: the petition's stand there.
pub(in crate::grpc) fn content(
    id: PetitionId,
    channel: &str,
    external_id: String,
    revision: u64,
    content: Content,
    sight: Sight,
) -> pb::PetitionDraft {
    let files = if sight == Sight::Full { content.attachments } else { Vec::new() };
    pb::PetitionDraft {
        channel: names::channel(channel),
        external_id,
        revision: signed(revision),
        kind: enums::kind(content.kind),
        subject: sight.remark(content.subject),
        body: sight.text(content.body),
        field: field(content.field),
        petitioner: Some(petitioner(content.petitioner, sight)),
        receiving_agency: agency(content.receiving_agency),
        forwarding_agency: agency(content.forwarding_agency),
        send_time: content.sent_at.map(time),
        forward_time: content.forwarded_at.map(time),
        due_date: content.due_on.map(day),
        publishable: content.public,
        assembly: content.assembly.map(|it| assembly(it, sight)),
        attachments: files.into_iter().map(|file| named_file(id, file, sight)).collect(),
        extensions: if sight == Sight::Full { content.extensions } else { Default::default() },
    }
}

/// A petitioner: the full view, or what is not personal.
pub(in crate::grpc) fn petitioner(petitioner: Petitioner, sight: Sight) -> pb::Petitioner {
    let kind = enums::petitioner_kind(petitioner.kind);
    let (province_code, anonymous) = (petitioner.province_code, petitioner.anonymous);
    if sight != Sight::Full {
        return pb::Petitioner { kind, province_code, anonymous, ..pb::Petitioner::default() };
    }
    pb::Petitioner {
        kind,
        full_name: petitioner.full_name,
        identity_number: petitioner.identity_number,
        telephone: petitioner.telephone,
        email: petitioner.email,
        address: petitioner.address,
        province_code,
        organisation_name: petitioner.organisation_name,
        tax_code: petitioner.tax_code,
        anonymous,
    }
}

/// Term, session, delegation.
pub(in crate::grpc) fn assembly(it: AssemblyContext, sight: Sight) -> pb::AssemblyContext {
    pb::AssemblyContext {
        term: it.term,
        session: it.session.map(|number| i32::try_from(number).unwrap_or(i32::MAX)),
        phase: it.phase.map(enums::phase).unwrap_or_default(),
        letter_number: it.letter_number,
        letter_date: it.letter_date.map(day),
        delegation: agency(it.delegation),
        constituency: it.constituency,
        deputy: sight.remark(it.deputy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::error::CallError;

    fn good() -> pb::PetitionDraft {
        pb::PetitionDraft {
            external_id: "HD-1".to_owned(),
            kind: pb::PetitionKind::PolicyQuestion.into(),
            body: "Tôi xin hỏi về chế độ thai sản.".to_owned(),
            petitioner: Some(pb::Petitioner { kind: pb::PetitionerKind::Citizen.into(), ..Default::default() }),
            ..Default::default()
        }
    }

    fn faults(draft: pb::PetitionDraft) -> Vec<String> {
        let mut checks = Checks::default();
        parse(&mut checks, Some(draft), String::new());
        match checks.done() {
            Ok(()) => Vec::new(),
            Err(CallError::Invalid(violations)) => violations.into_iter().map(|it| it.field).collect(),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let draft = pb::PetitionDraft {
            channel: "portal".to_owned(),
            external_id: "a\nb".to_owned(),
            revision: -1,
            petitioner: None,
            due_date: Some(pb::CivilDate { year: 2019, month: 2, day: 30 }),
            attachments: vec![pb::Attachment { sha256: "AB".to_owned(), ..Default::default() }],
            assembly: Some(pb::AssemblyContext { session: Some(0), ..Default::default() }),
            ..Default::default()
        };
        let told = faults(draft);
        for field in [
            "petition.channel",
            "petition.external_id",
            "petition.revision",
            "petition.kind",
            "petition.petitioner.kind",
            "petition.due_date",
            "petition.assembly.session",
            "petition.body",
            "petition.attachments[0].file_name",
            "petition.attachments[0].sha256",
        ] {
            assert!(told.iter().any(|it| it == field), "{field} in {told:?}");
        }
        assert_eq!(told.len(), 10);
        assert_eq!(faults(good()), Vec::<String>::new());
    }

    #[test]
    fn what_is_sent_comes_back_as_it_was() {
        let mut sent = pb::PetitionDraft {
            channel: "channels/direct".to_owned(),
            revision: 4,
            subject: "Hỏi về\u{a0}thai sản".to_owned(),
            field: Some(pb::Field { code: "BHXH".to_owned(), display_name: "Bảo hiểm xã hội".to_owned() }),
            receiving_agency: Some(pb::Agency { code: "G07".to_owned(), display_name: String::new() }),
            send_time: Some(prost_types::Timestamp { seconds: 1_575_600_000, nanos: 5 }),
            due_date: Some(pb::CivilDate { year: 2019, month: 12, day: 27 }),
            publishable: true,
            assembly: Some(pb::AssemblyContext {
                term: "XIV".to_owned(),
                session: Some(8),
                phase: pb::SessionPhase::Before.into(),
                ..Default::default()
            }),
            ..good()
        };
        sent.petitioner = Some(pb::Petitioner {
            kind: pb::PetitionerKind::Citizen.into(),
            full_name: Some("Nguyễn Thị Mẫu".to_owned()),
            ..Default::default()
        });
        sent.extensions.insert("ghiChu".to_owned(), " giữ nguyên ".to_owned());
        let mut checks = Checks::default();
        let Submitted { channel, draft } = parse(&mut checks, Some(sent.clone()), String::new());
        assert!(checks.are_clean());
        let (external_id, revision) = (draft.external_id.clone(), draft.revision);
        let id = PetitionId(uuid::Uuid::from_u128(1));
        let back = content(id, &channel, external_id, revision, Content::of(draft), Sight::Full);
        assert_eq!(back, sent);
    }

    #[test]
    fn a_reader_sees_nothing_that_is_marked_as_personal() {
        let mut sent = good();
        sent.subject = "Kín".to_owned();
        sent.petitioner = Some(pb::Petitioner {
            kind: pb::PetitionerKind::Citizen.into(),
            full_name: Some("Nguyễn Thị Mẫu".to_owned()),
            province_code: Some("01".to_owned()),
            ..Default::default()
        });
        let Submitted { channel, draft } = parse(&mut Checks::default(), Some(sent), String::new());
        let id = PetitionId(uuid::Uuid::from_u128(1));
        let seen = content(id, &channel, String::new(), 0, Content::of(draft), Sight::Anonymous);
        assert_eq!((seen.subject.as_str(), seen.body.as_str()), ("", ""));
        let petitioner = seen.petitioner.unwrap();
        assert_eq!((petitioner.full_name, petitioner.province_code.as_deref()), (None, Some("01")));
    }
}
