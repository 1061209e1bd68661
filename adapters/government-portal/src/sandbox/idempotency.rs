//! Calls that were answered once under a key are answered the same again, without being done again.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{answer::Refusal, state::State};

/// An answer that was given under a key.
#[derive(Debug, Clone)]
pub(super) struct Remembered {
    digest: String,
    pub(super) status: u16,
    pub(super) document: Value,
    /// The petition that the call was about.
    pub(super) about: String,
}

/// What a call is, for telling a repeat from another call under the same key.
pub(super) fn digest(path: &str, body: &[u8]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(path.as_bytes());
    hasher.update([0]);
    hasher.update(body);
    hex::encode(hasher.finalize())
}

impl State {
    /// The answer that this very call was given before, if it was.
    pub(super) fn recall(&self, key: &str, digest: &str) -> Result<Option<Remembered>, Refusal> {
        match self.remembered.get(key) {
            None => Ok(None),
            Some(known) if known.digest == digest => Ok(Some(known.clone())),
            Some(_) => Err(Refusal::new(
                422,
                "KHOA_DA_DUNG",
                "Idempotency-Key đã dùng cho một yêu cầu khác",
                "Idempotency-Key",
            )),
        }
    }

    /// Keeps an answer. Only successes are kept: what was refused may be mended and sent again under its key.
    pub(super) fn remember(&mut self, key: &str, digest: String, about: &str, status: u16, document: &Value) {
        let known = Remembered { digest, status, document: document.clone(), about: about.to_owned() };
        self.remembered.insert(key.to_owned(), known);
    }
}
