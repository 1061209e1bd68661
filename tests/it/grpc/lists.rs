//! Lists and searches: pages, filters, views.

use petition_gateway::{
    pb::{self, petition_service_client::PetitionServiceClient},
    security::Role,
};
use tonic::{Code, transport::Channel};

use super::{
    said::{accept, assert_refused, fields, new_id, submit},
    served::Served,
};

type Client = PetitionServiceClient<Channel>;

async fn record(served: &Served, client: &mut Client, external_id: &str, body: &str) -> String {
    served.later(60);
    client.submit_petition(submit(external_id, body)).await.unwrap().into_inner().petition.unwrap().name
}

fn list(filter: &str) -> pb::ListPetitionsRequest {
    pb::ListPetitionsRequest { filter: filter.to_owned(), ..Default::default() }
}

async fn ids(client: &mut Client, request: pb::ListPetitionsRequest) -> Vec<String> {
    let page = client.list_petitions(request).await.unwrap().into_inner();
    page.petitions.into_iter().map(|it| it.external_id).collect()
}

#[tokio::test]
async fn pages_neither_repeat_nor_skip_while_petitions_come_in() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    for n in 0..10 {
        record(&served, &mut client, &format!("HD-{n}"), "Nội dung").await;
    }
    let (mut seen, mut token) = (Vec::new(), String::new());
    for page in 0.. {
        let request = pb::ListPetitionsRequest { page_size: 3, page_token: token, ..Default::default() };
        let answer = client.list_petitions(request).await.unwrap().into_inner();
        assert!(answer.petitions.len() <= 3);
        seen.extend(answer.petitions.into_iter().map(|it| it.external_id));
        token = answer.next_page_token;
        if token.is_empty() {
            break;
        }
        record(&served, &mut client, &format!("MOI-{page}"), "Đến giữa hai trang").await;
    }
    let expected: Vec<_> = (0..10).rev().map(|n| format!("HD-{n}")).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn petitions_received_in_the_same_instant_all_stand_in_the_list() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    for n in 0..7 {
        client.submit_petition(submit(&format!("HD-{n}"), "Cùng lúc")).await.unwrap();
    }
    for order_by in ["receive_time", "receive_time desc", "due_date"] {
        let (mut seen, mut page_token) = (Vec::new(), String::new());
        loop {
            let order_by = order_by.to_owned();
            let request = pb::ListPetitionsRequest { page_size: 2, page_token, order_by, ..Default::default() };
            let answer = client.list_petitions(request).await.unwrap().into_inner();
            seen.extend(answer.petitions.into_iter().map(|it| it.external_id));
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 7, "{order_by}");
    }
}

#[tokio::test]
async fn a_page_token_of_another_list_or_a_broken_one_is_refused() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    for n in 0..3 {
        record(&served, &mut client, &format!("HD-{n}"), "Nội dung").await;
    }
    let request = pb::ListPetitionsRequest { page_size: 1, ..Default::default() };
    let page_token = client.list_petitions(request).await.unwrap().into_inner().next_page_token;
    let broken = format!("{}x", &page_token[..page_token.len() - 1]);
    let good = pb::ListPetitionsRequest { page_token, ..Default::default() };
    client.list_petitions(good.clone()).await.unwrap();
    for wrong in [
        pb::ListPetitionsRequest { filter: "open = true".to_owned(), ..good.clone() },
        pb::ListPetitionsRequest { order_by: "receive_time".to_owned(), ..good.clone() },
        pb::ListPetitionsRequest { page_token: broken, ..good.clone() },
        pb::ListPetitionsRequest { page_token: "không".to_owned(), ..good.clone() },
    ] {
        assert_refused(client.list_petitions(wrong).await, Code::InvalidArgument, "INVALID_PAGE_TOKEN");
    }
    let search =
        pb::SearchPetitionsRequest {
            query: "nội dung".to_owned(), page_token: good.page_token, ..Default::default()
        };
    assert_refused(client.search_petitions(search).await, Code::InvalidArgument, "INVALID_PAGE_TOKEN");
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let first = record(&served, &mut client, "HD-1", "Một").await;
    client.accept_petition(accept(&first)).await.unwrap();
    let assign = pb::AssignPetitionRequest {
        name: first,
        request_id: new_id(),
        unit: super::said::unit(),
        ..Default::default()
    };
    client.assign_petition(assign).await.unwrap();
    served.later(60);
    let mut second = submit("HD-2", "Hai");
    let draft = second.petition.as_mut().unwrap();
    draft.channel = "channels/cong-dvc".to_owned();
    draft.kind = pb::PetitionKind::Feedback.into();
    draft.field = Some(pb::Field { code: "BHTN".to_owned(), display_name: String::new() });
    draft.due_date = Some(pb::CivilDate { year: 2019, month: 12, day: 5 });
    client.submit_petition(second).await.unwrap();

    for (filter, expected) in [
        ("", vec!["HD-2", "HD-1"]),
        ("status = assigned", vec!["HD-1"]),
        ("status = assigned,received", vec!["HD-2", "HD-1"]),
        ("open = false", vec![]),
        ("kind = feedback", vec!["HD-2"]),
        ("field = BHTN", vec!["HD-2"]),
        ("channel = channels/direct", vec!["HD-1"]),
        ("external_id = HD-2", vec!["HD-2"]),
        ("agency = G07.12", vec!["HD-1"]),
        ("locality = 01", vec!["HD-2", "HD-1"]),
        ("overdue = true", vec!["HD-2"]),
        ("overdue = false", vec!["HD-1"]),
        ("due_date <= 2019-12-05", vec!["HD-2"]),
        ("due_date < 2019-12-05", vec![]),
        ("receive_time = 2019-12-06", vec!["HD-2", "HD-1"]),
        ("receive_time >= 2019-12-06T02:02:00Z", vec!["HD-2"]),
        ("receive_time > 2019-12-06", vec![]),
        ("kind = feedback AND channel = direct", vec![]),
    ] {
        assert_eq!(ids(&mut client, list(filter)).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn a_filter_or_an_order_that_cannot_be_honoured_is_refused() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let refused = client.list_petitions(list("status = mất")).await;
    let status = assert_refused(refused, Code::InvalidArgument, "INVALID_FILTER");
    assert_eq!(fields(&status), ["filter"]);
    assert!(status.message().contains("at character 10") && !status.message().contains("mất"));
    for filter in ["status != closed", "subject = x", "status = closed OR open = true"] {
        assert_refused(client.list_petitions(list(filter)).await, Code::InvalidArgument, "INVALID_FILTER");
    }
    let odd = pb::ListPetitionsRequest { order_by: "subject".to_owned(), ..Default::default() };
    assert_eq!(fields(&client.list_petitions(odd).await.unwrap_err()), ["order_by"]);
}

#[tokio::test]
async fn a_search_finds_words_without_their_diacritics() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    record(&served, &mut client, "HD-1", "Trợ cấp thất nghiệp của tôi").await;
    record(&served, &mut client, "HD-2", "Chế độ thai sản").await;
    let search = |query: &str, filter: &str| pb::SearchPetitionsRequest {
        query: query.to_owned(),
        filter: filter.to_owned(),
        ..Default::default()
    };
    let found = client.search_petitions(search("tro cap THAT nghiep", "")).await.unwrap().into_inner();
    assert_eq!(found.petitions.len(), 1);
    assert_eq!(found.petitions[0].external_id, "HD-1");
    let none = client.search_petitions(search("tro cap", "external_id = HD-2")).await.unwrap().into_inner();
    assert_eq!(none.petitions, []);
    for query in ["", "   ", &"a ".repeat(21), &"a".repeat(1_001)] {
        assert_refused(client.search_petitions(search(query, "")).await, Code::InvalidArgument, "INVALID_QUERY");
    }
}

#[tokio::test]
async fn lists_are_brief_unless_asked_otherwise() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    record(&served, &mut client, "HD-1", "Nội dung").await;
    let brief = client.list_petitions(list("")).await.unwrap().into_inner().petitions.remove(0);
    assert_eq!((brief.subject.as_str(), brief.body.as_str()), ("Về HD-1", ""));
    assert_eq!(brief.petitioner.unwrap().full_name, None);
    let full = pb::ListPetitionsRequest { view: pb::PetitionView::Full.into(), ..Default::default() };
    let full = client.list_petitions(full).await.unwrap().into_inner().petitions.remove(0);
    assert_eq!(full.body, "Nội dung");
}

#[tokio::test]
async fn a_page_of_long_texts_is_cut_before_it_is_too_large_for_a_message() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    for n in 0..5 {
        record(&served, &mut client, &format!("HD-{n}"), &"dài ".repeat(180_000)).await;
    }
    let (mut seen, mut page_token) = (0, String::new());
    loop {
        let view = pb::PetitionView::Full.into();
        let request = pb::ListPetitionsRequest { view, page_token, ..Default::default() };
        let answer = client.list_petitions(request).await.unwrap().into_inner();
        seen += answer.petitions.len();
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, 5);
}

#[tokio::test]
async fn a_reader_sees_no_personal_data_whatever_is_asked() {
    let served = Served::to(&[Role::Reader]).await;
    served.push("PA-1|Tên tôi là Mẫu").await;
    let mut client = served.petitions().await;
    let request = pb::ListPetitionsRequest { view: pb::PetitionView::Full.into(), ..Default::default() };
    let seen = client.list_petitions(request).await.unwrap().into_inner().petitions.remove(0);
    assert_eq!((seen.subject.as_str(), seen.body.as_str(), seen.external_id.as_str()), ("", "", "PA-1"));
    let get = pb::GetPetitionRequest { name: seen.name, view: pb::PetitionView::Full.into() };
    assert_eq!(client.get_petition(get).await.unwrap().into_inner().petition.unwrap().body, "");
}
