//! What a dialect reads into and writes from: canonical names with typed values, in order.
//!
//! A dotted name (`petitioner.full_name`) reaches into nested records. `Debug` shows names and types only: the values
//! are personal data.

use std::{fmt, sync::Arc};

use jiff::{Timestamp, civil::Date};

/// A value of a canonical field.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// Text, byte for byte.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Yes or no.
    Boolean(bool),
    /// A real date.
    Date(Date),
    /// An instant.
    Timestamp(Timestamp),
    /// The canonical name of a code.
    Code(String),
    /// A nested record.
    Record(Record),
    /// Several values, usually records.
    List(Vec<Value>),
}

/// Canonical names with their values, in the order of the dialect's table.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Record {
    fields: Vec<(Arc<str>, Value)>,
}

impl Record {
    /// An empty record.
    pub fn new() -> Record {
        Record::default()
    }

    /// Whether nothing stands in it.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Names and values, in order; nested records whole.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.fields.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// The value under a name, dotted or not.
    pub fn get(&self, name: &str) -> Option<&Value> {
        if let Some(value) = self.own(name) {
            return Some(value);
        }
        let (head, rest) = name.split_once('.')?;
        self.record(head)?.get(rest)
    }

    fn own(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(own, _)| own.as_ref() == name).map(|(_, value)| value)
    }

    /// Takes the value under a name out of the record.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        if let Some(at) = self.fields.iter().position(|(own, _)| own.as_ref() == name) {
            return Some(self.fields.remove(at).1);
        }
        let (head, rest) = name.split_once('.')?;
        match self.fields.iter_mut().find(|(own, _)| own.as_ref() == head) {
            Some((_, Value::Record(record))) => record.take(rest),
            _ => None,
        }
    }

    /// Sets the value under a name; a dotted name makes the records on its way.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) -> &mut Record {
        match name.split_once('.') {
            Some((head, rest)) => {
                self.nested(head).set(rest, value);
            }
            None => self.set_own(Arc::from(name), value.into()),
        }
        self
    }

    /// The same for a value that may be absent.
    pub fn set_some(&mut self, name: &str, value: Option<impl Into<Value>>) -> &mut Record {
        if let Some(value) = value {
            self.set(name, value);
        }
        self
    }

    /// The same for a text that means "absent" when it is empty.
    pub fn set_text(&mut self, name: &str, text: &str) -> &mut Record {
        if !text.is_empty() {
            self.set(name, text);
        }
        self
    }

    /// Takes over from `other` every name that is absent here; records are merged by the same rule.
    pub fn fill_from(&mut self, other: Record) -> &mut Record {
        for (name, value) in other.fields {
            match (self.fields.iter_mut().find(|(own, _)| *own == name), value) {
                (None, value) => self.fields.push((name, value)),
                (Some((_, Value::Record(own))), Value::Record(theirs)) => {
                    own.fill_from(theirs);
                }
                _ => {}
            }
        }
        self
    }

    fn nested(&mut self, name: &str) -> &mut Record {
        let at = match self.fields.iter().position(|(own, _)| own.as_ref() == name) {
            Some(at) => at,
            None => {
                self.fields.push((Arc::from(name), Value::Record(Record::new())));
                self.fields.len() - 1
            }
        };
        let value = &mut self.fields[at].1;
        if !matches!(value, Value::Record(_)) {
            *value = Value::Record(Record::new());
        }
        match value {
            Value::Record(record) => record,
            _ => unreachable!("made a record above"),
        }
    }

    fn set_own(&mut self, name: Arc<str>, value: Value) {
        match self.fields.iter_mut().find(|(own, _)| *own == name) {
            Some((_, old)) => *old = value,
            None => self.fields.push((name, value)),
        }
    }

    /// Sets by a name whose parts were split when the dialect was compiled, so that no name is copied per message.
    pub(crate) fn set_parts(&mut self, parts: &[Arc<str>], value: Value) {
        match parts {
            [] => {}
            [name] => self.set_own(name.clone(), value),
            [head, rest @ ..] => self.nested(head).set_parts(rest, value),
        }
    }

    /// Text, or the canonical name of a code.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Value::Text(text) | Value::Code(text) => Some(text),
            _ => None,
        }
    }

    /// Text, or the canonical name of a code, taken out without copying.
    pub fn take_text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::Text(text) | Value::Code(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number.
    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// Yes or no.
    pub fn boolean(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Value::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    /// A date.
    pub fn date(&self, name: &str) -> Option<Date> {
        match self.get(name)? {
            Value::Date(date) => Some(*date),
            _ => None,
        }
    }

    /// An instant.
    pub fn timestamp(&self, name: &str) -> Option<Timestamp> {
        match self.get(name)? {
            Value::Timestamp(instant) => Some(*instant),
            _ => None,
        }
    }

    /// The canonical name of a code.
    pub fn code(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Value::Code(code) => Some(code),
            _ => None,
        }
    }

    /// A nested record.
    pub fn record(&self, name: &str) -> Option<&Record> {
        match self.get(name)? {
            Value::Record(record) => Some(record),
            _ => None,
        }
    }

    /// A nested record, taken out.
    pub fn take_record(&mut self, name: &str) -> Option<Record> {
        match self.take(name)? {
            Value::Record(record) => Some(record),
            _ => None,
        }
    }

    /// The items of a list; none where it is absent.
    pub fn list(&self, name: &str) -> &[Value] {
        match self.get(name) {
            Some(Value::List(items)) => items,
            _ => &[],
        }
    }

    /// The items of a list, taken out.
    pub fn take_list(&mut self, name: &str) -> Vec<Value> {
        match self.take(name) {
            Some(Value::List(items)) => items,
            _ => Vec::new(),
        }
    }
}

impl Value {
    /// The type's name, as dialects spell it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Text(_) => "text",
            Value::Integer(_) => "integer",
            Value::Boolean(_) => "boolean",
            Value::Date(_) => "date",
            Value::Timestamp(_) => "timestamp",
            Value::Code(_) => "code",
            Value::Record(_) => "record",
            Value::List(_) => "list",
        }
    }

    /// The record, where it is one.
    pub fn as_record(&self) -> Option<&Record> {
        match self {
            Value::Record(record) => Some(record),
            _ => None,
        }
    }

    /// The text or the canonical name of a code, where it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) | Value::Code(text) => Some(text),
            _ => None,
        }
    }
}

macro_rules! value_from {
    ($($from:ty => $variant:ident,)+) => {
        $(impl From<$from> for Value {
            fn from(value: $from) -> Value {
                Value::$variant(value.into())
            }
        })+
    };
}

value_from! {
    String => Text,
    &str => Text,
    i64 => Integer,
    u32 => Integer,
    bool => Boolean,
    Date => Date,
    Timestamp => Timestamp,
    Record => Record,
    Vec<Value> => List,
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Record(record) => record.fmt(f),
            Value::List(items) => f.debug_list().entries(items).finish(),
            other => f.write_str(other.type_name()),
        }
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
