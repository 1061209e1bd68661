//! A document that is not well-formed, taken apart into the items of its list, so that one bad item does not take the
//! others with it.
//!
//! Used only when the strict reader refused the whole. A scan for the items' tags finds where each begins and ends; then
//! the document is read strictly with every item empty, and once for each item with that item alone. Nothing is read
//! leniently: an item is what the strict reader takes, or refused for itself. Where the borders are not plain (an item
//! inside another, an end that is missing, items at two places) there are no parts, and the whole stays refused.

use std::ops::Range;

use super::read;
use crate::{
    fault::{Fault, FaultCode},
    tree::{Content, Limits, Node, shown_name},
};

/// A document taken apart.
pub struct Parted {
    /// The document, each item that could be read in its place; one that could not is an empty element.
    pub root: Node,
    /// The items that could not be read, in order; at least one.
    pub torn: Vec<Torn>,
}

/// An item that cannot be read.
pub struct Torn {
    /// Which of the items it is, from 0.
    pub at: usize,
    /// Why; the place is counted from the item, its line or byte from the document's beginning.
    pub fault: Fault,
    /// What it looks like when bytes that are no UTF-8 are overlooked: good enough to find its id, for nothing else.
    pub guess: Option<Box<Node>>,
}

/// Items beyond this are not looked for: more than any channel takes at once.
const ITEMS_MAX: usize = 5_000;

/// What stands before the first item and after the last one is read with each of them. Known messages have under 1 KiB.
const AROUND_BYTES_MAX: usize = 16 * 1024;

/// A larger item is not guessed at: overlooking bytes can make it three times as large.
const GUESS_BYTES_MAX: usize = 1 << 20;

/// Takes a document apart that [`read`] refused with `fault`; items are the elements named `item`, whatever their prefix.
pub fn part(bytes: &[u8], limits: &Limits, item: &str, fault: &Fault) -> Option<Parted> {
    // What is too large as a whole does not become smaller in parts.
    if fault.code == FaultCode::TooLarge {
        return None;
    }
    let ranges = Scan { bytes, at: 0, item: item.as_bytes() }.items()?;
    let (first, last) = (ranges.first()?, ranges.last()?);
    let around = Around { before: &bytes[..first.start], after: &bytes[last.end..] };
    if around.before.len() + around.after.len() > AROUND_BYTES_MAX {
        return None;
    }
    let mut root = read(&emptied(bytes, &ranges, item), limits).ok()?;
    let list = list_of(&mut root, item, ranges.len())?;
    let places: Vec<&mut Node> = list.iter_mut().filter(|it| it.name == item).collect();
    let mut torn = Vec::new();
    let mut nodes_max = limits.nodes_max;
    let mut before_it = Position { byte: around.before.len(), lines: 0 };
    for (at, (range, place)) in ranges.into_iter().zip(places).enumerate() {
        before_it.lines += breaks(&bytes[before_it.byte..range.start]);
        before_it.byte = range.start;
        let limits = Limits { nodes_max, ..limits.clone() };
        match around.alone(&bytes[range.clone()], item, &limits) {
            Ok(mut node) => {
                nodes_max = nodes_max.saturating_sub(count(&node));
                move_down(&mut node, before_it.lines);
                *place = node;
            }
            Err(fault) => {
                // One that spent them all leaves less for the next, or a crowd of such would be read to the limit each.
                nodes_max = if fault.code == FaultCode::TooLarge { nodes_max / 2 } else { nodes_max };
                let guess = match fault.code {
                    FaultCode::Encoding => around.guess(&bytes[range], item, &limits),
                    _ => None,
                };
                torn.push(Torn { at, fault: before_it.placed(fault, &around, item), guess });
            }
        }
    }
    (!torn.is_empty()).then_some(Parted { root, torn })
}

/// How far an item stands behind the first one.
struct Position {
    byte: usize,
    /// Line breaks between the first item and this one.
    lines: u32,
}

impl Position {
    /// A fault of the document with this item alone, as a fault of the item in the whole document.
    fn placed(&self, fault: Fault, around: &Around<'_>, item: &str) -> Fault {
        if let Some(byte) = fault.place.strip_prefix("byte ").and_then(|text| text.parse::<usize>().ok()) {
            let byte = byte.saturating_sub(around.before.len()) + self.byte;
            return Fault { place: format!("byte {byte}"), ..fault };
        }
        // From the root to the item; what follows is the place within it.
        let name = shown_name(item);
        let within: Vec<&str> = fault.element().split('.').skip_while(|it| *it != name).skip(1).collect();
        let line = fault.line().map(|line| line.saturating_add(self.lines));
        let place = match (within.join("."), line) {
            (within, None) => within,
            (within, Some(line)) if within.is_empty() => format!("line {line}"),
            (within, Some(line)) => format!("{within}, line {line}"),
        };
        Fault { place, ..fault }
    }
}

/// What stands around the items: the tags that are open where they stand, and their ends.
struct Around<'a> {
    before: &'a [u8],
    after: &'a [u8],
}

impl Around<'_> {
    /// The item, read as if it were the document's only one.
    fn alone(&self, slice: &[u8], item: &str, limits: &Limits) -> Result<Node, Fault> {
        let mut root = read(&[self.before, slice, self.after].concat(), limits)?;
        let list = list_of(&mut root, item, 1);
        let node = list.and_then(|list| list.iter_mut().find(|it| it.name == item));
        let broken = || Fault::new(FaultCode::Malformed, "", "phần tử không đóng đúng chỗ");
        node.map(|node| std::mem::replace(node, Node::null(""))).ok_or_else(broken)
    }

    fn guess(&self, slice: &[u8], item: &str, limits: &Limits) -> Option<Box<Node>> {
        let small = slice.len() <= GUESS_BYTES_MAX;
        let text = small.then(|| String::from_utf8_lossy(slice))?;
        self.alone(text.as_bytes(), item, limits).ok().map(Box::new)
    }
}

/// The document with every item empty, and as many lines as before.
fn emptied(bytes: &[u8], ranges: &[Range<usize>], item: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    let mut copied = 0;
    for range in ranges {
        frame.extend_from_slice(&bytes[copied..range.start]);
        frame.extend_from_slice(format!("<{item}").as_bytes());
        frame.extend(bytes[range.clone()].iter().filter(|byte| **byte == b'\n'));
        frame.extend_from_slice(b"/>");
        copied = range.end;
    }
    frame.extend_from_slice(&bytes[copied..]);
    frame
}

/// The children among which all `count` items stand, if they stand at one place.
fn list_of<'n>(node: &'n mut Node, item: &str, count: usize) -> Option<&'n mut Vec<Node>> {
    let Content::Children(children) = &mut node.content else { return None };
    match children.iter().filter(|it| it.name == item).count() {
        0 => children.iter_mut().find_map(|child| list_of(child, item, count)),
        found => (found == count).then_some(children),
    }
}

fn breaks(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u32::MAX)
}

fn count(node: &Node) -> usize {
    1 + node.nodes().iter().map(count).sum::<usize>()
}

fn move_down(node: &mut Node, lines: u32) {
    node.line = node.line.saturating_add(lines);
    if let Content::Children(children) = &mut node.content {
        children.iter_mut().for_each(|child| move_down(child, lines));
    }
}

/// Finds the items' tags. It knows comments, CDATA, processing instructions, and the items' name; nothing else.
struct Scan<'b> {
    bytes: &'b [u8],
    at: usize,
    item: &'b [u8],
}

/// What begins at a `<`.
enum Mark<'b> {
    /// A comment, CDATA or a processing instruction, already passed.
    Passed,
    /// A start tag, by its whole name.
    Start(&'b [u8]),
    /// An end tag, by its whole name.
    End(&'b [u8]),
}

impl<'b> Scan<'b> {
    /// Where each item stands; nothing when that is not plain.
    fn items(&mut self) -> Option<Vec<Range<usize>>> {
        let mut items = Vec::new();
        while let Some(start) = self.next() {
            if let Mark::Start(name) = self.mark()?
                && self.is_item(name)
            {
                self.end_of(name)?;
                items.push(start..self.at);
                if items.len() > ITEMS_MAX {
                    return None;
                }
            }
        }
        Some(items)
    }

    /// Goes behind the end of the item `name`, whose start tag's name was just passed.
    fn end_of(&mut self, name: &[u8]) -> Option<()> {
        if self.is_empty_element() {
            return Some(());
        }
        loop {
            self.next()?;
            match self.mark()? {
                Mark::Start(inner) if self.is_item(inner) => return None,
                Mark::End(end) if end == name => {
                    let rest = &self.bytes[self.at..];
                    let close = rest.iter().position(|byte| !byte.is_ascii_whitespace())?;
                    self.at += close + 1;
                    return (rest[close] == b'>').then_some(());
                }
                _ => {}
            }
        }
    }

    /// Goes behind a start tag, or to the `<` before which it should have ended; whether it is its own end.
    fn is_empty_element(&mut self) -> bool {
        let mut quote = None;
        while let Some(&byte) = self.bytes.get(self.at) {
            match (byte, quote) {
                (b'<', _) => return false,
                (b'>', None) => {
                    self.at += 1;
                    return self.bytes[self.at - 2] == b'/';
                }
                (b'"' | b'\'', None) => quote = Some(byte),
                (byte, Some(open)) if byte == open => quote = None,
                _ => {}
            }
            self.at += 1;
        }
        false
    }

    /// Goes to the next `<`.
    fn next(&mut self) -> Option<usize> {
        self.at += self.bytes[self.at..].iter().position(|byte| *byte == b'<')?;
        Some(self.at)
    }

    /// Goes behind a comment, CDATA or a processing instruction, or behind the name of a tag.
    fn mark(&mut self) -> Option<Mark<'b>> {
        for (open, close) in [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")] {
            if self.bytes[self.at..].starts_with(open.as_bytes()) {
                self.at += open.len();
                let rest = &self.bytes[self.at..];
                self.at += rest.windows(close.len()).position(|it| it == close.as_bytes())? + close.len();
                return Some(Mark::Passed);
            }
        }
        self.at += 1;
        let is_end = self.bytes.get(self.at) == Some(&b'/');
        self.at += usize::from(is_end);
        let rest = &self.bytes[self.at..];
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b"/><".contains(byte);
        let name = &rest[..rest.iter().position(ends).unwrap_or(rest.len())];
        self.at += name.len();
        Some(if is_end { Mark::End(name) } else { Mark::Start(name) })
    }

    fn is_item(&self, name: &[u8]) -> bool {
        let local = name.iter().position(|byte| *byte == b':').map_or(name, |at| &name[at + 1..]);
        local == self.item
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parted(source: &[u8]) -> Option<Parted> {
        let limits = Limits::default();
        part(source, &limits, "b", &read(source, &limits).unwrap_err())
    }

    /// An item that stands in the list: its line and what its `c` says.
    type Kept = (u32, String);

    /// One that is torn: its number, its place, whether it can be guessed.
    type Lost = (usize, String, bool);

    fn told(source: &[u8]) -> (Vec<Kept>, Vec<Lost>) {
        let Parted { root, torn } = parted(source).unwrap();
        let kept =
            root.nodes().iter().filter(|it| it.name == "b").map(|it| (it.line, format!("{:?}", it.text_of("c"))));
        (kept.collect(), torn.into_iter().map(|it| (it.at, it.fault.place, it.guess.is_some())).collect())
    }

    #[test]
    fn an_item_that_is_no_text_or_not_well_formed_leaves_the_others_with_their_lines() {
        let source =
            b"<?xml version=\"1.0\"?>\n<p:a xmlns:p='u'>\n<p:b><c>m\xE1\xBB\x99t</c></p:b>\n<p:b>\n<c>\xFF</c></p:b>\n\
            <p:b k='>'/>\n<p:b><c>\n<d></c></p:b><p:b><!-- </p:b> <p:b> --><c>n\xC4\x83m</c></p:b>\n</p:a>";
        let (kept, torn) = told(source);
        let some = |text: &str| format!("{:?}", Some(text));
        let none = "None".to_owned();
        assert_eq!(
            kept,
            [(3, some("m\u{1ed9}t")), (4, none.clone()), (6, none.clone()), (7, none), (8, some("n\u{103}m"))]
        );
        assert_eq!(torn, [(1, "byte 73".to_owned(), true), (3, "c.d, line 8".to_owned(), false)]);
        assert_eq!(source[73], 0xFF);
        let root = parted(source).unwrap().root;
        assert!(root.nodes()[0].is("u", "b") && root.nodes()[4].is("u", "b"), "namespaces hold around items");
    }

    #[test]
    fn where_the_borders_are_not_plain_there_are_no_parts() {
        for source in [
            &b"<a><b><c></b><b></a>"[..],
            b"<a><b>&x;<b/></b></a>",
            b"<a><b>&x;</b><d><b/></d></a>",
            b"<a><b/><b>&x;</b>",
            b"<a><b>&x;</b></c>",
            b"<a><b>&x;</b><!-- </a>",
            b"<!DOCTYPE a><a><b>&x;</b></a>",
            b"<a>&x;<b/></a>",
            b"<a>\xFF<b/></a>",
            b"<b>&x;</b>",
            b"",
        ] {
            assert!(parted(source).is_none(), "{}", String::from_utf8_lossy(source));
        }
    }

    #[test]
    fn what_is_too_large_as_a_whole_does_not_become_smaller_in_parts() {
        let limits = Limits { nodes_max: 10, ..Limits::default() };
        let crowd = format!("<a><b>&x;</b>{}</a>", "<b><c/><c/><c/></b>".repeat(5));
        let fault = Fault::new(FaultCode::Malformed, "", "");
        let torn = part(crowd.as_bytes(), &limits, "b", &fault).unwrap().torn;
        assert_eq!(torn.iter().map(|it| it.at).collect::<Vec<_>>(), [0, 3, 4, 5]);
        let wide = format!("<a k='{}'><b>&x;</b><b/></a>", "x".repeat(AROUND_BYTES_MAX));
        assert!(parted(wide.as_bytes()).is_none());
        assert!(parted(format!("<a><b>&x;</b>{}</a>", "<b/>".repeat(ITEMS_MAX)).as_bytes()).is_none());
    }
}
