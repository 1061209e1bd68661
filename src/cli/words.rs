//! What the command line says to operators: Vietnamese first, English to switch to (`--lang`).
//!
//! One catalogue for headings, values, reasons of refusals and sentences, so that a term is the same everywhere and a
//! correction is one line. What machines read (`--json`) is never translated.

use clap::ValueEnum;

/// The language of what is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Lang {
    /// Tiếng Việt.
    #[default]
    Vi,
    /// English.
    En,
}

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    vi: String,
    en: String,
}

impl Said {
    /// The text in `lang`.
    pub(crate) fn in_lang(&self, lang: Lang) -> &str {
        match lang {
            Lang::Vi => &self.vi,
            Lang::En => &self.en,
        }
    }
}

/// A text in both languages, with the format arguments of both taken from where it is called.
macro_rules! said {
    ($vi:literal, $en:literal) => {
        $crate::cli::words::Said::of(format!($vi), format!($en))
    };
}
pub(crate) use said;

impl Said {
    /// A text from its two halves.
    pub(crate) fn of(vi: String, en: String) -> Said {
        Said { vi, en }
    }
}

/// The heading of a field of the contract.
pub(crate) fn heading(field: &str, lang: Lang) -> String {
    match lang {
        Lang::En => capitalised(&field.replace('_', " ")),
        // The parts of an event are named like what happened.
        Lang::Vi => match find(HEADINGS, field).or_else(|| find(VALUES, field)) {
            Some(vi) => capitalised(vi),
            None => capitalised(&field.replace('_', " ")),
        },
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A value of an enum of the contract, by its short name.
pub(crate) fn value(short: &str, lang: Lang) -> String {
    match lang {
        Lang::En => short.replace('_', " "),
        Lang::Vi => find(VALUES, short).map_or_else(|| short.to_owned(), str::to_owned),
    }
}

/// What a reason of a refusal (`ErrorInfo.reason`) means, and what to do.
pub(crate) fn reason(reason: &str) -> Option<Said> {
    REASONS
        .iter()
        .find(|(known, ..)| *known == reason)
        .map(|(_, vi, en)| Said { vi: (*vi).to_owned(), en: (*en).to_owned() })
}

fn find(table: &'static [(&'static str, &'static str)], key: &str) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == key).map(|(_, vi)| *vi)
}

const HEADINGS: &[(&str, &str)] = &[
    ("actor", "Tác nhân"),
    ("address", "Địa chỉ"),
    ("agency", "Cơ quan"),
    ("already_had_count", "Đã có"),
    ("amended_count", "Sửa đổi"),
    ("anonymous", "Ẩn danh"),
    ("answer", "Trả lời"),
    ("asked_count", "Đã hỏi"),
    ("assembly", "Quốc hội"),
    ("attachment", "Tệp"),
    ("attachments", "Tệp đính kèm"),
    ("attempt_count", "Số lần gửi"),
    ("attempts", "Các lần gửi"),
    ("begin_time", "Bắt đầu lúc"),
    ("body", "Nội dung"),
    ("breaker_state", "Cầu dao"),
    ("breaker_until", "Cầu dao đến lúc"),
    ("carried_notices", "Thông báo chuyển được"),
    ("change", "Sự kiện"),
    ("channel", "Kênh"),
    ("channel_due_date", "Hạn theo kênh"),
    ("channels", "Kênh phụ trách"),
    ("citation", "Trích dẫn"),
    ("close_time", "Đóng lúc"),
    ("code", "Mã"),
    ("comment", "Ý kiến"),
    ("compared_count", "Đã so"),
    ("constituency", "Địa bàn"),
    ("content", "Nội dung"),
    ("content_type", "Kiểu nội dung"),
    ("create_time", "Tạo lúc"),
    ("created_count", "Mới"),
    ("cursor", "Con trỏ"),
    ("dead_letter_count", "Không gửi được"),
    ("delegation", "Đoàn ĐBQH"),
    ("delivery", "Lượt gửi"),
    ("deputy", "Đại biểu"),
    ("difference", "Sai lệch"),
    ("difference_count", "Số sai lệch"),
    ("discard_reason", "Lý do loại bỏ"),
    ("display_name", "Tên"),
    ("document", "Văn bản"),
    ("due_date", "Hạn xử lý"),
    ("duplicate_count", "Trùng"),
    ("email", "Thư điện tử"),
    ("end_time", "Kết thúc lúc"),
    ("entrance", "Cách đến"),
    ("errand", "Nội dung gửi"),
    ("event", "Sự kiện"),
    ("event_time", "Thời điểm"),
    ("explanation", "Giải thích"),
    ("extensions", "Trường mở rộng"),
    ("external_id", "Mã của kênh"),
    ("failure", "Lý do không được"),
    ("far_side", "Hệ thống đối tác"),
    ("fault", "Lỗi"),
    ("fault_counts", "Theo lỗi"),
    ("faults", "Lỗi"),
    ("feed", "Nguồn"),
    ("feeds", "Các nguồn"),
    ("fetch", "Tải tệp"),
    ("field", "Lĩnh vực"),
    ("file_name", "Tên tệp"),
    ("find_time", "Phát hiện lúc"),
    ("forward_time", "Ngày chuyển"),
    ("forwarded_to", "Chuyển đến"),
    ("forwarding_agency", "Cơ quan chuyển"),
    ("full_name", "Họ tên"),
    ("held", "Đã có nội dung"),
    ("id", "Số"),
    ("identity_number", "Số định danh"),
    ("in_doubt", "Chờ xác minh"),
    ("information_request", "Yêu cầu bổ sung"),
    ("interval", "Chu kỳ"),
    ("issue_date", "Ngày ban hành"),
    ("item", "Mục"),
    ("items", "Các mục"),
    ("kind", "Loại"),
    ("last_delivery_time", "Gửi thành công lúc"),
    ("last_fault", "Lỗi gần nhất"),
    ("last_fault_time", "Lỗi lúc"),
    ("last_inbound_time", "Nhận gần nhất"),
    ("last_scan_time", "Lấy hết gần nhất"),
    ("last_success_time", "Kết nối được lúc"),
    ("legal_basis", "Căn cứ pháp lý"),
    ("letter_date", "Ngày văn bản"),
    ("letter_number", "Số văn bản"),
    ("listed_count", "Đối tác liệt kê"),
    ("media_type", "Loại tệp"),
    ("message", "Thông điệp"),
    ("name", "Tên"),
    ("next_action", "Việc cần làm"),
    ("next_attempt_time", "Gửi tiếp lúc"),
    ("node", "Cổng"),
    ("note", "Ghi chú"),
    ("notice", "Thông báo"),
    ("number", "Số"),
    ("organisation_name", "Tên tổ chức"),
    ("outcome", "Kết quả"),
    ("overdue", "Quá hạn"),
    ("parked_delivery_count", "Đang tạm giữ"),
    ("pause_reason", "Lý do tạm dừng"),
    ("pending_delivery_count", "Đang chờ gửi"),
    ("petition", "Phản ánh, kiến nghị"),
    ("petition_count", "Số phản ánh"),
    ("petitioner", "Người gửi"),
    ("phase", "Thời điểm"),
    ("place", "Vị trí"),
    ("position", "Chức vụ"),
    ("provide_time", "Bổ sung lúc"),
    ("province_code", "Mã tỉnh"),
    ("publishable", "Được công khai"),
    ("quarantined_count", "Đang cách ly"),
    ("question", "Nội dung yêu cầu"),
    ("rating", "Đánh giá"),
    ("reason", "Lý do"),
    ("receive_time", "Tiếp nhận lúc"),
    ("receiving_agency", "Cơ quan tiếp nhận"),
    ("refused_count", "Bị từ chối"),
    ("remote_id", "Mã tệp"),
    ("remote_reference", "Mã phía đối tác"),
    ("repairable", "Tự khắc phục được"),
    ("reply_by_date", "Trả lời trước"),
    ("request_time", "Yêu cầu lúc"),
    ("resolution", "Kết quả giải quyết"),
    ("resolution_due_date", "Thời hạn giải quyết"),
    ("revision", "Phiên bản của kênh"),
    ("route", "Đường đến"),
    ("score", "Mức độ"),
    ("self", "Cổng đang hỏi"),
    ("send_time", "Ngày gửi"),
    ("seq", "Số thứ tự"),
    ("session", "Kỳ họp"),
    ("sha256", "SHA-256"),
    ("signer", "Người ký"),
    ("size_bytes", "Kích thước"),
    ("start_time", "Chạy từ"),
    ("state", "Trạng thái"),
    ("status", "Trạng thái"),
    ("subject", "Tiêu đề"),
    ("supplements", "Bổ sung thông tin"),
    ("taken_count", "Đã nhận"),
    ("tax_code", "Mã số thuế"),
    ("telephone", "Điện thoại"),
    ("term", "Khóa"),
    ("text", "Nội dung"),
    ("to", "Chuyển đến"),
    ("unit", "Đơn vị xử lý"),
    ("unreadable_count", "Không đọc được"),
    ("update_time", "Cập nhật lúc"),
    ("verdict", "Kết quả"),
    ("version", "Phiên bản"),
];

const VALUES: &[(&str, &str)] = &[
    ("abusive", "xúc phạm, lạm dụng"),
    ("accepted", "thụ lý"),
    ("active", "đang hoạt động"),
    ("after", "sau kỳ họp"),
    ("already_answered", "đã được trả lời"),
    ("already_had", "đã có"),
    ("amended", "sửa đổi"),
    ("answer_differs", "nội dung trả lời khác nhau"),
    ("answered", "đã trả lời"),
    ("assigned", "đã phân công"),
    ("attachment_held", "đã có tệp"),
    ("before", "trước kỳ họp"),
    ("between", "giữa hai kỳ họp"),
    ("business", "doanh nghiệp"),
    ("channel", "kênh"),
    ("citizen", "công dân"),
    ("closed", "kết thúc"),
    ("closing", "đang đóng sai lệch cũ"),
    ("comparing", "đang so"),
    ("complaint", "khiếu nại"),
    ("conflict", "mâu thuẫn"),
    ("dead_letter", "không gửi được"),
    ("deadline_extended", "gia hạn"),
    ("declined", "từ chối"),
    ("delivered", "đã gửi"),
    ("delivery_failed", "gửi thất bại"),
    ("delivery_parked", "tạm giữ bản tin"),
    ("delivery_resolved", "đã xác minh bản tin"),
    ("denunciation", "tố cáo"),
    ("deputy", "đại biểu Quốc hội"),
    ("deputy_petition", "kiến nghị của đại biểu Quốc hội"),
    ("difference_dismissed", "bỏ qua sai lệch"),
    ("difference_found", "phát hiện sai lệch"),
    ("difference_repaired", "đã khắc phục sai lệch"),
    ("discarded", "đã loại bỏ"),
    ("dismissed", "đã bỏ qua"),
    ("done", "đã xong"),
    ("encoding", "sai bảng mã"),
    ("explained", "giải trình, cung cấp thông tin"),
    ("failed", "không thực hiện được"),
    ("failing", "đang lỗi"),
    ("feedback", "phản ánh"),
    ("format", "sai định dạng"),
    ("forwarded", "chuyển cơ quan khác"),
    ("gateway", "cổng"),
    ("handed_over", "đã chuyển giao"),
    ("in_progress", "đang xử lý"),
    ("in_resolution", "đang giải quyết"),
    ("information_provided", "đã bổ sung thông tin"),
    ("information_requested", "yêu cầu bổ sung"),
    ("late_revision", "phiên bản cũ đến muộn"),
    ("listing", "đang đọc danh sách"),
    ("malformed", "sai cấu trúc"),
    ("missing", "thiếu"),
    ("missing_here", "đối tác có, cổng chưa có"),
    ("no_content", "không có nội dung cụ thể"),
    ("not_allowed", "không được phép"),
    ("not_competent", "không thuộc thẩm quyền"),
    ("not_visible_there", "đã gửi, đối tác không có"),
    ("older_here", "đối tác có bản mới hơn"),
    ("open", "đang mở"),
    ("organisation", "tổ chức"),
    ("other", "lý do khác"),
    ("other_procedure", "thuộc thủ tục khiếu nại, tố cáo"),
    ("overtaken_there", "đối tác thiếu, đã có tin mới hơn"),
    ("park", "tạm giữ"),
    ("parked", "tạm giữ"),
    ("paused", "tạm dừng"),
    ("pending", "đang chờ"),
    ("petition", "kiến nghị"),
    ("policy_question", "hỏi đáp chính sách"),
    ("principal", "hệ thống gọi vào"),
    ("probing", "đang thử lại"),
    ("processing_started", "bắt đầu xử lý"),
    ("published", "đã công khai"),
    ("pull", "lấy về"),
    ("push", "gửi đến"),
    ("quarantined", "đang cách ly"),
    ("rated", "đánh giá"),
    ("reachable", "kết nối được"),
    ("reassigned", "kênh chuyển nơi khác"),
    ("received", "đã tiếp nhận"),
    ("reject", "bị từ chối"),
    ("reopened", "mở lại"),
    ("repaired", "đã khắc phục"),
    ("resolved", "đã giải quyết xong"),
    ("retry", "sẽ gửi lại"),
    ("send_again", "gửi lại"),
    ("shut", "đóng, đang gửi"),
    ("taken", "đã nhận"),
    ("to_be_resolved", "sẽ giải quyết"),
    ("too_large", "quá giới hạn"),
    ("undelivered", "không gửi được, đối tác chưa có"),
    ("unknown", "chưa rõ đã đến chưa"),
    ("unknown_code", "mã không có trong danh mục"),
    ("unknown_petition", "không có phản ánh, kiến nghị này"),
    ("unknown_there", "cổng có, đối tác không liệt kê"),
    ("visible_unsettled", "đối tác đã có, sổ chưa ghi"),
    ("voter_petition", "kiến nghị cử tri"),
    ("voters", "cử tri"),
    ("withdrawn", "đã rút"),
    ("wrong_message", "sai loại thông điệp"),
];

/// The reasons that the contract names, each with what to do about it.
const REASONS: &[(&str, &str, &str)] = &[
    ("ALREADY_DELIVERED", "lượt gửi này đã gửi xong", "this delivery was delivered already"),
    ("ATTACHMENT_NOT_FOUND", "phản ánh, kiến nghị không có tệp này", "the petition has no such file"),
    (
        "ATTACHMENT_NOT_HELD",
        "tệp đã được báo nhưng nội dung chưa đến",
        "the file was announced, its content is not here yet",
    ),
    ("ATTACHMENT_NOT_UPLOADED", "tệp chưa được tải lên; tải lên trước", "the file was not uploaded; upload it first"),
    (
        "CERTIFICATE_REQUIRED",
        "cổng không nhận ra chứng thư; dùng --certificate và --key",
        "the gateway knows no such certificate; give --certificate and --key",
    ),
    (
        "CHANNEL_HAS_FAR_SIDE",
        "kênh này có hệ thống đối tác; chỉ đối tác được gửi qua kênh",
        "this channel has a far side; only that may speak for it",
    ),
    ("CHANNEL_NOT_CONFIGURED", "kênh này không còn trong cấu hình", "this channel is not configured any more"),
    ("CHANNEL_NOT_FOUND", "không có kênh này", "there is no such channel"),
    ("CHANNEL_NOT_PAUSABLE", "kênh này không tạm dừng được", "this channel cannot be paused"),
    ("CHANNEL_PAUSED", "kênh đang tạm dừng; tiếp tục kênh trước", "the channel is paused; resume it first"),
    ("DELIVERY_NOT_FOUND", "không có lượt gửi này", "there is no such delivery"),
    ("DIFFERENCE_NOT_FOUND", "không có sai lệch này", "there is no such difference"),
    ("DIGEST_MISMATCH", "nội dung nhận được khác mã băm đã báo", "the content is not what its digest announced"),
    ("FILE_TOO_LARGE", "tệp quá lớn", "the file is too large"),
    ("INTERNAL", "lỗi bên trong của cổng; xem nhật ký của cổng", "a defect of the gateway; its log knows more"),
    ("INVALID_FILTER", "bộ lọc sai", "the filter is wrong"),
    ("INVALID_PAGE_TOKEN", "mã trang sai", "the page token is wrong"),
    ("INVALID_QUERY", "từ khóa tìm kiếm sai", "the query is wrong"),
    ("INVALID_REQUEST", "yêu cầu sai", "the request is wrong"),
    ("MESSAGE_NOT_FOUND", "không có thông điệp này", "there is no such message"),
    (
        "MOVE_NOT_ALLOWED",
        "trạng thái hiện tại không cho phép việc này",
        "the status that the petition is in does not allow this",
    ),
    (
        "NOT_LISTABLE",
        "đối tác của kênh này không liệt kê được, hoặc kênh không hoạt động",
        "the far side of this channel cannot be listed, or the channel does not run",
    ),
    ("NOT_PUBLISHABLE", "câu trả lời không được phép công khai", "the answer may not be published"),
    ("NOT_QUARANTINED", "mục này không còn bị cách ly", "this item is not in quarantine any more"),
    ("NO_ANSWER", "chưa có câu trả lời", "there is no answer yet"),
    ("NO_FEEDS", "kênh này không có nguồn nào để lấy", "nothing is pulled from this channel"),
    ("OFFSET_BEYOND_END", "vị trí nằm ngoài nội dung", "the offset lies beyond the end"),
    ("OVERLOADED", "cổng đang quá tải; chưa có gì được ghi", "the gateway is overloaded; nothing was done"),
    (
        "OWN_PROCEDURE",
        "khiếu nại, tố cáo theo thủ tục riêng: chuyển hoặc từ chối, không trả lời",
        "a complaint or denunciation follows its own procedure: forward or decline it",
    ),
    ("PETITION_NOT_FOUND", "không có phản ánh, kiến nghị này", "there is no such petition"),
    (
        "REQUEST_ID_REUSED",
        "request_id này đã dùng cho yêu cầu khác",
        "this request_id was used for another call or another content",
    ),
    ("ROLE_MISSING", "không có quyền làm việc này", "your roles do not allow this"),
    (
        "SEQ_NOT_REACHED",
        "số thứ tự lớn hơn sự kiện cuối: có thể đây là kho dữ liệu khác",
        "the seq lies beyond the last event: this may be another store",
    ),
    ("SHUTTING_DOWN", "cổng đang dừng; thử lại sau", "the gateway is shutting down; try again later"),
    ("STORE_UNAVAILABLE", "kho dữ liệu chưa sẵn sàng; thử lại sau", "the store is unavailable; try again later"),
    ("TOO_MANY_ITEMS", "quá nhiều mục trong một lần nhập", "too many items in one import"),
    ("TOO_MANY_WATCHERS", "quá nhiều người theo dõi; thử lại sau", "too many watchers; try again later"),
    (
        "VERSION_MISMATCH",
        "phản ánh, kiến nghị đã thay đổi; xem lại rồi quyết định",
        "the petition has changed; look again and decide anew",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_say_nothing_twice() {
        for table in [HEADINGS, VALUES] {
            assert!(table.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
        assert!(REASONS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn a_heading_without_a_translation_is_still_readable() {
        assert_eq!(heading("some_new_field", Lang::Vi), "Some new field");
        assert_eq!(heading("due_date", Lang::En), "Due date");
        assert_eq!(heading("due_date", Lang::Vi), "Hạn xử lý");
        assert_eq!(heading("processing_started", Lang::Vi), "Bắt đầu xử lý");
    }
}
