//! Watching: every event once, in order, from any place, for ever.

use petition_gateway::{
    pb::{
        self, petition_event::Change, petition_service_client::PetitionServiceClient, watch_petitions_response::Item,
    },
    security::Role,
};
use tonic::{Code, Streaming, transport::Channel};

use super::{
    said::{accept, assert_refused, draft, metadata, new_id, submit},
    served::{Served, Settings, limits},
};

type Stream = Streaming<pb::WatchPetitionsResponse>;

async fn watch(served: &Served, request: pb::WatchPetitionsRequest) -> Stream {
    served.petitions().await.watch_petitions(request).await.unwrap().into_inner()
}

/// Records petitions in one stream, so that they share commits.
async fn record_many(client: &mut PetitionServiceClient<Channel>, count: usize) {
    let request_id = new_id();
    let items = (0..count).map(move |n| pb::ImportPetitionsRequest {
        request_id: request_id.clone(),
        item_id: n.to_string(),
        petition: Some(draft(&format!("HD-{n}"), "Nội dung")),
    });
    client.import_petitions(futures::stream::iter(items)).await.unwrap();
}

async fn next_event(stream: &mut Stream) -> pb::PetitionEvent {
    loop {
        if let Some(Item::Event(event)) = stream.message().await.unwrap().unwrap().item {
            return event;
        }
    }
}

async fn next_progress(stream: &mut Stream) -> pb::WatchProgress {
    loop {
        if let Some(Item::Progress(progress)) = stream.message().await.unwrap().unwrap().item {
            return progress;
        }
    }
}

fn after(seq: i64) -> pb::WatchPetitionsRequest {
    pb::WatchPetitionsRequest { after_seq: seq, ..Default::default() }
}

#[tokio::test]
async fn a_watcher_sees_everything_once_and_goes_on_from_any_place() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    record_many(&mut client, 600).await;
    let mut stream = watch(&served, after(0)).await;
    for seq in 1..=350 {
        assert_eq!(next_event(&mut stream).await.seq, seq);
    }
    drop(stream);
    let mut stream = watch(&served, after(350)).await;
    for seq in 351..=600 {
        assert_eq!(next_event(&mut stream).await.seq, seq);
    }
    let progress = next_progress(&mut stream).await;
    assert_eq!((progress.seq, progress.caught_up), (600, true));
    // Live now.
    client.submit_petition(submit("HD-moi", "Mới")).await.unwrap();
    let event = next_event(&mut stream).await;
    assert_eq!((event.seq, event.version), (601, 1));
    assert!(matches!(event.change, Some(Change::Received(it)) if it.content.as_ref().unwrap().body == "Mới"));
}

#[tokio::test]
async fn a_watcher_from_now_is_told_where_it_began() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    client.submit_petition(submit("HD-1", "Trước")).await.unwrap();
    let request = pb::WatchPetitionsRequest { from_now: true, after_seq: 77, ..Default::default() };
    let mut stream = watch(&served, request).await;
    let progress = next_progress(&mut stream).await;
    assert_eq!((progress.seq, progress.caught_up), (1, true));
    client.submit_petition(submit("HD-2", "Sau")).await.unwrap();
    assert_eq!(next_event(&mut stream).await.seq, 2);
}

#[tokio::test]
async fn a_place_beyond_the_last_event_is_refused() {
    let served = Served::new().await;
    let refused = served.petitions().await.watch_petitions(after(1)).await;
    let status = assert_refused(refused, Code::OutOfRange, "SEQ_NOT_REACHED");
    assert_eq!(metadata(&status, "last_seq"), "0");
}

#[tokio::test]
async fn a_filter_passes_over_the_others_and_says_how_far_it_is() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    served.push("PA-1|Từ giấy").await;
    let other = client.submit_petition(submit("HD-1", "Trực tiếp")).await.unwrap().into_inner().petition.unwrap();
    served.push("PA-2|Từ giấy").await;
    client.accept_petition(accept(&other.name)).await.unwrap();
    let request = pb::WatchPetitionsRequest { channels: vec!["channels/paper".to_owned()], ..Default::default() };
    let mut stream = watch(&served, request).await;
    assert_eq!(next_event(&mut stream).await.seq, 1);
    assert_eq!(next_event(&mut stream).await.seq, 3);
    let progress = next_progress(&mut stream).await;
    assert_eq!((progress.seq, progress.caught_up), (4, true));
    let kinds = vec![pb::PetitionKind::PolicyQuestion.into()];
    let mut stream = watch(&served, pb::WatchPetitionsRequest { kinds, ..Default::default() }).await;
    assert_eq!(next_event(&mut stream).await.seq, 2);
    // An acceptance does not tell its petition's kind: it is looked up.
    let event = next_event(&mut stream).await;
    assert_eq!(
        (event.seq, event.kind(), event.channel.as_str()),
        (4, pb::PetitionKind::PolicyQuestion, "channels/direct")
    );
}

#[tokio::test]
async fn many_passed_over_events_are_told_on_the_way() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    record_many(&mut client, 700).await;
    let request = pb::WatchPetitionsRequest { channels: vec!["channels/paper".to_owned()], ..Default::default() };
    let mut stream = watch(&served, request).await;
    let first = next_progress(&mut stream).await;
    assert!(first.seq >= 256 && first.seq < 700 && !first.caught_up, "{first:?}");
}

#[tokio::test]
async fn a_quiet_stream_shows_that_it_lives() {
    let served = Served::new().await;
    let mut stream = watch(&served, pb::WatchPetitionsRequest { heartbeat_seconds: 1, ..Default::default() }).await;
    for _ in 0..3 {
        let progress = next_progress(&mut stream).await;
        assert_eq!((progress.seq, progress.caught_up), (0, true));
    }
    let odd = pb::WatchPetitionsRequest { heartbeat_seconds: 301, kinds: vec![99], ..Default::default() };
    let refused = served.petitions().await.watch_petitions(odd).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_REQUEST");
}

#[tokio::test]
async fn the_petition_comes_along_if_it_is_asked_for() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let name = client.submit_petition(submit("HD-1", "Một")).await.unwrap().into_inner().petition.unwrap().name;
    client.accept_petition(accept(&name)).await.unwrap();
    let view = pb::PetitionView::Basic.into();
    let request = pb::WatchPetitionsRequest { include_petition: true, view, ..Default::default() };
    let event = next_event(&mut watch(&served, request).await).await;
    let petition = event.petition_state.unwrap();
    assert_eq!((petition.version, petition.status(), petition.body.as_str()), (2, pb::PetitionStatus::Accepted, ""));
    let Some(Change::Received(received)) = event.change else { panic!("the first event is a receipt") };
    assert_eq!(received.content.unwrap().body, "");
    assert_eq!(event.actor.unwrap().kind(), pb::ActorKind::Principal);
}

#[tokio::test]
async fn a_reader_is_told_what_happened_and_not_to_whom() {
    let served = Served::to(&[Role::Reader]).await;
    served.push("PA-1|Tên tôi là Mẫu").await;
    let request = pb::WatchPetitionsRequest { include_petition: true, ..Default::default() };
    let event = next_event(&mut watch(&served, request).await).await;
    assert_eq!(event.actor.clone().unwrap().name, "channels/paper");
    let Some(Change::Received(received)) = event.change else { panic!("the first event is a receipt") };
    let content = received.content.unwrap();
    assert_eq!((content.external_id.as_str(), content.subject.as_str(), content.body.as_str()), ("PA-1", "", ""));
    assert_eq!(event.petition_state.unwrap().subject, "");
}

#[tokio::test]
async fn a_slow_watcher_loses_nothing_and_holds_nobody_up() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let mut slow = watch(&served, after(0)).await;
    let body = "dài ".repeat(10_000);
    for n in 0..300 {
        client.submit_petition(submit(&format!("HD-{n}"), &body)).await.unwrap();
    }
    for seq in 1..=300 {
        assert_eq!(next_event(&mut slow).await.seq, seq);
    }
}

#[tokio::test]
async fn there_is_room_for_so_many_watchers_and_no_more() {
    let limits = petition_gateway::grpc::Limits { watchers_max: 2, ..limits() };
    let served = Served::with(Settings { limits, ..Settings::default() }).await;
    let first = watch(&served, after(0)).await;
    let _second = watch(&served, after(0)).await;
    let mut client = served.petitions().await;
    assert_refused(client.watch_petitions(after(0)).await, Code::ResourceExhausted, "TOO_MANY_WATCHERS");
    drop(first);
    // The place is free once the server has seen that the stream is gone.
    crate::grpc::served::eventually(async || client.watch_petitions(after(0)).await.ok()).await;
}
