//! More is asked than can be done: who is let in, who is told to come again, and that nothing is lost on the way.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use petition_gateway::{
    admission::{Place, Rooms},
    committer::Urgency,
    grpc::Limits,
    pb::{self, petition_service_client::PetitionServiceClient},
    petition::{EventBody, Seq},
};
use tokio::{sync::Notify, task::JoinSet};
use tonic::{Code, Status, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tonic_types::StatusExt;

use super::{
    said::{assert_refused, draft, new_id, reason, submit},
    served::{Served, Settings, eventually, limits},
};

/// A room so small that a test can fill it, of which one client alone gets 29 places.
const ROOM: usize = 32;
const ALONE: usize = 29;

/// A server with that room for people's writes, whose commits begin when told.
async fn small(commits_from: &Arc<Notify>) -> Served {
    let limits = Limits { rooms: Rooms { people_max: ROOM, ..limits().rooms }, ..limits() };
    Served::with(Settings { limits, commits_from: Some(Arc::clone(commits_from)), ..Settings::default() }).await
}

type Submitted = Result<pb::SubmitPetitionResponse, Status>;

/// One call, with the id of the petition it is about.
async fn submitted(mut client: PetitionServiceClient<Channel>, id: String) -> (String, Submitted) {
    let answer = client.submit_petition(submit(&id, "Nội dung")).await;
    (id, answer.map(tonic::Response::into_inner))
}

/// Asserts that somebody was told to come again, and when.
#[track_caller]
fn assert_told_to_come_again(status: &Status) {
    assert_eq!((status.code(), reason(status).as_str()), (Code::ResourceExhausted, "OVERLOADED"), "{status:?}");
    assert_told_when(status);
}

/// Asserts that somebody was told to come again, and when; a store that is held up for seconds may be the reason too.
#[track_caller]
fn assert_not_done_now(status: &Status) {
    let told = (status.code(), reason(status));
    let held_up = (Code::Unavailable, "STORE_UNAVAILABLE".to_owned());
    assert!(told == (Code::ResourceExhausted, "OVERLOADED".to_owned()) || told == held_up, "{status:?}");
    assert_told_when(status);
}

#[track_caller]
fn assert_told_when(status: &Status) {
    let wait = status.get_error_details().retry_info().unwrap().retry_delay.unwrap();
    assert!(wait > Duration::ZERO && wait < Duration::from_secs(10), "{wait:?}");
}

async fn assert_serving(served: &Served) {
    let health = HealthClient::new(served.connect().await).check(HealthCheckRequest::default()).await;
    assert_eq!(health.unwrap().into_inner().status(), ServingStatus::Serving);
}

/// Every place and byte is free again.
fn assert_all_room_is_back(served: &Served) {
    for place in [Place::People, Place::Reads, Place::Operators, Place::Imports, Place::Transfers] {
        assert_eq!(served.admission.taken(place), 0, "{place:?}");
    }
}

#[tokio::test]
async fn a_client_that_takes_all_is_refused_while_another_is_let_in() {
    let commits_from = Arc::new(Notify::new());
    let served = small(&commits_from).await;
    let (greedy, modest) = (served.petitions().await, served.petitions().await);
    let mut calls = JoinSet::new();
    for number in 0..100 {
        calls.spawn(submitted(greedy.clone(), format!("HD-{number}")));
    }
    for _ in 0..100 - ALONE {
        assert_told_to_come_again(&calls.join_next().await.unwrap().unwrap().1.unwrap_err());
    }
    assert_eq!(served.admission.taken(Place::People), ALONE);
    let mut other = JoinSet::new();
    other.spawn(submitted(modest, "HD-other".to_owned()));
    eventually(async || (served.committer.waiting(Urgency::People) == ALONE + 1).then_some(())).await;
    commits_from.notify_one();
    assert!(other.join_next().await.unwrap().unwrap().1.is_ok());
    while let Some(call) = calls.join_next().await {
        assert!(call.unwrap().1.is_ok());
    }
    assert_all_room_is_back(&served);
    assert_eq!(served.store.counts().await.unwrap().petitions, ALONE as u64 + 1);
}

#[tokio::test]
async fn whoever_reads_or_operates_or_asks_for_health_is_answered_while_no_write_is_let_in() {
    let commits_from = Arc::new(Notify::new());
    let served = small(&commits_from).await;
    let mut calls = JoinSet::new();
    // Three clients: together they fill the room to the last place.
    for client in 0..3 {
        let petitions = served.petitions().await;
        for number in 0..ROOM {
            calls.spawn(submitted(petitions.clone(), format!("HD-{client}-{number}")));
        }
    }
    eventually(async || (served.admission.taken(Place::People) == ROOM).then_some(())).await;
    let late = submitted(served.petitions().await, "HD-late".to_owned()).await.1;
    assert_told_to_come_again(&late.unwrap_err());
    assert_serving(&served).await;
    served.petitions().await.list_petitions(pb::ListPetitionsRequest::default()).await.unwrap();
    served.operators().await.list_channels(pb::ListChannelsRequest::default()).await.unwrap();
    let mut watch = served.petitions().await.watch_petitions(pb::WatchPetitionsRequest::default()).await.unwrap();
    commits_from.notify_one();
    assert!(watch.get_mut().message().await.unwrap().is_some());
    let told = calls.join_all().await;
    let (done, refused): (Vec<_>, Vec<_>) = told.into_iter().partition(|(_, answer)| answer.is_ok());
    assert!(done.len() >= ROOM);
    refused.iter().for_each(|(_, answer)| assert_told_to_come_again(answer.as_ref().unwrap_err()));
    let mut operators = served.operators().await;
    let pause = pb::PauseChannelRequest {
        name: "channels/paper".to_owned(),
        request_id: new_id(),
        reason: "thử nghiệm".to_owned(),
    };
    operators.pause_channel(pause).await.unwrap();
    assert_all_room_is_back(&served);
}

/// Five times as many callers as there are places, each of whom comes again at once, whatever it was told.
#[tokio::test]
async fn in_a_storm_nothing_accepted_is_lost_nothing_refused_is_done_and_the_room_is_all_there_after_it() {
    let commits_from = Arc::new(Notify::new());
    let served = small(&commits_from).await;
    let mut callers = JoinSet::new();
    for client in 0..8 {
        let petitions = served.petitions().await;
        for caller in 0..5 * ROOM / 8 {
            let petitions = petitions.clone();
            callers.spawn(async move {
                let mut told = Vec::new();
                for round in 0..10 {
                    told.push(submitted(petitions.clone(), format!("HD-{client}-{caller}-{round}")).await);
                }
                told
            });
        }
    }
    eventually(async || (served.admission.taken(Place::People) == ROOM).then_some(())).await;
    commits_from.notify_one();
    let storm = async {
        let mut told = Vec::new();
        while let Some(answers) = callers.join_next().await {
            told.extend(answers.unwrap());
        }
        told
    };
    tokio::pin!(storm);
    let told = loop {
        tokio::select! {
            told = &mut storm => break told,
            () = assert_serving(&served) => {}
        }
    };
    let (done, refused): (Vec<_>, Vec<_>) = told.into_iter().partition(|(_, answer)| answer.is_ok());
    assert!(done.len() > ROOM && refused.len() > ROOM, "{} and {}", done.len(), refused.len());
    refused.iter().for_each(|(_, answer)| assert_not_done_now(answer.as_ref().unwrap_err()));
    let accepted: BTreeSet<String> = done.into_iter().map(|(id, _)| id).collect();
    assert_eq!(accepted, received(&served).await.into_iter().collect());
    assert_all_room_is_back(&served);
    assert!(submitted(served.petitions().await, "HD-after".to_owned()).await.1.is_ok());
}

/// The ids of all petitions, in the order in which they were received.
async fn received(served: &Served) -> Vec<String> {
    let mut ids = Vec::new();
    let mut after = Seq(0);
    loop {
        let events = served.store.event_list_after(after, 1_000).await.unwrap();
        let Some(last) = events.last() else { return ids };
        after = last.seq;
        ids.extend(events.into_iter().filter_map(|it| match it.event.body {
            EventBody::Received { external_id, .. } => Some(external_id),
            _ => None,
        }));
    }
}

#[tokio::test]
async fn imports_of_many_starve_no_form_and_are_slowed_and_not_refused() {
    let commits_from = Arc::new(Notify::new());
    let served = small(&commits_from).await;
    let mut imports = JoinSet::new();
    for import in 0..4 {
        let (mut client, request_id) = (served.petitions().await, new_id());
        let items = (0..400).map(move |number| pb::ImportPetitionsRequest {
            request_id: request_id.clone(),
            item_id: number.to_string(),
            petition: Some(draft(&format!("NK-{import}-{number}"), "Nội dung")),
        });
        imports.spawn(async move { client.import_petitions(futures::stream::iter(items)).await });
    }
    // More wait than one batch takes, and what is beyond waits where it comes from.
    eventually(async || (served.committer.waiting(Urgency::Bulk) == 512).then_some(())).await;
    let mut form = JoinSet::new();
    form.spawn(submitted(served.petitions().await, "HD-form".to_owned()));
    eventually(async || (served.committer.waiting(Urgency::People) == 1).then_some(())).await;
    commits_from.notify_one();
    let told = form.join_next().await.unwrap().unwrap().1.unwrap();
    assert_eq!(told.seq, 1, "it came last, and is in the first batch");
    while let Some(import) = imports.join_next().await {
        assert_eq!(import.unwrap().unwrap().into_inner().created_count, 400);
    }
    assert_eq!(received(&served).await.len(), 1_601);
    assert_all_room_is_back(&served);
}

#[tokio::test]
async fn messages_whose_bytes_find_no_room_are_refused_while_they_come_and_small_ones_are_not() {
    let limits = Limits { bytes_in_flight_max: 1024 * 1024, ..limits() };
    let served = Served::with(Settings { limits, ..Settings::default() }).await;
    let mut client = served.petitions().await;
    for _ in 0..3 {
        let large = client.submit_petition(submit("HD-1", &"x".repeat(3 * 1024 * 1024))).await;
        assert_told_to_come_again(&large.unwrap_err());
    }
    client.submit_petition(submit("HD-2", &"dài ".repeat(20_000))).await.unwrap();
    assert_eq!(received(&served).await, ["HD-2"]);
    assert_all_room_is_back(&served);
}

#[tokio::test]
async fn each_room_is_as_large_as_it_is_told() {
    let rooms = Rooms { reads_max: 0, imports_max: 0, transfers_max: 0, ..limits().rooms };
    let served = Served::with(Settings { limits: Limits { rooms, ..limits() }, ..Settings::default() }).await;
    let mut client = served.petitions().await;
    client.submit_petition(submit("HD-1", "Một")).await.unwrap();
    let read = client.list_petitions(pb::ListPetitionsRequest::default()).await;
    assert_told_to_come_again(&read.unwrap_err());
    let nothing = futures::stream::empty::<pb::ImportPetitionsRequest>();
    assert_told_to_come_again(&client.import_petitions(nothing).await.unwrap_err());
    let nothing = futures::stream::empty::<pb::UploadAttachmentRequest>();
    assert_refused(client.upload_attachment(nothing).await, Code::ResourceExhausted, "OVERLOADED");
}
