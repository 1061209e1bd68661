//! The keys of `[channels.<name>.settings]` for a channel of this kind, checked all at once.
//!
//! Not the place for addresses, credentials or time-outs: those belong to the channel's own table and to the remote.

use channel_sdk::{adapter::SettingsFault, dialect::nearest};
use jiff::Timestamp;
use serde::Deserialize;

/// Items on a page at most: the portal's own bound on `soLuong`.
const PAGE_SIZE_MAX: u32 = 100;

/// A week: an overlap beyond it re-reads more than a channel that was cut off over a holiday would.
const OVERLAP_MINUTES_MAX: u32 = 7 * 24 * 60;

const KEYS: &[&str] = &["page_size", "overlap_minutes", "pull_from", "format", "confirm_pushes", "pushed_items_max"];

/// The syntax of the bodies that we send; what arrives is decided by its own content type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    Json,
    Xml,
}

/// One channel's settings, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Portal {
    /// The agency code that the portal knows us by.
    pub(crate) agency: String,
    /// `soLuong` of a page.
    pub(crate) page_size: u32,
    /// How far a scan reaches back before the start of the one before it: the portal's clock differs from ours, and
    /// what is being written there while we read becomes visible late.
    pub(crate) overlap_minutes: u32,
    /// `tuThoiDiem` of the very first scan.
    pub(crate) pull_from: Timestamp,
    /// The syntax that we send and ask for.
    pub(crate) format: Format,
    /// Whether what was pushed is confirmed by `xac-nhan` too, although the reply to the push said so already.
    pub(crate) confirm_pushes: bool,
    /// Items in one pushed array at most.
    pub(crate) pushed_items_max: usize,
}

impl Portal {
    /// Checks the table; every problem is told, not only the first.
    pub(crate) fn read(agency: &str, table: &toml::Table) -> Result<Portal, Vec<SettingsFault>> {
        let mut faults = unknown_keys(table);
        if agency.trim().is_empty() {
            faults.push(fault("agency", "the channel has no agency: the code that the portal knows the ministry by"));
        }
        let portal = Portal {
            agency: agency.to_owned(),
            page_size: number(table, "page_size", PAGE_SIZE_MAX, 1..=PAGE_SIZE_MAX, &mut faults),
            overlap_minutes: number(table, "overlap_minutes", 10, 0..=OVERLAP_MINUTES_MAX, &mut faults),
            pull_from: instant(table, "pull_from", &mut faults),
            format: format(table, &mut faults),
            confirm_pushes: boolean(table, "confirm_pushes", &mut faults),
            // A thousand petitions of the usual size are about 4 MB, near the limit of a pushed body.
            pushed_items_max: number(table, "pushed_items_max", 1000, 1..=10_000, &mut faults) as usize,
        };
        if faults.is_empty() { Ok(portal) } else { Err(faults) }
    }
}

fn fault(key: &str, message: impl Into<String>) -> SettingsFault {
    SettingsFault { in_dialect: false, key: key.to_owned(), message: message.into() }
}

fn unknown_keys(table: &toml::Table) -> Vec<SettingsFault> {
    let unknown = table.keys().filter(|key| !KEYS.contains(&key.as_str()));
    unknown.map(|key| fault(key, format!("unknown key; {}", right_name(key)))).collect()
}

/// What the writer of `key` most likely meant, or all that there is.
fn right_name(key: &str) -> String {
    match nearest(key, KEYS.iter().copied()) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("the keys of this kind are {}", KEYS.join(", ")),
    }
}

fn number(
    table: &toml::Table,
    key: &str,
    default: u32,
    allowed: std::ops::RangeInclusive<u32>,
    faults: &mut Vec<SettingsFault>,
) -> u32 {
    let Some(value) = table.get(key) else { return default };
    let number = value.as_integer().and_then(|number| u32::try_from(number).ok());
    match number.filter(|number| allowed.contains(number)) {
        Some(number) => number,
        None => {
            faults.push(fault(key, format!("must be a whole number from {} to {}", allowed.start(), allowed.end())));
            default
        }
    }
}

fn boolean(table: &toml::Table, key: &str, faults: &mut Vec<SettingsFault>) -> bool {
    match table.get(key) {
        None => false,
        Some(toml::Value::Boolean(value)) => *value,
        Some(_) => {
            faults.push(fault(key, "must be true or false"));
            false
        }
    }
}

fn format(table: &toml::Table, faults: &mut Vec<SettingsFault>) -> Format {
    let Some(value) = table.get("format") else { return Format::Json };
    value.clone().try_into().unwrap_or_else(|_| {
        faults.push(fault("format", "must be \"json\" or \"xml\""));
        Format::Json
    })
}

fn instant(table: &toml::Table, key: &str, faults: &mut Vec<SettingsFault>) -> Timestamp {
    // The portal began years later, so this asks for everything; some portals refuse a missing `tuThoiDiem`.
    let begin: Timestamp = "2000-01-01T00:00:00+07:00".parse().expect("a constant RFC 3339 time");
    let parsed = match table.get(key) {
        None => return begin,
        Some(toml::Value::String(text)) => text.parse().ok(),
        Some(toml::Value::Datetime(value)) => value.to_string().parse().ok(),
        Some(_) => None,
    };
    parsed.unwrap_or_else(|| {
        faults.push(fault(key, "must be a time with its zone, such as \"2019-01-01T00:00:00+07:00\""));
        begin
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Portal, Vec<SettingsFault>> {
        Portal::read("000.00.00.G07", &text.parse().unwrap())
    }

    #[test]
    fn an_empty_table_gives_the_documented_defaults() {
        let portal = read("").unwrap();
        assert_eq!((portal.page_size, portal.overlap_minutes), (100, 10));
        assert_eq!((portal.format, portal.confirm_pushes), (Format::Json, false));
    }

    #[test]
    fn a_misspelt_key_is_refused_with_the_nearest_right_name() {
        let faults = read("pagesize = 10").unwrap_err();
        assert_eq!(faults[0].key, "pagesize");
        assert!(faults[0].message.contains("did you mean `page_size`?"), "{}", faults[0].message);
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let text = "page_size = 101\noverlap_minutes = -1\npull_from = \"hôm qua\"\nformat = \"yaml\"\nconfirm_pushes = 1\nx = 1";
        let faults = read(text).unwrap_err();
        let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
        assert_eq!(keys, ["x", "page_size", "overlap_minutes", "pull_from", "format", "confirm_pushes"]);
    }

    #[test]
    fn a_time_may_be_written_as_text_or_as_a_toml_time() {
        let text = read("pull_from = \"2019-01-01T00:00:00+07:00\"").unwrap();
        assert_eq!(text, read("pull_from = 2019-01-01T00:00:00+07:00").unwrap());
    }
}
