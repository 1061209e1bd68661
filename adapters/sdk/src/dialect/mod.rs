//! Dialects: field mappings, code tables and addresses of a channel as data (TOML), used in both directions.
//!
//! Ministries get the real tables late and they change; so an adapter asks its dialect where a value stands and how it
//! is spelt, and an operator edits the dialect without a compiler.
//!
//! ```toml
//! [constants]                       # words that the protocol fixes
//! namespace = "urn:example:1"
//! [paths]                           # addresses; {…} is filled in, percent-encoded
//! answer = "/api/v1/pakn/{ma}/tra-loi"
//! [maps.petition]                   # canonical name = where and how in the channel's message
//! external_id = { at = "maPAKN", as = "text", required = true, chars_max = 100 }
//! kind = { at = "loaiPAKN", as = "code", codes = "kinds", required = true }
//! "field.code" = { at = "linhVuc.ma", as = "text" }
//! due_on = { at = "hanXuLy", as = "date", formats = ["%Y-%m-%d", "%d/%m/%Y"] }
//! attachments = { at = "tepDinhKem", as = "list", map = "attachment" }
//! [maps.attachment]
//! name = { at = "tenTep", as = "text", required = true }
//! [codes.kinds]                     # channel code = canonical name; the first code of a name is the one written
//! "1" = "feedback"
//! options = { unknown = "keep" }    # an unknown code becomes an extension; without this it is refused
//! ```
//!
//! `at` is a path of names with dots; `Name@attribute` is an XML attribute, `.` the text of the element itself.
//! `as` is `text`, `integer` (`min`, `max`), `boolean`, `date`, `timestamp` (both `formats`), `code` (`codes`) or `list`
//! (`map`, or `of` with one of the others). Each rule takes `required`, `default`, `chars_max` for text, and `null =
//! true` to write an absent value as null instead of leaving it out.
//!
//! What is no concern of a dialect: which messages exist, when they travel, what their statuses mean.

mod codes;
mod paths;
mod read;
mod record;
mod rule;
mod scalar;
mod table;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;

pub use codes::CodeTable;
use paths::Template;
pub use read::Reading;
pub use record::{Record, Value};
pub use rule::Map;

use crate::{adapter::SettingsFault, fault::Fault};

/// A dialect, compiled once.
#[derive(Debug, Clone, Default)]
pub struct Dialect {
    constants: BTreeMap<String, String>,
    paths: BTreeMap<String, Template>,
    maps: BTreeMap<String, Map>,
    codes: BTreeMap<String, CodeTable>,
}

impl Dialect {
    /// Compiles the text of a dialect file.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its key's path and line.
    pub fn parse(toml: &str) -> Result<Dialect, Vec<SettingsFault>> {
        table::compile(toml)
    }

    /// The mapping of this name; cheap to clone and keep.
    pub fn map(&self, name: &str) -> Option<&Map> {
        self.maps.get(name)
    }

    /// The code table of this name; cheap to clone and keep.
    pub fn codes(&self, name: &str) -> Option<&CodeTable> {
        self.codes.get(name)
    }

    /// A word of `[constants]`.
    pub fn constant(&self, name: &str) -> Option<&str> {
        self.constants.get(name).map(String::as_str)
    }

    /// An address of `[paths]`, its placeholders unfilled.
    pub fn template(&self, name: &str) -> Option<&str> {
        self.paths.get(name).map(Template::text)
    }

    /// An address of `[paths]` with its placeholders filled and percent-encoded.
    ///
    /// # Errors
    /// A name that `[paths]` does not have, a placeholder without value, or a value that cannot be one path segment
    /// (empty, `.`, `..`).
    pub fn path(&self, name: &str, values: &[(&str, &str)]) -> Result<String, Fault> {
        match self.paths.get(name) {
            Some(template) => template.fill(name, values),
            None => Err(paths::absent(name)),
        }
    }

    /// [`Dialect::map`] for what an adapter cannot do without.
    ///
    /// # Errors
    /// It is absent.
    pub fn require_map(&self, name: &str) -> Result<&Map, SettingsFault> {
        self.maps.get(name).ok_or_else(|| absent("maps", name, self.maps.keys()))
    }

    /// [`Dialect::codes`] for what an adapter cannot do without.
    ///
    /// # Errors
    /// It is absent.
    pub fn require_codes(&self, name: &str) -> Result<&CodeTable, SettingsFault> {
        self.codes.get(name).ok_or_else(|| absent("codes", name, self.codes.keys()))
    }

    /// [`Dialect::constant`] for what an adapter cannot do without.
    ///
    /// # Errors
    /// It is absent.
    pub fn require_constant(&self, name: &str) -> Result<&str, SettingsFault> {
        self.constant(name).ok_or_else(|| absent("constants", name, self.constants.keys()))
    }

    /// Whether `[paths]` has `name`, and its placeholders are among `placeholders`; after this [`Dialect::path`] with
    /// values for all of them fails on nothing but a value.
    ///
    /// # Errors
    /// It is absent, or it has another placeholder.
    pub fn require_path(&self, name: &str, placeholders: &[&str]) -> Result<(), SettingsFault> {
        let template = self.paths.get(name).ok_or_else(|| absent("paths", name, self.paths.keys()))?;
        match template.foreign_placeholder(placeholders) {
            None => Ok(()),
            Some(foreign) => {
                let known = placeholders.iter().map(|it| format!("{{{it}}}")).collect::<Vec<_>>().join(", ");
                let message = format!("không có giá trị cho {{{foreign}}}; chỉ dùng được: {known}");
                Err(fault_at(format!("paths.{name}"), message))
            }
        }
    }
}

fn absent<'a>(section: &str, name: &str, known: impl Iterator<Item = &'a String>) -> SettingsFault {
    let message = format!("thiếu mục bắt buộc{}", did_you_mean(name, known.map(String::as_str)));
    fault_at(format!("{section}.{name}"), message)
}

/// A fault in the dialect file.
fn fault_at(key: impl Into<String>, message: impl Into<String>) -> SettingsFault {
    SettingsFault { in_dialect: true, key: key.into(), message: message.into() }
}

/// `; có phải là "…"?` with the nearest of `known`, or nothing where none is near.
fn did_you_mean<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(word, known).map(|it| format!("; có phải là \"{it}\"?")).unwrap_or_default()
}

/// The one of `known` that `word` was most likely meant to be, if any is near enough.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the letters wrong is still a slip of the pen; more is another word.
    let far = word.chars().count() / 3 + 1;
    known
        .into_iter()
        .map(|it| (strsim::damerau_levenshtein(word, it), it))
        .filter(|(distance, _)| *distance <= far)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, it)| it)
}
