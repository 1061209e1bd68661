//! Voter petitions, made up: what voters ask a ministry of labour, in 150 to 2,500 characters, the same for the same seed.
//!
//! A text is an opening, a matter, its background and a request, filled up to a drawn length. Some carry what real
//! letters carry: no-break spaces, line breaks, decomposed letters (NFD).

use rand::{Rng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use unicode_normalization::UnicodeNormalization;

/// What voters ask about in one field.
pub(super) struct Matter {
    /// Code of the field.
    pub(super) field_code: &'static str,
    /// Name of the field.
    pub(super) field_name: &'static str,
    subject: &'static str,
    background: &'static [&'static str],
    request: &'static str,
}

/// Every matter, several for the fields that voters ask about most.
pub(super) const MATTERS: &[Matter] = &[
    Matter {
        field_code: "NCC",
        field_name: "Người có công",
        subject: "việc giải quyết chế độ đối với người tham gia kháng chiến không còn giấy tờ gốc",
        background: &[
            "Nhiều trường hợp tuổi đã cao, người làm chứng đã mất, hồ sơ của đơn vị cũ không còn lưu giữ.",
            "Hồ sơ đã nộp qua xã nhiều lần nhưng đều được trả lại vì thiếu một loại giấy mà thời đó không cấp.",
            "Có gia đình chờ kết luận hơn sáu năm mà chưa nhận được văn bản trả lời chính thức.",
        ],
        request: "có hướng dẫn xác nhận bằng nhiều nguồn chứng cứ khác nhau và rút ngắn thời gian thẩm định hồ sơ tồn đọng",
    },
    Matter {
        field_code: "NCC",
        field_name: "Người có công",
        subject: "mức trợ cấp ưu đãi hằng tháng của thương binh hạng nặng và người phục vụ",
        background: &[
            "Mức hiện hành chưa theo kịp giá thuốc men và chi phí đi lại khi điều trị tuyến trên.",
            "Người phục vụ phần lớn là vợ hoặc con, phải nghỉ việc để chăm sóc nên không có thu nhập khác.",
        ],
        request: "nâng mức trợ cấp và bổ sung chế độ bảo hiểm y tế cho người trực tiếp phục vụ",
    },
    Matter {
        field_code: "BHXH",
        field_name: "Bảo hiểm xã hội",
        subject: "tình trạng doanh nghiệp nợ, trốn đóng bảo hiểm xã hội kéo dài",
        background: &[
            "Người lao động vẫn bị trừ lương hằng tháng nhưng khi nghỉ việc không chốt được sổ.",
            "Khi ốm đau, thai sản, người lao động không được hưởng chế độ vì đơn vị chưa đóng đủ.",
            "Một số doanh nghiệp đã giải thể, chủ doanh nghiệp bỏ trốn, không còn ai chịu trách nhiệm.",
        ],
        request: "có cơ chế để người lao động được xác nhận thời gian đã đóng và xử lý nghiêm đơn vị vi phạm",
    },
    Matter {
        field_code: "BHXH",
        field_name: "Bảo hiểm xã hội",
        subject: "chế độ hưu trí của cán bộ không chuyên trách cấp xã đã nghỉ trước khi có quy định mới",
        background: &[
            "Thời gian công tác hơn hai mươi năm nhưng chỉ một phần được tính đóng bảo hiểm.",
            "Việc tự đóng bù vượt quá khả năng của người đã hết tuổi lao động.",
        ],
        request: "xem xét cho tính nối thời gian công tác và hỗ trợ một phần kinh phí đóng bù",
    },
    Matter {
        field_code: "BTXH",
        field_name: "Bảo trợ xã hội",
        subject: "mức chuẩn trợ giúp xã hội và độ tuổi hưởng trợ cấp của người cao tuổi không có lương hưu",
        background: &[
            "Mức chuẩn đã nhiều năm không điều chỉnh trong khi giá cả tăng.",
            "Ở vùng cao, nhiều người chưa đến tuổi quy định đã không còn sức lao động.",
        ],
        request: "nâng mức chuẩn và giảm độ tuổi hưởng trợ cấp, trước mắt ở các xã đặc biệt khó khăn",
    },
    Matter {
        field_code: "GN",
        field_name: "Giảm nghèo",
        subject: "chính sách đối với hộ vừa thoát nghèo",
        background: &[
            "Hộ vừa thoát nghèo bị cắt ngay bảo hiểm y tế và vốn vay ưu đãi nên dễ tái nghèo.",
            "Tiêu chí rà soát chấm điểm tài sản cũ, hỏng như tài sản đang dùng, chưa sát với thực tế.",
        ],
        request: "duy trì một số chính sách thêm ba năm và sửa bộ tiêu chí rà soát",
    },
    Matter {
        field_code: "VL",
        field_name: "Việc làm",
        subject: "việc làm cho người dân bị thu hồi đất nông nghiệp",
        background: &[
            "Người trên bốn mươi tuổi khó được doanh nghiệp trong khu công nghiệp tuyển dụng.",
            "Các lớp dạy nghề mở ngắn ngày, học xong không có nơi nhận làm.",
        ],
        request: "quy định tỷ lệ tuyển lao động tại chỗ và gắn dạy nghề với cam kết tuyển dụng",
    },
    Matter {
        field_code: "GDNN",
        field_name: "Giáo dục nghề nghiệp",
        subject: "việc sáp nhập trung tâm giáo dục nghề nghiệp cấp huyện",
        background: &[
            "Sau sáp nhập, chế độ của giáo viên dạy văn hóa và giáo viên dạy nghề không thống nhất.",
            "Thiết bị được đầu tư nhưng thiếu người vận hành nên để không.",
        ],
        request: "hướng dẫn thống nhất về cơ quan quản lý, biên chế và chế độ của giáo viên",
    },
    Matter {
        field_code: "LDNN",
        field_name: "Lao động ngoài nước",
        subject: "phí môi giới và tiền ký quỹ của người đi làm việc ở nước ngoài",
        background: &[
            "Có nơi thu cao hơn mức trần mà không xuất chứng từ.",
            "Về nước đúng hạn nhưng nhiều tháng chưa được hoàn trả tiền ký quỹ.",
        ],
        request: "công khai mức phí từng thị trường, kiểm tra các đơn vị phái cử và quy định thời hạn hoàn trả",
    },
    Matter {
        field_code: "TE",
        field_name: "Trẻ em",
        subject: "công tác phòng, chống đuối nước và xâm hại trẻ em ở nông thôn",
        background: &[
            "Cấp xã không có cán bộ chuyên trách, việc tuyên truyền còn hình thức.",
            "Mùa hè trẻ em không có nơi học bơi, cha mẹ đi làm xa, ở với ông bà.",
        ],
        request: "bố trí kinh phí dạy bơi và quy định chế độ cho cộng tác viên trẻ em ở thôn, bản",
    },
    Matter {
        field_code: "TLQHLD",
        field_name: "Tiền lương và quan hệ lao động",
        subject: "tiền lương tối thiểu vùng và thời giờ làm thêm",
        background: &[
            "Lương tối thiểu điều chỉnh chậm, phụ cấp bị cắt giảm tương ứng nên thu nhập thực tế không tăng.",
            "Công nhân phải làm thêm quá số giờ quy định vào mùa hàng gấp.",
        ],
        request: "điều chỉnh lương tối thiểu theo chỉ số giá và tăng cường thanh tra về thời giờ làm việc",
    },
];

const VERBS: &[&str] = &["phản ánh", "kiến nghị", "đề nghị quan tâm", "tiếp tục kiến nghị"];

const FILLERS: &[&str] = &[
    "Nội dung này đã được nêu tại nhiều cuộc tiếp xúc cử tri nhưng chưa được giải quyết dứt điểm.",
    "Qua rà soát tại địa phương, số trường hợp tương tự còn khá nhiều và tập trung ở các xã vùng sâu, vùng xa.",
    "Chính quyền cơ sở đã tổng hợp, báo cáo cấp trên song vượt quá thẩm quyền của địa phương.",
    "Cử tri ghi nhận Bộ đã có văn bản trả lời trước đây, tuy nhiên việc thực hiện trên thực tế còn chậm.",
    "Thủ tục hiện nay phải qua nhiều khâu, người dân đi lại nhiều lần, tốn kém.",
    "Việc áp dụng giữa các địa phương chưa thống nhất, dẫn đến so bì trong nhân dân.",
    "Các văn bản hướng dẫn ban hành chậm so với thời điểm luật có hiệu lực.",
    "Kinh phí cấp về hằng năm chỉ đáp ứng được một phần nhu cầu.",
];

/// The body of a petition of `matter` from the voters of `province`.
pub(super) fn body(rng: &mut ChaCha8Rng, matter: &Matter, province: &str) -> String {
    let wanted = length(rng);
    let verb = VERBS.choose(rng).unwrap_or(&VERBS[0]);
    let mut text = format!("Cử tri {province} {verb} về {}.", matter.subject);
    let mut sentences: Vec<&str> = matter.background.to_vec();
    sentences.extend(FILLERS);
    let end = format!(" Cử tri đề nghị Bộ nghiên cứu, {}.", matter.request);
    let mut chars = text.chars().count() + end.chars().count();
    let mut round = 0;
    while chars < wanted {
        let sentence = sentences[round % sentences.len()];
        let lead = if round > 0 && round.is_multiple_of(4) { "\n" } else { " " };
        let case = (round >= sentences.len()).then(|| format!("Trường hợp thứ {}: ", round - sentences.len() + 1));
        let addition = format!("{lead}{}{sentence}", case.unwrap_or_default());
        chars += addition.chars().count();
        text.push_str(&addition);
        round += 1;
    }
    text.push_str(&end);
    shortened(odd(rng, text))
}

/// Most are short; a few go to the limit that was measured.
fn length(rng: &mut ChaCha8Rng) -> usize {
    match rng.random_range(0..10) {
        0..6 => rng.random_range(150..600),
        6..9 => rng.random_range(600..1_400),
        _ => rng.random_range(1_400..2_300),
    }
}

/// What real letters carry and software loses.
fn odd(rng: &mut ChaCha8Rng, text: String) -> String {
    match rng.random_range(0..20) {
        0 => text.nfd().collect(),
        1 => text.replacen(" Bộ ", " Bộ\u{a0}", 1),
        2 => text.replace(". ", ".\r\n"),
        _ => text,
    }
}

/// At most 2,500 characters, decomposed ones included.
fn shortened(text: String) -> String {
    match text.char_indices().nth(2_500) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn bodies_have_150_to_2500_characters_and_follow_the_seed() {
        let bodies = |seed| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            (0..300).map(|n| body(&mut rng, &MATTERS[n % MATTERS.len()], "tỉnh Cà Mau")).collect::<Vec<_>>()
        };
        assert!(bodies(7).iter().all(|text| (150..=2_500).contains(&text.chars().count())));
        assert_eq!(bodies(7), bodies(7));
        assert_ne!(bodies(7), bodies(8));
    }
}
