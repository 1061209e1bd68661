//! A small, bounded reader of `multipart/related` (RFC 2387): the batch document first, its files after it.
//!
//! It is not a mail parser: no nested multiparts, no encodings but the identity and base64. The parts share the bytes of
//! the message; nothing is copied unless it must be decoded. Faults name parts by number, never by what came.

use std::cell::OnceCell;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use channel_sdk::{Fault, fault::FaultCode};
use sha2::{Digest, Sha256};

/// One document and its files. A national session has 2,250 petitions; few carry a file, and a letter is one message.
const PARTS_MAX: usize = 1_000;

/// Three headers are needed; mailers add a handful.
const HEADERS_MAX: usize = 32;

/// All headers of a part. A content type with a long file name stays far below.
const HEADER_BYTES_MAX: usize = 8 * 1024;

/// RFC 2046 section 5.1.1.
const BOUNDARY_CHARS_MAX: usize = 70;

/// A message read into its parts.
#[derive(Debug)]
pub(crate) struct Related {
    /// The document.
    pub(crate) root: Bytes,
    /// What the document refers to.
    pub(crate) files: Vec<Part>,
}

/// One file.
#[derive(Debug)]
pub(crate) struct Part {
    /// `Content-ID` without angle brackets.
    pub(crate) content_id: String,
    /// `Content-Type`, empty where absent.
    pub(crate) content_type: String,
    /// The content, its transfer encoding undone.
    pub(crate) content: Bytes,
    /// Its SHA-256, once somebody asked.
    sha256: OnceCell<String>,
}

impl Part {
    /// A file as its headers describe it.
    pub(crate) fn new(content_id: &str, content_type: &str, content: Bytes) -> Part {
        Part {
            content_id: content_id.to_owned(),
            content_type: content_type.to_owned(),
            content,
            sha256: OnceCell::new(),
        }
    }

    /// The content's SHA-256 in lower-case hex, computed once: every petition of a batch may refer to one file.
    pub(crate) fn sha256(&self) -> String {
        self.sha256.get_or_init(|| hex::encode(Sha256::digest(&self.content))).clone()
    }
}

impl Related {
    /// The file that `cid:…` refers to (RFC 2392: the reference is percent-encoded, the `Content-ID` is not).
    pub(crate) fn file(&self, reference: &str) -> Option<&Part> {
        let wanted = percent_decoded(reference.strip_prefix("cid:")?)?;
        self.files.iter().find(|part| part.content_id == wanted)
    }
}

/// Whether a message with this `Content-Type` is ours to read.
pub(crate) fn is_related(content_type: &str) -> bool {
    essence(content_type).eq_ignore_ascii_case("multipart/related")
}

/// `type/subtype` without parameters.
pub(crate) fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or("").trim()
}

/// Reads a message; its document is the part that `start` names, or the first.
pub(crate) fn read(content_type: &str, body: &Bytes) -> Result<Related, Fault> {
    let boundary = parameter(content_type, "boundary").unwrap_or_default();
    if boundary.is_empty() || boundary.len() > BOUNDARY_CHARS_MAX {
        return Err(malformed("Content-Type", "thiếu `boundary` hợp lệ (1-70 ký tự)"));
    }
    let mut parts = Vec::new();
    for (number, range) in ranges(body, boundary.as_bytes())?.into_iter().enumerate() {
        parts.push(part(number + 1, body.slice(range))?);
    }
    let start = parameter(content_type, "start").map(|id| bare_id(&id).to_owned());
    let root = start.and_then(|id| parts.iter().position(|part| part.content_id == id)).unwrap_or(0);
    if parts.is_empty() {
        return Err(malformed("multipart", "thông điệp không có phần nào"));
    }
    let root = parts.remove(root);
    refuse_repeated_ids(&parts)?;
    Ok(Related { root: root.content, files: parts })
}

fn refuse_repeated_ids(parts: &[Part]) -> Result<(), Fault> {
    let mut ids: Vec<&str> = parts.iter().map(|part| part.content_id.as_str()).filter(|id| !id.is_empty()).collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Fault::new(FaultCode::Conflict, "multipart", "hai phần có cùng `Content-ID`"));
    }
    Ok(())
}

fn malformed(place: &str, message: &str) -> Fault {
    Fault::new(FaultCode::Malformed, place, message)
}

/// A line that begins with the boundary.
struct Mark {
    /// Where the line begins.
    start: usize,
    /// Where the next line begins.
    end: usize,
    /// Whether it ends the message.
    closes: bool,
}

/// The byte range of each part, headers included.
fn ranges(body: &[u8], boundary: &[u8]) -> Result<Vec<std::ops::Range<usize>>, Fault> {
    let mut found = Vec::new();
    let mut open: Option<usize> = None;
    // Lines end as the first delimiter's does; guessing for each line would eat the last byte of a binary file.
    let mut line_break = 2;
    let mut at = 0;
    while at < body.len() {
        let line_end = body[at..].iter().position(|&byte| byte == b'\n').map_or(body.len(), |n| at + n + 1);
        let Some(mark) = mark(body, at, line_end, boundary) else {
            at = line_end;
            continue;
        };
        if let Some(from) = open {
            found.push(from..mark.start.saturating_sub(line_break).max(from));
        } else if !body[at..line_end].ends_with(b"\r\n") {
            line_break = 1;
        }
        if found.len() > PARTS_MAX {
            return Err(Fault::new(FaultCode::TooLarge, "multipart", format!("quá {PARTS_MAX} phần")));
        }
        if mark.closes {
            return Ok(found);
        }
        open = Some(mark.end);
        at = line_end;
    }
    Err(malformed("multipart", "thông điệp bị cắt: thiếu dòng `boundary` kết thúc"))
}

fn mark(body: &[u8], start: usize, end: usize, boundary: &[u8]) -> Option<Mark> {
    let rest = body[start..end].strip_prefix(b"--")?.strip_prefix(boundary)?;
    let (rest, closes) = rest.strip_prefix(b"--").map_or((rest, false), |rest| (rest, true));
    rest.iter().all(|byte| byte.is_ascii_whitespace()).then_some(Mark { start, end, closes })
}

fn part(number: usize, bytes: Bytes) -> Result<Part, Fault> {
    let place = format!("multipart[{number}]");
    let mut headers = Vec::new();
    let mut at = 0;
    loop {
        let Some(length) = bytes[at..].iter().position(|&byte| byte == b'\n') else {
            return Err(malformed(&place, "thiếu dòng trống sau các trường đầu phần"));
        };
        let line = bytes[at..at + length].strip_suffix(b"\r").unwrap_or(&bytes[at..at + length]);
        at += length + 1;
        if line.is_empty() {
            break;
        }
        if at > HEADER_BYTES_MAX || headers.len() >= HEADERS_MAX {
            return Err(Fault::new(FaultCode::TooLarge, place, "các trường đầu phần quá dài hoặc quá nhiều"));
        }
        let line = std::str::from_utf8(line)
            .map_err(|_| Fault::new(FaultCode::Encoding, &*place, "trường đầu phần không phải UTF-8"))?;
        add_header(&mut headers, line);
    }
    let header = |name: &str| headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let content = decoded(&place, header("content-transfer-encoding"), bytes.slice(at..))?;
    Ok(Part::new(bare_id(header("content-id")), header("content-type"), content))
}

/// A line of its own, or one folded onto the line before.
fn add_header(headers: &mut Vec<(String, String)>, line: &str) {
    if line.starts_with([' ', '\t']) {
        if let Some((_, value)) = headers.last_mut() {
            value.push(' ');
            value.push_str(line.trim());
        }
        return;
    }
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
}

fn decoded(place: &str, encoding: &str, bytes: Bytes) -> Result<Bytes, Fault> {
    match encoding.to_ascii_lowercase().as_str() {
        "" | "binary" | "8bit" | "7bit" => Ok(bytes),
        "base64" => {
            from_base64(&bytes).map(Bytes::from).ok_or_else(|| malformed(place, "nội dung base64 không hợp lệ"))
        }
        _ => Err(Fault::new(
            FaultCode::Encoding,
            place,
            "`Content-Transfer-Encoding` phải là binary, 8bit, 7bit hoặc base64",
        )),
    }
}

/// Base64 with the line breaks that mailers put in.
fn from_base64(bytes: &[u8]) -> Option<Vec<u8>> {
    let dense: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(dense).ok()
}

fn bare_id(id: &str) -> &str {
    let id = id.trim();
    id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).unwrap_or(id)
}

/// A parameter of a content type, unquoted.
fn parameter(content_type: &str, name: &str) -> Option<String> {
    let mut rest = content_type.split_once(';')?.1;
    loop {
        let (key, value) = rest.split_once('=')?;
        let (value, after) = parameter_value(value)?;
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = after.split_once(';')?.1;
    }
}

/// The value at the front of `text`, and what follows it.
fn parameter_value(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start();
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return Some((text[..end].trim().to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            _ => value.push(char),
        }
    }
    None
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/related; type=\"application/xml\"; boundary=\"b-1\"; start=\"<goc>\"";

    fn read_text(body: &str) -> Result<Related, Fault> {
        read(TYPE, &Bytes::copy_from_slice(body.as_bytes()))
    }

    #[test]
    fn the_document_is_the_part_that_start_names() {
        let read = read_text(
            "preamble\r\n--b-1\r\nContent-ID: <1>\r\nContent-Type: text/plain\r\n\r\nfile\r\n\r\n--b-1\r\n\
             content-id:\r\n <goc>\r\n\r\n<x/>\r\n--b-1--\r\nepilogue",
        )
        .unwrap();
        assert_eq!(&read.root[..], b"<x/>");
        assert_eq!(&read.file("cid:1").unwrap().content[..], b"file\r\n");
        assert_eq!(read.file("cid:1").unwrap().content_type, "text/plain");
        assert!(read.file("cid:2").is_none());
        assert!(read.file("1").is_none());
    }

    #[test]
    fn line_feeds_alone_end_lines_where_the_first_delimiter_has_no_carriage_return() {
        let read = read_text("--b-1\n\n<x/>\r\n--b-1\nContent-ID: <a b>\n\nq\n--b-1--").unwrap();
        assert_eq!(&read.root[..], b"<x/>\r");
        assert_eq!(&read.file("cid:a%20b").unwrap().content[..], b"q");
    }

    #[test]
    fn base64_parts_are_decoded_and_other_encodings_refused() {
        let body = |encoding: &str, text: &str| {
            format!(
                "--b-1\r\n\r\n<x/>\r\n--b-1\r\nContent-ID: <1>\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{text}\r\n--b-1--"
            )
        };
        assert_eq!(&read_text(&body("Base64", "aG\r\nk=")).unwrap().files[0].content[..], b"hi");
        assert_eq!(read_text(&body("base64", "?")).unwrap_err().code, FaultCode::Malformed);
        assert_eq!(read_text(&body("quoted-printable", "hi")).unwrap_err().code, FaultCode::Encoding);
    }

    #[test]
    fn a_message_that_is_cut_short_or_without_a_boundary_is_refused() {
        assert_eq!(read_text("--b-1\r\n\r\n<x/>").unwrap_err().code, FaultCode::Malformed);
        assert_eq!(read_text("--b-1\r\nContent-ID: <1>\r\n--b-1--").unwrap_err().code, FaultCode::Malformed);
        assert_eq!(read("multipart/related", &Bytes::new()).unwrap_err().place, "Content-Type");
        assert_eq!(read_text("--b-1--").unwrap_err().code, FaultCode::Malformed);
    }

    #[test]
    fn limits_hold() {
        let many = "--b-1\r\n\r\n\r\n".repeat(PARTS_MAX + 3) + "--b-1--";
        assert_eq!(read_text(&many).unwrap_err().code, FaultCode::TooLarge);
        let long = format!("--b-1\r\nX: {}\r\n\r\n--b-1--", "x".repeat(HEADER_BYTES_MAX));
        assert_eq!(read_text(&long).unwrap_err().code, FaultCode::TooLarge);
        let twice = "--b-1\r\n\r\n\r\n--b-1\r\nContent-ID: <1>\r\n\r\n\r\n--b-1\r\nContent-ID: 1\r\n\r\n\r\n--b-1--";
        assert_eq!(read_text(twice).unwrap_err().code, FaultCode::Conflict);
    }
}
