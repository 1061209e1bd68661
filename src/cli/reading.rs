//! JSON as messages of the contract: the drafts that `submit` and `import` read. The same names and forms as
//! `rendering.rs` writes, so that what was shown can be edited and sent.
//!
//! Everything that is wrong is told at once, each with its path and what would be right. What the rules of petitions say
//! to a draft is the gateway's to tell, not ours.

use std::str::FromStr;

use base64::{Engine, prelude::BASE64_STANDARD};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value as Inner};
use serde_json::{Map, Value};

use super::{
    contract::{Message, short_names},
    words::{Lang, Said, said},
};

/// Something in a file that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// The path in the JSON, such as `petitioner.kind`; empty for the whole.
    pub(crate) place: String,
    /// What is wrong and what would be right.
    pub(crate) what: Said,
}

impl Wrong {
    /// Where, and what, in one line.
    pub(crate) fn line(&self, lang: Lang) -> String {
        let what = self.what.in_lang(lang);
        if self.place.is_empty() { what.to_owned() } else { format!("{}: {what}", self.place) }
    }
}

/// The message that the JSON says.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn message<M: Message>(json: &Value) -> Result<M, Vec<Wrong>> {
    let mut wrongs = Vec::new();
    let open = object(json, &M::shape(), "", &mut wrongs);
    if !wrongs.is_empty() {
        return Err(wrongs);
    }
    let open = open.expect("what could not be read left a wrong");
    Ok(open.transcode_to().expect("both sides are generated from one contract"))
}

/// A day such as `2026-12-31`.
pub(crate) fn day(text: &str) -> Option<petition_gateway::pb::CivilDate> {
    let date = jiff::civil::Date::from_str(text).ok().filter(|_| text.len() == "2026-12-31".len())?;
    Some(petition_gateway::pb::CivilDate {
        year: i32::from(date.year()),
        month: i32::from(date.month()),
        day: i32::from(date.day()),
    })
}

/// An instant by RFC 3339.
pub(crate) fn instant(text: &str) -> Option<prost_types::Timestamp> {
    let at = jiff::Timestamp::from_str(text).ok()?;
    Some(prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() })
}

fn object(json: &Value, shape: &MessageDescriptor, place: &str, wrongs: &mut Vec<Wrong>) -> Option<DynamicMessage> {
    if let Some(read) = well_known(json, shape) {
        return read.map_err(|what| wrongs.push(Wrong { place: place.to_owned(), what })).ok();
    }
    let Value::Object(members) = json else {
        wrongs.push(Wrong {
            place: place.to_owned(),
            what: said!("phải là một đối tượng {{…}}", "must be an object {{…}}"),
        });
        return None;
    };
    let mut message = DynamicMessage::new(shape.clone());
    for (name, json) in members {
        let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
        let Some(field) = shape.get_field_by_name(name) else {
            wrongs.push(Wrong { what: unknown(name, shape.fields().map(|it| it.name().to_owned())), place });
            continue;
        };
        if json.is_null() {
            continue;
        }
        if let Some(value) = member(json, &field, &place, wrongs) {
            message.set_field(&field, value);
        }
    }
    Some(message)
}

fn member(json: &Value, field: &FieldDescriptor, place: &str, wrongs: &mut Vec<Wrong>) -> Option<Inner> {
    match json {
        Value::Object(entries) if field.is_map() => map(entries, place, wrongs),
        Value::Array(items) if field.is_list() => {
            let read = items.iter().enumerate();
            let read = read.map(|(i, it)| value(it, &field.kind(), &format!("{place}[{i}]"), wrongs));
            Some(Inner::List(read.collect::<Vec<_>>().into_iter().collect::<Option<_>>()?))
        }
        _ if field.is_list() => {
            wrongs.push(Wrong {
                place: place.to_owned(),
                what: said!("phải là một danh sách […]", "must be a list […]"),
            });
            None
        }
        _ => value(json, &field.kind(), place, wrongs),
    }
}

/// A map of texts; the contract has no others.
fn map(entries: &Map<String, Value>, place: &str, wrongs: &mut Vec<Wrong>) -> Option<Inner> {
    let read = entries.iter().map(|(key, json)| {
        let value = value(json, &Kind::String, &format!("{place}.{key}"), wrongs)?;
        Some((MapKey::String(key.clone()), value))
    });
    Some(Inner::Map(read.collect::<Vec<_>>().into_iter().collect::<Option<_>>()?))
}

fn value(json: &Value, kind: &Kind, place: &str, wrongs: &mut Vec<Wrong>) -> Option<Inner> {
    let read = match kind {
        Kind::Message(shape) => return object(json, shape, place, wrongs).map(Inner::Message),
        Kind::String => json.as_str().map(|it| Inner::String(it.to_owned())),
        Kind::Bool => json.as_bool().map(Inner::Bool),
        Kind::Int64 => json.as_i64().map(Inner::I64),
        Kind::Int32 => json.as_i64().and_then(|it| i32::try_from(it).ok()).map(Inner::I32),
        Kind::Bytes => json.as_str().and_then(|it| BASE64_STANDARD.decode(it).ok()).map(|it| Inner::Bytes(it.into())),
        Kind::Enum(of) => match json.as_str() {
            Some(text) => match short_names(of).into_iter().find(|(name, _)| *name == text) {
                Some((_, number)) => Some(Inner::EnumNumber(number)),
                None => {
                    let what = unknown(text, short_names(of).into_iter().map(|(name, _)| name));
                    wrongs.push(Wrong { place: place.to_owned(), what });
                    return None;
                }
            },
            None => None,
        },
        _ => None,
    };
    if read.is_none() {
        wrongs.push(Wrong { place: place.to_owned(), what: expected(kind) });
    }
    read
}

fn expected(kind: &Kind) -> Said {
    match kind {
        Kind::Bool => said!("phải là true hoặc false", "must be true or false"),
        Kind::Int32 | Kind::Int64 => said!("phải là số nguyên", "must be a whole number"),
        Kind::Bytes => said!("phải là chuỗi base64", "must be base64"),
        _ => said!("phải là chuỗi ký tự", "must be a text"),
    }
}

/// What is said of a name that is not there: the nearest right one, or all of them. The wrong one is not repeated, for
/// it may be a value.
fn unknown(wrong: &str, known: impl Iterator<Item = String>) -> Said {
    /// Below this likeness a suggestion confuses more than it helps.
    const LIKENESS_MIN: f64 = 0.7;
    let known = known.collect::<Vec<_>>();
    let nearest = known
        .iter()
        .map(|name| (strsim::jaro_winkler(wrong, name), name))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((_, name)) => said!("không có tên này; có phải `{name}`?", "no such name; is it `{name}`?"),
        None => {
            let all = known.join(", ");
            said!("không có tên này; có: {all}", "no such name; there are: {all}")
        }
    }
}

/// Instants and days, which are written as one value; `None` for every other message.
fn well_known(json: &Value, shape: &MessageDescriptor) -> Option<Result<DynamicMessage, Said>> {
    let text = json.as_str();
    let mut message = DynamicMessage::new(shape.clone());
    let (read, example) = match shape.full_name() {
        "google.protobuf.Timestamp" => {
            (text.and_then(instant).map(|it| message.transcode_from(&it)), "2026-12-31T08:00:00+07:00")
        }
        "petition.gateway.v1.CivilDate" => (text.and_then(day).map(|it| message.transcode_from(&it)), "2026-12-31"),
        _ => return None,
    };
    Some(match read {
        Some(Ok(())) => Ok(message),
        _ => Err(said!("phải có dạng {example}", "must look like {example}")),
    })
}

#[cfg(test)]
mod tests {
    use petition_gateway::pb;
    use serde_json::json;

    use super::*;
    use crate::cli::rendering::{self, Privacy};

    #[test]
    fn a_draft_is_read_with_days_instants_and_short_enums() {
        let draft: pb::PetitionDraft = message(&json!({
            "kind": "policy_question",
            "body": "Tôi muốn hỏi về mức hưởng.",
            "petitioner": {"kind": "citizen", "full_name": "Lê Thị Mẫu", "email": null},
            "send_time": "2026-03-02T09:30:00+07:00",
            "due_date": "2026-03-22",
            "attachments": [{"file_name": "don.pdf", "sha256": "00"}],
            "extensions": {"nguon": "thư"},
        }))
        .unwrap();
        assert_eq!(draft.kind(), pb::PetitionKind::PolicyQuestion);
        assert_eq!(draft.due_date, Some(pb::CivilDate { year: 2026, month: 3, day: 22 }));
        assert_eq!(draft.send_time.unwrap().seconds, 1_772_418_600);
        assert_eq!(draft.petitioner.as_ref().unwrap().full_name.as_deref(), Some("Lê Thị Mẫu"));
        assert_eq!(draft.attachments[0].file_name, "don.pdf");
        let shown = rendering::json(&draft, Privacy::Full);
        assert_eq!(message::<pb::PetitionDraft>(&shown).unwrap(), draft);
    }

    #[test]
    fn everything_wrong_is_told_at_once_with_its_place_and_what_is_right() {
        let wrongs = message::<pb::PetitionDraft>(&json!({
            "knid": "feedback",
            "kind": "feedbak",
            "revision": "1",
            "due_date": "22/03/2026",
            "petitioner": {"kind": "citizen", "anonymous": "no"},
            "attachments": {"file_name": "a"},
        }))
        .unwrap_err();
        let told = wrongs.iter().map(|it| it.line(Lang::En)).collect::<Vec<_>>();
        assert_eq!(
            told,
            [
                "knid: no such name; is it `kind`?",
                "kind: no such name; is it `feedback`?",
                "revision: must be a whole number",
                "due_date: must look like 2026-12-31",
                "petitioner.anonymous: must be true or false",
                "attachments: must be a list […]",
            ]
        );
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert_eq!(message::<pb::PetitionDraft>(&json!([1])).unwrap_err().len(), 1);
    }
}
