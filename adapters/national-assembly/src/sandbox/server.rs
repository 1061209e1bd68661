//! The Assembly's system on the wire: routes, tokens, replies, and the mischief that it was told to make.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Form, Query, Request, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use channel_sdk::tree::Node;
use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};

use super::{
    Sandbox, batch,
    book::{self, Refusal, refusal},
    catalogue::{SESSION, TERM},
    search,
};
use crate::multipart::{self, Related};

/// An answer with its files; the ministry's own limit is lower.
const BODY_BYTES_MAX: usize = 64 << 20;

/// Calls that one token is good for, so that clients meet a token that ended.
const TOKEN_CALLS_MAX: u32 = 1_000;

/// A key is a UUID or something like it.
const KEY_BYTES_MAX: usize = 200;

type Reply = Result<Response, Refusal>;

/// Every route, behind the token and the mischief.
pub(super) fn router(sandbox: Arc<Sandbox>) -> Router {
    Router::new()
        .route("/kien-nghi", get(pulled))
        .route("/kien-nghi/xac-nhan", post(confirmed))
        .route("/tra-loi", post(answered))
        .route("/bao-cao", post(reported))
        .route("/api/RequestOut/PublishUserSearch", post(search::published))
        .route("/api/RequestOut/getDropDownDataSearchOutView", get(search::fields).post(search::fields))
        .route("/Upload/KienNghi/{ma}/{ten}", get(search::file))
        .layer(middleware::from_fn_with_state(sandbox.clone(), misbehaving))
        .layer(middleware::from_fn_with_state(sandbox.clone(), authorised))
        .route("/oauth2/token", post(token))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(sandbox)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let loi = Node::leaf("Loi", self.words).with_attribute("ma", self.code).with_attribute("phanTu", self.place);
        xml(self.status, loi)
    }
}

fn xml(status: StatusCode, root: Node) -> Response {
    (status, [(header::CONTENT_TYPE, "application/xml; charset=utf-8")], batch::document(root)).into_response()
}

/// `POST /oauth2/token`: client credentials in the form or in a Basic header.
async fn token(
    State(sandbox): State<Arc<Sandbox>>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let json = |status, body: String| (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
    let mut state = sandbox.state();
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    if field("grant_type") != "client_credentials" {
        return json(StatusCode::BAD_REQUEST, r#"{"error":"unsupported_grant_type"}"#.to_owned());
    }
    let good = state.settings.credentials.as_ref().is_none_or(|wanted| {
        let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", wanted.id, wanted.secret)));
        let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        sent == Some(basic.as_str()) || (field("client_id") == wanted.id && field("client_secret") == wanted.secret)
    });
    if !good {
        state.complain("oauth2/token: wrong client credentials");
        return json(StatusCode::UNAUTHORIZED, r#"{"error":"invalid_client"}"#.to_owned());
    }
    let token = state.token();
    state.tokens.insert(token.clone(), TOKEN_CALLS_MAX);
    json(StatusCode::OK, format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":3600}}"#))
}

async fn authorised(State(sandbox): State<Arc<Sandbox>>, request: Request, next: Next) -> Response {
    let admitted = {
        let mut state = sandbox.state();
        let bearer = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = bearer.and_then(|value| value.strip_prefix("Bearer "));
        state.settings.credentials.is_none()
            || token.and_then(|token| state.tokens.get_mut(token)).is_some_and(|left| {
                *left = left.saturating_sub(1);
                *left > 0
            })
    };
    if admitted {
        return next.run(request).await;
    }
    refusal(401, "chua-xac-thuc", "Authorization", "thiếu mã truy cập, hoặc mã đã hết hạn").into_response()
}

/// Slow, failing before or after the work is done, or asking for patience.
async fn misbehaving(State(sandbox): State<Arc<Sandbox>>, request: Request, next: Next) -> Response {
    let (fate, slow_by) = {
        let mut state = sandbox.state();
        (state.fate(), state.mischief().slow_by())
    };
    if fate.slow {
        tokio::time::sleep(slow_by).await;
    }
    let refused = |status| refusal(status, "ban", "", "máy chủ đang bận, xin thử lại").into_response();
    match fate.instead {
        Some(500) => return refused(500),
        Some(status) => return ([(header::RETRY_AFTER, "1")], refused(status)).into_response(),
        None => {}
    }
    let reply = next.run(request).await;
    if fate.error_afterwards { refused(500) } else { reply }
}

/// `GET /kien-nghi?khoa=&kyHop=&tuThoiDiem=`, or with `ma` for one petition.
async fn pulled(State(sandbox): State<Arc<Sandbox>>, Query(query): Query<HashMap<String, String>>) -> Reply {
    let mut state = sandbox.state();
    let filter = |name: &str| query.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let since = filter("tuThoiDiem").map(str::parse::<Timestamp>).transpose();
    let Ok(since) = since else {
        state.complain("kien-nghi: tuThoiDiem is no time");
        return Err(refusal(400, "sai-dinh-dang", "tuThoiDiem", "phải theo RFC 3339"));
    };
    let session = SESSION.to_string();
    let wanted = filter("khoa").is_none_or(|term| term == TERM) && filter("kyHop").is_none_or(|it| it == session);
    let sent = match (filter("ma"), since) {
        (Some(id), _) => state.one(id).ok_or_else(|| refusal(404, "khong-ton-tai", "ma", "không có kiến nghị này"))?,
        (None, Some(since)) if wanted && since <= state.archive_until() => state.archived(),
        (None, since) => state.pulled(since, wanted),
    };
    // The far side's own clock: whoever asks "since" must not compare it with another one.
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&state.clock).unwrap_or_default();
    Ok(([(header::CONTENT_TYPE, sent.content_type), (header::DATE, date)], sent.body).into_response())
}

async fn confirmed(State(sandbox): State<Arc<Sandbox>>, headers: HeaderMap, body: Bytes) -> Reply {
    let mut state = sandbox.state();
    let outcome = read(&headers, body).and_then(|message| {
        let document = book::document(&message.root, "XacNhanKienNghi")?;
        state.confirm(&document)
    });
    outcome.inspect_err(|it| log(&mut state, "xac-nhan", it))?;
    Ok(xml(StatusCode::OK, Node::leaf("DaXacNhan", "")))
}

async fn answered(State(sandbox): State<Arc<Sandbox>>, headers: HeaderMap, body: Bytes) -> Reply {
    let mut state = sandbox.state();
    let outcome = key(&headers).and_then(|key| {
        let message = read(&headers, body)?;
        let document = book::document(&message.root, "TraLoiKienNghi")?;
        state.answer(&key, &message, &document)
    });
    let reference = outcome.inspect_err(|it| log(&mut state, "tra-loi", it))?;
    Ok(xml(StatusCode::OK, Node::leaf("DaNhanTraLoi", "").with_attribute("thamChieu", reference)))
}

async fn reported(State(sandbox): State<Arc<Sandbox>>, headers: HeaderMap, body: Bytes) -> Reply {
    let mut state = sandbox.state();
    let outcome = key(&headers).and_then(|_| {
        let message = read(&headers, body)?;
        super::state::State::report(&book::document(&message.root, "BaoCaoKienNghi")?)
    });
    outcome.inspect_err(|it| log(&mut state, "bao-cao", it))?;
    Ok(xml(StatusCode::OK, Node::leaf("DaNhanBaoCao", "")))
}

/// Remembers a breach. "I have this already" is the answer to a retry and none.
fn log(state: &mut super::state::State, call: &str, refusal: &Refusal) {
    if refusal.status != StatusCode::CONFLICT {
        state.complain(format!("{call}: {} {}: {}", refusal.status.as_u16(), refusal.code, refusal.place));
    }
}

fn key(headers: &HeaderMap) -> Result<String, Refusal> {
    let name = HeaderName::from_static("idempotency-key");
    let key = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(refusal(400, "thieu", "Idempotency-Key", "mỗi yêu cầu phải có khóa"));
    }
    Ok(key.to_owned())
}

/// The document, and the files that came with it.
fn read(headers: &HeaderMap, body: Bytes) -> Result<Related, Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    if multipart::is_related(content_type) {
        return multipart::read(content_type, &body)
            .map_err(|_| refusal(400, "sai-cu-phap", "multipart", "không đọc được thông điệp nhiều phần"));
    }
    if matches!(multipart::essence(content_type), "application/xml" | "text/xml") {
        return Ok(Related { root: body, files: Vec::new() });
    }
    Err(refusal(415, "sai-kieu", "Content-Type", "phải là application/xml hoặc multipart/related"))
}
