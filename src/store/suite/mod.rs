//! The behaviour of a store, whatever engine it is: every engine passes every test here.
//!
//! An engine runs them all by `suite::run_on!(make)`, where the async `make` gives a [`Bench`] on an empty store. A test that is
//! written and not listed here is dead code, which the build refuses.

pub(crate) mod changes;
pub(crate) mod deliveries;
pub(crate) mod doubt;
pub(crate) mod everything;
mod fixture;
pub(crate) mod lists;
pub(crate) mod messages;
pub(crate) mod reconciliation;

pub(crate) use fixture::{Bench, message};

/// A bench on the embedded engine, for tests of what stands on a store.
pub(crate) fn sqlite_bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("store.sqlite");
    let clock = Bench::clock();
    let store = super::sqlite::SqliteStore::open(place.to_str().unwrap(), clock.clone()).unwrap();
    Bench::new(store, clock, folder)
}

/// The same, and somebody else who has the file locked until that is dropped.
pub(crate) fn locked_sqlite_bench() -> (Bench, impl Sized) {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("store.sqlite");
    let clock = Bench::clock();
    let store = super::sqlite::SqliteStore::open(place.to_str().unwrap(), clock.clone()).unwrap();
    let somebody = rusqlite::Connection::open(&place).unwrap();
    somebody.execute_batch("BEGIN IMMEDIATE").unwrap();
    (Bench::new(store, clock, folder), somebody)
}

/// The suite, as tests of the engine whose stores `$make` gives.
macro_rules! run_on {
    ($make:expr) => {
        $crate::store::suite::run_on!($make, changes: [
            a_petition_is_read_back_as_it_was_committed,
            the_number_of_a_petitions_last_event_is_told,
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
        $crate::store::suite::run_on!($make, messages: [
            a_message_is_read_back_byte_for_byte,
            what_was_journalled_and_not_dealt_with_is_listed_oldest_first,
            a_message_that_was_reopened_is_unfinished_until_it_is_dealt_with_again,
            the_cursor_moves_with_the_message_or_not_at_all,
            a_cursor_moves_only_from_where_it_stood_when_the_page_was_asked_for,
            a_cursor_moves_without_a_message_when_there_was_nothing_new,
            quarantine_is_listed_newest_first_by_channel_and_fault,
            quarantine_is_searched_by_place_id_route_state_and_time,
            pages_of_the_quarantine_join_to_the_whole_in_both_orders_while_items_come_in,
            an_item_leaves_quarantine_when_it_is_taken_or_discarded,
            an_item_quarantined_twice_is_counted_once,
            the_items_of_a_petition_are_listed_oldest_first,
            a_code_list_is_kept_whole_and_replaced_whole,
            a_channel_tells_its_counts_and_times,
        ]);
        $crate::store::suite::run_on!($make, deliveries: [
            a_lane_gives_out_one_delivery_at_a_time_in_order,
            lanes_and_deliveries_without_one_do_not_hold_each_other_up,
            a_lane_is_a_channels_own,
            what_is_not_due_is_not_given_and_its_time_is_told,
            the_oldest_comes_first_and_no_more_than_asked,
            a_delivery_of_the_same_batch_can_be_claimed,
            a_lease_that_ends_gives_the_delivery_to_the_next,
            a_settlement_under_an_old_lease_has_no_effect_unless_it_says_delivered,
            a_delivery_settled_once_under_its_lease_is_not_settled_again_under_it,
            a_retry_waits_for_its_time_and_holds_its_lane_up,
            a_dead_letter_lets_its_lane_go_on_and_can_be_retried_before_the_rest,
            what_waits_for_its_time_is_tried_now_when_a_person_hurries_it,
            what_was_hurried_after_its_lease_ended_is_not_sent_back_to_waiting,
            a_retried_dead_letter_goes_first_when_the_lease_before_it_ends_unsettled,
            a_hurried_delivery_does_not_overtake_the_one_revived_before_it,
            a_lease_that_is_over_is_let_go_when_one_before_it_comes_forward,
            a_receipt_in_a_lane_does_not_break_the_lease_of_another_of_it,
            a_receipt_settles_without_a_lease_and_adds_its_reference_once,
            every_attempt_is_kept_with_its_verdict,
            a_paused_channel_and_an_excepted_one_are_given_nothing,
            deliveries_are_listed_newest_first_by_channel_petition_and_state,
        ]);
        $crate::store::suite::run_on!($make, doubt: [
            an_attempt_that_ended_without_a_word_leaves_its_delivery_in_doubt_and_is_counted,
            a_settlement_says_whether_the_doubt_stays,
            what_is_given_back_keeps_its_doubt_and_its_schedule,
            what_is_parked_is_not_given_out_and_holds_its_lane,
            a_parked_delivery_is_delivered_by_a_persons_word_and_its_lane_goes_on,
            a_parked_delivery_is_sent_again_by_a_persons_word_as_if_never_tried,
            a_persons_word_has_no_effect_on_what_is_not_parked,
            a_receipt_settles_what_is_parked_and_what_was_handed_over,
            a_dead_letter_can_be_found_delivered_after_all,
            a_change_takes_effect_with_its_settlement_or_not_at_all,
            a_settlement_of_a_stale_change_has_no_effect,
        ]);
        $crate::store::suite::run_on!($make, reconciliation: [
            a_run_is_kept_with_its_place_and_no_other_begins_beside_it,
            what_a_run_listed_is_found_and_what_is_no_petition_is_missing_page_by_page,
            petitions_of_a_channel_are_walked_once_each_with_their_deliveries,
            a_difference_is_found_seen_again_and_closed_once,
            a_difference_of_a_petition_comes_with_its_event_or_not_at_all,
            what_was_delivered_is_sent_again_in_its_place_and_counted_once,
        ]);
        $crate::store::suite::run_on!($make, everything: [what_is_odd_is_read_back_as_it_was_given,]);
        $crate::store::suite::run_on!($make, lists: [
            each_condition_on_what_a_petition_says_finds_its_own,
            the_unit_and_the_agency_forwarded_to_are_agencies_too,
            channel_and_external_id_find_together_and_apart,
            statuses_find_what_stands_in_them_now,
            received_bounds_are_exact_to_the_microsecond,
            overdue_is_open_and_past_its_date,
            due_soonest_puts_those_without_a_date_last,
            pages_join_to_the_whole_list_in_every_order_while_petitions_come_in,
            words_are_found_without_regard_to_case_marks_and_composition,
            the_words_of_the_answer_are_found_and_those_of_replaced_text_are_not,
        ]);
    };
    ($make:expr, $topic:ident: [$($test:ident,)+]) => {
        mod $topic {
            use super::*;
            $(
                #[tokio::test]
                async fn $test() {
                    $crate::store::suite::$topic::$test($make().await).await;
                }
            )+
        }
    };
}
pub(crate) use run_on;
