//! What happened, line by line: the same seed writes the same lines, whatever the random ids are.

use std::{collections::HashMap, fmt::Write, sync::Mutex};

use jiff::Timestamp;
use uuid::Uuid;

/// The lines that a broken run prints at most: its last ones; the whole story is there when one seed is replayed.
const LINES_SHOWN: usize = 150;

/// The trace of one run.
#[derive(Default)]
pub(crate) struct Trace(Mutex<Lines>);

#[derive(Default)]
struct Lines {
    began: Option<Timestamp>,
    lines: Vec<String>,
    names: HashMap<Uuid, String>,
    counts: HashMap<&'static str, u32>,
}

impl Trace {
    pub(crate) fn beginning_at(at: Timestamp) -> Trace {
        Trace(Mutex::new(Lines { began: Some(at), ..Lines::default() }))
    }

    pub(crate) fn tell(&self, at: Timestamp, who: &str, what: &str) {
        let mut lines = self.0.lock().unwrap();
        let passed = lines.began.map_or(0, |began| at.duration_since(began).as_millis());
        let line = format!("{:>5}.{:03}  {who:<9} {what}", passed / 1000, passed % 1000);
        lines.lines.push(line);
    }

    /// What an id is called: the n-th of its sort that was heard of.
    pub(crate) fn name(&self, sort: &'static str, id: Uuid) -> String {
        let mut lines = self.0.lock().unwrap();
        if let Some(name) = lines.names.get(&id) {
            return name.clone();
        }
        let count = lines.counts.entry(sort).or_default();
        *count += 1;
        let name = format!("{sort} {count}");
        lines.names.insert(id, name.clone());
        name
    }

    /// The name of whatever a key stands for; a key may carry more behind a dot.
    pub(crate) fn name_of_key(&self, key: &str) -> String {
        let (id, rest) = key.split_once('.').unwrap_or((key, ""));
        let name = Uuid::parse_str(id).map_or_else(|_| "?".to_owned(), |id| self.name("delivery", id));
        if rest.is_empty() { name } else { format!("{name} (a file of it)") }
    }

    /// A digest of everything that happened, for comparing runs (FNV-1a).
    pub(crate) fn digest(&self) -> u64 {
        let lines = self.0.lock().unwrap();
        let bytes = lines.lines.iter().flat_map(|line| line.bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().lines.len()
    }

    /// The trace as a person reads it; all of it or its end.
    pub(crate) fn shown(&self, whole: bool) -> String {
        let lines = self.0.lock().unwrap();
        let left_out = if whole { 0 } else { lines.lines.len().saturating_sub(LINES_SHOWN) };
        let mut out = String::new();
        if left_out > 0 {
            writeln!(out, "  … {left_out} lines before; replay the seed to see them").unwrap();
        }
        for line in &lines.lines[left_out..] {
            writeln!(out, "  {line}").unwrap();
        }
        out
    }

    /// The first line in which two traces differ.
    pub(crate) fn first_difference(&self, other: &Trace) -> Option<(String, String)> {
        let (ours, theirs) = (self.0.lock().unwrap(), other.0.lock().unwrap());
        let longer = ours.lines.len().max(theirs.lines.len());
        let line = |of: &Lines, at: usize| of.lines.get(at).cloned().unwrap_or_else(|| "(nothing more)".to_owned());
        (0..longer).map(|at| (line(&ours, at), line(&theirs, at))).find(|(ours, theirs)| ours != theirs)
    }
}
