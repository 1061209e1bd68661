//! The phrases that made-up petitions and answers are put together from. No person and no case behind them exists.

/// What people write about in one field.
pub(super) struct Matter {
    pub(super) field: &'static str,
    pub(super) subjects: &'static [&'static str],
    pub(super) openings: &'static [&'static str],
    pub(super) details: &'static [&'static str],
    pub(super) requests: &'static [&'static str],
    /// What an answer rests on.
    pub(super) bases: &'static [&'static str],
}

pub(super) const GREETINGS: &[&str] = &[
    "Kính gửi Bộ,",
    "Kính gửi: Quý cơ quan",
    "Kính thưa quý Bộ, tôi là một người dân xin được hỏi như sau.",
    "Tôi xin gửi tới cơ quan có thẩm quyền nội dung sau:",
];

pub(super) const DETAILS: &[&str] = &[
    "Tôi đã hỏi ở bộ phận một cửa của huyện nhưng mỗi lần được trả lời một khác.",
    "Cán bộ tiếp nhận nói phải chờ văn bản hướng dẫn, không cho biết chờ đến khi nào.",
    "Hồ sơ của tôi gồm đơn đề nghị, bản sao giấy tờ tùy thân và sổ bảo hiểm, đã nộp đủ từ tháng 8.",
    "Gia đình tôi thuộc hộ cận nghèo, thu nhập chính từ làm thuê theo mùa.",
    "Trên cổng dịch vụ công hồ sơ vẫn ghi \"đang xử lý\" dù đã quá ngày hẹn trả kết quả.",
    "Tôi có gửi kèm ảnh chụp giấy hẹn để cơ quan tiện tra cứu.",
    "Nhiều người trong xóm cũng gặp trường hợp giống như tôi và đều chưa rõ phải làm gì tiếp theo.",
    "Theo tôi hiểu thì quy định mới có lợi hơn cho người dân, nhưng không biết có được áp dụng cho trường hợp trước đây không.",
    "Nơi tôi ở xa trung tâm, đi lại mất cả ngày nên mong được hướng dẫn cụ thể một lần.",
    "Số điện thoại đường dây nóng tôi gọi nhiều lần không có người nghe máy.",
];

pub(super) const CLOSINGS: &[&str] = &[
    "Tôi xin chân thành cảm ơn!",
    "Rất mong nhận được trả lời sớm. Trân trọng.",
    "Kính mong quý Bộ giải đáp giúp tôi.",
    "Xin cảm ơn và kính chúc sức khỏe.",
];

pub(super) const ANSWER_OPENINGS: &[&str] = &[
    "Trả lời phản ánh, kiến nghị của ông (bà) gửi qua hệ thống tiếp nhận, Bộ có ý kiến như sau:",
    "Bộ cảm ơn ông (bà) đã gửi câu hỏi. Về nội dung ông (bà) hỏi, Bộ xin trả lời như sau:",
    "Sau khi nghiên cứu nội dung kiến nghị, đơn vị chuyên môn của Bộ trả lời như sau:",
];

pub(super) const ANSWER_DETAILS: &[&str] = &[
    "Đối chiếu với quy định nêu trên, người lao động nộp hồ sơ tại nơi đang cư trú hoặc nơi làm việc trước khi nghỉ.",
    "Trường hợp giấy tờ bị mất, cơ quan tiếp nhận có trách nhiệm xác minh trong cơ sở dữ liệu, không yêu cầu người dân nộp lại.",
    "Thời hạn giải quyết là 20 ngày kể từ ngày nhận đủ hồ sơ hợp lệ; quá hạn thì phải có văn bản nêu rõ lý do.",
    "Do ông (bà) chưa cung cấp thông tin về thời gian tham gia nên Bộ chưa có cơ sở trả lời cụ thể về mức hưởng.",
    "Mức hưởng được tính trên bình quân tiền lương của các tháng liền kề trước khi nghỉ việc, không phải trên tháng cuối cùng.",
    "Quy định mới áp dụng đối với hồ sơ nộp từ ngày văn bản có hiệu lực; hồ sơ nộp trước đó giải quyết theo quy định cũ.",
    "Đề nghị ông (bà) liên hệ cơ quan chuyên môn cấp huyện nơi nộp hồ sơ để được hướng dẫn và giải quyết theo thẩm quyền.",
    "Bộ đã có văn bản đề nghị địa phương kiểm tra, giải quyết và báo cáo kết quả.",
];

pub(super) const ANSWER_CLOSINGS: &[&str] = &[
    "Trên đây là ý kiến trả lời của Bộ để ông (bà) biết./.",
    "Bộ trả lời để ông (bà) biết và thực hiện theo quy định./.",
    "Nếu còn vướng mắc, đề nghị ông (bà) gửi thêm thông tin để được hướng dẫn. Trân trọng./.",
];

/// What fits every field.
pub(super) const ANY_MATTER: Matter = Matter {
    field: "KHAC",
    subjects: &[
        "Đề nghị hướng dẫn thủ tục",
        "Phản ánh việc chậm trả kết quả hồ sơ",
        "Hỏi về cơ quan có thẩm quyền giải quyết",
    ],
    openings: &[
        "Tôi nộp hồ sơ đã quá ngày hẹn mà chưa nhận được kết quả, cũng không có thư xin lỗi.",
        "Tôi muốn hỏi nội dung này thuộc thẩm quyền của cơ quan nào và cần những giấy tờ gì.",
    ],
    details: &[
        "Tôi đã gửi đơn hai lần nhưng chưa có văn bản trả lời.",
        "Giấy tờ cũ của tôi ghi sai một chữ trong tên đệm.",
    ],
    requests: &["Đề nghị cơ quan có thẩm quyền xem xét, trả lời bằng văn bản.", "Xin được hướng dẫn thủ tục cụ thể."],
    bases: &["Căn cứ quy định hiện hành về giải quyết thủ tục hành chính theo cơ chế một cửa."],
};

/// Field by field, under the codes that the example dialects use.
pub(super) const MATTERS: &[Matter] = &[
    Matter {
        field: "BHTN",
        subjects: &[
            "Hỏi về điều kiện hưởng trợ cấp thất nghiệp",
            "Bảo lưu thời gian đóng bảo hiểm thất nghiệp",
            "Chấm dứt hưởng trợ cấp thất nghiệp khi có việc làm mới",
        ],
        openings: &[
            "Tôi đóng bảo hiểm thất nghiệp được 14 tháng thì công ty cho nghỉ vì hết đơn hàng.",
            "Tôi nghỉ việc theo thỏa thuận từ tháng 9, đến nay chưa nhận được quyết định chấm dứt hợp đồng.",
        ],
        details: &[
            "Trung tâm dịch vụ việc làm từ chối nhận hồ sơ vì quá ba tháng kể từ ngày nghỉ.",
            "Công ty nợ tiền bảo hiểm nên sổ của tôi chưa được chốt.",
        ],
        requests: &["Vậy tôi có được hưởng trợ cấp thất nghiệp không và nộp hồ sơ ở đâu?"],
        bases: &[
            "Điều kiện hưởng trợ cấp thất nghiệp thực hiện theo quy định của Luật Việc làm và nghị định hướng dẫn.",
        ],
    },
    Matter {
        field: "BHXH",
        subjects: &[
            "Tính thời gian đóng bảo hiểm xã hội trước năm 1995",
            "Hỏi về chế độ thai sản",
            "Đóng bảo hiểm xã hội một lần cho thời gian còn thiếu",
        ],
        openings: &[
            "Tôi công tác ở xã từ năm 1991 nhưng hồ sơ gốc đã thất lạc sau trận lũ.",
            "Vợ tôi sinh con khi mới đóng bảo hiểm xã hội được năm tháng rưỡi.",
        ],
        details: &[
            "Cơ quan bảo hiểm yêu cầu bảng lương của những năm đó, đơn vị cũ thì đã giải thể.",
            "Hai sổ bảo hiểm của tôi bị trùng bốn tháng, chưa được gộp.",
        ],
        requests: &["Xin hỏi thời gian đó có được cộng nối không và cần giấy tờ gì để chứng minh?"],
        bases: &["Thời gian tham gia bảo hiểm xã hội được tính theo quy định của Luật Bảo hiểm xã hội."],
    },
    Matter {
        field: "NCC",
        subjects: &[
            "Xác nhận người hoạt động kháng chiến bị nhiễm chất độc hóa học",
            "Chế độ đối với thân nhân liệt sĩ",
            "Hỗ trợ nhà ở cho người có công",
        ],
        openings: &[
            "Bố tôi tham gia kháng chiến từ năm 1968 đến năm 1975, giấy tờ gốc không còn.",
            "Gia đình tôi thờ cúng liệt sĩ nhưng chưa được hưởng trợ cấp hằng năm.",
        ],
        details: &[
            "Đồng đội làm chứng nay tuổi đã cao, có người đã mất.",
            "Hội đồng xã đã họp xét và lập biên bản nhưng huyện trả lại hồ sơ.",
        ],
        requests: &["Đề nghị hướng dẫn cách lập hồ sơ khi không còn giấy tờ gốc."],
        bases: &["Việc xác nhận thực hiện theo Pháp lệnh Ưu đãi người có công với cách mạng và nghị định hướng dẫn."],
    },
    Matter {
        field: "TLQHLD",
        subjects: &[
            "Công ty chậm trả lương ba tháng",
            "Hỏi về tiền lương làm thêm giờ ban đêm",
            "Áp dụng mức lương tối thiểu vùng",
        ],
        openings: &[
            "Công ty nơi tôi làm việc đã chậm trả lương ba tháng liền, viện lý do khách hàng chưa thanh toán.",
            "Tôi làm ca đêm vào ngày nghỉ lễ nhưng bảng lương chỉ tính hệ số như ngày thường.",
        ],
        details: &[
            "Khi công nhân hỏi thì quản đốc nói ai không đồng ý thì viết đơn xin nghỉ.",
            "Hợp đồng ghi một mức, phụ lục ghi mức khác và tôi không được giữ bản nào.",
        ],
        requests: &["Đề nghị cho biết cách tính đúng và cơ quan nào kiểm tra việc này."],
        bases: &["Tiền lương làm thêm giờ, làm việc vào ban đêm thực hiện theo quy định của Bộ luật Lao động."],
    },
    Matter {
        field: "LDNN",
        subjects: &["Đòi lại tiền đặt cọc đi làm việc ở nước ngoài", "Hỏi về chương trình cấp phép việc làm"],
        openings: &[
            "Tôi nộp tiền cho một công ty để đi làm việc ở nước ngoài nhưng mười tháng nay chưa được xuất cảnh.",
            "Con tôi đã thi đạt kỳ thi tiếng nhưng hồ sơ hết hạn mà chưa được lựa chọn.",
        ],
        details: &[
            "Công ty chỉ đưa phiếu thu viết tay, không có hợp đồng.",
            "Thông báo trên mạng nói khác với thông báo của huyện.",
        ],
        requests: &["Xin hỏi công ty đó có giấy phép không và tôi lấy lại tiền bằng cách nào?"],
        bases: &["Việc đưa người lao động đi làm việc ở nước ngoài theo hợp đồng thực hiện theo luật chuyên ngành."],
    },
    Matter {
        field: "BTXH",
        subjects: &[
            "Trợ cấp xã hội cho người khuyết tật nặng",
            "Trợ cấp cho người từ đủ 80 tuổi",
            "Chế độ của người nuôi dưỡng trẻ mồ côi",
        ],
        openings: &[
            "Mẹ tôi năm nay 81 tuổi, không có lương hưu, đã làm hồ sơ hưởng trợ cấp xã hội.",
            "Con tôi bị khuyết tật nặng, giấy xác nhận đã hết hạn và phải giám định lại.",
        ],
        details: &["Xã nói phải chờ đợt xét cuối năm.", "Mức trợ cấp nơi tôi ở thấp hơn xã bên cạnh."],
        requests: &["Xin hỏi thời điểm bắt đầu được hưởng tính từ khi nào?"],
        bases: &["Chính sách trợ giúp xã hội đối với đối tượng bảo trợ xã hội thực hiện theo nghị định của Chính phủ."],
    },
    Matter {
        field: "GDNN",
        subjects: &["Công nhận chứng chỉ nghề", "Miễn học phí cho học sinh học nghề"],
        openings: &[
            "Tôi có chứng chỉ nghề cấp năm 2012, nay công ty mới không công nhận.",
            "Em tốt nghiệp trung học cơ sở, đang học trung cấp nghề và chưa được miễn học phí.",
        ],
        details: &["Trường nói phải chờ kinh phí.", "Chương trình học ghi 1.800 giờ nhưng thực tế học ít hơn."],
        requests: &["Đề nghị hướng dẫn điều kiện và thủ tục."],
        bases: &["Chính sách đối với người học thực hiện theo Luật Giáo dục nghề nghiệp."],
    },
    Matter {
        field: "ATLD",
        subjects: &["Tai nạn lao động chưa được khai báo", "Bồi dưỡng bằng hiện vật cho người làm việc nặng nhọc"],
        openings: &[
            "Tôi bị tai nạn trong giờ làm việc tại xưởng, công ty không lập biên bản.",
            "Tổ chúng tôi hàn trong hầm kín nhưng không được bồi dưỡng và không có quạt hút.",
        ],
        details: &[
            "Chi phí điều trị tôi phải tự trả.",
            "Máy dập không có che chắn, đã hỏng công tắc dừng khẩn cấp từ lâu.",
        ],
        requests: &["Đề nghị kiểm tra và hướng dẫn quyền lợi của người lao động."],
        bases: &["Việc khai báo, điều tra tai nạn lao động thực hiện theo Luật An toàn, vệ sinh lao động."],
    },
];
