//! The dialect in force, with everything that this kind looks up in it checked to be there and spelt right.

use channel_sdk::{
    adapter::SettingsFault,
    canonical::names,
    dialect::{CodeTable, Dialect, Map},
    fault::Fault,
};

/// A map that the code asks for: its name, the canonical names that it may have, those that it must have.
struct Needed {
    map: &'static str,
    known: &'static [&'static [&'static str]],
    needed: &'static [&'static str],
}

const fn needed(
    map: &'static str,
    known: &'static [&'static [&'static str]],
    needed: &'static [&'static str],
) -> Needed {
    Needed { map, known, needed }
}

const MAPS: &[Needed] = &[
    needed("page", &[&["token", "more"]], &["token", "more"]),
    needed("petition", &[names::DRAFT, &["status"]], &["external_id", "kind", "body"]),
    needed("attachment", &[names::ATTACHMENT], &["name"]),
    needed("listed_withdrawal", &[names::WITHDRAWAL], &["external_id"]),
    needed("listed_reassignment", &[names::REASSIGNMENT], &["external_id", "to.code"]),
    needed("withdrawal", &[names::WITHDRAWAL], &[]),
    needed("supplement", &[names::SUPPLEMENT], &["text"]),
    needed("rating", &[names::RATING], &["external_id", "score"]),
    needed("code_list_entry", &[&["code", "name"]], &["code", "name"]),
    needed("error", &[&["code", "message", "details"]], &["code", "message", "details"]),
    needed("error_detail", &[&["code", "field", "reason"]], &["field", "reason"]),
    needed("reference", &[&["known", "reference"]], &[]),
    needed("receipt", &[names::NOTICE], &["petition_id"]),
    needed("status", &[names::NOTICE, &["status", "unit"]], &["status"]),
    needed("forward", &[names::NOTICE], &["to.code"]),
    needed("answer", &[names::NOTICE], &["answer.text"]),
    needed("answer_attachment", &[names::ATTACHMENT], &["name", "sha256"]),
    needed("item_reply", &[ITEM_REPLY], &["external_id", "outcome", "petition_id"]),
];

const ITEM_REPLY: &[&str] = &["external_id", "outcome", "petition_id", "code", "reason", "details"];

const CONSTANTS: &[&str] = &[
    "petition_root",
    "list_root",
    "rating_list_root",
    "code_list_root",
    "receipt_root",
    "status_root",
    "forward_root",
    "answer_root",
    "reply_root",
    "reply_list",
    "reply_item",
    "error_root",
    "list",
    "legal_basis_label",
    "reply_by_label",
];

const PATHS: &[(&str, &[&str])] = &[
    ("petitions", &[]),
    ("attachment", &["ma", "maTep"]),
    ("upload", &["ma", "sha256"]),
    ("receipt", &["ma"]),
    ("status", &["ma"]),
    ("forward", &["ma"]),
    ("answer", &["ma"]),
    ("ratings", &[]),
    ("code_list", &["danhMuc"]),
];

const CODES: &[Codes] = &[
    Codes { table: "kinds", known: &["feedback", "petition", "policy_question"], needed: &[] },
    Codes { table: "petitioner_kinds", known: &["citizen", "business", "organisation"], needed: &[] },
    Codes { table: "statuses", known: STATUSES, needed: TOLD },
    Codes { table: "outcomes", known: OUTCOMES, needed: OUTCOMES },
];

/// A code table that the code asks for.
struct Codes {
    table: &'static str,
    known: &'static [&'static str],
    needed: &'static [&'static str],
}

/// Statuses that we tell, or that decide what a listed petition means.
const TOLD: &[&str] =
    &["accepted", "in_progress", "information_requested", "declined", "forwarded", "published", "withdrawn", "closed"];

/// The portal's statuses.
const STATUSES: &[&str] = &[
    "new",
    "transferred",
    "accepted",
    "in_progress",
    "information_requested",
    "answered",
    "declined",
    "forwarded",
    "published",
    "withdrawn",
    "closed",
];

const OUTCOMES: &[&str] = &["taken", "already_had", "refused"];

/// The words of one channel.
pub(crate) struct Words {
    dialect: Dialect,
}

impl Words {
    /// Compiles a dialect; every problem is told, not only the first.
    pub(crate) fn read(text: &str) -> Result<Words, Vec<SettingsFault>> {
        let dialect = Dialect::parse(text)?;
        let mut faults = Vec::new();
        for needed in MAPS {
            match dialect.require_map(needed.map) {
                Ok(map) => faults.extend(map.check(&needed.known.concat(), needed.needed)),
                Err(fault) => faults.push(fault),
            }
        }
        for codes in CODES {
            match dialect.require_codes(codes.table) {
                Ok(table) => faults.extend(table.check(codes.known, codes.needed)),
                Err(fault) => faults.push(fault),
            }
        }
        faults.extend(CONSTANTS.iter().filter_map(|name| dialect.require_constant(name).err()));
        faults.extend(PATHS.iter().filter_map(|(name, parts)| dialect.require_path(name, parts).err()));
        if faults.is_empty() { Ok(Words { dialect }) } else { Err(faults) }
    }

    /// A map that [`Words::read`] has seen.
    pub(crate) fn map(&self, name: &str) -> &Map {
        self.dialect.map(name).expect("every map asked for stands in MAPS, and those were checked")
    }

    /// A fault whose place is the gateway's name of a field, as the sender of a petition knows the field.
    pub(crate) fn in_channel_words(&self, fault: Fault) -> Fault {
        let place = self.map("petition").place_of(&fault.place);
        Fault { place: place.unwrap_or(fault.place), ..fault }
    }

    /// A constant that [`Words::read`] has seen.
    pub(crate) fn constant(&self, name: &str) -> &str {
        self.dialect.constant(name).expect("every constant asked for stands in CONSTANTS, and those were checked")
    }

    /// A path with its parts filled in, percent-encoded; a part that can be no path segment is a fault.
    pub(crate) fn path(&self, name: &str, parts: &[(&str, &str)]) -> Result<String, Fault> {
        self.dialect.path(name, parts)
    }

    /// The statuses' table.
    pub(crate) fn statuses(&self) -> &CodeTable {
        self.dialect.codes("statuses").expect("the table of statuses stands in CODES, and those were checked")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: &str = include_str!("dialect.toml");

    fn keys(text: &str) -> Vec<String> {
        Words::read(text).err().unwrap_or_default().into_iter().map(|fault| fault.key).collect()
    }

    #[test]
    fn the_default_dialect_is_sound() {
        assert_eq!(keys(DEFAULT), Vec::<String>::new());
    }

    #[test]
    fn a_dialect_without_a_needed_part_is_refused_with_its_key() {
        let dialect = DEFAULT.replace("\nlist_root = ", "\nlist_rot = ").replace("answer = \"/api", "anwser = \"/api");
        assert_eq!(keys(&dialect), ["constants.list_root", "paths.answer"]);
    }

    #[test]
    fn a_canonical_name_that_does_not_exist_is_refused() {
        assert_eq!(keys(&DEFAULT.replace("\nsubject = ", "\nsubjekt = ")), ["maps.petition.subjekt"]);
        assert_eq!(keys(&DEFAULT.replace("\"accepted\"", "\"acepted\"")), ["codes.statuses.03", "codes.statuses"]);
    }
}
