//! `[log]`: what is logged, and in which form.

use super::{problem::nearest, reader::Section};

/// What is logged, and in which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// From which level on the gateway's own lines are written.
    pub level: LogLevel,
    /// Lines for people or for machines.
    pub format: LogFormat,
}

/// From which level on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the levels explain themselves")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// The form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

const LEVELS: &[(&str, LogLevel)] = &[
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

const FORMATS: &[(&str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];

pub(super) fn read(mut section: Section<'_>) -> Log {
    let log = Log {
        level: one_of(&mut section, "level", LEVELS).unwrap_or(LogLevel::Info),
        format: one_of(&mut section, "format", FORMATS).unwrap_or(LogFormat::Text),
    };
    section.finish();
    log
}

/// The meaning of the word at `key`; must be there, if only in the defaults.
pub(super) fn one_of<T: Copy>(section: &mut Section<'_>, key: &str, words: &[(&str, T)]) -> Option<T> {
    let word = section.text(key);
    if let Some((_, meaning)) = words.iter().find(|(name, _)| *name == word) {
        return Some(*meaning);
    }
    if section.has(key) {
        let names = words.iter().map(|(name, _)| *name);
        let hint = nearest(&word, names.clone()).map(|name| format!("; did you mean \"{name}\"?")).unwrap_or_default();
        let all: Vec<String> = names.map(|name| format!("\"{name}\"")).collect();
        section.fault(key, format!("must be one of {}{hint}", all.join(", ")));
    }
    None
}
