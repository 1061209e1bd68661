//! Golden messages: what each is decoded to and how a push of it is answered; what each notice is encoded to.
//!
//! `golden/NAME.in.xml` is pushed as XML, `NAME.in.mime` with the content type in its first line, `NAME.in.json` comes
//! from the search (`fields…` from its list of fields); `NAME.notice.json` is delivered. The outcome stands in
//! `NAME.out.json`. `UPDATE_GOLDEN=1` rewrites the outcomes.
#![expect(
    clippy::unwrap_used,
    reason = "clippy's exemption for tests does not reach the helpers of an integration test"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use channel_sdk::{
    Adapter, Draft, Fault, Inbound, Notice, Remote, Reply, Request, Verdict,
    adapter::{Decoded, Entrance, Item, ItemOutcome, ItemResult, Outcome, RawMessage, Settings},
    remote::{Body, Fetched, RemoteError},
};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use national_assembly::KIND;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn adapter(interface: &str) -> Arc<dyn Adapter> {
    let mut table = toml::Table::new();
    table.insert("interface".to_owned(), interface.into());
    let settings = Settings { agency: "000.00.00.G07".to_owned(), table, dialect: KIND.default_dialect.to_owned() };
    (KIND.build)(settings).unwrap_or_else(|faults| panic!("the default dialect is sound: {faults:?}"))
}

/// Every golden input of this ending, with its name.
fn cases(ending: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let mut cases: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.strip_suffix(ending)?.to_owned();
            Some((path, name))
        })
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "no golden file ends in {ending}");
    cases
}

/// Compares with the golden outcome, or rewrites it.
fn check(input: &Path, name: &str, outcome: &Value) {
    let path = input.with_file_name(format!("{name}.out.json"));
    let text = format!("{outcome:#}\n");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).unwrap();
        return;
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == text, "{} differs; UPDATE_GOLDEN=1 rewrites it. Now it is:\n{text}", path.display());
}

#[test]
fn pushed_batches_are_decoded_and_answered_as_the_golden_files_say() {
    let adapter = adapter("batch");
    for (path, name) in cases(".in.xml").into_iter().chain(cases(".in.mime")) {
        let bytes = fs::read(&path).unwrap();
        let (content_type, body) = match path.extension().and_then(|it| it.to_str()) {
            Some("mime") => {
                let end = bytes.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
                let head = std::str::from_utf8(&bytes[..end]).unwrap();
                (head.strip_prefix("Content-Type: ").unwrap().to_owned(), bytes[end + 4..].to_vec())
            }
            _ => ("application/xml".to_owned(), bytes),
        };
        let raw = raw(Entrance::Push, "POST /kien-nghi", content_type, body);
        let decoded = adapter.decode(&raw);
        let reply = adapter.acknowledge(&raw, &outcome(&decoded));
        let mut described = described(decoded);
        described["reply"] = json!({
            "status": reply.status.as_u16(),
            "body": std::str::from_utf8(&reply.body).unwrap(),
        });
        check(&path, &name, &described);
    }
}

#[test]
fn pages_of_the_search_are_decoded_as_the_golden_files_say() {
    let adapter = adapter("search");
    for (path, name) in cases(".in.json") {
        let route = if name.starts_with("fields") { "danh-muc" } else { "tim-kiem" };
        let raw = raw(Entrance::Pull, route, "application/json".to_owned(), fs::read(&path).unwrap());
        check(&path, &name, &described(adapter.decode(&raw)));
    }
}

#[tokio::test]
async fn notices_are_encoded_as_the_golden_files_say() {
    let adapter = adapter("batch");
    for (path, name) in cases(".notice.json") {
        let notice: Notice = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let remote = Recorder::default();
        let verdict = adapter.deliver(&remote, &notice).await;
        let request = remote.request.into_inner().unwrap();
        check(&path, &name, &json!({ "verdict": verdict_of(&verdict), "request": request.as_ref().map(request_of) }));
    }
}

#[tokio::test]
async fn a_page_or_an_error_document_under_200_is_no_delivery() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/received.notice.json");
    let notice: Notice = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let adapter = adapter("batch");
    for (status, body, said) in [
        (200, "<html><body>Đang bảo trì</body></html>", "HTML"),
        (200, "<!DOCTYPE html><p>Đang bảo trì", "HTML"),
        (201, "\n<?xml version=\"1.0\"?><Loi ma=\"E1\">Trần Thị B</Loi>", "HTTP 201 [E1]: "),
        (200, "<Loi xmlns=\"urn:petition-gateway:voter-petitions:1\"/>", "HTTP 200 [Loi]: "),
        (200, "{\"maLoi\": \"E1\"}", "something else"),
    ] {
        let remote = Recorder { reply: Some((status, body)), ..Recorder::default() };
        let verdict = adapter.deliver(&remote, &notice).await;
        let (Verdict::Retry { reason, .. } | Verdict::Unknown { reason, .. }) = verdict else {
            panic!("{body} counted")
        };
        assert!(reason.contains(said) && !reason.contains("Thị"), "{reason}");
    }
    for (status, body) in [(202, ""), (204, ""), (200, "<DaNhan ma=\"E1\"/>")] {
        let remote = Recorder { reply: Some((status, body)), ..Recorder::default() };
        assert_eq!(adapter.deliver(&remote, &notice).await, Verdict::Delivered { remote_reference: None }, "{body}");
    }
}

fn raw(entrance: Entrance, route: &str, content_type: String, body: Vec<u8>) -> RawMessage {
    let received_at = "2019-10-01T00:00:00Z".parse().unwrap();
    RawMessage { entrance, route: route.to_owned(), content_type, received_at, body: body.into() }
}

/// As if everything that could be read was taken.
fn outcome(decoded: &Result<Decoded, Vec<Fault>>) -> Outcome {
    let taken = |item: &Item| ItemOutcome {
        external_id: item.external_id.clone(),
        result: match &item.message {
            Ok(_) => ItemResult::Taken { petition_id: format!("HS-{}", item.external_id.as_deref().unwrap_or("")) },
            Err(faults) => ItemResult::Refused(faults.clone()),
        },
    };
    match decoded {
        Ok(decoded) => Outcome::Items(decoded.items.iter().map(taken).collect()),
        Err(faults) => Outcome::Unreadable(faults.clone()),
    }
}

fn described(decoded: Result<Decoded, Vec<Fault>>) -> Value {
    match decoded {
        Ok(decoded) => json!({
            "items": decoded.items.into_iter().map(item_of).collect::<Vec<_>>(),
            "warnings": decoded.warnings,
        }),
        Err(faults) => json!({ "unreadable": faults }),
    }
}

fn item_of(item: Item) -> Value {
    let message = match item.message {
        Ok(Inbound::Petition(draft)) => json!({ "petition": draft_of(*draft) }),
        Ok(Inbound::CodeList(list)) => json!({ "code_list": list }),
        Ok(other) => panic!("this channel has no such message: {:?}", other.external_id()),
        Err(faults) => json!({ "faults": faults }),
    };
    json!({ "place": item.place, "external_id": item.external_id, "message": message })
}

fn draft_of(draft: Draft) -> Value {
    let attachments = draft.attachments.into_iter().map(|it| {
        let content = it.content.map(|content| hex::encode(Sha256::digest(&content)));
        json!({ "attachment": it.attachment, "content_sha256": content })
    });
    json!({
        "external_id": draft.external_id,
        "revision": draft.revision,
        "kind": draft.kind,
        "subject": draft.subject,
        "body": draft.body,
        "field": draft.field,
        "petitioner": draft.petitioner,
        "receiving_agency": draft.receiving_agency,
        "forwarding_agency": draft.forwarding_agency,
        "sent_at": draft.sent_at,
        "forwarded_at": draft.forwarded_at,
        "due_on": draft.due_on,
        "public": draft.public,
        "assembly": draft.assembly,
        "attachments": attachments.collect::<Vec<_>>(),
        "extensions": draft.extensions,
    })
}

fn verdict_of(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Delivered { remote_reference } => json!({ "delivered": remote_reference }),
        Verdict::Retry { reason, .. } => json!({ "retry": reason }),
        Verdict::NotTried { reason } => json!({ "not_tried": reason }),
        Verdict::Unknown { reason, .. } => json!({ "unknown": reason }),
        Verdict::Reject { reason } => json!({ "reject": reason }),
    }
}

fn request_of(request: &Request) -> Value {
    json!({
        "method": request.method.as_str(),
        "path": request.path,
        "idempotency_key": request.idempotency_key,
        "body": body_of(&request.body),
    })
}

fn body_of(body: &Body) -> Value {
    match body {
        Body::Empty => Value::Null,
        Body::Bytes { content_type, bytes } => {
            json!({ "content_type": content_type, "text": std::str::from_utf8(bytes).unwrap() })
        }
        Body::Blob { content_type, sha256 } => json!({ "content_type": content_type, "sha256": sha256 }),
        Body::Related(parts) => {
            let part = |part: &channel_sdk::remote::Part| json!({ "content_id": part.content_id, "body": body_of(&part.body) });
            json!({ "related": parts.iter().map(part).collect::<Vec<_>>() })
        }
    }
}

#[tokio::test]
async fn a_search_that_shows_one_page_for_ever_or_does_not_end_is_no_list_of_what_the_far_side_has() {
    let page = include_str!("../golden/search.in.json");
    let (side, now) = (Recorder { reply: Some((200, page)), ..Recorder::default() }, Timestamp::UNIX_EPOCH);
    let adapter = adapter("search");
    let first = adapter.list(&side, None, now).await.unwrap();
    assert!(!first.items.is_empty());
    let next = first.next.unwrap();
    assert!(adapter.list(&side, Some(&next), now).await.is_err(), "the same petitions again");
    // Other petitions go on, but not for ever.
    let on = |number: &str| format!("{number} of-other-petitions");
    assert!(adapter.list(&side, Some(&on("9999")), now).await.unwrap().next.is_some());
    assert!(adapter.list(&side, Some(&on("10000")), now).await.is_err());
}

/// A far side that takes everything and remembers the last request.
#[derive(Default)]
struct Recorder {
    request: Mutex<Option<Request>>,
    /// What it answers, where that is not that it took it.
    reply: Option<(u16, &'static str)>,
}

#[async_trait]
impl Remote for Recorder {
    async fn call(&self, request: Request) -> Result<Reply, RemoteError> {
        *self.request.lock().unwrap() = Some(request);
        let taken = r#"<DaNhanTraLoi xmlns="urn:petition-gateway:voter-petitions:1" thamChieu="TL-000001"/>"#;
        let (status, body) = self.reply.unwrap_or((200, taken));
        Ok(Reply { status: StatusCode::from_u16(status).unwrap(), headers: HeaderMap::new(), body: body.into() })
    }

    async fn download(&self, _: Request) -> Result<Fetched, RemoteError> {
        Err(RemoteError::Status(404))
    }
}
