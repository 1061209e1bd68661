//! Petitions that a ministry system submits.

use petition_gateway::pb;
use tonic::Code;

use super::{
    said::{assert_refused, draft, fields, metadata, new_id, submit},
    served::Served,
};

#[tokio::test]
async fn a_petition_is_recorded_as_it_was_sent() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let answer = client.submit_petition(submit("HD-1", "Nội dung\u{a0}nguyên vẹn ")).await.unwrap().into_inner();
    assert_eq!((answer.seq, answer.duplicate, answer.amended), (1, false, false));
    let petition = answer.petition.unwrap();
    assert_eq!(petition.channel, "channels/direct");
    assert_eq!(petition.external_id, "HD-1");
    assert_eq!(petition.body, "Nội dung\u{a0}nguyên vẹn ");
    assert_eq!(petition.status(), pb::PetitionStatus::Received);
    assert_eq!(petition.petitioner.unwrap().full_name.as_deref(), Some("Nguyễn Thị Mẫu"));
    assert_eq!(petition.receive_time.unwrap().seconds, 1_575_597_600);
}

#[tokio::test]
async fn the_same_content_is_a_duplicate_and_another_an_amendment() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let first = client.submit_petition(submit("HD-1", "Một")).await.unwrap().into_inner();
    let same = client.submit_petition(submit("HD-1", "Một")).await.unwrap().into_inner();
    assert!(same.duplicate && !same.amended);
    assert_eq!(same.petition.unwrap().name, first.petition.clone().unwrap().name);
    let request = submit("HD-1", "Hai");
    let changed = client.submit_petition(request.clone()).await.unwrap().into_inner();
    assert!(changed.amended && !changed.duplicate);
    assert_eq!(changed.petition.as_ref().unwrap().body, "Hai");
    // The amending call again, after the text was changed back by another.
    client.submit_petition(submit("HD-1", "Một")).await.unwrap();
    let again = client.submit_petition(request).await.unwrap().into_inner();
    assert!(again.duplicate && again.amended);
    assert_eq!((again.seq, again.petition.unwrap().body.as_str()), (changed.seq, "Một"));
}

#[tokio::test]
async fn an_older_revision_that_comes_late_changes_nothing() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let revision = |revision: i64, body: &str| {
        let mut request = submit("HD-1", body);
        request.petition.as_mut().unwrap().revision = revision;
        request
    };
    client.submit_petition(revision(3, "Ba")).await.unwrap();
    let late = client.submit_petition(revision(2, "Hai")).await.unwrap().into_inner();
    assert!(!late.amended && !late.duplicate);
    assert_eq!((late.seq, late.petition.unwrap().body.as_str()), (2, "Ba"));
}

#[tokio::test]
async fn a_petition_without_an_id_is_given_one_that_a_repeat_finds() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let request = submit("", "Không có mã");
    let first = client.submit_petition(request.clone()).await.unwrap().into_inner().petition.unwrap();
    let again = client.submit_petition(request.clone()).await.unwrap().into_inner();
    assert!(again.duplicate && !first.external_id.is_empty());
    assert_eq!(again.petition.unwrap().name, first.name);
    let other = pb::SubmitPetitionRequest { request_id: new_id(), ..request };
    let other = client.submit_petition(other).await.unwrap().into_inner();
    assert!(!other.duplicate);
    assert_ne!(other.petition.unwrap().name, first.name);
}

#[tokio::test]
async fn nobody_but_its_far_side_speaks_for_a_configured_channel() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let mut request = submit("HD-1", "Một");
    request.petition.as_mut().unwrap().channel = "channels/paper".to_owned();
    let refused = client.submit_petition(request.clone()).await;
    assert_refused(refused, Code::FailedPrecondition, "CHANNEL_HAS_FAR_SIDE");
    request.petition.as_mut().unwrap().channel = "channels/cong-dvc".to_owned();
    let petition = client.submit_petition(request).await.unwrap().into_inner().petition.unwrap();
    assert_eq!(petition.channel, "channels/cong-dvc");
}

#[tokio::test]
async fn everything_wrong_with_a_petition_is_told_at_once() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let request = pb::SubmitPetitionRequest {
        request_id: String::new(),
        petition: Some(pb::PetitionDraft { body: "  ".to_owned(), petitioner: None, ..draft("HD-1", "") }),
    };
    let status = assert_refused(client.submit_petition(request).await, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(fields(&status), ["request_id", "petition.petitioner.kind", "petition.body"]);
    let nothing = pb::SubmitPetitionRequest { request_id: new_id(), petition: None };
    let status = assert_refused(client.submit_petition(nothing).await, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(fields(&status), ["petition"]);
}

#[tokio::test]
async fn a_file_that_was_not_uploaded_cannot_be_named() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let mut request = submit("HD-1", "Một");
    let sha256 = "0b".repeat(32);
    let file = pb::Attachment { file_name: "đơn.pdf".to_owned(), sha256: sha256.clone(), ..Default::default() };
    request.petition.as_mut().unwrap().attachments = vec![file];
    let refused = client.submit_petition(request).await;
    let status = assert_refused(refused, Code::FailedPrecondition, "ATTACHMENT_NOT_UPLOADED");
    assert_eq!(metadata(&status, "sha256"), sha256);
}

#[tokio::test]
async fn of_many_that_submit_the_same_petition_at_once_one_records_it() {
    let served = Served::new().await;
    let client = served.petitions().await;
    let calls = (0..50).map(|_| {
        let mut client = client.clone();
        async move { client.submit_petition(submit("HD-1", "Một")).await.unwrap().into_inner() }
    });
    let answers = futures::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|it| !it.duplicate).count(), 1);
    assert_eq!(served.store.seq_last().await.unwrap().0, 1);
}
