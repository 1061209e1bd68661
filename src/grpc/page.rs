//! Page tokens: where a list goes on, in a form that clients cannot and need not read.
//!
//! A token holds the place after which the next page begins (a keyset, so that inserts neither repeat nor skip a row) and
//! a digest of what was asked for: a token used with another filter, order or parent is refused, and so is one that was
//! cut or altered. It is not a secret and grants nothing.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::error::CallError;

/// Told first in every token, so that a later form can be told apart.
const FORM: u8 = 1;
/// Bytes of each digest: enough that no mistake passes by chance.
const DIGEST_BYTES: usize = 8;
/// The longest token that is looked at: a place is a sort key and an id.
const TOKEN_BYTES_MAX: usize = 400;

/// What a list was asked for, as far as it decides what stands where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked([u8; DIGEST_BYTES]);

impl Asked {
    /// The digest of a method and everything in its request but the page.
    pub(super) fn of(method: &str, parts: &[&str]) -> Asked {
        let mut hash = Sha256::new();
        for part in [method].iter().chain(parts) {
            // Lengths keep `ab` + `c` apart from `a` + `bc`.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        Asked(first_bytes(&hash.finalize()))
    }

    /// The token of the page after `place`.
    pub(super) fn token(self, place: &str) -> String {
        let mut bytes = vec![FORM];
        bytes.extend(self.0);
        bytes.extend(place.as_bytes());
        let check: [u8; DIGEST_BYTES] = first_bytes(&Sha256::digest(&bytes));
        bytes.extend(check);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The place of a token; `None` for the first page.
    pub(super) fn place(self, token: &str) -> Result<Option<String>, CallError> {
        if token.is_empty() {
            return Ok(None);
        }
        self.read(token).map(Some).ok_or(CallError::InvalidPageToken)
    }

    fn read(self, token: &str) -> Option<String> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (payload, check) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST_BYTES)?)?;
        let right: [u8; DIGEST_BYTES] = first_bytes(&Sha256::digest(payload));
        let (head, place) = payload.split_at_checked(1 + DIGEST_BYTES)?;
        let is_ours = check == right && head[0] == FORM && head[1..] == self.0;
        is_ours.then(|| String::from_utf8(place.to_vec()).ok()).flatten()
    }
}

/// The rows of a page: as many as asked for, `default` for 0, at most `max`.
pub(super) fn size(asked: i32, default: u32, max: u32) -> u32 {
    match u32::try_from(asked) {
        Ok(0) | Err(_) => default,
        Ok(size) => size.min(max),
    }
}

fn first_bytes(digest: &[u8]) -> [u8; DIGEST_BYTES] {
    std::array::from_fn(|index| digest[index])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_page_has_no_place() {
        assert_eq!(Asked::of("List", &["a"]).place("").unwrap(), None);
    }

    #[test]
    fn a_token_of_another_list_is_refused() {
        let token = Asked::of("List", &["status = open", ""]).token("place");
        for other in [Asked::of("List", &["status = ", "open"]), Asked::of("Search", &["status = open", ""])] {
            assert!(other.place(&token).is_err());
        }
    }

    proptest! {
        #[test]
        fn a_place_comes_back_as_it_went(place in "\\PC{0,100}") {
            let asked = Asked::of("List", &["filter"]);
            prop_assert_eq!(asked.place(&asked.token(&place)).unwrap(), Some(place));
        }

        #[test]
        fn an_altered_token_is_refused(place in "[a-z0-9]{1,40}", at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]") {
            let asked = Asked::of("List", &["filter"]);
            let token = asked.token(&place);
            let at = at.index(token.len());
            let mut altered = token.clone();
            altered.replace_range(at..=at, &to);
            // The last letter of base64 has spare bits; what decodes to the same bytes is the same token.
            let same = URL_SAFE_NO_PAD.decode(&altered).ok() == URL_SAFE_NO_PAD.decode(&token).ok();
            prop_assert_eq!(asked.place(&altered).is_ok(), same);
        }

        #[test]
        fn what_is_no_token_is_refused(token in "\\PC{1,60}") {
            prop_assert!(Asked::of("List", &["filter"]).place(&token).is_err());
        }
    }
}
