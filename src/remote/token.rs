//! OAuth 2 client credentials (RFC 6749 section 4.4): one token for all calls of a channel, renewed before it ends.

use channel_sdk::remote::RemoteError;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::{sync::Mutex, time::timeout};

use super::failure;
use crate::{clock::SharedClock, config::channel::Limits};

/// A token is renewed this long before its end, or after nine tenths of a shorter life.
const RENEW_BEFORE: SignedDuration = SignedDuration::from_secs(60);
/// The life of a token whose answer tells none; RFC 6749 leaves it open.
const LIFE_UNTOLD_SECONDS: i64 = 300;
/// A token and its wrapping are a few hundred bytes, signed ones a few thousand.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

pub(super) struct TokenCache {
    url: Url,
    client_id: String,
    client_secret: SecretString,
    scope: Option<String>,
    /// Held while a token is asked for, so that many calls ask once.
    token: Mutex<Option<Token>>,
}

struct Token {
    text: SecretString,
    renew_at: Timestamp,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    /// Seconds; some servers write the number as a string.
    #[serde(default)]
    expires_in: serde_json::Value,
}

impl Answer {
    fn life(&self) -> SignedDuration {
        let told = match &self.expires_in {
            serde_json::Value::Number(number) => number.as_u64(),
            serde_json::Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        // A longer life than a year is as good as none told.
        let seconds = told.and_then(|it| i64::try_from(it).ok()).filter(|it| *it <= 366 * 86_400);
        SignedDuration::from_secs(seconds.unwrap_or(LIFE_UNTOLD_SECONDS))
    }
}

impl TokenCache {
    pub(super) fn new(url: Url, client_id: String, client_secret: SecretString, scope: Option<String>) -> TokenCache {
        TokenCache { url, client_id, client_secret, scope, token: Mutex::new(None) }
    }

    /// The token in force, or a new one. Without one the request does not leave: network failures are `Unreachable`.
    pub(super) async fn get(
        &self,
        client: &Client,
        limits: &Limits,
        clock: &SharedClock,
    ) -> Result<SecretString, RemoteError> {
        let mut token = self.token.lock().await;
        if let Some(token) = token.as_ref().filter(|token| clock.now() < token.renew_at) {
            return Ok(token.text.clone());
        }
        let answer = timeout(limits.timeout, self.ask(client))
            .await
            .map_err(|_| RemoteError::Unreachable("no token came: time-out".to_owned()))??;
        let life = answer.life();
        let renew_at = clock.now().saturating_add(life - RENEW_BEFORE.min(life / 10)).unwrap_or(Timestamp::MAX);
        let text = SecretString::from(answer.access_token);
        *token = Some(Token { text: text.clone(), renew_at });
        Ok(text)
    }

    /// Forgets a token that was refused, unless somebody has renewed it meanwhile.
    pub(super) async fn forget(&self, refused: &SecretString) {
        let mut token = self.token.lock().await;
        if token.as_ref().is_some_and(|token| token.text.expose_secret() == refused.expose_secret()) {
            *token = None;
        }
    }

    async fn ask(&self, client: &Client) -> Result<Answer, RemoteError> {
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", &self.client_id),
            ("client_secret", self.client_secret.expose_secret()),
        ];
        if let Some(scope) = &self.scope {
            form.push(("scope", scope));
        }
        let unreachable = |error: RemoteError| RemoteError::Unreachable(format!("no token came: {error}"));
        let request = client.post(self.url.clone()).header("accept", "application/json").form(&form);
        let response = request.send().await.map_err(|error| unreachable(failure::of_request(&error)))?;
        let status = response.status();
        let body = super::read_bounded(response, ANSWER_BYTES_MAX).await.map_err(unreachable)?;
        match status.as_u16() {
            200..=299 => serde_json::from_slice(&body)
                // What came may hold a token: nothing of it is repeated.
                .map_err(|_| RemoteError::Credentials("the token's answer cannot be read".to_owned())),
            status @ (408 | 429 | 500..) => Err(RemoteError::Unreachable(format!("no token came: HTTP {status}"))),
            status => Err(RemoteError::Credentials(format!("no token was given: HTTP {status}"))),
        }
    }
}
