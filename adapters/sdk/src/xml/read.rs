//! XML to tree.

use std::sync::Arc;

use quick_xml::{
    Error, NsReader,
    errors::IllFormedError,
    escape::unescape,
    events::{BytesDecl, BytesRef, BytesStart, Event, attributes::AttrError},
    name::{Namespace, QName, ResolveResult},
};

use super::{first_forbidden, is_allowed, is_name};
use crate::{
    fault::{Fault, FaultCode},
    tree::{Attribute, Content, Limits, MIXED_TEXT, Node, shown_name},
};

/// Reads a message into a tree.
///
/// # Errors
/// The first thing that makes it no XML of ours, with the element and line it stands at.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Node, Fault> {
    let text = limits.admit(bytes)?;
    let mut xml = NsReader::from_str(text);
    xml.config_mut().check_comments = true;
    xml.resolver_mut().set_max_namespace_bindings(BINDINGS_MAX);
    let mut tree =
        Tree { text, limits, open: Vec::new(), root: None, nodes: 0, line: 1, counted: 0, spaces: Vec::new() };
    if let Some(at) = first_forbidden(text) {
        tree.count_lines(at);
        return Err(tree.malformed("có ký tự điều khiển mà XML 1.0 không cho phép"));
    }
    loop {
        let at = offset(xml.buffer_position());
        tree.count_lines(at);
        let event = xml.read_event().map_err(|error| tree.broken(&error))?;
        match event {
            Event::Start(start) => tree.start(&xml, &start)?,
            Event::Empty(start) => {
                tree.start(&xml, &start)?;
                tree.end();
            }
            Event::End(_) => tree.end(),
            Event::Text(text) if ends_cdata(&text) => return Err(tree.malformed("văn bản không được chứa ]]>")),
            Event::Text(text) => tree.text(&text)?,
            Event::CData(_) if tree.open.is_empty() => return Err(tree.malformed(OUTSIDE)),
            Event::CData(text) => tree.text(&text)?,
            Event::GeneralRef(reference) => tree.reference(&reference)?,
            Event::Decl(declaration) => tree.declaration(&declaration, at)?,
            Event::DocType(_) => return Err(tree.malformed("không được khai báo DOCTYPE")),
            Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => return tree.finish(),
        }
    }
}

/// Namespace declarations in force at once. Known messages have at most six; each name is looked up among them.
const BINDINGS_MAX: usize = 128;

/// Namespaces in one message. Known messages have at most six. They are shared by all elements, and each element looks
/// its own up among them: many long ones in force over many elements would cost time and memory out of all proportion.
const SPACES_MAX: usize = 32;

/// Bytes of a namespace; the longest known one has under 100.
const SPACE_BYTES_MAX: usize = 512;

const OUTSIDE: &str = "ngoài phần tử gốc không được có văn bản";

/// Whether a text holds `]]>`. Few texts hold a bracket at all, and that is found out many bytes at a time.
fn ends_cdata(text: &str) -> bool {
    text.as_bytes().contains(&b']') && text.contains("]]>")
}

/// Positions come as `u64`; the input is in memory, so they fit.
fn offset(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

/// The tree while it grows.
struct Tree<'a> {
    text: &'a str,
    limits: &'a Limits,
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    /// The line of the byte `counted`.
    line: u32,
    counted: usize,
    /// Namespaces seen; elements share them.
    spaces: Vec<Arc<str>>,
}

/// An element whose end tag is still to come.
struct Open {
    node: Node,
    children: Vec<Node>,
    /// Character data since the start tag or the last child.
    text: String,
    text_line: u32,
}

impl Open {
    /// Makes text beside child elements a child of its own, and drops white space.
    fn settle_mixed_text(&mut self) {
        if !self.text.trim_ascii().is_empty() {
            let mut node = Node::leaf(MIXED_TEXT, std::mem::take(&mut self.text));
            node.line = self.text_line;
            self.children.push(node);
        }
        self.text.clear();
    }

    fn close(mut self) -> Node {
        if self.children.is_empty() {
            self.node.content = Content::Text(self.text);
        } else {
            self.settle_mixed_text();
            self.node.content = Content::Children(self.children);
        }
        self.node
    }
}

impl Tree<'_> {
    fn count_lines(&mut self, at: usize) {
        let passed = self.text.as_bytes().get(self.counted..at).unwrap_or_default();
        let breaks = passed.iter().filter(|byte| **byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
        self.counted = at;
    }

    fn start(&mut self, xml: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<(), Fault> {
        if self.open.is_empty() && self.root.is_some() {
            return Err(self.malformed("chỉ được có một phần tử gốc"));
        }
        if self.open.len() >= self.limits.depth_max {
            return Err(self.too_large(format!("lồng nhau sâu hơn {} mức", self.limits.depth_max)));
        }
        self.nodes += 1;
        if self.nodes > self.limits.nodes_max {
            return Err(self.too_large(format!("có hơn {} phần tử", self.limits.nodes_max)));
        }
        let (namespace, local) = xml.resolver().resolve_element(start.name());
        let mut node = Node::leaf(self.name(local.as_ref())?, String::new());
        node.namespace = self.namespace(namespace)?;
        node.line = self.line;
        node.attributes = self.attributes(xml, start)?;
        if let Some(parent) = self.open.last_mut() {
            parent.settle_mixed_text();
        }
        self.open.push(Open { node, children: Vec::new(), text: String::new(), text_line: self.line });
        Ok(())
    }

    fn end(&mut self) {
        let Some(open) = self.open.pop() else { return };
        let node = open.close();
        match self.open.last_mut() {
            Some(parent) => parent.children.push(node),
            None => self.root = Some(node),
        }
    }

    fn name(&self, name: &str) -> Result<String, Fault> {
        if is_name(name) {
            return Ok(name.to_owned());
        }
        Err(self.malformed("tên phần tử hoặc thuộc tính không đúng quy tắc XML"))
    }

    fn namespace(&mut self, resolved: ResolveResult<'_>) -> Result<Option<Arc<str>>, Fault> {
        let Namespace(space) = match resolved {
            ResolveResult::Unbound => return Ok(None),
            ResolveResult::Bound(space) => space,
            ResolveResult::Unknown(_) => return Err(self.malformed("tiền tố không gian tên chưa được khai báo")),
        };
        if space.len() > SPACE_BYTES_MAX {
            return Err(self.too_large(format!("không gian tên dài hơn {SPACE_BYTES_MAX} byte")));
        }
        // The resolver compares declarations as they are spelt; a namespace is what they mean.
        let space = unescape(space).map_err(|_| self.malformed(BAD_REFERENCE))?;
        if let Some(known) = self.spaces.iter().find(|it| it.as_ref() == space) {
            return Ok(Some(known.clone()));
        }
        if self.spaces.len() >= SPACES_MAX {
            return Err(self.too_large(format!("có hơn {SPACES_MAX} không gian tên")));
        }
        let space: Arc<str> = Arc::from(space);
        self.spaces.push(space.clone());
        Ok(Some(space))
    }

    fn attributes(&mut self, xml: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<Vec<Attribute>, Fault> {
        let mut attributes: Vec<Attribute> = Vec::new();
        for (count, attribute) in start.attributes().enumerate() {
            if count >= self.limits.attributes_max {
                return Err(self.too_large(format!("một phần tử có hơn {} thuộc tính", self.limits.attributes_max)));
            }
            let attribute = attribute.map_err(|error| self.broken(&Error::InvalidAttr(error)))?;
            let value = self.attribute_value(&attribute.value)?;
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            let (namespace, name) = self.attribute_name(xml, attribute.key)?;
            if attributes.iter().any(|it| it.name == name && it.namespace == namespace) {
                return Err(self.twin());
            }
            attributes.push(Attribute { name, namespace, value });
        }
        Ok(attributes)
    }

    fn attribute_name(&mut self, xml: &NsReader<&[u8]>, key: QName<'_>) -> Result<(Option<Arc<str>>, String), Fault> {
        let (namespace, local) = xml.resolver().resolve_attribute(key);
        Ok((self.namespace(namespace)?, self.name(local.as_ref())?))
    }

    fn attribute_value(&self, raw: &str) -> Result<String, Fault> {
        if raw.len() > self.limits.text_bytes_max {
            return Err(self.text_too_long());
        }
        if raw.contains('<') {
            return Err(self.malformed("giá trị thuộc tính không được chứa dấu <"));
        }
        let value = unescape(raw).map_err(|_| self.malformed(BAD_REFERENCE))?;
        if first_forbidden(&value).is_some() {
            return Err(self.malformed(BAD_REFERENCE));
        }
        Ok(value.into_owned())
    }

    fn text(&mut self, text: &str) -> Result<(), Fault> {
        let Some(open) = self.open.last_mut() else {
            let blank = text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
            return if blank { Ok(()) } else { Err(self.malformed(OUTSIDE)) };
        };
        if open.text.len() + text.len() > self.limits.text_bytes_max {
            return Err(self.text_too_long());
        }
        if open.text.is_empty() {
            open.text_line = self.line;
        }
        open.text.push_str(text);
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), Fault> {
        if self.open.is_empty() {
            return Err(self.malformed(OUTSIDE));
        }
        let character = match reference.resolve_char_ref() {
            Ok(Some(character)) if is_allowed(character) => character,
            Ok(None) => match &**reference {
                "lt" => '<',
                "gt" => '>',
                "amp" => '&',
                "apos" => '\'',
                "quot" => '"',
                _ => return Err(self.malformed(BAD_REFERENCE)),
            },
            _ => return Err(self.malformed(BAD_REFERENCE)),
        };
        self.text(character.encode_utf8(&mut [0; 4]))
    }

    fn declaration(&self, declaration: &BytesDecl<'_>, at: usize) -> Result<(), Fault> {
        if at != 0 {
            return Err(self.malformed("khai báo <?xml …?> phải đứng ở đầu thông điệp, trước nó không được có gì"));
        }
        match declaration.version() {
            Ok(version) if version.starts_with("1.") => {}
            _ => return Err(self.malformed("khai báo <?xml …?> phải nêu version=\"1.0\"")),
        }
        match declaration.encoding() {
            None => Ok(()),
            // US-ASCII is a part of UTF-8, and what some libraries declare when they escape everything else.
            Some(Ok(name)) if ["utf-8", "utf8", "us-ascii"].iter().any(|it| name.eq_ignore_ascii_case(it)) => Ok(()),
            Some(Ok(_)) => {
                let message = "bảng mã khai báo không phải UTF-8; hãy gửi bằng UTF-8";
                Err(Fault::new(FaultCode::Encoding, self.place(), message))
            }
            Some(Err(_)) => Err(self.malformed("khai báo <?xml …?> sai cú pháp")),
        }
    }

    fn finish(mut self) -> Result<Node, Fault> {
        if !self.open.is_empty() {
            return Err(self.malformed("XML bị cắt cụt: phần tử chưa được đóng"));
        }
        self.root.take().ok_or_else(|| self.malformed("không có phần tử gốc"))
    }

    fn broken(&self, error: &Error) -> Fault {
        let message = match error {
            Error::InvalidAttr(AttrError::Duplicated(..)) => return self.twin(),
            Error::Syntax(_) => "XML bị cắt cụt hoặc sai cú pháp",
            Error::IllFormed(IllFormedError::MismatchedEndTag { .. } | IllFormedError::UnmatchedEndTag(_)) => {
                "thẻ đóng không khớp với thẻ mở"
            }
            Error::IllFormed(IllFormedError::DoubleHyphenInComment) => "chú thích không được chứa --",
            Error::IllFormed(_) => "XML không đúng dạng",
            Error::InvalidAttr(_) => "thuộc tính sai cú pháp; phải là tên=\"giá trị\"",
            Error::Escape(_) => BAD_REFERENCE,
            Error::Namespace(_) => "khai báo không gian tên không đúng",
            Error::Io(_) | Error::Encoding(_) => "XML không đọc được",
        };
        self.malformed(message)
    }

    fn twin(&self) -> Fault {
        Fault::new(FaultCode::Conflict, self.place(), "thuộc tính xuất hiện hai lần trong cùng một phần tử")
    }

    fn place(&self) -> String {
        let mut place = String::new();
        for open in &self.open {
            place.push_str(if place.is_empty() { "" } else { "." });
            place.push_str(&shown_name(&open.node.name));
        }
        let comma = if place.is_empty() { "" } else { ", " };
        format!("{place}{comma}line {}", self.line)
    }

    fn malformed(&self, message: &str) -> Fault {
        Fault::new(FaultCode::Malformed, self.place(), message)
    }

    fn too_large(&self, message: String) -> Fault {
        Fault::new(FaultCode::TooLarge, self.place(), message)
    }

    fn text_too_long(&self) -> Fault {
        self.too_large(format!("văn bản dài hơn {} byte", self.limits.text_bytes_max))
    }
}

const BAD_REFERENCE: &str = "chỉ được dùng &lt; &gt; &amp; &apos; &quot; và tham chiếu tới ký tự mà XML 1.0 cho phép";
