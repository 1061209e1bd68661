//! Far sides for tests: the adapters' own sandboxes, and a scripted one that answers as it is told.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use channel_sdk::{
    Kind,
    sandbox::{Credentials, FarSide, Mischief, SandboxSettings},
};

use super::channel::CLIENT_SECRET;

/// A sandbox that listens.
pub(crate) struct RunningFarSide {
    pub side: Arc<dyn FarSide>,
    pub address: SocketAddr,
}

/// Starts the sandbox of a kind.
pub(crate) async fn serve(kind: &Kind, petitions: u32, mischief: Mischief) -> RunningFarSide {
    let side = (kind.sandbox)(SandboxSettings {
        seed: 7,
        petitions,
        agency: "000.00.00.G07".to_owned(),
        epoch: "2019-01-02T01:00:00Z".parse().unwrap(),
        credentials: Some(Credentials { id: "gateway".to_owned(), secret: CLIENT_SECRET.to_owned() }),
        mischief,
    });
    let address = serve_router(Arc::clone(&side).router()).await;
    RunningFarSide { side, address }
}

/// Serves a router on a free port for as long as the test runs.
#[expect(clippy::disallowed_methods, reason = "a test's server ends with the test's runtime")]
pub(crate) async fn serve_router(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

/// The beginning of a path, and what is answered there: status, content type, body.
type Answer = (String, u16, String, Vec<u8>);

/// What a scripted far side was asked, and what it answers.
#[derive(Default)]
pub(crate) struct Scripted {
    /// Method, path and query, body; in the order of arrival.
    pub asked: Mutex<Vec<(String, String, Bytes)>>,
    /// The longest beginning counts; 404 otherwise.
    pub answers: Mutex<Vec<Answer>>,
}

impl Scripted {
    /// Sets the answer to every path that begins with `path`.
    pub(crate) fn answer(&self, path: &str, status: u16, content_type: &str, body: impl Into<Vec<u8>>) {
        let mut answers = self.answers.lock().unwrap();
        answers.retain(|(known, ..)| known != path);
        answers.push((path.to_owned(), status, content_type.to_owned(), body.into()));
    }

    /// The bodies that were sent to a path.
    pub(crate) fn bodies(&self, method: &str, path: &str) -> Vec<Bytes> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(m, p, _)| m == method && p.starts_with(path)).map(|(_, _, body)| body.clone()).collect()
    }
}

/// Starts a scripted far side.
pub(crate) async fn scripted_far_side() -> (Arc<Scripted>, SocketAddr) {
    let script = Arc::new(Scripted::default());
    let router = Router::new().fallback(play).with_state(Arc::clone(&script));
    (script, serve_router(router).await)
}

async fn play(State(script): State<Arc<Scripted>>, request: Request) -> Response {
    let method = request.method().to_string();
    let path = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    let body = axum::body::to_bytes(request.into_body(), 64 << 20).await.unwrap_or_default();
    script.asked.lock().unwrap().push((method, path.clone(), body));
    let answers = script.answers.lock().unwrap();
    let best = answers.iter().filter(|(known, ..)| path.starts_with(known)).max_by_key(|(known, ..)| known.len());
    match best {
        Some((_, status, content_type, body)) => {
            let status = StatusCode::from_u16(*status).unwrap();
            (status, [("content-type", content_type.clone())], body.clone()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
