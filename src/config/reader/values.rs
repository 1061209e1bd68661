//! Strings, numbers, spans and addresses of a section.

use std::{net::SocketAddr, ops::RangeInclusive, path::PathBuf, time::Duration};

use super::{Place, Section, at_line, join};
use crate::config::source::{Node, Value};

impl<'a> Section<'a> {
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
