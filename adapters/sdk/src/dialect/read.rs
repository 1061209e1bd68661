//! A channel's element or object to a canonical record.
//!
//! One walk over the tree: each node meets the place that the rules gave it, or becomes an extension. All faults are
//! collected, so that a sender mends them in one round.

use std::collections::HashMap;

use super::{
    Map, Record, Value,
    rule::{Form, Place, Rules},
    scalar::{self, Found},
};
use crate::{
    fault::{Fault, FaultCode},
    inbound::Extensions,
    tree::{Attribute, Content, MIXED_TEXT, Node, shown_name},
};

/// What was read: the record as far as it is sound, what no rule spoke of, and everything that is wrong.
#[derive(Clone, Default)]
pub struct Reading {
    /// The canonical values.
    pub record: Record,
    /// Leaves that no rule read, by their path.
    pub extensions: Extensions,
    /// Everything wrong, in no promised order; at most a hundred.
    pub faults: Vec<Fault>,
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let extensions: Vec<_> = self.extensions.keys().collect();
        f.debug_struct("Reading")
            .field("record", &self.record)
            .field("extensions", &extensions)
            .field("faults", &self.faults)
            .finish()
    }
}

impl Map {
    /// Reads a node, leaving it as it is: its texts are copied.
    pub fn read(&self, node: &Node) -> Reading {
        self.take(node.clone())
    }

    /// Reads a node that is not needed afterwards: its texts are moved, not copied.
    pub fn take(&self, node: Node) -> Reading {
        let rules = &*self.inner;
        let mut walk = Walk {
            rules,
            slots: rules.rules.iter().map(|_| None).collect(),
            refused: vec![false; rules.rules.len()],
            seen: vec![false; rules.places],
            path: Path::default(),
            repeats: HashMap::new(),
            reading: Reading::default(),
        };
        let line = node.line;
        walk.visit(node, &rules.root);
        walk.finish(line)
    }
}

/// Where the walk stands.
#[derive(Default)]
struct Path {
    steps: String,
    line: u32,
}

impl Path {
    /// Goes to a child; returns what [`Path::back`] needs.
    fn down(&mut self, name: &str, line: u32) -> (usize, u32) {
        let before = (self.steps.len(), self.line);
        if !self.steps.is_empty() && !name.starts_with(['@', '[']) {
            self.steps.push('.');
        }
        self.steps.push_str(&shown_name(name));
        self.line = if line > 0 { line } else { self.line };
        before
    }

    fn back(&mut self, (length, line): (usize, u32)) {
        self.steps.truncate(length);
        self.line = line;
    }

    /// The path with the line, where one is known.
    fn place(&self) -> String {
        with_line(&self.steps, self.line)
    }
}

fn with_line(path: &str, line: u32) -> String {
    match (path.is_empty(), line) {
        (_, 0) => path.to_owned(),
        (true, line) => format!("line {line}"),
        (false, line) => format!("{path}, line {line}"),
    }
}

struct Walk<'a> {
    rules: &'a Rules,
    /// The value of each rule.
    slots: Vec<Option<Value>>,
    /// Whether the rule met something that it refused; then it is not also missing.
    refused: Vec<bool>,
    /// Whether a place was met, for elements that may stand once only.
    seen: Vec<bool>,
    path: Path,
    /// How often an extension's path was met, where more than once.
    repeats: HashMap<String, usize>,
    reading: Reading,
}

/// Faults of one item that are told; nobody mends more in one round.
const FAULTS_MAX: usize = 100;

/// Extensions of one item. The richest known message has under 200 leaves in all.
const EXTENSIONS_MAX: usize = 5_000;

/// Bytes of an extension's path. Known ones have under 80; a deep tree of long names must not multiply itself.
const PATH_BYTES_MAX: usize = 512;

impl<'a> Walk<'a> {
    fn visit(&mut self, node: Node, place: &'a Place) {
        for attribute in node.attributes {
            self.attribute(attribute, place);
        }
        match node.content {
            Content::Children(children) if place.rules.is_empty() => {
                for child in children {
                    self.child(child, node.namespace.as_deref(), place);
                }
            }
            Content::List(items) if items.is_empty() => {}
            content @ (Content::Children(_) | Content::List(_)) => self.misshapen(place, &content),
            content if place.rules.is_empty() => self.beside(content, place),
            content => self.values(&place.rules, content),
        }
    }

    /// A child: the one that a rule expects here, or an extension.
    fn child(&mut self, child: Node, namespace: Option<&str>, place: &'a Place) {
        // An element of a foreign namespace is not the one that the rule means, whatever its local name.
        let foreign = child.namespace.is_some() && namespace.is_some() && child.namespace.as_deref() != namespace;
        let Some(below) = place.child(&child.name).filter(|_| !foreign) else {
            let before = self.path.down(&child.name, child.line);
            self.extend(child);
            self.path.back(before);
            return;
        };
        if let [number] = below.rules[..]
            && self.rules.rules[number].form.is_list()
        {
            self.items(number, child);
            return;
        }
        let before = self.path.down(&child.name, child.line);
        if std::mem::replace(&mut self.seen[below.id], true) {
            self.fault(FaultCode::Conflict, "xuất hiện hai lần; chỉ được có một");
        } else {
            self.visit(child, below);
        }
        self.path.back(before);
    }

    /// Everything that stands under the name of a list: a JSON array, or one of the repeated elements.
    fn items(&mut self, number: usize, node: Node) {
        let name = node.name.clone();
        let met = match &self.slots[number] {
            Some(Value::List(items)) => items.len(),
            _ => 0,
        };
        for (offset, item) in node.into_items().into_iter().enumerate().filter(|(_, item)| !item.is_blank()) {
            let index = met + offset;
            let before = self.path.down(&name, item.line);
            self.path.steps.push_str(&format!("[{index}]"));
            let value = self.item(number, item);
            self.path.back(before);
            match (&mut self.slots[number], value) {
                (Some(Value::List(items)), value) => items.push(value),
                (slot, value) => *slot = Some(Value::List(vec![value])),
            }
        }
    }

    /// One item; a refused one leaves an empty record, its faults tell why.
    fn item(&mut self, number: usize, item: Node) -> Value {
        match &self.rules.rules[number].form {
            Form::Records(map) => {
                let reading = map.take(item);
                let prefix = &self.path.steps;
                let room = FAULTS_MAX.saturating_sub(self.reading.faults.len());
                self.reading.faults.extend(reading.faults.into_iter().take(room).map(|fault| fault.under(prefix)));
                // One more than there may be tells in the end that there were too many.
                let room = (EXTENSIONS_MAX + 1).saturating_sub(self.reading.extensions.len());
                let extensions = reading.extensions.into_iter().take(room);
                let extensions = extensions.map(|(path, text)| (joined(prefix, &path), text));
                self.reading.extensions.extend(extensions);
                Value::Record(reading.record)
            }
            Form::ListOf(form) => {
                for attribute in item.attributes {
                    self.extend_attribute(attribute);
                }
                match scalar::read(form, item.content) {
                    Ok(Found::Value(value)) => return value,
                    Ok(Found::UnknownCode(text)) => self.keep(text),
                    Ok(Found::Nothing) => {}
                    Err((code, message)) => {
                        self.refused[number] = true;
                        self.fault(code, message);
                    }
                }
                Value::Record(Record::new())
            }
            _ => Value::Record(Record::new()),
        }
    }

    fn attribute(&mut self, attribute: Attribute, place: &'a Place) {
        let rules = match attribute.namespace {
            None => place.attributes.iter().find(|(name, _)| *name == attribute.name),
            Some(_) => None,
        };
        match rules {
            None => self.extend_attribute(attribute),
            Some((name, numbers)) => {
                let before = self.path.down("@", 0);
                self.path.steps.push_str(name);
                self.values(numbers, Content::Text(attribute.value));
                self.path.back(before);
            }
        }
    }

    /// One value for each rule that reads it; the last one gets the text itself.
    fn values(&mut self, numbers: &[usize], content: Content) {
        let Some((last, others)) = numbers.split_last() else { return };
        for number in others {
            self.value(*number, content.clone());
        }
        self.value(*last, content);
    }

    fn value(&mut self, number: usize, content: Content) {
        let rule = &self.rules.rules[number];
        match scalar::read(&rule.form, content) {
            Ok(Found::Value(Value::Text(text))) if rule.required && text.trim().is_empty() => {}
            Ok(Found::Value(value)) => self.slots[number] = Some(value),
            Ok(Found::Nothing) => {}
            Ok(Found::UnknownCode(text)) => self.keep(text),
            Err((code, message)) => {
                self.refused[number] = true;
                self.fault(code, message);
            }
        }
    }

    /// Text at a place whose attributes or children alone are mapped.
    fn beside(&mut self, content: Content, place: &Place) {
        if let Content::Text(text) = &content
            && !place.children.is_empty()
            && text.trim().is_empty()
        {
            return;
        }
        self.extend(Node::new("", content));
    }

    /// An object or array where a value is expected, or an array where an object is.
    fn misshapen(&mut self, place: &Place, content: &Content) {
        if place.rules.is_empty() {
            for number in numbers_below(place) {
                self.refused[number] = true;
            }
            self.fault(FaultCode::Format, "phải là một đối tượng, không phải danh sách");
            return;
        }
        for number in &place.rules {
            self.refused[*number] = true;
        }
        let what = if matches!(content, Content::List(_)) { "danh sách" } else { "đối tượng" };
        self.fault(FaultCode::Format, format!("phải là một giá trị đơn, không phải {what}"));
    }

    /// A node that no rule speaks of, with everything below it.
    fn extend(&mut self, node: Node) {
        for attribute in node.attributes {
            self.extend_attribute(attribute);
        }
        match node.content {
            Content::Text(text) | Content::Number(text) => self.keep(text),
            Content::Boolean(value) => self.keep(value.to_string()),
            Content::Null => {}
            Content::Children(nodes) => self.extend_all(nodes),
            Content::List(items) => {
                for (index, item) in items.into_iter().enumerate() {
                    let before = self.path.down(&format!("[{index}]"), item.line);
                    self.extend(item);
                    self.path.back(before);
                }
            }
        }
    }

    fn extend_all(&mut self, nodes: Vec<Node>) {
        for node in nodes {
            let name = if node.name.is_empty() { MIXED_TEXT } else { &node.name };
            let before = self.path.down(name, node.line);
            self.extend(node);
            self.path.back(before);
        }
    }

    fn extend_attribute(&mut self, attribute: Attribute) {
        let before = self.path.down("@", 0);
        self.path.steps.push_str(&shown_name(&attribute.name));
        self.keep(attribute.value);
        self.path.back(before);
    }

    /// Keeps a text under the path where the walk stands; a repeated element gets a number of its own.
    fn keep(&mut self, text: String) {
        if text.is_empty() || self.reading.extensions.len() > EXTENSIONS_MAX {
            return;
        }
        let own = if self.path.steps.is_empty() { OWN_TEXT } else { &self.path.steps };
        let own = cut(own);
        let mut path = own.to_owned();
        while self.reading.extensions.contains_key(&path) {
            let repeat = self.repeats.entry(own.to_owned()).or_insert(0);
            *repeat += 1;
            path = format!("{own}[{repeat}]");
        }
        self.reading.extensions.insert(path, text);
    }

    fn fault(&mut self, code: FaultCode, message: impl Into<String>) {
        if self.reading.faults.len() >= FAULTS_MAX {
            return;
        }
        self.reading.faults.push(Fault::new(code, self.path.place(), message));
    }

    fn finish(mut self, line: u32) -> Reading {
        for ((rule, slot), refused) in self.rules.rules.iter().zip(self.slots).zip(self.refused) {
            let value = match slot {
                Some(value) => Some(value),
                None if refused => None,
                None if rule.required => {
                    let place = with_line(&rule.at.to_string(), line);
                    let message = format!("thiếu hoặc để trống; {}", scalar::shape(&rule.form));
                    self.reading.faults.push(Fault::new(FaultCode::Missing, place, message));
                    None
                }
                None => rule.default.clone(),
            };
            if let Some(value) = value {
                self.reading.record.set_parts(&rule.parts, value);
            }
        }
        if self.reading.extensions.len() > EXTENSIONS_MAX {
            let message = format!("có hơn {EXTENSIONS_MAX} trường mà bảng quy tắc không có");
            self.reading.faults.push(Fault::new(FaultCode::TooLarge, with_line("", line), message));
        }
        self.reading.faults.truncate(FAULTS_MAX);
        self.reading
    }
}

/// How a mapped element's own text is named among extensions, as in a rule's `at`.
const OWN_TEXT: &str = ".";

fn joined(prefix: &str, path: &str) -> String {
    let path = if path == OWN_TEXT { "" } else { path };
    let dot = if path.is_empty() || path.starts_with(['@', '[']) { "" } else { "." };
    format!("{prefix}{dot}{path}")
}

/// The path's beginning, up to a character's end.
fn cut(path: &str) -> &str {
    let end = (0..=PATH_BYTES_MAX.min(path.len())).rev().find(|end| path.is_char_boundary(*end)).unwrap_or(0);
    &path[..end]
}

/// The rules of everything below a place.
fn numbers_below(place: &Place) -> Vec<usize> {
    let attributes = place.attributes.iter().flat_map(|(_, numbers)| numbers.iter().copied());
    let children = place.children.iter().flat_map(|(_, child)| child.rules.iter().copied().chain(numbers_below(child)));
    attributes.chain(children).collect()
}
