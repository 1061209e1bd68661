//! The reply to a pushed batch: `KetQuaTiepNhan` with one `KetQua` for each item, or `Loi` where nothing could be read.
//!
//! It is written after the commit. Reasons name elements and what would be right, never what came.

use channel_sdk::{
    Fault,
    adapter::{ItemOutcome, ItemResult, Outcome, PushReply},
    dialect::{Record, Value},
    fault::FaultCode,
    tree::Node,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::{encode::XML, protocol::Protocol};

/// The reply to what became of a push.
pub(crate) fn reply(protocol: &Protocol, outcome: &Outcome) -> PushReply {
    match outcome {
        Outcome::Items(items) => {
            let results = items.iter().map(|item| Value::Record(result(protocol, item))).collect();
            let mut record = Record::new();
            record.set("results", Value::List(results));
            respond(protocol, StatusCode::OK, "reply", "reply_root", &record)
        }
        Outcome::Unreadable(faults) => {
            let too_large = faults.iter().any(|fault| fault.code == FaultCode::TooLarge);
            let status = if too_large { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST };
            respond(protocol, status, "error", "error_root", &error(faults))
        }
        Outcome::Unavailable { retry_after } => {
            let mut record = Record::new();
            record
                .set("code", "unavailable")
                .set("message", "Hệ thống tạm thời không tiếp nhận được, xin gửi lại sau.");
            let mut reply = respond(protocol, StatusCode::SERVICE_UNAVAILABLE, "error", "error_root", &record);
            let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
            reply.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
            reply
        }
    }
}

fn result(protocol: &Protocol, item: &ItemOutcome) -> Record {
    let mut record = Record::new();
    record.set_text("external_id", item.external_id.as_deref().unwrap_or(""));
    let state = match &item.result {
        ItemResult::Taken { petition_id } => {
            record.set_text("petition_id", petition_id);
            "taken"
        }
        ItemResult::AlreadyHad { petition_id } => {
            record.set_text("petition_id", petition_id);
            "already_had"
        }
        ItemResult::Refused(faults) => {
            let faults: &Vec<Fault> = &faults.iter().map(|fault| in_channel_words(protocol, fault)).collect();
            if let Some(first) = faults.first() {
                record.set_text("fault_code", first.code.as_str());
                record.set_text("fault_place", element(first));
                record.set_text("fault_line", line(first).unwrap_or(""));
            }
            record.set_text("reason", &reasons(faults));
            "refused"
        }
    };
    record.set("state", Value::Code(state.to_owned()));
    record
}

/// The fault by the sender's name of the field, where its place is the gateway's.
fn in_channel_words(protocol: &Protocol, fault: &Fault) -> Fault {
    let place = protocol.map("petition").place_of(&fault.place).filter(|place| place != ".");
    Fault { place: place.unwrap_or_else(|| fault.place.clone()), ..fault.clone() }
}

/// The first fault by its parts, all of them in words.
fn error(faults: &[Fault]) -> Record {
    let mut record = Record::new();
    if let Some(first) = faults.first() {
        record.set_text("code", first.code.as_str());
        record.set_text("place", element(first));
        record.set_text("line", line(first).unwrap_or(""));
    }
    record.set_text("message", &reasons(faults));
    record
}

/// More reasons than this are not read by anybody.
const REASONS_MAX: usize = 20;

fn reasons(faults: &[Fault]) -> String {
    let reasons = faults.iter().take(REASONS_MAX).map(|fault| match fault.place.as_str() {
        "" => fault.message.clone(),
        place => format!("{place}: {}", fault.message),
    });
    reasons.collect::<Vec<_>>().join("; ")
}

/// The line at the end of a fault's place (`KienNghi[0].NoiDung, line 14`), where there is one.
fn line(fault: &Fault) -> Option<&str> {
    let (_, line) = fault.place.rsplit_once("line ")?;
    line.bytes().all(|byte| byte.is_ascii_digit()).then_some(line)
}

/// The place without its line.
fn element(fault: &Fault) -> &str {
    match line(fault) {
        Some(line) => fault.place[..fault.place.len() - line.len() - "line ".len()].trim_end_matches(", "),
        None => &fault.place,
    }
}

fn respond(protocol: &Protocol, status: StatusCode, map: &str, root: &str, record: &Record) -> PushReply {
    let node = protocol.map(map).write(record).unwrap_or_else(|_| Node::object("", Vec::new()));
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(XML));
    // Everything in it came out of XML or from us, so XML can carry it. Should it not, an empty reply makes the far side
    // send the batch again, and it is told then that we have it.
    PushReply { status, headers, body: protocol.document(node, root).unwrap_or_default().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_parted_from_its_line() {
        let fault = |place: &str| Fault::new(FaultCode::Missing, place, "");
        assert_eq!(element(&fault("KienNghi[0].NoiDung, line 14")), "KienNghi[0].NoiDung");
        assert_eq!(line(&fault("KienNghi[0].NoiDung, line 14")), Some("14"));
        assert_eq!((element(&fault("line 3")), line(&fault("line 3"))), ("", Some("3")));
        assert_eq!((element(&fault("multipart")), line(&fault("multipart"))), ("multipart", None));
    }
}
