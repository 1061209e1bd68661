//! The code lists that the portal hands out. Made for the sandbox: a real portal's lists are data of that portal.

use serde_json::{Value, json};

/// Lĩnh vực of a ministry of labour; `KHAC` holds what is often not the ministry's at all.
pub(super) const FIELDS: &[(&str, &str)] = &[
    ("VL", "Việc làm"),
    ("BHTN", "Bảo hiểm thất nghiệp"),
    ("BHXH", "Bảo hiểm xã hội"),
    ("TLQHLD", "Tiền lương và quan hệ lao động"),
    ("ATLD", "An toàn lao động"),
    ("LDNN", "Lao động ngoài nước"),
    ("GDNN", "Giáo dục nghề nghiệp"),
    ("NCC", "Người có công"),
    ("GN", "Giảm nghèo"),
    ("BTXH", "Bảo trợ xã hội"),
    ("TE", "Trẻ em"),
    ("BDG", "Bình đẳng giới"),
    ("PCTNXH", "Phòng chống tệ nạn xã hội"),
    ("KHAC", "Khác"),
];

/// Agencies that a petition can be passed to.
pub(super) const AGENCIES: &[(&str, &str)] = &[
    ("000.00.00.G22", "Văn phòng Chính phủ"),
    ("000.00.00.G09", "Bộ Nội vụ"),
    ("000.00.00.H41", "Ủy ban nhân dân tỉnh Nghệ An"),
    ("000.00.00.H14", "Ủy ban nhân dân tỉnh Cao Bằng"),
    ("000.00.00.H53", "Ủy ban nhân dân tỉnh Tây Ninh"),
];

const STATUSES: &[(&str, &str)] = &[
    ("01", "Mới gửi"),
    ("02", "Đã chuyển cơ quan xử lý"),
    ("03", "Đã tiếp nhận"),
    ("04", "Đang xử lý"),
    ("05", "Yêu cầu bổ sung thông tin"),
    ("06", "Đã trả lời"),
    ("07", "Từ chối"),
    ("08", "Chuyển cơ quan khác"),
    ("09", "Đã công khai"),
    ("10", "Đã rút"),
    ("11", "Kết thúc"),
];

/// The entries of one list.
pub(super) fn list(name: &str, agency: &str) -> Option<Vec<Value>> {
    let entry = |(code, name): &(&str, &str)| json!({"ma": code, "ten": name});
    match name {
        "linh-vuc" => Some(FIELDS.iter().map(entry).collect()),
        "co-quan" => {
            let others = AGENCIES.iter().filter(|(code, _)| *code != agency);
            Some(std::iter::once(&(agency, "Cơ quan tiếp nhận")).chain(others).map(entry).collect())
        }
        "trang-thai" => Some(STATUSES.iter().map(entry).collect()),
        _ => None,
    }
}
