//! The sandbox behind a real socket, and the smallest remote that can talk to it: a client with a token.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use channel_sdk::{
    Remote, Reply, Request,
    remote::{Body, Fetched, RemoteError, segment},
    sandbox::{Credentials, FarSide, SandboxSettings},
};
use government_portal::KIND;
use sha2::{Digest, Sha256};

/// Settings of a sandbox with `petitions` petitions that asks for credentials.
pub(crate) fn settings(petitions: u32) -> SandboxSettings {
    SandboxSettings {
        seed: 7,
        petitions,
        agency: "000.00.00.G07".to_owned(),
        epoch: "2019-01-02T08:00:00+07:00".parse().unwrap(),
        credentials: Some(Credentials { id: "bo-mau".to_owned(), secret: "bí mật & dài".to_owned() }),
        mischief: Default::default(),
    }
}

/// Runs `test` with a sandbox that listens, for as long as the test lasts.
pub(crate) async fn with_portal<F: Future<Output = ()>>(
    settings: SandboxSettings,
    test: impl FnOnce(Arc<dyn FarSide>, Client) -> F,
) {
    let credentials = settings.credentials.clone();
    let portal = (KIND.sandbox)(settings);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let client = Client::new(base, credentials);
    let serve = axum::serve(listener, portal.clone().router()).into_future();
    tokio::select! {
        served = serve => panic!("the sandbox ended: {served:?}"),
        () = test(portal, client) => {}
    }
}

/// The far side over HTTP.
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    credentials: Option<Credentials>,
    token: Mutex<Option<String>>,
    requests: AtomicU64,
    /// Files by their SHA-256, in place of a blob store.
    pub(crate) blobs: Mutex<BTreeMap<String, Bytes>>,
}

impl Client {
    fn new(base: String, credentials: Option<Credentials>) -> Client {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let (token, requests, blobs) = (Mutex::default(), AtomicU64::new(0), Mutex::default());
        Client { http, base, credentials, token, requests, blobs }
    }

    /// Keeps a file, as the gateway's blob store would; returns its SHA-256.
    pub(crate) fn keep(&self, bytes: impl Into<Bytes>) -> String {
        let bytes = bytes.into();
        let sha256 = hex::encode(Sha256::digest(&bytes));
        self.blobs.lock().unwrap().insert(sha256.clone(), bytes);
        sha256
    }

    async fn new_token(&self, credentials: &Credentials) -> Result<String, RemoteError> {
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            segment(&credentials.id),
            segment(&credentials.secret)
        );
        let request = self.http.post(format!("{}/oauth2/token", self.base)).body(form);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.send().await.map_err(|error| RemoteError::Unreachable(error.to_string()))?;
        if answer.status() != 200 {
            return Err(RemoteError::Credentials(format!("HTTP {}", answer.status())));
        }
        let document: serde_json::Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        Ok(document["access_token"].as_str().unwrap().to_owned())
    }

    async fn once(&self, request: &Request) -> Result<Reply, RemoteError> {
        let query: Vec<String> =
            request.query.iter().map(|(name, value)| format!("{}={}", segment(name), segment(value))).collect();
        let url = format!("{}{}?{}", self.base, request.path, query.join("&"));
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let mut call = self.http.request(request.method.clone(), url).headers(request.headers.clone());
        call = call.header("x-request-id", format!("r-{number}")).header("user-agent", "test/0");
        call = call.header("traceparent", format!("00-{number:032x}-{number:016x}-01"));
        if let Some(key) = &request.idempotency_key {
            call = call.header("idempotency-key", key);
        }
        let token = self.token.lock().unwrap().clone();
        if let Some(token) = token {
            call = call.bearer_auth(token);
        }
        call = match &request.body {
            Body::Empty => call,
            Body::Bytes { content_type, bytes } => call.header("content-type", content_type).body(bytes.clone()),
            Body::Blob { content_type, sha256 } => {
                let bytes = self.blobs.lock().unwrap().get(sha256).cloned();
                let bytes = bytes.ok_or_else(|| RemoteError::Blob("not kept".to_owned()))?;
                call.header("content-type", content_type).body(bytes)
            }
            Body::Related(_) => panic!("the portal takes no multipart"),
        };
        let answer = call.send().await.map_err(|error| RemoteError::Unreachable(error.to_string()))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.map_err(|error| RemoteError::NoAnswer(error.to_string()))?;
        Ok(Reply { status, headers, body })
    }
}

#[async_trait]
impl Remote for Client {
    async fn call(&self, request: Request) -> Result<Reply, RemoteError> {
        let reply = self.once(&request).await?;
        match &self.credentials {
            Some(credentials) if reply.status == 401 => {
                let token = self.new_token(credentials).await?;
                *self.token.lock().unwrap() = Some(token);
                self.once(&request).await
            }
            _ => Ok(reply),
        }
    }

    async fn download(&self, request: Request) -> Result<Fetched, RemoteError> {
        let reply = self.call(request).await?;
        if !reply.status.is_success() {
            return Err(RemoteError::Status(reply.status.as_u16()));
        }
        let (media_type, size_bytes) = (reply.content_type().to_owned(), reply.body.len() as u64);
        Ok(Fetched { sha256: self.keep(reply.body), size_bytes, media_type })
    }
}
