//! The quarantine in bulk: searched, counted, and taken once more by reason after the mapping was mended.

use std::sync::atomic::Ordering;

use petition_gateway::{
    pb::{self, channel_service_client::ChannelServiceClient},
    security::Role,
};
use tonic::{Code, transport::Channel};

use super::{
    said::{assert_refused, new_id},
    served::Served,
};

type Client = ChannelServiceClient<Channel>;

fn asked(filter: &str) -> pb::ReprocessMessagesRequest {
    pb::ReprocessMessagesRequest {
        parent: "channels/paper".to_owned(),
        filter: filter.to_owned(),
        request_id: new_id(),
        validate_only: false,
    }
}

/// Every answer; the last says that it is the last.
async fn answers(client: &mut Client, request: pb::ReprocessMessagesRequest) -> Vec<pb::ReprocessMessagesResponse> {
    let mut stream = client.reprocess_messages(request).await.unwrap().into_inner();
    let mut answers = Vec::new();
    while let Some(answer) = stream.message().await.unwrap() {
        answers.push(answer);
    }
    assert!(answers.last().unwrap().done && answers.iter().filter(|answer| answer.done).count() == 1);
    answers
}

async fn sum(client: &mut Client, request: pb::ReprocessMessagesRequest) -> pb::ReprocessMessagesResponse {
    answers(client, request).await.pop().unwrap()
}

async fn found(client: &mut Client, filter: &str) -> Vec<String> {
    let request = pb::ListQuarantineRequest {
        parent: "channels/-".to_owned(),
        filter: filter.to_owned(),
        page_size: 200,
        ..Default::default()
    };
    let found = client.list_quarantine(request).await.unwrap().into_inner().messages;
    found.into_iter().map(|message| message.external_id).collect()
}

fn counts(sum: &pb::ReprocessMessagesResponse) -> [i64; 5] {
    [sum.matched_count, sum.taken_count, sum.already_had_count, sum.refused_count, sum.skipped_count]
}

#[tokio::test]
async fn the_quarantine_is_searched_by_what_a_person_knows() {
    let served = Served::new().await;
    let mut client = served.operators().await;
    served.push("PA-1|\nPA-2|").await;
    served.later(3_600);
    served.push("nonsense").await;
    for (filter, expected) in [
        ("code = missing", vec!["PA-2", "PA-1"]),
        ("external_id = PA-2", vec!["PA-2"]),
        ("place = \"dong[0]\"", vec!["PA-1"]),
        ("route = \"POST /\" AND place = dong", vec!["PA-2", "PA-1"]),
        ("route = elsewhere", vec![]),
        ("receive_time >= 2019-12-06T02:30:00Z", vec![""]),
        ("receive_time < 2019-12-06T02:30:00Z AND code = malformed", vec![]),
        ("state = discarded", vec![]),
    ] {
        assert_eq!(found(&mut client, filter).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn what_was_refused_for_one_reason_is_taken_at_once_after_the_mapping_was_mended() {
    let served = Served::new().await;
    let mut client = served.operators().await;
    for n in 0..60 {
        served.push(&format!("PA-{n}|\nPB-{n}|text\nPC-{n}|")).await;
    }
    served.push("nonsense").await;
    let dry = sum(&mut client, pb::ReprocessMessagesRequest { validate_only: true, ..asked("code = missing") }).await;
    assert_eq!(counts(&dry), [120, 0, 0, 0, 0]);
    assert_eq!(dry.fault_counts, [pb::FaultCount { code: pb::FaultCode::Missing.into(), count: 120 }]);

    let still = sum(&mut client, asked("code = missing")).await;
    assert_eq!(counts(&still), [120, 0, 0, 120, 0], "nothing is mended yet, and it ends all the same");
    assert_eq!(still.fault_counts[0].count, 120);

    served.paper.fills_gaps.store(true, Ordering::Relaxed);
    let one = sum(&mut client, asked("external_id = PC-7")).await;
    assert_eq!(counts(&one), [1, 1, 0, 0, 0]);
    let told = answers(&mut client, asked("code = missing")).await;
    assert!(told.len() > 1, "a long call tells how far it is");
    assert_eq!(counts(told.last().unwrap()), [119, 119, 0, 0, 0]);
    assert_eq!(counts(&sum(&mut client, asked("code = missing")).await), [0; 5], "there is nothing left to do");
    assert_eq!(found(&mut client, "").await.len(), 1, "what was refused for another reason stays");
}

#[tokio::test]
async fn an_unreadable_message_among_many_is_taken_with_all_its_items_once() {
    let served = Served::new().await;
    let mut client = served.operators().await;
    served.push("PA-1|").await;
    served.push("nonsense").await;
    served.paper.reads_nonsense.store(true, Ordering::Relaxed);
    let sum = sum(&mut client, asked("")).await;
    assert_eq!(counts(&sum), [2, 2, 0, 1, 0]);
    assert_eq!(found(&mut client, "").await, ["PA-1"]);
}

#[tokio::test]
async fn a_call_that_is_cut_short_is_made_again_and_goes_on_with_what_is_left() {
    let served = Served::new().await;
    let mut client = served.operators().await;
    for n in 0..300 {
        served.push(&format!("PA-{n}|")).await;
    }
    served.paper.fills_gaps.store(true, Ordering::Relaxed);
    let mut stream = client.reprocess_messages(asked("")).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().taken_count, 100);
    drop(stream);
    let rest = sum(&mut client, asked("")).await;
    assert!(rest.taken_count <= 200 && rest.refused_count == 0, "{rest:?}");
    assert!(found(&mut client, "").await.is_empty());
}

#[tokio::test]
async fn what_cannot_be_done_in_bulk_is_refused_with_the_reason() {
    let served = Served::new().await;
    let mut client = served.operators().await;
    let refused = client.reprocess_messages(asked("state = discarded")).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_FILTER");
    let nowhere = pb::ReprocessMessagesRequest { parent: "channels/nowhere".to_owned(), ..asked("") };
    assert_refused(client.reprocess_messages(nowhere).await, Code::NotFound, "CHANNEL_NOT_FOUND");
    let without_id = pb::ReprocessMessagesRequest { request_id: String::new(), ..asked("") };
    assert_eq!(client.reprocess_messages(without_id).await.unwrap_err().code(), Code::InvalidArgument);
    let served = Served::to(&[Role::Reader]).await;
    let refused = served.operators().await.reprocess_messages(asked("")).await;
    assert_refused(refused, Code::PermissionDenied, "ROLE_MISSING");
}
