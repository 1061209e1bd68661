//! What every call passes before any service sees it: who is it, may they, is there room, how long may it take.
//!
//! A tower layer around all services, so that none can be forgotten. Who finds no room is told so before a byte of the
//! message is read.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt, Stream, StreamExt, future::BoxFuture, stream};
use http::{HeaderMap, Request, Response};
use tokio::time::{Instant, sleep_until, timeout_at};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use super::{
    authorize::{Method, Shape, authorize},
    error::CallError,
    hold::{hold, meter},
    principal::Caller,
};
use crate::{
    admission::{Admission, Budget, Client, NoRoom, Permit, Place, Rooms},
    committer::Committer,
    config,
    security::{Peer, PeerAt, Principal, Principals},
};

/// What the server takes at most.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The largest message, either way.
    pub message_bytes_max: usize,
    /// How many calls are let in at once, over all connections; what is beyond is told to come again.
    pub rooms: Rooms,
    /// Bytes of all messages under way together.
    pub bytes_in_flight_max: usize,
    /// Calls at once on one connection.
    pub streams_per_connection_max: u32,
    /// After this long a connection is asked to close, so that load spreads over new gateways.
    pub connection_age_max: Duration,
    /// A silent connection is pinged after this long.
    pub keep_alive: Duration,
    /// A ping that is not answered within this ends the connection.
    pub keep_alive_timeout: Duration,
    /// The longest a unary call may take, whatever deadline it asks for.
    pub call_max: Duration,
    /// Watches at once.
    pub watchers_max: usize,
}

impl From<&config::Grpc> for Limits {
    fn from(config: &config::Grpc) -> Limits {
        Limits {
            message_bytes_max: config.message_bytes_max,
            rooms: Rooms {
                people_max: config.calls_max,
                answer_target: config.answer_target,
                reads_max: config.reads_max,
                imports_max: config.imports_max,
                transfers_max: config.transfers_max,
            },
            bytes_in_flight_max: config.bytes_in_flight_max,
            streams_per_connection_max: config.streams_per_connection_max,
            connection_age_max: config.connection_age_max,
            keep_alive: config.keep_alive,
            keep_alive_timeout: config.keep_alive_timeout,
            call_max: config.call_max,
            watchers_max: config.watchers_max,
        }
    }
}

/// What a stream of answers is to tonic.
pub(super) type BoxStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// When the client gives up on a call; `None` when it did not say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Option<Instant>);

/// The layer.
#[derive(Clone)]
pub(super) struct Entrance {
    pub(super) principals: Arc<Principals>,
    pub(super) admission: Admission,
    /// Bytes of messages under way.
    pub(super) budget: Budget,
    /// Tells a gateway that is busy from one whose store is away.
    pub(super) committer: Committer,
    pub(super) call_max: Duration,
}

/// The layer around a service.
#[derive(Clone)]
pub(super) struct Guarded<S> {
    entrance: Entrance,
    inner: S,
}

impl Entrance {
    /// Lets a request in: tells its method, and leaves caller, client and deadline in it for the handlers.
    fn admit(&self, request: &mut Request<Body>) -> Result<Admitted, CallError> {
        let from = request.extensions().get::<PeerAt>().cloned();
        let caller = from.as_ref().and_then(|from| self.principals.recognise(&from.peer));
        let method = authorize(request.uri().path(), caller.as_deref())?;
        let asked = grpc_timeout(request.headers()).map(|timeout| Instant::now() + timeout);
        let ours = match method.shape {
            Shape::Unary => Some(Instant::now() + self.call_max),
            Shape::Streaming => None,
        };
        let ends_at = [asked, ours].into_iter().flatten().min();
        let client = self.client(from.as_ref(), caller.as_deref());
        let permit = self.enter(method.place, client)?;
        if method.shape == Shape::Unary && method.place != Place::Free {
            meter(request, self.budget.open(client));
        }
        let name = caller.as_ref().map(|it| it.name.clone()).unwrap_or_default();
        if let Some(caller) = caller {
            request.extensions_mut().insert::<Caller>(caller);
        }
        request.extensions_mut().insert(ClientOf(client));
        request.extensions_mut().insert(Deadline(asked));
        Ok(Admitted { method, ends_at, caller: name, permit })
    }

    fn client(&self, from: Option<&PeerAt>, caller: Option<&Principal>) -> Client {
        // Callers on plain loopback all have one name.
        let connection = from.filter(|from| matches!(from.peer, Peer::Loopback)).map(|from| from.address);
        self.admission.client(caller.map(|it| it.name.as_str()).unwrap_or_default(), connection)
    }

    fn enter(&self, place: Place, client: Client) -> Result<Option<Permit>, CallError> {
        self.admission.enter(place, client).map_err(|NoRoom { again_after }| match self.committer.away() {
            // The room is full because nothing goes on: coming again soon would not help.
            Some(away) if place == Place::People => away.into(),
            _ => CallError::Overloaded { again_after },
        })
    }
}

/// The client of a request, as the rooms know it.
#[derive(Debug, Clone, Copy)]
struct ClientOf(Client);

/// What is known of a call that was let in.
struct Admitted {
    method: &'static Method,
    ends_at: Option<Instant>,
    caller: String,
    /// Its place; given back when the answer stands.
    permit: Option<Permit>,
}

impl<S> Layer<S> for Entrance {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { entrance: self.clone(), inner }
    }
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let mut admitted = match self.entrance.admit(&mut request) {
            Ok(admitted) => admitted,
            Err(refusal) => return refused(refusal),
        };
        let begun = Instant::now();
        let answer = self.inner.call(request);
        async move {
            let answered = match admitted.ends_at {
                Some(at) => timeout_at(at, answer).await,
                None => Ok(answer.await),
            };
            let permit = admitted.permit.take();
            let response = match answered {
                Ok(response) => response?,
                Err(_) => Status::from(CallError::DeadlineExceeded).into_http(),
            };
            tell(&admitted, &response, begun);
            Ok(leave(permit, admitted.method, response))
        }
        .boxed()
    }
}

/// Gives the place back: now that the answer stands, or, for a file or a dossier, when it has been given out.
fn leave(permit: Option<Permit>, method: &Method, response: Response<Body>) -> Response<Body> {
    let Some(permit) = permit else { return response };
    // A status in the head is a refusal.
    let is_answer = !response.headers().contains_key(Status::GRPC_STATUS);
    match method.place {
        Place::Transfers if is_answer => hold(response, permit),
        _ => {
            if is_answer {
                permit.answered();
            }
            response
        }
    }
}

fn refused<E: Send + 'static>(refusal: CallError) -> BoxFuture<'static, Result<Response<Body>, E>> {
    let status = Status::from(refusal);
    tracing::debug!(rpc.code = %status.code(), "a call was not let in");
    futures::future::ready(Ok(status.into_http())).boxed()
}

fn tell(admitted: &Admitted, response: &Response<Body>, begun: Instant) {
    let code = response.headers().get("grpc-status").and_then(|it| it.to_str().ok()).unwrap_or("0");
    tracing::debug!(
        rpc.method = admitted.method.path,
        rpc.code = code,
        principal.name = admitted.caller,
        duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        "answered a call"
    );
}

/// `grpc-timeout`: up to eight digits and a unit. One that cannot be read is none, as the protocol has it.
pub(super) fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// The client of a request, as the rooms know it.
pub(super) fn client<T>(request: &tonic::Request<T>) -> Client {
    request.extensions().get::<ClientOf>().map_or(0, |ClientOf(client)| *client)
}

/// The deadline of a request.
pub(super) fn deadline<T>(request: &tonic::Request<T>) -> Deadline {
    request.extensions().get().copied().unwrap_or(Deadline(None))
}

/// The stream, ended by a status when the client's deadline has passed.
pub(super) fn bounded<T: Send + 'static>(stream: BoxStream<T>, Deadline(at): Deadline) -> BoxStream<T> {
    let Some(at) = at else { return stream };
    Box::pin(stream::unfold(Some(stream), move |stream| async move {
        let mut stream = stream?;
        tokio::select! {
            biased;
            () = sleep_until(at) => Some((Err(CallError::DeadlineExceeded.into()), None)),
            item = stream.next() => item.map(|item| (item, Some(stream))),
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_read_as_the_protocol_writes_them() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            grpc_timeout(&headers)
        };
        assert_eq!(read("1H"), Some(Duration::from_secs(3600)));
        assert_eq!(read("250m"), Some(Duration::from_millis(250)));
        assert_eq!(read("99999999S"), Some(Duration::from_secs(99_999_999)));
        for text in ["", "S", "5", "5s", "-1S", "123456789S", "1.5S"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
