//! The keys of `[channels.<name>.settings]` for a channel of this kind, checked all at once.
//!
//! Not the place for addresses, credentials or time-outs: those belong to the channel's own table and to the remote.
//! Each key is read by hand and not by a derived reader, because that one would stop at the first problem.

use channel_sdk::adapter::SettingsFault;
use toml::{Table, Value};

/// A month: a batch that was written down later than that belongs to another session.
const OVERLAP_MINUTES_MAX: i64 = 31 * 24 * 60;

/// A page is what a screen shows; the interface was made for one.
const PAGE_SIZE_MAX: i64 = 200;

/// No term of the National Assembly had more than eleven sessions.
const SESSION_MAX: i64 = 30;

/// A key must be at least this similar to a right one to be offered as what was meant.
const SIMILARITY_MIN: f64 = 0.7;

const KEYS: &[&str] = &["interface", "term", "session", "overlap_minutes", "reread_minutes", "page_size"];

/// Which of the Assembly's interfaces the channel speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interface {
    /// XML batches, pushed and pulled; receipts, answers, session reports.
    Batch,
    /// The JSON search interface; it is only read.
    Search,
}

/// One channel's settings, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    /// `interface`: `"batch"` (the default) or `"search"`.
    pub(crate) interface: Interface,
    /// `term`: only this term (khóa) is pulled, in Roman numerals.
    pub(crate) term: Option<String>,
    /// `session`: only this session (kỳ họp) is pulled.
    pub(crate) session: Option<u32>,
    /// `overlap_minutes`: how far each pull reaches back behind what the last one saw. A day, because a batch becomes
    /// visible when its letter is signed and carries the time at which it was typed.
    pub(crate) overlap_minutes: i64,
    /// `reread_minutes`: how often everything is read again, whatever its time; what was recorded late under an early
    /// time is found then. What did not change is not handed on, so this costs the transfer alone.
    pub(crate) reread_minutes: i64,
    /// `page_size`: items on a page of the search.
    pub(crate) page_size: u32,
}

impl Config {
    /// Checks the table; every problem is told, not only the first.
    pub(crate) fn read(table: &Table) -> Result<Config, Vec<SettingsFault>> {
        let mut reader = Reader { table, faults: unknown_keys(table) };
        let interface = reader.interface();
        let config = Config {
            interface,
            term: reader.term(),
            session: reader.number("session", 1..=SESSION_MAX).and_then(|number| u32::try_from(number).ok()),
            overlap_minutes: reader.number("overlap_minutes", 0..=OVERLAP_MINUTES_MAX).unwrap_or(24 * 60),
            reread_minutes: reader.number("reread_minutes", 0..=OVERLAP_MINUTES_MAX).unwrap_or(10),
            page_size: reader
                .number("page_size", 1..=PAGE_SIZE_MAX)
                .and_then(|number| u32::try_from(number).ok())
                .unwrap_or(20),
        };
        reader.refuse_idle_keys(interface);
        if reader.faults.is_empty() { Ok(config) } else { Err(reader.faults) }
    }
}

struct Reader<'a> {
    table: &'a Table,
    faults: Vec<SettingsFault>,
}

impl Reader<'_> {
    fn refuse(&mut self, key: &str, message: impl Into<String>) {
        self.faults.push(fault(key, message));
    }

    fn interface(&mut self) -> Interface {
        match self.table.get("interface").map(Value::as_str) {
            None | Some(Some("batch")) => Interface::Batch,
            Some(Some("search")) => Interface::Search,
            Some(_) => {
                self.refuse("interface", "must be \"batch\" or \"search\"");
                Interface::Batch
            }
        }
    }

    fn term(&mut self) -> Option<String> {
        let value = self.table.get("term")?;
        let term = value.as_str().filter(|term| is_roman(term));
        if term.is_none() {
            self.refuse("term", "must be a term in Roman numerals, such as \"XIV\"");
        }
        term.map(str::to_owned)
    }

    fn number(&mut self, key: &str, allowed: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let value = self.table.get(key)?;
        let number = value.as_integer().filter(|number| allowed.contains(number));
        if number.is_none() {
            self.refuse(key, format!("must be a whole number from {} to {}", allowed.start(), allowed.end()));
        }
        number
    }

    /// A key without effect is a mistake that nobody would see.
    fn refuse_idle_keys(&mut self, interface: Interface) {
        let (idle, other): (&[&str], _) = match interface {
            Interface::Batch => (&["page_size"], "search"),
            Interface::Search => (&["term", "session", "overlap_minutes", "reread_minutes"], "batch"),
        };
        for key in idle.iter().filter(|key| self.table.contains_key(**key)) {
            self.faults.push(fault(key, format!("has an effect with interface = \"{other}\" only")));
        }
    }
}

fn fault(key: &str, message: impl Into<String>) -> SettingsFault {
    SettingsFault { in_dialect: false, key: key.to_owned(), message: message.into() }
}

fn unknown_keys(table: &Table) -> Vec<SettingsFault> {
    let unknown = table.keys().filter(|key| !KEYS.contains(&key.as_str()));
    unknown.map(|key| fault(key, format!("unknown key; {}", right_name(key)))).collect()
}

/// What the writer of `key` most likely meant, or all that there is.
fn right_name(key: &str) -> String {
    let nearest = KEYS.iter().map(|known| (strsim::jaro_winkler(key, known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((similarity, known)) if similarity >= SIMILARITY_MIN => format!("did you mean `{known}`?"),
        _ => format!("the keys of this kind are {}", KEYS.join(", ")),
    }
}

/// Whether `text` has the form of a Roman number; which one does not matter to us.
pub(crate) fn is_roman(text: &str) -> bool {
    (1..=12).contains(&text.len()) && text.bytes().all(|byte| b"IVXLC".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, Vec<SettingsFault>> {
        Config::read(&text.parse().unwrap())
    }

    fn keys(text: &str) -> Vec<String> {
        read(text).unwrap_err().into_iter().map(|fault| fault.key).collect()
    }

    #[test]
    fn an_empty_table_gives_the_documented_defaults() {
        let config = read("").unwrap();
        assert_eq!((config.interface, config.overlap_minutes, config.page_size), (Interface::Batch, 1440, 20));
        assert_eq!((config.term, config.session), (None, None));
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let text = "interface = \"xml\"\nterm = \"14\"\nsession = 0\noverlap_minutes = \"1\"\nx = 1";
        assert_eq!(keys(text), ["x", "interface", "term", "session", "overlap_minutes"]);
    }

    #[test]
    fn a_misspelt_key_is_refused_with_the_nearest_right_name() {
        let faults = read("overlap_minute = 10").unwrap_err();
        assert!(faults[0].message.contains("did you mean `overlap_minutes`?"), "{}", faults[0].message);
    }

    #[test]
    fn keys_of_the_other_interface_are_refused() {
        assert_eq!(keys("interface = \"search\"\nterm = \"XV\""), ["term"]);
        assert_eq!(keys("page_size = 50"), ["page_size"]);
    }
}
