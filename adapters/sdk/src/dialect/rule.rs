//! A mapping: its rules, and the tree of places in a message that they speak of.

use std::{fmt, sync::Arc};

use super::{CodeTable, Value, codes::among, did_you_mean, fault_at};
use crate::adapter::SettingsFault;

/// One mapping between a channel's element or object and a canonical record; cheap to clone.
#[derive(Clone)]
pub struct Map {
    pub(super) inner: Arc<Rules>,
}

/// The rules of a mapping.
pub(super) struct Rules {
    pub(super) name: String,
    pub(super) rules: Vec<Rule>,
    pub(super) root: Place,
    /// How many places there are, the root included.
    pub(super) places: usize,
}

/// Where one canonical field stands, and how.
pub(super) struct Rule {
    /// The canonical name, dotted.
    pub(super) name: String,
    /// The same, split.
    pub(super) parts: Vec<Arc<str>>,
    pub(super) at: At,
    pub(super) form: Form,
    pub(super) required: bool,
    pub(super) default: Option<Value>,
    /// Whether an absent value is written as null.
    pub(super) null: bool,
}

/// How a value is spelt.
#[derive(Clone)]
pub(super) enum Form {
    Text { chars_max: Option<usize> },
    Integer { min: i64, max: i64 },
    Boolean,
    Date { formats: Vec<String> },
    Timestamp { formats: Vec<String> },
    Code(CodeTable),
    ListOf(Box<Form>),
    Records(Map),
}

/// A path in a message.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct At {
    pub(super) elements: Vec<String>,
    pub(super) attribute: Option<String>,
}

impl At {
    /// Reads `linhVuc.ma`, `LinhVuc@ma`, `@ma` or `.`.
    pub(super) fn parse(text: &str) -> Option<At> {
        let (path, attribute) = match text.split_once('@') {
            Some((path, attribute)) => (path, Some(attribute.to_owned())),
            None => (text, None),
        };
        let elements: Vec<String> = match path {
            "." => Vec::new(),
            "" if attribute.is_some() => Vec::new(),
            path => path.split('.').map(str::to_owned).collect(),
        };
        let sound =
            |name: &String| !name.is_empty() && !name.contains(|it: char| it.is_whitespace() || "@[]".contains(it));
        (elements.iter().all(sound) && attribute.iter().all(sound)).then_some(At { elements, attribute })
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.elements.join("."))?;
        self.attribute.iter().try_for_each(|name| write!(f, "@{name}"))
    }
}

/// A place in a message that some rule speaks of.
#[derive(Default)]
pub(super) struct Place {
    /// Its number within the mapping.
    pub(super) id: usize,
    /// The rules that read the value that stands here.
    pub(super) rules: Vec<usize>,
    pub(super) attributes: Vec<(String, Vec<usize>)>,
    pub(super) children: Vec<(String, Place)>,
}

impl Place {
    pub(super) fn child(&self, name: &str) -> Option<&Place> {
        self.children.iter().find(|(own, _)| own == name).map(|(_, place)| place)
    }

    fn child_mut(&mut self, name: &str, count: &mut usize) -> &mut Place {
        let at = match self.children.iter().position(|(own, _)| own == name) {
            Some(at) => at,
            None => {
                self.children.push((name.to_owned(), Place { id: *count, ..Place::default() }));
                *count += 1;
                self.children.len() - 1
            }
        };
        &mut self.children[at].1
    }
}

impl Form {
    pub(super) fn is_list(&self) -> bool {
        matches!(self, Form::ListOf(_) | Form::Records(_))
    }
}

impl Rules {
    /// Joins the rules of a mapping, or names the rules that contradict each other.
    pub(super) fn join(name: &str, rules: Vec<Rule>) -> Result<Rules, Vec<SettingsFault>> {
        let mut root = Place::default();
        let mut places = 1;
        for (number, rule) in rules.iter().enumerate() {
            let mut place = &mut root;
            for element in &rule.at.elements {
                place = place.child_mut(element, &mut places);
            }
            match &rule.at.attribute {
                None => place.rules.push(number),
                Some(attribute) => match place.attributes.iter_mut().find(|(own, _)| own == attribute) {
                    Some((_, numbers)) => numbers.push(number),
                    None => place.attributes.push((attribute.clone(), vec![number])),
                },
            }
        }
        let mut faults = Vec::new();
        contradictions(name, &rules, &root, &mut faults);
        if faults.is_empty() { Ok(Rules { name: name.to_owned(), rules, root, places }) } else { Err(faults) }
    }
}

/// A value and child elements at one place, or a list and anything else.
fn contradictions(map: &str, rules: &[Rule], place: &Place, faults: &mut Vec<SettingsFault>) {
    if let Some(number) = place.rules.first() {
        let list = place.rules.iter().any(|it| rules[*it].form.is_list());
        let crowded = list && (place.rules.len() > 1 || !place.attributes.is_empty());
        if !place.children.is_empty() || crowded {
            let rule = &rules[*number];
            let message = format!("\"{}\" không thể vừa mang giá trị này vừa chứa trường của quy tắc khác", rule.at);
            faults.push(fault_at(format!("maps.{map}.{}.at", rule.name), message));
        }
    }
    place.children.iter().for_each(|(_, child)| contradictions(map, rules, child, faults));
}

impl Map {
    /// Its name in the dialect.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Where the channel's message has the canonical field `name` (`linhVuc.ma`), for a fault's place.
    pub fn place_of(&self, name: &str) -> Option<String> {
        self.inner.rules.iter().find(|rule| rule.name == name).map(|rule| rule.at.to_string())
    }

    /// The canonical names that it maps, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.inner.rules.iter().map(|rule| rule.name.as_str())
    }

    /// Everything wrong with its canonical names: those that are not among `known`, and those of `needed` that it lacks.
    pub fn check(&self, known: &[&str], needed: &[&str]) -> Vec<SettingsFault> {
        let mut faults = Vec::new();
        for name in self.names().filter(|it| !known.contains(it)) {
            let hint = did_you_mean(name, known.iter().copied());
            let message = format!("không phải tên chuẩn{hint}; {}", among(known));
            faults.push(fault_at(format!("maps.{}.{name}", self.inner.name), message));
        }
        for name in needed.iter().filter(|it| !self.names().any(|own| own == **it)) {
            let message = format!("thiếu quy tắc cho \"{name}\"");
            faults.push(fault_at(format!("maps.{}", self.inner.name), message));
        }
        faults
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Map({}, {} rules)", self.inner.name, self.inner.rules.len())
    }
}
