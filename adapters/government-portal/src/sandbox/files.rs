//! The petitioners' files: made again from the seed whenever one is asked for, whole or in part.

use axum::{
    body::Body,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::case::File;

/// The content of one file: the first bytes of its type, then noise.
pub(super) fn content(seed: u64, petition: &str, file: &File) -> Vec<u8> {
    let digest = Sha256::digest(format!("{seed} {petition} {}", file.id));
    let mut bytes = vec![0; file.size_bytes];
    ChaCha8Rng::from_seed(digest.into()).fill_bytes(&mut bytes);
    let magic: &[u8] = match file.media_type() {
        "application/pdf" => b"%PDF-1.4\n",
        "image/jpeg" => b"\xFF\xD8\xFF\xE0",
        _ => b"PK\x03\x04",
    };
    for (byte, first) in bytes.iter_mut().zip(magic) {
        *byte = *first;
    }
    bytes
}

/// The file as an answer, whole or the range that was asked for.
pub(super) fn respond(headers: &HeaderMap, file: &File, bytes: Vec<u8>) -> Response {
    let total = bytes.len();
    let etag = format!("\"{}\"", hex::encode(Sha256::digest(&bytes)));
    let fixed = [
        (header::CONTENT_TYPE, file.media_type().to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::ETAG, etag),
    ];
    match headers.get(header::RANGE).and_then(|value| value.to_str().ok()).map(|asked| range(asked, total)) {
        None => (fixed, Body::from(bytes)).into_response(),
        Some(Some((from, to))) => {
            let place = [(header::CONTENT_RANGE, format!("bytes {from}-{to}/{total}"))];
            (StatusCode::PARTIAL_CONTENT, fixed, place, Body::from(bytes[from..=to].to_vec())).into_response()
        }
        Some(None) => {
            let place = [(header::CONTENT_RANGE, format!("bytes */{total}"))];
            (StatusCode::RANGE_NOT_SATISFIABLE, place).into_response()
        }
    }
}

/// First and last byte of `bytes=a-b`, `bytes=a-` or `bytes=-n`.
fn range(asked: &str, total: usize) -> Option<(usize, usize)> {
    let (from, to) = asked.strip_prefix("bytes=")?.split_once('-')?;
    let last = total.checked_sub(1)?;
    let (from, to) = match (from, to) {
        ("", count) => (total.saturating_sub(count.parse().ok()?), last),
        (from, "") => (from.parse().ok()?, last),
        (from, to) => (from.parse().ok()?, to.parse::<usize>().ok()?.min(last)),
    };
    (from <= to && from < total).then_some((from, to))
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn ranges_are_read_in_their_three_forms() {
        assert_eq!(range("bytes=2-5", 10), Some((2, 5)));
        assert_eq!(range("bytes=2-", 10), Some((2, 9)));
        assert_eq!(range("bytes=-3", 10), Some((7, 9)));
        assert_eq!(range("bytes=10-", 10), None);
        assert_eq!(range("bytes=0-0", 0), None);
    }
}
