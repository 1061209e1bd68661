//! Our replies to pushes: one result for each item, or the error document of the protocol. Pure.

use std::time::Duration;

use bytes::Bytes;
use channel_sdk::{
    adapter::{ItemOutcome, ItemResult, Outcome, PushReply, RawMessage},
    dialect::{Record, Value},
    fault::{Fault, FaultCode},
    tree::Node,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::{
    encode::{list, written},
    message::is_xml,
    words::Words,
};

/// Faults told of one item, or of one message, at most: who sends more wrong than this starts with the first ones.
const FAULTS_TOLD_MAX: usize = 50;

/// The reply to the push that `raw` came with, in its own syntax.
pub(crate) fn acknowledge(words: &Words, raw: &RawMessage, outcome: &Outcome) -> PushReply {
    let as_xml = is_xml(&raw.content_type, &raw.body);
    match outcome {
        Outcome::Items(items) => {
            let results = items.iter().map(|item| result(words, item)).collect();
            let root = words.constant("reply_root");
            let node = list(root, words.constant("reply_list"), words.constant("reply_item"), results, as_xml);
            reply(StatusCode::OK, node, as_xml, None)
        }
        Outcome::Unreadable(faults) => {
            // Too large as a whole can be mended by sending less at once; too deep somewhere in it cannot.
            let is_whole = |fault: &Fault| fault.code == FaultCode::TooLarge && fault.place.is_empty();
            let status = match faults.first().is_some_and(is_whole) {
                true => StatusCode::PAYLOAD_TOO_LARGE,
                false => StatusCode::BAD_REQUEST,
            };
            // Too large to be read is too large to be kept as well: the sender must not rely on us having it.
            let message = match status {
                StatusCode::PAYLOAD_TOO_LARGE => "Thông điệp vượt quá giới hạn nên không được tiếp nhận; hãy chia nhỏ",
                _ => "Không đọc được thông điệp; thông điệp đã được lưu để xem xét",
            };
            reply(status, refusal(words, code_of(faults), message, faults), as_xml, None)
        }
        Outcome::Unavailable { retry_after } => {
            let message = "Hệ thống tạm thời chưa tiếp nhận được; vui lòng gửi lại";
            let node = refusal(words, "unavailable", message, &[]);
            reply(StatusCode::SERVICE_UNAVAILABLE, node, as_xml, Some(*retry_after))
        }
    }
}

/// One outcome for each item that came: an item that was decoded into two, told by their common place, has what became
/// of both.
pub(crate) fn merged(items: &[ItemOutcome], places: &[&str]) -> Vec<ItemOutcome> {
    let mut merged: Vec<ItemOutcome> = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        match merged.last_mut() {
            Some(last) if places[at - 1] == places[at] => last.result = both(&last.result, &item.result),
            _ => merged.push(item.clone()),
        }
    }
    merged
}

/// Refused where either is, else taken where either is, else already had.
fn both(one: &ItemResult, other: &ItemResult) -> ItemResult {
    use ItemResult::{AlreadyHad, Refused, Taken};
    match (one, other) {
        (Refused(one), Refused(other)) => {
            let news = other.iter().filter(|fault| !one.contains(fault));
            Refused(one.iter().chain(news).cloned().collect())
        }
        (refused @ Refused(_), _) | (_, refused @ Refused(_)) => refused.clone(),
        (taken @ Taken { .. }, _) | (_, taken @ Taken { .. }) => taken.clone(),
        (had @ AlreadyHad { .. }, AlreadyHad { .. }) => had.clone(),
    }
}

fn result(words: &Words, item: &ItemOutcome) -> Node {
    let mut record = Record::new();
    record.set_some("external_id", item.external_id.clone());
    let outcome = match &item.result {
        ItemResult::Taken { petition_id } => {
            record.set_text("petition_id", petition_id);
            "taken"
        }
        ItemResult::AlreadyHad { petition_id } => {
            record.set_text("petition_id", petition_id);
            "already_had"
        }
        ItemResult::Refused(faults) => {
            let faults: &Vec<Fault> = &faults.iter().map(|fault| words.in_channel_words(fault.clone())).collect();
            record.set("code", code_of(faults));
            record.set_some("reason", faults.first().map(|fault| fault.message.clone()));
            record.set("details", details(faults));
            "refused"
        }
    };
    record.set("outcome", Value::Code(outcome.to_owned()));
    node(words, "item_reply", &record)
}

fn refusal(words: &Words, code: &str, message: &str, faults: &[Fault]) -> Node {
    let mut record = Record::new();
    record.set("code", code).set("message", message).set("details", details(faults));
    node(words, "error", &record).named(words.constant("error_root"))
}

fn details(faults: &[Fault]) -> Vec<Value> {
    let told = faults.iter().take(FAULTS_TOLD_MAX);
    let detail = |fault: &Fault| {
        let mut record = Record::new();
        record.set("code", fault.code.as_str()).set_text("field", &fault.place).set_text("reason", &fault.message);
        Value::Record(record)
    };
    told.map(detail).collect()
}

fn code_of(faults: &[Fault]) -> &'static str {
    faults.first().map_or("malformed", |fault| fault.code.as_str())
}

/// A dialect whose map cannot carry the reply still must not keep the sender from its status.
fn node(words: &Words, map: &str, record: &Record) -> Node {
    words.map(map).write(record).unwrap_or_else(|_| Node::object("", Vec::new()))
}

fn reply(status: StatusCode, node: Node, as_xml: bool, retry_after: Option<Duration>) -> PushReply {
    let mut headers = HeaderMap::new();
    let body = match written(node, as_xml) {
        Ok((content_type, body)) => {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            body
        }
        // Only a control character in an id that came in JSON could do this, and its reply is JSON.
        Err(_) => Bytes::new(),
    };
    if let Some(after) = retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
    }
    PushReply { status, headers, body }
}
