//! Made-up petitions as a portal passes them on: mostly policy questions, some feedback and recommendations, a few
//! businesses, some without a name, some that are another agency's matter, a few complaints in disguise.
//!
//! What is not the ministry's stands under the field `KHAC` and carries `goiYChuyen` (the agency it belongs to), a
//! complaint carries `phanLoaiSoBo`: members that the canonical model has no place for, so they arrive as extensions,
//! and a scripted ministry can act on them. No person, number or case in here exists.

use channel_sdk::sandbox::{SandboxSettings, people, texts};
use jiff::{SignedDuration, Timestamp, ToSpan, tz::TimeZone};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    case::{Case, File},
    codes, files,
};

/// The petitions are spread over a year.
const YEAR_MINUTES: i64 = 365 * 24 * 60;

/// Days from the transfer in which the portal wants an answer.
const ANSWER_DAYS: i64 = 20;

const FILE_TYPES: &[(&str, &str)] = &[
    ("đơn đề nghị.pdf", "application/pdf"),
    ("ảnh chụp sổ bảo hiểm.jpg", "image/jpeg"),
    ("Giấy xác nhận của UBND xã (bản sao).pdf", "application/pdf"),
    ("phụ lục 01.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("bảng lương.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    // Names are data and never paths: a gateway must carry these without being led anywhere.
    ("../../hồ sơ/đơn.pdf", "application/pdf"),
    ("C:\\Users\\van thu\\scan\"01\".pdf", "application/pdf"),
];

/// What a petition is, before it has a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nature {
    Question,
    Feedback,
    Recommendation,
    NotOurs,
    Complaint,
}

impl Nature {
    fn draw(rng: &mut ChaCha8Rng) -> Nature {
        match rng.random_range(0..100) {
            0..72 => Nature::Question,
            72..80 => Nature::Feedback,
            80..88 => Nature::Recommendation,
            88..97 => Nature::NotOurs,
            _ => Nature::Complaint,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Nature::Feedback | Nature::NotOurs | Nature::Complaint => "1",
            Nature::Recommendation => "2",
            Nature::Question => "3",
        }
    }
}

fn rng(seed: u64, index: u32, what: &str) -> ChaCha8Rng {
    ChaCha8Rng::from_seed(Sha256::digest(format!("{seed} {index} {what}")).into())
}

/// The petition of this number.
pub(super) fn case(settings: &SandboxSettings, index: u32) -> Case {
    let mut rng = rng(settings.seed, index, "petition");
    let nature = Nature::draw(&mut rng);
    let spread = YEAR_MINUTES * i64::from(index) / i64::from(settings.petitions.max(1));
    let sent = settings.epoch.saturating_add(SignedDuration::from_mins(spread)).unwrap_or(settings.epoch);
    let year = sent.to_zoned(zone()).year();
    let id = format!("PAKN-{year}-{:07}", index + 1);
    let forwarded = later(sent, rng.random_range(2..48));
    let (field, subject, body) = texts_of(&mut rng, nature);
    let files = files_of(&mut rng);
    let mut form = json!({
        "maPAKN": id, "phienBan": 1, "loaiPAKN": nature.code(), "tieuDe": subject, "noiDung": body,
        "linhVuc": {"ma": field.0, "ten": field.1},
        "nguoiGui": sender(&mut rng),
        "coQuanTiepNhan": settings.agency, "coQuanChuyen": "000.00.00.G22",
        "ngayGui": local(sent), "ngayChuyen": local(forwarded), "hanXuLy": due(forwarded),
        "congKhai": rng.random_range(0..10) < 7,
        "tepDinhKem": described(settings.seed, &id, &mut rng, &files),
    });
    hints(&mut rng, nature, &mut form);
    Case::new(form, files, rng.random_range(0..10) == 0)
}

/// Members that only this portal has.
fn hints(rng: &mut ChaCha8Rng, nature: Nature, form: &mut Value) {
    match nature {
        Nature::NotOurs => {
            // The Government Office itself passes petitions on; it is never where one belongs.
            let (code, name) = codes::AGENCIES[rng.random_range(1..codes::AGENCIES.len())];
            form["goiYChuyen"] = json!({"ma": code, "ten": name});
        }
        Nature::Complaint => form["phanLoaiSoBo"] = json!("khieu-nai"),
        Nature::Question | Nature::Feedback | Nature::Recommendation => {}
    }
    if rng.random_range(0..20) == 0 {
        form["nguonTiepNhan"] = json!("ung-dung-di-dong");
    }
}

fn texts_of(rng: &mut ChaCha8Rng, nature: Nature) -> ((&'static str, &'static str), String, String) {
    let other = codes::FIELDS[codes::FIELDS.len() - 1];
    match nature {
        Nature::NotOurs => {
            let (subject, matter) = NOT_OURS[rng.random_range(0..NOT_OURS.len())];
            (other, subject.to_owned(), matter.to_owned())
        }
        Nature::Complaint => {
            let (subject, matter) = COMPLAINTS[rng.random_range(0..COMPLAINTS.len())];
            (codes::FIELDS[rng.random_range(0..codes::FIELDS.len() - 1)], subject.to_owned(), matter.to_owned())
        }
        Nature::Question | Nature::Feedback | Nature::Recommendation => {
            let field = codes::FIELDS[rng.random_range(0..codes::FIELDS.len() - 1)];
            let text = texts::petition(rng, field.0);
            (field, text.subject, text.body)
        }
    }
}

fn sender(rng: &mut ChaCha8Rng) -> Value {
    let person = people::citizen(rng);
    let province = format!("{:02}", rng.random_range(1..=96));
    let (kind, organisation, tax_code) = match rng.random_range(0..100) {
        0..90 => ("1", Value::Null, Value::Null),
        90..97 => ("2", json!(people::business(rng)), json!(format!("00{:08}", rng.random_range(0..100_000_000)))),
        _ => ("3", json!("Công đoàn cơ sở (tên do hệ thống thử đặt)"), Value::Null),
    };
    if kind == "1" && rng.random_range(0..20) == 0 {
        return json!({"loai": "1", "maTinh": province, "anDanh": true});
    }
    json!({
        "loai": kind, "hoTen": person.full_name, "soDinhDanh": person.identity_number,
        "soDienThoai": person.telephone, "email": person.email, "diaChi": person.address, "maTinh": province,
        "tenToChuc": organisation, "maSoThue": tax_code, "anDanh": false,
    })
}

fn files_of(rng: &mut ChaCha8Rng) -> Vec<File> {
    let count = [0, 0, 0, 0, 0, 0, 1, 1, 2, 3][rng.random_range(0..10)];
    let file = |number: usize, rng: &mut ChaCha8Rng| File {
        id: format!("f-{number}"),
        kind: rng.random_range(0..FILE_TYPES.len()),
        size_bytes: rng.random_range(500..40_000),
    };
    (1..=count).map(|number| file(number, rng)).collect()
}

fn described(seed: u64, id: &str, rng: &mut ChaCha8Rng, files: &[File]) -> Value {
    let one = |file: &File| {
        let digest = hex::encode(Sha256::digest(files::content(seed, id, file)));
        // Some portals do not tell the digest; what is told must be right.
        let told = if rng.random_range(0..10) == 0 { Value::Null } else { json!(digest) };
        let (name, _) = FILE_TYPES[file.kind];
        json!({"maTep": file.id, "tenTep": name, "loaiTep": file.media_type(), "kichThuoc": file.size_bytes, "sha256": told})
    };
    files.iter().map(one).collect()
}

impl File {
    pub(super) fn media_type(&self) -> &'static str {
        FILE_TYPES[self.kind].1
    }
}

/// What the petitioner answers when asked for information.
pub(super) fn supplement(seed: u64, index: usize) -> String {
    let mut rng = rng(seed, index as u32, "supplement");
    SUPPLEMENTS[rng.random_range(0..SUPPLEMENTS.len())].to_owned()
}

/// What goes with a score.
pub(super) fn comment(score: u8) -> &'static str {
    match score {
        5 => "Câu trả lời rõ ràng, có dẫn điều luật. Xin cảm ơn.",
        4 => "Tôi đã hiểu, nhưng mong trả lời nhanh hơn.",
        3 => "",
        2 => "Trả lời chung chung, chưa nói cách tính cho trường hợp của tôi.",
        _ => "Chưa trả lời đúng câu hỏi.",
    }
}

fn zone() -> TimeZone {
    TimeZone::fixed(jiff::tz::offset(7))
}

fn later(instant: Timestamp, hours: i64) -> Timestamp {
    instant.saturating_add(SignedDuration::from_hours(hours)).unwrap_or(instant)
}

/// An instant as the portal writes it.
pub(super) fn local(instant: Timestamp) -> String {
    instant.to_zoned(zone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// Hours after the petition was passed on.
pub(super) fn after(form: &Value, hours: i64) -> String {
    let forwarded = form["ngayChuyen"].as_str().and_then(|text| text.parse().ok());
    local(later(forwarded.unwrap_or(Timestamp::UNIX_EPOCH), hours))
}

fn due(forwarded: Timestamp) -> String {
    forwarded.to_zoned(zone()).date().saturating_add(ANSWER_DAYS.days()).to_string()
}

const NOT_OURS: &[(&str, &str)] = &[
    (
        "Phản ánh đường liên xã xuống cấp",
        "Tuyến đường liên xã trước khu dân cư nơi tôi ở có nhiều ổ gà sâu, mùa mưa ngập nước, học sinh đi lại rất nguy \
         hiểm. Người dân đã nhiều lần kiến nghị tại các cuộc họp thôn nhưng chưa được sửa chữa.\n\nĐề nghị cơ quan có \
         thẩm quyền xem xét, bố trí kinh phí duy tu tuyến đường này trong năm nay.",
    ),
    (
        "Chậm cấp giấy chứng nhận quyền sử dụng đất",
        "Gia đình tôi nộp hồ sơ đề nghị cấp giấy chứng nhận quyền sử dụng đất tại bộ phận một cửa, phiếu hẹn trả kết quả \
         sau 30 ngày làm việc. Đến nay đã quá hẹn bốn tháng mà chưa nhận được kết quả và cũng không có văn bản xin lỗi \
         theo quy định.\r\nKính mong cơ quan có thẩm quyền kiểm tra và trả lời cho gia đình tôi được biết.",
    ),
    (
        "Kiến nghị về tiếng ồn của quán hát",
        "Gần nhà tôi có một quán hát mở loa công suất lớn đến sau 23 giờ, ảnh hưởng tới giấc ngủ của người già và trẻ nhỏ \
         trong tổ dân phố. Chúng tôi đã báo công an phường nhưng chỉ yên được vài hôm. Đề nghị xử lý dứt điểm.",
    ),
    (
        "Đề nghị sửa sai thông tin trên giấy khai sinh",
        "Giấy khai sinh của con tôi ghi sai tên đệm so với giấy chứng sinh do bệnh viện cấp. Tôi ra ủy ban nhân dân xã thì \
         được hướng dẫn lên huyện, lên huyện lại hướng dẫn về xã. Tôi xin hỏi nơi nào giải quyết và cần những giấy tờ gì?",
    ),
];

const COMPLAINTS: &[(&str, &str)] = &[
    (
        "Khiếu nại quyết định thu hồi trợ cấp",
        "Tôi không đồng ý với quyết định thu hồi tiền trợ cấp đã ban hành đối với tôi, vì quyết định này căn cứ vào biên \
         bản xác minh mà tôi không được ký và không được đọc lại. Tôi khiếu nại toàn bộ quyết định nói trên, đề nghị hủy \
         quyết định và khôi phục quyền lợi của tôi từ ngày bị cắt.",
    ),
    (
        "Đề nghị xem xét lại kết luận của đoàn kiểm tra",
        "Tôi làm đơn này khiếu nại kết luận của đoàn kiểm tra tại doanh nghiệp nơi tôi làm việc: kết luận cho rằng tôi \
         tự ý bỏ việc trong khi tôi có giấy ra viện. Đề nghị người có thẩm quyền giải quyết khiếu nại lần đầu theo đúng \
         thời hạn luật định và thông báo thụ lý cho tôi bằng văn bản.",
    ),
];

const SUPPLEMENTS: &[&str] = &[
    "Tôi xin bổ sung: thời gian đóng bảo hiểm của tôi là 14 tháng liên tục, chốt sổ ngày 30 tháng 9.",
    "Theo yêu cầu, tôi gửi thêm thông tin: nơi nộp hồ sơ là bộ phận một cửa của huyện, ngày nộp 12 tháng 8.",
    "Xin nói rõ hơn: tôi thuộc hộ cận nghèo, đã có giấy xác nhận của ủy ban nhân dân xã trong năm nay.",
];
