//! Reads one section of the configuration through its layers: the user's file first, then the defaults.
//!
//! Reading never fails: what is wrong becomes a [`Problem`], a stand-in value is returned, and the loader refuses the
//! whole at the end. So one run tells everything. (A derived serde struct stops at its first error, which is why the
//! keys are read by hand here.) The keys that were asked for are the keys that exist: [`Section::finish`] refuses all
//! others and names the nearest.

mod files;
mod values;

use std::{collections::BTreeSet, fmt, path::Path};

use super::{
    environment::Environment,
    problem::{Problem, Problems, nearest},
    source::{self, Node, Source, Table, Value},
};

/// One section with its layers, nearest first.
pub(crate) struct Section<'a> {
    path: String,
    layers: Vec<Layer<'a>>,
    asked: BTreeSet<String>,
    environment: &'a Environment,
    problems: &'a Problems,
}

#[derive(Clone)]
struct Layer<'a> {
    source: &'a Source,
    path: String,
    line: Option<u32>,
    table: &'a Table,
}

/// A value that was found, with the place it stands at.
pub(crate) struct Found<'a> {
    /// The value.
    pub(crate) node: &'a Node,
    /// Where it stands.
    pub(crate) place: Place,
    folder: &'a Path,
}

/// Where something stands: for problems.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The file.
    pub(crate) file: String,
    /// The line.
    pub(crate) line: Option<u32>,
    /// The key's path.
    pub(crate) key: String,
}

impl Place {
    /// A problem at this place.
    pub(crate) fn problem(&self, message: impl Into<String>) -> Problem {
        Problem { file: self.file.clone(), line: self.line, key: self.key.clone(), message: message.into() }
    }
}

impl<'a> Section<'a> {
    /// The roots of the files, nearest first.
    pub(crate) fn root(sources: &[&'a Source], environment: &'a Environment, problems: &'a Problems) -> Section<'a> {
        let layer = |source: &&'a Source| Layer { source, path: String::new(), line: None, table: &source.table };
        let layers = sources.iter().map(layer).collect();
        Section { path: String::new(), layers, asked: BTreeSet::new(), environment, problems }
    }

    /// The path of the section.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The place of the section, or of a key in it that is absent.
    pub(crate) fn place(&self, key: &str) -> Place {
        let (file, line) = match self.layers.first() {
            Some(layer) => (layer.source.name.clone(), layer.line),
            None => (String::new(), None),
        };
        Place { file, line, key: join(&self.path, key) }
    }

    /// Says what is wrong with `key`, at its line if it is there and at the section's otherwise.
    pub(crate) fn fault(&mut self, key: &str, message: impl Into<String>) {
        let place = self.find(key).map_or_else(|| self.place(key), |found| found.place);
        self.problems.push(place.problem(message));
    }

    /// Takes note of a problem found elsewhere (a dialect, a certificate).
    pub(crate) fn push(&self, problem: Problem) {
        self.problems.push(problem);
    }

    /// The nearest layer's value of `key`.
    pub(crate) fn find(&mut self, key: &str) -> Option<Found<'a>> {
        self.asked.insert(key.to_owned());
        self.layers.iter().find_map(|layer| {
            let entry = layer.table.get(key)?;
            let key = join(&layer.path, key);
            let place = Place { file: layer.source.name.clone(), line: Some(entry.line), key };
            Some(Found { node: &entry.node, place, folder: &layer.source.folder })
        })
    }

    /// Whether any layer has `key`.
    pub(crate) fn has(&mut self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// The table `key`, through every layer that has it; empty when none has.
    pub(crate) fn table(&mut self, key: &str) -> Section<'a> {
        self.asked.insert(key.to_owned());
        let mut layers = Vec::new();
        for layer in &self.layers {
            let Some(entry) = layer.table.get(key) else { continue };
            let path = join(&layer.path, key);
            match &entry.node.value {
                Value::Table(table) => {
                    layers.push(Layer { source: layer.source, path, line: Some(entry.line), table });
                }
                _ => {
                    let place = Place { file: layer.source.name.clone(), line: Some(entry.line), key: path };
                    self.problems.push(place.problem(format!("must be a table, is {}", entry.node.sort())));
                }
            }
        }
        if layers.is_empty() {
            // Problems of a table that is nowhere are told at the nearest layer's line.
            static EMPTY: Table = Table::new();
            layers.extend(self.layers.first().map(|layer| Layer {
                source: layer.source,
                path: join(&layer.path, key),
                line: layer.line,
                table: &EMPTY,
            }));
        }
        self.child(join(&self.path, key), layers)
    }

    /// The tables of the array `key`, of the nearest layer that has it.
    pub(crate) fn tables(&mut self, key: &str) -> Vec<Section<'a>> {
        self.asked.insert(key.to_owned());
        let Some((layer, entry)) = self.layers.iter().find_map(|layer| Some((layer, layer.table.get(key)?))) else {
            return Vec::new();
        };
        let place = Place { file: layer.source.name.clone(), line: Some(entry.line), key: join(&layer.path, key) };
        let Value::Array(items) = &entry.node.value else {
            self.problems.push(place.problem(format!("must be a list of tables, is {}", entry.node.sort())));
            return Vec::new();
        };
        let mut out = Vec::new();
        for (number, item) in items.iter().enumerate() {
            let path = format!("{}[{number}]", join(&self.path, key));
            match &item.value {
                Value::Table(table) => {
                    let layer = Layer { source: layer.source, path: path.clone(), line: Some(item.line), table };
                    out.push(self.child(path, vec![layer]));
                }
                _ => self.problems.push(at_line(&place, item).problem("must be a list of tables")),
            }
        }
        out
    }

    /// This section with the layers of `beneath` put under its own.
    #[must_use]
    pub(crate) fn over(mut self, beneath: &Section<'a>) -> Section<'a> {
        self.layers.extend(beneath.layers.iter().cloned());
        self
    }

    /// The keys of every layer, for a table whose keys are names that the user chose.
    pub(crate) fn names(&self) -> Vec<String> {
        let names: BTreeSet<&String> = self.layers.iter().flat_map(|layer| layer.table.keys()).collect();
        names.into_iter().cloned().collect()
    }

    /// The nearest layer's table as plain TOML with the source it stands in, for a reader of its own (a channel's kind).
    pub(crate) fn raw(&self) -> (toml::Table, Option<(&'a Source, String)>) {
        let Some(layer) = self.layers.first() else { return (toml::Table::new(), None) };
        (source::to_toml(layer.table), Some((layer.source, layer.path.clone())))
    }

    /// Refuses every key that was not asked for.
    pub(crate) fn finish(self) {
        for layer in &self.layers {
            for (key, entry) in layer.table {
                if self.asked.contains(key) {
                    continue;
                }
                let hint = nearest(key, self.asked.iter().map(String::as_str))
                    .map_or_else(|| self.known(), |name| format!("did you mean `{name}`?"));
                let place =
                    Place { file: layer.source.name.clone(), line: Some(entry.line), key: join(&layer.path, key) };
                self.problems.push(place.problem(format!("unknown key; {hint}")));
            }
        }
    }

    fn known(&self) -> String {
        let names: Vec<&str> = self.asked.iter().map(String::as_str).collect();
        format!("known here: {}", names.join(", "))
    }

    fn child(&self, path: String, layers: Vec<Layer<'a>>) -> Section<'a> {
        Section { path, layers, asked: BTreeSet::new(), environment: self.environment, problems: self.problems }
    }

    /// Says that `key` is absent, and stands in for it.
    pub(crate) fn missing<T: Default>(&mut self, key: &str) -> T {
        self.problems.push(self.place(key).problem("is missing"));
        T::default()
    }

    fn wrong_sort<T>(&self, found: &Found<'_>, right: &str) -> Option<T> {
        self.problems.push(found.place.problem(format!("must be {right}, is {}", found.node.sort())));
        None
    }
}

impl fmt::Debug for Section<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Section").field("path", &self.path).finish_non_exhaustive()
    }
}

fn join(path: &str, key: &str) -> String {
    match (path, key) {
        ("", _) => key.to_owned(),
        (_, "") => path.to_owned(),
        _ => format!("{path}.{key}"),
    }
}

fn at_line(place: &Place, node: &Node) -> Place {
    Place { line: Some(node.line), ..place.clone() }
}
