//! A canonical record to a channel's element or object.

use super::{
    Map, Record, Value,
    rule::{Form, Rule},
    scalar,
};
use crate::{
    fault::{Fault, FaultCode},
    tree::{Content, Node},
};

impl Map {
    /// Writes a record as a node without name ([`Node::named`] gives it one). Absent values are left out, or written as
    /// null where the rule says so; so are empty texts, which mean the same.
    ///
    /// # Errors
    /// A required value is absent, a code has no spelling on this channel, a text is longer than the rule allows, or a
    /// value is not of the rule's type.
    pub fn write(&self, record: &Record) -> Result<Node, Fault> {
        // Where a rule reads the node's own value, no value is none, and an object would be a value of another shape.
        let is_value = !self.inner.root.rules.is_empty();
        let mut root = if is_value { Node::null("") } else { Node::object("", Vec::new()) };
        for rule in &self.inner.rules {
            let value = record.get(&rule.name).filter(|it| !matches!(it, Value::Text(text) if text.is_empty()));
            match value {
                Some(value) => put(&mut root, rule, content(rule, value)?),
                None if rule.required => {
                    let message = format!("không có giá trị; {}", scalar::shape(&rule.form));
                    return Err(Fault::new(FaultCode::Missing, rule.at.to_string(), message));
                }
                None if rule.null && rule.at.attribute.is_none() => put(&mut root, rule, Content::Null),
                None => {}
            }
        }
        Ok(root)
    }
}

fn content(rule: &Rule, value: &Value) -> Result<Content, Fault> {
    let refuse = |(code, message)| Fault::new(code, rule.at.to_string(), message);
    let items = match (&rule.form, value) {
        (Form::Records(_) | Form::ListOf(_), Value::List(items)) => items,
        (form, value) => return scalar::write(form, value).map_err(refuse),
    };
    let mut nodes = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let under = |fault: Fault| fault.under(&format!("{}[{index}]", rule.at));
        nodes.push(match (&rule.form, item) {
            (Form::Records(map), Value::Record(record)) => map.write(record).map_err(under)?,
            (Form::ListOf(form), item) => {
                let refuse = |(code, message)| under(Fault::new(code, "", message));
                Node::new("", scalar::write(form, item).map_err(refuse)?)
            }
            (form, _) => return Err(under(Fault::new(FaultCode::Format, "", scalar::shape(form)))),
        });
    }
    Ok(Content::List(nodes))
}

/// Puts a value where its rule says. Where two rules share a place the first one that has a value is written.
fn put(root: &mut Node, rule: &Rule, content: Content) {
    let mut node = root;
    for name in &rule.at.elements {
        node = descend(node, name);
    }
    match (&rule.at.attribute, content) {
        (Some(name), content) => {
            if node.attribute(name).is_none() {
                let taken = std::mem::replace(node, Node::null(""));
                *node = taken.with_attribute(name.as_str(), spelling(content));
            }
        }
        (None, content) => {
            if matches!(&node.content, Content::Null) || matches!(&node.content, Content::Children(it) if it.is_empty())
            {
                node.content = content;
            }
        }
    }
}

fn descend<'a>(node: &'a mut Node, name: &str) -> &'a mut Node {
    if !matches!(node.content, Content::Children(_)) {
        node.content = Content::Children(Vec::new());
    }
    let Content::Children(children) = &mut node.content else { unreachable!("made children above") };
    let at = match children.iter().position(|child| child.name == name) {
        Some(at) => at,
        None => {
            children.push(Node::object(name, Vec::new()));
            children.len() - 1
        }
    };
    &mut children[at]
}

/// A value as an attribute has it.
fn spelling(content: Content) -> String {
    match content {
        Content::Text(text) | Content::Number(text) => text,
        Content::Boolean(value) => value.to_string(),
        Content::Null | Content::Children(_) | Content::List(_) => String::new(),
    }
}
