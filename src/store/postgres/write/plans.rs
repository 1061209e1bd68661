//! Which index each statement of a writing transaction reads.

use super::{claim, load};
use crate::store::postgres::tests::plans::{Hot, check};

#[test]
fn what_a_batch_touches_is_found_by_its_key() {
    let (ids, numbers, names) = ("ARRAY[md5('p7')::uuid]", "ARRAY[7]", "ARRAY['portal']");
    check(&[
        Hot::prepared("requests", load::REQUESTS, &["ARRAY[md5('r7')::uuid]", "ARRAY['ministry']"], "request_once"),
        Hot::prepared("petitions", load::PETITIONS, &[ids], "petition_id_once"),
        Hot::prepared("external ids", load::EXTERNAL_IDS, &[names, "ARRAY['PA-7']"], "petition_external_id_once"),
        Hot::prepared("items", load::ITEMS, &[numbers, "ARRAY[0]"], "item_once"),
        Hot::prepared("channels of messages", load::CHANNELS_OF, &[numbers], "messages_pkey"),
        Hot::prepared(
            "messages to take over",
            load::MAY_TAKE,
            &[numbers, "md5('g1')::uuid", "7"],
            "messages_unfinished",
        ),
        Hot::prepared("deliveries", load::DELIVERIES, &["ARRAY[md5('d7')::uuid]"], "delivery_id_once"),
        Hot::prepared("due", claim::LEASE, &[names, "ARRAY[9]", "50", "300000", "400000"], "deliveries_due"),
        Hot::prepared("due late", claim::FORWARD, &[names, "ARRAY[9]", "50", "300000"], "deliveries_due"),
        Hot::prepared("leased until", claim::LEASED_UNTIL, &["300000"], "deliveries_due"),
    ]);
}
