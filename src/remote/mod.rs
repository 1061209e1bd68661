//! The far side of a channel over HTTP: what adapters are handed as [`Remote`].
//!
//! It owns the address, TLS, credentials, time-outs, size limits, rate limits and the headers that every call carries.
//! Redirects are refused (a far side that moves is a change of configuration, and credentials follow no `Location`),
//! and nothing is tried again here, but for one call with a new token: whether and when to retry is the schedule's.
//!
//! - `client`: connections and TLS; `body`: what a request carries, streamed from the blob store;
//! - `pace`: no more calls in any second than the far side takes;
//! - `token`: OAuth 2 client credentials; `failure`: what went wrong, and whether the request may have left.

mod body;
mod client;
mod failure;
mod pace;
#[cfg(test)]
mod tests;
mod token;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::{Bytes, BytesMut};
use channel_sdk::{
    Remote, Reply, Request,
    remote::{Fetched, RemoteError},
};
use futures::{StreamExt, stream};
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER},
};
use jiff::Timestamp;
use reqwest::{Client, Response, Url};
use secrecy::ExposeSecret;
use tokio::{sync::Semaphore, time::timeout};
use uuid::Uuid;

use self::{body::Composed, token::TokenCache};
use crate::{
    blobs::{BlobError, Blobs},
    clock::SharedClock,
    config::channel::{Auth, Channel, Limits},
    security::signature,
};

pub use client::SetupError;
pub use pace::Pace;

/// Slower than this a transfer of a file is given up: 100 MiB take less than half an hour.
const FILE_BYTES_PER_SECOND_MIN: u64 = 64 * 1024;

/// How long a call waits for its turn. No more deliveries are begun than have it within seconds, so this bounds only calls
/// of several at once.
const OWN_TURN_MAX: Duration = Duration::from_secs(60);

/// The far side of one channel.
pub struct HttpRemote {
    channel: String,
    base_url: Url,
    auth: Auth,
    token: Option<TokenCache>,
    limits: Limits,
    client: Client,
    at_once: Semaphore,
    pace: Arc<Pace>,
    blobs: Blobs,
    clock: SharedClock,
}

impl HttpRemote {
    /// The far side of a configured channel.
    ///
    /// # Errors
    /// When a certificate file cannot be used, or the system has no roots.
    pub fn new(channel: &Channel, blobs: Blobs, clock: SharedClock) -> Result<HttpRemote, SetupError> {
        let base_url = channel.base_url.clone();
        let token = match &channel.auth {
            Auth::OAuth2 { token_path, client_id, client_secret, scope } => Some(TokenCache::new(
                address(&base_url, token_path),
                client_id.clone(),
                client_secret.clone(),
                scope.clone(),
            )),
            _ => None,
        };
        Ok(HttpRemote {
            channel: channel.name.clone(),
            auth: channel.auth.clone(),
            token,
            client: client::build(channel)?,
            at_once: Semaphore::new(channel.limits.concurrency),
            pace: Arc::new(Pace::new(channel.limits.requests_per_second)),
            limits: channel.limits.clone(),
            base_url,
            blobs,
            clock,
        })
    }

    /// The pace of its calls, which gateways share.
    pub fn pace(&self) -> Arc<Pace> {
        Arc::clone(&self.pace)
    }

    /// Waits for our own limits and sends; with a token that is refused, once more with a new one.
    async fn send(&self, request: &Request) -> Result<Response, RemoteError> {
        let composed = Composed::of(&request.body, &self.blobs).await?;
        let token = match &self.token {
            Some(cache) => Some(cache.get(&self.client, &self.limits, &self.clock).await?),
            None => None,
        };
        let first = self.send_once(request, &composed, token.as_ref().map(ExposeSecret::expose_secret)).await?;
        let (StatusCode::UNAUTHORIZED, Some(cache), Some(refused)) = (first.status(), &self.token, token) else {
            return Ok(first);
        };
        cache.forget(&refused).await;
        let token = cache.get(&self.client, &self.limits, &self.clock).await?;
        self.send_once(request, &composed, Some(token.expose_secret())).await
    }

    async fn send_once(
        &self,
        request: &Request,
        composed: &Composed,
        token: Option<&str>,
    ) -> Result<Response, RemoteError> {
        // Not for ever: a delivery that waits longer than its turn would be claimed twice.
        let own_limits = timeout(OWN_TURN_MAX, self.pace.turn());
        own_limits.await.map_err(|_| RemoteError::Unreachable("our own rate limit".to_owned()))?;
        let mut url = address(&self.base_url, &request.path);
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let mut headers = request.headers.clone();
        self.identify(&mut headers, request)?;
        self.authorize(&mut headers, composed, token).await?;
        let mut call = self.client.request(request.method.clone(), url);
        if let Some(content_type) = &composed.content_type {
            headers.insert(CONTENT_TYPE, content_type.clone());
            headers.insert(CONTENT_LENGTH, HeaderValue::from(composed.size_bytes));
            call = call.body(composed.body(&self.blobs));
        }
        let limit = self.limits.timeout + transfer_time(composed.size_bytes);
        crate::failpoint::at!("send.before");
        let answered = timeout(limit, call.headers(headers).send()).await;
        crate::failpoint::at!("send.answered");
        match answered {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(failure::of_request(&error)),
            Err(_) => Err(RemoteError::NoAnswer("time-out".to_owned())),
        }
    }

    /// The headers that say which call this is.
    fn identify(&self, headers: &mut HeaderMap, request: &Request) -> Result<(), RemoteError> {
        let now = self.clock.now();
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
        let id = Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanoseconds));
        let trace = format!("00-{}-{:016x}-01", id.simple(), rand::random::<u64>() | 1);
        headers.insert("x-request-id", header(&id.hyphenated().to_string())?);
        headers.insert("traceparent", header(&trace)?);
        if let Some(key) = &request.idempotency_key {
            headers.insert("idempotency-key", header(key)?);
        }
        tracing::debug!(channel.name = %self.channel, request.id = %id, http.method = %request.method, "calling the far side");
        Ok(())
    }

    async fn authorize(
        &self,
        headers: &mut HeaderMap,
        composed: &Composed,
        token: Option<&str>,
    ) -> Result<(), RemoteError> {
        let credentials = match &self.auth {
            Auth::None | Auth::Mtls => return Ok(()),
            Auth::OAuth2 { .. } => format!("Bearer {}", token.unwrap_or_default()),
            Auth::Bearer { token } => format!("Bearer {}", token.expose_secret()),
            Auth::Basic { user, password } => {
                format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{}", password.expose_secret())))
            }
            Auth::Hmac { secret } => {
                let mut signer = signature::Signer::new(secret, self.clock.now());
                let mut pieces = composed.stream(&self.blobs);
                while let Some(piece) = pieces.next().await {
                    signer.update(&piece.map_err(|error| RemoteError::Blob(error.kind().to_string()))?);
                }
                let (timestamp, signature) = signer.finish();
                headers.insert(HeaderName::from_static(signature::TIMESTAMP), header(&timestamp)?);
                headers.insert(HeaderName::from_static(signature::SIGNATURE), header(&signature)?);
                return Ok(());
            }
        };
        let mut value = HeaderValue::from_str(&credentials)
            .map_err(|_| RemoteError::Credentials("they cannot stand in a header".to_owned()))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
        Ok(())
    }

    fn refuse_unauthorized(&self, status: StatusCode) -> Result<(), RemoteError> {
        // 403 may be about the petition and not about us: the adapter reads it.
        if status == StatusCode::UNAUTHORIZED {
            tracing::warn!(channel.name = %self.channel, "the far side refused our credentials");
            return Err(RemoteError::Credentials("HTTP 401".to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl Remote for HttpRemote {
    async fn call(&self, request: Request) -> Result<Reply, RemoteError> {
        let _turn = self.at_once.acquire().await.expect("the semaphore is never closed");
        let response = self.send(&request).await?;
        let status = response.status();
        self.refuse_unauthorized(status)?;
        let mut headers = response.headers().clone();
        read_retry_after(&mut headers, self.clock.now());
        let reading = read_bounded(response, self.limits.reply_bytes_max);
        let body = timeout(self.limits.timeout, reading)
            .await
            .map_err(|_| RemoteError::NoAnswer("time-out within the answer".to_owned()))??;
        crate::failpoint::at!("send.heard");
        Ok(Reply { status, headers, body })
    }

    async fn download(&self, request: Request) -> Result<Fetched, RemoteError> {
        let _turn = self.at_once.acquire().await.expect("the semaphore is never closed");
        let response = self.send(&request).await?;
        let status = response.status();
        self.refuse_unauthorized(status)?;
        if status != StatusCode::OK {
            return Err(RemoteError::Status(status.as_u16()));
        }
        let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = media_type.to_owned();
        // One that tells its size is given the time for it; any other as long as it keeps coming.
        let limit = response.content_length().map_or(Duration::MAX, |size| self.limits.timeout + transfer_time(size));
        let storing = self.blobs.put_stream(steady(response, self.limits.timeout));
        let stored = timeout(limit, storing)
            .await
            .map_err(|_| RemoteError::NoAnswer("the file comes too slowly".to_owned()))?
            .map_err(|error| match error {
                BlobError::TooLarge { size_bytes_max } => RemoteError::TooLarge { bytes_max: size_bytes_max },
                BlobError::Source(_) => RemoteError::NoAnswer("the file ended before its end".to_owned()),
                BlobError::NotADigest | BlobError::OtherContent | BlobError::Storage(_) => {
                    RemoteError::Blob(error.to_string())
                }
            })?;
        crate::failpoint::at!("fetch.stored");
        Ok(Fetched { sha256: stored.sha256, size_bytes: stored.size_bytes, media_type })
    }
}

/// `path` below the base address, whatever the base ends with.
fn address(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{}", base.path().trim_end_matches('/'), path.trim_start_matches('/')));
    url
}

fn transfer_time(size_bytes: u64) -> Duration {
    Duration::from_secs(size_bytes / FILE_BYTES_PER_SECOND_MIN)
}

fn header(text: &str) -> Result<HeaderValue, RemoteError> {
    HeaderValue::from_str(text).map_err(|_| RemoteError::Unreachable("a header of ours cannot be sent".to_owned()))
}

/// The body, as long as it fits the limit.
async fn read_bounded(mut response: Response, bytes_max: usize) -> Result<Bytes, RemoteError> {
    let too_large = || RemoteError::TooLarge { bytes_max: bytes_max as u64 };
    if response.content_length().is_some_and(|size| size > bytes_max as u64) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure::of_answer(&error))? {
        if body.len() + chunk.len() > bytes_max {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// The body of a download, given up when nothing comes for `silence_max`.
fn steady(
    response: Response,
    silence_max: Duration,
) -> impl stream::Stream<Item = std::io::Result<Bytes>> + Send + Unpin {
    let pieces = stream::unfold(Some(response), move |response| async move {
        let mut response = response?;
        match timeout(silence_max, response.chunk()).await {
            Ok(Ok(Some(chunk))) => Some((Ok(chunk), Some(response))),
            Ok(Ok(None)) => None,
            Ok(Err(_)) => Some((Err(std::io::ErrorKind::UnexpectedEof.into()), None)),
            Err(_) => Some((Err(std::io::ErrorKind::TimedOut.into()), None)),
        }
    });
    Box::pin(pieces)
}

/// Turns the HTTP-date form of `Retry-After` into seconds, so that adapters need no clock.
pub(crate) fn read_retry_after(headers: &mut HeaderMap, now: Timestamp) {
    let Some(text) = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()) else { return };
    if text.trim().parse::<u64>().is_ok() {
        return;
    }
    match jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()) {
        Ok(at) => {
            let seconds = u64::try_from(at.duration_since(now).as_secs()).unwrap_or_default();
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        Err(_) => {
            headers.remove(RETRY_AFTER);
        }
    }
}
