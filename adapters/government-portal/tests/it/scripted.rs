//! A far side made of replies that a test wrote down; it keeps what it was asked.

use std::{collections::VecDeque, sync::Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use channel_sdk::{
    Adapter, Remote, Reply, Request,
    adapter::Settings,
    remote::{Body, Fetched, RemoteError},
};
use government_portal::KIND;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;

/// Answers in order; when there are none left, 200 with an empty object.
#[derive(Default)]
pub(crate) struct Scripted {
    replies: Mutex<VecDeque<Result<Reply, RemoteError>>>,
    asked: Mutex<Vec<Request>>,
}

impl Scripted {
    pub(crate) fn new(replies: impl IntoIterator<Item = Result<Reply, RemoteError>>) -> Scripted {
        Scripted { replies: Mutex::new(replies.into_iter().collect()), asked: Mutex::default() }
    }

    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Remote for Scripted {
    async fn call(&self, request: Request) -> Result<Reply, RemoteError> {
        self.asked.lock().unwrap().push(request);
        self.replies.lock().unwrap().pop_front().unwrap_or_else(|| Ok(reply(200, "{}")))
    }

    async fn download(&self, request: Request) -> Result<Fetched, RemoteError> {
        let reply = self.call(request).await?;
        match reply.status.as_u16() {
            200 => {
                Ok(Fetched { sha256: "ab".repeat(32), size_bytes: reply.body.len() as u64, media_type: String::new() })
            }
            status => Err(RemoteError::Status(status)),
        }
    }
}

/// A reply in JSON.
pub(crate) fn reply(status: u16, body: &str) -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    Reply { status: StatusCode::from_u16(status).unwrap(), headers, body: Bytes::copy_from_slice(body.as_bytes()) }
}

/// The same with one more header.
pub(crate) fn with(mut reply: Reply, name: &'static str, value: &'static str) -> Reply {
    reply.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    reply
}

/// The adapter of a channel with these settings and the default dialect.
pub(crate) fn adapter(settings: &str) -> Arc<dyn Adapter> {
    let dialect = KIND.default_dialect.to_owned();
    let settings = Settings { agency: "000.00.00.G07".to_owned(), table: settings.parse().unwrap(), dialect };
    (KIND.build)(settings).unwrap()
}

/// A request as a golden file shows it.
pub(crate) fn described(request: &Request) -> Value {
    let headers: serde_json::Map<String, Value> =
        request.headers.iter().map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap()))).collect();
    let body = match &request.body {
        Body::Empty => Value::Null,
        Body::Bytes { content_type, bytes } => {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            let text = serde_json::from_str(&text).unwrap_or(Value::String(text));
            json!({"content_type": content_type, "bytes": text})
        }
        Body::Blob { content_type, sha256 } => json!({"content_type": content_type, "blob": sha256}),
        Body::Related(_) => json!("multipart/related"),
    };
    json!({
        "call": format!("{} {}", request.method, request.path),
        "query": request.query, "headers": headers, "key": request.idempotency_key, "body": body,
    })
}
