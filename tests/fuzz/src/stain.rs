//! Values that must never come back: a mark is put before every text of a message, and looked for in what is said of it.

use channel_sdk::tree::{Content, Node};

/// What no fault, reason or log line may hold. Like a person's data: letters with marks, spaces, a long run of digits.
pub(crate) const MARK: &str = "Bí Mật 0917000111";

/// The same tree with the mark before each of its texts and attributes.
pub(crate) fn stained(mut node: Node) -> Node {
    for attribute in &mut node.attributes {
        attribute.value = format!("{MARK}{}", attribute.value);
    }
    node.content = match node.content {
        Content::Text(text) => Content::Text(format!("{MARK}{text}")),
        Content::Children(nodes) => Content::Children(nodes.into_iter().map(stained).collect()),
        Content::List(nodes) => Content::List(nodes.into_iter().map(stained).collect()),
        other => other,
    };
    node
}

/// What was said holds nothing of the mark.
pub(crate) fn assert_clean(said: &str) {
    assert!(!said.contains("Bí Mật") && !said.contains("0917000111"), "a value was repeated: {said}");
}

/// The texts of a tree, attributes included.
pub(crate) fn texts<'n>(node: &'n Node, found: &mut Vec<&'n str>) {
    found.extend(node.attributes.iter().map(|attribute| attribute.value.as_str()));
    match &node.content {
        Content::Text(text) | Content::Number(text) => found.push(text),
        Content::Children(nodes) | Content::List(nodes) => nodes.iter().for_each(|node| texts(node, found)),
        Content::Boolean(_) | Content::Null => {}
    }
}

/// How deep a tree is, how many nodes it has, and its longest text.
pub(crate) fn measured(node: &Node) -> (usize, usize, usize) {
    let own = node.attributes.iter().map(|it| it.value.len()).max().unwrap_or(0);
    match &node.content {
        Content::Text(text) | Content::Number(text) => (0, 1, own.max(text.len())),
        Content::Boolean(_) | Content::Null => (0, 1, own),
        Content::Children(nodes) | Content::List(nodes) => {
            nodes.iter().map(measured).fold((1, 1, own), |(depth, count, text), below| {
                (depth.max(below.0 + 1), count + below.1, text.max(below.2))
            })
        }
    }
}
