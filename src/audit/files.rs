//! Contents of attachments: each that a petition holds is there, has its size, and is what its name says.

use crate::petition::{AttachmentState, Petition};

use super::{Finding, Section, What};

/// Bits for each content in [`Names`]: with seven of them looked at, one name in a thousand is taken for known that is not.
const BITS_EACH: u64 = 16;
/// Bits that are looked at.
const LOOKS: usize = 7;

/// A content that a petition holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    /// SHA-256, lower-case hex: its name.
    pub(super) sha256: String,
    /// Its size.
    pub(super) size_bytes: u64,
    /// Whose it is, for people.
    pub(super) row: String,
}

/// Every content that a petition holds: its own files, those of supplements, and those of its answers.
pub(super) fn held(petition: &Petition) -> Vec<Held> {
    let own = petition.attachments.iter().filter(|held| held.state == AttachmentState::Held);
    let own = own.map(|held| (&held.attachment, format!("petition {}, attachment {}", petition.id, held.id)));
    let answers = petition.answers.iter().flat_map(|answer| {
        let row = format!("petition {}, answer {}", petition.id, answer.version);
        answer.attachments.iter().map(move |file| (file, row.clone()))
    });
    let held = |(file, row): (&channel_sdk::model::Attachment, String)| Held {
        sha256: file.sha256.clone(),
        size_bytes: file.size_bytes,
        row,
    };
    own.chain(answers).map(held).collect()
}

/// The content is there with its size; `size_bytes` is what is kept under its name.
pub(super) fn is_there(held: &Held, size_bytes: Option<u64>) -> Option<Finding> {
    match size_bytes {
        None => Some(of(What::FileMissing, held.row.clone())),
        Some(size_bytes) if size_bytes != held.size_bytes => Some(of(What::FileSize, held.row.clone())),
        Some(_) => None,
    }
}

/// A content as it was found by its name.
pub(super) fn content(what: What, sha256: &str) -> Finding {
    of(what, format!("content {sha256}"))
}

fn of(what: What, row: String) -> Finding {
    Finding::new(Section::Files, what, row)
}

/// The names that petitions hold, in a few bits each, so that ten millions of them fit the memory. One that was added is known;
/// one in a thousand that was not is known all the same.
pub(super) struct Names {
    bits: Vec<u64>,
}

impl Names {
    /// Room for this many.
    pub(super) fn with_room(contents: u64) -> Names {
        let words = (contents.max(64) * BITS_EACH).div_ceil(64).next_power_of_two();
        Names { bits: vec![0; usize::try_from(words).unwrap_or(usize::MAX)] }
    }

    pub(super) fn add(&mut self, sha256: &str) {
        for (word, bit) in self.places(sha256) {
            self.bits[word] |= bit;
        }
    }

    pub(super) fn knows(&self, sha256: &str) -> bool {
        self.places(sha256).iter().all(|(word, bit)| self.bits[*word] & bit != 0)
    }

    /// Where a name leaves its bits. The name is a digest: its own digits are as good as any hash of it.
    fn places(&self, sha256: &str) -> [(usize, u64); LOOKS] {
        let digest = hex::decode(sha256).unwrap_or_default();
        std::array::from_fn(|look| {
            let mut bytes = [0; 8];
            digest.iter().skip(look * 4).take(8).zip(&mut bytes).for_each(|(from, to)| *to = *from);
            let place = u64::from_le_bytes(bytes);
            let word = usize::try_from(place >> 6).unwrap_or(usize::MAX) & (self.bits.len() - 1);
            (word, 1 << (place & 63))
        })
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    fn name(number: u32) -> String {
        hex::encode(Sha256::digest(number.to_be_bytes()))
    }

    #[test]
    fn every_name_that_was_added_is_known_and_few_others_are() {
        let mut names = Names::with_room(10_000);
        (0..10_000).for_each(|number| names.add(&name(number)));
        assert!((0..10_000).all(|number| names.knows(&name(number))));
        let known = (10_000..30_000).filter(|number| names.knows(&name(*number))).count();
        assert!(known < 60, "{known} of 20,000");
    }

    #[test]
    fn a_content_that_is_not_there_or_has_another_size_is_found() {
        let held = Held { sha256: name(1), size_bytes: 7, row: "petition x, attachment 1".to_owned() };
        assert_eq!(is_there(&held, Some(7)), None);
        assert_eq!(is_there(&held, Some(8)).unwrap().what, What::FileSize);
        assert_eq!(is_there(&held, None).unwrap().what, What::FileMissing);
    }
}
