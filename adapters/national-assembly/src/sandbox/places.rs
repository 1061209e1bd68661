//! The 63 delegations of the National Assembly's XIVth term, by province code and name, and made-up constituencies.

/// Code and name of each province; a delegation is named after its province.
pub(super) const PROVINCES: &[(&str, &str)] = &[
    ("01", "thành phố Hà Nội"),
    ("02", "tỉnh Hà Giang"),
    ("04", "tỉnh Cao Bằng"),
    ("06", "tỉnh Bắc Kạn"),
    ("08", "tỉnh Tuyên Quang"),
    ("10", "tỉnh Lào Cai"),
    ("11", "tỉnh Điện Biên"),
    ("12", "tỉnh Lai Châu"),
    ("14", "tỉnh Sơn La"),
    ("15", "tỉnh Yên Bái"),
    ("17", "tỉnh Hòa Bình"),
    ("19", "tỉnh Thái Nguyên"),
    ("20", "tỉnh Lạng Sơn"),
    ("22", "tỉnh Quảng Ninh"),
    ("24", "tỉnh Bắc Giang"),
    ("25", "tỉnh Phú Thọ"),
    ("26", "tỉnh Vĩnh Phúc"),
    ("27", "tỉnh Bắc Ninh"),
    ("30", "tỉnh Hải Dương"),
    ("31", "thành phố Hải Phòng"),
    ("33", "tỉnh Hưng Yên"),
    ("34", "tỉnh Thái Bình"),
    ("35", "tỉnh Hà Nam"),
    ("36", "tỉnh Nam Định"),
    ("37", "tỉnh Ninh Bình"),
    ("38", "tỉnh Thanh Hóa"),
    ("40", "tỉnh Nghệ An"),
    ("42", "tỉnh Hà Tĩnh"),
    ("44", "tỉnh Quảng Bình"),
    ("45", "tỉnh Quảng Trị"),
    ("46", "tỉnh Thừa Thiên Huế"),
    ("48", "thành phố Đà Nẵng"),
    ("49", "tỉnh Quảng Nam"),
    ("51", "tỉnh Quảng Ngãi"),
    ("52", "tỉnh Bình Định"),
    ("54", "tỉnh Phú Yên"),
    ("56", "tỉnh Khánh Hòa"),
    ("58", "tỉnh Ninh Thuận"),
    ("60", "tỉnh Bình Thuận"),
    ("62", "tỉnh Kon Tum"),
    ("64", "tỉnh Gia Lai"),
    ("66", "tỉnh Đắk Lắk"),
    ("67", "tỉnh Đắk Nông"),
    ("68", "tỉnh Lâm Đồng"),
    ("70", "tỉnh Bình Phước"),
    ("72", "tỉnh Tây Ninh"),
    ("74", "tỉnh Bình Dương"),
    ("75", "tỉnh Đồng Nai"),
    ("77", "tỉnh Bà Rịa - Vũng Tàu"),
    ("79", "Thành phố Hồ Chí Minh"),
    ("80", "tỉnh Long An"),
    ("82", "tỉnh Tiền Giang"),
    ("83", "tỉnh Bến Tre"),
    ("84", "tỉnh Trà Vinh"),
    ("86", "tỉnh Vĩnh Long"),
    ("87", "tỉnh Đồng Tháp"),
    ("89", "tỉnh An Giang"),
    ("91", "tỉnh Kiên Giang"),
    ("92", "thành phố Cần Thơ"),
    ("93", "tỉnh Hậu Giang"),
    ("94", "tỉnh Sóc Trăng"),
    ("95", "tỉnh Bạc Liêu"),
    ("96", "tỉnh Cà Mau"),
];

/// Constituencies, made up: no province has districts of these names.
pub(super) const CONSTITUENCIES: &[&str] = &[
    "Huyện Thượng Khê",
    "Huyện An Trạch",
    "Huyện Vĩnh Sơn Hạ",
    "Quận Tân Lâm",
    "Thị xã Phú Điền",
    "Huyện Đông Thạch",
    "Quận Hòa Khánh Nam",
    "Huyện Bình Giang Thượng",
    "Thị xã Long Hải Đông",
    "Huyện Kim Sơn Tây",
];

/// Deputies, made up.
pub(super) const DEPUTIES: &[&str] = &[
    "Đại biểu Lê Thí Điểm",
    "Đại biểu Nguyễn Thị Mô Phỏng",
    "Đại biểu Trần Văn Ví Dụ",
    "Đại biểu Phạm Thị Giả Định",
    "Đại biểu Hoàng Minh Họa",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_63_delegations_with_ascending_codes() {
        assert_eq!(PROVINCES.len(), 63);
        assert!(PROVINCES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
