//! The listener tried from outside, over real sockets and handshakes.

use std::{net::SocketAddr, path::Path, sync::Mutex};

use axum::http::HeaderMap;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Certificate, Client, Identity, Method};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
    task::JoinSet,
};

use super::*;
use crate::{
    admission::Place,
    clock::{Clock, ManualClock},
    config::{Config, Environment, tests::POSTBOX},
    grpc::Limits,
    security::{
        signature,
        throwaway::{Authority, Names},
    },
};

const SECRET: &str = "a secret of the two of us";

/// Takes everything, and notes it.
#[derive(Default)]
struct Taker {
    taken: Mutex<Vec<RawMessage>>,
    /// What it answers; 200 when none is set.
    status: Mutex<Option<StatusCode>>,
    /// Answers only once told to, when set.
    hold: Mutex<Option<Arc<Notify>>>,
    /// Signalled when a push has come in.
    entered: Notify,
}

#[async_trait]
impl PushTaker for Taker {
    async fn take(&self, channel: &str, raw: RawMessage) -> PushReply {
        self.entered.notify_one();
        let hold = self.hold.lock().unwrap().clone();
        if let Some(hold) = hold {
            hold.notified().await;
        }
        let body = format!("{channel}: {}", raw.route);
        self.taken.lock().unwrap().push(raw);
        let status = self.status.lock().unwrap().unwrap_or(StatusCode::OK);
        PushReply { status, headers: HeaderMap::new(), body: body.into() }
    }
}

struct World {
    folder: TempDir,
    address: SocketAddr,
    taker: Arc<Taker>,
    admission: Admission,
    clock: Arc<ManualClock>,
    ready: watch::Sender<bool>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// The authority of the far sides, their certificates, and one of another authority.
fn write_certificates(folder: &Path) {
    let loopback = [std::net::IpAddr::from([127, 0, 0, 1])];
    let (ours, other) = (Authority::new("ours").unwrap(), Authority::new("other").unwrap());
    std::fs::write(folder.join("ca.pem"), ours.pem()).unwrap();
    let names = |common_name| Names { common_name, ips: &loopback, ..Names::default() };
    ours.issue(&names("gateway")).unwrap().write(folder, "gateway").unwrap();
    ours.issue(&names("box")).unwrap().write(folder, "box").unwrap();
    ours.issue(&names("another box")).unwrap().write(folder, "another").unwrap();
    other.issue(&names("box")).unwrap().write(folder, "foreign").unwrap();
}

const TLS: &str =
    "[http.tls]\ncertificate_file = \"gateway.pem\"\nkey_file = \"gateway.key\"\nclient_ca_file = \"ca.pem\"\n";
const BY_SIGNATURE: &str = "push.hmac_secret_file = \"secret\"\n";
const BY_CERTIFICATE: &str = "push.client_certificates = [{ subject_cn = \"box\" }]\n";

impl World {
    async fn new(http: &str, push: &str) -> World {
        let folder = tempfile::tempdir().unwrap();
        write_certificates(folder.path());
        std::fs::write(folder.path().join("secret"), SECRET).unwrap();
        let channel =
            "[channels.box]\nkind = \"post-box\"\nbase_url = \"https://box.example.vn\"\nauth.type = \"none\"\n";
        let text = format!("{http}{channel}{push}");
        let config = Config::read("t.toml", folder.path(), &text, &Environment::empty(), &[POSTBOX]).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let clock = Arc::new(ManualClock::at("2019-12-06T09:00:00Z".parse().unwrap()));
        let (taker, stop, (ready, is_ready)) =
            (Arc::<Taker>::default(), CancellationToken::new(), watch::channel(true));
        let tls = config.http.listener.tls.clone().map(|files| Arc::new(ServerTls::load(files, &ALPN).unwrap()));
        let admission = Admission::new(&Limits::from(&config.grpc).rooms);
        let listen = Listen {
            listener,
            tls,
            channels: config.channels.iter().map(PushChannel::new).collect(),
            http: config.http,
            admission: admission.clone(),
            taker: taker.clone(),
            ready: is_ready,
            clock: clock.clone(),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(listen.run(stop.clone()));
        World { folder, address, taker, admission, clock, ready, stop, tasks }
    }

    fn client(&self, certificate: Option<&str>) -> Client {
        let file = |name: &str| std::fs::read(self.folder.path().join(name)).unwrap();
        let mut builder = Client::builder().tls_certs_only([Certificate::from_pem(&file("ca.pem")).unwrap()]);
        if let Some(name) = certificate {
            let pem = [file(&format!("{name}.key")), file(&format!("{name}.pem"))].concat();
            builder = builder.identity(Identity::from_pem(&pem).unwrap());
        }
        builder.build().unwrap()
    }

    /// A push over TLS with a certificate; status and body, or `None` when there is no connection.
    async fn push_with(&self, certificate: Option<&str>) -> Option<(u16, String)> {
        let request = self.client(certificate).post(format!("https://{}/channels/box/letters", self.address));
        let answer = request.body("xin chào").send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.unwrap()))
    }

    /// A push in plain text, signed with a secret at a time.
    async fn push_signed(&self, secret: &str, at: Timestamp, body: &str) -> (u16, String) {
        let (timestamp, signature) = signature::sign(&SecretString::from(secret), body.as_bytes(), at);
        let headers = [(signature::TIMESTAMP, timestamp), (signature::SIGNATURE, signature)];
        self.send(Method::POST, "/channels/box/letters", &headers, body.to_owned()).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, String)],
        body: impl Into<reqwest::Body>,
    ) -> (u16, String) {
        let mut request = Client::new().request(method, format!("http://{}{path}", self.address)).body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    fn taken(&self) -> usize {
        self.taker.taken.lock().unwrap().len()
    }
}

/// The code of a plain refusal.
fn code(answer: &(u16, String)) -> (u16, String) {
    let body: serde_json::Value = serde_json::from_str(&answer.1).unwrap();
    (answer.0, body["maLoi"].as_str().unwrap().to_owned())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn a_certificate_of_the_channel_is_let_in_and_no_other() {
    let world = World::new(TLS, BY_CERTIFICATE).await;
    assert_eq!(world.push_with(Some("box")).await, Some((200, "box: POST /letters".to_owned())));
    assert_eq!(code(&world.push_with(Some("another")).await.unwrap()), refused(403, "wrong_certificate"));
    assert_eq!(world.push_with(Some("foreign")).await, None);
    assert_eq!(world.push_with(None).await, None);
    assert_eq!(world.taken(), 1);
    let taken = world.taker.taken.lock().unwrap();
    assert_eq!((&taken[0].body[..], taken[0].received_at), ("xin chào".as_bytes(), world.clock.now()));
}

#[tokio::test]
async fn where_certificates_are_optional_a_signature_is_enough() {
    let http = format!("{TLS}client_certificates = \"optional\"\n");
    let world = World::new(&http, &format!("{BY_SIGNATURE}{BY_CERTIFICATE}")).await;
    assert_eq!(world.push_with(Some("box")).await.unwrap().0, 200);
    assert_eq!(code(&world.push_with(None).await.unwrap()), refused(401, "unauthenticated"));
    assert_eq!(world.push_with(Some("foreign")).await, None);
    let (timestamp, signature) = signature::sign(&SecretString::from(SECRET), b"signed", world.clock.now());
    let request = world.client(None).post(format!("https://{}/channels/box/letters", world.address)).body("signed");
    let request = request.header("X-Timestamp", timestamp).header("X-Signature", signature);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_signed_push_is_let_in_once_and_a_wrong_or_stale_one_never() {
    let world = World::new("", BY_SIGNATURE).await;
    let now = world.clock.now();
    assert_eq!(world.push_signed(SECRET, now, "one").await, (200, "box: POST /letters".to_owned()));
    assert_eq!(code(&world.push_signed(SECRET, now, "one").await), refused(401, "replayed"));
    assert_eq!(code(&world.push_signed("another secret", now, "two").await), refused(401, "wrong_signature"));
    let old = now - SignedDuration::from_mins(6);
    assert_eq!(code(&world.push_signed(SECRET, old, "three").await), refused(401, "stale_timestamp"));
    let unsigned = world.send(Method::POST, "/channels/box/letters", &[], "four").await;
    assert_eq!(code(&unsigned), refused(401, "unauthenticated"));
    assert_eq!(world.taken(), 1);
}

#[tokio::test]
async fn a_push_that_was_not_taken_may_come_again_as_it_was() {
    let world = World::new("", BY_SIGNATURE).await;
    *world.taker.status.lock().unwrap() = Some(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(world.push_signed(SECRET, world.clock.now(), "one").await.0, 503);
    *world.taker.status.lock().unwrap() = None;
    assert_eq!(world.push_signed(SECRET, world.clock.now(), "one").await.0, 200);
}

#[tokio::test]
async fn only_the_addresses_and_methods_of_the_channel_exist() {
    let world = World::new("", BY_SIGNATURE).await;
    let (timestamp, signature) = signature::sign(&SecretString::from(SECRET), b"", world.clock.now());
    let headers = [(signature::TIMESTAMP, timestamp), (signature::SIGNATURE, signature)];
    let send = async |method, path| world.send(method, path, &headers, "").await;
    assert_eq!(code(&send(Method::POST, "/channels/other/letters").await), refused(404, "unknown_channel"));
    assert_eq!(code(&send(Method::POST, "/channels/box/parcels").await), refused(404, "not_found"));
    assert_eq!(code(&send(Method::POST, "/elsewhere").await), refused(404, "not_found"));
    assert_eq!(code(&send(Method::GET, "/channels/box/letters").await), refused(405, "method_not_allowed"));
    assert_eq!(code(&send(Method::PUT, "/channels/box/letters//text").await), refused(404, "not_found"));
    assert_eq!(send(Method::POST, "/channels/box/letters/").await.1, "box: POST /letters");
    world.clock.advance(SignedDuration::from_secs(1));
    let (timestamp, signature) = signature::sign(&SecretString::from(SECRET), b"", world.clock.now());
    let headers = [(signature::TIMESTAMP, timestamp), (signature::SIGNATURE, signature)];
    let send = async |method, path| world.send(method, path, &headers, "").await;
    assert_eq!(send(Method::PUT, "/channels/box/letters/a%2Fb/text").await.1, "box: PUT /letters/a%2Fb/text");
}

#[tokio::test]
async fn a_channel_that_is_only_pulled_takes_no_push() {
    let world = World::new("", "").await;
    let answer = world.push_signed(SECRET, world.clock.now(), "one").await;
    assert_eq!(code(&answer), refused(403, "pushes_not_accepted"));
}

#[tokio::test]
async fn a_body_of_50_mb_is_refused_in_the_channels_own_form() {
    let world = World::new("[http.limits]\nbody_bytes_max = 1_000_000\n", BY_SIGNATURE).await;
    let (timestamp, signature) = signature::sign(&SecretString::from(SECRET), b"", world.clock.now());
    let headers = [(signature::TIMESTAMP, timestamp), (signature::SIGNATURE, signature)];
    let expected = (413, "POST /letters: too_large".to_owned());
    let told = world.send(Method::POST, "/channels/box/letters", &headers, vec![0_u8; 50_000_000]).await;
    assert_eq!(told, expected);
    let pieces = (0..50).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(&[0; 1_000_000])));
    let untold = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
    assert_eq!(world.send(Method::POST, "/channels/box/letters", &headers, untold).await, expected);
    assert_eq!(world.taken(), 0);
}

#[tokio::test]
async fn whoever_dawdles_is_cut() {
    let world = World::new("[http.limits]\nheader_seconds = 1\nbody_seconds = 1\n", BY_SIGNATURE).await;
    let ended = async |sent: &str| {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let reading = tokio::time::timeout(Duration::from_secs(5), stream.read_to_string(&mut answer));
        reading.await.expect("the connection was cut").unwrap();
        answer
    };
    let (timestamp, signature) = signature::sign(&SecretString::from(SECRET), b"", world.clock.now());
    let slow_body = format!(
        "POST /channels/box/letters HTTP/1.1\r\nHost: x\r\nX-Timestamp: {timestamp}\r\nX-Signature: {signature}\r\n\
         Content-Length: 100\r\n\r\nabc"
    );
    let (silent, one_letter, headers, body) = tokio::join!(
        ended(""),
        ended("P"),
        ended("POST /channels/box/letters HTTP/1.1\r\nHost: x\r\nX-"),
        ended(&slow_body)
    );
    assert_eq!((silent.as_str(), one_letter.as_str()), ("", ""));
    assert!(headers.is_empty() || headers.starts_with("HTTP/1.1 408"), "{headers}");
    assert!(body.starts_with("HTTP/1.1 408"), "{body}");
}

#[tokio::test]
async fn a_channel_has_only_so_many_turns() {
    let world = World::new("[http.limits]\npushes_per_channel = 1\n", BY_SIGNATURE).await;
    let hold = Arc::new(Notify::new());
    *world.taker.hold.lock().unwrap() = Some(hold.clone());
    let first = world.push_signed(SECRET, world.clock.now(), "one");
    let second = async {
        world.taker.entered.notified().await;
        let answer = world.push_signed(SECRET, world.clock.now(), "two").await;
        hold.notify_one();
        answer
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!((first.0, code(&second)), (200, refused(429, "too_many_requests")));
}

#[tokio::test]
async fn in_an_overload_pushes_are_told_when_to_come_again_and_may_come_as_they_were() {
    let world = World::new("[grpc.limits]\ncalls_max = 16\n", BY_SIGNATURE).await;
    let others: Vec<_> = (0..).map_while(|client| world.admission.enter(Place::People, client).ok()).collect();
    assert_eq!(others.len(), 16);
    let (timestamp, signature) = signature::sign(&SecretString::from(SECRET), b"one", world.clock.now());
    let request = Client::new().post(format!("http://{}/channels/box/letters", world.address)).body("one");
    let request = request.header(signature::TIMESTAMP, timestamp).header(signature::SIGNATURE, signature);
    let answer = request.try_clone().unwrap().send().await.unwrap();
    let seconds: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=8).contains(&seconds), "{seconds}");
    let told = (answer.status().as_u16(), answer.text().await.unwrap());
    assert_eq!((code(&told), world.taken()), (refused(429, "overloaded"), 0));
    assert_eq!(world.send(Method::GET, "/healthz", &[], "").await.0, 200);
    drop(others);
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!((world.taken(), world.admission.taken(Place::People)), (1, 0));
}

#[tokio::test]
async fn bodies_have_only_so_much_room_together_and_give_it_back() {
    let http = "[http.limits]\nbody_bytes_max = 1_024\nbytes_in_flight_max = 3_000\n";
    let world = World::new(http, BY_SIGNATURE).await;
    let hold = Arc::new(Notify::new());
    *world.taker.hold.lock().unwrap() = Some(hold.clone());
    let body = |letter: &str| letter.repeat(1_000);
    let (a, b, c) = (body("a"), body("b"), body("c"));
    let first = world.push_signed(SECRET, world.clock.now(), &a);
    let second = world.push_signed(SECRET, world.clock.now(), &b);
    let third = async {
        for _ in 0..2 {
            world.taker.entered.notified().await;
        }
        let answer = world.push_signed(SECRET, world.clock.now(), &c).await;
        hold.notify_waiters();
        answer
    };
    let (first, second, third) = tokio::join!(first, second, third);
    assert_eq!((first.0, second.0, code(&third)), (200, 200, refused(429, "too_many_requests")));
    *world.taker.hold.lock().unwrap() = None;
    assert_eq!(world.push_signed(SECRET, world.clock.now(), &c).await.0, 200);
}

#[tokio::test]
async fn a_stop_lets_what_is_under_way_end() {
    let mut world = World::new("", BY_SIGNATURE).await;
    let hold = Arc::new(Notify::new());
    *world.taker.hold.lock().unwrap() = Some(hold.clone());
    let (stop, address) = (world.stop.clone(), world.address);
    let push = world.push_signed(SECRET, world.clock.now(), "one");
    let stopping = async {
        world.taker.entered.notified().await;
        stop.cancel();
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        hold.notify_one();
    };
    let (answer, ()) = tokio::join!(push, stopping);
    assert_eq!(answer.0, 200);
    world.tasks.join_next().await.unwrap().unwrap();
}

#[tokio::test]
async fn health_is_told_to_everybody_and_readiness_changes() {
    let world = World::new("", "").await;
    let get = async |path| world.send(Method::GET, path, &[], "").await.0;
    assert_eq!((get("/healthz").await, get("/readyz").await), (200, 200));
    world.ready.send(false).unwrap();
    assert_eq!((get("/healthz").await, get("/readyz").await), (200, 503));
}

#[tokio::test]
async fn a_changed_certificate_is_used_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    write_certificates(folder.path());
    let path = |name: &str| folder.path().join(name);
    let files = crate::security::TlsFiles {
        certificate: path("gateway.pem"),
        key: path("gateway.key"),
        client_ca: Some(path("ca.pem")),
        client_certificates: crate::security::ClientCertificates::Required,
    };
    let tls = ServerTls::load(files, &ALPN).unwrap();
    let before = tls.current();
    assert!(!tls.reload().unwrap());
    std::fs::copy(path("box.pem"), path("gateway.pem")).unwrap();
    assert_eq!(tls.reload().unwrap_err().key(), "key_file");
    assert!(Arc::ptr_eq(&before, &tls.current()));
    std::fs::copy(path("box.key"), path("gateway.key")).unwrap();
    assert!(tls.reload().unwrap());
    assert!(!Arc::ptr_eq(&before, &tls.current()));
}
