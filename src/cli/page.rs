//! A record for people: one line for each thing it says, headings and values in their language, days and times as they
//! are written in Vietnam. Works on the JSON of a message, so that page and `--json` cannot part.

use std::fmt::Write;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Map, Value};

use super::{
    resource,
    words::{self, Lang},
};

/// Headings narrower than this are filled up, so that values stand in one column.
const HEADING_WIDTH: usize = 22;
/// Members whose values are enums.
const ENUMS: &[&str] = &[
    "carried_notices",
    "change",
    "code",
    "entrance",
    "far_side",
    "kind",
    "notice",
    "phase",
    "resolution",
    "state",
    "status",
    "verdict",
];

/// The page of a record. What is unset is not spoken of.
pub(crate) fn of(record: &Value, lang: Lang) -> String {
    let mut out = String::new();
    if let Value::Object(members) = record {
        write_members(&mut out, members, 0, lang);
    }
    out
}

/// One cell of a table: the value at a path such as `petitioner.kind`, in one line; resource names at their shortest.
pub(crate) fn cell(record: &Value, path: &str, lang: Lang) -> String {
    let mut at = record;
    let mut last = path;
    for part in path.split('.') {
        at = at.get(part).unwrap_or(&Value::Null);
        last = part;
    }
    match at {
        Value::String(text) if matches!(last, "name" | "petition" | "channel") => resource::short(text),
        _ => scalar(last, at, lang).unwrap_or_default(),
    }
}

/// The member that a column is headed by: `field` for `field.code`, `receive_time` for `message.receive_time`.
pub(crate) fn heading_of(path: &str) -> &str {
    let mut parts = path.rsplit('.');
    let last = parts.next().unwrap_or(path);
    let says_little = matches!(last, "code" | "kind" | "name" | "display_name");
    parts.next().filter(|_| says_little).unwrap_or(last)
}

fn write_members(out: &mut String, members: &Map<String, Value>, depth: usize, lang: Lang) {
    for (name, value) in members {
        match value {
            Value::Object(inner) => {
                if inner.values().any(|value| !is_empty(value)) {
                    write_line(out, depth, &words::heading(name, lang), "");
                    write_members(out, inner, depth + 1, lang);
                }
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                write_line(out, depth, &words::heading(name, lang), "");
                for (i, item) in items.iter().enumerate() {
                    write_line(out, depth + 1, &format!("[{}]", i + 1), "");
                    item.as_object().into_iter().for_each(|inner| write_members(out, inner, depth + 2, lang));
                }
            }
            _ => {
                if let Some(text) = scalar(name, value, lang) {
                    write_line(out, depth, &words::heading(name, lang), &text);
                }
            }
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A text of several lines begins on a line of its own, so that it can be read and copied as it stands.
fn write_line(out: &mut String, depth: usize, heading: &str, text: &str) {
    let indent = "  ".repeat(depth);
    let width = HEADING_WIDTH.saturating_sub(indent.len());
    let written = if text.is_empty() {
        writeln!(out, "{indent}{heading}")
    } else if text.contains('\n') {
        writeln!(out, "{indent}{heading}\n{text}")
    } else {
        writeln!(out, "{indent}{heading:width$} {text}")
    };
    written.expect("writing to a String cannot fail");
}

fn scalar(name: &str, value: &Value, lang: Lang) -> Option<String> {
    match value {
        _ if is_empty(value) => None,
        Value::Bool(it) => Some(yes_or_no(*it, lang).to_owned()),
        Value::String(text) if ENUMS.contains(&name) => Some(words::value(text, lang)),
        Value::String(text) if name.ends_with("_time") => Some(local_time(text)),
        Value::String(text) if name.ends_with("_date") => Some(local_day(text)),
        Value::String(text) => Some(without_controls(text)),
        Value::Array(items) => {
            let parts = items.iter().filter_map(|item| scalar(name, item, lang)).collect::<Vec<_>>();
            Some(parts.join(", "))
        }
        Value::Number(it) => Some(it.to_string()),
        Value::Null | Value::Object(_) => None,
    }
}

fn yes_or_no(it: bool, lang: Lang) -> &'static str {
    match (lang, it) {
        (Lang::Vi, true) => "có",
        (Lang::Vi, false) => "không",
        (Lang::En, true) => "yes",
        (Lang::En, false) => "no",
    }
}

/// What strangers wrote must not steer the operator's terminal.
fn without_controls(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() && letter != '\n' && letter != '\t' { '\u{FFFD}' } else { letter })
        .collect()
}

fn local_time(text: &str) -> String {
    let Ok(at) = text.parse::<Timestamp>() else { return text.to_owned() };
    at.to_zoned(TimeZone::fixed(jiff::tz::offset(7))).strftime("%d/%m/%Y %H:%M:%S").to_string()
}

fn local_day(text: &str) -> String {
    text.parse::<Date>().map_or_else(|_| text.to_owned(), |day| day.strftime("%d/%m/%Y").to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_is_written_for_people_in_vietnam() {
        let record = json!({
            "name": "petitions/1",
            "status": "in_progress",
            "receive_time": "2019-12-06T00:00:00Z",
            "due_date": "2019-12-26",
            "overdue": false,
            "rating": null,
            "petitioner": {"kind": "citizen", "email": null},
            "unit": {"code": "", "display_name": ""},
            "attachments": [{"file_name": "don.pdf"}],
            "carried_notices": ["received", "answered"],
        });
        assert_eq!(
            of(&record, Lang::Vi),
            "Tên                    petitions/1\n\
             Trạng thái             đang xử lý\n\
             Tiếp nhận lúc          06/12/2019 07:00:00\n\
             Hạn xử lý              26/12/2019\n\
             Quá hạn                không\n\
             Người gửi\n\
             \x20 Loại                 công dân\n\
             Tệp đính kèm\n\
             \x20 [1]\n\
             \x20   Tên tệp            don.pdf\n\
             Thông báo chuyển được  đã tiếp nhận, đã trả lời\n"
        );
        assert_eq!(cell(&record, "petitioner.kind", Lang::En), "citizen");
        assert_eq!(cell(&record, "petitioner.nothing", Lang::En), "");
    }

    #[test]
    fn what_strangers_wrote_cannot_steer_the_terminal() {
        assert_eq!(cell(&json!({"subject": "a\u{1b}[2Jb"}), "subject", Lang::Vi), "a\u{FFFD}[2Jb");
    }

    #[test]
    fn columns_are_headed_by_what_they_are_about() {
        assert_eq!(heading_of("field.code"), "field");
        assert_eq!(heading_of("message.receive_time"), "receive_time");
        assert_eq!(heading_of("name"), "name");
    }
}
