//! The calls that the ministry makes about one petition, checked against the protocol and carried out.
//!
//! The checks are written from the protocol and not from the adapter: they share no code with what they check.

use channel_sdk::sandbox::SandboxSettings;
use jiff::{Timestamp, civil::Date};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{answer::Refusal, case::Case};

/// The calls of section 2.2 that carry a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Confirm,
    Status,
    Forward,
    Answer,
}

/// What a call did, beyond the petition itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    None,
    Confirmed(String),
    Asked,
    Answered(Timestamp),
}

impl Call {
    fn fields(self) -> &'static [&'static str] {
        match self {
            Call::Confirm => &["phienBan", "maHoSo", "thoiDiem"],
            Call::Status => &["trangThai", "thoiDiem", "ghiChu", "hanXuLy", "donViXuLy"],
            Call::Forward => &["coQuanNhan", "lyDo", "canCu", "thoiDiem"],
            Call::Answer => &["noiDung", "vanBan", "tepDinhKem", "congKhai", "thoiDiem"],
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Call::Confirm => "xac-nhan",
            Call::Status => "trang-thai",
            Call::Forward => "chuyen",
            Call::Answer => "tra-loi",
        }
    }
}

/// Checks one call and carries it out.
pub(super) fn carry_out(
    settings: &SandboxSettings,
    case: &mut Case,
    call: Call,
    body: &Value,
) -> Result<Effect, Refusal> {
    let members = body.as_object().ok_or_else(|| wrong("", "Nội dung phải là một đối tượng"))?;
    if members.keys().any(|key| !call.fields().contains(&key.as_str())) {
        return Err(wrong("", "Có trường không thuộc giao thức"));
    }
    if !case.handed_out || case.broken.is_some() {
        return Err(Refusal::new(404, "KHONG_TIM_THAY", "Chưa từng chuyển phản ánh, kiến nghị này", ""));
    }
    let at = instant(body)?;
    if call == Call::Confirm {
        return confirm(case, body);
    }
    if !case.by_push && case.petition_id.is_none() {
        return Err(order("Chưa xác nhận tiếp nhận mà đã gửi thông tin xử lý"));
    }
    let effect = match call {
        Call::Confirm => Effect::None,
        Call::Status => status(case, body)?,
        Call::Forward => forward(settings, case, body)?,
        Call::Answer => answer(case, body).map(|()| Effect::Answered(at))?,
    };
    // Whoever took the petition back neither supplements nor rates.
    Ok(if case.is_withdrawn() { Effect::None } else { effect })
}

fn confirm(case: &mut Case, body: &Value) -> Result<Effect, Refusal> {
    let petition_id = required(body, "maHoSo")?;
    let revision = match &body["phienBan"] {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let revision = revision.ok_or_else(|| wrong("phienBan", "phienBan phải là số nguyên"))?;
    if revision > case.revision {
        return Err(wrong("phienBan", "phienBan chưa từng được chuyển"));
    }
    if case.petition_id.as_deref().is_some_and(|known| known != petition_id) {
        return Err(wrong("maHoSo", "maHoSo khác với lần xác nhận trước"));
    }
    if case.confirmed_revision.is_some_and(|confirmed| confirmed >= revision) {
        return Err(Refusal::new(409, "DA_XAC_NHAN", "Đã xác nhận trước đó", ""));
    }
    case.confirmed_revision = Some(revision);
    Ok(Effect::Confirmed(petition_id.to_owned()))
}

fn status(case: &mut Case, body: &Value) -> Result<Effect, Refusal> {
    let status = required(body, "trangThai")?;
    optional(body, "ghiChu")?;
    optional(body, "donViXuLy")?;
    date(body, "hanXuLy")?;
    if !["03", "04", "05", "07", "09", "11"].contains(&status) {
        return Err(wrong("trangThai", "Mã trạng thái không được gửi qua lời gọi này"));
    }
    if !case.is_withdrawn() && !may_follow(&case.status, case.accepted, status) {
        return Err(order(&format!("Trạng thái {status} không thể theo sau {}", case.status)));
    }
    if matches!(status, "05" | "07") && optional(body, "ghiChu")?.is_none_or(|note| note.trim().is_empty()) {
        return Err(wrong("ghiChu", "Phải nêu lý do hoặc nội dung cần bổ sung"));
    }
    case.told(status);
    Ok(if status == "05" { Effect::Asked } else { Effect::None })
}

/// The order of the statuses that a ministry may tell.
fn may_follow(from: &str, accepted: bool, to: &str) -> bool {
    let open = matches!(from, "02" | "03" | "04" | "05");
    match to {
        "03" => open,
        // Back to work on what was answered or ended is a reopening.
        "04" => open && accepted || matches!(from, "06" | "07" | "08" | "09" | "11"),
        "05" | "07" => open,
        "09" => matches!(from, "06" | "09" | "11"),
        "11" => matches!(from, "05" | "06" | "07" | "08" | "09" | "11"),
        _ => false,
    }
}

fn forward(settings: &SandboxSettings, case: &mut Case, body: &Value) -> Result<Effect, Refusal> {
    let to = required(body, "coQuanNhan")?;
    required(body, "lyDo")?;
    optional(body, "canCu")?;
    if to == settings.agency || !is_agency_code(to) {
        return Err(wrong("coQuanNhan", "Cơ quan nhận phải là mã định danh của một cơ quan khác"));
    }
    if !matches!(case.status.as_str(), "02" | "03" | "04" | "05" | "10") {
        return Err(order("Đã kết thúc hoặc đã trả lời, không thể chuyển"));
    }
    case.forwarded_to = Some(to.to_owned());
    case.told("08");
    Ok(Effect::None)
}

/// Dotted groups of letters and digits, one of them a ministry (`Gnn`) or a province (`Hnn`).
fn is_agency_code(code: &str) -> bool {
    let groups = || code.split('.');
    let national = |group: &str| group.len() == 3 && group.starts_with(['G', 'H']) && group[1..].parse::<u8>().is_ok();
    groups().all(|group| !group.is_empty() && group.bytes().all(|b| b.is_ascii_alphanumeric()))
        && groups().any(national)
}

fn answer(case: &mut Case, body: &Value) -> Result<(), Refusal> {
    let text = required(body, "noiDung")?;
    let document = &body["vanBan"];
    if !document.is_null() {
        date(document, "ngayBanHanh")?;
        for field in ["soKyHieu", "nguoiKy", "chucVu"] {
            optional(document, field)?;
        }
    }
    let files = match &body["tepDinhKem"] {
        Value::Null => Vec::new(),
        Value::Array(files) => files.iter().collect(),
        single => vec![single],
    };
    for file in files {
        let name = file["tenTep"].as_str().unwrap_or("");
        let sha256 = file["sha256"].as_str().unwrap_or("");
        if name.is_empty() || !case.uploads.contains_key(sha256) {
            return Err(wrong("tepDinhKem", "Tệp chưa được tải lên hoặc thiếu tên"));
        }
    }
    let open = matches!(case.status.as_str(), "03" | "04" | "05") && case.accepted;
    let corrected = matches!(case.status.as_str(), "06" | "09" | "11") && case.answers > 0;
    if !open && !corrected && !case.is_withdrawn() {
        return Err(order("Trả lời khi chưa thụ lý"));
    }
    case.answer_sha256 = Some(hex::encode(Sha256::digest(text.as_bytes())));
    case.answers += 1;
    case.told("06");
    Ok(())
}

fn wrong(field: &'static str, message: &str) -> Refusal {
    Refusal::new(400, "DU_LIEU_KHONG_HOP_LE", message, field)
}

fn order(message: &str) -> Refusal {
    Refusal::new(422, "SAI_TRINH_TU", message, "trangThai")
}

fn required<'b>(body: &'b Value, field: &'static str) -> Result<&'b str, Refusal> {
    optional(body, field)?.filter(|text| !text.trim().is_empty()).ok_or_else(|| wrong(field, &format!("Thiếu {field}")))
}

fn optional<'b>(body: &'b Value, field: &'static str) -> Result<Option<&'b str>, Refusal> {
    match &body[field] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(wrong(field, &format!("{field} phải là chuỗi ký tự"))),
    }
}

fn instant(body: &Value) -> Result<Timestamp, Refusal> {
    let message = "thoiDiem phải là thời điểm RFC 3339 có múi giờ";
    required(body, "thoiDiem")?.parse().map_err(|_| wrong("thoiDiem", message))
}

fn date(body: &Value, field: &'static str) -> Result<Option<Date>, Refusal> {
    let Some(text) = optional(body, field)?.filter(|text| !text.is_empty()) else { return Ok(None) };
    let parsed = Some(text).filter(|text| text.len() == 10).and_then(|text| text.parse().ok());
    parsed.map(Some).ok_or_else(|| wrong(field, &format!("{field} phải có dạng YYYY-MM-DD")))
}

/// What the portal says when it has carried a call out.
pub(super) fn said(case: &Case, reference: u64) -> Value {
    json!({"maPAKN": case.id, "trangThai": case.status, "maThamChieu": format!("TC-{reference:08}")})
}
