//! Bytes to a tree: which syntax, which encoding, and which items can still be read when the whole cannot.

use std::collections::BTreeMap;

use channel_sdk::{
    adapter::RawMessage,
    fault::{Fault, FaultCode},
    json,
    tree::{Content, Limits, Node},
    xml::{self, Parted},
};

use crate::split;

/// What is larger is not guessed at: overlooking bytes can make it three times as large.
const GUESS_BYTES_MAX: usize = 8 << 20;

/// A message as a tree.
pub(crate) struct Message {
    /// The whole; without its items where they had to be read one by one.
    pub(crate) root: Node,
    /// JSON: the items, read one by one because the whole was refused for what is wrong in some of them.
    pub(crate) split: Option<Vec<Result<Node, Unread>>>,
    /// XML: the items that were refused for themselves, by their number among the items of a list; the others stand in
    /// `root`.
    pub(crate) torn: BTreeMap<usize, Unread>,
    /// The syntax.
    pub(crate) is_xml: bool,
    /// Whether there were no bytes but white space.
    pub(crate) is_empty: bool,
}

/// An item that cannot be read.
pub(crate) struct Unread {
    /// Why; places are counted from the item's own beginning.
    pub(crate) fault: Fault,
    /// What it looks like when bytes that are no UTF-8 are overlooked: good enough to find its id, for nothing else.
    pub(crate) guess: Option<Box<Node>>,
}

/// Whether the bytes are to be read as XML: as declared, or by their first character where nothing is declared.
pub(crate) fn is_xml(content_type: &str, body: &[u8]) -> bool {
    let declared = content_type.to_ascii_lowercase();
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace() && !b"\xEF\xBB\xBF".contains(byte));
    declared.contains("xml") || (!declared.contains("json") && first == Some(&b'<'))
}

impl Message {
    /// Reads the bytes of a message by its content type; `list` is the name of the list that may be split, `one` that of an
    /// item in XML.
    pub(crate) fn read(raw: &RawMessage, list: &str, one: &str) -> Result<Message, Fault> {
        refuse_other_charset(&raw.content_type)?;
        let is_xml = is_xml(&raw.content_type, &raw.body);
        if raw.body.iter().all(u8::is_ascii_whitespace) {
            // Some pushes say everything by their path.
            return Ok(Message { is_empty: true, ..Message::whole(Node::object("", Vec::new()), is_xml) });
        }
        let limits = Limits::default();
        if is_xml {
            return match xml::read(&raw.body, &limits) {
                Ok(root) => Ok(Message::whole(root, is_xml)),
                Err(fault) => read_parted(&raw.body, one, &limits, &fault).ok_or(fault),
            };
        }
        match json::read(&raw.body, &limits) {
            Ok(root) => Ok(Message::whole(root, is_xml)),
            Err(fault) => read_split(&raw.body, list, &limits).ok_or(fault),
        }
    }

    fn whole(root: Node, is_xml: bool) -> Message {
        Message { root, split: None, torn: BTreeMap::new(), is_xml, is_empty: false }
    }

    /// The message with bytes that are no UTF-8 overlooked: for finding the way to the next page, for nothing else.
    pub(crate) fn guess(raw: &RawMessage) -> Option<Message> {
        let text = (raw.body.len() <= GUESS_BYTES_MAX).then(|| String::from_utf8_lossy(&raw.body))?;
        let limits = Limits::default();
        let is_xml = is_xml(&raw.content_type, &raw.body);
        let root = if is_xml { xml::read(text.as_bytes(), &limits) } else { json::read(text.as_bytes(), &limits) };
        root.ok().map(|root| Message::whole(root, is_xml))
    }

    /// Whether anything is listed: under `list`, as an array, or as elements.
    pub(crate) fn has_items(&self, list: &str) -> bool {
        let any = |node: &Node| matches!(&node.content, Content::List(items) if !items.is_empty());
        let elements = |node: &Node| matches!(node.content, Content::Children(_));
        match &self.split {
            Some(items) => !items.is_empty(),
            None if !self.torn.is_empty() => true,
            None if self.is_xml => self.root.nodes().iter().any(elements),
            None => any(&self.root) || self.root.child(list).is_some_and(any),
        }
    }

    /// What stands around the items: the message's own leaves, and its attributes as if they were leaves.
    pub(crate) fn around(&self) -> Node {
        let is_leaf = |node: &&Node| !matches!(node.content, Content::Children(_) | Content::List(_));
        let mut leaves: Vec<Node> = self.root.nodes().iter().filter(is_leaf).cloned().collect();
        leaves.extend(self.root.attributes.iter().map(|it| Node::leaf(it.name.clone(), it.value.clone())));
        Node::object("", leaves)
    }
}

/// The items one by one, when the list can be found and what stands around it is sound.
fn read_split(body: &[u8], list: &str, limits: &Limits) -> Option<Message> {
    if body.len() > limits.bytes_max {
        return None;
    }
    let split = split::split(body, list)?;
    let root = json::read(&split.frame, limits).ok()?;
    // What is too large as a whole does not become smaller in parts.
    let mut nodes_max = limits.nodes_max;
    let items = split.items.into_iter().map(|place| {
        let (item, limits) = (&body[place], Limits { nodes_max, ..limits.clone() });
        let read = json::read(item, &limits);
        nodes_max = match &read {
            Ok(node) => nodes_max.saturating_sub(count(node)),
            // One that spent them all leaves less for the next, or a crowd of such would be read to the limit each.
            Err(fault) if fault.code == FaultCode::TooLarge => nodes_max / 2,
            Err(_) => nodes_max,
        };
        read.map_err(|fault| Unread { guess: guessed(item, &limits, &fault), fault })
    });
    Some(Message { split: Some(items.collect()), ..Message::whole(root, false) })
}

/// What an item looks like when bytes that are no UTF-8 are overlooked.
fn guessed(item: &[u8], limits: &Limits, fault: &Fault) -> Option<Box<Node>> {
    let helps = fault.code == FaultCode::Encoding && item.len() <= GUESS_BYTES_MAX;
    let text = helps.then(|| String::from_utf8_lossy(item))?;
    json::read(text.as_bytes(), limits).ok().map(Box::new)
}

fn count(node: &Node) -> usize {
    let below = match &node.content {
        Content::Children(nodes) | Content::List(nodes) => nodes.as_slice(),
        _ => &[],
    };
    1 + below.iter().map(count).sum::<usize>()
}

/// The same for elements named `one`.
fn read_parted(body: &[u8], one: &str, limits: &Limits, fault: &Fault) -> Option<Message> {
    let Parted { root, torn } = xml::part(body, limits, one, fault)?;
    let torn = torn.into_iter().map(|it| (it.at, Unread { fault: it.fault, guess: it.guess }));
    Some(Message { torn: torn.collect(), ..Message::whole(root, true) })
}

fn refuse_other_charset(content_type: &str) -> Result<(), Fault> {
    let mut parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let charset = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    match charset.map(|(_, charset)| charset.trim().trim_matches('"')) {
        Some(charset) if !["utf-8", "utf8", "us-ascii"].iter().any(|known| charset.eq_ignore_ascii_case(known)) => {
            let message = "bảng mã không phải UTF-8; hãy gửi bằng UTF-8 (the declared charset is not UTF-8)";
            Err(Fault::new(FaultCode::Encoding, "Content-Type", message))
        }
        _ => Ok(()),
    }
}
