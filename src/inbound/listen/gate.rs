//! What a push must pass before it is a message: the channel, its sender, the route, the size, the turn.
//!
//! Cheap questions come first: whoever is not let in is told so before the body is read.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::Request,
    http::{Method, StatusCode, header, request},
};
use bytes::{Bytes, BytesMut};
use channel_sdk::{
    Adapter, Fault,
    adapter::{Entrance, Outcome, PushReply, RawMessage, Route},
    fault::FaultCode,
};
use futures::StreamExt;
use tokio::{sync::Semaphore, time::timeout};

use super::{PushTaker, refusal::Refusal};
use crate::{
    admission::{Admission, Budget, Client, Held, Place},
    clock::SharedClock,
    config::{Http, channel::Channel},
    security::{
        CertificateMatcher, Peer,
        signature::{Claimed, SignatureCheck},
    },
};

/// Of a body that is refused so much is read and thrown away, so that a sender that looks for the answer only after it
/// has sent everything finds it; whoever sends more finds the connection closed.
const DISCARD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A channel as the listener sees it.
pub struct PushChannel {
    name: String,
    adapter: Arc<dyn Adapter>,
    routes: Vec<Route>,
    certificates: Vec<CertificateMatcher>,
    signatures: Option<SignatureCheck>,
}

/// A channel's own door.
struct Door {
    channel: PushChannel,
    turns: Semaphore,
    client: Client,
}

/// Everything a push must pass.
pub(super) struct Gate {
    channels: BTreeMap<String, Door>,
    admission: Admission,
    /// Bytes of bodies that are being read or worked on.
    budget: Budget,
    body_bytes_max: usize,
    body_limit: Duration,
    taker: Arc<dyn PushTaker>,
    clock: SharedClock,
}

impl PushChannel {
    /// The channel as configured.
    pub fn new(channel: &Channel) -> PushChannel {
        PushChannel {
            name: channel.name.clone(),
            adapter: Arc::clone(&channel.adapter),
            routes: channel.adapter.abilities().routes,
            certificates: channel.push.client_certificates.clone(),
            signatures: channel.push.hmac_secret.clone().map(SignatureCheck::new),
        }
    }

    /// Who sends: by certificate (`None`), or by a signature whose headers are in order and that is yet to be verified.
    fn authenticate(
        &self,
        peer: &Peer,
        head: &request::Parts,
        clock: &SharedClock,
    ) -> Result<Option<(&SignatureCheck, Claimed)>, Refusal> {
        if let Peer::Certificate(identity) = peer
            && self.certificates.iter().any(|matcher| matcher.matches(identity))
        {
            return Ok(None);
        }
        match (&self.signatures, peer) {
            (Some(check), _) => {
                let claimed = Claimed::read(&head.headers, clock.now()).map_err(Refusal::Signature)?;
                let claimed = claimed.sent_to(&format!("{} {}", head.method, head.uri.path()));
                Ok(Some((check, claimed)))
            }
            (None, _) if self.certificates.is_empty() => Err(Refusal::NoPushes),
            (None, Peer::Certificate(_)) => Err(Refusal::WrongCertificate),
            (None, Peer::NoCertificate | Peer::Loopback) => Err(Refusal::NoCredentials),
        }
    }

    fn check_route(&self, method: &Method, path: &str) -> Result<(), Refusal> {
        let here: Vec<&Route> = self.routes.iter().filter(|route| fits(route.pattern, path)).collect();
        if here.is_empty() {
            return Err(Refusal::NoRoute);
        }
        if here.iter().any(|route| route.method == *method) {
            return Ok(());
        }
        let allow: Vec<&str> = here.iter().map(|route| route.method.as_str()).collect();
        Err(Refusal::NoMethod { allow: allow.join(", ") })
    }

    /// The refusal of a body that is too large, in the channel's own form.
    fn too_large(&self, mut raw: RawMessage, bytes_max: usize) -> PushReply {
        raw.body = Bytes::new();
        let message = Refusal::TooLarge { bytes_max }.message();
        let outcome = Outcome::Unreadable(vec![Fault::new(FaultCode::TooLarge, "", message)]);
        let reply = self.adapter.acknowledge(&raw, &outcome);
        PushReply { status: StatusCode::PAYLOAD_TOO_LARGE, ..reply }
    }
}

impl Gate {
    pub(super) fn new(
        http: &Http,
        channels: Vec<PushChannel>,
        admission: Admission,
        (taker, clock): (Arc<dyn PushTaker>, SharedClock),
    ) -> Gate {
        let doors = channels.into_iter().map(|channel| {
            let client = admission.client(&format!("channel:{}", channel.name), None);
            (channel.name.clone(), Door { channel, turns: Semaphore::new(http.pushes_per_channel), client })
        });
        let channels = doors.collect();
        let budget = Budget::new(http.bytes_in_flight_max);
        let (body_bytes_max, body_limit) = (http.body_bytes_max, http.body_limit);
        Gate { channels, admission, budget, body_bytes_max, body_limit, taker, clock }
    }

    /// Lets a push through to the taker, or says why not.
    pub(super) async fn pass(&self, peer: &Peer, request: Request) -> Result<PushReply, Refusal> {
        let (head, body) = request.into_parts();
        // As it came: what an adapter reads from the path it decodes itself.
        let path = head.uri.path().strip_prefix("/channels/").unwrap_or_default();
        let (name, _) = path.split_once('/').unwrap_or((path, ""));
        let path = path[name.len()..].trim_end_matches('/');
        let Some(Door { channel, turns, client }) = self.channels.get(name) else {
            discard(body, self.body_limit).await;
            return Err(Refusal::NoChannel);
        };
        let passed = channel
            .authenticate(peer, &head, &self.clock)
            .and_then(|signed| channel.check_route(&head.method, path).map(|()| signed))
            .and_then(|signed| Ok((signed, turns.try_acquire().map_err(|_| Refusal::TooMany)?)))
            // Asked before the body is read, taken after it: a sender that dawdles holds no place that others need.
            .and_then(|passed| self.admission.look(Place::People, *client).map(|()| passed).map_err(Refusal::from));
        let (signed, _turn) = match passed {
            Ok(passed) => passed,
            Err(refusal) => {
                tracing::info!(channel.name = name, refusal = refusal.code(), "a push was refused");
                discard(body, self.body_limit).await;
                return Err(refusal);
            }
        };
        let mut raw = self.message(&head, path);
        let mut held = self.budget.open(*client);
        raw.body = match self.read(&head, body, &mut held).await {
            Ok(body) => body,
            Err(Refusal::TooLarge { bytes_max }) => {
                tracing::info!(channel.name = name, refusal = "too_large", "a push was refused");
                return Ok(channel.too_large(raw, bytes_max));
            }
            Err(refusal) => {
                tracing::info!(channel.name = name, refusal = refusal.code(), "a push was refused");
                return Err(refusal);
            }
        };
        raw.received_at = self.clock.now();
        if let Some((check, claimed)) = &signed {
            check.verify(claimed, &raw.body, raw.received_at).map_err(|why| {
                tracing::info!(channel.name = name, refusal = Refusal::Signature(why).code(), "a push was refused");
                Refusal::Signature(why)
            })?;
        }
        crate::failpoint::at!("push.let_in");
        let reply = match self.admission.enter(Place::People, *client) {
            Ok(_place) => self.taker.take(name, raw).await,
            Err(no_room) => {
                signed.iter().for_each(|(check, claimed)| check.forget(claimed));
                return Err(no_room.into());
            }
        };
        crate::failpoint::at!("push.before_answer");
        // What was not taken may come again as it was.
        if let (true, Some((check, claimed))) = (is_not_taken(reply.status), &signed) {
            check.forget(claimed);
        }
        Ok(reply)
    }

    fn message(&self, head: &request::Parts, path: &str) -> RawMessage {
        let content_type = head.headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default();
        RawMessage {
            entrance: Entrance::Push,
            route: format!("{} {path}", head.method),
            content_type: String::from_utf8_lossy(content_type).into_owned(),
            received_at: self.clock.now(),
            body: Bytes::new(),
        }
    }

    /// The body, whole and within its limits. Room for what is announced is taken before it comes, so that no two wait for
    /// each other half read.
    async fn read(&self, head: &request::Parts, body: Body, held: &mut Held) -> Result<Bytes, Refusal> {
        let announced = head.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let bytes_max = self.body_bytes_max;
        if announced.is_some_and(|size: u64| size > bytes_max as u64) {
            discard(body, self.body_limit).await;
            return Err(Refusal::TooLarge { bytes_max });
        }
        if !held.grow_to(announced.and_then(|size| usize::try_from(size).ok()).unwrap_or_default()) {
            discard(body, self.body_limit).await;
            return Err(Refusal::TooMany);
        }
        let mut pieces = body.into_data_stream();
        let mut whole = BytesMut::new();
        let reading = async {
            while let Some(piece) = pieces.next().await {
                let piece = piece.map_err(|_| Refusal::Incomplete)?;
                if whole.len() + piece.len() > bytes_max {
                    return Err(Refusal::TooLarge { bytes_max });
                }
                // Of one that does not say how long it is, room is taken as it comes.
                if !held.grow_to(whole.len() + piece.len()) {
                    return Err(Refusal::TooMany);
                }
                whole.extend_from_slice(&piece);
            }
            Ok(())
        };
        let read = timeout(self.body_limit, reading).await.unwrap_or(Err(Refusal::Incomplete));
        match read {
            Ok(()) => Ok(whole.freeze()),
            Err(refusal) => {
                drop(whole);
                if matches!(refusal, Refusal::TooLarge { .. } | Refusal::TooMany) {
                    discard(Body::from_stream(pieces), self.body_limit).await;
                }
                Err(refusal)
            }
        }
    }
}

/// Reads what is left of a body and keeps nothing.
async fn discard(body: Body, limit: Duration) {
    let mut pieces = body.into_data_stream();
    let all = async {
        let mut size = 0;
        while let Some(Ok(piece)) = pieces.next().await {
            size += piece.len();
            if size > DISCARD_BYTES_MAX {
                return;
            }
        }
    };
    if timeout(limit, all).await.is_err() {
        tracing::debug!("a refused body did not end in time");
    }
}

/// Whether the answer tells the far side to send it again.
fn is_not_taken(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

/// Whether a path is of a pattern, in which `{…}` stands for one segment.
pub(crate) fn fits(pattern: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted == given => {}
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => {}
            _ => return false,
        }
    }
}
