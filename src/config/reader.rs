//! Reads one section of the configuration through its layers: the user's file first, then the defaults.
//!
//! Reading never fails: what is wrong becomes a [`Problem`], a stand-in value is returned, and the loader refuses the
//! whole at the end. So one run tells everything. (A derived serde struct stops at its first error, which is why the
//! keys are read by hand here.) The keys that were asked for are the keys that exist: [`Section::finish`] refuses all
//! others and names the nearest.

use std::{
    collections::BTreeSet,
    fmt,
    net::SocketAddr,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::SecretString;

use super::{
    environment::Environment,
    problem::{Problem, Problems, nearest},
    source::{Node, Source, Table, Value},
};

/// A secret longer than this is a wrong file.
const SECRET_BYTES_MAX: usize = 16 * 1024;

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

    /// A string that may be left out.
    pub(crate) fn text_maybe(&mut self, key: &str) -> Option<String> {
        let found = self.find(key)?;
        match &found.node.value {
            Value::Text(text) => Some(text.clone()),
            _ => self.wrong_sort(&found, "a string"),
        }
    }

    /// A string that must be there.
    pub(crate) fn text(&mut self, key: &str) -> String {
        if !self.has(key) {
            self.missing::<()>(key);
        }
        self.text_maybe(key).unwrap_or_default()
    }

    /// `true` or `false`; must be there, if only in the defaults.
    pub(crate) fn boolean(&mut self, key: &str) -> bool {
        let Some(found) = self.find(key) else { return self.missing(key) };
        match found.node.value {
            Value::Boolean(it) => it,
            _ => self.wrong_sort(&found, "true or false").unwrap_or_default(),
        }
    }

    /// An integer within `range`; must be there, if only in the defaults.
    pub(crate) fn integer(&mut self, key: &str, range: RangeInclusive<u64>) -> u64 {
        let Some(found) = self.find(key) else {
            self.missing::<()>(key);
            return *range.start();
        };
        let number = match found.node.value {
            Value::Integer(number) => u64::try_from(number).ok().filter(|number| range.contains(number)),
            _ => return self.wrong_sort(&found, "an integer").unwrap_or(*range.start()),
        };
        number.unwrap_or_else(|| {
            let message = format!("must lie between {} and {}", range.start(), range.end());
            self.problems.push(found.place.problem(message));
            *range.start()
        })
    }

    /// An integer as a count in memory.
    pub(crate) fn count(&mut self, key: &str, range: RangeInclusive<u32>) -> usize {
        let number = self.integer(key, u64::from(*range.start())..=u64::from(*range.end()));
        usize::try_from(number).expect("the range ends below 2^32")
    }

    /// A key that ends in `_seconds`.
    pub(crate) fn seconds(&mut self, key: &str, range: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.integer(key, range))
    }

    /// A span such as `"30s"`, `"2h"` or `"9d"` that may be left out.
    pub(crate) fn span_maybe(&mut self, key: &str) -> Option<Duration> {
        let found = self.find(key)?;
        self.span_of(found.node, &found.place)
    }

    /// A list of spans; must be there, if only in the defaults.
    pub(crate) fn spans(&mut self, key: &str) -> Vec<Duration> {
        let Some(found) = self.find(key) else { return self.missing(key) };
        let Value::Array(items) = &found.node.value else {
            return self.wrong_sort(&found, "a list such as [\"5s\", \"2m\"]").unwrap_or_default();
        };
        items.iter().filter_map(|item| self.span_of(item, &at_line(&found.place, item))).collect()
    }

    /// A list of strings; empty when absent.
    pub(crate) fn texts(&mut self, key: &str) -> Vec<(String, Place)> {
        let Some(found) = self.find(key) else { return Vec::new() };
        let Value::Array(items) = &found.node.value else {
            return self.wrong_sort(&found, "a list of strings").unwrap_or_default();
        };
        let mut out = Vec::new();
        for item in items {
            let place = at_line(&found.place, item);
            match &item.value {
                Value::Text(text) => out.push((text.clone(), place)),
                _ => self.problems.push(place.problem(format!("must be a list of strings, holds {}", item.sort()))),
            }
        }
        out
    }

    /// A string or an environment variable that stands before it; with the place of what won.
    pub(crate) fn address(&mut self, key: &str, variable: &str) -> (String, Place) {
        if let Some(value) = self.environment.get(variable) {
            self.asked.insert(key.to_owned());
            let place =
                Place { file: format!("environment variable {variable}"), line: None, key: join(&self.path, key) };
            return (value.to_owned(), place);
        }
        let place = self.find(key).map_or_else(|| self.place(key), |found| found.place);
        (self.text(key), place)
    }

    /// An environment variable that stands before the files.
    pub(crate) fn variable(&self, variable: &str) -> Option<&'a str> {
        self.environment.get(variable)
    }

    /// A socket address, `host:port` in numbers; `variable` stands before the files.
    pub(crate) fn socket(&mut self, key: &str, variable: &str) -> SocketAddr {
        let (text, place) = self.address(key, variable);
        text.parse().unwrap_or_else(|_| {
            if !text.is_empty() {
                let message = "must be an address and a port such as \"127.0.0.1:8080\" or \"[::1]:8080\"";
                self.problems.push(place.problem(message));
            }
            SocketAddr::from(([127, 0, 0, 1], 0))
        })
    }

    /// A path that may be left out; a relative one starts at the folder of the file it stands in.
    pub(crate) fn path_maybe(&mut self, key: &str) -> Option<PathBuf> {
        let text = self.text_maybe(key)?;
        let found = self.find(key)?;
        Some(found.folder.join(text))
    }

    /// The path of a file that must be readable now.
    pub(crate) fn file_maybe(&mut self, key: &str) -> Option<PathBuf> {
        let path = self.path_maybe(key)?;
        if let Err(error) = std::fs::File::open(&path).and_then(|file| file.metadata()).and_then(is_file) {
            self.fault(key, format!("cannot read {}: {}", path.display(), error.kind()));
        }
        Some(path)
    }

    /// The path of a file that must be named, and readable now.
    pub(crate) fn file(&mut self, key: &str) -> PathBuf {
        if !self.has(key) {
            self.missing::<()>(key);
        }
        self.file_maybe(key).unwrap_or_default()
    }

    /// A secret from the file that `<key>_file` names or the variable that `<key>_env` names; never from here.
    pub(crate) fn secret_maybe(&mut self, key: &str) -> Option<SecretString> {
        let (file_key, env_key) = (format!("{key}_file"), format!("{key}_env"));
        match (self.has(&file_key), self.has(&env_key)) {
            (false, false) => None,
            (true, true) => {
                self.fault(&env_key, format!("stands beside {file_key}: name one of them"));
                None
            }
            (true, false) => {
                let path = self.file_maybe(&file_key)?;
                // An unreadable file was reported by `file_maybe`.
                let text = std::fs::read_to_string(path).ok()?;
                self.secret_of(&file_key, text.trim_end_matches(['\r', '\n']))
            }
            (false, true) => {
                let variable = self.text_maybe(&env_key)?;
                match self.environment.get(&variable) {
                    Some(value) => {
                        let value = value.to_owned();
                        self.secret_of(&env_key, &value)
                    }
                    None => {
                        self.fault(&env_key, format!("the environment variable {variable} is not set"));
                        None
                    }
                }
            }
        }
    }

    /// A secret that must be there.
    pub(crate) fn secret(&mut self, key: &str) -> SecretString {
        if !self.has(&format!("{key}_file")) && !self.has(&format!("{key}_env")) {
            self.problems
                .push(self.place(key).problem(format!("name a file in {key}_file or a variable in {key}_env")));
        }
        self.secret_maybe(key).unwrap_or_default()
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
        (super::source::to_toml(layer.table), Some((layer.source, layer.path.clone())))
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

    fn span_of(&self, node: &Node, place: &Place) -> Option<Duration> {
        let span = match &node.value {
            Value::Text(text) => parse_span(text),
            _ => None,
        };
        if span.is_none() {
            self.problems.push(place.problem("must be a span such as \"500ms\", \"30s\", \"2m\", \"3h\" or \"9d\""));
        }
        span
    }

    fn secret_of(&mut self, key: &str, text: &str) -> Option<SecretString> {
        if text.trim().is_empty() || text.len() > SECRET_BYTES_MAX {
            self.fault(key, format!("the secret is empty or longer than {SECRET_BYTES_MAX} bytes"));
            return None;
        }
        Some(SecretString::from(text))
    }
}

impl fmt::Debug for Section<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Section").field("path", &self.path).finish_non_exhaustive()
    }
}

/// `"30s"` and the like; `None` when it is not of that form.
pub(crate) fn parse_span(text: &str) -> Option<Duration> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let seconds = match unit {
        "ms" => return Some(Duration::from_millis(number)),
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
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

fn is_file(metadata: std::fs::Metadata) -> std::io::Result<()> {
    if metadata.is_file() { Ok(()) } else { Err(std::io::ErrorKind::IsADirectory.into()) }
}
