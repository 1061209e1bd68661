//! A kind's far side as a real HTTP server on this machine.

use std::{net::SocketAddr, sync::Arc};

use channel_sdk::{
    Kind,
    sandbox::{FarSide, SandboxSettings},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::DemoError;
use crate::adapters::KINDS;

/// A far side that has a place to listen, and does not yet.
pub struct FarEnd {
    /// Its kind.
    pub kind: Kind,
    /// The far side itself.
    pub side: Arc<dyn FarSide>,
    /// Where it listens.
    pub address: SocketAddr,
    listener: TcpListener,
}

impl FarEnd {
    /// The far side of a kind, at `listen`.
    ///
    /// # Errors
    /// There is no such kind, or nothing can listen there.
    pub async fn open(kind: &str, settings: SandboxSettings, listen: SocketAddr) -> Result<FarEnd, DemoError> {
        let known = || KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
        let kind = *KINDS.iter().find(|it| it.name == kind).ok_or_else(|| DemoError::UnknownKind(known()))?;
        let listener = TcpListener::bind(listen).await.map_err(DemoError::Listen)?;
        let address = listener.local_addr().map_err(DemoError::Listen)?;
        Ok(FarEnd { kind, side: (kind.sandbox)(settings), address, listener })
    }

    /// The server's life, until told to stop.
    pub fn serve(self, stop: CancellationToken) -> impl Future<Output = ()> + Send + 'static {
        let router = Arc::clone(&self.side).router();
        async move {
            let served = axum::serve(self.listener, router).with_graceful_shutdown(stop.cancelled_owned());
            if let Err(error) = served.await {
                tracing::error!(error = &error as &dyn std::error::Error, "a far side stopped listening");
            }
        }
    }
}
