//! What a far side shows of what it has: the material of a reconciliation (đối soát).
//!
//! An adapter whose far side can be listed says so ([`Abilities::lists`](crate::adapter::Abilities::lists)) and gives pages
//! of [`Listed`]; what one entry says of one of our notices only the adapter understands, and says it purely
//! ([`Adapter::shows`](crate::Adapter::shows)). A listing holds no text of a petition: digests and codes only.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::named_enum;

/// One page of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// What stands on it; the same entry may come again, and the later one adds to the earlier.
    pub items: Vec<Listed>,
    /// Entries of which not even the id could be read.
    pub unreadable: u32,
    /// The cursor of the next page; `None` after the last.
    pub next: Option<String>,
}

/// One petition as the far side lists it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The far side's id.
    pub external_id: String,
    /// Its revision there, where the listing tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Whose it is there, where the listing tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// What the adapter needs to judge notices by: codes, ids and digests, never texts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
}

named_enum! {
    /// Whose a listed petition is.
    pub enum Standing {
        /// Ours to deal with, or dealt with by us.
        Ours = "ours",
        /// Đã rút: its sender took it back.
        Withdrawn = "withdrawn",
        /// Chuyển cơ quan khác: the far side gave it to another agency.
        Anothers = "anothers",
    }
}

/// What a listed petition says of one of our notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// It is there.
    Yes,
    /// It is not there.
    No,
    /// Something else stands where it would stand: another answer, an earlier or a later one.
    Other,
    /// The listing does not tell.
    CannotTell,
}

impl Listed {
    /// Adds what another page says of the same petition.
    pub fn add(&mut self, later: Listed) {
        self.revision = later.revision.or(self.revision);
        self.standing = later.standing.or(self.standing);
        self.facts.extend(later.facts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_later_page_says_is_added_and_what_it_leaves_out_stays() {
        let fact = |name: &str| (name.to_owned(), "1".to_owned());
        let of = |revision, facts: &[&str]| Listed {
            external_id: "A-1".to_owned(),
            revision,
            standing: None,
            facts: facts.iter().map(|name| fact(name)).collect(),
        };
        let mut listed = of(None, &["answer"]);
        listed.add(of(Some(2), &["status"]));
        listed.add(of(None, &[]));
        assert_eq!(listed, of(Some(2), &["answer", "status"]));
    }
}
