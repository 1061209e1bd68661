//! A TOML file as a tree whose every key and value knows its line, so that a problem can say where it stands.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::problem::{Problem, Problems};

/// A parsed file.
#[derive(Debug)]
pub(crate) struct Source {
    /// What problems call it.
    pub(crate) name: String,
    /// Relative paths in the file start here.
    pub(crate) folder: PathBuf,
    /// Its top-level table.
    pub(crate) table: Table,
}

/// A table's entries by key.
pub(crate) type Table = BTreeMap<String, Entry>;

/// A key with its value.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The line of the key, from 1.
    pub(crate) line: u32,
    /// The value.
    pub(crate) node: Node,
}

/// A value with its line.
#[derive(Debug)]
pub(crate) struct Node {
    /// The line it begins on, from 1.
    pub(crate) line: u32,
    /// The value.
    pub(crate) value: Value,
}

/// A TOML value.
#[derive(Debug)]
pub(crate) enum Value {
    /// A string.
    Text(String),
    /// An integer.
    Integer(i64),
    /// A float.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A date, a time or both.
    Datetime(toml::value::Datetime),
    /// An array.
    Array(Vec<Node>),
    /// A table.
    Table(Table),
}

impl Source {
    /// Parses `text`; every syntax error becomes a problem, and what could be read of the rest is kept.
    pub(crate) fn parse(name: &str, folder: &Path, text: &str, problems: &Problems) -> Source {
        let lines = Lines::of(text);
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let line = error.span().map(|span| lines.line(span.start));
            problems.push(Problem {
                file: name.to_owned(),
                line,
                key: String::new(),
                message: format!("not valid TOML: {}", error.message().replace('\n', "; ")),
            });
        }
        Source { name: name.to_owned(), folder: folder.to_owned(), table: table_of(table.into_inner(), &lines) }
    }

    /// The line of `path` (`codes.status[2].name`), or of its deepest part that exists.
    pub(crate) fn line_of(&self, path: &str) -> Option<u32> {
        let mut table = Some(&self.table);
        let mut line = None;
        for part in path.split('.') {
            let (name, index) = match part.split_once('[') {
                Some((name, rest)) => (name, rest.trim_end_matches(']').parse::<usize>().ok()),
                None => (part, None),
            };
            let Some(entry) = table.and_then(|table| table.get(name)) else { break };
            line = Some(entry.line);
            let mut node = &entry.node;
            if let (Value::Array(items), Some(index)) = (&node.value, index) {
                let Some(item) = items.get(index) else { break };
                line = Some(item.line);
                node = item;
            }
            table = match &node.value {
                Value::Table(table) => Some(table),
                _ => None,
            };
        }
        line
    }
}

impl Node {
    /// The plain value, for a reader that knows no lines.
    pub(crate) fn to_toml(&self) -> toml::Value {
        match &self.value {
            Value::Text(text) => toml::Value::String(text.clone()),
            Value::Integer(number) => toml::Value::Integer(*number),
            Value::Float(number) => toml::Value::Float(*number),
            Value::Boolean(it) => toml::Value::Boolean(*it),
            Value::Datetime(at) => toml::Value::Datetime(*at),
            Value::Array(items) => toml::Value::Array(items.iter().map(Node::to_toml).collect()),
            Value::Table(table) => toml::Value::Table(to_toml(table)),
        }
    }

    /// What sort of value this is, in words.
    pub(crate) fn sort(&self) -> &'static str {
        match &self.value {
            Value::Text(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Boolean(_) => "a boolean",
            Value::Datetime(_) => "a date or time",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
        }
    }
}

/// The plain table, for a reader that knows no lines.
pub(crate) fn to_toml(table: &Table) -> toml::Table {
    table.iter().map(|(key, entry)| (key.clone(), entry.node.to_toml())).collect()
}

fn table_of(table: DeTable<'_>, lines: &Lines) -> Table {
    table
        .into_iter()
        .map(|(key, value)| {
            let line = lines.line(key.span().start);
            (key.into_inner().into_owned(), Entry { line, node: node_of(value, lines) })
        })
        .collect()
}

fn node_of(spanned: Spanned<DeValue<'_>>, lines: &Lines) -> Node {
    let line = lines.line(spanned.span().start);
    let value = match spanned.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        // An integer beyond 64 bits cannot be meant by any key of ours; the range check refuses it.
        DeValue::Integer(number) => {
            Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).unwrap_or(i64::MAX))
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(it) => Value::Boolean(it),
        DeValue::Datetime(at) => Value::Datetime(at),
        DeValue::Array(items) => Value::Array(items.into_iter().map(|item| node_of(item, lines)).collect()),
        DeValue::Table(table) => Value::Table(table_of(table, lines)),
    };
    Node { line, value }
}

/// Where each line of a text begins.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Lines {
        Lines(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    fn line(&self, at: usize) -> u32 {
        u32::try_from(self.0.partition_point(|newline| *newline < at) + 1).unwrap_or(u32::MAX)
    }
}
