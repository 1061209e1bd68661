//! Golden messages: `golden/<entrance>.<what>.<case>.in.<syntax>` is what arrives; `….out.json` (`….xml.out.json` for
//! XML) is what becomes of it and how a push is answered. `golden/notice.<case>.in.json` is a notice, `….out.json` the
//! calls that tell it, in both syntaxes. `UPDATE_GOLDEN=1 cargo test` writes what is now; read the difference as a
//! review will.

use std::{
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use channel_sdk::{
    Fault, Inbound, Notice,
    adapter::{Adapter, Decoded, Entrance, Item, ItemOutcome, ItemResult, Outcome, RawMessage},
    inbound::{Draft, InboundAttachment},
};
use serde_json::{Value, json};

use crate::scripted::{Scripted, adapter, described};

fn inputs(prefix: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut files: Vec<PathBuf> =
        files.filter(|path| name(path).contains(".in.") && name(path).starts_with(prefix)).collect();
    files.sort();
    assert!(!files.is_empty(), "no golden files begin with {prefix}");
    files
}

/// Compares with the golden file, or writes it.
fn check(input: &Path, found: &Value) {
    let name = input.file_name().unwrap().to_str().unwrap();
    // One case may exist in both syntaxes.
    let output = name.replace(".in.json", ".out.json").replace(".in.xml", ".xml.out.json");
    let output = input.with_file_name(output);
    let found = serde_json::to_string_pretty(found).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&output, found).unwrap();
        return;
    }
    let expected = fs::read_to_string(&output).unwrap_or_default();
    assert_eq!(found, expected, "{name}: UPDATE_GOLDEN=1 rewrites");
}

fn raw(path: &Path) -> RawMessage {
    let name = path.file_name().unwrap().to_str().unwrap();
    let parts: Vec<&str> = name.split('.').collect();
    let route = match (parts[0], parts[1]) {
        ("pull", "danh-muc") => "danh-muc/linh-vuc".to_owned(),
        ("pull", feed) => feed.to_owned(),
        (_, "pakn") => "POST /pakn".to_owned(),
        (_, what) => format!("POST /pakn/PAKN-2019-0012345/{what}"),
    };
    RawMessage {
        entrance: if parts[0] == "pull" { Entrance::Pull } else { Entrance::Push },
        route,
        content_type: if name.ends_with(".xml") { "application/xml" } else { "application/json" }.to_owned(),
        received_at: "2019-12-06T17:00:00+07:00".parse().unwrap(),
        body: Bytes::from(fs::read(path).unwrap()),
    }
}

#[test]
fn messages_are_decoded_and_answered_as_their_golden_files_say() {
    let adapter = adapter("");
    for entrance in ["pull.", "push."] {
        for path in inputs(entrance) {
            let raw = raw(&path);
            let decoded = adapter.decode(&raw);
            let mut found = match &decoded {
                Ok(decoded) => message_described(decoded),
                Err(faults) => json!({"unreadable": faults}),
            };
            if raw.entrance == Entrance::Push {
                found["reply"] = reply_described(adapter.as_ref(), &raw, decoded);
            }
            check(&path, &found);
        }
    }
}

#[test]
fn the_same_bytes_give_the_same_answer_again() {
    let adapter = adapter("");
    for path in inputs("pull.") {
        let raw = raw(&path);
        let described = |raw: &RawMessage| adapter.decode(raw).map(|decoded| message_described(&decoded));
        assert_eq!(described(&raw), described(&raw));
    }
}

#[test]
fn no_fault_repeats_what_came_with_the_message() {
    let adapter = adapter("");
    for path in inputs("pu") {
        let faults = match adapter.decode(&raw(&path)) {
            Err(faults) => faults,
            Ok(decoded) => decoded.items.into_iter().filter_map(|item| item.message.err()).flatten().collect(),
        };
        let told = format!("{faults:?}");
        for value in ["Trần Thị", "000000012345", "0900000123", "example.vn", "phố Mẫu", "hôm qua", "công dân"]
        {
            assert!(!told.contains(value), "{path:?} repeats a value");
        }
    }
}

fn message_described(decoded: &Decoded) -> Value {
    let items: Vec<Value> = decoded.items.iter().map(item_described).collect();
    json!({"items": items, "warnings": decoded.warnings})
}

fn item_described(item: &Item) -> Value {
    let message = match &item.message {
        Ok(message) => inbound_described(message),
        Err(faults) => json!({"refused": faults}),
    };
    json!({"place": item.place, "external_id": item.external_id, "message": message})
}

fn inbound_described(message: &Inbound) -> Value {
    match message {
        Inbound::Petition(draft) => json!({"petition": draft_described(draft)}),
        Inbound::Withdrawal(it) => {
            json!({"withdrawal": {"external_id": it.external_id, "at": it.at, "reason": it.reason}})
        }
        Inbound::Supplement(it) => json!({"supplement": {
            "external_id": it.external_id, "at": it.at, "text": it.text, "attachments": files(&it.attachments),
            "extensions": it.extensions,
        }}),
        Inbound::Rating(it) => json!({"rating": {
            "external_id": it.external_id, "score": it.score, "comment": it.comment, "at": it.at,
        }}),
        Inbound::Reassignment(it) => json!({"reassignment": {
            "external_id": it.external_id, "to": it.to, "at": it.at, "reason": it.reason,
        }}),
        Inbound::Receipt(it) => json!({"receipt": {"external_id": it.external_id, "delivery_id": it.delivery_id}}),
        Inbound::CodeList(list) => json!({"code_list": list}),
    }
}

fn draft_described(draft: &Draft) -> Value {
    json!({
        "external_id": draft.external_id, "revision": draft.revision, "kind": draft.kind,
        "subject": draft.subject, "body": draft.body, "field": draft.field, "petitioner": draft.petitioner,
        "receiving_agency": draft.receiving_agency, "forwarding_agency": draft.forwarding_agency,
        "sent_at": draft.sent_at, "forwarded_at": draft.forwarded_at, "due_on": draft.due_on,
        "public": draft.public, "assembly": draft.assembly, "attachments": files(&draft.attachments),
        "extensions": draft.extensions,
    })
}

fn files(files: &[InboundAttachment]) -> Value {
    files.iter().map(|file| json!(file.attachment)).collect()
}

/// The reply when everything sound is taken and everything else refused.
fn reply_described(adapter: &dyn Adapter, raw: &RawMessage, decoded: Result<Decoded, Vec<Fault>>) -> Value {
    let outcome = match decoded {
        Err(faults) => Outcome::Unreadable(faults),
        Ok(decoded) => {
            let outcomes = decoded.items.into_iter().enumerate().map(|(at, item)| {
                let petition_id = format!("HS-{}", at + 1);
                let result = match item.message {
                    Ok(_) if at % 2 == 1 => ItemResult::AlreadyHad { petition_id },
                    Ok(_) => ItemResult::Taken { petition_id },
                    Err(faults) => ItemResult::Refused(faults),
                };
                ItemOutcome { external_id: item.external_id, result }
            });
            Outcome::Items(outcomes.collect())
        }
    };
    let reply = adapter.acknowledge(raw, &outcome);
    let body = String::from_utf8(reply.body.to_vec()).unwrap();
    let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
    json!({"status": reply.status.as_u16(), "content_type": reply.headers["content-type"].to_str().unwrap(), "body": body})
}

#[tokio::test]
async fn notices_are_told_by_the_calls_that_their_golden_files_show() {
    for path in inputs("notice.") {
        let notice: Notice = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let mut found = serde_json::Map::new();
        for format in ["json", "xml"] {
            let remote = Scripted::default();
            let verdict = adapter(&format!("format = \"{format}\"")).deliver(&remote, &notice).await;
            let calls: Vec<Value> = remote.asked().iter().map(described).collect();
            found.insert(format.to_owned(), json!({"verdict": format!("{verdict:?}"), "calls": calls}));
        }
        check(&path, &Value::Object(found));
    }
}
