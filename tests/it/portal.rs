//! Petitions travel from the government portal into the gateway, through a ministry system, and back.

use channel_sdk::sandbox::{Account, Mischief};
use petition_gateway::pb;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Ministry, World, WorldSettings, basis, eventually, new_request_id};

const FAST: &str = "poll.pakn.interval = \"200ms\"\npoll.danh-gia.interval = \"200ms\"\n";

async fn world(petitions: u32, mischief: Mischief) -> World {
    World::with(WorldSettings { portal: Some(petitions), mischief, more: FAST.to_owned(), ..WorldSettings::default() })
        .await
}

/// Lets the portal hand out everything and waits until the gateway has all that is sound.
async fn take_in(world: &World) -> Vec<Account> {
    let side = &world.portal.as_ref().unwrap().side;
    side.release(u32::MAX);
    let ministry = world.ministry().await;
    eventually("every sound petition is recorded and confirmed", || async {
        world.push_all("portal", side).await;
        let sound: Vec<Account> = side.accounts().into_iter().filter(|it| it.sound).collect();
        let recorded = ministry.clone().list("channel = portal").await;
        let is_whole = sound.iter().all(|it| it.handed_out && it.petition_id.is_some());
        (side.unreleased() == 0 && is_whole && recorded.len() >= sound.len()).then_some(sound)
    })
    .await
}

pub(crate) fn petition(id: &str, revision: u64, text: &str) -> Value {
    json!({
        "maPAKN": id, "phienBan": revision, "loaiPAKN": "3",
        "tieuDe": "Hỏi về điều kiện hưởng trợ cấp thất nghiệp", "noiDung": text,
        "linhVuc": {"ma": "BHTN", "ten": "Bảo hiểm thất nghiệp"},
        "nguoiGui": {"loai": "1", "hoTen": "Trần Thị Ví Dụ", "soDienThoai": "0900000001", "maTinh": "01", "anDanh": false},
        "coQuanTiepNhan": "000.00.00.G07", "coQuanChuyen": "000.00.00.G22",
        "ngayGui": "2019-12-06T09:15:00+07:00", "ngayChuyen": "2019-12-06T16:22:00+07:00", "hanXuLy": "2019-12-27",
        "trangThai": "02", "congKhai": true, "tepDinhKem": []
    })
}

async fn push(world: &World, path: &str, body: &Value) -> (u16, Value) {
    let (status, answer) = world.push("portal", path, "application/json", body.to_string()).await;
    (status, serde_json::from_str(&answer).unwrap_or(Value::String(answer)))
}

async fn answer_all(ministry: &mut Ministry, petitions: &[pb::Petition]) {
    for petition in petitions {
        ministry.accept(&petition.name).await;
        ministry.assign(&petition.name).await;
        let text = format!("Trả lời câu hỏi {}: \u{a0}căn cứ Luật Việc làm …\r\nTrân trọng./.", petition.external_id);
        ministry.answer(&petition.name, &text, pb::ResolutionClass::Unspecified).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_from_the_portal_are_confirmed_and_their_answers_arrive_byte_for_byte() {
    let world = world(30, Mischief::default()).await;
    let sound = take_in(&world).await;
    let mut ministry = world.ministry().await;
    let open: Vec<_> = ministry.list("channel = portal AND open = true").await;
    let answerable: Vec<_> = open.into_iter().filter(|it| it.kind() != pb::PetitionKind::Complaint).collect();
    assert!(!answerable.is_empty());
    answer_all(&mut ministry, &answerable).await;

    let side = &world.portal.as_ref().unwrap().side;
    for petition in &answerable {
        let answered = ministry.find(&petition.external_id).await.unwrap();
        let digest = hex::encode(Sha256::digest(answered.answer.unwrap().text.as_bytes()));
        eventually("the portal has the answer", || async {
            let accounts = side.accounts();
            let account = accounts.iter().find(|it| it.external_id == petition.external_id).unwrap();
            (account.answer_sha256.as_ref() == Some(&digest)).then_some(())
        })
        .await;
    }
    assert_eq!(side.complaints(), Vec::<String>::new());
    for account in sound {
        let recorded = ministry.find(&account.external_id).await.unwrap();
        assert_eq!(recorded.name, format!("petitions/{}", account.petition_id.unwrap()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_petition_pushed_twice_is_one_petition_and_both_answers_name_it() {
    let world = world(0, Mischief::default()).await;
    let body = petition("PAKN-2019-0000001", 1, "Tôi đóng bảo hiểm thất nghiệp được 14 tháng.");
    let (status, first) = push(&world, "/pakn", &body).await;
    let (again_status, again) = push(&world, "/pakn", &body).await;
    assert_eq!((status, again_status), (200, 200));
    let recorded = world.ministry().await.list("channel = portal").await;
    assert_eq!(recorded.len(), 1);
    let id = recorded[0].name.trim_start_matches("petitions/");
    assert!(first.to_string().contains(id), "{first}");
    assert!(again.to_string().contains(id), "{again}");
    assert_ne!(first, again, "the second answer says that we already had it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_higher_revision_is_an_amendment_and_an_older_one_that_comes_late_changes_nothing() {
    let world = world(0, Mischief::default()).await;
    push(&world, "/pakn", &petition("PAKN-2019-0000002", 2, "Nội dung lần hai.")).await;
    push(&world, "/pakn", &petition("PAKN-2019-0000002", 1, "Nội dung lần đầu.")).await;
    let mut ministry = world.ministry().await;
    let kept = ministry.find("PAKN-2019-0000002").await.unwrap();
    assert_eq!((kept.body.as_str(), kept.revision), ("Nội dung lần hai.", 2));
    push(&world, "/pakn", &petition("PAKN-2019-0000002", 3, "Nội dung lần ba.")).await;
    let amended = ministry.find("PAKN-2019-0000002").await.unwrap();
    assert_eq!((amended.body.as_str(), amended.revision), ("Nội dung lần ba.", 3));
    assert_eq!(amended.version, 3, "received, the late revision, amended: three events");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_an_array_one_bad_item_is_refused_and_the_others_are_taken() {
    let world = world(0, Mischief::default()).await;
    let mut bad = petition("PAKN-2019-0000012", 1, "Ngày gửi không có thật.");
    bad["ngayGui"] = json!("2019-02-30T09:00:00+07:00");
    let items = json!([petition("PAKN-2019-0000011", 1, "Một."), bad, petition("PAKN-2019-0000013", 1, "Ba.")]);
    let (status, answer) = push(&world, "/pakn", &items).await;
    assert_eq!(status, 200);
    assert!(answer.to_string().contains("ngayGui"), "the refusal names the field: {answer}");
    let mut ministry = world.ministry().await;
    let mut recorded: Vec<String> =
        ministry.list("channel = portal").await.into_iter().map(|it| it.external_id).collect();
    recorded.sort();
    assert_eq!(recorded, ["PAKN-2019-0000011", "PAKN-2019-0000013"]);
    let quarantined = ministry.quarantine().await;
    assert_eq!(quarantined.len(), 1);
    assert_eq!(quarantined[0].external_id, "PAKN-2019-0000012");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_refused_with_a_reason_and_stands_in_quarantine() {
    let world = world(0, Mischief::default()).await;
    let whole = petition("PAKN-2019-0000021", 1, "Tôi xin hỏi.").to_string();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("truncated", whole.as_bytes()[..whole.len() / 2].to_vec()),
        ("invalid UTF-8", [whole.as_bytes(), b"\xff\xfe"].concat()),
        ("duplicate key", whole.replacen('{', "{\"maPAKN\": \"PAKN-KHAC\", ", 1).into_bytes()),
        ("deep nesting", "[".repeat(100_000).into_bytes()),
        ("empty", Vec::new()),
        ("not JSON", b"<html>502 Bad Gateway</html>".to_vec()),
    ];
    let count = cases.len();
    for (what, body) in cases {
        let (status, answer) = world.push("portal", "/pakn", "application/json", body).await;
        assert_eq!(status, 400, "{what}: {answer}");
        assert!(answer.contains("maLoi"), "{what}: {answer}");
    }
    let mut ministry = world.ministry().await;
    assert!(ministry.list("channel = portal").await.is_empty());
    assert_eq!(ministry.quarantine().await.len(), count, "nothing that arrived is only in a log line");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_refused_and_the_gateway_goes_on() {
    let world = world(0, Mischief::default()).await;
    let (status, _) = world.push("portal", "/pakn", "application/json", vec![b' '; 50 << 20]).await;
    assert_eq!(status, 413);
    let (status, _) = push(&world, "/pakn", &petition("PAKN-2019-0000031", 1, "Vẫn nhận.")).await;
    assert_eq!(status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_is_not_signed_or_signed_by_another_is_not_let_in() {
    let world = world(0, Mischief::default()).await;
    let body = petition("PAKN-2019-0000041", 1, "Không ký.").to_string();
    let answer = reqwest::Client::new()
        .post(format!("{}/pakn", world.push_address("portal")))
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 401);
    assert!(world.ministry().await.list("").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_that_overtakes_its_petition_is_taken_in_once_the_petition_is_there() {
    let world = world(0, Mischief::default()).await;
    let withdrawal = json!({"lyDo": "Tôi đã được giải quyết", "thoiDiem": "2019-12-07T08:00:00+07:00"});
    push(&world, "/pakn/PAKN-2019-0000051/rut", &withdrawal).await;
    let mut ministry = world.ministry().await;
    assert_eq!(ministry.quarantine().await.len(), 1);
    push(&world, "/pakn", &petition("PAKN-2019-0000051", 1, "Xin hỏi.")).await;
    let ministry = &ministry;
    eventually("the withdrawal is taken in", || async {
        let petition = ministry.clone().find("PAKN-2019-0000051").await.unwrap();
        (petition.status() == pb::PetitionStatus::Withdrawn).then_some(())
    })
    .await;
    assert!(ministry.clone().quarantine().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn forwarding_asking_and_declining_reach_the_portal_with_their_reasons() {
    let world = world(12, Mischief::default()).await;
    take_in(&world).await;
    let mut ministry = world.ministry().await;
    let open = ministry.list("channel = portal AND status = received").await;
    let [to_forward, to_decline, to_ask, ..] = &open[..] else { panic!("too few petitions") };
    let agency =
        pb::Agency { code: "000.00.00.G24".to_owned(), display_name: "Bảo hiểm xã hội Việt Nam".to_owned() };
    let forward = pb::ForwardPetitionRequest {
        name: to_forward.name.clone(),
        request_id: new_request_id(),
        to: Some(agency),
        reason: "Không thuộc thẩm quyền của Bộ".to_owned(),
        legal_basis: basis(),
        ..Default::default()
    };
    ministry.petitions.forward_petition(forward).await.unwrap();
    let decline = pb::DeclinePetitionRequest {
        name: to_decline.name.clone(),
        request_id: new_request_id(),
        reason: pb::DeclineReason::NoContent.into(),
        explanation: "Không có nội dung cụ thể".to_owned(),
        legal_basis: basis(),
        ..Default::default()
    };
    ministry.petitions.decline_petition(decline).await.unwrap();
    ministry.accept(&to_ask.name).await;
    let ask = pb::RequestInformationRequest {
        name: to_ask.name.clone(),
        request_id: new_request_id(),
        question: "Đề nghị bổ sung quá trình đóng bảo hiểm".to_owned(),
        ..Default::default()
    };
    ministry.petitions.request_information(ask).await.unwrap();

    let side = &world.portal.as_ref().unwrap().side;
    eventually("the portal was told all three", || async {
        let accounts = side.accounts();
        let of = |id: &str| accounts.iter().find(|it| it.external_id == id).unwrap();
        let forwarded = of(&to_forward.external_id).forwarded_to.as_deref() == Some("000.00.00.G24");
        let declined = of(&to_decline.external_id).statuses.last().is_some_and(|it| it == "07");
        let asked = of(&to_ask.external_id).statuses.iter().any(|it| it == "05");
        (forwarded && declined && asked).then_some(())
    })
    .await;
    assert_eq!(side.complaints(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_portal_that_fails_doubles_and_edits_nothing_is_lost_or_doubled() {
    let mischief = Mischief {
        server_error_per_mille: 100,
        error_after_commit_per_mille: 100,
        too_many_per_mille: 50,
        duplicate_per_mille: 100,
        reserve_page_per_mille: 100,
        edited_per_mille: 100,
        out_of_order_per_mille: 200,
        broken_item_per_mille: 100,
        ..Mischief::default()
    };
    let world = world(60, mischief).await;
    let sound = take_in(&world).await;
    let mut ministry = world.ministry().await;
    let recorded = ministry.list("channel = portal").await;
    let mut ids: Vec<_> = recorded.iter().map(|it| it.external_id.clone()).collect();
    ids.sort();
    let mut expected: Vec<_> = sound.iter().map(|it| it.external_id.clone()).collect();
    expected.sort();
    assert_eq!(ids, expected);
    let broken = world.portal.as_ref().unwrap().side.accounts().into_iter().filter(|it| !it.sound).count();
    assert!(broken > 0, "the seed draws some broken items");
    let quarantined = ministry.quarantine().await;
    assert!(quarantined.len() >= broken, "{} of {broken}", quarantined.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_stopped_in_the_middle_goes_on_where_it_was() {
    let mut world = world(40, Mischief::default()).await;
    let side = world.portal.as_ref().unwrap().side.clone();
    side.release(20);
    world.push_all("portal", &side).await;
    world.restart().await;
    let sound = take_in(&world).await;
    let mut ministry = world.ministry().await;
    let open = ministry.list("status = received").await;
    answer_all(&mut ministry, &open[..5]).await;
    world.restart().await;
    let mut ministry = world.ministry().await;
    assert_eq!(ministry.list("channel = portal").await.len(), sound.len());
    for petition in &open[..5] {
        eventually("the answer arrives once", || async {
            let accounts = side.accounts();
            let account = accounts.iter().find(|it| it.external_id == petition.external_id).unwrap();
            (account.answers == 1).then_some(())
        })
        .await;
    }
}
