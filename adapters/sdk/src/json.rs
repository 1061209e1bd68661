//! A bounded JSON reader and writer over the [`Node`] tree.
//!
//! Stricter than most: duplicate keys, lone surrogates, bytes after the end and U+0000 (which no database column of
//! text can hold) are refused, because what one reader takes and another drops cannot be carried faithfully. Numbers
//! keep their spelling, strings every character. It is not a serde back end: an adapter reads by its dialect.

use std::collections::HashSet;

use crate::{
    fault::{Fault, FaultCode},
    tree::{Content, Limits, MIXED_TEXT, Node, shown_name},
};

/// The longest number: the largest that a double can hold has 309 digits, and who writes one out means a text.
const NUMBER_BYTES_MAX: usize = 1_000;

/// Reads a message into a tree.
///
/// # Errors
/// The first thing that makes it no JSON of ours, with the byte it stands at.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Node, Fault> {
    let text = limits.admit(bytes)?;
    let mut reader = Reader { text, at: 0, origin: bytes.len() - text.len(), depth: 0, nodes: 0, limits };
    reader.skip_space();
    let root = reader.value(String::new())?;
    reader.skip_space();
    if reader.at < text.len() {
        return Err(reader.malformed("sau giá trị JSON không được còn gì khác"));
    }
    Ok(root)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Bytes before `text` (a byte order mark), so that faults count from the message's first byte.
    origin: usize,
    depth: usize,
    nodes: usize,
    limits: &'a Limits,
}

impl<'a> Reader<'a> {
    fn value(&mut self, name: String) -> Result<Node, Fault> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes_max {
            return Err(self.too_large(format!("có hơn {} trường và phần tử", self.limits.nodes_max)));
        }
        let content = match self.peek() {
            Some(b'{') => self.object()?,
            Some(b'[') => self.array()?,
            Some(b'"') => Content::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => Content::Number(self.number()?),
            _ if self.word("null") => Content::Null,
            _ if self.word("true") => Content::Boolean(true),
            _ if self.word("false") => Content::Boolean(false),
            Some(_) => return Err(self.malformed("ở đây phải là một giá trị JSON")),
            None => return Err(self.cut_short()),
        };
        Ok(Node::new(name, content))
    }

    fn object(&mut self) -> Result<Content, Fault> {
        self.enter()?;
        let mut members: Vec<Node> = Vec::new();
        if !self.eat(b'}') {
            loop {
                if self.peek() != Some(b'"') {
                    return Err(self.expected("phải là tên trường trong dấu nháy kép"));
                }
                let name = self.string()?;
                self.skip_space();
                if !self.eat(b':') {
                    return Err(self.expected("sau tên trường phải là dấu hai chấm"));
                }
                self.skip_space();
                members.push(self.value(name)?);
                if !self.more(b'}', "giữa hai trường phải có dấu phẩy, sau trường cuối phải có dấu }")?
                {
                    break;
                }
            }
        }
        self.depth -= 1;
        self.refuse_twins(&members)?;
        Ok(Content::Children(members))
    }

    fn array(&mut self) -> Result<Content, Fault> {
        self.enter()?;
        let mut items = Vec::new();
        if !self.eat(b']') {
            loop {
                items.push(self.value(String::new())?);
                if !self.more(b']', "giữa hai phần tử phải có dấu phẩy, sau phần tử cuối phải có dấu ]")?
                {
                    break;
                }
            }
        }
        self.depth -= 1;
        Ok(Content::List(items))
    }

    /// Past an opening bracket and the white space after it.
    fn enter(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > self.limits.depth_max {
            return Err(self.too_large(format!("lồng nhau sâu hơn {} mức", self.limits.depth_max)));
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    /// After a member or item: `true` past a comma, `false` past the closing bracket.
    fn more(&mut self, close: u8, message: &str) -> Result<bool, Fault> {
        self.skip_space();
        if self.eat(close) {
            return Ok(false);
        }
        if !self.eat(b',') {
            return Err(self.expected(message));
        }
        self.skip_space();
        Ok(true)
    }

    fn refuse_twins(&self, members: &[Node]) -> Result<(), Fault> {
        /// Below this many members comparing each with each is faster than hashing.
        const FEW: usize = 16;
        let twin = if members.len() <= FEW {
            members.iter().enumerate().find(|(at, it)| members[..*at].iter().any(|other| other.name == it.name))
        } else {
            let mut seen = HashSet::with_capacity(members.len());
            members.iter().enumerate().find(|(_, it)| !seen.insert(it.name.as_str()))
        };
        let Some((_, twin)) = twin else { return Ok(()) };
        let place = format!("{}, {}", shown_name(&twin.name), self.place());
        Err(Fault::new(FaultCode::Conflict, place, "trường xuất hiện hai lần trong cùng một đối tượng"))
    }

    fn string(&mut self) -> Result<String, Fault> {
        self.at += 1;
        let start = self.at;
        let mut decoded: Option<String> = None;
        let mut copied = start;
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            let Some(step) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1F)) else {
                self.at = self.text.len();
                return Err(self.cut_short());
            };
            self.at += step;
            if self.at - start > self.limits.text_bytes_max {
                return Err(self.too_large(format!("văn bản dài hơn {} byte", self.limits.text_bytes_max)));
            }
            match rest[step] {
                b'"' => {
                    let tail = &self.text[copied..self.at];
                    self.at += 1;
                    return Ok(match decoded {
                        Some(text) => text + tail,
                        None => tail.to_owned(),
                    });
                }
                b'\\' => {
                    let text = decoded.get_or_insert_default();
                    text.push_str(&self.text[copied..self.at]);
                    let character = self.escape()?;
                    text.push(character);
                    copied = self.at;
                }
                _ => return Err(self.malformed("ký tự điều khiển trong chuỗi phải viết dạng \\u00XX")),
            }
        }
    }

    /// One escape sequence, from its backslash.
    fn escape(&mut self) -> Result<char, Fault> {
        let Some(letter) = self.text.as_bytes().get(self.at + 1) else {
            self.at = self.text.len();
            return Err(self.cut_short());
        };
        let character = match letter {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{C}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => return Err(self.malformed("sau dấu \\ chỉ được là \" \\ / b f n r t u")),
        };
        self.at += 2;
        Ok(character)
    }

    fn unicode_escape(&mut self) -> Result<char, Fault> {
        let lone = "mã \\uXXXX là nửa cặp thay thế (surrogate) đứng lẻ";
        let first = self.four_hex(self.at)?;
        let code = match first {
            0xD800..=0xDBFF => {
                if !self.text[self.at + 6..].starts_with("\\u") {
                    return Err(self.malformed(lone));
                }
                let second = self.four_hex(self.at + 6)?;
                if !(0xDC00..=0xDFFF).contains(&second) {
                    return Err(self.malformed(lone));
                }
                self.at += 6;
                0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)
            }
            other => other,
        };
        if code == 0 {
            return Err(self.malformed("ký tự U+0000 không được phép trong văn bản"));
        }
        let character = char::from_u32(code).ok_or_else(|| self.malformed(lone))?;
        self.at += 6;
        Ok(character)
    }

    /// The four digits of the `\uXXXX` at `at`.
    fn four_hex(&self, at: usize) -> Result<u32, Fault> {
        let wrong = || self.malformed("sau \\u phải là đúng bốn chữ số thập lục phân");
        let digits = self.text.as_bytes().get(at + 2..at + 6).ok_or_else(wrong)?;
        digits.iter().try_fold(0, |code, byte| Some(code * 16 + char::from(*byte).to_digit(16)?)).ok_or_else(wrong)
    }

    fn number(&mut self) -> Result<String, Fault> {
        let start = self.at;
        self.eat(b'-');
        let leading_zero = self.peek() == Some(b'0');
        let whole = self.digits();
        let mut sound = whole == 1 || (whole > 1 && !leading_zero);
        if self.eat(b'.') {
            sound &= self.digits() > 0;
        }
        if self.eat(b'e') || self.eat(b'E') {
            if !self.eat(b'+') {
                self.eat(b'-');
            }
            sound &= self.digits() > 0;
        }
        if !sound {
            self.at = start;
            return Err(self.malformed("số không đúng dạng JSON"));
        }
        if self.at - start > NUMBER_BYTES_MAX.min(self.limits.text_bytes_max) {
            self.at = start;
            return Err(self.too_large(format!("số dài hơn {NUMBER_BYTES_MAX} ký tự")));
        }
        Ok(self.text[start..self.at].to_owned())
    }

    fn digits(&mut self) -> usize {
        let count = self.text.as_bytes()[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn place(&self) -> String {
        format!("byte {}", self.origin + self.at)
    }

    fn expected(&self, message: &str) -> Fault {
        if self.peek().is_none() { self.cut_short() } else { self.malformed(message) }
    }

    fn malformed(&self, message: &str) -> Fault {
        Fault::new(FaultCode::Malformed, self.place(), message)
    }

    fn cut_short(&self) -> Fault {
        self.malformed("JSON bị cắt cụt: thiếu phần kết thúc")
    }

    fn too_large(&self, message: String) -> Fault {
        Fault::new(FaultCode::TooLarge, self.place(), message)
    }
}

/// Writes a tree as JSON, compact. The root's name is not written; the attributes of an XML element become members
/// named `@…`, and its text beside them a member named `#text`.
pub fn write(root: &Node) -> Vec<u8> {
    let mut out = Vec::new();
    write_value(root, &mut out);
    out
}

fn write_value(node: &Node, out: &mut Vec<u8>) {
    match &node.content {
        Content::List(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                separate(at, out);
                write_value(item, out);
            }
            out.push(b']');
        }
        Content::Children(children) => write_object(node, children, out),
        _ if !node.attributes.is_empty() => write_object(node, &[], out),
        _ => write_leaf(&node.content, out),
    }
}

fn write_object(node: &Node, children: &[Node], out: &mut Vec<u8>) {
    out.push(b'{');
    let mut count = 0;
    for attribute in &node.attributes {
        separate(count, out);
        write_text(&format!("@{}", attribute.name), out);
        out.push(b':');
        write_text(&attribute.value, out);
        count += 1;
    }
    for child in children {
        separate(count, out);
        write_text(&child.name, out);
        out.push(b':');
        write_value(child, out);
        count += 1;
    }
    if !matches!(node.content, Content::Children(_) | Content::Null) {
        separate(count, out);
        write_text(MIXED_TEXT, out);
        out.push(b':');
        write_leaf(&node.content, out);
    }
    out.push(b'}');
}

fn write_leaf(content: &Content, out: &mut Vec<u8>) {
    match content {
        Content::Text(text) => write_text(text, out),
        Content::Number(number) => out.extend_from_slice(number.as_bytes()),
        Content::Boolean(true) => out.extend_from_slice(b"true"),
        Content::Boolean(false) => out.extend_from_slice(b"false"),
        Content::Null | Content::Children(_) | Content::List(_) => out.extend_from_slice(b"null"),
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..=0x1F => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

fn separate(at: usize, out: &mut Vec<u8>) {
    if at > 0 {
        out.push(b',');
    }
}
