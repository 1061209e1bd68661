//! The token endpoint (OAuth 2 client credentials) and the check of bearer tokens.
//!
//! Tokens end by time, and also by use: so even a run of seconds meets a token that is refused in the middle.

use std::{collections::HashMap, time::Duration};

use axum::http::{HeaderMap, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use channel_sdk::sandbox::Credentials;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

/// How long a token lives. Short, so that a session of a few minutes sees a renewal.
const TOKEN_LIFETIME: Duration = Duration::from_secs(60);

/// Calls that a token is good for before the portal forgets it.
const TOKEN_USES_MAX: u32 = 500;

/// Tokens known at once at most; the oldest are forgotten.
const TOKENS_MAX: usize = 64;

struct Token {
    number: u64,
    ends: Instant,
    uses: u32,
}

/// Who may come in, and with what.
pub(super) struct Door {
    credentials: Option<Credentials>,
    tokens: HashMap<String, Token>,
    given: u64,
}

impl Door {
    pub(super) fn new(credentials: Option<Credentials>) -> Door {
        Door { credentials, tokens: HashMap::new(), given: 0 }
    }

    /// The answer of the token endpoint.
    pub(super) fn token(&mut self, headers: &HeaderMap, form: &HashMap<String, String>) -> (u16, Value) {
        if form.get("grant_type").map(String::as_str) != Some("client_credentials") {
            return (400, json!({"error": "unsupported_grant_type"}));
        }
        let (id, secret) = basic(headers).unwrap_or_else(|| (of(form, "client_id"), of(form, "client_secret")));
        if self.credentials.as_ref().is_some_and(|known| known.id != id || known.secret != secret) {
            return (401, json!({"error": "invalid_client"}));
        }
        self.given += 1;
        let token = hex::encode(Sha256::digest(format!("{id} {}", self.given)));
        if self.tokens.len() == TOKENS_MAX
            && let Some(oldest) = self.tokens.iter().min_by_key(|(_, token)| token.number).map(|(name, _)| name.clone())
        {
            self.tokens.remove(&oldest);
        }
        let ends = Instant::now() + TOKEN_LIFETIME;
        self.tokens.insert(token.clone(), Token { number: self.given, ends, uses: 0 });
        (200, json!({"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_LIFETIME.as_secs()}))
    }

    /// Whether a call may come in.
    pub(super) fn admits(&mut self, headers: &HeaderMap) -> bool {
        if self.credentials.is_none() {
            return true;
        }
        let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or("");
        let Some(token) = value.strip_prefix("Bearer ").and_then(|token| self.tokens.get_mut(token)) else {
            return false;
        };
        token.uses += 1;
        token.uses <= TOKEN_USES_MAX && Instant::now() < token.ends
    }
}

fn of(form: &HashMap<String, String>, key: &str) -> String {
    form.get(key).cloned().unwrap_or_default()
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
    text.split_once(':').map(|(id, secret)| (id.to_owned(), secret.to_owned()))
}
