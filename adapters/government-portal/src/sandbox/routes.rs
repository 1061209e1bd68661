//! The HTTP server: paths, the checks that every call passes, and the misbehaviour that it was told.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Form, Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, OriginalUri, Path, Query, Request, State as Shared},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    Portal,
    answer::{self, Names, Refusal, respond, wants_xml},
    codes, files, idempotency,
    listing::{Asked, List},
    protocol::{self, Call, Effect},
    state::State,
};

/// The largest body taken: an answer's file of 50 MB, the most that a portal is known to allow, and some room.
const BODY_BYTES_MAX: usize = 64 << 20;

/// The most items on a page.
const PAGE_SIZE_MAX: usize = 100;

type Portals = Shared<Arc<Portal>>;

pub(super) fn router(portal: Arc<Portal>) -> Router {
    let api = Router::new()
        .route("/pakn", get(petitions))
        .route("/pakn/{ma}", get(petition))
        .route("/pakn/{ma}/tep/{tep}", get(download).put(upload))
        .route("/pakn/{ma}/xac-nhan", post(confirm))
        .route("/pakn/{ma}/trang-thai", get(known).post(status))
        .route("/pakn/{ma}/chuyen", post(forward))
        .route("/pakn/{ma}/tra-loi", post(answered))
        .route("/danh-gia", get(ratings))
        .route("/danh-muc/{ten}", get(code_list))
        .layer(middleware::from_fn_with_state(portal.clone(), rim))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
    Router::new().route("/oauth2/token", post(token)).nest("/api/v1", api).with_state(portal)
}

/// What every call passes: who it is, which headers it carries, and how the portal misbehaves today.
async fn rim(Shared(portal): Portals, request: Request, next: Next) -> Response {
    let as_xml = wants_xml(request.headers());
    if !portal.door().admits(request.headers()) {
        let refusal = Refusal::new(401, "CHUA_XAC_THUC", "Mã truy cập không có, không đúng hoặc đã hết hạn", "");
        return respond(401, &refusal.document(), Names::ERROR, as_xml);
    }
    let (fate, slow_by, date) = {
        let mut state = portal.state();
        check_headers(&mut state, request.method(), request.headers());
        let mischief = state.mischief;
        (state.dice.call(&mischief), mischief.slow_by(), state.tick())
    };
    if fate.slow {
        tokio::time::sleep(slow_by).await;
    }
    if let Some(status) = fate.instead {
        return misbehaved(status, as_xml);
    }
    let mut response = next.run(request).await;
    if fate.error_afterwards {
        return misbehaved(500, as_xml);
    }
    // Where this is absent the HTTP server would put the machine's time, and no run would be like another.
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&date).ok();
    date.and_then(|date| date.parse().ok()).map(|date| response.headers_mut().insert(header::DATE, date));
    response
}

fn misbehaved(status: u16, as_xml: bool) -> Response {
    let refusal = Refusal::new(status, "HE_THONG_BAN", "Hệ thống bận, vui lòng thử lại sau", "");
    let mut response = respond(status, &refusal.document(), Names::ERROR, as_xml);
    if status != 500 {
        response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    }
    response
}

fn check_headers(state: &mut State, method: &Method, headers: &HeaderMap) {
    for name in ["x-request-id", "traceparent", "user-agent"] {
        if !headers.contains_key(name) {
            state.complain_once(&format!("{method}: a call came without {name}"));
        }
    }
}

async fn token(Shared(portal): Portals, headers: HeaderMap, Form(form): Form<HashMap<String, String>>) -> Response {
    let (status, document) = portal.door().token(&headers, &form);
    respond(status, &document, Names::REPLY, false)
}

/// Writes down a breach and answers it.
fn refuse(state: &mut State, about: &str, refusal: &Refusal, as_xml: bool) -> Response {
    if refusal.is_breach() {
        let field = if refusal.field.is_empty() { "" } else { " at " };
        state.complain(format!("{about}: {} {}{field}{}", refusal.status, refusal.message, refusal.field));
    }
    respond(refusal.status, &refusal.document(), Names::ERROR, as_xml)
}

async fn petitions(
    Shared(portal): Portals,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    if query.get("coQuan") != Some(&portal.settings.agency) {
        let refusal = Refusal::new(400, "SAI_CO_QUAN", "coQuan không phải mã định danh của cơ quan gọi", "coQuan");
        return refuse(&mut portal.state(), "GET pakn", &refusal, wants_xml(&headers));
    }
    list(&portal, &headers, &query, List::Petitions)
}

async fn ratings(
    Shared(portal): Portals,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    list(&portal, &headers, &query, List::Ratings)
}

fn list(portal: &Portal, headers: &HeaderMap, query: &HashMap<String, String>, list: List) -> Response {
    let as_xml = wants_xml(headers);
    let (about, names) = match list {
        List::Petitions => ("GET pakn", Names::PETITIONS),
        List::Ratings => ("GET danh-gia", Names::RATINGS),
    };
    let mut state = portal.state();
    match asked(query, list).and_then(|asked| state.page(&asked)) {
        Ok(page) => respond(200, &page, names, as_xml),
        Err(refusal) => refuse(&mut state, about, &refusal, as_xml),
    }
}

fn asked(query: &HashMap<String, String>, list: List) -> Result<Asked, Refusal> {
    let wrong = |field, message: &str| Refusal::new(400, "THAM_SO_KHONG_HOP_LE", message, field);
    let since = query.get("tuThoiDiem").and_then(|text| text.parse::<Timestamp>().ok());
    let since = since.ok_or_else(|| wrong("tuThoiDiem", "tuThoiDiem phải là thời điểm RFC 3339 có múi giờ"))?;
    let size = query.get("soLuong").map_or(Some(PAGE_SIZE_MAX), |text| text.parse().ok());
    let size = size.filter(|size| (1..=PAGE_SIZE_MAX).contains(size));
    let size = size.ok_or_else(|| wrong("soLuong", "soLuong phải từ 1 đến 100"))?;
    let token = query.get("conTro").filter(|token| !token.is_empty()).cloned();
    Ok(Asked { list, since, token, size })
}

async fn petition(Shared(portal): Portals, headers: HeaderMap, Path(ma): Path<String>) -> Response {
    let mut state = portal.state();
    let as_xml = wants_xml(&headers);
    match state.by_id.get(&ma).copied() {
        Some(index) => respond(200, &state.hand_out(index), Names::PETITION, as_xml),
        None => refuse(&mut state, "GET pakn/{ma}", &unknown(), as_xml),
    }
}

fn unknown() -> Refusal {
    Refusal::new(404, "KHONG_TIM_THAY", "Không có phản ánh, kiến nghị hoặc tệp này", "maPAKN")
}

async fn download(Shared(portal): Portals, headers: HeaderMap, Path((ma, tep)): Path<(String, String)>) -> Response {
    let mut state = portal.state();
    let case = state.by_id.get(&ma).map(|&index| &state.cases[index]);
    match case.and_then(|case| case.files.iter().find(|file| file.id == tep)) {
        Some(file) => files::respond(&headers, file, files::content(portal.settings.seed, &ma, file)),
        None => refuse(&mut state, "GET tep", &unknown(), wants_xml(&headers)),
    }
}

async fn upload(
    Shared(portal): Portals,
    headers: HeaderMap,
    Path((ma, sha256)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let as_xml = wants_xml(&headers);
    let right = hex::encode(Sha256::digest(&body)) == sha256;
    let mut state = portal.state();
    let about = format!("PUT {ma} tep");
    if !headers.contains_key("idempotency-key") {
        state.complain(format!("{about}: without Idempotency-Key"));
    }
    let Some(index) = state.by_id.get(&ma).copied() else { return refuse(&mut state, &about, &unknown(), as_xml) };
    if !right {
        let refusal = Refusal::new(422, "SAI_MA_BAM", "Nội dung tệp không khớp SHA-256", "sha256");
        return refuse(&mut state, &about, &refusal, as_xml);
    }
    let known = state.cases[index].uploads.insert(sha256.clone(), body.len()).is_some();
    respond(if known { 200 } else { 201 }, &json!({"sha256": sha256}), Names::REPLY, as_xml)
}

/// What the portal knows of one of our messages, by its key.
async fn known(Shared(portal): Portals, headers: HeaderMap, Path(ma): Path<String>) -> Response {
    let mut state = portal.state();
    let as_xml = wants_xml(&headers);
    let Some(index) = state.by_id.get(&ma).copied() else {
        return refuse(&mut state, "GET trang-thai", &unknown(), as_xml);
    };
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).unwrap_or("");
    let before = state.remembered.get(key).filter(|before| before.about == ma);
    let reference = before.map(|before| before.document["maThamChieu"].clone());
    let document = json!({
        "maPAKN": ma, "trangThai": state.cases[index].status, "daNhan": reference.is_some(), "maThamChieu": reference,
    });
    respond(200, &document, Names::REPLY, as_xml)
}

async fn code_list(Shared(portal): Portals, headers: HeaderMap, Path(ten): Path<String>) -> Response {
    let as_xml = wants_xml(&headers);
    let Some(list) = codes::list(&ten, &portal.settings.agency) else {
        return refuse(&mut portal.state(), "GET danh-muc", &unknown(), as_xml);
    };
    let document = json!({"danhSach": list});
    // The two syntaxes are two representations, so each has its own tag.
    let etag =
        format!("\"{}\"", idempotency::digest(if as_xml { "xml" } else { "json" }, document.to_string().as_bytes()));
    if headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()) == Some(etag.as_str()) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, etag)], Body::empty()).into_response();
    }
    ([(header::ETAG, etag)], respond(200, &document, Names::CODES, as_xml)).into_response()
}

macro_rules! calls {
    ($($handler:ident => $call:ident,)+) => {
        $(async fn $handler(
            Shared(portal): Portals,
            OriginalUri(uri): OriginalUri,
            headers: HeaderMap,
            Path(ma): Path<String>,
            body: Bytes,
        ) -> Response {
            told(&portal, uri.path(), &headers, &ma, Call::$call, &body)
        })+
    };
}

calls! {
    confirm => Confirm,
    status => Status,
    forward => Forward,
    answered => Answer,
}

/// One of the calls that carry a body: checked, carried out once, answered the same under the same key.
fn told(portal: &Portal, path: &str, headers: &HeaderMap, ma: &str, call: Call, body: &[u8]) -> Response {
    let as_xml = wants_xml(headers);
    let about = format!("POST {ma} {}", call.name());
    let mut state = portal.state();
    match carry_out(portal, &mut state, path, headers, ma, call, body) {
        Ok((status, document)) => respond(status, &document, Names::REPLY, as_xml),
        Err(refusal) => refuse(&mut state, &about, &refusal, as_xml),
    }
}

fn carry_out(
    portal: &Portal,
    state: &mut State,
    path: &str,
    headers: &HeaderMap,
    ma: &str,
    call: Call,
    body: &[u8],
) -> Result<(u16, Value), Refusal> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let key = header("idempotency-key");
    if key.is_empty() {
        return Err(Refusal::new(400, "THIEU_KHOA", "Thiếu Idempotency-Key", "Idempotency-Key"));
    }
    let digest = idempotency::digest(path, body);
    if let Some(before) = state.recall(key, &digest)? {
        return Ok((before.status, before.document));
    }
    let value = answer::read(header("content-type"), body)
        .ok_or_else(|| Refusal::new(400, "KHONG_DOC_DUOC", "Không đọc được nội dung", ""))?;
    let index = state.by_id.get(ma).copied().ok_or_else(unknown)?;
    let mut case = state.cases[index].clone();
    let effect = protocol::carry_out(&portal.settings, &mut case, call, &value)?;
    let reference = state.remembered.len() as u64 + 1;
    if state.dice.happens(state.mischief.drop_outbound_per_mille) {
        return Ok((200, protocol::said(&case, reference)));
    }
    state.cases[index] = case;
    match effect {
        Effect::None => {}
        Effect::Confirmed(petition_id) => state.confirmed(index, &petition_id),
        Effect::Asked => state.asked(index),
        Effect::Answered(at) => state.answered(index, at),
    }
    let document = protocol::said(&state.cases[index], reference);
    state.remember(key, digest, ma, 200, &document);
    Ok((200, document))
}
