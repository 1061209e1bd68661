//! Tree to XML.

use super::{XML_NAMESPACE, first_forbidden, is_name};
use crate::{
    fault::{Fault, FaultCode},
    tree::{Attribute, Content, MIXED_TEXT, Node, shown_name},
};

/// Writes a tree as a document in UTF-8, without added white space.
///
/// Namespaces are declared where they change, as default namespaces; those of attributes get prefixes. An array becomes
/// one element for each item.
///
/// # Errors
/// A name that XML does not allow, a character that it cannot carry (U+0000 to U+001F but tab and line breaks, U+FFFE,
/// U+FFFF), or a root that is an array.
pub fn write(root: &Node) -> Result<Vec<u8>, Fault> {
    let mut writer = Writer { out: b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_vec(), path: Vec::new() };
    if matches!(root.content, Content::List(_)) {
        return Err(writer.refuse("gốc của XML phải là một phần tử, không phải danh sách"));
    }
    writer.element(&root.name, root, None)?;
    Ok(writer.out)
}

struct Writer<'a> {
    out: Vec<u8>,
    path: Vec<&'a str>,
}

impl<'a> Writer<'a> {
    /// One element; `scope` is the default namespace that is in force around it.
    fn element(&mut self, name: &'a str, node: &'a Node, scope: Option<&'a str>) -> Result<(), Fault> {
        self.path.push(name);
        self.name(name)?;
        self.push("<");
        self.push(name);
        let namespace = node.namespace.as_deref();
        if namespace != scope {
            self.declare("xmlns", namespace.unwrap_or(""))?;
        }
        for (at, attribute) in node.attributes.iter().enumerate() {
            self.attribute(at, attribute)?;
        }
        self.content(name, node, namespace)?;
        self.path.pop();
        Ok(())
    }

    fn content(&mut self, name: &str, node: &'a Node, scope: Option<&'a str>) -> Result<(), Fault> {
        match &node.content {
            Content::Null => {}
            Content::Text(text) if text.is_empty() => {}
            Content::Children(children) | Content::List(children) if children.is_empty() => {}
            content => {
                self.push(">");
                match content {
                    Content::Text(text) | Content::Number(text) => self.escaped(text, false)?,
                    Content::Boolean(value) => self.push(if *value { "true" } else { "false" }),
                    Content::Children(nodes) | Content::List(nodes) => {
                        nodes.iter().try_for_each(|child| self.child(child, scope))?;
                    }
                    Content::Null => {}
                }
                self.push("</");
                self.push(name);
                self.push(">");
                return Ok(());
            }
        }
        self.push("/>");
        Ok(())
    }

    fn child(&mut self, child: &'a Node, scope: Option<&'a str>) -> Result<(), Fault> {
        match &child.content {
            Content::List(items) => items.iter().try_for_each(|item| {
                let name = if item.name.is_empty() { &child.name } else { &item.name };
                self.element(name, item, scope)
            }),
            Content::Text(text) if child.name == MIXED_TEXT => self.escaped(text, false),
            _ => self.element(&child.name, child, scope),
        }
    }

    fn attribute(&mut self, at: usize, attribute: &'a Attribute) -> Result<(), Fault> {
        self.path.push(&attribute.name);
        self.name(&attribute.name)?;
        match attribute.namespace.as_deref() {
            None => self.push(" "),
            Some(XML_NAMESPACE) => self.push(" xml:"),
            Some(namespace) => {
                let prefix = format!("n{at}");
                self.declare(&format!("xmlns:{prefix}"), namespace)?;
                self.push(&format!(" {prefix}:"));
            }
        }
        self.push(&attribute.name);
        self.push("=\"");
        self.escaped(&attribute.value, true)?;
        self.push("\"");
        self.path.pop();
        Ok(())
    }

    fn declare(&mut self, name: &str, namespace: &str) -> Result<(), Fault> {
        self.push(" ");
        self.push(name);
        self.push("=\"");
        self.escaped(namespace, true)?;
        self.push("\"");
        Ok(())
    }

    fn escaped(&mut self, text: &str, in_attribute: bool) -> Result<(), Fault> {
        if first_forbidden(text).is_some() {
            return Err(self.refuse("có ký tự điều khiển mà XML 1.0 không cho phép"));
        }
        let mut copied = 0;
        for (at, byte) in text.bytes().enumerate() {
            let reference = match byte {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'\r' => "&#13;",
                b'"' if in_attribute => "&quot;",
                b'\n' if in_attribute => "&#10;",
                b'\t' if in_attribute => "&#9;",
                _ => continue,
            };
            self.push(&text[copied..at]);
            self.push(reference);
            copied = at + 1;
        }
        self.push(&text[copied..]);
        Ok(())
    }

    fn name(&self, name: &str) -> Result<(), Fault> {
        if is_name(name) { Ok(()) } else { Err(self.refuse("tên không đúng quy tắc đặt tên của XML")) }
    }

    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn refuse(&self, message: &str) -> Fault {
        let place: Vec<String> = self.path.iter().map(|name| shown_name(name)).collect();
        Fault::new(FaultCode::Format, place.join("."), message)
    }
}
