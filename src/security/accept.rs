//! The connections of a listener: accepted, TLS handshake done, each with its [`Peer`], never more than so many at once.
//!
//! Both listeners (gRPC and pushes) read from here, so that "who is it" is decided in one place. Handshakes run beside
//! each other: one peer that dawdles holds up nobody.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{
    Stream, StreamExt,
    future::BoxFuture,
    stream::{self, FuturesUnordered},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{
    identity::{Identity, Peer},
    tls::ServerTls,
};

/// A handshake takes two round trips; whoever needs longer than this is not shaking hands.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// The pause after the system could not accept (no file handles left), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A connection whose peer is known.
#[derive(Debug)]
pub struct Connection {
    io: Io,
    peer: Peer,
    address: SocketAddr,
    _room: OwnedSemaphorePermit,
}

#[derive(Debug)]
enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The connections of a listener.
pub struct Incoming {
    listener: TcpListener,
    tls: Option<Arc<ServerTls>>,
    room: Arc<Semaphore>,
    handshakes: FuturesUnordered<BoxFuture<'static, Option<Connection>>>,
}

impl Incoming {
    /// Connections of `listener`, at most `connections_max` at once; those beyond wait unaccepted.
    pub fn new(listener: TcpListener, tls: Option<Arc<ServerTls>>, connections_max: usize) -> Incoming {
        let room = Arc::new(Semaphore::new(connections_max));
        Incoming { listener, tls, room, handshakes: FuturesUnordered::new() }
    }

    /// The next connection. May be dropped and asked again without losing one.
    pub async fn next(&mut self) -> Connection {
        loop {
            tokio::select! {
                Some(done) = self.handshakes.next() => {
                    if let Some(connection) = done {
                        return connection;
                    }
                }
                (tcp, address, room) = accept(&self.listener, &self.room) => {
                    self.handshakes.push(Box::pin(shake_hands(tcp, address, self.tls.clone(), room)));
                }
            }
        }
    }

    /// The connections as an endless stream, for servers that ask for one.
    pub fn into_stream(self) -> impl Stream<Item = io::Result<Connection>> + Send {
        stream::unfold(self, |mut incoming| async move { Some((Ok(incoming.next().await), incoming)) })
    }
}

impl Connection {
    /// Who is at the other end.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let room = Arc::clone(room).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((tcp, address)) => return (tcp, address, room),
            Err(error) => {
                tracing::warn!(error.kind = %error.kind(), "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn shake_hands(
    tcp: TcpStream,
    address: SocketAddr,
    tls: Option<Arc<ServerTls>>,
    room: OwnedSemaphorePermit,
) -> Option<Connection> {
    // Small answers should not wait for more to send; without it they are only slower.
    if tcp.set_nodelay(true).is_err() {
        tracing::debug!("a connection ended before it began");
    }
    let Some(tls) = tls else {
        // The configuration allows plain text on loopback only; this is the second lock.
        if !address.ip().to_canonical().is_loopback() {
            return None;
        }
        return Some(Connection { io: Io::Plain(tcp), peer: Peer::Loopback, address, _room: room });
    };
    let handshake = TlsAcceptor::from(tls.current()).accept(tcp);
    let stream = match tokio::time::timeout(HANDSHAKE_MAX, handshake).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::info!(peer.address = %address, "a TLS handshake failed: {error}");
            return None;
        }
        Err(_) => {
            tracing::info!(peer.address = %address, "a TLS handshake took too long");
            return None;
        }
    };
    let peer = match stream.get_ref().1.peer_certificates().and_then(<[_]>::first) {
        None => Peer::NoCertificate,
        Some(leaf) => match Identity::of_der(leaf) {
            Ok(identity) => Peer::Certificate(Arc::new(identity)),
            Err(error) => {
                tracing::info!(peer.address = %address, "a client certificate was refused: {error}");
                return None;
            }
        },
    };
    Some(Connection { io: Io::Tls(Box::new(stream)), peer, address, _room: room })
}

/// Who is at the other end, and where: what a tonic handler finds in a request's extensions.
#[derive(Debug, Clone)]
pub struct PeerAt {
    /// Who.
    pub peer: Peer,
    /// Where.
    pub address: SocketAddr,
}

impl tonic::transport::server::Connected for Connection {
    type ConnectInfo = PeerAt;

    fn connect_info(&self) -> PeerAt {
        PeerAt { peer: self.peer.clone(), address: self.address }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Io::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Io::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Io::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Io::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
