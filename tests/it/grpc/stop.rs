//! A clean stop: health first, calls finish, streams end where they can be resumed.

use petition_gateway::pb::{self, watch_petitions_response::Item};
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::{
    said::{assert_refused, draft, metadata, new_id, submit},
    served::Served,
};

#[tokio::test]
async fn a_watch_ends_with_the_place_to_resume_from() {
    let mut served = Served::new().await;
    let mut client = served.petitions().await;
    client.submit_petition(submit("HD-1", "Một")).await.unwrap();
    let mut stream = client.watch_petitions(pb::WatchPetitionsRequest::default()).await.unwrap().into_inner();
    while !matches!(stream.message().await.unwrap().unwrap().item, Some(Item::Progress(_))) {}
    served.stop.cancel();
    let status = assert_refused(stream.message().await, Code::Unavailable, "SHUTTING_DOWN");
    assert_eq!(metadata(&status, "last_seq"), "1");
    drop((stream, client));
    served.ended().await;
}

#[tokio::test]
async fn who_watches_the_health_is_told_and_then_let_go() {
    let mut served = Served::new().await;
    let mut health = HealthClient::new(served.connect().await);
    let mut stream = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    served.stop.cancel();
    assert_eq!(stream.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    // The stream ends although this client would go on listening for ever, and so does the server.
    while let Ok(Some(_)) = stream.message().await {}
    served.ended().await;
}

#[tokio::test]
async fn who_watches_the_health_is_told_when_the_store_is_lost_and_when_it_is_back() {
    let served = Served::new().await;
    let mut health = HealthClient::new(served.connect().await);
    let mut stream = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    for wanted in [ServingStatus::Serving, ServingStatus::NotServing, ServingStatus::Serving] {
        served.ready.send_replace(wanted == ServingStatus::Serving);
        while stream.message().await.unwrap().unwrap().status() != wanted {}
    }
}

#[tokio::test]
async fn an_import_under_way_ends_with_a_status_and_keeps_what_was_committed() {
    let mut served = Served::new().await;
    let mut client = served.petitions().await;
    let (sender, mut receiver) = tokio::sync::mpsc::channel(4);
    let stop = served.stop.clone();
    let store = served.store.clone();
    let sending = async move {
        let item = pb::ImportPetitionsRequest {
            request_id: new_id(),
            item_id: "a".to_owned(),
            petition: Some(draft("HD-1", "Một")),
        };
        sender.send(item).await.unwrap();
        crate::grpc::served::eventually(async || (store.seq_last().await.unwrap().0 == 1).then_some(())).await;
        stop.cancel();
        sender
    };
    let stream = futures::stream::poll_fn(move |cx| receiver.poll_recv(cx));
    let (answer, _sender) = tokio::join!(client.import_petitions(stream), sending);
    assert_refused(answer, Code::Unavailable, "SHUTTING_DOWN");
    assert_eq!(served.store.counts().await.unwrap().petitions, 1);
    drop(client);
    served.ended().await;
}

#[tokio::test]
async fn a_server_that_has_stopped_takes_no_more_connections() {
    let mut served = Served::new().await;
    drop(served.petitions().await);
    served.stop.cancel();
    served.ended().await;
    let address = format!("http://{}", served.address);
    assert!(tonic::transport::Channel::from_shared(address).unwrap().connect().await.is_err());
}
