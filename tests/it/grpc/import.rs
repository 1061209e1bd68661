//! Petitions by the stream.

use petition_gateway::pb;
use tonic::Code;

use super::{
    said::{assert_refused, draft, fields, new_id},
    served::Served,
};

fn item(request_id: &str, item_id: &str, external_id: &str, body: &str) -> pb::ImportPetitionsRequest {
    let petition = Some(draft(external_id, body));
    pb::ImportPetitionsRequest { request_id: request_id.to_owned(), item_id: item_id.to_owned(), petition }
}

async fn import(
    served: &Served,
    items: Vec<pb::ImportPetitionsRequest>,
) -> Result<pb::ImportPetitionsResponse, tonic::Status> {
    let mut client = served.petitions().await;
    client.import_petitions(futures::stream::iter(items)).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn every_item_is_recorded_once_however_often_it_is_sent() {
    let served = Served::new().await;
    let id = new_id();
    let items: Vec<_> = (0..1_000).map(|n| item(&id, &n.to_string(), &format!("HD-{n}"), "Nội dung")).collect();
    let first = import(&served, items[..600].to_vec()).await.unwrap();
    assert_eq!((first.created_count, first.duplicate_count, first.refused_count), (600, 0, 0));
    assert_eq!((first.first_seq, first.last_seq), (1, 600));
    let all = import(&served, items).await.unwrap();
    assert_eq!((all.created_count, all.duplicate_count), (400, 600));
    assert_eq!((all.first_seq, all.last_seq), (601, 1_000));
    assert_eq!(served.store.counts().await.unwrap().petitions, 1_000);
}

#[tokio::test]
async fn a_refused_item_stops_nothing_and_is_told_with_its_faults() {
    let served = Served::new().await;
    let id = new_id();
    let mut odd = item("", "c", "HD-3", "Ba");
    odd.petition.as_mut().unwrap().channel = "channels/paper".to_owned();
    let items = vec![
        item(&id, "a", "HD-1", "Một"),
        item("", "b", "HD-2", ""),
        odd,
        item(&id, "", "HD-4", "Bốn"),
        item("", "e", "HD-5", "Năm"),
    ];
    let answer = import(&served, items).await.unwrap();
    assert_eq!((answer.created_count, answer.refused_count), (2, 3));
    let told: Vec<_> = answer
        .refusals
        .iter()
        .map(|it| (it.item_number, it.item_id.as_str(), it.faults[0].code(), it.faults[0].place.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (2, "b", pb::FaultCode::Missing, "petition.body"),
            (3, "c", pb::FaultCode::NotAllowed, "petition.channel"),
            (4, "", pb::FaultCode::Format, "item_id"),
        ]
    );
}

#[tokio::test]
async fn items_of_one_petition_keep_their_order() {
    let served = Served::new().await;
    let id = new_id();
    let items = (0..200).map(|n| item(&id, &n.to_string(), "HD-1", &format!("Lần {n}"))).collect();
    let answer = import(&served, items).await.unwrap();
    assert_eq!((answer.created_count, answer.amended_count), (1, 199));
    let known = served.store.petition_get_by_external_id("direct", "HD-1").await.unwrap().unwrap();
    assert_eq!((known.version, known.content.body.as_str()), (200, "Lần 199"));
}

#[tokio::test]
async fn an_item_without_an_id_is_known_again_by_the_clients_own() {
    let served = Served::new().await;
    let id = new_id();
    let items = vec![item(&id, "a", "", "Một"), item(&id, "b", "", "Hai")];
    assert_eq!(import(&served, items.clone()).await.unwrap().created_count, 2);
    assert_eq!(import(&served, items).await.unwrap().duplicate_count, 2);
}

#[tokio::test]
async fn an_item_id_that_stands_for_two_contents_is_refused() {
    let served = Served::new().await;
    let id = new_id();
    let answer = import(&served, vec![item(&id, "a", "HD-1", "Một"), item(&id, "a", "HD-1", "Hai")]).await.unwrap();
    assert_eq!((answer.created_count, answer.refused_count), (1, 1));
    assert_eq!(answer.refusals[0].faults[0].code(), pb::FaultCode::Conflict);
}

#[tokio::test]
async fn an_import_has_one_request_id() {
    let served = Served::new().await;
    let nameless = import(&served, vec![item("", "a", "HD-1", "Một")]).await;
    let status = assert_refused(nameless, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(fields(&status), ["request_id"]);
    let two = vec![item(&new_id(), "a", "HD-1", "Một"), item(&new_id(), "b", "HD-2", "Hai")];
    assert_refused(import(&served, two).await, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(import(&served, Vec::new()).await.unwrap(), pb::ImportPetitionsResponse::default());
}

#[tokio::test]
async fn of_many_refusals_the_first_thousand_are_told() {
    let served = Served::new().await;
    let id = new_id();
    let items = (0..1_500).map(|n| item(&id, &n.to_string(), &format!("HD-{n}"), "")).collect();
    let answer = import(&served, items).await.unwrap();
    assert_eq!((answer.refused_count, answer.refusals.len()), (1_500, 1_000));
    assert_eq!(answer.refusals[999].item_number, 1_000);
}
