//! Signed pushes: a channel that shows no client certificate signs each push with a shared secret.
//!
//! ```text
//! X-Timestamp: 1575622920                      unix seconds, or RFC 3339 with a zone
//! X-Signature: HMAC-SHA256 <signature>         or HMAC-SHA256=<signature>; hex or base64
//! ```
//! The signature is HMAC-SHA256 with the secret over the bytes of `X-Timestamp` as sent, a full stop, and the body.
//!
//! The time stamp may be five minutes off, and within that window a signature is good once: a sender that repeats a body
//! within one second writes the time to the millisecond (RFC 3339), or its second push is taken for a replay. The memory of signatures is
//! this process's own: after a restart, or at another gateway, a replay within the window gets through to the intake,
//! where it is the same message again and changes nothing.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// How far the sender's clock may be off, either way.
pub const WINDOW: Duration = Duration::from_secs(5 * 60);
/// So many signatures are remembered: 600 a second over the window and its mirror image, some 20 MB. Only good ones are
/// remembered, so nobody without the secret can fill it.
const REMEMBERED_MAX: usize = 360_000;

/// `X-Timestamp`.
pub const TIMESTAMP: &str = "x-timestamp";
/// `X-Signature`.
pub const SIGNATURE: &str = "x-signature";

type Tag = [u8; 32];

/// Why a signed push is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureRefusal {
    /// A header is missing.
    #[error("thiếu X-Signature hoặc X-Timestamp (the push is not signed)")]
    Unsigned,
    /// `X-Signature` is not of its form.
    #[error("X-Signature phải có dạng \"HMAC-SHA256 <hex>\" (malformed signature)")]
    Malformed,
    /// `X-Timestamp` is not of its form.
    #[error("X-Timestamp phải là giây Unix hoặc RFC 3339 (malformed time stamp)")]
    MalformedTimestamp,
    /// The time stamp lies outside the window.
    #[error("X-Timestamp lệch quá 5 phút (the time stamp is more than 5 minutes off)")]
    Stale,
    /// Another secret, another body or another time stamp was signed.
    #[error("chữ ký không đúng (the signature does not match)")]
    Wrong,
    /// The same signature was seen before.
    #[error("chữ ký đã được sử dụng (the signature was used before)")]
    Replayed,
    /// Too many signatures within the window to tell a replay.
    #[error("quá nhiều yêu cầu, thử lại sau (too many signed pushes, try again later)")]
    Crowded,
}

/// A signature whose headers are in order, before the body is read.
#[derive(Debug)]
pub struct Claimed {
    timestamp_text: String,
    at: Timestamp,
    tag: Tag,
    /// What it is remembered by.
    seen_as: Tag,
}

/// The signatures of one channel.
#[derive(Debug)]
pub struct SignatureCheck {
    secret: SecretString,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    tags: HashSet<Tag>,
    /// By the instant after which the window refuses them anyway; nearly in order, which is enough.
    until: VecDeque<(Timestamp, Tag)>,
}

impl Claimed {
    /// Reads the headers, so that an unsigned or stale push is refused before its body is read.
    ///
    /// # Errors
    /// Why the push is refused.
    pub fn read(headers: &HeaderMap, now: Timestamp) -> Result<Claimed, SignatureRefusal> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let (Some(signature), Some(timestamp)) = (header(SIGNATURE), header(TIMESTAMP)) else {
            return Err(SignatureRefusal::Unsigned);
        };
        let tag = parse_signature(signature).ok_or(SignatureRefusal::Malformed)?;
        let at = parse_timestamp(timestamp).ok_or(SignatureRefusal::MalformedTimestamp)?;
        if now.duration_since(at).unsigned_abs() > WINDOW {
            return Err(SignatureRefusal::Stale);
        }
        Ok(Claimed { timestamp_text: timestamp.to_owned(), at, tag, seen_as: tag })
    }

    /// The same, sent to `target`: the signature does not cover the address, so two messages with the same body in the same
    /// second (two ratings of 5) have one signature, and only the address tells them apart.
    #[must_use]
    pub fn sent_to(mut self, target: &str) -> Claimed {
        self.seen_as = Sha256::new().chain_update(self.tag).chain_update(target).finalize().into();
        self
    }
}

impl SignatureCheck {
    /// For a channel that signs with `secret`.
    pub fn new(secret: SecretString) -> SignatureCheck {
        SignatureCheck { secret, seen: Mutex::default() }
    }

    /// Verifies the signature over the body (in constant time), and that it is new.
    ///
    /// # Errors
    /// Why the push is refused.
    pub fn verify(&self, claimed: &Claimed, body: &[u8], now: Timestamp) -> Result<(), SignatureRefusal> {
        let mut mac = mac(&self.secret, &claimed.timestamp_text);
        mac.update(body);
        mac.verify_slice(&claimed.tag).map_err(|_| SignatureRefusal::Wrong)?;
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remember(claimed, now)
    }

    /// The push was not taken (the store is away, too many at once): the same bytes may come again.
    pub fn forget(&self, claimed: &Claimed) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).tags.remove(&claimed.seen_as);
    }
}

/// Signs a message of ours, piece by piece.
pub struct Signer {
    timestamp: String,
    mac: Hmac<Sha256>,
}

impl Signer {
    /// Begins with the time stamp.
    pub fn new(secret: &SecretString, now: Timestamp) -> Signer {
        Signer::at(secret, now.as_second().to_string())
    }

    fn at(secret: &SecretString, timestamp: String) -> Signer {
        let mac = mac(secret, &timestamp);
        Signer { timestamp, mac }
    }

    /// Goes on with a piece of the body.
    pub fn update(&mut self, piece: &[u8]) {
        self.mac.update(piece);
    }

    /// The values of `X-Timestamp` and `X-Signature`.
    pub fn finish(self) -> (String, String) {
        (self.timestamp, format!("HMAC-SHA256 {}", hex::encode(self.mac.finalize().into_bytes())))
    }
}

/// The values of `X-Timestamp` and `X-Signature` for a push that a made-up far side sends us. To the nanosecond: the same
/// body signed twice within a second would have the same signature, and the second one would be a replay.
pub fn sign(secret: &SecretString, body: &[u8], now: Timestamp) -> (String, String) {
    let mut signer = Signer::at(secret, now.to_string());
    signer.update(body);
    signer.finish()
}

impl Seen {
    fn remember(&mut self, claimed: &Claimed, now: Timestamp) -> Result<(), SignatureRefusal> {
        while let Some((until, tag)) = self.until.front()
            && *until < now
        {
            self.tags.remove(tag);
            self.until.pop_front();
        }
        if self.until.len() >= REMEMBERED_MAX {
            return Err(SignatureRefusal::Crowded);
        }
        if !self.tags.insert(claimed.seen_as) {
            return Err(SignatureRefusal::Replayed);
        }
        // An instant at the end of time is outside the window and was refused.
        self.until.push_back((claimed.at.saturating_add(WINDOW).unwrap_or(claimed.at), claimed.seen_as));
        Ok(())
    }
}

/// The code over the time stamp and the full stop; the body follows.
fn mac(secret: &SecretString, timestamp: &str) -> Hmac<Sha256> {
    let key = secret.expose_secret().as_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac
}

fn parse_signature(header: &str) -> Option<Tag> {
    const SCHEME: &str = "HMAC-SHA256";
    let header = header.trim();
    let scheme = header.get(..SCHEME.len()).filter(|scheme| scheme.eq_ignore_ascii_case(SCHEME))?;
    let text = header[scheme.len()..].strip_prefix([' ', '='])?.trim();
    let bytes = match text.len() {
        64 => hex::decode(text).ok()?,
        _ => BASE64_STANDARD.decode(text).ok()?,
    };
    bytes.try_into().ok()
}

fn parse_timestamp(header: &str) -> Option<Timestamp> {
    let header = header.trim();
    match header.parse::<i64>() {
        Ok(seconds) => Timestamp::from_second(seconds).ok(),
        Err(_) => header.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    const BODY: &[u8] = b"{\"maPAKN\":\"PAKN-1\"}";

    fn now() -> Timestamp {
        "2019-12-06T09:02:00Z".parse().unwrap()
    }

    fn secret() -> SecretString {
        SecretString::from("a secret of the two of us")
    }

    fn headers(timestamp: &str, signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(TIMESTAMP, timestamp.parse().unwrap());
        headers.insert(SIGNATURE, signature.parse().unwrap());
        headers
    }

    fn outcome(
        check: &SignatureCheck,
        headers: &HeaderMap,
        body: &[u8],
        at: Timestamp,
    ) -> Result<(), SignatureRefusal> {
        check.verify(&Claimed::read(headers, at)?, body, at)
    }

    #[test]
    fn a_signature_is_accepted_in_hex_and_in_base64_with_either_sign_and_either_time() {
        let (timestamp, signature) = sign(&secret(), BODY, now());
        let hexed = signature.strip_prefix("HMAC-SHA256 ").unwrap();
        let based = BASE64_STANDARD.encode(hex::decode(hexed).unwrap());
        let forms = [
            signature.clone(),
            format!("HMAC-SHA256={hexed}"),
            format!("hmac-sha256 {based}"),
            format!("HMAC-SHA256={based}"),
        ];
        for form in forms {
            let check = SignatureCheck::new(secret());
            assert_eq!(outcome(&check, &headers(&timestamp, &form), BODY, now()), Ok(()), "{form}");
        }
        let written = "2019-12-06T16:02:00+07:00";
        let mut code = mac(&secret(), written);
        code.update(BODY);
        let tag = hex::encode(code.finalize().into_bytes());
        let check = SignatureCheck::new(secret());
        assert_eq!(outcome(&check, &headers(written, &format!("HMAC-SHA256 {tag}")), BODY, now()), Ok(()));
    }

    #[test]
    fn what_is_wrong_is_told_apart() {
        let check = SignatureCheck::new(secret());
        let (timestamp, signature) = sign(&secret(), BODY, now());
        let good = headers(&timestamp, &signature);
        let minutes = |n| now() + SignedDuration::from_mins(n);
        assert_eq!(outcome(&check, &HeaderMap::new(), BODY, now()), Err(SignatureRefusal::Unsigned));
        assert_eq!(
            outcome(&check, &headers(&timestamp, "HMAC-SHA256 12"), BODY, now()),
            Err(SignatureRefusal::Malformed)
        );
        assert_eq!(outcome(&check, &headers(&timestamp, "MD5 12"), BODY, now()), Err(SignatureRefusal::Malformed));
        assert_eq!(
            outcome(&check, &headers("soon", &signature), BODY, now()),
            Err(SignatureRefusal::MalformedTimestamp)
        );
        assert_eq!(outcome(&check, &good, BODY, minutes(6)), Err(SignatureRefusal::Stale));
        assert_eq!(outcome(&check, &good, BODY, minutes(-6)), Err(SignatureRefusal::Stale));
        assert_eq!(outcome(&check, &good, b"another body", now()), Err(SignatureRefusal::Wrong));
        let other = SignatureCheck::new(SecretString::from("another secret of ours"));
        assert_eq!(outcome(&other, &good, BODY, now()), Err(SignatureRefusal::Wrong));
    }

    #[test]
    fn a_signature_is_good_once_unless_the_push_was_not_taken() {
        let check = SignatureCheck::new(secret());
        let (timestamp, signature) = sign(&secret(), BODY, now());
        let good = headers(&timestamp, &signature);
        assert_eq!(outcome(&check, &good, BODY, now()), Ok(()));
        let later = now() + SignedDuration::from_mins(4);
        assert_eq!(outcome(&check, &good, BODY, later), Err(SignatureRefusal::Replayed));
        check.forget(&Claimed::read(&good, later).unwrap());
        assert_eq!(outcome(&check, &good, BODY, later), Ok(()));
    }
}
