//! What the adapter makes of a portal that fails: nothing is lost, nothing is taken as read that was not.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use channel_sdk::{
    Adapter, Fault, Known, Notice, NoticeBody, Reply, Verdict,
    adapter::{Entrance, ItemOutcome, ItemResult, Outcome, RawMessage},
    fault::FaultCode,
    model::Attachment,
    remote::RemoteError,
};
use jiff::Timestamp;
use proptest::prelude::*;

use crate::scripted::{Scripted, adapter, reply, with};

fn now() -> Timestamp {
    "2019-12-06T10:00:00+07:00".parse().unwrap()
}

const MORE: &str = r#"{"danhSach": [], "conTro": "p2", "conNua": true}"#;
const LAST: &str = r#"{"danhSach": [], "conTro": null, "conNua": false}"#;

fn notice(body: NoticeBody) -> Notice {
    Notice {
        delivery_id: "d-1".to_owned(),
        external_id: "PAKN-2019-0000001".to_owned(),
        petition_id: "HS-1".to_owned(),
        revision: 1,
        at: now(),
        due_on: None,
        assembly: None,
        body,
    }
}

#[tokio::test]
async fn a_scan_asks_page_after_page_and_then_from_its_start_less_the_overlap() {
    let remote = Scripted::new([Ok(reply(200, MORE)), Ok(reply(200, LAST)), Ok(reply(200, LAST))]);
    let adapter = adapter("page_size = 20");
    let first = adapter.pull(&remote, "pakn", None, now()).await.unwrap();
    assert!(first.more);
    let second = adapter.pull(&remote, "pakn", first.next.as_deref(), now()).await.unwrap();
    assert!(!second.more);
    adapter.pull(&remote, "pakn", second.next.as_deref(), now()).await.unwrap();
    let queries: Vec<String> = remote.asked().iter().map(|request| format!("{:?}", request.query)).collect();
    let query = |since: &str, token: &str| {
        format!(r#"[("tuThoiDiem", "{since}"), ("coQuan", "000.00.00.G07"), ("soLuong", "20"){token}]"#)
    };
    assert_eq!(queries[0], query("2000-01-01T00:00:00+07:00", ""));
    assert_eq!(queries[1], query("2000-01-01T00:00:00+07:00", r#", ("conTro", "p2")"#));
    assert_eq!(queries[2], query("2019-12-06T09:50:00+07:00", ""));
}

/// The `tuThoiDiem` of everything that was asked.
fn since(remote: &Scripted) -> Vec<String> {
    remote.asked().iter().map(|request| request.query[0].1.clone()).collect()
}

#[tokio::test]
async fn the_portals_clock_says_when_a_scan_began_whatever_ours_shows() {
    // The portal's first page came at 09:00 of Vietnam; ours shows 10:00, an hour more than any overlap.
    let dated = |body, date| Ok(with(reply(200, body), "date", date));
    let remote = Scripted::new([
        dated(MORE, "Fri, 06 Dec 2019 02:00:00 GMT"),
        dated(LAST, "Fri, 06 Dec 2019 02:30:00 GMT"),
        dated(LAST, "Fri, 06 Dec 2019 02:31:00 GMT"),
    ]);
    let first = adapter("").pull(&remote, "pakn", None, now()).await.unwrap();
    let second = adapter("").pull(&remote, "pakn", first.next.as_deref(), now()).await.unwrap();
    adapter("").pull(&remote, "pakn", second.next.as_deref(), now()).await.unwrap();
    assert_eq!(since(&remote)[2], "2019-12-06T08:50:00+07:00");
}

#[tokio::test]
async fn a_cursor_from_a_wrong_clock_heals_and_everything_is_read_again_once() {
    let kept = r#"{"since":"2031-01-01T00:00:00Z"}"#;
    let dated = |status, body| Ok(with(reply(status, body), "date", "Fri, 06 Dec 2019 03:00:00 GMT"));
    for (told, has_page) in [(dated(200, LAST), true), (dated(422, "{}"), false), (Ok(reply(200, LAST)), true)] {
        let remote = Scripted::new([told, dated(200, LAST), dated(200, LAST)]);
        let healed = adapter("").pull(&remote, "pakn", Some(kept), now()).await.unwrap();
        assert_eq!((healed.raw.is_some(), healed.more), (has_page, true));
        let whole = adapter("").pull(&remote, "pakn", healed.next.as_deref(), now()).await.unwrap();
        assert!(!whole.more);
        adapter("").pull(&remote, "pakn", whole.next.as_deref(), now()).await.unwrap();
        let asked = ["2031-01-01T07:00:00+07:00", "2000-01-01T00:00:00+07:00", "2019-12-06T09:50:00+07:00"];
        assert_eq!(since(&remote), asked);
    }
}

#[tokio::test]
async fn a_refused_or_failed_pull_is_an_error_and_leaves_the_cursor() {
    for (status, error) in [
        (500, RemoteError::Status(500)),
        (503, RemoteError::Status(503)),
        (429, RemoteError::Status(429)),
        (400, RemoteError::Status(400)),
        (401, RemoteError::Credentials("HTTP 401".to_owned())),
    ] {
        let remote = Scripted::new([Ok(reply(status, "{}"))]);
        assert_eq!(adapter("").pull(&remote, "pakn", None, now()).await.unwrap_err(), error);
    }
}

#[tokio::test]
async fn a_page_that_cannot_be_read_is_handed_on_and_the_cursor_stays() {
    for garbage in ["<html>502 Bad Gateway</html>", r#"{"danhSach": [{"maPAKN": "#, "", "{}", r#"{"maLoi": "X"}"#, "7"]
    {
        for feed in ["pakn", "danh-gia", "danh-muc/linh-vuc"] {
            let remote = Scripted::new([Ok(with(reply(200, garbage), "etag", "\"v1\""))]);
            let page = adapter("").pull(&remote, feed, None, now()).await.unwrap();
            assert_eq!((page.next, page.more), (None, false), "{garbage}");
            let raw = page.raw.unwrap();
            assert_eq!(raw.body, garbage);
            assert!(adapter("").decode(&raw).is_err(), "{garbage}");
        }
    }
}

#[tokio::test]
async fn an_item_that_cannot_be_read_does_not_hold_up_the_pages_behind_it() {
    let body = r#"{"danhSach": [{"maPAKN": "a", "maPAKN": "b"}], "conTro": "p2", "conNua": true}"#;
    let remote = Scripted::new([Ok(reply(200, body))]);
    let page = adapter("").pull(&remote, "pakn", None, now()).await.unwrap();
    assert!(page.more && page.next.unwrap().contains("p2"));
}

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/golden/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[tokio::test]
async fn a_page_cut_short_anywhere_is_handed_on_and_never_moves_the_cursor() {
    let adapter = adapter("");
    for (name, content_type) in [
        ("pull.pakn.ordinary.in.json", "application/json"),
        ("pull.pakn.page.in.xml", "application/xml"),
        ("pull.danh-gia.ordinary.in.json", "application/json"),
    ] {
        let feed = name.split('.').nth(1).unwrap();
        let whole = golden(name);
        let end = whole.trim_ascii_end().len();
        for length in 0..end {
            let cut =
                with(Reply { body: whole[..length].to_vec().into(), ..reply(200, "") }, "content-type", content_type);
            let page = adapter.pull(&Scripted::new([Ok(cut)]), feed, None, now()).await.unwrap();
            assert_eq!((page.next, page.more), (None, false), "{name} cut at {length}");
            assert!(adapter.decode(&page.raw.unwrap()).is_err(), "{name} cut at {length}");
        }
    }
}

/// Made once: compiling the dialect takes longer than any of the many messages.
static ADAPTER: LazyLock<Arc<dyn Adapter>> = LazyLock::new(|| adapter(""));

proptest! {
    #[test]
    fn no_damage_to_a_message_makes_the_adapter_panic(
        at in any::<prop::sample::Index>(),
        put in prop::collection::vec(any::<u8>(), 0..6),
        drop_bytes in 0usize..6,
        which in 0usize..6,
    ) {
        let (name, route, content_type) = [
            ("push.pakn.array.in.json", "POST /pakn", "application/json"),
            ("push.pakn.list.in.xml", "POST /pakn", "application/xml"),
            ("push.bo-sung.ordinary.in.json", "POST /pakn/P-1/bo-sung", "application/json"),
            ("push.rut.ordinary.in.xml", "POST /pakn/P-1/rut", "text/xml"),
            ("push.pakn.array.in.json", "POST /pakn", ""),
            ("push.pakn.lone-surrogate.in.json", "POST /pakn", "application/json; charset=utf-8"),
        ][which];
        let mut body = golden(name);
        let at = at.index(body.len());
        let end = (at + drop_bytes).min(body.len());
        body.splice(at..end, put);
        let raw = pushed(route, content_type, body);
        let adapter = ADAPTER.clone();
        let outcome = match adapter.decode(&raw) {
            Err(faults) => { prop_assert!(!faults.is_empty()); Outcome::Unreadable(faults) }
            Ok(decoded) => Outcome::Items(decoded.items.into_iter().map(|item| ItemOutcome {
                external_id: item.external_id,
                result: item.message.map_or_else(ItemResult::Refused, |_| ItemResult::Taken { petition_id: "HS".to_owned() }),
            }).collect()),
        };
        let reply = adapter.acknowledge(&raw, &outcome);
        prop_assert!(!reply.body.is_empty());
    }
}

fn pushed(route: &str, content_type: &str, body: impl Into<Bytes>) -> RawMessage {
    RawMessage {
        entrance: Entrance::Push,
        route: route.to_owned(),
        content_type: content_type.to_owned(),
        received_at: now(),
        body: body.into(),
    }
}

#[tokio::test]
async fn a_page_that_does_not_say_whether_it_is_the_last_is_so_when_it_tells_no_way_on() {
    for (body, more) in [
        (r#"{"danhSach": [{}], "conTro": "p2"}"#, true),
        (r#"{"danhSach": [], "conTro": "p2"}"#, false),
        (r#"{"danhSach": [{}]}"#, false),
        ("[{}]", false),
    ] {
        let page = adapter("").pull(&Scripted::new([Ok(reply(200, body))]), "pakn", None, now()).await.unwrap();
        assert_eq!(page.more, more, "{body}");
        assert!(page.next.is_some());
    }
}

#[tokio::test]
async fn a_token_that_the_portal_forgot_begins_the_scan_anew() {
    let adapter = adapter("");
    let remote = Scripted::new([Ok(reply(200, MORE)), Ok(reply(400, "{}")), Ok(reply(200, LAST))]);
    let first = adapter.pull(&remote, "pakn", None, now()).await.unwrap();
    let lost = adapter.pull(&remote, "pakn", first.next.as_deref(), now()).await.unwrap();
    assert!(lost.raw.is_none() && !lost.more);
    adapter.pull(&remote, "pakn", lost.next.as_deref(), now()).await.unwrap();
    assert_eq!(remote.asked()[2].query, remote.asked()[0].query);
}

#[tokio::test]
async fn a_code_list_is_fetched_again_only_when_its_tag_changed() {
    let adapter = adapter("");
    let list = with(reply(200, r#"[{"ma": "1", "ten": "một"}]"#), "etag", "\"v1\"");
    let remote = Scripted::new([Ok(list), Ok(reply(304, ""))]);
    let first = adapter.pull(&remote, "danh-muc/linh-vuc", None, now()).await.unwrap();
    assert_eq!(first.next.as_deref(), Some("\"v1\""));
    let second = adapter.pull(&remote, "danh-muc/linh-vuc", first.next.as_deref(), now()).await.unwrap();
    assert!(second.raw.is_none() && second.next.is_none());
    assert_eq!(remote.asked()[1].headers["if-none-match"], "\"v1\"");
    assert_eq!(remote.asked()[1].path, "/api/v1/danh-muc/linh-vuc");
}

#[tokio::test]
async fn statuses_of_the_portal_become_verdicts() {
    let refusal = r#"{"maLoi": "SAI_MA", "thongDiep": "Trần Thị B …", "chiTiet": [{"truong": "trangThai", "lyDo": "Trần Thị B"}]}"#;
    let told = async |answer| adapter("").deliver(&Scripted::new([answer]), &notice(NoticeBody::Received)).await;
    let known = reply(200, r#"{"maThamChieu": "TC-1"}"#);
    assert_eq!(told(Ok(known)).await, Verdict::Delivered { remote_reference: Some("TC-1".to_owned()) });
    assert_eq!(told(Ok(reply(409, refusal))).await, Verdict::Delivered { remote_reference: None });
    let Verdict::Reject { reason } = told(Ok(reply(422, refusal))).await else { panic!("422 is final") };
    assert_eq!(reason, "HTTP 422 [SAI_MA; trangThai]");
    let Verdict::Retry { not_before, .. } = told(Ok(with(reply(503, ""), "retry-after", "30"))).await else {
        panic!("503 passes")
    };
    assert_eq!(not_before.unwrap().as_secs(), 30);
    for error in [RemoteError::Unreachable("x".to_owned()), RemoteError::Credentials("x".to_owned())] {
        assert!(matches!(told(Err(error)).await, Verdict::Retry { .. }));
    }
}

#[test]
fn a_pushed_item_that_became_two_is_answered_once_and_by_the_channels_names() {
    let adapter = adapter("");
    let item = |id: &str, status: &str| serde_json::json!({"maPAKN": id, "phienBan": 2, "loaiPAKN": "1", "noiDung": "Đèn hỏng", "trangThai": status});
    let taken = || ItemResult::Taken { petition_id: "HS-1".to_owned() };
    let had = || ItemResult::AlreadyHad { petition_id: "HS-1".to_owned() };
    let refused = || ItemResult::Refused(vec![Fault::new(FaultCode::UnknownPetition, "external_id", "x")]);
    for (one, other, said) in [
        (taken(), had(), "DA_TIEP_NHAN"),
        (had(), taken(), "DA_TIEP_NHAN"),
        (had(), had(), "DA_CO"),
        (taken(), refused(), "TU_CHOI"),
        (refused(), refused(), "TU_CHOI"),
    ] {
        for (sent, results, at) in [
            (item("P-1", "10"), vec![one.clone(), other.clone()], 0),
            (serde_json::json!([item("P-0", "02"), item("P-1", "10")]), vec![taken(), one, other], 1),
        ] {
            let raw = pushed("POST /pakn", "application/json", sent.to_string());
            let items = adapter.decode(&raw).unwrap().items;
            assert_eq!(items.len(), results.len());
            let outcomes = items.into_iter().zip(results);
            let outcomes = outcomes.map(|(item, result)| ItemOutcome { external_id: item.external_id, result });
            let reply = adapter.acknowledge(&raw, &Outcome::Items(outcomes.collect()));
            let reply: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
            let told = reply["ketQua"].as_array().unwrap();
            assert_eq!((told.len(), told[at]["trangThai"].as_str()), (at + 1, Some(said)), "{reply}");
            if said == "TU_CHOI" {
                let fields: Vec<_> =
                    told[at]["chiTiet"].as_array().unwrap().iter().map(|it| it["truong"].clone()).collect();
                assert_eq!(fields, ["maPAKN"]);
            }
        }
    }
}

#[test]
fn what_was_too_large_is_not_said_to_be_kept() {
    let raw = pushed("POST /pakn", "application/json", "");
    let said = |code| {
        let outcome = Outcome::Unreadable(vec![Fault::new(code, "", "x")]);
        let reply = adapter("").acknowledge(&raw, &outcome);
        (reply.status.as_u16(), String::from_utf8_lossy(&reply.body).contains("được lưu"))
    };
    assert_eq!(said(FaultCode::TooLarge), (413, false));
    assert_eq!(said(FaultCode::Malformed), (400, true));
}

#[tokio::test]
async fn a_page_or_an_error_document_under_200_loses_no_notice_and_no_file() {
    let answer: channel_sdk::model::Answer = serde_json::from_value(serde_json::json!({
        "version": 1, "text": "Trả lời", "attachments": [{"name": "a.pdf", "sha256": "ab".repeat(32)}],
    }))
    .unwrap();
    for (body, said) in [
        ("<!doctype html><html><body>Hệ thống đang bảo trì</body></html>", "HTML"),
        (r#"{"maLoi": "HE_THONG_BAN", "thongDiep": "Trần Thị B"}"#, "[HE_THONG_BAN]"),
        (r#"{"maLoi": 17}"#, "[17]"),
        (r#"{"maLoi": {}}"#, "error document"),
        ("<Loi><maLoi>E1</maLoi></Loi>", "[E1]"),
        ("<Loi/>", "[Loi]"),
        ("đang bảo trì", "something else"),
    ] {
        for content_type in ["text/html", "application/json", "application/xml"] {
            for told in [NoticeBody::Received, NoticeBody::Answered { answer: answer.clone() }] {
                let remote = Scripted::new([Ok(with(reply(200, body), "content-type", content_type))]);
                let verdict = adapter("").deliver(&remote, &notice(told)).await;
                let (Verdict::Retry { reason, .. } | Verdict::Unknown { reason, .. }) = verdict else {
                    panic!("{body}: {verdict:?}")
                };
                assert!(reason.contains(said) && !reason.contains("Thị"), "{body}: {reason}");
                assert_eq!(remote.asked().len(), 1, "nothing follows a file that did not arrive");
            }
        }
    }
}

#[tokio::test]
async fn a_success_without_an_error_is_one_with_and_without_a_body() {
    for (status, body) in
        [(202, ""), (204, ""), (200, r#"{"maLoi": "0"}"#), (200, r#"{"maLoi": null}"#), (201, "<Ok/>")]
    {
        let verdict =
            adapter("").deliver(&Scripted::new([Ok(reply(status, body))]), &notice(NoticeBody::Received)).await;
        assert_eq!(verdict, Verdict::Delivered { remote_reference: None }, "{status} {body}");
    }
}

#[tokio::test]
async fn without_an_answer_the_outcome_is_not_known_and_the_portal_can_be_asked_by_the_key() {
    let no_answer = || Err(RemoteError::NoAnswer("cut off".to_owned()));
    for doubt in [no_answer(), Ok(reply(500, "")), Ok(reply(502, "<html></html>"))] {
        let verdict = adapter("").deliver(&Scripted::new([doubt]), &notice(NoticeBody::Published)).await;
        assert!(matches!(verdict, Verdict::Unknown { .. }), "{verdict:?}");
    }
    let yes = Scripted::new([Ok(reply(200, r#"{"daNhan": true, "maThamChieu": "TC-9"}"#))]);
    let known = adapter("").ask(&yes, &notice(NoticeBody::Published)).await;
    assert_eq!(known, Ok(Known::Has { remote_reference: Some("TC-9".to_owned()) }));
    let asked = &yes.asked()[0];
    assert_eq!((asked.method.as_str(), asked.idempotency_key.as_deref()), ("GET", Some("d-1")));
}

#[tokio::test]
async fn only_a_plain_no_means_that_the_portal_does_not_have_the_message() {
    let ask = async |answer| adapter("").ask(&Scripted::new([answer]), &notice(NoticeBody::Published)).await;
    assert_eq!(ask(Ok(reply(200, r#"{"daNhan": false}"#))).await, Ok(Known::HasNot));
    for vague in ["{}", "", "<html></html>", r#"{"daNhan": null}"#, r#"{"daNhan": "có lẽ"}"#] {
        assert_eq!(ask(Ok(reply(200, vague))).await, Ok(Known::CannotTell), "{vague}");
    }
    assert_eq!(ask(Ok(reply(404, ""))).await, Ok(Known::CannotTell));
    for open in [Ok(reply(500, "")), Ok(reply(401, "")), Err(RemoteError::NoAnswer("cut off".to_owned()))] {
        assert!(ask(open).await.is_err());
    }
}

#[tokio::test]
async fn a_file_whose_upload_is_in_doubt_leaves_no_doubt_about_the_answer() {
    let answer = serde_json::from_value(serde_json::json!({
        "version": 1, "text": "Trả lời", "attachments": [{"name": "a.pdf", "sha256": "ab".repeat(32)}],
    }));
    let remote = Scripted::new([Err(RemoteError::NoAnswer("cut off".to_owned()))]);
    let verdict = adapter("").deliver(&remote, &notice(NoticeBody::Answered { answer: answer.unwrap() })).await;
    assert!(matches!(verdict, Verdict::Retry { .. }), "{verdict:?}");
}

#[tokio::test]
async fn an_answer_is_not_told_before_its_files_are_there() {
    let answer = serde_json::from_value(serde_json::json!({
        "version": 1, "text": "Trả lời", "attachments": [{"name": "a.pdf", "sha256": "ab".repeat(32)}],
    }));
    let remote = Scripted::new([Ok(reply(503, ""))]);
    let verdict = adapter("").deliver(&remote, &notice(NoticeBody::Answered { answer: answer.unwrap() })).await;
    assert!(matches!(verdict, Verdict::Retry { .. }));
    assert_eq!(remote.asked().len(), 1);
}

#[tokio::test]
async fn a_file_is_fetched_as_it_is_and_one_that_cannot_be_had_is_given_up() {
    let mut file: Attachment =
        serde_json::from_value(serde_json::json!({"name": "a.pdf", "sha256": "cd".repeat(32), "remote_id": "f 1"}))
            .unwrap();
    let remote = Scripted::default();
    // Another digest than the announced one is the gateway's to judge, once for every kind of channel.
    assert!(adapter("").fetch(&remote, "P/1", &file).await.is_ok());
    assert_eq!(remote.asked()[0].path, "/api/v1/pakn/P%2F1/tep/f%201");
    file.sha256 = "AB".repeat(32);
    assert!(adapter("").fetch(&remote, "P/1", &file).await.is_ok());
    let gone = Scripted::new([Ok(reply(404, ""))]);
    assert!(matches!(adapter("").fetch(&gone, "P/1", &file).await, Err(Verdict::Reject { .. })));
    file.remote_id.clear();
    assert!(matches!(adapter("").fetch(&remote, "P/1", &file).await, Err(Verdict::Reject { .. })));
}

#[test]
fn a_store_that_cannot_take_it_now_answers_503_with_a_time() {
    for (content_type, begins) in [("application/json", "{"), ("text/xml", "<?xml")] {
        let raw = pushed("POST /pakn", content_type, "{}");
        let retry_after = std::time::Duration::from_secs(5);
        let reply = adapter("").acknowledge(&raw, &Outcome::Unavailable { retry_after });
        assert_eq!((reply.status.as_u16(), reply.headers["retry-after"].to_str().unwrap()), (503, "5"));
        assert!(reply.body.starts_with(begins.as_bytes()), "{:?}", reply.body);
    }
}

#[tokio::test]
async fn a_probe_tells_dead_from_refused() {
    let probe = async |answer| adapter("").probe(&Scripted::new([answer])).await;
    assert_eq!(probe(Ok(reply(200, "[]"))).await, Ok(()));
    assert!(matches!(probe(Ok(reply(403, ""))).await, Err(RemoteError::Credentials(_))));
    assert_eq!(probe(Ok(reply(502, ""))).await, Err(RemoteError::Status(502)));
}
