//! The behaviour of a store, whatever engine it is: every engine passes every test here.
//!
//! An engine runs them all by `suite::run_on!(make)`, where `make` gives a [`Bench`] on an empty store. A test that is
//! written and not listed here is dead code, which the build refuses.

pub(crate) mod changes;
mod fixture;

pub(crate) use fixture::Bench;

/// The suite, as tests of the engine whose stores `$make` gives.
macro_rules! run_on {
    ($make:expr) => {
        $crate::store::suite::run_on!($make, changes: [
            a_petition_is_read_back_as_it_was_committed,
            a_petition_sent_twice_is_recorded_once,
            the_same_petition_twice_in_one_batch_is_recorded_once,
            the_same_key_is_answered_with_what_it_did,
            a_key_used_for_another_call_is_refused,
            the_same_key_of_another_caller_is_another_key,
            a_decision_on_an_old_version_is_stale_and_changes_nothing,
            a_second_change_of_a_petition_in_one_batch_sees_the_first,
            a_batch_that_fails_leaves_nothing,
            a_change_takes_its_item_and_its_deliveries_along,
            sequence_numbers_are_gapless_and_in_order_under_eight_writers,
        ]);
    };
    ($make:expr, $topic:ident: [$($test:ident,)+]) => {
        mod $topic {
            use super::*;
            $(
                #[tokio::test]
                async fn $test() {
                    $crate::store::suite::$topic::$test($make()).await;
                }
            )+
        }
    };
}
pub(crate) use run_on;
