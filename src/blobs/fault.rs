//! What an error of the storage means. An S3 server tells it by a code within XML within the text of an error; here it
//! becomes a word to go by and a short text for a log, without the request that was sent.

use std::{error::Error, fmt, io};

use object_store::client::HttpError;

/// What an error of the storage means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// There is no such content.
    NotFound,
    /// There is no such bucket.
    NoBucket,
    /// The server does not know the access key, or signs with another secret.
    AccessKey,
    /// The access key is known and may not do this.
    Denied,
    /// The bucket belongs to another region, or is served at another address.
    Region,
    /// The server's clock and ours differ too much for a signature.
    Clock,
    /// Nobody answered, or not to the end.
    NoAnswer(String),
    /// The local disk.
    Disk(io::ErrorKind, String),
    /// Anything else, in the server's word for it.
    Other(String),
}

impl Fault {
    /// What `error` means.
    pub(super) fn of(error: &object_store::Error) -> Fault {
        let text = error.to_string();
        if let Some(code) = between(&text, "<Code>", "</Code>") {
            return Fault::of_code(code);
        }
        match error {
            object_store::Error::NotFound { .. } => return Fault::NotFound,
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
                return Fault::Denied;
            }
            _ => {}
        }
        if let Some(error) = in_chain::<HttpError>(error) {
            return Fault::NoAnswer(innermost(error));
        }
        if let Some(error) = in_chain::<io::Error>(error) {
            return Fault::Disk(error.kind(), error.to_string());
        }
        if text.contains("redirect") || text.contains("status code: 301") || text.contains("status code: 307") {
            return Fault::Region;
        }
        match between(&text, "status code: ", ":") {
            Some(status) => Fault::Other(status.to_owned()),
            None => Fault::Other(innermost(error)),
        }
    }

    fn of_code(code: &str) -> Fault {
        match code {
            "NoSuchKey" => Fault::NotFound,
            "NoSuchBucket" => Fault::NoBucket,
            "InvalidAccessKeyId" | "SignatureDoesNotMatch" => Fault::AccessKey,
            "AccessDenied" => Fault::Denied,
            "AuthorizationHeaderMalformed" | "PermanentRedirect" | "TemporaryRedirect" | "IncorrectEndpoint" => {
                Fault::Region
            }
            "RequestTimeTooSkewed" | "RequestExpired" => Fault::Clock,
            other => Fault::Other(other.to_owned()),
        }
    }

    /// The error as a stream or a reader tells it.
    pub(super) fn into_io(error: object_store::Error) -> io::Error {
        match Fault::of(&error) {
            Fault::Disk(kind, text) => io::Error::new(kind, text),
            fault @ (Fault::NotFound | Fault::NoBucket) => io::Error::new(io::ErrorKind::NotFound, fault.to_string()),
            fault @ Fault::Denied => io::Error::new(io::ErrorKind::PermissionDenied, fault.to_string()),
            fault => io::Error::other(fault.to_string()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NotFound => f.write_str("there is no such content"),
            Fault::NoBucket => f.write_str("there is no such bucket"),
            Fault::AccessKey => f.write_str("the S3 server does not accept the access key or its secret"),
            Fault::Denied => f.write_str("the access key may not do this"),
            Fault::Region => f.write_str("the bucket is in another region or at another address"),
            Fault::Clock => f.write_str("the S3 server's clock differs from ours"),
            Fault::NoAnswer(why) => write!(f, "no answer from the S3 server: {why}"),
            Fault::Disk(_, why) => f.write_str(why),
            Fault::Other(what) => write!(f, "the S3 server says: {what}"),
        }
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inner, _)| inner.trim())
}

fn in_chain<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// What the last cause says: the outer ones ("error sending request") help nobody.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error as `object_store` makes it of a server's answer.
    fn answer(status: &str, code: &str) -> object_store::Error {
        let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>…</Message></Error>");
        let text =
            format!("Error performing GET http://s3 in 1ms - Server returned non-2xx status code: {status}: {body}");
        object_store::Error::Generic { store: "S3", source: text.into() }
    }

    #[test]
    fn a_servers_code_says_what_to_look_at() {
        let fault = |status, code| Fault::of(&answer(status, code));
        assert_eq!(fault("404 Not Found", "NoSuchKey"), Fault::NotFound);
        assert_eq!(fault("404 Not Found", "NoSuchBucket"), Fault::NoBucket);
        assert_eq!(fault("403 Forbidden", "InvalidAccessKeyId"), Fault::AccessKey);
        assert_eq!(fault("403 Forbidden", "SignatureDoesNotMatch"), Fault::AccessKey);
        assert_eq!(fault("403 Forbidden", "AccessDenied"), Fault::Denied);
        assert_eq!(fault("403 Forbidden", "RequestTimeTooSkewed"), Fault::Clock);
        assert_eq!(fault("400 Bad Request", "AuthorizationHeaderMalformed"), Fault::Region);
        assert_eq!(fault("503 Service Unavailable", "SlowDown"), Fault::Other("SlowDown".to_owned()));
    }

    #[test]
    fn an_answer_without_a_code_is_told_by_its_status() {
        let plain = |text: &str| object_store::Error::Generic { store: "S3", source: text.into() };
        let redirected =
            plain("Received redirect without LOCATION, this normally indicates an incorrectly configured region");
        assert_eq!(Fault::of(&redirected), Fault::Region);
        let failed = plain("Server returned non-2xx status code: 502 Bad Gateway: <html>…</html>");
        assert_eq!(Fault::of(&failed), Fault::Other("502 Bad Gateway".to_owned()));
        let absent = object_store::Error::NotFound { path: String::new(), source: "HEAD".into() };
        assert_eq!(Fault::of(&absent), Fault::NotFound);
    }

    #[test]
    fn what_is_told_holds_nothing_of_the_request() {
        let error = Fault::into_io(answer("403 Forbidden", "SignatureDoesNotMatch"));
        assert_eq!(error.to_string(), "the S3 server does not accept the access key or its secret");
    }
}
