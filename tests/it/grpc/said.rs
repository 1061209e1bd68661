//! Words that many tests say: requests in their shortest form, and what a refusal told.

use petition_gateway::pb;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// A new `request_id`.
pub(crate) fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// A policy question of a citizen.
pub(crate) fn draft(external_id: &str, body: &str) -> pb::PetitionDraft {
    pb::PetitionDraft {
        external_id: external_id.to_owned(),
        kind: pb::PetitionKind::PolicyQuestion.into(),
        subject: format!("Về {external_id}"),
        body: body.to_owned(),
        petitioner: Some(pb::Petitioner {
            kind: pb::PetitionerKind::Citizen.into(),
            full_name: Some("Nguyễn Thị Mẫu".to_owned()),
            province_code: Some("01".to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

pub(crate) fn submit(external_id: &str, body: &str) -> pb::SubmitPetitionRequest {
    pb::SubmitPetitionRequest { request_id: new_id(), petition: Some(draft(external_id, body)) }
}

pub(crate) fn accept(name: &str) -> pb::AcceptPetitionRequest {
    pb::AcceptPetitionRequest { name: name.to_owned(), request_id: new_id(), ..Default::default() }
}

pub(crate) fn answer(name: &str, text: &str) -> pb::AnswerPetitionRequest {
    pb::AnswerPetitionRequest {
        name: name.to_owned(),
        request_id: new_id(),
        text: text.to_owned(),
        publishable: true,
        ..Default::default()
    }
}

pub(crate) fn unit() -> Option<pb::Agency> {
    Some(pb::Agency { code: "G07.12".to_owned(), display_name: "Cục Việc làm".to_owned() })
}

pub(crate) fn basis() -> Option<pb::LegalBasis> {
    Some(pb::LegalBasis { citation: "khoản 2 Điều 12 Quyết định 33/2017/QĐ-TTg".to_owned() })
}

/// The stable reason of a refusal.
pub(crate) fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo in {status:?}"));
    assert_eq!(info.domain, "petition-gateway");
    info.reason.clone()
}

/// What a refusal tells beside its reason.
pub(crate) fn metadata(status: &Status, key: &str) -> String {
    status.get_error_details().error_info().unwrap().metadata.get(key).cloned().unwrap_or_default()
}

/// The fields that a refusal complains of.
pub(crate) fn fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    details.bad_request().map(|it| it.field_violations.iter().map(|it| it.field.clone()).collect()).unwrap_or_default()
}

/// Asserts code and reason.
#[track_caller]
pub(crate) fn assert_refused<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, why: &str) -> Status {
    let status = answer.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (code, why), "{status:?}");
    status
}
