//! Which index each statement of a writing transaction reads.

use super::{claim, flush, load};
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

#[test]
fn what_a_batch_changes_is_found_by_its_key() {
    let (one, none, name) = ("ARRAY[7]", "'{NULL}'", "ARRAY['portal']");
    let petition = [one, "ARRAY[md5('p7')::uuid]", one, one, name, name, name, name, name, name, name, name, name];
    let delivery = [one, one, "ARRAY[true]", "ARRAY[false]", one, one, one, none, none, none, "ARRAY[false]", one];
    check(&[
        Hot::prepared("petitions", flush::PETITIONS_UPDATE, &petition, "petitions_pkey"),
        Hot::prepared("documents", flush::DOSSIERS_UPDATE, &[one, name], "dossiers_pkey"),
        Hot::prepared("messages", flush::MESSAGES_UPDATE, &[one, one, none], "messages_pkey"),
        Hot::prepared("deliveries", flush::DELIVERIES_UPDATE, &delivery, "deliveries_pkey"),
        Hot::prepared("lanes", flush::LANES_MARK, &[name, "ARRAY['PA-99500']", "300000"], "deliveries_by_lane"),
    ]);
}
