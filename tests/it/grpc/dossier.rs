//! The dossier: everything that happened to a petition.

use petition_gateway::{
    pb::{self, get_dossier_response::Part, petition_event::Change},
    security::Role,
};
use tonic::Code;

use super::{
    said::{accept, answer, assert_refused},
    served::Served,
};

async fn parts(served: &Served, name: &str) -> Vec<Part> {
    let request = pb::GetDossierRequest { name: name.to_owned() };
    let mut stream = served.petitions().await.get_dossier(request).await.unwrap().into_inner();
    let mut parts = Vec::new();
    while let Some(message) = stream.message().await.unwrap() {
        parts.push(message.part.unwrap());
    }
    parts
}

async fn name_of(served: &Served, external_id: &str) -> String {
    let found = served.store.petition_get_by_external_id("paper", external_id).await.unwrap().unwrap();
    format!("petitions/{}", found.id)
}

#[tokio::test]
async fn a_dossier_holds_petition_events_deliveries_and_messages_in_this_order() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    served.push("PA-1|Một").await;
    served.push("PA-1|Một, đã sửa").await;
    served.push("PA-1|Một, đã sửa").await;
    let name = name_of(&served, "PA-1").await;
    client.accept_petition(accept(&name)).await.unwrap();
    served.later(60);
    client.answer_petition(answer(&name, "Trả lời")).await.unwrap();
    let parts = parts(&served, &name).await;
    let Part::Petition(petition) = &parts[0] else { panic!("the petition comes first") };
    assert_eq!((petition.version, petition.body.as_str()), (4, "Một, đã sửa"));
    let mut told = Vec::new();
    for part in &parts[1..] {
        told.push(match part {
            Part::Event(event) => match event.change.as_ref().unwrap() {
                Change::Received(it) => format!("received {}", it.content.as_ref().unwrap().body),
                Change::Amended(it) => format!("amended {}", it.content.as_ref().unwrap().body),
                Change::Accepted(_) => "accepted".to_owned(),
                Change::Answered(it) => format!("answered {}", it.answer.as_ref().unwrap().text),
                other => panic!("{other:?}"),
            },
            Part::Delivery(it) => format!("delivery {}", it.notice().as_str_name()),
            Part::Item(it) => format!("item {} {}", it.place, it.state().as_str_name()),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(
        told,
        [
            "received Một",
            "amended Một, đã sửa",
            "accepted",
            "answered Trả lời",
            "delivery NOTICE_KIND_ACCEPTED",
            "delivery NOTICE_KIND_ANSWERED",
            "item dong[0] ITEM_STATE_TAKEN",
            "item dong[0] ITEM_STATE_TAKEN",
            "item dong[0] ITEM_STATE_ALREADY_HAD",
        ]
    );
    let Some(Part::Item(item)) = parts.last() else { panic!("items come last") };
    let message = item.message.as_ref().unwrap();
    assert_eq!((message.entrance(), message.size_bytes), (pb::Entrance::Push, 22));
}

#[tokio::test]
async fn a_dossier_that_is_not_there_is_not_found() {
    let served = Served::new().await;
    let request = pb::GetDossierRequest { name: "petitions/0190a3c2-0000-7000-8000-000000000001".to_owned() };
    let refused = served.petitions().await.get_dossier(request).await;
    assert_refused(refused, Code::NotFound, "PETITION_NOT_FOUND");
}

#[tokio::test]
async fn a_reader_gets_a_dossier_without_personal_data() {
    let served = Served::to(&[Role::Reader]).await;
    served.push("PA-1|Tên tôi là Mẫu").await;
    let name = name_of(&served, "PA-1").await;
    for part in parts(&served, &name).await {
        match part {
            Part::Petition(it) => assert_eq!((it.body.as_str(), it.subject.as_str()), ("", "")),
            Part::Event(it) => {
                let Some(Change::Received(received)) = it.change else { panic!("only a receipt") };
                assert_eq!(received.content.unwrap().body, "");
            }
            Part::Attachment(_) => panic!("no files for a reader"),
            Part::Delivery(_) | Part::Item(_) => {}
        }
    }
}
