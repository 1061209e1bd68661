//! The gateway under test, in this process, assembled as `serve` assembles it.

use std::{fmt::Write as _, net::SocketAddr, path::Path, sync::Arc};

use channel_sdk::sandbox::{FarSide, Mischief, SandboxPush};
use hmac::{Hmac, KeyInit, Mac};
use petition_gateway::{
    adapters::KINDS,
    app::{self, Running},
    clock::{Clock, SystemClock},
    config::{Config, Environment},
    supervise::Ended,
};
use sha2::Sha256;
use tempfile::TempDir;

use super::{Ministry, RunningFarSide, TestStore, serve};

/// What channels sign their pushes with.
const PUSH_SECRET: &str = "khóa ký của kênh thử nghiệm";

/// How a world is made.
#[derive(Clone, Default)]
pub(crate) struct WorldSettings {
    /// How many petitions the portal will have; `None`: there is no portal.
    pub portal: Option<u32>,
    /// How many the Assembly system will have.
    pub assembly: Option<u32>,
    /// How both misbehave.
    pub mischief: Mischief,
    /// Further configuration.
    pub more: String,
}

/// A gateway with its far sides.
pub(crate) struct World {
    pub folder: TempDir,
    running: Option<Running>,
    pub portal: Option<RunningFarSide>,
    pub assembly: Option<RunningFarSide>,
    pub config: String,
    _store: TestStore,
}

impl World {
    /// A gateway with these far sides.
    pub(crate) async fn with(settings: WorldSettings) -> World {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("push.secret"), PUSH_SECRET).unwrap();
        std::fs::write(folder.path().join("portal.secret"), "bí mật của thử nghiệm").unwrap();
        let portal = match settings.portal {
            Some(petitions) => Some(serve(&government_portal::KIND, petitions, settings.mischief).await),
            None => None,
        };
        let assembly = match settings.assembly {
            Some(petitions) => Some(serve(&national_assembly::KIND, petitions, settings.mischief).await),
            None => None,
        };
        let store = TestStore::fresh();
        let mut config = base_config(folder.path()) + &store.config();
        for (name, kind, side) in
            [("portal", "government-portal", &portal), ("assembly", "national-assembly", &assembly)]
        {
            if let Some(side) = side {
                config.push_str(&channel_config(name, kind, side.address));
            }
        }
        config.push_str(&settings.more);
        let running = Some(start(&config, folder.path()).await);
        World { folder, running, portal, assembly, config, _store: store }
    }

    /// Where gRPC listens.
    pub(crate) fn grpc(&self) -> SocketAddr {
        self.running.as_ref().unwrap().grpc
    }

    /// Where pushes are taken.
    pub(crate) fn http(&self) -> SocketAddr {
        self.running.as_ref().unwrap().http
    }

    /// A ministry system with every role.
    pub(crate) async fn ministry(&self) -> Ministry {
        Ministry::connect(self.grpc()).await
    }

    /// Where channels push to.
    pub(crate) fn push_address(&self, channel: &str) -> String {
        format!("http://{}/channels/{channel}", self.http())
    }

    /// Pushes to a channel, signed as the channel signs; status and body of the answer.
    pub(crate) async fn push(
        &self,
        channel: &str,
        path: &str,
        content_type: &str,
        body: impl Into<Vec<u8>>,
    ) -> (u16, String) {
        let body = body.into();
        // To the nanosecond: the same body signed twice within a second would be a replay.
        let now = SystemClock.now().to_string();
        let request = reqwest::Client::new()
            .post(format!("{}{path}", self.push_address(channel)))
            .header("content-type", content_type)
            .header("x-timestamp", &now)
            .header("x-signature", sign(PUSH_SECRET, &now, &body))
            .body(body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Posts everything that a sandbox wants to push now.
    pub(crate) async fn push_all(&self, channel: &str, side: &Arc<dyn FarSide>) {
        while let Some(push) = side.next_push() {
            let SandboxPush { path, content_type, body, .. } = push.clone();
            let (status, answer) = self.push(channel, &path, &content_type, body.to_vec()).await;
            side.pushed(&push, Some((status, answer.into())));
        }
    }

    /// Stops the gateway cleanly and starts it again on the same folder.
    pub(crate) async fn restart(&mut self) {
        let running = self.running.take().unwrap();
        running.stop();
        assert_eq!(running.ended().await, Ended::Clean);
        self.running = Some(start(&self.config, self.folder.path()).await);
    }
}

async fn start(config: &str, folder: &Path) -> Running {
    let config = Config::read("test.toml", folder, config, &Environment::empty(), KINDS).unwrap();
    app::start(config, Arc::new(SystemClock)).await.unwrap()
}

fn base_config(folder: &Path) -> String {
    format!(
        r#"
[gateway]
data_folder = "{}/data"
[grpc]
listen = "127.0.0.1:0"
[http]
listen = "127.0.0.1:0"
[security.loopback]
roles = ["ministry_system", "operator"]
[inbound]
failure_pause_seconds = 1
[outbound]
schedule = ["50ms", "100ms", "200ms", "400ms", "400ms", "400ms", "400ms", "400ms"]
[log]
level = "error"
"#,
        folder.display()
    )
}

fn channel_config(name: &str, kind: &str, address: SocketAddr) -> String {
    let mut text = String::new();
    write!(
        text,
        r#"
[channels.{name}]
kind = "{kind}"
base_url = "http://{address}"
auth = {{ type = "oauth2", token_path = "/oauth2/token", client_id = "gateway", client_secret_file = "portal.secret" }}
push = {{ hmac_secret_file = "push.secret" }}
limits = {{ requests_per_second = 10000, concurrency = 32 }}
"#
    )
    .unwrap();
    text
}

/// `X-Signature` over `timestamp.body`.
fn sign(secret: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("HMAC-SHA256 {}", hex::encode(mac.finalize().into_bytes()))
}
