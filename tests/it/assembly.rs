//! Voter petitions travel: from the National Assembly into the gateway, through a ministry system, and back.

use channel_sdk::sandbox::Account;
use petition_gateway::pb;

use crate::support::{World, WorldSettings, eventually, scripted_far_side};

const FAST: &str = "poll.kien-nghi.interval = \"200ms\"\n";
const XML: &str = "application/xml";

async fn world(petitions: u32) -> World {
    World::with(WorldSettings { assembly: Some(petitions), more: FAST.to_owned(), ..WorldSettings::default() }).await
}

fn batch(items: &str, total: usize) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<DanhSachKienNghi xmlns="urn:petition-gateway:voter-petitions:1" khoa="XIV" kyHop="8" thoiDiem="truoc" soVanBan="415/BDN"
  ngayVanBan="2019-09-30" coQuanChuyen="Ban Dân nguyện" coQuanNhan="000.00.00.G07" tongSo="{total}">{items}</DanhSachKienNghi>"#
    )
}

fn item(ma: &str, text: &str) -> String {
    format!(
        r#"<KienNghi ma="{ma}" phienBan="1"><DoanDBQH ma="01" ten="Đoàn đại biểu Quốc hội thành phố Hà Nội"/>
  <CuTri diaBan="Quận Ba Đình">cử tri</CuTri><LinhVuc ma="NCC">Người có công</LinhVuc><NoiDung>{text}</NoiDung>
  <DaiBieu/><HanTraLoi>2019-12-15</HanTraLoi></KienNghi>"#
    )
}

/// `text` with a byte that no UTF-8 has before the first `tag`.
fn foul_byte_before(text: &str, tag: &str) -> Vec<u8> {
    let (before, after) = text.split_at(text.find(tag).unwrap());
    [before.as_bytes(), b"\xff", after.as_bytes()].concat()
}

async fn take_in(world: &World) -> Vec<Account> {
    let side = &world.assembly.as_ref().unwrap().side;
    side.release(u32::MAX);
    let ministry = world.ministry().await;
    eventually("every sound voter petition is recorded and confirmed", || async {
        world.push_all("assembly", side).await;
        let sound: Vec<Account> = side.accounts().into_iter().filter(|it| it.sound).collect();
        let recorded = ministry.clone().list("channel = assembly").await;
        let is_whole = sound.iter().all(|it| it.handed_out && it.petition_id.is_some());
        (side.unreleased() == 0 && is_whole && recorded.len() >= sound.len()).then_some(sound)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn voter_petitions_come_in_pushed_and_pulled_and_their_answers_go_back_with_their_class() {
    let world = world(40).await;
    let sound = take_in(&world).await;
    let mut ministry = world.ministry().await;
    let recorded = ministry.list("channel = assembly").await;
    assert_eq!(recorded.len(), sound.len());
    let classes = [pb::ResolutionClass::Resolved, pb::ResolutionClass::InResolution, pb::ResolutionClass::Explained];
    for (petition, class) in recorded.iter().zip(classes.into_iter().cycle()) {
        assert!(petition.assembly.is_some(), "term, session and delegation are kept");
        ministry.accept(&petition.name).await;
        ministry.assign(&petition.name).await;
        ministry.answer(&petition.name, "Bộ xin trả lời như sau: …", class).await;
    }
    let side = &world.assembly.as_ref().unwrap().side;
    eventually("the Assembly has every answer with its class", || async {
        let accounts = side.accounts();
        let all = accounts.iter().filter(|it| it.sound).all(|it| it.answers == 1 && it.answer_class.is_some());
        all.then_some(())
    })
    .await;
    assert_eq!(side.complaints(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_answered_item_by_item() {
    let world = world(0).await;
    let bad = item("XIV-08-0415-002", "Hạn sai.").replace("2019-12-15", "2019-02-30");
    let items =
        [item("XIV-08-0415-001", "Cử tri đề nghị nâng mức trợ cấp."), bad, item("XIV-08-0415-003", "Ba.")].concat();
    let (status, answer) = world.push("assembly", "/kien-nghi", XML, batch(&items, 3)).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains("KetQuaTiepNhan"), "{answer}");
    assert_eq!(answer.matches("<KetQua ").count() + answer.matches(":KetQua ").count(), 3, "{answer}");
    assert!(answer.contains("HanTraLoi"), "the refusal names the element: {answer}");
    let mut ministry = world.ministry().await;
    let recorded = ministry.list("channel = assembly").await;
    let mut ids: Vec<&str> = recorded.iter().map(|it| it.external_id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["XIV-08-0415-001", "XIV-08-0415-003"]);
    let assembly = recorded[0].assembly.clone().unwrap();
    assert_eq!((assembly.term.as_str(), assembly.session), ("XIV", Some(8)));
    assert_eq!(ministry.quarantine().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_batch_again_and_one_with_a_wrong_total_are_no_harm() {
    let world = world(0).await;
    let text = batch(&item("XIV-08-0415-011", "Cử tri đề nghị …"), 7);
    let (first, _) = world.push("assembly", "/kien-nghi", XML, text.clone()).await;
    let (again, _) = world.push("assembly", "/kien-nghi", XML, text).await;
    assert_eq!((first, again), (200, 200));
    assert_eq!(world.ministry().await.list("channel = assembly").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn xml_that_cannot_be_read_is_refused_with_a_reason_and_stands_in_quarantine() {
    let world = world(0).await;
    let whole = batch(&item("XIV-08-0415-021", "Nội dung."), 1);
    let bomb = format!(
        r#"<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>{}"#,
        whole.split_once("?>").unwrap().1.replace("Nội dung.", "&b;")
    );
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("truncated", whole.as_bytes()[..whole.len() - 40].to_vec()),
        ("wrong root", whole.replace("DanhSachKienNghi", "DanhSachKhac").into_bytes()),
        ("wrong namespace", whole.replace("voter-petitions:1", "voter-petitions:9").into_bytes()),
        ("entity bomb", bomb.into_bytes()),
        ("external entity", whole.replacen("?>", "?><!DOCTYPE x SYSTEM \"file:///etc/passwd\">", 1).into_bytes()),
        ("invalid UTF-8", foul_byte_before(&whole, "</DanhSachKienNghi>")),
        ("UTF-16", whole.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("empty", Vec::new()),
    ];
    let count = cases.len();
    for (what, body) in cases {
        let (status, answer) = world.push("assembly", "/kien-nghi", XML, body).await;
        assert_eq!(status, 400, "{what}: {answer}");
        assert!(answer.contains("<Loi") || answer.contains(":Loi"), "{what}: {answer}");
        assert!(!answer.contains("root:"), "{what}: no file was read");
    }
    let mut ministry = world.ministry().await;
    assert!(ministry.list("").await.is_empty());
    assert_eq!(ministry.quarantine().await.len(), count);
    // Within an item it is that item's fault, and the others of the batch are taken in.
    let two = [item("XIV-08-0415-021", "Nội dung."), item("XIV-08-0415-022", "Nội dung khác.")].concat();
    let (status, answer) =
        world.push("assembly", "/kien-nghi", XML, foul_byte_before(&batch(&two, 2), "</KienNghi>")).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains("maLoi=\"encoding\""), "{answer}");
    assert_eq!(ministry.list("").await.len(), 1);
    assert_eq!(ministry.quarantine().await.len(), count + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_survives_byte_for_byte() {
    let world = world(0).await;
    // A decomposed letter, a no-break space, a line break as a character reference, CDATA and an entity.
    let text = "Cu\u{031b}\u{0309} tri\u{a0}đề nghị&#13;&#10;xem xét <![CDATA[<b>trợ cấp</b>]]> &amp; phụ cấp";
    let (status, answer) = world.push("assembly", "/kien-nghi", XML, batch(&item("XIV-08-0415-031", text), 1)).await;
    assert_eq!(status, 200, "{answer}");
    let kept = world.ministry().await.find("XIV-08-0415-031").await.unwrap();
    assert_eq!(kept.body, "Cu\u{031b}\u{0309} tri\u{a0}đề nghị\r\nxem xét <b>trợ cấp</b> & phụ cấp");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_side_that_answers_rubbish_is_kept_in_quarantine_and_asked_again() {
    let (script, address) = scripted_far_side().await;
    script.answer("/kien-nghi", 200, XML, "<DanhSachKienNghi");
    let channel = format!(
        "[channels.rubbish]\nkind = \"national-assembly\"\nbase_url = \"http://{address}\"\n\
         auth.type = \"none\"\npoll.kien-nghi.interval = \"100ms\"\n"
    );
    let world = World::with(WorldSettings { more: channel, ..WorldSettings::default() }).await;
    let ministry = world.ministry().await;
    eventually("the rubbish stands in quarantine", || async {
        (!ministry.clone().quarantine().await.is_empty()).then_some(())
    })
    .await;
    script.answer("/kien-nghi", 200, XML, batch(&item("XIV-08-0415-041", "Bây giờ thì đúng."), 1));
    eventually("the mended page is taken in", || async { ministry.clone().find("XIV-08-0415-041").await }).await;
    eventually("its receipt is sent", || async {
        (!script.bodies("POST", "/kien-nghi/xac-nhan").is_empty()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_the_far_side_rejects_is_a_dead_letter_that_a_person_can_retry() {
    let (script, address) = scripted_far_side().await;
    script.answer("/tra-loi", 422, XML, "<Loi ma=\"KET_QUA\" phanTu=\"ketQua\">sai</Loi>");
    let channel = format!(
        "[channels.strict]\nkind = \"national-assembly\"\nbase_url = \"http://{address}\"\nauth.type = \"none\"\n\
         push.hmac_secret_file = \"push.secret\"\npoll.enabled = false\n"
    );
    let world = World::with(WorldSettings { more: channel, ..WorldSettings::default() }).await;
    let (status, answer) =
        world.push("strict", "/kien-nghi", XML, batch(&item("XIV-08-0415-051", "Xin hỏi."), 1)).await;
    assert_eq!(status, 200, "{answer}");
    let mut ministry = world.ministry().await;
    let name = ministry.find("XIV-08-0415-051").await.unwrap().name;
    ministry.accept(&name).await;
    ministry.answer(&name, "Trả lời.", pb::ResolutionClass::Explained).await;
    let ministry = &ministry;
    let dead = eventually("the delivery is a dead letter", || async {
        let request = pb::ListDeliveriesRequest { parent: "channels/strict".to_owned(), ..Default::default() };
        let deliveries = ministry.clone().channels.list_deliveries(request).await.unwrap().into_inner().deliveries;
        deliveries.into_iter().find(|it| it.state() == pb::DeliveryState::DeadLetter)
    })
    .await;
    assert!(dead.reason.contains("422"), "{}", dead.reason);
    script.answer("/tra-loi", 200, XML, "");
    let request = pb::RetryDeliveryRequest { name: dead.name.clone(), request_id: crate::support::new_request_id() };
    ministry.clone().channels.retry_delivery(request).await.unwrap();
    eventually("the retried delivery arrives", || async {
        let request = pb::GetDeliveryRequest { name: dead.name.clone() };
        let delivery = ministry.clone().channels.get_delivery(request).await.unwrap().into_inner().delivery.unwrap();
        (delivery.state() == pb::DeliveryState::Delivered).then_some(())
    })
    .await;
}
