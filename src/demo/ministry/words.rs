//! What the scripted ministry says, and its units. Made for the demonstration; no letter or case in here exists.

use channel_sdk::model::Agency;

use crate::pb::DeclineReason;

/// The field of what fits nowhere: often not the ministry's at all.
pub(super) const OTHER_FIELD: &str = "KHAC";

/// A unit of the ministry (đơn vị).
#[derive(Debug, PartialEq, Eq)]
pub struct Unit {
    field: &'static str,
    code: &'static str,
    name: &'static str,
    /// How its letters are marked, after the slash of their number.
    pub(super) notation: &'static str,
}

impl Unit {
    /// The unit as an agency.
    pub(super) fn agency(&self) -> Agency {
        Agency { code: self.code.to_owned(), name: self.name.to_owned() }
    }
}

/// The unit for a field; the ministry's office for what no unit is for.
pub(super) fn unit(field: &str) -> &'static Unit {
    UNITS.iter().find(|unit| unit.field == field).unwrap_or(&OFFICE)
}

const OFFICE: Unit = Unit { field: OTHER_FIELD, code: "000.00.01.G07", name: "Văn phòng Bộ", notation: "VP" };

const UNITS: &[Unit] = &[
    Unit { field: "VL", code: "000.00.02.G07", name: "Cục Việc làm", notation: "VL" },
    Unit { field: "BHTN", code: "000.00.02.G07", name: "Cục Việc làm", notation: "VL" },
    Unit { field: "BHXH", code: "000.00.03.G07", name: "Vụ Bảo hiểm xã hội", notation: "BHXH" },
    Unit {
        field: "TLQHLD", code: "000.00.04.G07", name: "Cục Quan hệ lao động và Tiền lương", notation: "QHLĐTL"
    },
    Unit { field: "ATLD", code: "000.00.05.G07", name: "Cục An toàn lao động", notation: "ATLĐ" },
    Unit {
        field: "LDNN", code: "000.00.06.G07", name: "Cục Quản lý lao động ngoài nước", notation: "QLLĐNN"
    },
    Unit { field: "GDNN", code: "000.00.07.G07", name: "Tổng cục Giáo dục nghề nghiệp", notation: "TCGDNN" },
    Unit { field: "NCC", code: "000.00.08.G07", name: "Cục Người có công", notation: "NCC" },
    Unit { field: "GN", code: "000.00.09.G07", name: "Văn phòng Giảm nghèo", notation: "VPGN" },
    Unit { field: "BTXH", code: "000.00.10.G07", name: "Cục Bảo trợ xã hội", notation: "BTXH" },
    Unit { field: "TE", code: "000.00.11.G07", name: "Cục Trẻ em", notation: "TE" },
    Unit { field: "BDG", code: "000.00.12.G07", name: "Vụ Bình đẳng giới", notation: "BĐG" },
    Unit {
        field: "PCTNXH", code: "000.00.13.G07", name: "Cục Phòng, chống tệ nạn xã hội", notation: "PCTNXH"
    },
];

/// Where petitions go that belong to no unit of ours.
pub(super) const OTHER_AGENCIES: &[(&str, &str)] = &[
    ("000.00.00.G09", "Bộ Nội vụ"),
    ("000.00.00.H41", "Ủy ban nhân dân tỉnh Nghệ An"),
    ("000.00.00.H14", "Ủy ban nhân dân tỉnh Cao Bằng"),
    ("000.00.00.H53", "Ủy ban nhân dân tỉnh Tây Ninh"),
];

pub(super) const POSITIONS: &[&str] = &["Thứ trưởng", "Cục trưởng", "Chánh Văn phòng", "Phó Cục trưởng"];

pub(super) const ACCEPTED: &str = "Nội dung thuộc thẩm quyền của Bộ, đã thụ lý.";
pub(super) const ASSIGNED: &str = "Đề nghị đơn vị nghiên cứu, dự thảo trả lời trong thời hạn.";
pub(super) const STARTED: &str = "Đơn vị đang rà soát hồ sơ và quy định liên quan.";
pub(super) const EXTENDED: &str = "Vụ việc phức tạp, cần lấy ý kiến địa phương nơi phát sinh.";
pub(super) const CLOSED: &str = "Đã trả lời, kết thúc theo dõi.";
pub(super) const REOPENED: &str = "Người gửi chưa hài lòng với câu trả lời; xem xét lại.";
pub(super) const FORWARDED: &str =
    "Nội dung không thuộc thẩm quyền giải quyết của Bộ, chuyển cơ quan có thẩm quyền để xem xét, trả lời.";
pub(super) const SORRY: &str =
    "Tiếp thu ý kiến đánh giá, Bộ đã rà soát lại và xin trả lời cụ thể hơn đối với trường hợp nêu trong phản ánh.";
pub(super) const CORRECTION: &str =
    "Văn bản này thay thế nội dung trả lời trước đây do có sai sót về số điều được viện dẫn.";
pub(super) const OTHER_PROCEDURE: &str =
    "Nội dung là khiếu nại, được giải quyết theo trình tự của Luật Khiếu nại, không xử lý như phản ánh, kiến nghị.";

/// Quyết định về tiếp nhận, xử lý phản ánh trên Cổng.
pub(super) const PORTAL_BASIS: &str = "Quyết định số 574/QĐ-TTg ngày 25 tháng 4 năm 2017";
/// Quyết định về giải quyết kiến nghị cử tri.
pub(super) const VOTERS_BASIS: &str = "Điều 12 Quyết định số 33/2017/QĐ-TTg ngày 25 tháng 7 năm 2017";
/// Luật Khiếu nại.
pub(super) const COMPLAINT_BASIS: &str = "Luật Khiếu nại số 02/2011/QH13";

pub(super) const QUESTIONS: &[&str] = &[
    "Đề nghị cung cấp thời gian tham gia bảo hiểm và nơi chốt sổ để có căn cứ trả lời.",
    "Đề nghị nêu rõ nơi và ngày nộp hồ sơ, tên cơ quan đã tiếp nhận.",
    "Đề nghị bổ sung giấy tờ xác nhận diện đối tượng của người đề nghị.",
];

pub(super) const REFUSALS: &[(DeclineReason, &str)] = &[
    (DeclineReason::NoContent, "Phản ánh không nêu nội dung cụ thể nên không có căn cứ để trả lời."),
    (DeclineReason::AlreadyAnswered, "Nội dung này đã được trả lời công khai trên Cổng."),
    (DeclineReason::Other, "Người gửi đề nghị tư vấn vụ việc đang được tòa án xét xử."),
];
