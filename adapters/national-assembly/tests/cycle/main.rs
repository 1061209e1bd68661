//! Whole cycles against the sandbox over real HTTP: pull and confirm, push and reply, answer with files, correct, search.
#![expect(
    clippy::unwrap_used,
    reason = "clippy's exemption for tests does not reach the helpers of an integration test"
)]

mod ministry;
mod wire;

use std::sync::Arc;

use channel_sdk::{
    Adapter, Notice, NoticeBody, Remote, Verdict,
    adapter::{Page, Settings},
    model::{Agency, Answer, Attachment, Field, OfficialDocument, ResolutionClass, SessionPhase},
    remote::RemoteError,
    sandbox::{Account, Credentials, FarSide, Mischief, SandboxSettings},
};
use jiff::Timestamp;
use national_assembly::{
    KIND,
    report::{ReportedPetition, Reporter, SessionReport},
};
use sha2::{Digest, Sha256};

use self::{ministry::Ministry, wire::Wire};

fn adapter(settings: &str) -> Arc<dyn Adapter> {
    let settings = Settings {
        agency: "000.00.00.G07".to_owned(),
        table: settings.parse().unwrap(),
        dialect: KIND.default_dialect.to_owned(),
    };
    (KIND.build)(settings).unwrap_or_else(|faults| panic!("the settings are sound: {faults:?}"))
}

fn far_side(petitions: u32, mischief: Mischief) -> Arc<dyn FarSide> {
    (KIND.sandbox)(SandboxSettings {
        seed: 42,
        petitions,
        agency: "000.00.00.G07".to_owned(),
        epoch: "2019-09-01T00:00:00+07:00".parse().unwrap(),
        credentials: Some(Credentials { id: "bo-ldtbxh".to_owned(), secret: "mat-khau-thu".to_owned() }),
        mischief,
    })
}

/// Runs `test` while the far side serves on a socket of its own.
async fn with_far_side(far: Arc<dyn FarSide>, test: impl AsyncFnOnce(Wire)) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let wire = Wire::to(listener.local_addr().unwrap(), "bo-ldtbxh", "mat-khau-thu");
    tokio::select! {
        served = async { axum::serve(listener, far.router()).await } => panic!("the far side ended: {served:?}"),
        () = test(wire) => {}
    }
}

fn account(far: &dyn FarSide, id: &str) -> Account {
    far.accounts().into_iter().find(|account| account.external_id == id).unwrap()
}

fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn notice(id: &str, delivery: &str, body: NoticeBody) -> Notice {
    Notice {
        delivery_id: delivery.to_owned(),
        external_id: id.to_owned(),
        petition_id: format!("HS-{id}"),
        revision: 1,
        at: "2019-11-20T02:00:00Z".parse().unwrap(),
        due_on: None,
        assembly: None,
        body,
    }
}

fn answer(version: u32, text: &str, resolution: ResolutionClass) -> Answer {
    Answer {
        version,
        text: text.to_owned(),
        document: None,
        resolution: Some(resolution),
        resolution_due_on: None,
        public: true,
        attachments: Vec::new(),
    }
}

/// The account of every sound petition: handed out, and known by our id.
fn assert_all_confirmed(far: &dyn FarSide) {
    for account in far.accounts().iter().filter(|account| account.sound) {
        assert!(account.handed_out, "{} was not handed out", account.external_id);
        assert_eq!(account.petition_id.as_deref(), Some(format!("HS-{}", account.external_id).as_str()));
    }
    assert_eq!(far.complaints(), Vec::<String>::new());
}

#[tokio::test]
async fn every_petition_is_pulled_and_confirmed_or_pushed_and_acknowledged() {
    let far = far_side(60, Mischief::default());
    with_far_side(far.clone(), async |wire| {
        let mut ministry = Ministry::new(adapter("term = \"XIV\"\nsession = 8"));
        while far.unreleased() > 0 {
            far.release(7);
            ministry.pull_all(&wire, "kien-nghi").await;
            ministry.take_pushes(&*far);
        }
        ministry.pull_all(&wire, "kien-nghi").await;
        ministry.take_pushes(&*far);
        assert_all_confirmed(&*far);
        assert_eq!(ministry.taken.len(), 60);
        assert!(ministry.refused.is_empty());
        assert!(ministry.taken.values().any(|draft| !draft.attachments.is_empty()));
        assert!(ministry.pushed > 15 && ministry.pushed < 45, "{} of 60 were pushed", ministry.pushed);
    })
    .await;
}

#[tokio::test]
async fn a_batch_that_did_not_change_is_not_handed_on_again() {
    let far = far_side(10, Mischief::default());
    with_far_side(far.clone(), async |wire| {
        far.release(10);
        let adapter = adapter("");
        let now = "2019-10-01T00:00:00Z".parse().unwrap();
        let first = adapter.pull(&wire, "kien-nghi", None, now).await.unwrap();
        assert!(first.raw.is_some());
        // The second is the part since yesterday, another document than the whole.
        let second = adapter.pull(&wire, "kien-nghi", first.next.as_deref(), now).await.unwrap();
        let again = adapter.pull(&wire, "kien-nghi", second.next.as_deref(), now).await.unwrap();
        assert!(again.raw.is_none() && !again.more);
    })
    .await;
}

#[tokio::test]
async fn everything_is_read_again_from_time_to_time_whatever_its_time() {
    let far = far_side(20, Mischief::default());
    with_far_side(far.clone(), async |wire| {
        far.release(20);
        let adapter = adapter("overlap_minutes = 0\nreread_minutes = 30");
        let at = |minutes: i64| Timestamp::from_second(1_570_000_000 + 60 * minutes).unwrap();
        let count = |page: &Page| page.raw.as_ref().map(|raw| adapter.decode(raw).unwrap().items.len());
        let first = adapter.pull(&wire, "kien-nghi", None, at(0)).await.unwrap();
        let whole = count(&first).unwrap();
        let part = adapter.pull(&wire, "kien-nghi", first.next.as_deref(), at(29)).await.unwrap();
        assert!(count(&part).unwrap() < whole, "only what changed since is asked for");
        let again = adapter.pull(&wire, "kien-nghi", part.next.as_deref(), at(30)).await.unwrap();
        assert!(again.raw.is_none(), "everything was read, and nothing of it had changed");
        let part = adapter.pull(&wire, "kien-nghi", again.next.as_deref(), at(31)).await.unwrap();
        assert!(part.raw.is_none(), "the part is remembered beside the whole");
    })
    .await;
}

#[test]
fn only_the_search_has_files_to_fetch() {
    assert!(!adapter("").abilities().fetches, "they travel inside the batch");
    assert!(adapter("interface = \"search\"").abilities().fetches);
}

#[tokio::test]
async fn another_session_is_not_pulled() {
    let far = far_side(10, Mischief::default());
    with_far_side(far.clone(), async |wire| {
        far.release(10);
        let mut ministry = Ministry::new(adapter("session = 7"));
        ministry.pull_all(&wire, "kien-nghi").await;
        assert!(ministry.taken.is_empty());
    })
    .await;
}

#[tokio::test]
async fn with_all_mischief_every_sound_petition_arrives_in_its_last_revision_and_every_broken_one_is_refused() {
    let mischief = Mischief {
        slow_per_mille: 50,
        slow_by_ms: 5,
        server_error_per_mille: 150,
        error_after_commit_per_mille: 150,
        too_many_per_mille: 150,
        duplicate_per_mille: 100,
        reserve_page_per_mille: 200,
        edited_per_mille: 200,
        out_of_order_per_mille: 300,
        broken_item_per_mille: 150,
        withdrawn_per_mille: 100,
        ..Mischief::default()
    };
    let far = far_side(120, mischief);
    with_far_side(far.clone(), async |wire| {
        let mut ministry = Ministry::new(adapter(""));
        for _ in 0..60 {
            far.release(5);
            ministry.pull_all(&wire, "kien-nghi").await;
            ministry.take_pushes(&*far);
        }
        far.misbehave(Mischief::default());
        ministry.pull_all(&wire, "kien-nghi").await;
        ministry.take_pushes(&*far);
        assert_all_confirmed(&*far);
        let accounts = far.accounts();
        assert!(accounts.iter().any(|it| !it.sound) && accounts.iter().any(|it| it.revision > 1));
        for account in accounts {
            let id = &account.external_id;
            assert_eq!(ministry.refused.contains(id), !account.sound, "{id}");
            let revision = ministry.taken.get(id).map(|draft| draft.revision);
            assert_eq!(revision, account.sound.then_some(account.revision), "{id}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_with_its_letter_and_files_arrives_whole_and_is_counted_once_however_often_it_is_sent() {
    let far = far_side(10, Mischief::default());
    with_far_side(far.clone(), async |mut wire| {
        far.release(10);
        let mut ministry = Ministry::new(adapter(""));
        ministry.pull_all(&wire, "kien-nghi").await;
        let id = ministry.taken.keys().next().unwrap().clone();
        let text = "Bộ trả lời:\r\n1. Mức trợ cấp < 2 triệu & tăng dần.\u{a0}";
        let mut first = answer(1, text, ResolutionClass::InResolution);
        first.document = Some(OfficialDocument {
            number: "6029/LĐTBXH-VP".to_owned(),
            issued_on: Some("2019-11-20".parse().unwrap()),
            signer: "Nguyễn Văn Mẫu".to_owned(),
            position: "Thứ trưởng".to_owned(),
        });
        for content in [&b"%PDF-1.4\r\n--b\r\n\x00\xff"[..], &b"\r\n"[..]] {
            wire.hold(content);
            first.attachments.push(Attachment {
                name: "công văn.pdf".to_owned(),
                media_type: "application/pdf".to_owned(),
                size_bytes: content.len() as u64,
                sha256: sha256(content),
                remote_id: String::new(),
            });
        }
        let notice = notice(&id, "d-1", NoticeBody::Answered { answer: first });
        for _ in 0..2 {
            let verdict = ministry.adapter.deliver(&wire, &notice).await;
            assert_eq!(verdict, Verdict::Delivered { remote_reference: Some("TL-000001".to_owned()) });
        }
        let account = account(&*far, &id);
        assert_eq!((account.answers, account.answer_class.as_deref()), (1, Some("2")));
        assert_eq!(account.answer_sha256, Some(sha256(text)));
        assert_eq!(far.complaints(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_correction_is_a_further_answer_and_a_refusal_or_a_forwarding_is_heard_as_an_explanation() {
    let far = far_side(10, Mischief::default());
    with_far_side(far.clone(), async |wire| {
        far.release(10);
        let mut ministry = Ministry::new(adapter(""));
        ministry.pull_all(&wire, "kien-nghi").await;
        let ids: Vec<String> = ministry.taken.keys().take(3).cloned().collect();
        let mut corrected = answer(2, "Bộ sẽ trình Chính phủ.", ResolutionClass::ToBeResolved);
        corrected.resolution_due_on = Some("2020-06-30".parse().unwrap());
        let (reason, legal_basis) = ("Đã trả lời.".to_owned(), "Quyết định 33/2017/QĐ-TTg".to_owned());
        let to = Agency { code: "000.00.00.G22".to_owned(), name: "Bộ Tài chính".to_owned() };
        let notices = [
            notice(
                &ids[0],
                "d-1",
                NoticeBody::Answered { answer: answer(1, "Đang xét.", ResolutionClass::InResolution) },
            ),
            notice(&ids[0], "d-2", NoticeBody::Answered { answer: corrected }),
            notice(&ids[1], "d-3", NoticeBody::Declined { reason: reason.clone(), legal_basis: legal_basis.clone() }),
            notice(&ids[2], "d-4", NoticeBody::Forwarded { to, reason, legal_basis }),
        ];
        for notice in &notices {
            let verdict = ministry.adapter.deliver(&wire, notice).await;
            assert!(matches!(verdict, Verdict::Delivered { .. }), "{verdict:?}");
        }
        let corrected = account(&*far, &ids[0]);
        assert_eq!((corrected.answers, corrected.statuses), (2, vec!["2".to_owned(), "3".to_owned()]));
        assert_eq!(corrected.answer_sha256, Some(sha256("Bộ sẽ trình Chính phủ.")));
        assert_eq!(account(&*far, &ids[1]).answer_class.as_deref(), Some("4"));
        assert_eq!(account(&*far, &ids[2]).forwarded_to.as_deref(), Some("000.00.00.G22"));
        assert_eq!(far.complaints(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn what_the_assembly_refuses_is_rejected_with_its_code_and_what_it_cannot_take_now_is_retried() {
    let far = far_side(4, Mischief::default());
    with_far_side(far.clone(), async |wire| {
        far.release(4);
        let mut ministry = Ministry::new(adapter(""));
        ministry.pull_all(&wire, "kien-nghi").await;
        let explained = || NoticeBody::Answered { answer: answer(1, "Trả lời.", ResolutionClass::Explained) };
        let unknown = ministry.adapter.deliver(&wire, &notice("XIV-99-0001-001", "d-1", explained())).await;
        let Verdict::Reject { reason } = unknown else { panic!("an unknown petition was not rejected: {unknown:?}") };
        assert!(reason.contains("404") && reason.contains("khong-ton-tai"), "{reason}");
        let id = ministry.taken.keys().next().unwrap().clone();
        far.misbehave(Mischief { too_many_per_mille: 1_000, ..Mischief::default() });
        let later = ministry.adapter.deliver(&wire, &notice(&id, "d-2", explained())).await;
        let Verdict::Retry { not_before, .. } = later else { panic!("HTTP 429 was not retried: {later:?}") };
        assert_eq!(not_before, Some(std::time::Duration::from_secs(1)));
    })
    .await;
}

#[tokio::test]
async fn a_probe_tells_good_credentials_from_wrong_ones() {
    let far = far_side(4, Mischief::default());
    with_far_side(far.clone(), async |wire| {
        assert_eq!(adapter("").probe(&wire).await, Ok(()));
        assert_eq!(adapter("interface = \"search\"").probe(&wire).await, Ok(()));
        let wire = wire.with_secret("sai");
        assert!(matches!(adapter("").probe(&wire).await, Err(RemoteError::Credentials(_))));
    })
    .await;
}

#[tokio::test]
async fn a_session_report_adds_up_whatever_is_missing_in_its_petitions() {
    let far = far_side(1, Mischief::default());
    with_far_side(far.clone(), async |wire| {
        let petition = |id: &str, delegation: &str, field: &str, resolution| ReportedPetition {
            external_id: id.to_owned(),
            delegation: Agency { code: delegation.to_owned(), name: String::new() },
            field: Field { code: String::new(), name: field.to_owned() },
            resolution,
            document: Some(OfficialDocument { number: "6029/LĐTBXH-VP".to_owned(), ..OfficialDocument::default() }),
        };
        let report = SessionReport {
            term: "XIV".to_owned(),
            session: 8,
            phase: SessionPhase::After,
            agency: "000.00.00.G07".to_owned(),
            petitions: vec![
                petition("XIV-08-0415-001", "01", "Việc làm", Some(ResolutionClass::Resolved)),
                petition("XIV-08-0415-002", "01", "Trẻ em", None),
                petition("XIV-08-0415-003", "", "", Some(ResolutionClass::Explained)),
            ],
        };
        let reporter = Reporter::new(KIND.default_dialect).map_err(|faults| format!("{faults:?}")).unwrap();
        for report in [SessionReport { petitions: Vec::new(), ..report.clone() }, report] {
            let request = reporter.request(&report, "bc-1").unwrap();
            assert_eq!(wire.call(request).await.unwrap().status.as_u16(), 200, "{:?}", far.complaints());
        }
    })
    .await;
}

#[tokio::test]
async fn a_search_reads_every_page_and_hands_on_only_what_changed() {
    let far = far_side(70, Mischief::default());
    with_far_side(far.clone(), async |wire| {
        let mut ministry = Ministry::new(adapter("interface = \"search\"\npage_size = 10"));
        far.release(65);
        ministry.pull_all(&wire, "tim-kiem").await;
        assert_eq!((ministry.taken.len(), ministry.pages), (65, 7));
        ministry.pull_all(&wire, "tim-kiem").await;
        assert_eq!(ministry.pages, 7, "nothing changed, nothing is handed on");
        far.release(5);
        ministry.pull_all(&wire, "tim-kiem").await;
        assert_eq!(ministry.taken.len(), 70, "new records at the front shift all others");
        ministry.pull_all(&wire, "danh-muc").await;
        assert!(ministry.code_lists == 1 && ministry.adapter.abilities().carries.is_empty());
        assert_eq!(far.complaints(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_search_on_a_far_side_that_shifts_and_repeats_pages_finds_everything_in_the_end() {
    let mischief = Mischief {
        server_error_per_mille: 100,
        duplicate_per_mille: 100,
        reserve_page_per_mille: 200,
        edited_per_mille: 200,
        out_of_order_per_mille: 200,
        broken_item_per_mille: 100,
        ..Mischief::default()
    };
    let far = far_side(70, mischief);
    with_far_side(far.clone(), async |wire| {
        let mut ministry = Ministry::new(adapter("interface = \"search\"\npage_size = 7"));
        while far.unreleased() > 0 {
            far.release(10);
            ministry.pull_all(&wire, "tim-kiem").await;
        }
        far.misbehave(Mischief::default());
        ministry.pull_all(&wire, "tim-kiem").await;
        for account in far.accounts() {
            let id = &account.external_id;
            assert_eq!(ministry.taken.contains_key(id), account.sound, "{id}");
            assert_eq!(ministry.refused.contains(id), !account.sound, "{id}");
        }
    })
    .await;
}

#[tokio::test]
async fn every_file_that_the_search_shows_is_fetched_and_is_the_one_of_the_batch() {
    let far = far_side(60, Mischief::default());
    with_far_side(far.clone(), async |wire| {
        far.release(60);
        let mut batches = Ministry::new(adapter(""));
        batches.pull_all(&wire, "kien-nghi").await;
        let mut search = Ministry::new(adapter("interface = \"search\""));
        search.pull_all(&wire, "tim-kiem").await;
        let mut fetched = 0;
        for (id, draft) in &search.taken {
            for file in &draft.attachments {
                let found = search.adapter.fetch(&wire, id, &file.attachment).await.unwrap();
                assert!(found.size_bytes > 0 && found.media_type == "application/pdf");
                if let Some(same) = batches.taken.get(id) {
                    assert_eq!(same.attachments[0].attachment.sha256, found.sha256, "{id}");
                    fetched += 1;
                }
            }
        }
        assert!(fetched > 0);
        assert_eq!(far.complaints(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_gone_or_elsewhere_is_rejected_and_one_that_cannot_come_now_is_retried() {
    let far = far_side(4, Mischief::default());
    with_far_side(far.clone(), async |wire| {
        let adapter = adapter("interface = \"search\"");
        let fetch = async |remote_id: &str| {
            let file = Attachment {
                name: "phụ lục.pdf".to_owned(),
                media_type: String::new(),
                size_bytes: 0,
                sha256: String::new(),
                remote_id: remote_id.to_owned(),
            };
            adapter.fetch(&wire, "XIV-08-0400-001", &file).await.unwrap_err()
        };
        let gone = fetch("/Upload/KienNghi/XIV-08-0400-001/không có.pdf").await;
        assert_eq!(gone, Verdict::Reject { reason: "HTTP 404".to_owned() });
        let Verdict::Reject { reason } = fetch("https://dbqh.example.vn/Upload/a.pdf").await else {
            panic!("another host was asked")
        };
        assert!(reason.contains("beginning with one /") && !reason.contains("example.vn"), "{reason}");
        far.misbehave(Mischief { too_many_per_mille: 1_000, ..Mischief::default() });
        assert!(matches!(fetch("/Upload/KienNghi/x/y.pdf").await, Verdict::Retry { .. }));
    })
    .await;
}
