//! What the portal answers: a document or a refusal, in the syntax that was asked for.

use axum::{
    body::Body,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use channel_sdk::{
    tree::{Content, Limits, Node},
    xml,
};
use serde_json::{Value, json};

/// Why the portal refuses: the error document of section 2.2 of the protocol.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) field: &'static str,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>, field: &'static str) -> Refusal {
        Refusal { status, code, message: message.into(), field }
    }

    /// Whether it is a breach of the protocol by the caller; "already" and "not now" are not.
    pub(super) fn is_breach(&self) -> bool {
        matches!(self.status, 400 | 404 | 413 | 422)
    }

    pub(super) fn document(&self) -> Value {
        let detail = match self.field {
            "" => json!([]),
            field => json!([{"truong": field, "lyDo": self.message}]),
        };
        json!({"maLoi": self.code, "thongDiep": self.message, "chiTiet": detail})
    }
}

/// A document with its names in the XML form: the root, and the element of each item of `danhSach`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    pub(super) root: &'static str,
    pub(super) item: &'static str,
}

impl Names {
    pub(super) const PETITION: Names = Names { root: "PAKN", item: "" };
    pub(super) const PETITIONS: Names = Names { root: "DanhSachPAKN", item: "PAKN" };
    pub(super) const RATING: Names = Names { root: "DanhGia", item: "" };
    pub(super) const RATINGS: Names = Names { root: "DanhSachDanhGia", item: "DanhGia" };
    pub(super) const CODES: Names = Names { root: "DanhMuc", item: "Muc" };
    pub(super) const REPLY: Names = Names { root: "KetQua", item: "" };
    pub(super) const ERROR: Names = Names { root: "Loi", item: "" };
}

/// Whether the caller wants XML: it says so, and does not say JSON.
pub(super) fn wants_xml(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    accept.contains("xml") && !accept.contains("json")
}

/// A response with `document` as its body.
pub(super) fn respond(status: u16, document: &Value, names: Names, as_xml: bool) -> Response {
    let (content_type, bytes) = written(document, names, as_xml);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, content_type)], Body::from(bytes)).into_response()
}

/// `document` in one of the two syntaxes, with its content type.
pub(super) fn written(document: &Value, names: Names, as_xml: bool) -> (&'static str, Vec<u8>) {
    if !as_xml {
        return ("application/json; charset=utf-8", document.to_string().into_bytes());
    }
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    element(&mut out, names.root, document, names.item);
    ("application/xml; charset=utf-8", out.into_bytes())
}

fn element(out: &mut String, name: &str, value: &Value, item_name: &str) {
    match value {
        Value::Null => {}
        // A list is its repeated element; the list of a page stands directly under the root.
        Value::Array(items) => items.iter().for_each(|item| element(out, name, item, "")),
        Value::Object(members) => {
            out.push_str(&format!("<{name}>"));
            for (key, member) in members {
                let list = key == "danhSach" && !item_name.is_empty();
                element(out, if list { item_name } else { key }, member, "");
            }
            out.push_str(&format!("</{name}>"));
        }
        Value::String(text) => out.push_str(&format!("<{name}>{}</{name}>", escaped(text))),
        other => out.push_str(&format!("<{name}>{other}</{name}>")),
    }
}

fn escaped(text: &str) -> String {
    // A bare carriage return would be read back as a line feed.
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\r', "&#13;")
}

/// A body that the gateway sent, in either syntax; `None` when it cannot be read.
pub(super) fn read(content_type: &str, body: &[u8]) -> Option<Value> {
    if !content_type.contains("xml") {
        return serde_json::from_slice(body).ok();
    }
    let node = xml::read(body, &Limits::default()).ok()?;
    Some(value_of(&node))
}

/// An XML element as the JSON that it stands for: text stays text, repeated elements become a list.
fn value_of(node: &Node) -> Value {
    match &node.content {
        Content::Null => Value::Null,
        Content::Text(text) | Content::Number(text) => Value::String(text.clone()),
        Content::Boolean(value) => Value::Bool(*value),
        Content::List(items) => Value::Array(items.iter().map(value_of).collect()),
        Content::Children(children) => {
            let mut members = serde_json::Map::new();
            for child in children {
                match members.get_mut(&child.name) {
                    None => drop(members.insert(child.name.clone(), value_of(child))),
                    Some(Value::Array(items)) => items.push(value_of(child)),
                    Some(single) => *single = Value::Array(vec![single.take(), value_of(child)]),
                }
            }
            Value::Object(members)
        }
    }
}
