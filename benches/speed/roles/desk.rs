//! The far side of S4: a portal's desk that hands out petitions and answers every call at once, keeping nothing but what
//! shows whether each petition's calls came in order.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    routing::{get, post},
};
use serde_json::{Value, json};

/// Petitions on a page.
const PAGE: u64 = 100;
/// Calls whose path and body are kept, for the reference to send again.
const KEPT_MAX: usize = 20_000;

/// What came.
#[derive(Default)]
struct Desk {
    /// How many petitions wait here.
    petitions: u64,
    /// Answers (`tra-loi`) that came, and calls of all kinds.
    answers: u64,
    calls: u64,
    /// Answers that came before the acceptance of their petition.
    out_of_order: u64,
    accepted: HashMap<String, ()>,
    kept: Vec<(String, String)>,
}

type Shared = State<Arc<Mutex<Desk>>>;

pub(super) async fn run() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    let router = Router::new()
        .route("/api/v1/pakn", get(page))
        .route("/api/v1/pakn/{ma}/{call}", post(told))
        .route("/bench/have/{count}", post(have))
        .route("/bench/came", get(came))
        .route("/bench/kept", get(kept))
        .with_state(Arc::default());
    axum::serve(listener, router).await.unwrap();
}

async fn have(State(desk): Shared, Path(count): Path<u64>) {
    *desk.lock().unwrap() = Desk { petitions: count, ..Desk::default() };
}

async fn page(State(desk): Shared, Query(query): Query<HashMap<String, String>>) -> Json<Value> {
    let all = desk.lock().unwrap().petitions;
    let from: u64 = query.get("conTro").and_then(|token| token.parse().ok()).unwrap_or_default();
    let to = (from + PAGE).min(all);
    let items: Vec<Value> = (from..to).map(petition).collect();
    let next = (to < all).then(|| to.to_string());
    Json(json!({"danhSach": items, "conTro": next, "conNua": next.is_some()}))
}

fn petition(number: u64) -> Value {
    let text = format!("Đề nghị trả lời về chế độ bảo hiểm thất nghiệp, hồ sơ số {number}. ").repeat(3);
    json!({
        "maPAKN": format!("PAKN-{number:07}"), "phienBan": 1, "loaiPAKN": "3", "tieuDe": "Hỏi về trợ cấp",
        "noiDung": text, "linhVuc": {"ma": "BHTN", "ten": "Bảo hiểm thất nghiệp"},
        "nguoiGui": {"loai": "1", "maTinh": "01", "anDanh": true}, "coQuanTiepNhan": "000.00.00.G07",
        "ngayGui": "2019-12-06T09:15:00+07:00", "trangThai": "02", "congKhai": true,
    })
}

async fn told(State(desk): Shared, Path((ma, call)): Path<(String, String)>, body: Bytes) -> Json<Value> {
    let mut desk = desk.lock().unwrap();
    desk.calls += 1;
    if call == "tra-loi" {
        desk.answers += 1;
        desk.out_of_order += u64::from(!desk.accepted.contains_key(&ma));
    } else if call == "trang-thai" {
        desk.accepted.insert(ma.clone(), ());
    }
    if desk.kept.len() < KEPT_MAX && call != "xac-nhan" {
        let path = format!("/api/v1/pakn/{ma}/{call}");
        desk.kept.push((path, String::from_utf8(body.to_vec()).unwrap()));
    }
    Json(json!({"maPAKN": ma, "daNhan": true, "maThamChieu": format!("TC-{}", desk.calls)}))
}

async fn came(State(desk): Shared) -> Json<Value> {
    let desk = desk.lock().unwrap();
    Json(json!({"answers": desk.answers, "calls": desk.calls, "out_of_order": desk.out_of_order}))
}

async fn kept(State(desk): Shared) -> Json<Value> {
    Json(json!(desk.lock().unwrap().kept))
}
