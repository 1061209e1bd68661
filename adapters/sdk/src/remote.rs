//! The far side, as an adapter sees it.
//!
//! The gateway hands in a [`Remote`] that owns the address, TLS, credentials, time-outs, size limits, rate limits and
//! refused redirects. An adapter only says what to ask. In tests the remote is scripted.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};

/// One call to the far side.
#[derive(Debug, Clone)]
pub struct Request {
    /// GET, POST, PUT.
    pub method: Method,
    /// The path below the channel's base address, beginning with `/`; segments that are data are percent-encoded by
    /// [`segment`].
    pub path: String,
    /// Query parameters, not yet encoded.
    pub query: Vec<(String, String)>,
    /// Headers beyond those that the remote sets itself (credentials, `X-Request-Id`, `traceparent`, `User-Agent`).
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
    /// Sent as `Idempotency-Key`; stable over retries.
    pub idempotency_key: Option<String>,
}

/// The body of a request.
#[derive(Debug, Clone)]
pub enum Body {
    /// None.
    Empty,
    /// Bytes of a content type.
    Bytes {
        /// `Content-Type`.
        content_type: String,
        /// The bytes.
        bytes: Bytes,
    },
    /// A file that the gateway holds, streamed from its blob store.
    Blob {
        /// `Content-Type`.
        content_type: String,
        /// SHA-256 of the content in lower-case hex.
        sha256: String,
    },
    /// `multipart/related` with the parts in this order; the first is the root.
    Related(Vec<Part>),
}

/// One part of a `multipart/related` body.
#[derive(Debug, Clone)]
pub struct Part {
    /// `Content-ID` without angle brackets.
    pub content_id: String,
    /// The part's body: bytes or a blob; never another multipart.
    pub body: Body,
}

impl Request {
    /// A GET of `path`.
    pub fn get(path: impl Into<String>) -> Request {
        Request::new(Method::GET, path)
    }

    /// A request of `method` to `path`, without a body.
    pub fn new(method: Method, path: impl Into<String>) -> Request {
        Request {
            method,
            path: path.into(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: Body::Empty,
            idempotency_key: None,
        }
    }

    /// With one more query parameter.
    #[must_use]
    pub fn query(mut self, name: &str, value: impl Into<String>) -> Request {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    /// With a body of bytes.
    #[must_use]
    pub fn bytes(mut self, content_type: &str, bytes: impl Into<Bytes>) -> Request {
        self.body = Body::Bytes { content_type: content_type.to_owned(), bytes: bytes.into() };
        self
    }

    /// With `Idempotency-Key`.
    #[must_use]
    pub fn key(mut self, key: &str) -> Request {
        self.idempotency_key = Some(key.to_owned());
        self
    }
}

/// The far side's answer, its body read whole within the channel's limit.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// `Content-Type`, empty where absent.
    pub fn content_type(&self) -> &str {
        self.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// What the far side's clock showed when it answered (`Date`); "since" in its mouth means its clock and not ours.
    pub fn date(&self) -> Option<Timestamp> {
        let text = self.headers.get(http::header::DATE)?.to_str().ok()?;
        DateTimeParser::new().parse_timestamp(text.trim()).ok()
    }

    /// `Retry-After` in seconds; the HTTP-date form is read by the remote and handed on in this form.
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.get(http::header::RETRY_AFTER)?.to_str().ok()?;
        text.trim().parse().ok().map(Duration::from_secs)
    }
}

/// A file that the remote streamed into the gateway's blob store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// SHA-256 of what came, lower-case hex.
    pub sha256: String,
    /// Its size.
    pub size_bytes: u64,
    /// `Content-Type` as the far side told it.
    pub media_type: String,
}

/// Why there is no answer from the far side.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// No connection: name, route, refused, TLS. The request did not leave.
    #[error("the far side cannot be reached ({0})")]
    Unreachable(String),
    /// The request left and no whole answer came; whether it took effect is not known.
    #[error("no answer came ({0})")]
    NoAnswer(String),
    /// Our credentials were refused, or no token was given.
    #[error("the far side refused our credentials ({0})")]
    Credentials(String),
    /// The answer, or a file, is larger than the channel's limit.
    #[error("the answer is larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: u64,
    },
    /// A blob to be sent is not in the store, or the store failed.
    #[error("the file to be sent or kept could not be read or written ({0})")]
    Blob(String),
    /// A download answered with another status than success.
    #[error("HTTP {0}")]
    Status(u16),
}

/// The far side of one channel.
#[async_trait]
pub trait Remote: Send + Sync {
    /// Calls the far side and reads its answer whole.
    async fn call(&self, request: Request) -> Result<Reply, RemoteError>;

    /// Streams the body of a successful answer into the gateway's blob store.
    async fn download(&self, request: Request) -> Result<Fetched, RemoteError>;
}

/// `text` as one path segment: everything but unreserved characters (RFC 3986 section 2.3) percent-encoded.
pub fn segment(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte as char),
            _ => write!(out, "%{byte:02X}").expect("writing to a String cannot fail"),
        }
    }
    out
}
