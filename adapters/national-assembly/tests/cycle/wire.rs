//! The smallest `Remote` over real HTTP: a bearer token that is renewed once, files from memory, `multipart/related`.

use std::{collections::HashMap, net::SocketAddr, sync::Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use channel_sdk::{
    Remote, Reply, Request,
    remote::{Body, Fetched, RemoteError, segment},
};
use sha2::{Digest, Sha256};

const BOUNDARY: &str = "ranh-gioi";

#[derive(Clone)]
pub(crate) struct Wire {
    client: reqwest::Client,
    base: String,
    id: String,
    secret: String,
    token: std::sync::Arc<Mutex<Option<String>>>,
    files: HashMap<String, Bytes>,
}

impl Wire {
    pub(crate) fn to(address: SocketAddr, id: &str, secret: &str) -> Wire {
        Wire {
            client: reqwest::Client::new(),
            base: format!("http://{address}"),
            id: id.to_owned(),
            secret: secret.to_owned(),
            token: std::sync::Arc::default(),
            files: HashMap::new(),
        }
    }

    pub(crate) fn with_secret(self, secret: &str) -> Wire {
        Wire { secret: secret.to_owned(), token: std::sync::Arc::default(), ..self }
    }

    /// Holds a file, to be sent as a blob.
    pub(crate) fn hold(&mut self, content: &[u8]) {
        self.files.insert(hex::encode(Sha256::digest(content)), Bytes::copy_from_slice(content));
    }

    async fn token(&self) -> Result<String, RemoteError> {
        if let Some(token) = self.token.lock().unwrap().clone() {
            return Ok(token);
        }
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            segment(&self.id),
            segment(&self.secret)
        );
        let request = self.client.post(format!("{}/oauth2/token", self.base));
        let reply = request.header("content-type", "application/x-www-form-urlencoded").body(form).send().await;
        let reply = reply.map_err(|error| RemoteError::Unreachable(error.to_string()))?;
        if !reply.status().is_success() {
            return Err(RemoteError::Credentials(format!("HTTP {}", reply.status().as_u16())));
        }
        let body: serde_json::Value = serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap();
        let token = body["access_token"].as_str().unwrap().to_owned();
        *self.token.lock().unwrap() = Some(token.clone());
        Ok(token)
    }

    fn body(&self, body: &Body) -> (String, Bytes) {
        match body {
            Body::Empty => (String::new(), Bytes::new()),
            Body::Bytes { content_type, bytes } => (content_type.clone(), bytes.clone()),
            Body::Blob { content_type, sha256 } => (content_type.clone(), self.files[sha256].clone()),
            Body::Related(parts) => {
                let mut out = Vec::new();
                for part in parts {
                    let (content_type, bytes) = self.body(&part.body);
                    let head = format!(
                        "--{BOUNDARY}\r\nContent-ID: <{}>\r\nContent-Type: {content_type}\r\n\r\n",
                        part.content_id
                    );
                    out.extend_from_slice(head.as_bytes());
                    out.extend_from_slice(&bytes);
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
                (format!("multipart/related; boundary={BOUNDARY}; type=\"application/xml\""), out.into())
            }
        }
    }

    async fn send(&self, request: &Request) -> Result<Reply, RemoteError> {
        let query: Vec<String> =
            request.query.iter().map(|(name, value)| format!("{}={}", segment(name), segment(value))).collect();
        let url = format!("{}{}?{}", self.base, request.path, query.join("&"));
        let (content_type, body) = self.body(&request.body);
        let mut call = self.client.request(request.method.clone(), url).bearer_auth(self.token().await?).body(body);
        if !content_type.is_empty() {
            call = call.header("content-type", content_type);
        }
        if let Some(key) = &request.idempotency_key {
            call = call.header("idempotency-key", key);
        }
        let reply = call.headers(request.headers.clone()).send().await;
        let reply = reply.map_err(|error| RemoteError::NoAnswer(error.to_string()))?;
        let (status, headers) = (reply.status(), reply.headers().clone());
        let body = reply.bytes().await.map_err(|error| RemoteError::NoAnswer(error.to_string()))?;
        Ok(Reply { status, headers, body })
    }
}

#[async_trait]
impl Remote for Wire {
    async fn call(&self, request: Request) -> Result<Reply, RemoteError> {
        let reply = self.send(&request).await?;
        if reply.status.as_u16() != 401 {
            return Ok(reply);
        }
        *self.token.lock().unwrap() = None;
        self.send(&request).await
    }

    async fn download(&self, request: Request) -> Result<Fetched, RemoteError> {
        let reply = self.call(request).await?;
        if !reply.status.is_success() {
            return Err(RemoteError::Status(reply.status.as_u16()));
        }
        let sha256 = hex::encode(Sha256::digest(&reply.body));
        Ok(Fetched { sha256, size_bytes: reply.body.len() as u64, media_type: reply.content_type().to_owned() })
    }
}
