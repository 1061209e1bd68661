//! Messages that mean harm: each must be refused with a reason, soon and in little memory, whatever its size.
//!
//! Built when they are asked for, because some are as large as a message may be.

use channel_sdk::fault::FaultCode;

/// Whose entrance a message tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// `POST /pakn` of the government portal.
    Portal,
    /// `POST /kien-nghi` of the National Assembly.
    Assembly,
    /// A page of the National Assembly's search, pulled.
    Search,
}

/// A message that means harm.
pub struct Hostile {
    /// What it tries.
    pub name: &'static str,
    /// Where.
    pub entries: &'static [Entry],
    /// Its `Content-Type`.
    pub content_type: &'static str,
    /// Why it is refused; `None` for one that may be taken, as long as it costs no more than others.
    pub code: Option<FaultCode>,
    /// Builds it.
    pub body: fn() -> Vec<u8>,
}

use Entry::{Assembly, Portal, Search};
use FaultCode::{Conflict, Encoding, Malformed, TooLarge};

const BOTH: &[Entry] = &[Portal, Assembly];
const JSON: &[Entry] = &[Portal, Search];

const fn xml(name: &'static str, code: FaultCode, body: fn() -> Vec<u8>) -> Hostile {
    Hostile { name, entries: BOTH, content_type: "application/xml", code: Some(code), body }
}

const fn json(name: &'static str, code: FaultCode, body: fn() -> Vec<u8>) -> Hostile {
    Hostile { name, entries: JSON, content_type: "application/json", code: Some(code), body }
}

/// All of them.
pub const MESSAGES: &[Hostile] = &[
    xml("entities that multiply", Malformed, entity_bomb),
    xml("an entity from a file", Malformed, || {
        document("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/hostname\">]>", "&x;")
    }),
    xml("an entity from the network", Malformed, || {
        document("<!DOCTYPE a SYSTEM \"http://127.0.0.1:9/a.dtd\">", "&x;")
    }),
    xml("a parameter entity", Malformed, || {
        document("<!DOCTYPE a [<!ENTITY % x SYSTEM \"file:///dev/zero\"> %x;]>", "")
    }),
    xml("deep nesting", TooLarge, || "<a>".repeat(1 << 20).into()),
    xml("a huge attribute", TooLarge, || format!("<a b='{}'/>", "x".repeat(17 << 20)).into()),
    xml("a huge text", TooLarge, || format!("<a>{}</a>", "x".repeat(17 << 20)).into()),
    xml("a million attributes", TooLarge, || numbered("<a", |at| format!(" a{at}=''"), "/>", 1 << 20)),
    xml("a long namespace over many elements", TooLarge, || {
        format!("<a xmlns='urn:{}'>{}</a>", "x".repeat(1 << 20), "<b/>".repeat(150_000)).into()
    }),
    xml("many namespaces", TooLarge, || numbered("<a>", |at| format!("<b xmlns='u{at}'/>"), "</a>", 100_000)),
    xml("a million elements", TooLarge, || format!("<a>{}</a>", "<b/>".repeat(1 << 20)).into()),
    xml("an attribute twice", Conflict, || b"<a b='1' b='2'/>".to_vec()),
    xml("bytes that are no UTF-8", Encoding, || b"<a>\xFF</a>".to_vec()),
    xml("an overlong bracket", Encoding, || b"\xC0\xBCa/>".to_vec()),
    xml("UTF-16 with its mark", Encoding, || [b"\xFF\xFE".to_vec(), wide("<a/>", u16::to_le_bytes)].concat()),
    xml("UTF-16 without its mark", Encoding, || wide("<a/>", u16::to_be_bytes)),
    xml("UTF-7 as declared", Encoding, || b"<?xml version='1.0' encoding='UTF-7'?><a>+ADw-b/+AD4-</a>".to_vec()),
    xml("UTF-7 undeclared", Malformed, || b"+ADw-a/+AD4-".to_vec()),
    Hostile {
        entries: &[Assembly],
        ..xml("a long note that would stand with each item", TooLarge, || {
            batch(&format!("<GhiChu>{}</GhiChu>", "x".repeat(8 << 20)), 2_000, |at| item(at, "<NoiDung>x</NoiDung>"))
        })
    },
    Hostile {
        entries: &[Assembly],
        ..xml("leaves under long names", TooLarge, || {
            let name = "x".repeat(60);
            let (open, close) = (format!("<{name}>").repeat(30), format!("</{name}>").repeat(30));
            batch("", 1, |at| item(at, &format!("<NoiDung>x</NoiDung>{open}{}{close}", "<y>1</y>".repeat(190_000))))
        })
    },
    Hostile {
        name: "one file for ten thousand references",
        entries: &[Assembly],
        content_type: "multipart/related; boundary=\"b\"",
        code: None,
        body: one_file,
    },
    json("deep arrays", TooLarge, || "[".repeat(1 << 20).into()),
    json("deep objects", TooLarge, || "{\"a\":".repeat(1 << 20).into()),
    json("a key twice among many", Conflict, || numbered("{", |at| format!("\"a{at}\":0,"), "\"a7\":1}", 100_000)),
    json("half a surrogate pair", Malformed, || br#"{"a": "\ud800"}"#.to_vec()),
    json("no text at all", Encoding, || vec![0xFF; 1 << 20]),
    json("UTF-16 in JSON", Encoding, || wide("{}", u16::to_le_bytes)),
    json("a number of millions of digits", TooLarge, || "1".repeat(20 << 20).into()),
    json("millions of items", TooLarge, || format!("[{}0]", "0,".repeat(8 << 20)).into()),
    Hostile {
        entries: &[Portal],
        ..json("lists in each of many items", TooLarge, || {
            let list = format!("[{}0],", "0,".repeat(150_000));
            format!("{{\"danhSach\":[{}[]]}}", list.repeat(80)).into()
        })
    },
    Hostile {
        entries: &[Portal],
        ..json("an item that is no text", Encoding, || {
            [b"[{\"maPAKN\":\"".to_vec(), vec![0xFF; 24 << 20], b"\"},{}]".to_vec()].concat()
        })
    },
    Hostile {
        entries: &[Portal],
        content_type: "application/json; charset=UTF-7",
        ..json("UTF-7 by its header", Encoding, || b"+AHs-+AH0-".to_vec())
    },
];

fn document(before: &str, inside: &str) -> Vec<u8> {
    format!("<?xml version=\"1.0\"?>{before}<a>{inside}</a>").into()
}

fn entity_bomb() -> Vec<u8> {
    let mut entities = "<!ENTITY e0 \"xxxxxxxxxx\">".to_owned();
    for level in 1..30 {
        entities.push_str(&format!("<!ENTITY e{level} \"{}\">", format!("&e{};", level - 1).repeat(10)));
    }
    document(&format!("<!DOCTYPE a [{entities}]>"), "&e29;")
}

fn numbered(before: &str, piece: fn(usize) -> String, after: &str, count: usize) -> Vec<u8> {
    let mut message = before.to_owned();
    (0..count).for_each(|at| message.push_str(&piece(at)));
    (message + after).into()
}

fn wide(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

fn item(at: usize, inside: &str) -> String {
    format!("<KienNghi ma=\"XIV-08-{at:04}-001\">{inside}</KienNghi>")
}

fn batch(beside: &str, count: usize, item: impl Fn(usize) -> String) -> Vec<u8> {
    let mut message = format!("<DanhSachKienNghi xmlns=\"urn:petition-gateway:voter-petitions:1\">{beside}");
    (0..count).for_each(|at| message.push_str(&item(at)));
    (message + "</DanhSachKienNghi>").into()
}

/// Eight MiB that two hundred petitions name fifty times each: digesting it each time would take minutes.
fn one_file() -> Vec<u8> {
    let files = "<TepDinhKem ten=\"a\" ma=\"cid:1\"/>".repeat(50);
    let batch = batch("", 200, |at| item(at, &format!("<NoiDung>x</NoiDung>{files}")));
    let file = vec![b'x'; 8 << 20];
    [&b"--b\r\n\r\n"[..], &batch, b"\r\n--b\r\nContent-ID: <1>\r\n\r\n", &file, b"\r\n--b--"].concat()
}
