//! Notices to the bodies of the portal's calls, in JSON or XML, by the dialect's maps. Pure.

use bytes::Bytes;
use channel_sdk::{
    canonical,
    dialect::{Record, Value},
    fault::Fault,
    json,
    model::Agency,
    notice::{Notice, NoticeBody},
    tree::{Content, Node},
    xml,
};

use jiff::Timestamp;

use crate::{config::Format, words::Words};

/// One call that tells a notice: which path, and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// The path's name in the dialect.
    pub(crate) path: &'static str,
    /// `Content-Type`.
    pub(crate) content_type: &'static str,
    /// The body.
    pub(crate) body: Bytes,
}

/// The call that tells `notice`.
pub(crate) fn encode(words: &Words, format: Format, notice: &Notice) -> Result<Told, Fault> {
    let (call, record) = record(words, notice);
    let node = words.map(call).write(&record)?;
    let root = words.constant(match call {
        "receipt" => "receipt_root",
        "forward" => "forward_root",
        "answer" => "answer_root",
        _ => "status_root",
    });
    let (content_type, body) = written(node.named(root), format == Format::Xml)?;
    Ok(Told { path: call, content_type, body })
}

/// A tree as bytes, with the content type. The node's name is the root element of the XML form.
pub(crate) fn written(node: Node, as_xml: bool) -> Result<(&'static str, Bytes), Fault> {
    if as_xml {
        return Ok(("application/xml; charset=utf-8", Bytes::from(xml::write(&node)?)));
    }
    Ok(("application/json; charset=utf-8", Bytes::from(json::write(&node))))
}

/// Which call tells the notice, and what it says in canonical names.
fn record(words: &Words, notice: &Notice) -> (&'static str, Record) {
    let mut record = Record::new();
    record.set("at", whole_seconds(notice.at));
    let call = match &notice.body {
        NoticeBody::Received => {
            record.set("revision", i64::try_from(notice.revision).unwrap_or(i64::MAX));
            record.set("petition_id", notice.petition_id.as_str());
            "receipt"
        }
        NoticeBody::Forwarded { to, reason, legal_basis } => {
            record.set_text("to.code", &to.code).set_text("to.name", &to.name);
            record.set_text("reason", reason).set_text("legal_basis", legal_basis);
            "forward"
        }
        NoticeBody::Answered { answer } => {
            record.set("answer", canonical::answer_record(answer));
            "answer"
        }
        other => {
            status(words, notice, other, &mut record);
            "status"
        }
    };
    (call, record)
}

/// Portals write whole seconds, and some cannot read more.
fn whole_seconds(instant: Timestamp) -> Timestamp {
    Timestamp::from_second(instant.as_second()).unwrap_or(instant)
}

/// What the statuses say beyond their code stands in one note, for the portal has no other place.
fn status(words: &Words, notice: &Notice, body: &NoticeBody, record: &mut Record) {
    let basis = |reason: &str, legal_basis: &str| match legal_basis {
        "" => reason.to_owned(),
        basis => format!("{reason}\n{}: {basis}", words.constant("legal_basis_label")),
    };
    let (status, note) = match body {
        NoticeBody::Accepted { note } => ("accepted", note.clone()),
        NoticeBody::Declined { reason, legal_basis } => ("declined", basis(reason, legal_basis)),
        NoticeBody::InformationRequested { question, reply_by } => {
            let by = reply_by.map(|date| format!("\n{}: {date}", words.constant("reply_by_label")));
            ("information_requested", question.clone() + by.as_deref().unwrap_or(""))
        }
        NoticeBody::Assigned { unit, note } => {
            record.set_text("unit", named(unit));
            ("in_progress", note.clone())
        }
        NoticeBody::InProgress { note } => ("in_progress", note.clone()),
        // The portal knows no status of its own for an extension or a reopening: the work goes on.
        NoticeBody::DeadlineExtended { reason, legal_basis, .. } => ("in_progress", basis(reason, legal_basis)),
        NoticeBody::Reopened { reason } => ("in_progress", reason.clone()),
        NoticeBody::Published => ("published", String::new()),
        NoticeBody::Closed { note } => ("closed", note.clone()),
        NoticeBody::Received | NoticeBody::Forwarded { .. } | NoticeBody::Answered { .. } => {
            unreachable!("these three have calls of their own")
        }
    };
    let due_on = match body {
        NoticeBody::DeadlineExtended { due_on, .. } => Some(*due_on),
        // The due date belongs to work that goes on.
        _ if status == "accepted" || status == "in_progress" => notice.due_on,
        _ => None,
    };
    record.set("status", Value::Code(status.to_owned())).set_text("note", &note).set_some("due_on", due_on);
}

/// A unit of the ministry often has no code of its own.
fn named(unit: &Agency) -> &str {
    if unit.name.is_empty() { &unit.code } else { &unit.name }
}

/// A list under the root's name for both syntaxes: in JSON a member with an array, in XML repeated elements.
pub(crate) fn list(root: &str, member: &str, element: &str, items: Vec<Node>, as_xml: bool) -> Node {
    let name = if as_xml { element } else { member };
    Node::new(root, Content::Children(vec![Node::list(name, items)]))
}
