//! That nothing gets lost between records and the canonical model.

use std::collections::BTreeSet;

use jiff::civil::date;

use super::*;
use crate::{
    dialect::{Record, Value},
    fault::FaultCode,
    inbound::{Draft, Extensions, InboundAttachment},
    model::{
        Agency, Answer, AssemblyContext, Attachment, Field, OfficialDocument, PetitionKind, Petitioner, PetitionerKind,
        ResolutionClass, SessionPhase,
    },
    notice::{Notice, NoticeBody, NoticeKind},
};

fn agency(code: &str) -> Agency {
    Agency { code: code.to_owned(), name: format!("Cơ quan {code}") }
}

fn attachment(name: &str) -> Attachment {
    Attachment {
        name: name.to_owned(),
        media_type: "application/pdf".to_owned(),
        size_bytes: 3,
        sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned(),
        remote_id: "f-1".to_owned(),
    }
}

fn context() -> AssemblyContext {
    AssemblyContext {
        term: "XIV".to_owned(),
        session: Some(8),
        phase: Some(SessionPhase::Before),
        letter_number: "415/BDN".to_owned(),
        letter_date: Some(date(2019, 9, 30)),
        delegation: agency("01"),
        constituency: "Quận Ba Đình".to_owned(),
        deputy: "Đại biểu A".to_owned(),
    }
}

/// A draft in which every field says something.
fn full_draft() -> Draft {
    let some = |text: &str| Some(text.to_owned());
    Draft {
        external_id: "P-1".to_owned(),
        revision: 2,
        kind: PetitionKind::VoterPetition,
        subject: "Tiêu đề".to_owned(),
        body: "Nội dung\r\n\u{a0}".to_owned(),
        field: Field { code: "BHTN".to_owned(), name: "Bảo hiểm thất nghiệp".to_owned() },
        petitioner: Petitioner {
            kind: PetitionerKind::Voters,
            full_name: some("Trần Thị B"),
            identity_number: some("000000000001"),
            telephone: some("0000000001"),
            email: some("b@example.vn"),
            address: some("Số 1 phố Thử"),
            province_code: some("01"),
            organisation_name: some("Công ty Thử"),
            tax_code: some("0000000001"),
            anonymous: true,
        },
        receiving_agency: agency("G07"),
        forwarding_agency: agency("G22"),
        sent_at: Some("2019-12-06T02:15:00Z".parse().unwrap()),
        forwarded_at: Some("2019-12-06T09:22:00Z".parse().unwrap()),
        due_on: Some(date(2019, 12, 27)),
        public: true,
        assembly: Some(context()),
        attachments: vec![InboundAttachment { attachment: attachment("đơn.pdf"), content: None }],
        extensions: Extensions::new(),
    }
}

fn full_answer() -> Answer {
    Answer {
        version: 2,
        text: "Trả lời".to_owned(),
        document: Some(OfficialDocument {
            number: "6029/LĐTBXH-VP".to_owned(),
            issued_on: Some(date(2019, 12, 20)),
            signer: "Nguyễn Văn A".to_owned(),
            position: "Bộ trưởng".to_owned(),
        }),
        resolution: Some(ResolutionClass::ToBeResolved),
        resolution_due_on: Some(date(2020, 6, 30)),
        public: true,
        attachments: vec![attachment("trả lời.pdf")],
    }
}

/// Every kind of notice, each of its fields saying something.
fn all_bodies() -> Vec<NoticeBody> {
    let text = |it: &str| it.to_owned();
    let (reason, legal_basis, note) = (text("lý do"), text("căn cứ"), text("ghi chú"));
    vec![
        NoticeBody::Received,
        NoticeBody::Accepted { note: note.clone() },
        NoticeBody::Declined { reason: reason.clone(), legal_basis: legal_basis.clone() },
        NoticeBody::Forwarded { to: agency("G09"), reason: reason.clone(), legal_basis: legal_basis.clone() },
        NoticeBody::InformationRequested { question: text("hỏi"), reply_by: Some(date(2019, 12, 20)) },
        NoticeBody::Assigned { unit: agency("G07.01"), note: note.clone() },
        NoticeBody::InProgress { note: note.clone() },
        NoticeBody::DeadlineExtended { due_on: date(2020, 1, 10), reason: reason.clone(), legal_basis },
        NoticeBody::Answered { answer: full_answer() },
        NoticeBody::Published,
        NoticeBody::Reopened { reason },
        NoticeBody::Closed { note },
    ]
}

fn notice(body: NoticeBody) -> Notice {
    Notice {
        delivery_id: "d-1".to_owned(),
        external_id: "P-1".to_owned(),
        petition_id: "H-1".to_owned(),
        revision: 2,
        at: "2019-12-06T02:15:00Z".parse().unwrap(),
        due_on: Some(date(2019, 12, 27)),
        assembly: Some(context()),
        body,
    }
}

/// The dotted names of all values in a record; a list counts as one value.
fn names_in(record: &Record, prefix: &str, out: &mut BTreeSet<String>) {
    for (name, value) in record.iter() {
        match value {
            Value::Record(nested) => names_in(nested, &format!("{prefix}{name}."), out),
            _ => drop(out.insert(format!("{prefix}{name}"))),
        }
    }
}

fn set_of(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|it| (*it).to_owned()).collect()
}

#[test]
fn a_full_draft_survives_its_record_and_uses_every_name() {
    let draft = full_draft();
    let record = draft_record(&draft);
    let mut used = BTreeSet::new();
    names_in(&record, "", &mut used);
    assert_eq!(used, set_of(names::DRAFT));
    assert_eq!(draft_from(record, Extensions::new()).unwrap(), draft);
}

#[test]
fn every_notice_becomes_a_record_and_together_they_use_every_name() {
    let mut used = BTreeSet::new();
    let mut kinds = BTreeSet::new();
    for body in all_bodies() {
        let record = notice_record(&notice(body));
        kinds.insert(record.code("kind").unwrap().to_owned());
        names_in(&record, "", &mut used);
    }
    assert_eq!(used, set_of(names::NOTICE));
    assert_eq!(kinds.len(), NoticeKind::ALL.len());
    let mut used = BTreeSet::new();
    names_in(&answer_record(&full_answer()), "", &mut used);
    assert_eq!(used, set_of(names::ANSWER));
}

#[test]
fn an_extended_deadline_is_the_due_date_that_is_told() {
    let body =
        NoticeBody::DeadlineExtended { due_on: date(2020, 1, 10), reason: String::new(), legal_basis: String::new() };
    assert_eq!(notice_record(&notice(body)).date("due_on"), Some(date(2020, 1, 10)));
}

#[test]
fn a_draft_without_id_kind_or_with_impossible_values_is_refused_for_all_of_it_at_once() {
    let mut record = Record::new();
    let mut file = Record::new();
    file.set("name", " ").set("sha256", "abc").set("content", "?");
    record.set("revision", -1i64).set("assembly.phase", "during").set("attachments", vec![Value::Record(file)]);
    let faults = draft_from(record, Extensions::new()).unwrap_err();
    let told: BTreeSet<_> = faults.iter().map(|it| (it.code, it.place.as_str())).collect();
    let expected = [
        (FaultCode::Missing, "external_id"),
        (FaultCode::Missing, "kind"),
        (FaultCode::Missing, "attachments[0].name"),
        (FaultCode::Format, "revision"),
        (FaultCode::Format, "attachments[0].sha256"),
        (FaultCode::Format, "attachments[0].content"),
        (FaultCode::UnknownCode, "assembly.phase"),
    ];
    assert_eq!(told, expected.into_iter().collect());
}

#[test]
fn the_petition_s_kind_implies_its_petitioner_where_none_is_named() {
    for (kind, petitioner) in [("voter_petition", PetitionerKind::Voters), ("feedback", PetitionerKind::Citizen)] {
        let mut record = Record::new();
        record.set("external_id", "1").set("kind", kind);
        assert_eq!(draft_from(record, Extensions::new()).unwrap().petitioner.kind, petitioner);
    }
}

#[test]
fn an_inline_file_is_decoded_measured_and_checked_against_what_was_announced() {
    let file = |change: fn(&mut Record)| {
        let mut record = Record::new();
        record.set("name", "a.txt").set("content", "YW\r\nJj");
        change(&mut record);
        attachment_from(record)
    };
    let sound = file(|_| {}).unwrap();
    assert_eq!(sound.content.as_deref(), Some(b"abc".as_slice()));
    assert_eq!((sound.attachment.size_bytes, sound.attachment.sha256), (3, attachment("").sha256));
    let upper = file(|it| drop(it.set("sha256", attachment("").sha256.to_uppercase()).take("none")));
    assert!(upper.is_ok());
    let other_size = file(|it| drop(it.set("size_bytes", 4i64).take("none"))).unwrap_err();
    assert_eq!(other_size[0].code, FaultCode::Conflict);
    let other_digest = file(|it| drop(it.set("sha256", "0".repeat(64)).take("none"))).unwrap_err();
    assert_eq!(other_digest[0].code, FaultCode::Conflict);
}

#[test]
fn a_rating_has_a_score_from_one_to_five() {
    for (score, sound) in [(0i64, false), (1, true), (5, true), (6, false), (999, false), (-1, false)] {
        let mut record = Record::new();
        record.set("external_id", "P-1").set("score", score);
        assert_eq!(rating_from(record).is_ok(), sound, "{score}");
    }
    assert_eq!(rating_from(Record::new()).unwrap_err().len(), 2);
}

#[test]
fn what_names_no_petition_or_says_nothing_is_refused() {
    assert_eq!(withdrawal_from(Record::new()).unwrap_err()[0].place, "external_id");
    assert_eq!(receipt_from(Record::new()).unwrap_err().len(), 2);
    assert_eq!(reassignment_from(Record::new()).unwrap_err().len(), 2);
    let mut record = Record::new();
    record.set("external_id", "P-1");
    assert_eq!(supplement_from(record, Extensions::new()).unwrap_err()[0].place, "text");
}
