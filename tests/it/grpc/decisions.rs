//! Decisions: every move of the ministry, its refusals, and calls that are repeated.

use petition_gateway::pb::{self, PetitionStatus, petition_service_client::PetitionServiceClient};
use tonic::{Code, transport::Channel};

use super::{
    said::{accept, answer, assert_refused, basis, fields, metadata, new_id, submit, unit},
    served::Served,
};

type Client = PetitionServiceClient<Channel>;

async fn recorded(client: &mut Client, external_id: &str) -> String {
    let answer = client.submit_petition(submit(external_id, "Tôi xin hỏi về chế độ thai sản.")).await.unwrap();
    answer.into_inner().petition.unwrap().name
}

/// Says one thing about a petition, and tells the status it is in then.
macro_rules! say {
    ($client:ident.$method:ident($request:ident $name:expr $(, $field:ident: $value:expr)*)) => {{
        let request =
            pb::$request { name: $name.to_owned(), request_id: new_id() $(, $field: $value)*, ..Default::default() };
        let answer = $client.$method(request).await.unwrap().into_inner();
        assert!(!answer.duplicate && answer.seq > 0);
        answer.petition.unwrap().status()
    }};
}

#[tokio::test]
async fn a_petition_goes_its_whole_way_and_back() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let name = recorded(&mut client, "HD-1").await;
    assert_eq!(say!(client.accept_petition(AcceptPetitionRequest name)), PetitionStatus::Accepted);
    assert_eq!(say!(client.assign_petition(AssignPetitionRequest name, unit: unit())), PetitionStatus::Assigned);
    assert_eq!(say!(client.start_processing(StartProcessingRequest name)), PetitionStatus::InProgress);
    let asked = say!(client.request_information(RequestInformationRequest name, question: "Năm sinh?".into()));
    assert_eq!(asked, PetitionStatus::InformationRequested);
    let back = say!(client.provide_information(ProvideInformationRequest name, text: "1990".into()));
    assert_eq!(back, PetitionStatus::InProgress);
    let due = Some(pb::CivilDate { year: 2019, month: 12, day: 31 });
    let extended =
        say!(client.extend_deadline(ExtendDeadlineRequest name, due_date: due, reason: "Vụ việc phức tạp".into()));
    assert_eq!(extended, PetitionStatus::InProgress);
    let answered = say!(client.answer_petition(AnswerPetitionRequest name, text: "Trả lời".into(), publishable: true));
    assert_eq!(answered, PetitionStatus::Answered);
    assert_eq!(say!(client.publish_answer(PublishAnswerRequest name)), PetitionStatus::Published);
    assert_eq!(say!(client.close_petition(ClosePetitionRequest name)), PetitionStatus::Closed);
    let reopened = say!(client.reopen_petition(ReopenPetitionRequest name, reason: "Có tình tiết mới".into()));
    assert_eq!(reopened, PetitionStatus::Reopened);
    assert_eq!(say!(client.withdraw_petition(WithdrawPetitionRequest name)), PetitionStatus::Withdrawn);

    let get = pb::GetPetitionRequest { name: name.clone(), view: 0 };
    let petition = client.get_petition(get).await.unwrap().into_inner().petition.unwrap();
    assert_eq!(petition.version, 12);
    assert_eq!(petition.due_date, due);
    assert_eq!(petition.supplements[0].text, "1990");
    assert_eq!(petition.answer.unwrap().text, "Trả lời");
    assert_eq!(petition.information_request, None);
}

#[tokio::test]
async fn a_petition_is_declined_or_forwarded_with_its_reasons() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let first = recorded(&mut client, "HD-1").await;
    let declined = say!(client.decline_petition(DeclinePetitionRequest first,
        reason: pb::DeclineReason::AlreadyAnswered.into(),
        explanation: "Đã trả lời tại văn bản trước".into(),
        legal_basis: basis()));
    assert_eq!(declined, PetitionStatus::Declined);
    let second = recorded(&mut client, "HD-2").await;
    let forwarded = say!(client.forward_petition(ForwardPetitionRequest second,
        to: Some(pb::Agency { code: "H41".into(), display_name: String::new() }),
        reason: "Thuộc thẩm quyền của tỉnh".into()));
    assert_eq!(forwarded, PetitionStatus::Forwarded);
}

#[tokio::test]
async fn a_move_that_the_status_does_not_allow_is_refused_with_what_would_be() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let name = recorded(&mut client, "HD-1").await;
    let early = client.answer_petition(answer(&name, "Trả lời")).await;
    let status = assert_refused(early, Code::FailedPrecondition, "MOVE_NOT_ALLOWED");
    assert_eq!(metadata(&status, "status"), "received");
    assert!(metadata(&status, "allowed_in").contains("accepted"));
    client.accept_petition(accept(&name)).await.unwrap();
    let closed = pb::AnswerPetitionRequest { publishable: false, ..answer(&name, "Trả lời") };
    client.answer_petition(closed).await.unwrap();
    let publish = pb::PublishAnswerRequest { name, request_id: new_id(), ..Default::default() };
    assert_refused(client.publish_answer(publish).await, Code::FailedPrecondition, "NOT_PUBLISHABLE");
}

#[tokio::test]
async fn a_complaint_follows_its_own_law() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let mut request = submit("KN-1", "Tôi khiếu nại quyết định số 12.");
    request.petition.as_mut().unwrap().kind = pb::PetitionKind::Complaint.into();
    let name = client.submit_petition(request).await.unwrap().into_inner().petition.unwrap().name;
    client.accept_petition(accept(&name)).await.unwrap();
    let answered = client.answer_petition(answer(&name, "Trả lời")).await;
    assert_refused(answered, Code::FailedPrecondition, "OWN_PROCEDURE");
}

#[tokio::test]
async fn everything_wrong_with_a_decision_is_told_at_once() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let name = recorded(&mut client, "HD-1").await;
    let request = pb::DeclinePetitionRequest {
        name: name.clone(),
        request_id: "no uuid".to_owned(),
        expected_version: -1,
        ..Default::default()
    };
    let status = assert_refused(client.decline_petition(request).await, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(fields(&status), ["request_id", "expected_version", "reason"]);
    assert!(!status.message().contains("no uuid"));
    let status = client.accept_petition(pb::AcceptPetitionRequest::default()).await.unwrap_err();
    assert_eq!(fields(&status), ["request_id", "name"]);
    // What the domain misses carries the contract's names.
    let request = pb::DeclinePetitionRequest {
        name,
        request_id: new_id(),
        reason: pb::DeclineReason::Other.into(),
        explanation: "Lý do khác".to_owned(),
        ..Default::default()
    };
    let status = assert_refused(client.decline_petition(request).await, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(fields(&status), ["legal_basis.citation"]);
}

#[tokio::test]
async fn an_answer_to_the_national_assembly_has_its_class() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let mut request = submit("CT-1", "Cử tri kiến nghị sửa đường.");
    request.petition.as_mut().unwrap().kind = pb::PetitionKind::VoterPetition.into();
    let name = client.submit_petition(request).await.unwrap().into_inner().petition.unwrap().name;
    client.accept_petition(accept(&name)).await.unwrap();
    let status = client.answer_petition(answer(&name, "Trả lời")).await.unwrap_err();
    assert_eq!(fields(&status), ["resolution"]);
    let promised = pb::AnswerPetitionRequest {
        resolution: pb::ResolutionClass::ToBeResolved.into(),
        ..answer(&name, "Trả lời")
    };
    let status = client.answer_petition(promised.clone()).await.unwrap_err();
    assert_eq!(fields(&status), ["resolution_due_date"]);
    let due = Some(pb::CivilDate { year: 2020, month: 6, day: 30 });
    let good = pb::AnswerPetitionRequest { request_id: new_id(), resolution_due_date: due, ..promised };
    let petition = client.answer_petition(good).await.unwrap().into_inner().petition.unwrap();
    assert_eq!(petition.answer.unwrap().resolution_due_date, due);
}

#[tokio::test]
async fn the_same_call_again_is_answered_as_the_first_time() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let name = recorded(&mut client, "HD-1").await;
    let request = accept(&name);
    let first = client.accept_petition(request.clone()).await.unwrap().into_inner();
    // The petition moves on; by now the rules would refuse an acceptance.
    client.answer_petition(answer(&name, "Trả lời")).await.unwrap();
    let again = client.accept_petition(request).await.unwrap().into_inner();
    assert!(again.duplicate && !first.duplicate);
    assert_eq!(again.seq, first.seq);
    assert_eq!(again.petition.unwrap().status(), PetitionStatus::Answered);
    assert_eq!(served.store.seq_last().await.unwrap().0, 3);
}

#[tokio::test]
async fn a_request_id_of_another_call_is_refused() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let name = recorded(&mut client, "HD-1").await;
    let request = accept(&name);
    client.accept_petition(request.clone()).await.unwrap();
    let other_content = pb::AcceptPetitionRequest { note: "khác".to_owned(), ..request.clone() };
    let refused = client.accept_petition(other_content).await;
    assert_refused(refused, Code::AlreadyExists, "REQUEST_ID_REUSED");
    let other_method = pb::StartProcessingRequest { name, request_id: request.request_id, ..Default::default() };
    let refused = client.start_processing(other_method).await;
    assert_refused(refused, Code::AlreadyExists, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn a_decision_on_an_older_version_is_refused() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let name = recorded(&mut client, "HD-1").await;
    let stale = pb::AcceptPetitionRequest { expected_version: 7, ..accept(&name) };
    let status = assert_refused(client.accept_petition(stale).await, Code::Aborted, "VERSION_MISMATCH");
    assert_eq!(metadata(&status, "current_version"), "1");
    let right = pb::AcceptPetitionRequest { expected_version: 1, ..accept(&name) };
    assert_eq!(client.accept_petition(right).await.unwrap().into_inner().petition.unwrap().version, 2);
}

#[tokio::test]
async fn a_petition_that_is_not_there_is_not_found_and_a_wrong_name_is_invalid() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let nobody = "petitions/0190a3c2-0000-7000-8000-000000000001";
    assert_refused(client.accept_petition(accept(nobody)).await, Code::NotFound, "PETITION_NOT_FOUND");
    let status = assert_refused(client.accept_petition(accept("HD-1")).await, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(fields(&status), ["name"]);
}

#[tokio::test]
async fn of_many_who_accept_at_once_one_does() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let name = recorded(&mut client, "HD-1").await;
    let calls = (0..20).map(|_| {
        let (mut client, request) = (client.clone(), accept(&name));
        async move { client.accept_petition(request).await }
    });
    let answers = futures::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|it| it.is_ok()).count(), 1);
    for refused in answers.into_iter().filter(Result::is_err) {
        assert_refused(refused, Code::FailedPrecondition, "MOVE_NOT_ALLOWED");
    }
}
