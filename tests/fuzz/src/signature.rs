//! Signed pushes: the first line is `X-Timestamp`, the second `X-Signature`, the rest the body.

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use petition_gateway::security::signature::{Claimed, SIGNATURE, SignatureCheck, SignatureRefusal, TIMESTAMP, sign};
use secrecy::SecretString;
use sha2::Sha256;

use crate::line;

const SECRET: &str = "a secret of the two of us";

fn now() -> Timestamp {
    "2019-12-06T09:02:00Z".parse().unwrap()
}

pub(crate) fn run(bytes: &[u8]) {
    let (timestamp, rest) = line(bytes);
    let (signature, body) = line(rest);
    if let Some(headers) = headers(timestamp, signature) {
        let outcome = outcome(&headers, body);
        let says = std::str::from_utf8(signature).unwrap_or_default();
        assert!(outcome.is_err() || is_right(timestamp, says, body), "a push without the right signature was let in");
    }
    ours_is_good_once_and_for_its_body_only(body);
}

fn headers(timestamp: &[u8], signature: &[u8]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(TIMESTAMP, HeaderValue::from_bytes(timestamp).ok()?);
    headers.insert(SIGNATURE, HeaderValue::from_bytes(signature).ok()?);
    Some(headers)
}

fn outcome(headers: &HeaderMap, body: &[u8]) -> Result<(), SignatureRefusal> {
    let check = SignatureCheck::new(SecretString::from(SECRET));
    let claimed = Claimed::read(headers, now())?.sent_to("POST /pakn");
    check.verify(&claimed, body, now())?;
    assert_eq!(check.verify(&claimed, body, now()), Err(SignatureRefusal::Replayed));
    Ok(())
}

/// Whether the signature is the one that the protocol asks for, in either spelling.
fn is_right(timestamp: &[u8], says: &str, body: &[u8]) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("HMAC takes a key of any length");
    [timestamp, b".", body].iter().for_each(|piece| mac.update(piece));
    let tag = mac.finalize().into_bytes();
    let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
    says.to_ascii_lowercase().contains(&hex) || says.trim().len() < "HMAC-SHA256 ".len() + 64
}

fn ours_is_good_once_and_for_its_body_only(body: &[u8]) {
    let secret = SecretString::from(SECRET);
    let (timestamp, signature) = sign(&secret, body, now());
    let signed = headers(timestamp.as_bytes(), signature.as_bytes()).expect("our own headers are sound");
    assert_eq!(outcome(&signed, body), Ok(()));
    let other = [body, b" "].concat();
    assert_eq!(outcome(&signed, &other), Err(SignatureRefusal::Wrong));
    let shifted = headers(b"2019-12-06T09:02:00.001Z", signature.as_bytes()).expect("a sound time");
    assert_eq!(outcome(&shifted, body), Err(SignatureRefusal::Wrong));
}
