//! The name of a content, its SHA-256 in lower-case hex, and the place that follows from it.

use object_store::{ObjectMeta, path::Path};

use super::{BlobError, StoredBlob};

/// The first two digits of the names that are listed together: 256 lists, each of which fits into memory.
pub(super) const SHARDS: u16 = 256;

pub(super) fn is_digest(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// `ab/cd/abcd…`: no folder grows beyond what tools can list. What stands on disk has this layout since the first
/// version; a bucket has it too, so that either can be moved to the other by any tool.
pub(super) fn place_of(sha256: &str) -> Result<Path, BlobError> {
    if !is_digest(sha256) {
        return Err(BlobError::NotADigest);
    }
    Ok(Path::from_iter([&sha256[..2], &sha256[2..4], sha256]))
}

/// The content at a place; `None` for what others have put there.
pub(super) fn content_at(found: &ObjectMeta) -> Option<StoredBlob> {
    let sha256 = found.location.filename()?;
    let stands_right = place_of(sha256).is_ok_and(|place| place == found.location);
    stands_right.then(|| StoredBlob { sha256: sha256.to_owned(), size_bytes: found.size })
}

/// What the names of a shard begin with.
pub(super) fn shard(number: u16) -> Path {
    Path::from(format!("{number:02x}"))
}
