//! The listener for pushes: `POST|PUT /channels/<name>/…`, and `/healthz`, `/readyz` for whoever watches the process.
//!
//! A push goes through the `gate`: is there such a channel, who sends it, does the channel take this at all, is it
//! small enough. Only then it is a [`RawMessage`] and handed to the [`PushTaker`]; its answer is the channel's own. What
//! never reaches an adapter is answered in one plain form, `{"maLoi", "thongDiep", "chiTiet"}`.
//!
//! Every connection, header, body and number of pushes has its limit; nothing is held in memory beyond it.

mod gate;
mod refusal;
#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::{
    Extension, Router,
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{any, get},
};
use channel_sdk::adapter::{PushReply, RawMessage};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

pub use self::gate::PushChannel;
pub(crate) use self::gate::fits;
use self::{gate::Gate, refusal::Refusal};
use crate::{
    admission::Admission,
    clock::SharedClock,
    config::Http,
    security::{Connection, Incoming, Peer, ServerTls},
    supervise::Scope,
};

/// The protocols of the listener for ALPN, best first.
pub const ALPN: [&str; 2] = ["h2", "http/1.1"];
/// Pushes at once on one HTTP/2 connection; one far side needs no more than its channel is allowed.
const STREAMS_MAX: u32 = 64;
/// Room for the request line and headers: credentials and trace headers are a few thousand bytes.
const HEADER_BYTES_MAX: u32 = 64 * 1024;
/// A silent HTTP/2 connection is pinged after this long.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// No drain lasts longer; the supervisor's limit is usually shorter.
const DRAIN_MAX: Duration = Duration::from_secs(600);

/// Takes a push in.
#[async_trait]
pub trait PushTaker: Send + Sync {
    /// Journals, decodes and records the message of a configured channel, and answers in the channel's words. The
    /// answer is success only for what is durable.
    async fn take(&self, channel: &str, raw: RawMessage) -> PushReply;
}

/// The listener for pushes; a task for the supervisor.
pub struct Listen {
    /// Bound already, so that a port that is taken is told at the start.
    pub listener: TcpListener,
    /// TLS; `None` only on loopback.
    pub tls: Option<Arc<ServerTls>>,
    /// The limits.
    pub http: Http,
    /// The channels that run.
    pub channels: Vec<PushChannel>,
    /// Who is let in.
    pub admission: Admission,
    /// Where pushes go.
    pub taker: Arc<dyn PushTaker>,
    /// Whether the gateway can take anything in.
    pub ready: watch::Receiver<bool>,
    /// The time.
    pub clock: SharedClock,
}

impl Listen {
    /// Serves until told to stop; then waits for what is under way.
    pub async fn run(self, stop: CancellationToken) {
        let Listen { listener, tls, http, channels, admission, taker, ready, clock } = self;
        let gate = Arc::new(Gate::new(&http, channels, admission, (taker, clock)));
        let router = router(gate, ready);
        let mut incoming = Incoming::new(listener, tls, http.connections_max);
        let mut connections = Scope::new("push connections", http.connections_max);
        while let Some(connection) = stop.run_until_cancelled(incoming.next()).await {
            connections.spawn(serve(connection, router.clone(), http.header_limit, stop.clone())).await;
        }
        // No new connections while the old ones end.
        drop(incoming);
        connections.drain(DRAIN_MAX).await;
    }
}

fn router(gate: Arc<Gate>, ready: watch::Receiver<bool>) -> Router {
    let ready = move || async move { if *ready.borrow() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE } };
    Router::new()
        .route("/channels/{name}/{*rest}", any(push))
        .with_state(gate)
        .route("/healthz", get(|| async { StatusCode::OK }))
        .route("/readyz", get(ready))
        .fallback(|| async { Refusal::NoRoute.into_response() })
}

async fn push(State(gate): State<Arc<Gate>>, Extension(peer): Extension<Peer>, request: Request) -> Response {
    match gate.pass(&peer, request).await {
        Ok(reply) => {
            let mut response = Response::new(Body::from(reply.body));
            *response.status_mut() = reply.status;
            *response.headers_mut() = reply.headers;
            response
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// One connection, until its peer ends it or we stop.
async fn serve(connection: Connection, router: Router, header_limit: Duration, stop: CancellationToken) {
    let address = connection.address();
    let spoke = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&spoke);
    let service = router.layer(Extension(connection.peer().clone())).layer(axum::middleware::from_fn(
        move |request: Request, next: axum::middleware::Next| {
            heard.store(true, Ordering::Relaxed);
            next.run(request)
        },
    ));
    let builder = builder(header_limit);
    let served = builder.serve_connection(TokioIo::new(connection), TowerToHyperService::new(service));
    tokio::pin!(served);
    // The header limit of HTTP/1 begins with the first byte of a request: whoever sends none is cut here.
    let silence = tokio::time::sleep(header_limit);
    tokio::pin!(silence);
    let (mut is_timed, mut is_stopping) = (true, false);
    loop {
        tokio::select! {
            ended = &mut served => {
                if let Err(error) = ended {
                    tracing::debug!(peer.address = %address, "a connection broke off: {error}");
                }
                return;
            }
            () = &mut silence, if is_timed => {
                is_timed = false;
                if !spoke.load(Ordering::Relaxed) {
                    tracing::info!(peer.address = %address, "a connection that sent no request was cut");
                    return;
                }
            }
            () = stop.cancelled(), if !is_stopping => {
                is_stopping = true;
                served.as_mut().graceful_shutdown();
            }
        }
    }
}

fn builder(header_limit: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header_limit)
        .max_buf_size(HEADER_BYTES_MAX as usize)
        // A peer that has sent its request may close its half and still wants the answer.
        .half_close(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_BYTES_MAX)
        .keep_alive_interval(KEEP_ALIVE);
    builder
}
