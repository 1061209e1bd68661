//! A wire to an S3 server that breaks where a test wants it to.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// When a connection is cut.
pub(super) type Cut = Arc<Mutex<dyn FnMut(Way, &[u8]) -> bool + Send>>;

/// Whether a request that begins with these bytes says `what` in its head or shortly after it.
pub(super) fn says(bytes: &[u8], what: &str) -> bool {
    const HEAD_BYTES_MAX: usize = 4096;
    String::from_utf8_lossy(&bytes[..bytes.len().min(HEAD_BYTES_MAX)]).contains(what)
}

/// Which way bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    ToServer,
    FromServer,
}

/// Passes bytes on in both ways, until `cut` says so of some: these do not arrive, and their connection is gone.
pub(super) struct Proxy {
    pub(super) address: String,
    _task: JoinSet<()>,
}

impl Proxy {
    pub(super) async fn start(server: &str, cut: impl FnMut(Way, &[u8]) -> bool + Send + 'static) -> Proxy {
        let server = server.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let cut: Cut = Arc::new(Mutex::new(cut));
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (ours, _) = listener.accept().await.unwrap();
                // A server that is away refuses; here the connection just ends.
                if let Ok(theirs) = TcpStream::connect(&server).await {
                    connections.spawn(connect(ours, theirs, Arc::clone(&cut)));
                }
            }
        });
        Proxy { address, _task: task }
    }
}

async fn connect(ours: TcpStream, theirs: TcpStream, cut: Cut) {
    let (from_us, to_us) = ours.into_split();
    let (from_them, to_them) = theirs.into_split();
    // Whichever way ends first takes the other with it.
    tokio::select! {
        () = pass(from_us, to_them, Way::ToServer, &cut) => {}
        () = pass(from_them, to_us, Way::FromServer, &cut) => {}
    }
}

async fn pass(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin, way: Way, cut: &Cut) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if (cut.lock().unwrap())(way, &bytes[..count]) || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
