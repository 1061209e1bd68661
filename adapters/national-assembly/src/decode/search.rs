//! Pages of the search interface, and its list of fields.
//!
//! The interface numbers no revisions: the content decides what is new. What it shows of an answer that was given
//! elsewhere (`ketQua`, `noiDungTraLoi`, …) is kept as extensions, texts as they came, HTML included.

use channel_sdk::{
    Draft, Fault, Inbound,
    adapter::{Decoded, Item},
    canonical,
    dialect::{Reading, Record, Value},
    fault::FaultCode,
    inbound::{CodeList, Extensions},
    json,
    tree::{Content, Limits, Node},
};
use unicode_normalization::UnicodeNormalization;

use super::files;
use crate::{config::is_roman, protocol::Protocol};

/// Ordinals of sessions as words, from the first.
const ORDINALS: &[&str] = &["nhất", "hai", "ba", "tư", "năm", "sáu", "bảy", "tám", "chín", "mười"];

/// Reads a page.
pub(super) fn page(protocol: &Protocol, body: &[u8]) -> Result<Decoded, Vec<Fault>> {
    let name = protocol.constant("search_rows");
    let rows = list(protocol, "search_rows", body).map_err(|fault| vec![fault])?;
    let items = rows.into_iter().enumerate().map(|(at, row)| item(protocol, format!("{name}[{at}]"), row)).collect();
    Ok(Decoded { items, warnings: Vec::new() })
}

/// The items of the array that the constant `name` names, at the root of a JSON document.
fn list(protocol: &Protocol, name: &str, body: &[u8]) -> Result<Vec<Node>, Fault> {
    let name = protocol.constant(name);
    let mut root = json::read(body, &Limits::default())?;
    match root.take_child(name).map(|node| node.content) {
        Some(Content::List(items)) => Ok(items),
        Some(Content::Null) => Ok(Vec::new()),
        Some(_) => Err(Fault::new(FaultCode::Format, name, "phải là một danh sách")),
        None => Err(Fault::new(FaultCode::WrongMessage, name, "thông điệp phải có danh sách này")),
    }
}

/// Drops the files of a row that are no files: the interface fills up the list with entries whose fields are all null.
fn drop_blank_files(protocol: &Protocol, row: &mut Node) {
    let name = protocol.map("row").place_of("attachments").unwrap_or_default();
    let Content::Children(members) = &mut row.content else { return };
    for member in members.iter_mut().filter(|member| member.name == name) {
        if let Content::List(files) = &mut member.content {
            files.retain(|file| match &file.content {
                Content::Null => false,
                Content::Children(fields) => !fields.iter().all(|field| field.content == Content::Null),
                _ => true,
            });
        }
    }
}

fn item(protocol: &Protocol, place: String, mut row: Node) -> Item {
    drop_blank_files(protocol, &mut row);
    let Reading { mut record, extensions, mut faults } = protocol.map("row").take(row);
    let external_id = record.text("external_id").map(str::to_owned);
    let attachments = files::take(protocol, ("row", "row_attachment"), &mut record, None, &mut faults);
    if !faults.is_empty() {
        let faults = faults.into_iter().map(|fault| fault.under(&place)).collect();
        return Item { place, external_id, message: Err(faults) };
    }
    record.set("kind", Value::Code("voter_petition".to_owned()));
    if let Some(words) = extensions.get(protocol.constant("search_session_words")) {
        name_the_session(&mut record, words);
    }
    let message = canonical::draft_from(record, extensions)
        .map(|draft| Inbound::Petition(Box::new(Draft { attachments, ..draft })))
        .map_err(|wrong| wrong.into_iter().map(|fault| fault.under(&place)).collect());
    Item { place, external_id, message }
}

/// Sets term and session as far as the words tell them; the words themselves stay an extension.
fn name_the_session(record: &mut Record, words: &str) {
    let words: String = words.nfc().collect::<String>().to_lowercase();
    let words: Vec<&str> = words.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let after = |names: &[&str]| words.iter().position(|word| names.contains(word)).and_then(|at| words.get(at + 1..));
    // The tone mark of "khóa" is put in two places.
    let term = after(&["khóa", "khoá"]).and_then(|rest| rest.first()).map(|word| word.to_uppercase());
    record.set_some("assembly.term", term.filter(|term| is_roman(term)));
    let session = after(&["họp"]).and_then(|rest| rest.iter().find(|word| **word != "thứ")).and_then(|word| {
        let ordinal = ORDINALS.iter().position(|ordinal| ordinal == word).and_then(|at| u32::try_from(at + 1).ok());
        ordinal.or_else(|| word.parse::<u32>().ok())
    });
    record.set_some("assembly.session", session);
}

/// How many items a page has; `None` where it is no page.
pub(crate) fn rows(protocol: &Protocol, body: &[u8]) -> Option<usize> {
    list(protocol, "search_rows", body).ok().map(|rows| rows.len())
}

/// A row as a listing reads it: the id, and what no rule speaks of.
pub(crate) type ListedRow = (Option<String>, Extensions);

/// The rows of a page for a listing; `None` where it is no page.
pub(crate) fn listed_rows(protocol: &Protocol, body: &[u8]) -> Option<Vec<ListedRow>> {
    let rows = list(protocol, "search_rows", body).ok()?;
    let read = |row| {
        let Reading { record, extensions, .. } = protocol.map("row").take(row);
        (record.text("external_id").filter(|id| !id.is_empty()).map(str::to_owned), extensions)
    };
    Some(rows.into_iter().map(read).collect())
}

/// Reads the list of fields.
pub(super) fn fields(protocol: &Protocol, body: &[u8]) -> Result<Decoded, Vec<Fault>> {
    let name = protocol.constant("search_fields");
    let (mut entries, mut faults) = (Vec::new(), Vec::new());
    for (at, node) in list(protocol, "search_fields", body).map_err(|fault| vec![fault])?.into_iter().enumerate() {
        let mut reading = protocol.map("search_field").take(node);
        faults.extend(reading.faults.into_iter().map(|fault| fault.under(&format!("{name}[{at}]"))));
        let mut text = |key| reading.record.take_text(key).unwrap_or_default();
        entries.push((text("code"), text("name")));
    }
    let list = CodeList { name: name.to_owned(), entries };
    let message = if faults.is_empty() { Ok(Inbound::CodeList(list)) } else { Err(faults) };
    Ok(Decoded { items: vec![Item { place: name.to_owned(), external_id: None, message }], warnings: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(words: &str) -> (Option<String>, Option<i64>) {
        let mut record = Record::new();
        name_the_session(&mut record, words);
        (record.text("assembly.term").map(str::to_owned), record.integer("assembly.session"))
    }

    #[test]
    fn an_entry_whose_fields_are_all_null_is_no_file() {
        let protocol = Protocol::read(include_str!("../dialect.toml")).map_err(|faults| format!("{faults:?}")).unwrap();
        let page = |files: &str| {
            let body = format!(r#"{{"ROWS": [{{"Id": "1", "noiDungKienNghi": "x", "tepDinhKem": {files}}}]}}"#);
            let body = body.replace("ROWS", protocol.constant("search_rows"));
            page(&protocol, body.as_bytes()).unwrap().items.remove(0).message
        };
        let files = r#"[{"name": null, "duongDan": null}, {"name": "a.pdf", "duongDan": "/a"}, {}, null]"#;
        let Ok(Inbound::Petition(draft)) = page(files) else { panic!("refused") };
        assert_eq!(draft.attachments.len(), 1);
        assert!(page(r#"[{"name": null, "duongDan": "/a"}]"#).is_err());
    }

    #[test]
    fn term_and_session_are_read_from_the_words_that_are_in_use() {
        let both = (Some("XV".to_owned()), Some(8));
        assert_eq!(told("Khóa XV - Kỳ họp thứ 8"), both);
        assert_eq!(told("kỳ họp thứ tám, quốc hội khoá XV"), both);
        assert_eq!(told(&"Khóa XV - Kỳ họp thứ 8".nfd().collect::<String>()), both);
        assert_eq!(told("Khóa XV"), (Some("XV".to_owned()), None));
        assert_eq!(told("nhiệm kỳ 2021-2026"), (None, None));
        assert_eq!(told("Khóa 15, kỳ họp bất thường"), (None, None));
    }
}
