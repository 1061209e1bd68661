//! One tree for both syntaxes: what [`crate::json`] and [`crate::xml`] read into and write from.
//!
//! Dialects are applied to this tree, so a mapping does not know whether a channel speaks JSON or XML. Text stands in it
//! exactly as it came: nothing is trimmed, folded or normalised. `Debug` shows names and shapes only, never a value,
//! because the values are personal data.

use std::{fmt, slice, sync::Arc};

use crate::fault::{Fault, FaultCode};

/// A member of a JSON object, an item of a JSON array, or an XML element.
#[derive(Clone, PartialEq, Eq)]
pub struct Node {
    /// Local name (XML) or key (JSON); empty for a JSON root and for the items of an array.
    pub name: String,
    /// XML only: the namespace, expanded.
    pub namespace: Option<Arc<str>>,
    /// XML only, in document order, without namespace declarations.
    pub attributes: Vec<Attribute>,
    /// What it holds.
    pub content: Content,
    /// The line that it begins on, from 1; 0 where it is not known (JSON, and trees that we made).
    pub line: u32,
}

/// An attribute of an XML element.
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Local name.
    pub name: String,
    /// The namespace of a prefixed attribute, expanded.
    pub namespace: Option<Arc<str>>,
    /// The value, references decoded, otherwise exact.
    pub value: String,
}

/// What a node holds.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// JSON `null`; written to XML as an empty element.
    Null,
    /// A JSON string, or the character data of an XML element without child elements (empty for an empty element).
    Text(String),
    /// A JSON number as it is spelt, so that no digit is lost.
    Number(String),
    /// A JSON boolean.
    Boolean(bool),
    /// A JSON object, or an XML element with child elements. Text between child elements stands in children named
    /// [`MIXED_TEXT`]; white space between them is dropped.
    Children(Vec<Node>),
    /// A JSON array; written to XML as one element of the node's name for each item.
    List(Vec<Node>),
}

/// The name of a child that holds text between child elements.
pub const MIXED_TEXT: &str = "#text";

impl Node {
    /// A node of this name and content.
    pub fn new(name: impl Into<String>, content: Content) -> Node {
        Node { name: name.into(), namespace: None, attributes: Vec::new(), content, line: 0 }
    }

    /// A leaf of text.
    pub fn leaf(name: impl Into<String>, text: impl Into<String>) -> Node {
        Node::new(name, Content::Text(text.into()))
    }

    /// A leaf with an integer.
    pub fn integer(name: impl Into<String>, number: i64) -> Node {
        Node::new(name, Content::Number(number.to_string()))
    }

    /// A leaf with a boolean.
    pub fn boolean(name: impl Into<String>, value: bool) -> Node {
        Node::new(name, Content::Boolean(value))
    }

    /// A `null`.
    pub fn null(name: impl Into<String>) -> Node {
        Node::new(name, Content::Null)
    }

    /// An object, or an element with child elements.
    pub fn object(name: impl Into<String>, children: Vec<Node>) -> Node {
        Node::new(name, Content::Children(children))
    }

    /// An array, or the repeated elements of this name.
    pub fn list(name: impl Into<String>, items: Vec<Node>) -> Node {
        Node::new(name, Content::List(items))
    }

    /// The same node under another name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Node {
        self.name = name.into();
        self
    }

    /// With one more attribute (XML).
    #[must_use]
    pub fn with_attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Node {
        self.attributes.push(Attribute { name: name.into(), namespace: None, value: value.into() });
        self
    }

    /// With this namespace for the element and for every element below it that has none yet (XML).
    #[must_use]
    pub fn in_namespace(mut self, namespace: &str) -> Node {
        self.adopt(&Arc::from(namespace));
        self
    }

    fn adopt(&mut self, namespace: &Arc<str>) {
        if self.namespace.is_none() && self.name != MIXED_TEXT {
            self.namespace = Some(namespace.clone());
        }
        if let Content::Children(below) | Content::List(below) = &mut self.content {
            below.iter_mut().for_each(|node| node.adopt(namespace));
        }
    }

    /// Whether this is the element `name` in `namespace` (XML).
    pub fn is(&self, namespace: &str, name: &str) -> bool {
        self.name == name && self.namespace.as_deref() == Some(namespace)
    }

    /// The first child of this name.
    pub fn child(&self, name: &str) -> Option<&Node> {
        self.nodes().iter().find(|node| node.name == name)
    }

    /// Everything that stands under this name: each repeated element (XML), each item of the array (JSON).
    pub fn children<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Node> {
        self.nodes().iter().filter(move |node| node.name == name).flat_map(Node::items)
    }

    /// The items of an array; any other node is itself the one item.
    pub fn items(&self) -> slice::Iter<'_, Node> {
        match &self.content {
            Content::List(items) => items.iter(),
            _ => slice::from_ref(self).iter(),
        }
    }

    /// The same, for a tree that is not needed afterwards: no text is copied.
    pub fn into_items(self) -> Vec<Node> {
        match self.content {
            Content::List(items) => items,
            _ => vec![self],
        }
    }

    /// The child nodes of an object or element; none for everything else.
    pub fn nodes(&self) -> &[Node] {
        match &self.content {
            Content::Children(children) => children,
            _ => &[],
        }
    }

    /// Takes the first child of this name out of the tree.
    pub fn take_child(&mut self, name: &str) -> Option<Node> {
        let Content::Children(children) = &mut self.content else { return None };
        let at = children.iter().position(|node| node.name == name)?;
        Some(children.remove(at))
    }

    /// The attribute of this name that stands in no namespace.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|it| it.name == name && it.namespace.is_none()).map(|it| it.value.as_str())
    }

    /// Its text, or its number as spelt; nothing for everything else.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) | Content::Number(text) => Some(text),
            _ => None,
        }
    }

    /// The text of the first child of this name.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).and_then(Node::text)
    }

    /// Whether it says nothing: null, empty text, an empty object or array, and no attribute.
    pub fn is_blank(&self) -> bool {
        self.attributes.is_empty()
            && match &self.content {
                Content::Null => true,
                Content::Text(text) => text.is_empty(),
                Content::Number(_) | Content::Boolean(_) => false,
                Content::Children(nodes) | Content::List(nodes) => nodes.is_empty(),
            }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("name", &self.name)
            .field("attributes", &self.attributes)
            .field("content", &self.content)
            .field("line", &self.line)
            .finish()
    }
}

impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.name)
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Content::Null => f.write_str("Null"),
            Content::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Content::Number(_) => f.write_str("Number"),
            Content::Boolean(_) => f.write_str("Boolean"),
            Content::Children(nodes) => f.debug_tuple("Children").field(nodes).finish(),
            Content::List(nodes) => f.debug_tuple("List").field(nodes).finish(),
        }
    }
}

/// What a reader refuses to go beyond, so that no message can exhaust the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The whole message. 32 MiB: a session's 2,250 voter petitions are about 10 MiB, and a message may carry a file
    /// inline.
    pub bytes_max: usize,
    /// Elements or objects inside each other. 64: the deepest known message (edXML) has 12, and readers recurse.
    pub depth_max: usize,
    /// Elements, members and items in all. 200,000: four times a whole session in one batch, at most 40 MiB of tree.
    pub nodes_max: usize,
    /// Attributes of one element, namespace declarations included. 64: no known element has more than 12.
    pub attributes_max: usize,
    /// One text. 16 MiB: an inline file of 12 MiB as base64; petitions themselves stay below 10 KiB.
    pub text_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { bytes_max: 32 << 20, depth_max: 64, nodes_max: 200_000, attributes_max: 64, text_bytes_max: 16 << 20 }
    }
}

impl Limits {
    /// The message as text: within its limit and UTF-8, a byte order mark skipped.
    pub(crate) fn admit<'a>(&self, bytes: &'a [u8]) -> Result<&'a str, Fault> {
        if bytes.len() > self.bytes_max {
            let message = format!("thông điệp lớn hơn giới hạn {} byte", self.bytes_max);
            return Err(Fault::new(FaultCode::TooLarge, "", message));
        }
        // UTF-16 and UTF-32 show a NUL among the first two bytes of markup or a byte order mark of their own.
        let wide = bytes.starts_with(&[0xFE, 0xFF]) || bytes.starts_with(&[0xFF, 0xFE]);
        if wide || bytes.iter().take(2).any(|byte| *byte == 0) {
            return Err(Fault::new(FaultCode::Encoding, "byte 0", "thông điệp không phải UTF-8; hãy gửi bằng UTF-8"));
        }
        let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        std::str::from_utf8(text).map_err(|error| {
            let place = format!("byte {}", bytes.len() - text.len() + error.valid_up_to());
            Fault::new(FaultCode::Encoding, place, "byte không hợp lệ trong UTF-8; hãy gửi bằng UTF-8")
        })
    }
}

/// `name` as it may stand in a fault's place: far sides choose names, so they are cut to a sane length.
pub(crate) fn shown_name(name: &str) -> String {
    /// Characters; the longest known element name has 24.
    const NAME_CHARS_MAX: usize = 64;
    if name.chars().nth(NAME_CHARS_MAX).is_none() {
        return name.to_owned();
    }
    name.chars().take(NAME_CHARS_MAX).chain(['…']).collect()
}
