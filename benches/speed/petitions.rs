//! Made-up petitions.

use petition_gateway::pb;

/// A petition of about 1.6 KB.
pub(crate) fn draft(external_id: String) -> pb::PetitionDraft {
    let body = format!("Đề nghị trả lời về chế độ bảo hiểm thất nghiệp, hồ sơ số {external_id}. ").repeat(14);
    let petitioner = pb::Petitioner { kind: pb::PetitionerKind::Citizen.into(), ..Default::default() };
    pb::PetitionDraft {
        external_id,
        kind: pb::PetitionKind::Feedback.into(),
        subject: "Chậm trả kết quả".to_owned(),
        body,
        petitioner: Some(petitioner),
        ..Default::default()
    }
}

/// A call that submits it, under a key of its own.
pub(crate) fn submission(external_id: String) -> pb::SubmitPetitionRequest {
    pb::SubmitPetitionRequest { request_id: uuid::Uuid::now_v7().to_string(), petition: Some(draft(external_id)) }
}
