//! Notices to requests: receipts, and answers with their files. Pure.
//!
//! A refusal and a forwarding travel as an answer of the class that the dialect gives them, their text made of what the
//! ministry wrote: the Assembly must hear of them, and its interface has no other message.

use channel_sdk::{
    Fault, Notice, NoticeBody, Request, canonical,
    dialect::{Record, Value},
    fault::FaultCode,
    model::{Answer, Attachment, ResolutionClass},
    remote::{Body, Part},
};
use http::Method;

use crate::protocol::Protocol;

/// The content type of every document.
pub(crate) const XML: &str = "application/xml; charset=utf-8";

/// The `Content-ID` of the document in front of its files.
const DOCUMENT_ID: &str = "tra-loi";

/// What is posted for a notice, or why this channel cannot carry it.
pub(crate) fn request(protocol: &Protocol, notice: &Notice) -> Result<Request, Fault> {
    match &notice.body {
        NoticeBody::Received => receipt(protocol, notice),
        NoticeBody::Answered { answer } => answered(protocol, notice, answer),
        NoticeBody::Declined { .. } | NoticeBody::Forwarded { .. } => {
            answer(protocol, notice, &ended(protocol, notice), &[])
        }
        other => {
            let message = format!("kênh này không có thông điệp cho `{}`", other.kind());
            Err(Fault::new(FaultCode::NotAllowed, "kind", message))
        }
    }
}

/// What a refusal or a forwarding says as an answer; empty for every other notice.
fn ended(protocol: &Protocol, notice: &Notice) -> Record {
    match &notice.body {
        NoticeBody::Declined { reason, legal_basis } => {
            let values = [("reason", reason.as_str()), ("legal_basis", legal_basis)];
            explained(protocol, notice, "declined", &values)
        }
        NoticeBody::Forwarded { to, reason, legal_basis } => {
            let values = [
                ("agency_name", to.name.as_str()),
                ("agency_code", &to.code),
                ("reason", reason),
                ("legal_basis", legal_basis),
            ];
            let mut record = explained(protocol, notice, "forwarded", &values);
            record.set_text("forwarded_to", &to.code);
            record
        }
        _ => Record::new(),
    }
}

/// The text that the Assembly shows as the answer once it has this notice.
pub(crate) fn text(protocol: &Protocol, notice: &Notice) -> Option<String> {
    match &notice.body {
        NoticeBody::Answered { answer } => Some(answer.text.clone()),
        _ => ended(protocol, notice).take_text("text"),
    }
}

fn receipt(protocol: &Protocol, notice: &Notice) -> Result<Request, Fault> {
    let mut record = addressed(notice);
    let revision = i64::try_from(notice.revision)
        .map_err(|_| Fault::new(FaultCode::TooLarge, "revision", "số phiên bản quá lớn"))?;
    record.set("revision", revision);
    let document = protocol.document(protocol.map("receipt").write(&record)?, "receipt_root")?;
    Ok(post(protocol, "receipt", notice).bytes(XML, document))
}

fn answered(protocol: &Protocol, notice: &Notice, it: &Answer) -> Result<Request, Fault> {
    if it.resolution == Some(ResolutionClass::ToBeResolved) && it.resolution_due_on.is_none() {
        let place = protocol.map("answer").place_of("resolution_due_on").unwrap_or_default();
        return Err(Fault::new(FaultCode::Missing, place, "kết quả `sẽ giải quyết` phải kèm thời hạn"));
    }
    let mut record = addressed(notice);
    record.set("also_for", notice.external_id.as_str());
    record.fill_from(canonical::answer_record(it));
    let announced = it.attachments.iter().enumerate().map(|(at, file)| {
        let mut record = canonical::attachment_record(file);
        record.set("remote_id", format!("cid:{}", at + 1));
        Value::Record(record)
    });
    record.set("attachments", announced.collect::<Vec<_>>());
    answer(protocol, notice, &record, &it.attachments)
}

/// The petition and when; what every message of ours has.
fn addressed(notice: &Notice) -> Record {
    let mut record = Record::new();
    record.set("external_id", notice.external_id.as_str());
    record.set_text("petition_id", &notice.petition_id);
    record.set("at", notice.at);
    record
}

/// An answer made of the dialect's class and text for `what`.
fn explained(protocol: &Protocol, notice: &Notice, what: &str, values: &[(&str, &str)]) -> Record {
    let mut record = addressed(notice);
    record.set("also_for", notice.external_id.as_str());
    record.set("resolution", Value::Code(protocol.constant(&format!("{what}_class")).to_owned()));
    record.set("text", filled(protocol.constant(&format!("{what}_text")), values));
    record
}

/// `template` with its placeholders filled; a line with a placeholder whose value is empty is left out.
fn filled(template: &str, values: &[(&str, &str)]) -> String {
    let mut lines = Vec::new();
    'lines: for line in template.lines() {
        let mut line = line.to_owned();
        for (name, value) in values {
            let placeholder = format!("{{{name}}}");
            if line.contains(&placeholder) {
                if value.is_empty() {
                    continue 'lines;
                }
                // One placeholder a line: what was filled in is the ministry's text and no template.
                line = line.replacen(&placeholder, value, 1);
                break;
            }
        }
        lines.push(line);
    }
    lines.join("\n")
}

/// The request for an answer: the document alone, or with its files.
fn answer(protocol: &Protocol, notice: &Notice, record: &Record, files: &[Attachment]) -> Result<Request, Fault> {
    let document = protocol.document(protocol.map("answer").write(record)?, "answer_root")?;
    let request = post(protocol, "answer", notice);
    if files.is_empty() {
        return Ok(request.bytes(XML, document));
    }
    let root = Body::Bytes { content_type: XML.to_owned(), bytes: document.into() };
    let mut parts = vec![Part { content_id: DOCUMENT_ID.to_owned(), body: root }];
    parts.extend(files.iter().enumerate().map(|(at, file)| {
        let content_type =
            if file.media_type.is_empty() { "application/octet-stream" } else { file.media_type.as_str() };
        let body = Body::Blob { content_type: content_type.to_owned(), sha256: file.sha256.clone() };
        Part { content_id: (at + 1).to_string(), body }
    }));
    Ok(Request { body: Body::Related(parts), ..request })
}

fn post(protocol: &Protocol, path: &str, notice: &Notice) -> Request {
    Request::new(Method::POST, protocol.path(path)).key(&notice.delivery_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_without_a_value_are_left_out_and_values_are_no_templates() {
        let text = filled("Từ chối.\nLý do: {reason}\nCăn cứ: {basis}", &[("reason", "{basis}"), ("basis", "")]);
        assert_eq!(text, "Từ chối.\nLý do: {basis}");
    }
}
