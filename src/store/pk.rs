//! The number of a petition's row: its order is the order of receipt, to the millisecond, so lists come out of the tables
//! in order.

use std::ops::RangeInclusive;

use super::columns::signed;
use crate::petition::Petition;

/// Bits of a row number that tell petitions of one millisecond apart; 43 are left for the millisecond, until 2248.
const PK_BITS: u32 = 20;

/// The row number of a new petition: the millisecond of receipt, then the number of its first event.
pub(in crate::store) fn pk_of(petition: &Petition, first_seq: u64) -> i64 {
    pk_at_millisecond(petition.received_at.as_millisecond()) | signed(first_seq) & ((1 << PK_BITS) - 1)
}

/// The first row number of a millisecond; its last is that of the next millisecond less one.
pub(in crate::store) fn pk_at_millisecond(millisecond: i64) -> i64 {
    millisecond.clamp(0, (1 << (63 - PK_BITS)) - 2) << PK_BITS
}

/// The millisecond that a row number belongs to.
pub(in crate::store) fn millisecond_of(pk: i64) -> i64 {
    pk >> PK_BITS
}

/// The row numbers of the same millisecond.
pub(in crate::store) fn beside(pk: i64) -> RangeInclusive<i64> {
    pk >> PK_BITS << PK_BITS..=pk | ((1 << PK_BITS) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_numbers_of_a_millisecond_stand_between_its_first_and_the_next_ones() {
        for millisecond in [0, 1, 1_561_939_200_000, (1 << 43) - 3] {
            let (first, next) = (pk_at_millisecond(millisecond), pk_at_millisecond(millisecond + 1));
            assert_eq!((millisecond_of(first), millisecond_of(next - 1)), (millisecond, millisecond));
            assert!(first < next);
            assert_eq!((beside(first), beside(next - 1)), (first..=next - 1, first..=next - 1));
        }
        assert_eq!(pk_at_millisecond(-1), 0, "before 1970 all is one millisecond");
        assert!(pk_at_millisecond(i64::MAX) > 0, "after 2248 too");
    }
}
