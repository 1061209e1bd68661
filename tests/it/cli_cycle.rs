//! A ministry that has nothing but the command line: a petition's whole way, many at once, and what is refused.

use std::fs;

use serde_json::{Value, json};

use crate::cli_gateway::{ALL_ROLES, Gateway, Ran};

const SECRET: &str = "Phạm Thị Ví Dụ";

fn draft(external_id: &str) -> Value {
    json!({
        "external_id": external_id,
        "kind": "policy_question",
        "subject": "Hỏi về mức hưởng trợ cấp thất nghiệp",
        "body": "Tôi đã đóng bảo hiểm 40 tháng.\nXin hỏi mức hưởng được tính ra sao?",
        "field": {"code": "BHTN", "display_name": "Bảo hiểm thất nghiệp"},
        "petitioner": {"kind": "citizen", "full_name": SECRET, "province_code": "40"},
        "send_time": "2026-03-02T09:30:00+07:00",
        "publishable": true,
    })
}

fn submitted(gateway: &Gateway, external_id: &str) -> (String, Value) {
    let file = gateway.file("draft.json", draft(external_id).to_string().as_bytes());
    let answer = gateway.json("petition submit --file", &[file.to_str().unwrap()]).record();
    (answer["petition"]["name"].as_str().unwrap().to_owned(), answer)
}

fn decided(ran: &Ran, status: &str) {
    let record = ran.record();
    assert_eq!(record["petition"]["status"], status);
    assert_eq!(record["duplicate"], false);
    assert!(!ran.out.contains(SECRET));
}

#[test]
fn a_petition_goes_its_whole_way_by_the_command_line_alone() {
    let gateway = Gateway::start(ALL_ROLES);
    let letter = gateway.file("don.pdf", b"%PDF-1.7 made up");
    let draft = gateway.file("draft.json", draft("A-1").to_string().as_bytes());
    let ran = gateway.json("petition submit --file", &[draft.to_str().unwrap(), "--attach", letter.to_str().unwrap()]);
    let submitted = ran.record();
    let name = submitted["petition"]["name"].as_str().unwrap().to_owned();
    assert_eq!((&submitted["duplicate"], &submitted["seq"]), (&json!(false), &json!(1)));
    assert!(!ran.out.contains(SECRET), "personal data without --full");

    let listed = gateway.json("petition list --status received --kind policy_question --field BHTN", &[]);
    assert_eq!(listed.record()["name"], name.as_str());
    assert!(!listed.out.contains(SECRET) && !listed.out.contains("Hỏi về"));
    assert_eq!(gateway.json("petition search tro cap that nghiep", &[]).record()["name"], name.as_str());

    decided(&gateway.json(&format!("petition accept {name}"), &[]), "accepted");
    decided(&gateway.json(&format!("petition assign {name} --name"), &["Cục Việc làm"]), "assigned");
    decided(&gateway.json(&format!("petition start {name}"), &[]), "in_progress");
    let answer = "Mức hưởng bằng 60% mức lương bình quân 6 tháng liền kề.\n";
    let text = gateway.file("answer.txt", answer.as_bytes());
    let more = [text.to_str().unwrap(), "--document-number", "6029/LĐTBXH-VL", "--document-date", "2026-03-20"];
    decided(&gateway.json(&format!("petition answer {name} --publishable --text-file"), &more), "answered");
    decided(&gateway.json(&format!("petition publish {name}"), &[]), "published");
    decided(&gateway.json(&format!("petition close {name}"), &[]), "closed");

    let shown = gateway.json(&format!("petition get {name}"), &[]);
    assert!(!shown.out.contains(SECRET) && !shown.out.contains("Mức hưởng"));
    let full = gateway.json(&format!("petition get {name} --full"), &[]).record();
    assert_eq!(full["petitioner"]["full_name"], SECRET);
    assert_eq!(full["answer"]["text"], answer);
    assert_eq!(full["answer"]["document"]["issue_date"], "2026-03-20");
    assert_eq!(full["unit"]["display_name"], "Cục Việc làm");

    let file = full["attachments"][0]["name"].as_str().unwrap();
    let target = gateway.folder.path().join("back.pdf");
    gateway.json(&format!("petition download {file} -o"), &[target.to_str().unwrap()]).record();
    assert_eq!(fs::read(&target).unwrap(), b"%PDF-1.7 made up");
    dossier_tells_everything(&gateway, &name);
}

fn dossier_tells_everything(gateway: &Gateway, name: &str) {
    let parts = gateway.json(&format!("petition dossier {name}"), &[]).records();
    assert_eq!(parts[0]["petition"]["name"], name);
    let changes: Vec<&str> = parts.iter().filter_map(|part| part["event"]["change"].as_str()).collect();
    assert_eq!(changes, ["received", "accepted", "assigned", "processing_started", "answered", "published", "closed"]);
    let page = gateway.say(&format!("petition dossier {name}"));
    assert_eq!(page.code, 0);
    assert!(page.out.contains("đã trả lời") && !page.out.contains(SECRET), "{}", page.out);
    let page = gateway.say(&format!("petition dossier {name} --full --lang en"));
    assert!(page.out.contains("answered") && page.out.contains(SECRET), "{}", page.out);
}

#[test]
fn a_watch_goes_on_where_it_was() {
    let gateway = Gateway::start(ALL_ROLES);
    let place = gateway.folder.path().join("place");
    let place = place.to_str().unwrap();
    let (name, _) = submitted(&gateway, "A-1");
    gateway.json(&format!("petition accept {name}"), &[]).record();
    let seqs = |ran: Ran| -> Vec<i64> { ran.records().iter().filter_map(|it| it["event"]["seq"].as_i64()).collect() };
    assert_eq!(seqs(gateway.json("petition watch --limit 1 --follow-state", &[place])), [1]);
    assert_eq!(fs::read_to_string(place).unwrap(), "1\n");
    assert_eq!(seqs(gateway.json("petition watch --until-caught-up --follow-state", &[place])), [2]);
    submitted(&gateway, "A-2");
    assert_eq!(seqs(gateway.json("petition watch --limit 1 --follow-state", &[place])), [3]);
    assert_eq!(seqs(gateway.json("petition watch --after 1 --until-caught-up", &[])), [2, 3]);

    let beyond = gateway.json("petition watch --after 99", &[]);
    assert_eq!(beyond.code, 1);
    assert_eq!(beyond.error()["reason"], "SEQ_NOT_REACHED");
}

#[test]
fn one_intent_is_done_once() {
    let gateway = Gateway::start(ALL_ROLES);
    let (name, first) = submitted(&gateway, "A-1");
    let (again, second) = submitted(&gateway, "A-1");
    assert_eq!((again, &second["duplicate"]), (name.clone(), &json!(true)));
    assert_ne!(first["request_id"], second["request_id"]);
    let accept = format!("petition accept {name} --request-id 0190a3c4-0000-7000-8000-000000000001");
    let first = gateway.json(&accept, &[]).record();
    let again = gateway.json(&accept, &[]).record();
    assert_eq!((&first["seq"], &first["duplicate"]), (&json!(2), &json!(false)));
    assert_eq!((&again["seq"], &again["duplicate"]), (&json!(2), &json!(true)));
    let other = gateway.json(&format!("{accept} --note khác"), &[]);
    assert_eq!((other.code, &other.error()["reason"]), (1, &json!("REQUEST_ID_REUSED")));
}

#[test]
fn a_refusal_tells_why_and_what_would_be_right() {
    let gateway = Gateway::start(ALL_ROLES);
    let (name, _) = submitted(&gateway, "A-1");
    let early = gateway.json(&format!("petition answer {name} --text x"), &[]);
    assert_eq!((early.code, &early.error()["reason"]), (1, &json!("MOVE_NOT_ALLOWED")));
    let told = gateway.say(&format!("petition answer {name} --text x"));
    assert!(told.err.starts_with("lỗi: trạng thái hiện tại không cho phép"), "{}", told.err);
    assert!(told.err.contains("allowed_in"), "{}", told.err);
    let told = gateway.say(&format!("petition answer {name} --text x --lang en"));
    assert!(told.err.starts_with("error: the status that the petition is in"), "{}", told.err);
    let stale = gateway.json(&format!("petition accept {name} --expected-version 9"), &[]);
    assert_eq!((stale.code, &stale.error()["reason"]), (1, &json!("VERSION_MISMATCH")));
    let nowhere = gateway.json("petition get 00000000-0000-7000-8000-000000000000", &[]);
    assert_eq!((nowhere.code, &nowhere.error()["reason"]), (1, &json!("PETITION_NOT_FOUND")));
    let empty = gateway.json("petition submit --kind feedback", &[]);
    assert_eq!((empty.code, &empty.error()["code"]), (1, &json!("invalid_argument")));
    assert!(!empty.error()["fields"].as_array().unwrap().is_empty(), "{empty:?}");
    let filter = gateway.json("petition list --filter", &["colour = red"]);
    assert_eq!((filter.code, &filter.error()["reason"]), (1, &json!("INVALID_FILTER")));
}

#[test]
fn a_file_of_many_is_imported_whatever_some_lines_say() {
    let gateway = Gateway::start(ALL_ROLES);
    let mut nobody = draft("B-3");
    nobody.as_object_mut().unwrap().remove("body");
    let lines = [
        draft("B-1").to_string(),
        json!({"item_id": "second", "petition": draft("B-2")}).to_string(),
        json!({"item_id": "third", "petition": nobody}).to_string(),
        "{\"kind\": \"feedbak\"}".to_owned(),
        draft("B-1").to_string(),
    ];
    let file = gateway.file("many.jsonl", lines.join("\n").as_bytes());
    let ran = gateway.json("petition import --file", &[file.to_str().unwrap()]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&told["created_count"], &told["duplicate_count"]), (&json!(2), &json!(1)), "{told}");
    assert_eq!((&told["refused_count"], &told["refusals"][0]["item_id"]), (&json!(1), &json!("third")));
    assert_eq!((&told["unreadable_count"], &told["unreadable"][0]["line"]), (&json!(1), &json!(4)));
    let page = gateway.say(&format!("petition import --file {}", file.display()));
    assert!(page.out.starts_with("mới 0 · sửa đổi 0 · trùng 3 · bị từ chối 1 · dòng không đọc được 1"), "{}", page.out);
    assert_eq!(gateway.json("petition list --all", &[]).records().len(), 2);
}

#[test]
fn a_table_is_plain_where_nobody_looks_at_it() {
    let gateway = Gateway::start(ALL_ROLES);
    submitted(&gateway, "A-1");
    let table = gateway.say("petition list");
    let heading = table.out.lines().next().unwrap();
    assert!(heading.contains("Trạng thái") && heading.contains("Hạn xử lý"), "{heading}");
    assert!(table.out.contains("đã tiếp nhận") && !table.out.contains('│'), "{}", table.out);
    let channels = gateway.json("channel list", &[]).records();
    assert!(channels.iter().any(|it| it["name"] == "channels/direct"), "{channels:?}");
    assert_eq!(gateway.json("delivery list", &[]).records().len(), 0);
    assert_eq!(gateway.json("quarantine list", &[]).records().len(), 0);
}
