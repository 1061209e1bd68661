//! What went wrong with a call, in words without addresses or contents, and whether the request may have left.

use std::{error::Error, io};

use channel_sdk::remote::RemoteError;

use super::body::BlobBroke;

/// A request that got no answer. `Unreachable` only where the request cannot have left: before there was a connection.
pub(super) fn of_request(error: &reqwest::Error) -> RemoteError {
    if find::<BlobBroke>(error).is_some() {
        return RemoteError::Blob("the file broke off while it was sent".to_owned());
    }
    if error.is_connect() || error.is_builder() {
        return RemoteError::Unreachable(describe(error));
    }
    RemoteError::NoAnswer(describe(error))
}

/// An answer that broke off.
pub(super) fn of_answer(error: &reqwest::Error) -> RemoteError {
    RemoteError::NoAnswer(format!("the answer broke off: {}", describe(error)))
}

/// The cause in words; never reqwest's own text, which quotes the address.
fn describe(error: &reqwest::Error) -> String {
    if let Some(tls) = find::<rustls::Error>(error) {
        return format!("TLS: {tls}");
    }
    if error.is_timeout() {
        return "time-out".to_owned();
    }
    match find::<io::Error>(error) {
        Some(io) => io.kind().to_string(),
        None if error.is_builder() => "the request cannot be built".to_owned(),
        None => "the connection ended".to_owned(),
    }
}

/// The first cause of a type; an `io::Error` hides what it wraps from `source`, so it is looked into.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
