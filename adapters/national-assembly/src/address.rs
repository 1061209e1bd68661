//! Addresses of files (`duongDan`) that the search interface shows: from the text that came to a call below the far side.
//!
//! They come from outside and are asked for with our credentials. So only what is plainly a path of the far side itself
//! is called, never another host and never a way up; what that is, a browser must agree with, and so must the server.

use channel_sdk::{Request, remote::segment};

/// As long as the dialect lets an address be.
const CHARS_MAX: usize = 2000;

/// Why an address is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotCalled {
    Absent,
    Elsewhere,
    Upwards,
    TooLong,
    Control,
}

impl NotCalled {
    /// What would be right. The address itself stays out: it may name a person.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            NotCalled::Absent => "tệp không có đường dẫn (the file has no address; a path beginning with / is needed)",
            NotCalled::Elsewhere => {
                "đường dẫn của tệp phải bắt đầu bằng một dấu / và không có máy chủ \
                 (the file's address must be a path below the far side: beginning with one /, without scheme and host)"
            }
            NotCalled::Upwards => {
                "đường dẫn của tệp không được có `..` (the file's address must have no `..` segments)"
            }
            NotCalled::TooLong => {
                "đường dẫn của tệp dài quá 2000 ký tự (the file's address must have at most 2000 characters)"
            }
            NotCalled::Control => {
                "đường dẫn của tệp không được có ký tự điều khiển (the file's address must have no control characters)"
            }
        }
    }
}

/// The call that gets the file at `address`.
pub(crate) fn request(address: &str) -> Result<Request, NotCalled> {
    if address.is_empty() {
        return Err(NotCalled::Absent);
    }
    if address.chars().nth(CHARS_MAX).is_some() {
        return Err(NotCalled::TooLong);
    }
    // Two slashes, or one of them turned round, begin a host.
    if !address.starts_with('/') || address[1..].starts_with(['/', '\\']) {
        return Err(NotCalled::Elsewhere);
    }
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let plain = unescaped(path);
    if address.chars().any(char::is_control) || plain.iter().any(u8::is_ascii_control) {
        return Err(NotCalled::Control);
    }
    // A server may undo the escapes before it splits the path, and Windows splits at both slashes.
    if plain.split(|byte| matches!(byte, b'/' | b'\\')).any(|segment| segment == b"..") {
        return Err(NotCalled::Upwards);
    }
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    Ok(pairs.fold(Request::get(escaped(path)), |request, pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        request.query(&word(name), word(value))
    }))
}

/// `path` with everything escaped that cannot stand in a path; escapes that came stay as they came.
fn escaped(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for (at, char) in path.char_indices() {
        match char {
            '%' if escape(&path.as_bytes()[at..]).is_some() => out.push('%'),
            // RFC 3986: what may stand in a path besides the unreserved characters.
            '/' | ':' | '@' | '!' | '$' | '&' | '\'' | '(' | ')' | '*' | '+' | ',' | ';' | '=' => out.push(char),
            other => out.push_str(&segment(other.encode_utf8(&mut [0; 4]))),
        }
    }
    out
}

/// The byte that the escape at the beginning of `bytes` stands for.
fn escape(bytes: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = bytes else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// `text` with its escapes undone; what is no escape stays.
fn unescaped(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some(&first) = rest.first() {
        let (byte, length) = escape(rest).map_or((first, 1), |byte| (byte, 3));
        out.push(byte);
        rest = &rest[length..];
    }
    out
}

/// A name or value of the query, as the remote will escape it again.
fn word(text: &str) -> String {
    String::from_utf8_lossy(&unescaped(&text.replace('+', " "))).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_called_as_it_came_with_only_what_cannot_stand_in_it_escaped() {
        for (address, path) in [
            ("/Upload/2019/phu-luc.pdf", "/Upload/2019/phu-luc.pdf"),
            ("/tệp/phụ lục (1).pdf", "/t%E1%BB%87p/ph%E1%BB%A5%20l%E1%BB%A5c%20(1).pdf"),
            ("/t%E1%BB%87p/a%20b%2fc.pdf", "/t%E1%BB%87p/a%20b%2fc.pdf"),
            ("/100%.pdf", "/100%25.pdf"),
            ("/5%-2%zz%4", "/5%25-2%25zz%254"),
            ("/a#1\\b..c/...", "/a%231%5Cb..c/..."),
        ] {
            let request = request(address).unwrap();
            assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", path));
            assert!(request.query.is_empty());
        }
    }

    #[test]
    fn a_query_is_taken_apart_for_the_remote() {
        let request = request("/api/tep?id=5&ten=a%20b+%C4%91%26&x").unwrap();
        assert_eq!(request.path, "/api/tep");
        let pairs: Vec<(&str, &str)> = request.query.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        assert_eq!(pairs, [("id", "5"), ("ten", "a b đ&"), ("x", "")]);
    }

    #[test]
    fn another_host_a_way_up_and_what_is_no_path_are_not_called() {
        let long = format!("/{}", "a".repeat(CHARS_MAX));
        for (address, reason) in [
            ("", NotCalled::Absent),
            ("https://dbqh.example.vn/Upload/a.pdf", NotCalled::Elsewhere),
            ("//dbqh.example.vn/a.pdf", NotCalled::Elsewhere),
            ("/\\dbqh.example.vn/a.pdf", NotCalled::Elsewhere),
            ("Upload/a.pdf", NotCalled::Elsewhere),
            ("javascript:alert(1)", NotCalled::Elsewhere),
            ("/Upload/../a.pdf", NotCalled::Upwards),
            ("/Upload/..", NotCalled::Upwards),
            ("/Upload/%2e%2E/a.pdf", NotCalled::Upwards),
            ("/Upload/..%2fa.pdf", NotCalled::Upwards),
            ("/Upload/..\\a.pdf", NotCalled::Upwards),
            ("/Upload/a\r\nb", NotCalled::Control),
            ("/Upload/a%00.pdf", NotCalled::Control),
            (&long, NotCalled::TooLong),
        ] {
            assert_eq!(request(address).unwrap_err(), reason, "{address}");
        }
    }
}
