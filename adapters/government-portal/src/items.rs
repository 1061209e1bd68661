//! Where the items of a message stand: an array, the list of a page, repeated elements, or the message itself.

use std::collections::BTreeMap;

use channel_sdk::{
    fault::{Fault, FaultCode},
    tree::{Content, Node},
};

use crate::{
    message::{Message, Unread},
    words::Words,
};

/// An item with its place in the message, read or not.
pub(crate) type Placed = (String, Result<Node, Unread>);

/// What a message lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    /// A page of petitions.
    Petitions,
    /// Petitions that were pushed: a list, or one petition without a list around it.
    PushedPetitions,
    /// Ratings.
    Ratings,
    /// The entries of a code list.
    Codes,
}

impl List {
    /// The constant that names the root of its XML form.
    fn root(self) -> &'static str {
        match self {
            List::Petitions | List::PushedPetitions => "list_root",
            List::Ratings => "rating_list_root",
            List::Codes => "code_list_root",
        }
    }

    fn may_be_single(self) -> bool {
        self == List::PushedPetitions
    }
}

/// The items of a message, with their places.
pub(crate) fn items(words: &Words, message: Message, kind: List) -> Result<Vec<Placed>, Fault> {
    check(words, &message, kind)?;
    let list = words.constant("list");
    let Message { mut root, split, torn, is_xml, .. } = message;
    if is_xml {
        let is_single = kind.may_be_single() && root.name == words.constant("petition_root");
        return Ok(if is_single { vec![(String::new(), Ok(root))] } else { xml_items(words, root, torn) });
    }
    if let Some(items) = split {
        let list = if matches!(root.content, Content::List(_)) { "" } else { list };
        return Ok(placed(list, items));
    }
    if matches!(root.content, Content::List(_)) {
        return Ok(placed("", root.into_items().into_iter().map(Ok)));
    }
    match root.take_child(list) {
        Some(node) if node.content == Content::Null => Ok(Vec::new()),
        Some(node) => Ok(placed(list, node.into_items().into_iter().map(Ok))),
        None => Ok(vec![(String::new(), Ok(root))]),
    }
}

/// Whether the message is a list of this kind at all. What is none must not be taken for an empty one: a scan would end
/// with it, and what it did not list would be taken as read.
pub(crate) fn check(words: &Words, message: &Message, kind: List) -> Result<(), Fault> {
    let list = words.constant("list");
    let root = &message.root;
    if message.is_empty {
        return Err(Fault::new(FaultCode::Malformed, "", "thông điệp rỗng (the message is empty)"));
    }
    if message.is_xml {
        return check_root(words, root, kind);
    }
    match (&root.content, root.child(list).map(|node| &node.content)) {
        (Content::List(_), _) | (_, Some(Content::List(_) | Content::Null)) => Ok(()),
        (_, Some(_)) => Err(Fault::new(FaultCode::Format, list, "phải là một mảng (must be an array)")),
        (Content::Children(_), None) if kind.may_be_single() => Ok(()),
        (Content::Children(_), None) => {
            Err(Fault::new(FaultCode::Missing, list, format!("thiếu {list} (the list of items is absent)")))
        }
        _ => {
            let message = "phải là một đối tượng hoặc một mảng (must be an object or an array)";
            Err(Fault::new(FaultCode::WrongMessage, "", message))
        }
    }
}

fn check_root(words: &Words, root: &Node, kind: List) -> Result<(), Fault> {
    let list = words.constant(kind.root());
    let one = kind.may_be_single().then(|| words.constant("petition_root"));
    if root.name == list || Some(root.name.as_str()) == one {
        return Ok(());
    }
    let or_one = one.map(|one| format!(" hoặc {one}")).unwrap_or_default();
    let message = format!("phần tử gốc phải là {list}{or_one} (wrong root element)");
    Err(Fault::new(FaultCode::WrongMessage, format!("line {}", root.line), message))
}

/// In XML the items stand under the root, with or without the list's name around them; a leaf beside them (the token, a
/// total) is none, unless it bears the name of an item: an empty item is refused and not overlooked.
fn xml_items(words: &Words, mut root: Node, mut torn: BTreeMap<usize, Unread>) -> Vec<Placed> {
    let (list, one) = (words.constant("list"), words.constant("petition_root"));
    let is_item = |node: &Node| node.name == one || matches!(node.content, Content::Children(_));
    let is_field = |node: &Node| matches!(node.content, Content::Text(_)) && node.name != one;
    let is_around = |node: &Node| node.nodes().iter().any(is_item) && !node.nodes().iter().any(is_field);
    let around = match root.child(list).is_some_and(is_around) {
        true => root.take_child(list).unwrap_or(root),
        false => root,
    };
    let Content::Children(nodes) = around.content else { return Vec::new() };
    // What could not be read stands there as an empty element; it is known by its number among those of its name.
    let mut met = 0;
    let items = nodes.into_iter().filter(is_item).enumerate();
    items
        .map(|(at, node)| {
            let unread = if node.name == one { torn.remove(&met) } else { None };
            met += usize::from(node.name == one);
            (format!("{}[{at}]", node.name), unread.map_or(Ok(node), Err))
        })
        .collect()
}

fn placed(list: &str, items: impl IntoIterator<Item = Result<Node, Unread>>) -> Vec<Placed> {
    items.into_iter().enumerate().map(|(at, node)| (format!("{list}[{at}]"), node)).collect()
}

/// A fault of an item as a fault of the message.
pub(crate) fn under(place: &str, fault: Fault) -> Fault {
    match fault.place.as_str() {
        _ if place.is_empty() => fault,
        // A position within the item is no member of it.
        position if position.starts_with("byte ") => Fault { place: format!("{place}, {position}"), ..fault },
        _ => fault.under(place),
    }
}

/// The fault of a JSON item that is no object; in XML an element without children is one that lacks everything.
pub(crate) fn no_object(node: &Node, is_xml: bool) -> Option<Fault> {
    let is_object = is_xml || matches!(node.content, Content::Children(_));
    (!is_object).then(|| Fault::new(FaultCode::Format, "", "phải là một đối tượng (must be an object)"))
}
