//! The far side as a real server on loopback, in plain text and over TLS.

use std::{
    io,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use axum::{
    Router,
    body::Bytes as BodyBytes,
    extract::{Request as Arrived, State},
    http::{Method, header},
    response::IntoResponse,
    routing::{any, get, post},
};
use channel_sdk::remote::{Body, Part};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, net::TcpListener, task::JoinSet};

use super::*;
use crate::{
    clock::ManualClock,
    config::{Config, Environment, tests::POSTBOX},
    security::{ClientCertificates, Incoming, ServerTls, TlsFiles, throwaway},
};

/// What a far side saw: the head of a request in words, and its body.
type Seen = Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>;

struct World {
    folder: TempDir,
    blobs: Blobs,
    clock: Arc<ManualClock>,
    tasks: JoinSet<()>,
}

impl World {
    async fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path().join("blobs"), 1_000_000).await.unwrap();
        let clock = Arc::new(ManualClock::at("2019-12-06T09:00:00Z".parse().unwrap()));
        std::fs::write(folder.path().join("secret"), "a secret of the two of us").unwrap();
        World { folder, blobs, clock, tasks: JoinSet::new() }
    }

    /// Runs a far side; its base address.
    async fn run(&mut self, router: Router) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        self.tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        format!("http://{address}")
    }

    fn remote(&self, base: &str, more: &str) -> HttpRemote {
        let text = format!("[channels.box]\nkind = \"post-box\"\nbase_url = \"{base}\"\n{more}");
        let config = Config::read("t.toml", self.folder.path(), &text, &Environment::empty(), &[POSTBOX]).unwrap();
        HttpRemote::new(&config.channels[0], self.blobs.clone(), self.clock.clone()).unwrap()
    }
}

const NO_AUTH: &str = "auth.type = \"none\"\n";
const OAUTH: &str = "auth = { type = \"oauth2\", client_id = \"us\", client_secret_file = \"secret\" }\n";

/// A far side that notes what it is sent and says 200.
fn notebook() -> (Router, Seen) {
    let seen = Seen::default();
    let note = |State(seen): State<Seen>, request: Arrived| async move {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        seen.lock().unwrap().push((format!("{} {}", head.method, head.uri), head.headers, body));
        "noted"
    };
    (Router::new().fallback(any(note)).with_state(seen.clone()), seen)
}

#[tokio::test]
async fn a_call_says_which_it_is_and_who_we_are() {
    let mut world = World::new().await;
    let (router, seen) = notebook();
    let base = world.run(router).await;
    let remote = world
        .remote(&format!("{base}/far/"), "auth = { type = \"basic\", user = \"us\", password_file = \"secret\" }\n");
    let request = Request::new(Method::POST, "/pakn/PAKN%2F1")
        .query("conTro", "a&b c")
        .bytes("text/plain", "xin chào")
        .key("d-1");
    let reply = remote.call(request).await.unwrap();
    assert_eq!((reply.status, &reply.body[..]), (StatusCode::OK, &b"noted"[..]));

    let (head, headers, body) = seen.lock().unwrap().remove(0);
    assert_eq!(head, "POST /far/pakn/PAKN%2F1?conTro=a%26b+c");
    assert_eq!(body, "xin chào");
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("authorization"), "Basic dXM6YSBzZWNyZXQgb2YgdGhlIHR3byBvZiB1cw==");
    assert_eq!(header("idempotency-key"), "d-1");
    assert_eq!(header("content-length"), "9");
    assert!(header("user-agent").starts_with("petition-gateway/"));
    assert_eq!(Uuid::parse_str(&header("x-request-id")).unwrap().get_version_num(), 7);
    assert_eq!(header("traceparent").split('-').map(str::len).collect::<Vec<_>>(), [2, 32, 16, 2]);
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_renewed_before_its_end_or_when_it_is_refused() {
    let mut world = World::new().await;
    let (asked, refuse) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let token = {
        let asked = asked.clone();
        post(move |form: String| async move {
            assert_eq!(form, "grant_type=client_credentials&client_id=us&client_secret=a+secret+of+the+two+of+us");
            let number = asked.fetch_add(1, Ordering::SeqCst);
            format!("{{\"access_token\":\"t{number}\",\"expires_in\":\"600\"}}")
        })
    };
    let call = {
        let refuse = refuse.clone();
        get(move |headers: HeaderMap| async move {
            let is_refused =
                refuse.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
            let status = if is_refused { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
            (status, headers["authorization"].to_str().unwrap().to_owned())
        })
    };
    let base = world.run(Router::new().route("/oauth2/token", token).route("/x", call)).await;
    let remote = world.remote(&base, OAUTH);
    let body = async || remote.call(Request::get("/x")).await.map(|reply| reply.body);

    let (one, two) = tokio::join!(body(), body());
    assert_eq!((one.unwrap(), two.unwrap()), ("Bearer t0".into(), "Bearer t0".into()));
    refuse.store(1, Ordering::SeqCst);
    assert_eq!(body().await.unwrap(), "Bearer t1");
    world.clock.advance(jiff::SignedDuration::from_secs(541));
    assert_eq!(body().await.unwrap(), "Bearer t2");
    refuse.store(2, Ordering::SeqCst);
    assert_eq!(body().await, Err(RemoteError::Credentials("HTTP 401".to_owned())));
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn without_a_token_the_call_does_not_leave() {
    let mut world = World::new().await;
    for (status, expected) in [
        (StatusCode::UNAUTHORIZED, RemoteError::Credentials("no token was given: HTTP 401".to_owned())),
        (StatusCode::BAD_GATEWAY, RemoteError::Unreachable("no token came: HTTP 502".to_owned())),
    ] {
        let base = world.run(Router::new().route("/oauth2/token", post(move || async move { status }))).await;
        assert_eq!(world.remote(&base, OAUTH).call(Request::get("/x")).await.unwrap_err(), expected);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_a_date_to_come_back_is_told_in_seconds() {
    let mut world = World::new().await;
    let moved = get(|| async { (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]) });
    let later =
        get(|| async { (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "Fri, 06 Dec 2019 09:02:00 GMT")]) });
    let base = world.run(Router::new().route("/moved", moved).route("/later", later)).await;
    let remote = world.remote(&base, NO_AUTH);
    assert_eq!(remote.call(Request::get("/moved")).await.unwrap().status, StatusCode::FOUND);
    let reply = remote.call(Request::get("/later")).await.unwrap();
    assert_eq!(reply.retry_after(), Some(Duration::from_secs(120)));
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_refused_whether_it_tells_its_size_or_not() {
    let mut world = World::new().await;
    let told = get(|| async { vec![0_u8; 5000] });
    let untold = get(|| async {
        let pieces = (0..5).map(|_| Ok::<_, io::Error>(BodyBytes::from(vec![0_u8; 1000])));
        axum::body::Body::from_stream(stream::iter(pieces)).into_response()
    });
    let base = world.run(Router::new().route("/told", told).route("/untold", untold)).await;
    let remote = world.remote(&base, &format!("{NO_AUTH}limits.reply_bytes_max = 4096\n"));
    for path in ["/told", "/untold"] {
        assert_eq!(remote.call(Request::get(path)).await.unwrap_err(), RemoteError::TooLarge { bytes_max: 4096 });
    }
}

#[tokio::test]
async fn what_cannot_have_left_is_told_from_what_may_have_arrived() {
    let mut world = World::new().await;
    let slow = get(|| async { tokio::time::sleep(Duration::from_secs(60)).await });
    let base = world.run(Router::new().route("/slow", slow)).await;
    let remote = world.remote(&base, &format!("{NO_AUTH}limits.timeout_seconds = 1\n"));
    assert_eq!(remote.call(Request::get("/slow")).await.unwrap_err(), RemoteError::NoAnswer("time-out".to_owned()));

    // A port that nobody listens on: bound and let go.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refused = world.remote(&format!("http://{free}"), NO_AUTH).call(Request::get("/x")).await.unwrap_err();
    assert_eq!(refused, RemoteError::Unreachable("connection refused".to_owned()));

    // Somebody who hangs up in the middle of an answer.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    world.tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").await.unwrap();
    });
    let broken = world.remote(&base, NO_AUTH).call(Request::get("/x?secret=1")).await.unwrap_err();
    assert!(matches!(&broken, RemoteError::NoAnswer(text) if !text.contains("secret")), "{broken:?}");
}

#[tokio::test]
async fn files_are_streamed_alone_or_as_parts_and_can_be_signed() {
    let mut world = World::new().await;
    let (router, seen) = notebook();
    let base = world.run(router).await;
    let remote = world.remote(&base, "auth = { type = \"hmac\", secret_file = \"secret\" }\n");
    let file = world.blobs.put_bytes(Bytes::from_static(b"%PDF the file")).await.unwrap();
    let blob = |content_type: &str| Body::Blob { content_type: content_type.to_owned(), sha256: file.sha256.clone() };

    let mut request = Request::new(Method::PUT, "/tep");
    request.body = blob("bad\r\ntype");
    remote.call(request).await.unwrap();
    let root = Body::Bytes { content_type: "application/xml; charset=utf-8".to_owned(), bytes: "<TraLoi/>".into() };
    let mut request = Request::new(Method::POST, "/tra-loi");
    request.body = Body::Related(vec![
        Part { content_id: "root".to_owned(), body: root },
        Part { content_id: "1".to_owned(), body: blob("application/pdf") },
    ]);
    remote.call(request).await.unwrap();

    let seen = seen.lock().unwrap();
    let (_, headers, body) = &seen[0];
    assert_eq!(
        (&headers["content-type"], &body[..]),
        (&HeaderValue::from_static("application/octet-stream"), &b"%PDF the file"[..])
    );
    let (_, headers, body) = &seen[1];
    let content_type = headers["content-type"].to_str().unwrap();
    let boundary = content_type.split('"').nth(1).unwrap();
    let expected_type =
        format!("multipart/related; boundary=\"{boundary}\"; type=\"application/xml\"; start=\"<root>\"");
    assert_eq!(content_type, expected_type);
    let expected = format!(
        "--{boundary}\r\nContent-Type: application/xml; charset=utf-8\r\nContent-ID: <root>\r\n\
         Content-Transfer-Encoding: binary\r\n\r\n<TraLoi/>\r\n--{boundary}\r\nContent-Type: application/pdf\r\n\
         Content-ID: <1>\r\nContent-Transfer-Encoding: binary\r\n\r\n%PDF the file\r\n--{boundary}--\r\n"
    );
    assert_eq!(std::str::from_utf8(body).unwrap(), expected);
    assert_eq!(headers["content-length"], body.len().to_string());
    let check = signature::SignatureCheck::new("a secret of the two of us".into());
    let now = crate::clock::Clock::now(&*world.clock);
    check.verify(&signature::Claimed::read(headers, now).unwrap(), body, now).unwrap();
}

#[tokio::test]
async fn what_cannot_be_sent_is_said_before_anything_leaves() {
    let world = World::new().await;
    let remote = world.remote("http://127.0.0.1:9", NO_AUTH);
    let mut missing = Request::new(Method::PUT, "/tep");
    missing.body = Body::Blob { content_type: "text/plain".to_owned(), sha256: "0".repeat(64) };
    let mut broken = Request::new(Method::POST, "/tra-loi");
    let part = Body::Bytes { content_type: "text/plain".to_owned(), bytes: Bytes::new() };
    broken.body = Body::Related(vec![Part { content_id: "a>\r\nX: y".to_owned(), body: part }]);
    for request in [missing, broken] {
        assert!(matches!(remote.call(request).await, Err(RemoteError::Blob(_))));
    }
}

#[tokio::test]
async fn a_download_goes_into_the_blob_store_within_its_limit() {
    let mut world = World::new().await;
    let file = get(|| async { ([(header::CONTENT_TYPE, "application/pdf")], vec![7_u8; 300_000]) });
    let large = get(|| async { vec![7_u8; 1_000_001] });
    let base = world.run(Router::new().route("/file", file).route("/large", large)).await;
    let remote = world.remote(&base, NO_AUTH);
    let fetched = remote.download(Request::get("/file")).await.unwrap();
    assert_eq!((fetched.size_bytes, fetched.media_type.as_str()), (300_000, "application/pdf"));
    assert_eq!(world.blobs.stat(&fetched.sha256).await.unwrap(), Some(300_000));
    assert_eq!(remote.download(Request::get("/large")).await, Err(RemoteError::TooLarge { bytes_max: 1_000_000 }));
    assert_eq!(remote.download(Request::get("/none")).await, Err(RemoteError::Status(404)));
}

#[tokio::test]
async fn over_tls_the_far_side_is_verified_and_sees_our_certificate() {
    let mut world = World::new().await;
    let authority = throwaway::Authority::new("far CA").unwrap();
    let server = throwaway::Names { common_name: "far", dns: &["localhost"], ..throwaway::Names::default() };
    let client = throwaway::Names { common_name: "gateway", ..throwaway::Names::default() };
    let folder = world.folder.path().to_owned();
    authority.issue(&server).unwrap().write(&folder, "far").unwrap();
    authority.issue(&client).unwrap().write(&folder, "us").unwrap();
    std::fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    let files = TlsFiles {
        certificate: folder.join("far.pem"),
        key: folder.join("far.key"),
        client_ca: Some(folder.join("ca.pem")),
        client_certificates: ClientCertificates::Required,
    };
    let tls = Arc::new(ServerTls::load(files, &["http/1.1"]).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    world.tasks.spawn(async move {
        let mut incoming = Incoming::new(listener, Some(tls), 10);
        loop {
            let mut connection = incoming.next().await;
            let crate::security::Peer::Certificate(identity) = connection.peer().clone() else {
                panic!("no certificate")
            };
            let name = &identity.subject_cn[0];
            let answer =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{name}", name.len());
            connection.write_all(answer.as_bytes()).await.unwrap();
            connection.shutdown().await.unwrap();
        }
    });
    let base = format!("https://localhost:{port}");
    let mtls = "auth = { type = \"mtls\", certificate_file = \"us.pem\", key_file = \"us.key\" }\n";
    let known = world.remote(&base, &format!("{mtls}tls.ca_file = \"ca.pem\"\n"));
    assert_eq!(known.call(Request::get("/")).await.unwrap().body, "gateway");
    let other = throwaway::Authority::new("another CA").unwrap();
    std::fs::write(folder.join("other.pem"), other.pem()).unwrap();
    let unknown = world.remote(&base, &format!("{mtls}tls.ca_file = \"other.pem\"\n"));
    let error = unknown.call(Request::get("/")).await.unwrap_err();
    assert!(
        matches!(&error, RemoteError::Unreachable(text) if text.starts_with("TLS: invalid peer certificate")),
        "{error:?}"
    );
}
