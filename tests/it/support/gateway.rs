//! The gateway under test, in this process, assembled as `serve` assembles it.

use std::{net::SocketAddr, path::Path, sync::Arc};

use channel_sdk::sandbox::{FarSide, Mischief, SandboxPush};
use petition_gateway::{
    adapters::KINDS,
    app::{self, Running},
    clock::SystemClock,
    config::{Config, Environment},
    supervise::Ended,
};
use tempfile::TempDir;

use super::{Ministry, RunningFarSide, TestStore, channel_config, serve, signed, write_secrets};

/// How a world is made.
#[derive(Clone, Default)]
pub(crate) struct WorldSettings {
    /// How many petitions the portal will have; `None`: there is no portal.
    pub portal: Option<u32>,
    /// How many the Assembly system will have.
    pub assembly: Option<u32>,
    /// How both misbehave.
    pub mischief: Mischief,
    /// Further lines of its `[outbound]`.
    pub outbound: &'static str,
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
        write_secrets(folder.path());
        let portal = match settings.portal {
            Some(petitions) => Some(serve(&government_portal::KIND, petitions, settings.mischief).await),
            None => None,
        };
        let assembly = match settings.assembly {
            Some(petitions) => Some(serve(&national_assembly::KIND, petitions, settings.mischief).await),
            None => None,
        };
        let store = TestStore::fresh();
        let mut config = base_config(folder.path(), settings.outbound) + &store.config();
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
        let address = format!("{}{path}", self.push_address(channel));
        let request = reqwest::Client::new().post(address).header("content-type", content_type);
        let answer = signed(request, body.into()).send().await.unwrap();
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

fn base_config(folder: &Path, outbound: &str) -> String {
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
{outbound}
[log]
level = "error"
"#,
        folder.display()
    )
}
