//! Whole cycles against the sandbox over HTTP, step by step.

use std::sync::Arc;

use channel_sdk::{
    Adapter, Draft, Inbound, Notice, NoticeBody, Verdict,
    adapter::{Decoded, Entrance, ItemOutcome, ItemResult, Outcome, RawMessage},
    model::{Agency, Answer, Attachment, OfficialDocument},
    sandbox::{Account, FarSide, SandboxPush},
};
use jiff::Timestamp;

use crate::{
    over_http::{Client, settings, with_portal},
    scripted::adapter,
};

pub(crate) fn now() -> Timestamp {
    "2019-12-06T10:00:00+07:00".parse().unwrap()
}

/// Everything on a feed, page after page; the cursor moves on.
pub(crate) async fn pulled(
    adapter: &dyn Adapter,
    client: &Client,
    feed: &str,
    cursor: &mut Option<String>,
    now: Timestamp,
) -> Vec<Decoded> {
    let mut pages = Vec::new();
    loop {
        let page = adapter.pull(client, feed, cursor.as_deref(), now).await.unwrap();
        if let Some(raw) = page.raw {
            pages.push(adapter.decode(&raw).unwrap());
        }
        *cursor = page.next.or(cursor.take());
        if !page.more {
            return pages;
        }
    }
}

pub(crate) fn drafts(pages: Vec<Decoded>) -> Vec<Draft> {
    let items = pages.into_iter().flat_map(|page| page.items);
    let draft = |message| match message {
        Ok(Inbound::Petition(draft)) => *draft,
        other => panic!("not a petition: {other:?}"),
    };
    items.map(|item| draft(item.message)).collect()
}

pub(crate) fn notice(external_id: &str, number: usize, body: NoticeBody) -> Notice {
    Notice {
        delivery_id: format!("{external_id}-{number}"),
        external_id: external_id.to_owned(),
        petition_id: format!("HS-{external_id}"),
        revision: 1,
        at: now(),
        due_on: Some("2019-12-27".parse().unwrap()),
        assembly: None,
        body,
    }
}

pub(crate) fn raw_of(push: &SandboxPush) -> RawMessage {
    RawMessage {
        entrance: Entrance::Push,
        route: format!("{} {}", push.method, push.path),
        content_type: push.content_type.clone(),
        received_at: now(),
        body: push.body.clone(),
    }
}

async fn told(adapter: &Arc<dyn Adapter>, client: &Client, id: &str, bodies: Vec<NoticeBody>) {
    for (number, body) in bodies.into_iter().enumerate() {
        let notice = notice(id, number, body);
        for _ in 0..2 {
            // Twice each: the second time is a repeat under the same key, and changes nothing.
            let verdict = adapter.deliver(client, &notice).await;
            assert!(matches!(verdict, Verdict::Delivered { .. }), "{number}: {verdict:?}");
        }
    }
}

fn account(portal: &Arc<dyn FarSide>, id: &str) -> Account {
    portal.accounts().into_iter().find(|account| account.external_id == id).unwrap()
}

fn answer(files: Vec<Attachment>) -> Answer {
    Answer {
        version: 1,
        text: "Trả lời: đủ 12 tháng là điều kiện tối thiểu.\r\n".to_owned(),
        document: Some(OfficialDocument {
            number: "6029/LĐTBXH-VP".to_owned(),
            issued_on: Some("2019-12-20".parse().unwrap()),
            signer: "Lê Văn Mẫu".to_owned(),
            position: "Chánh Văn phòng".to_owned(),
        }),
        resolution: None,
        resolution_due_on: None,
        public: true,
        attachments: files,
    }
}

async fn whole_cycle(format: &'static str) {
    with_portal(settings(30), async |portal, client| {
        let adapter = adapter(&format!("format = \"{format}\"\npage_size = 7"));
        portal.release(30);
        let mut cursor = None;
        let drafts = drafts(pulled(adapter.as_ref(), &client, "pakn", &mut cursor, now()).await);
        assert!(drafts.len() > 20, "most are pulled: {}", drafts.len());
        let (first, second, third) = (&drafts[0], &drafts[1], &drafts[2]);
        let file = Attachment {
            name: "công văn.pdf".to_owned(),
            media_type: "application/pdf".to_owned(),
            size_bytes: 6,
            sha256: client.keep("%PDF-1"),
            remote_id: String::new(),
        };
        let (reason, legal_basis, note) = ("lý do".to_owned(), "căn cứ".to_owned(), String::new());
        let unit = Agency { code: String::new(), name: "Cục Việc làm".to_owned() };
        let to = Agency { code: "000.00.00.H41".to_owned(), name: String::new() };
        told(
            &adapter,
            &client,
            &first.external_id,
            vec![
                NoticeBody::Received,
                NoticeBody::Accepted { note: note.clone() },
                NoticeBody::Assigned { unit, note: note.clone() },
                NoticeBody::InformationRequested { question: "Nơi nộp hồ sơ?".to_owned(), reply_by: None },
                NoticeBody::InProgress { note: note.clone() },
                NoticeBody::DeadlineExtended {
                    due_on: "2020-01-10".parse().unwrap(),
                    reason: reason.clone(),
                    legal_basis: legal_basis.clone(),
                },
                NoticeBody::Answered { answer: answer(vec![file]) },
                NoticeBody::Published,
                NoticeBody::Reopened { reason: reason.clone() },
                NoticeBody::Answered { answer: answer(Vec::new()) },
                NoticeBody::Closed { note },
            ],
        )
        .await;
        let forwarded = NoticeBody::Forwarded { to, reason: reason.clone(), legal_basis: legal_basis.clone() };
        told(&adapter, &client, &second.external_id, vec![NoticeBody::Received, forwarded]).await;
        let declined = NoticeBody::Declined { reason, legal_basis };
        told(&adapter, &client, &third.external_id, vec![NoticeBody::Received, declined]).await;

        assert_eq!(portal.complaints(), Vec::<String>::new());
        let kept = account(&portal, &first.external_id);
        assert_eq!(kept.statuses, ["03", "04", "05", "04", "04", "06", "09", "04", "06", "11"]);
        assert_eq!(kept.petition_id, Some(format!("HS-{}", first.external_id)));
        assert_eq!(kept.answers, 2);
        assert!(kept.answer_sha256.is_some());
        assert_eq!(account(&portal, &second.external_id).forwarded_to.as_deref(), Some("000.00.00.H41"));
        assert_eq!(account(&portal, &third.external_id).statuses, ["07"]);
    })
    .await;
}

#[tokio::test]
async fn a_petition_is_pulled_confirmed_worked_on_answered_and_closed_in_json() {
    whole_cycle("json").await;
}

#[tokio::test]
async fn a_petition_is_pulled_confirmed_worked_on_answered_and_closed_in_xml() {
    whole_cycle("xml").await;
}

#[tokio::test]
async fn both_syntaxes_carry_the_same_petitions_byte_for_byte() {
    with_portal(settings(40), async |portal, client| {
        portal.release(40);
        let json = drafts(pulled(adapter("").as_ref(), &client, "pakn", &mut None, now()).await);
        let xml = drafts(pulled(adapter("format = \"xml\"").as_ref(), &client, "pakn", &mut None, now()).await);
        assert_eq!(json, xml);
        assert!(json.iter().any(|draft| draft.body.contains('\r')), "some have odd line breaks");
        assert!(json.iter().any(|draft| !draft.extensions.is_empty()), "some have fields of the portal's own");
    })
    .await;
}

#[tokio::test]
async fn every_announced_file_is_fetched_and_is_the_announced_one() {
    with_portal(settings(60), async |portal, client| {
        portal.release(60);
        let adapter = adapter("");
        assert!(adapter.abilities().fetches);
        let drafts = drafts(pulled(adapter.as_ref(), &client, "pakn", &mut None, now()).await);
        let mut fetched = 0;
        for draft in &drafts {
            for file in &draft.attachments {
                let found = adapter.fetch(&client, &draft.external_id, &file.attachment).await.unwrap();
                assert_eq!(found.size_bytes, file.attachment.size_bytes);
                fetched += 1;
            }
        }
        assert!(fetched > 10, "{fetched}");
        assert_eq!(portal.complaints(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn code_lists_are_read_once_and_then_known_by_their_tag() {
    with_portal(settings(1), async |_, client| {
        let adapter = adapter("");
        for feed in ["danh-muc/linh-vuc", "danh-muc/co-quan", "danh-muc/trang-thai"] {
            let page = adapter.pull(&client, feed, None, now()).await.unwrap();
            let decoded = adapter.decode(&page.raw.unwrap()).unwrap();
            let Ok(Inbound::CodeList(list)) = &decoded.items[0].message else { panic!("a code list") };
            assert!(feed.ends_with(&list.name) && list.entries.len() > 4);
            let again = adapter.pull(&client, feed, page.next.as_deref(), now()).await.unwrap();
            assert!(again.raw.is_none());
        }
        assert_eq!(adapter.probe(&client).await, Ok(()));
    })
    .await;
}

#[tokio::test]
async fn pushes_are_acknowledged_item_for_item_in_the_syntax_they_came_in() {
    with_portal(settings(200), async |portal, _| {
        let adapter = adapter("");
        portal.release(200);
        let (mut xml, mut arrays) = (0, 0);
        while let Some(push) = portal.next_push() {
            let raw = raw_of(&push);
            let decoded = adapter.decode(&raw).unwrap();
            xml += usize::from(push.content_type.contains("xml"));
            arrays += usize::from(decoded.items.len() > 1);
            let outcomes = decoded.items.into_iter().map(|item| {
                assert!(item.message.is_ok(), "{:?}", item.message);
                let petition_id = format!("HS-{}", item.external_id.as_deref().unwrap());
                ItemOutcome { external_id: item.external_id, result: ItemResult::Taken { petition_id } }
            });
            let reply = adapter.acknowledge(&raw, &Outcome::Items(outcomes.collect()));
            portal.pushed(&push, Some((reply.status.as_u16(), reply.body)));
        }
        assert!(xml > 0 && arrays > 0, "{xml} in XML, {arrays} arrays");
        assert_eq!(portal.complaints(), Vec::<String>::new());
        let pushed = portal.accounts().into_iter().filter(|account| account.handed_out).count();
        assert!((10..40).contains(&pushed), "{pushed} of 200 are pushed");
        assert!(portal.accounts().iter().all(|it| it.handed_out == it.petition_id.is_some()));
    })
    .await;
}

#[tokio::test]
async fn a_push_without_a_good_answer_is_offered_again() {
    with_portal(settings(100), async |portal, _| {
        portal.release(100);
        let first = portal.next_push().unwrap();
        portal.pushed(&first, None);
        let mut bodies = Vec::new();
        while let Some(push) = portal.next_push() {
            bodies.push(push.body);
        }
        let ids = |body: &[u8]| String::from_utf8_lossy(body).matches("PAKN-2019-").count();
        let offered: usize = bodies.iter().map(|body| ids(body)).sum();
        let by_push = portal.accounts().iter().filter(|it| it.handed_out).count();
        assert_eq!(offered, by_push);
        assert_eq!(portal.complaints(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn breaches_of_the_protocol_are_refused_and_complained_of() {
    with_portal(settings(20), async |portal, client| {
        portal.release(20);
        let adapter = adapter("");
        let drafts = drafts(pulled(adapter.as_ref(), &client, "pakn", &mut None, now()).await);
        let id = &drafts[0].external_id;
        let breach = async |id: &str, number, body| {
            let before = portal.complaints().len();
            let verdict = adapter.deliver(&client, &notice(id, number, body)).await;
            assert!(matches!(verdict, Verdict::Reject { .. }), "{number}: {verdict:?}");
            assert_eq!(portal.complaints().len(), before + 1, "{number}");
        };
        let note = String::new;
        breach(id, 1, NoticeBody::Accepted { note: note() }).await;
        told(&adapter, &client, id, vec![NoticeBody::Received]).await;
        breach(id, 2, NoticeBody::InProgress { note: note() }).await;
        breach(id, 3, NoticeBody::Answered { answer: answer(Vec::new()) }).await;
        breach(id, 4, NoticeBody::Published).await;
        let ours = Agency { code: "000.00.00.G07".to_owned(), name: String::new() };
        let forwarded = |to| NoticeBody::Forwarded { to, reason: "x".to_owned(), legal_basis: note() };
        breach(id, 5, forwarded(ours)).await;
        breach(id, 6, forwarded(Agency { code: "ủy ban".to_owned(), name: note() })).await;
        breach(id, 7, NoticeBody::InformationRequested { question: note(), reply_by: None }).await;
        breach("PAKN-1999-0000001", 8, NoticeBody::Received).await;
        // The same key for another message.
        breach(id, 0, NoticeBody::Closed { note: note() }).await;
    })
    .await;
}
