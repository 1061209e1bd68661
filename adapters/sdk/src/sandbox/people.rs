//! Made-up people and companies: plausible names, and numbers that nobody can have.
//!
//! Identity numbers begin with `999` (no province has that code), telephones with `0000`
//! (no subscriber's number does), addresses are streets "Thử" (test), e-mail ends in the reserved domain `example.vn`.

use rand::{Rng, seq::IndexedRandom};

/// A made-up citizen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Họ tên.
    pub full_name: String,
    /// Số định danh: twelve digits that are no real number.
    pub identity_number: String,
    /// Số điện thoại: ten digits that are no real number.
    pub telephone: String,
    /// Thư điện tử at a reserved domain.
    pub email: String,
    /// Địa chỉ: a street that does not exist.
    pub address: String,
}

const FAMILY_NAMES: &[&str] = &[
    "Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Huỳnh", "Phan", "Vũ", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương",
    "Lý", "Nông", "Vi", "Lò", "Hà", "Quách", "Đinh", "Trịnh", "Y", "H'",
];

const MIDDLE_NAMES: &[&str] = &[
    "Văn",
    "Thị",
    "Đức",
    "Ngọc",
    "Minh",
    "Thanh",
    "Hữu",
    "Quang",
    "Thu",
    "Kim",
    "Xuân",
    "Bích",
    "Công",
    "Gia",
    "Thị Thu",
    "Thị Ngọc",
    "Văn Quốc",
    "",
];

const GIVEN_NAMES: &[&str] = &[
    "An", "Bình", "Chi", "Dũng", "Đạt", "Giang", "Hà", "Hằng", "Hiếu", "Hoa", "Hùng", "Hương", "Khánh", "Lan", "Linh",
    "Long", "Mai", "Nam", "Nga", "Nhung", "Phúc", "Phương", "Quân", "Quỳnh", "Sơn", "Tâm", "Thảo", "Thắng", "Thủy",
    "Trang", "Tuấn", "Tú", "Vân", "Việt", "Yến", "Ỷ",
];

const STREETS: &[&str] = &["Thử Nghiệm", "Thử Một", "Thử Hai", "Kiểm Thử", "Ví Dụ", "Mô Phỏng"];

const PLACES: &[&str] = &[
    "thành phố Hà Nội",
    "Thành phố Hồ Chí Minh",
    "tỉnh Nghệ An",
    "tỉnh Cao Bằng",
    "tỉnh Tây Ninh",
    "tỉnh Đắk Lắk",
    "tỉnh Cà Mau",
    "thành phố Đà Nẵng",
    "tỉnh Lạng Sơn",
    "tỉnh Quảng Ngãi",
    "tỉnh Thanh Hóa",
    "tỉnh Bình Định",
];

const TRADES: &[&str] = &[
    "May mặc",
    "Chế biến thủy sản",
    "Vận tải",
    "Cơ khí",
    "Xây dựng",
    "Thương mại và Dịch vụ",
    "Da giày",
    "Điện tử",
    "Gỗ",
    "Nông sản",
];

const FORMS: &[&str] = &["Công ty TNHH", "Công ty cổ phần", "Doanh nghiệp tư nhân", "Hợp tác xã"];

/// A citizen.
pub fn citizen(rng: &mut impl Rng) -> Person {
    let names = [draw(rng, FAMILY_NAMES), draw(rng, MIDDLE_NAMES), draw(rng, GIVEN_NAMES)];
    let full_name = names.iter().filter(|it| !it.is_empty()).copied().collect::<Vec<_>>().join(" ");
    let number = rng.random_range(0..1_000_000_000u64);
    let house = rng.random_range(1..400);
    Person {
        full_name,
        identity_number: format!("999{number:09}"),
        telephone: format!("0000{:06}", number % 1_000_000),
        email: format!("cong.dan.{number}@example.vn"),
        address: format!("Số {house} đường {}, {}", draw(rng, STREETS), draw(rng, PLACES)),
    }
}

/// The name of a company.
pub fn business(rng: &mut impl Rng) -> String {
    format!("{} {} Thử {}", draw(rng, FORMS), draw(rng, TRADES), rng.random_range(1..1000))
}

/// One of `words`.
pub(super) fn draw<'a>(rng: &mut impl Rng, words: &[&'a str]) -> &'a str {
    words.choose(rng).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn people_are_the_same_by_seed_and_have_numbers_that_nobody_has() {
        let draw = || {
            let mut rng = ChaCha8Rng::seed_from_u64(3);
            (0..200).map(|_| citizen(&mut rng)).collect::<Vec<_>>()
        };
        assert_eq!(draw(), draw());
        for person in draw() {
            assert!(person.identity_number.len() == 12 && person.identity_number.starts_with("999"));
            assert!(person.telephone.len() == 10 && person.telephone.starts_with("0000"));
            assert!(person.email.ends_with("@example.vn") && !person.full_name.contains("  "));
        }
    }
}
