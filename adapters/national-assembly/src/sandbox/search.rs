//! The JSON search interface: pages of every petition, newest first, and the list of fields.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{
    Sandbox,
    book::{Refusal, refusal},
    catalogue::{SESSION, TERM},
    state::Entry,
    texts::MATTERS,
};

/// A page is what a screen shows.
const PAGE_SIZE_MAX: u64 = 200;

/// `POST /api/RequestOut/PublishUserSearch`.
pub(super) async fn published(State(sandbox): State<Arc<Sandbox>>, body: Bytes) -> Result<Response, Refusal> {
    let mut state = sandbox.state();
    let (page, size, id) = match asked(&body) {
        Ok(asked) => asked,
        Err(refusal) => {
            state.complain(format!("PublishUserSearch: {}", refusal.place));
            return Err(refusal);
        }
    };
    let chosen = state.searched(page, size, &id);
    let rows: Vec<Value> = chosen.into_iter().map(|at| row(&state.entries[at])).collect();
    Ok(Json(json!({ "dataGrid": rows })).into_response())
}

fn asked(body: &[u8]) -> Result<(usize, usize, String), Refusal> {
    let wrong = |place| refusal(400, "sai-dinh-dang", place, "sai định dạng");
    let asked: Map<String, Value> = serde_json::from_slice(body).map_err(|_| wrong("body"))?;
    let number = |name: &'static str, max| {
        let value = asked.get(name).and_then(Value::as_u64).filter(|value| (1..=max).contains(value));
        value.map(|value| value as usize).ok_or_else(|| wrong(name))
    };
    for name in ["IsSuperAdmin", "IsTongHop"] {
        asked.get(name).and_then(Value::as_bool).ok_or_else(|| wrong(name))?;
    }
    let id = asked.get("MaKn").and_then(Value::as_str).ok_or_else(|| wrong("MaKn"))?;
    Ok((number("PageIndex", u64::from(u32::MAX))?, number("PageSize", PAGE_SIZE_MAX)?, id.to_owned()))
}

/// Texts are shown as pages show them.
fn html(text: &str) -> String {
    format!("<p>{}</p>", text.replace('&', "&amp;").replace('<', "&lt;").replace('\n', "<br/>"))
}

fn row(entry: &Entry) -> Value {
    let petition = &entry.petition;
    let answered = entry.account.answers > 0;
    json!({
        "Id": petition.id,
        "noiDungKienNghi": if entry.flaw.is_some() { Value::Null } else { html(&petition.body).into() },
        "ketQua": null,
        "trangThai": if answered { 2 } else { 1 },
        "phanLoai": null,
        "linhVuc": petition.field_name,
        "noiCoKienNghi": format!("{}, {}", petition.constituency, petition.province),
        "nhiemKy": format!("Khóa {TERM} - Kỳ họp thứ {SESSION}"),
        "tenCaNhanDonVi": petition.deputy,
        "coQuanChuTri": "Bộ Lao động - Thương binh và Xã hội",
        "coQuanPhoiHop": null,
        "tienDoGiaiQuyet": entry.account.petition_id.as_ref().map_or_else(
            || "Chờ tiếp nhận".to_owned(),
            |id| format!("Đã tiếp nhận: {id}"),
        ),
        "noiDungTraLoi": entry.answer.as_deref().map(html),
        "ngayKetThuc": null,
        "tepDinhKem": petition.file.iter().map(|file| json!({
            "name": file.name,
            // As people put files on servers: spaces and accents stand in the address unescaped.
            "duongDan": format!("/Upload/KienNghi/{}/{}", petition.id, file.name),
        })).collect::<Vec<_>>(),
    })
}

/// `GET /Upload/KienNghi/{ma}/{ten}`: a file, at the address that its row shows.
pub(super) async fn file(
    State(sandbox): State<Arc<Sandbox>>,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let mut state = sandbox.state();
    let file = state.by_id.get(&id).and_then(|&at| state.entries[at].petition.file.as_ref());
    if let Some(file) = file.filter(|file| file.name == name) {
        return Ok(([(header::CONTENT_TYPE, file.media_type)], file.content.clone()).into_response());
    }
    state.complain("Upload/KienNghi: there is no such file");
    Err(refusal(404, "khong-ton-tai", "duongDan", "không có tệp này"))
}

/// `getDropDownDataSearchOutView`.
pub(super) async fn fields() -> Response {
    let mut fields: Vec<(&str, &str)> = MATTERS.iter().map(|matter| (matter.field_code, matter.field_name)).collect();
    fields.dedup();
    let fields: Vec<Value> = fields.into_iter().map(|(value, text)| json!({ "value": value, "text": text })).collect();
    Json(json!({ "lstLinhVuc": fields })).into_response()
}
