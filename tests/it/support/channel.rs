//! A channel under test, as both of its sides must know it: its table, its secrets, how its pushes are signed.

use std::{net::SocketAddr, path::Path};

use hmac::{Hmac, KeyInit, Mac};
use petition_gateway::clock::{Clock, SystemClock};
use sha2::Sha256;

/// What channels sign their pushes with.
const PUSH_SECRET: &str = "khóa ký của kênh thử nghiệm";
/// What the gateway shows at a far side.
pub(super) const CLIENT_SECRET: &str = "bí mật của thử nghiệm";

/// Writes the secrets that [`channel_config`] names.
pub(crate) fn write_secrets(folder: &Path) {
    std::fs::write(folder.join("push.secret"), PUSH_SECRET).unwrap();
    std::fs::write(folder.join("portal.secret"), CLIENT_SECRET).unwrap();
}

/// The table of a channel, which further keys of it may follow.
pub(crate) fn channel_config(name: &str, kind: &str, address: SocketAddr) -> String {
    format!(
        r#"
[channels.{name}]
kind = "{kind}"
base_url = "http://{address}"
auth = {{ type = "oauth2", token_path = "/oauth2/token", client_id = "gateway", client_secret_file = "portal.secret" }}
push = {{ hmac_secret_file = "push.secret" }}
limits = {{ requests_per_second = 10000, concurrency = 32 }}
"#
    )
}

/// A push, signed as the channel signs.
pub(crate) fn signed(request: reqwest::RequestBuilder, body: Vec<u8>) -> reqwest::RequestBuilder {
    // To the nanosecond: the same body signed twice within a second would be a replay.
    let now = SystemClock.now().to_string();
    let signature = sign(&now, &body);
    request.header("x-timestamp", now).header("x-signature", signature).body(body)
}

/// `X-Signature` over `timestamp.body`.
fn sign(timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(PUSH_SECRET.as_bytes()).unwrap();
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("HMAC-SHA256 {}", hex::encode(mac.finalize().into_bytes()))
}
