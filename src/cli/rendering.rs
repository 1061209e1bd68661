//! Messages of the contract as JSON (`--json`). The field names are those of the contract and as stable as it is.
//!
//! - Every field of a message stands there, under its name in the `.proto` files; what is unset is `null`, empty lists
//!   are `[]`. Fields with personal data are left out unless `--full` is given.
//! - Instants are RFC 3339 in UTC, days `2026-12-31`, durations seconds, bytes base64, enums their short lower-case name.
//! - A oneof gives one more key, named as it is: which of its members is set. Only that member stands there.

use base64::{Engine, prelude::BASE64_STANDARD};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage, Value as Inner};
use serde_json::{Map, Value, json};

use super::contract::{Message, is_personal, short_name};

/// Whether personal data is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Privacy {
    /// Fields with personal data are left out.
    Hidden,
    /// Everything is shown.
    Full,
}

impl Privacy {
    /// What `--full` says.
    pub(crate) fn from_flag(full: bool) -> Privacy {
        if full { Privacy::Full } else { Privacy::Hidden }
    }
}

/// The message as JSON.
pub(crate) fn json<M: Message>(message: &M, privacy: Privacy) -> Value {
    object(&message.opened(), privacy)
}

fn object(message: &DynamicMessage, privacy: Privacy) -> Value {
    if let Some(value) = well_known(message) {
        return value;
    }
    let shape = message.descriptor();
    let mut out = Map::new();
    for field in shape.fields() {
        if privacy == Privacy::Hidden && is_personal(&field) {
            continue;
        }
        match field.containing_oneof().filter(|oneof| !oneof.is_synthetic()) {
            Some(_) if !message.has_field(&field) => continue,
            Some(oneof) => {
                out.insert(oneof.name().to_owned(), json!(field.name()));
            }
            None => {}
        }
        out.insert(field.name().to_owned(), member(message, &field, privacy));
    }
    Value::Object(out)
}

fn member(message: &DynamicMessage, field: &FieldDescriptor, privacy: Privacy) -> Value {
    if field.supports_presence() && !message.has_field(field) {
        return Value::Null;
    }
    value(&message.get_field(field), &field.kind(), privacy)
}

fn value(inner: &Inner, kind: &Kind, privacy: Privacy) -> Value {
    match inner {
        Inner::Bool(it) => json!(it),
        Inner::I32(it) => json!(it),
        Inner::I64(it) => json!(it),
        Inner::U32(it) => json!(it),
        Inner::U64(it) => json!(it),
        Inner::F32(it) => json!(it),
        Inner::F64(it) => json!(it),
        Inner::String(it) => json!(it),
        Inner::Bytes(it) => json!(BASE64_STANDARD.encode(it)),
        Inner::EnumNumber(it) => kind.as_enum().and_then(|of| short_name(of, *it)).map_or(Value::Null, Value::String),
        Inner::Message(it) => object(it, privacy),
        Inner::List(items) => items.iter().map(|it| value(it, kind, privacy)).collect(),
        Inner::Map(entries) => {
            let of = kind.as_message().map(|entry| entry.map_entry_value_field().kind());
            let mut entries = entries.iter().map(|(key, it)| (map_key(key), it)).collect::<Vec<_>>();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            let of = of.unwrap_or(Kind::String);
            entries.into_iter().map(|(key, it)| (key, value(it, &of, privacy))).collect()
        }
    }
}

fn map_key(key: &MapKey) -> String {
    match key {
        MapKey::String(it) => it.clone(),
        MapKey::Bool(it) => it.to_string(),
        MapKey::I32(it) => it.to_string(),
        MapKey::I64(it) => it.to_string(),
        MapKey::U32(it) => it.to_string(),
        MapKey::U64(it) => it.to_string(),
    }
}

/// Instants, days and durations, which read better as one value than as an object.
fn well_known(message: &DynamicMessage) -> Option<Value> {
    let number = |name: &str| {
        let field = message.get_field_by_name(name)?;
        field.as_i64().or_else(|| field.as_i32().map(i64::from))
    };
    match message.descriptor().full_name() {
        "google.protobuf.Timestamp" => {
            let nanos = i32::try_from(number("nanos")?).ok()?;
            let at = jiff::Timestamp::new(number("seconds")?, nanos).ok();
            Some(at.map_or(Value::Null, |at| json!(at.to_string())))
        }
        "google.protobuf.Duration" => Some(json!(number("seconds")?)),
        "petition.gateway.v1.CivilDate" => {
            let (year, month, day) = (number("year")?, number("month")?, number("day")?);
            Some(json!(format!("{year:04}-{month:02}-{day:02}")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use petition_gateway::pb;

    use super::*;

    fn petition() -> pb::Petition {
        pb::Petition {
            name: "petitions/0190a".to_owned(),
            version: 3,
            status: pb::PetitionStatus::InProgress as i32,
            subject: "Hỏi về trợ cấp".to_owned(),
            petitioner: Some(pb::Petitioner {
                kind: pb::PetitionerKind::Citizen as i32,
                full_name: Some("Trần Văn Mẫu".to_owned()),
                province_code: Some("40".to_owned()),
                ..Default::default()
            }),
            receive_time: Some(prost_types::Timestamp { seconds: 1_575_590_400, nanos: 0 }),
            due_date: Some(pb::CivilDate { year: 2019, month: 12, day: 26 }),
            extensions: [("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1".to_owned())].into(),
            ..Default::default()
        }
    }

    #[test]
    fn values_read_as_people_and_programs_expect() {
        let json = json(&petition(), Privacy::Full);
        assert_eq!(json["status"], "in_progress");
        assert_eq!(json["kind"], Value::Null);
        assert_eq!(json["version"], 3);
        assert_eq!(json["receive_time"], "2019-12-06T00:00:00Z");
        assert_eq!(json["due_date"], "2019-12-26");
        assert_eq!(json["answer"], Value::Null);
        assert_eq!(json["overdue"], false);
        assert_eq!(json["attachments"], json!([]));
        assert_eq!(json["petitioner"]["full_name"], "Trần Văn Mẫu");
        assert_eq!(json["petitioner"]["email"], Value::Null);
        assert_eq!(json["extensions"].to_string(), r#"{"a":"1","b":"2"}"#);
    }

    #[test]
    fn personal_data_is_left_out_unless_asked_for() {
        let json = json(&petition(), Privacy::Hidden);
        assert!(json.get("subject").is_none());
        assert!(json.get("extensions").is_none());
        assert!(json["petitioner"].get("full_name").is_none());
        assert_eq!(json["petitioner"]["province_code"], "40");
        assert!(!json.to_string().contains("Mẫu"));
    }

    #[test]
    fn a_oneof_tells_which_member_is_set() {
        let event = pb::PetitionEvent {
            seq: 7,
            change: Some(pb::petition_event::Change::Published(pb::Published::default())),
            ..Default::default()
        };
        let item = Some(pb::watch_petitions_response::Item::Event(event));
        let json = json(&pb::WatchPetitionsResponse { item }, Privacy::Hidden);
        assert_eq!(json["item"], "event");
        assert_eq!(json["event"]["seq"], 7);
        assert_eq!(json["event"]["change"], "published");
        assert!(json["event"].get("accepted").is_none());
    }
}
