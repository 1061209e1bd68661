//! Which index each hot statement reads, and how few rows, on a database of a size at which that matters.
//!
//! To add a statement: a line in a table below, with its values as SQL writes them, and the index that it must read.

use std::sync::OnceLock;

use postgres_server::{Database, Server};
use serde_json::Value as Json;

use crate::{
    petition::{PetitionId, Status},
    store::{
        DeliveryId, DeliveryQuery, DeliveryState, ItemRef, MessageId, PetitionQuery, QuarantineQuery, Sort,
        pk::pk_at_millisecond,
        postgres::{
            delivery_list, event, message, petition,
            petition_conditions::Conditions,
            petition_select::{Way, page},
            schema::STEPS,
            statement::{Statement, Value},
        },
    },
};

/// The tables that nobody may read from end to end; the others have a row for each channel or gateway.
const LARGE: [&str; 10] =
    ["petitions", "dossiers", "texts", "events", "requests", "messages", "items", "deliveries", "errands", "attempts"];

/// The rows of a page in these tests.
const PAGE: u32 = 50;
/// Sorting this many rows is nothing; each arm of a list may give a page.
const SORTED_MAX: f64 = 400.0;
/// The rows that a statement may look at: a page and what belongs to its rows, with what each arm of a list looks ahead.
const ROWS_MAX: f64 = 800.0;

/// A statement that is run often.
pub(in crate::store::postgres) struct Hot {
    name: String,
    sql: String,
    /// As SQL writes them.
    values: Vec<String>,
    index: &'static str,
    /// Whether it is prepared once for all values; otherwise it is planned for those it has.
    is_prepared: bool,
    rows_max: f64,
}

impl Hot {
    /// A statement that is prepared once.
    pub(in crate::store::postgres) fn prepared(name: &str, sql: &str, values: &[&str], index: &'static str) -> Hot {
        Hot {
            name: name.to_owned(),
            sql: sql.to_owned(),
            values: values.iter().map(|&value| value.to_owned()).collect(),
            index,
            is_prepared: true,
            rows_max: ROWS_MAX,
        }
    }

    /// A statement that is put together.
    fn made(name: &str, statement: Statement, index: &'static str) -> Hot {
        let values = statement.values.iter().map(literal).collect();
        Hot { name: name.to_owned(), sql: statement.sql, values, index, is_prepared: false, rows_max: ROWS_MAX }
    }

    /// A list of petitions.
    fn list(name: &str, query: &PetitionQuery, way: Way, index: &'static str) -> Hot {
        let conditions = Conditions::of(query).unwrap().expect("the query leaves a status");
        Hot::made(name, page(&conditions, PAGE as usize + 1, way), index)
    }

    /// May look at that many rows.
    fn of_rows(self, rows_max: f64) -> Hot {
        Hot { rows_max, ..self }
    }

    /// The plan, as JSON; of a statement that only reads, with what it did.
    fn plan(&self, place: &Database, mode: &str) -> Json {
        let how = if self.sql.starts_with("SELECT") || self.sql.starts_with("WITH found") {
            "(FORMAT JSON, ANALYZE, TIMING OFF)"
        } else {
            "(FORMAT JSON)"
        };
        let values = match &self.values[..] {
            [] => String::new(),
            values => format!("({})", values.join(", ")),
        };
        let rows = place.run(&format!(
            "SET plan_cache_mode = {mode}; SET jit = off; PREPARE hot AS {}; EXPLAIN {how} EXECUTE hot{values}",
            self.sql
        ));
        let plan: Json = serde_json::from_str(&rows[0][0]).expect("a plan is JSON");
        plan[0]["Plan"].clone()
    }

    /// What is wrong with it; nothing, as a rule.
    fn faults(&self, place: &Database) -> Vec<String> {
        let modes: &[&str] =
            if self.is_prepared { &["force_generic_plan", "force_custom_plan"] } else { &["force_custom_plan"] };
        let mut faults = Vec::new();
        for mode in modes {
            let plan = self.plan(place, mode);
            let mut nodes = Vec::new();
            collect(&plan, &mut nodes);
            let mut found: Vec<String> = nodes.iter().filter_map(|node| fault_of(node)).collect();
            if !nodes.iter().any(|node| node["Index Name"] == self.index) {
                found.push(format!("does not read {}", self.index));
            }
            let rows: f64 = nodes.iter().map(|node| rows_of(node)).sum();
            if rows > self.rows_max {
                found.push(format!("looks at {rows} rows"));
            }
            faults.extend(found.iter().map(|fault| format!("{} ({mode}) {fault}:\n{plan:#}", self.name)));
        }
        faults
    }
}

/// The node and all below it.
fn collect<'a>(node: &'a Json, nodes: &mut Vec<&'a Json>) {
    nodes.push(node);
    for below in node["Plans"].as_array().into_iter().flatten() {
        collect(below, nodes);
    }
}

fn number(node: &Json, key: &str) -> f64 {
    node[key].as_f64().unwrap_or(0.0)
}

/// The rows that a scan looked at; those of its index are the same.
fn rows_of(node: &Json) -> f64 {
    let is_of_table = node["Relation Name"].is_string();
    let rows: f64 = ["Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck"]
        .iter()
        .map(|key| number(node, key))
        .sum();
    if is_of_table { rows * number(node, "Actual Loops") } else { 0.0 }
}

fn fault_of(node: &Json) -> Option<String> {
    let kind = node["Node Type"].as_str().unwrap_or_default();
    let table = node["Relation Name"].as_str().unwrap_or_default();
    if kind == "Seq Scan" && LARGE.contains(&table) {
        return Some(format!("reads all of {table}"));
    }
    let sorted = number(node, "Plan Rows").max(number(&node["Plans"][0], "Actual Rows"));
    (kind == "Sort" && sorted > SORTED_MAX).then(|| format!("sorts {sorted} rows"))
}

fn literal(value: &Value) -> String {
    let quoted = |text: &String| format!("'{}'", text.replace('\'', "''"));
    match value {
        Value::Integer(it) => it.to_string(),
        Value::Id(it) => format!("'{it}'::uuid"),
        Value::Text(it) => format!("{}::text", quoted(it)),
        Value::Texts(it) => format!("ARRAY[{}]::text[]", it.iter().map(quoted).collect::<Vec<_>>().join(", ")),
    }
}

/// One database for all tests here.
fn filled() -> &'static Database {
    static FILLED: OnceLock<Database> = OnceLock::new();
    FILLED.get_or_init(|| {
        let place = Server::shared().database();
        for step in STEPS {
            place.run(step);
        }
        place.run(include_str!("plans.sql"));
        place
    })
}

/// Sees that each reads its index and little else.
pub(in crate::store::postgres) fn check(statements: &[Hot]) {
    let faults: Vec<String> = statements.iter().flat_map(|hot| hot.faults(filled())).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// Petition 70,000.
const PETITION: &str = "md5('p70000')::uuid";

#[test]
fn what_is_asked_by_its_key_is_found_by_its_key() {
    check(&[
        Hot::prepared("petition", petition::PETITION_GET, &[PETITION], "petition_id_once"),
        Hot::prepared(
            "petition by external id",
            petition::PETITION_GET_BY_EXTERNAL_ID,
            &["'portal'", "'PA-70001'"],
            "petition_external_id_once",
        ),
        Hot::prepared("a petition's last event", petition::PETITION_SEQ, &[PETITION], "petition_id_once"),
        Hot::prepared("request", petition::REQUEST_GET, &["md5('r7')::uuid", "'ministry'"], "request_once"),
        Hot::prepared("events after", event::EVENT_LIST_AFTER, &["70000", "50"], "events_pkey"),
        Hot::prepared("events of a petition", event::EVENT_LIST_OF, &[PETITION], "event_version_once"),
        Hot::prepared("items of a petition", message::ITEM_LIST_OF, &[PETITION], "items_by_petition"),
    ]);
}

fn query() -> PetitionQuery {
    PetitionQuery { limit: PAGE, ..PetitionQuery::default() }
}

/// The key of the last row of some page: petition 60,000.
fn after(sort: Sort) -> Option<(String, PetitionId)> {
    let at = (1_561_939_200_000 + 60_000 * 600_000_i64) * 1_000;
    let key = if sort == Sort::DueSoonest { "2020-03-01".to_owned() } else { at.to_string() };
    Some((key, PetitionId(uuid::Uuid::from_u128(7 << 120))))
}

#[test]
fn pages_of_every_order_come_out_of_an_index_wherever_they_begin() {
    let mut lists = Vec::new();
    for (sort, index) in [
        (Sort::ReceivedNewest, "petitions_pkey"),
        (Sort::ReceivedOldest, "petitions_pkey"),
        (Sort::DueSoonest, "petitions_by_due"),
    ] {
        let first = PetitionQuery { sort, ..query() };
        lists.push(Hot::list(&format!("{sort:?}"), &first, Way::Walk, index));
        let next = PetitionQuery { after: after(sort), ..first };
        lists.push(Hot::list(&format!("{sort:?} further on"), &next, Way::Walk, index));
    }
    let cut = pk_at_millisecond(1_561_939_200_000 + 60_000 * 600_000) + 7;
    let rest = Hot::list("the rest of a millisecond", &query(), Way::RestOfMillisecond(cut), "petitions_pkey");
    lists.push(rest);
    check(&lists);
}

#[test]
fn a_list_of_some_values_reads_their_index_however_common_and_however_long_ago_they_are() {
    let list = |value: &str| vec![value.to_owned()];
    let of = |statuses: &[Status]| PetitionQuery { statuses: statuses.to_vec(), ..query() };
    let narrowed = [
        (of(&[Status::Closed]), "petitions_by_status"),
        (of(&[Status::Reopened]), "petitions_by_status"),
        (of(&[Status::Received, Status::Closed, Status::Reopened]), "petitions_by_status"),
        (PetitionQuery { localities: list("rare"), ..query() }, "petitions_by_locality"),
        (PetitionQuery { localities: list("P7"), ..query() }, "petitions_by_locality"),
        (PetitionQuery { localities: list("old-3"), ..query() }, "petitions_by_locality"),
        (PetitionQuery { localities: vec!["rare".to_owned(), "old-3".to_owned()], ..query() }, "petitions_by_locality"),
        (PetitionQuery { localities: list("rare"), ..of(&[Status::Closed]) }, "petitions_by_locality"),
        (PetitionQuery { fields: list("F7"), ..query() }, "petitions_by_field"),
        (PetitionQuery { agencies: list("A7"), ..query() }, "petitions_by_forwarding_agency"),
        (PetitionQuery { agencies: list("G09"), ..query() }, "petitions_by_receiving_agency"),
        (PetitionQuery { agencies: list("U7"), ..query() }, "petitions_by_unit"),
        (PetitionQuery { agencies: list("rare"), ..query() }, "petitions_by_forwarded_to"),
    ];
    let mut lists = Vec::new();
    for (query, index) in narrowed {
        for sort in [Sort::ReceivedNewest, Sort::ReceivedOldest] {
            for after in [None, after(sort)] {
                let query = PetitionQuery { sort, after, ..query.clone() };
                lists.push(Hot::list(&format!("{query:?}"), &query, Way::Walk, index));
            }
        }
    }
    let external_id = Some("PA-77777".to_owned());
    let query = PetitionQuery { external_id, ..query() };
    lists.push(Hot::list("an external id of any channel", &query, Way::Walk, "petition_external_id_once"));
    check(&lists);
}

#[test]
fn words_are_walked_past_or_looked_up_and_nothing_else() {
    let of = |text: &str| PetitionQuery { text: Some(text.to_owned()), ..query() };
    let received = PetitionQuery { statuses: vec![Status::Received, Status::Reopened], ..of("hồ w0") };
    let due = PetitionQuery { sort: Sort::DueSoonest, ..of("hồ w0") };
    let further = PetitionQuery { after: after(Sort::ReceivedNewest), ..of("hồ w0") };
    let missed = PetitionQuery { localities: vec!["rare".to_owned()], ..of("rare w0") };
    check(&[
        Hot::list("common words", &of("hồ w0"), Way::WalkPast(1_000), "petitions_pkey"),
        Hot::list("common words further on", &further, Way::WalkPast(1_000), "petitions_pkey"),
        Hot::list("common words to the end", &of("hồ w0"), Way::Walk, "petitions_pkey"),
        Hot::list("common words in two statuses", &received, Way::WalkPast(1_000), "petitions_by_status"),
        Hot::list("common words by due date", &due, Way::WalkPast(1_000), "petitions_by_due").of_rows(3_000.0),
        Hot::list("a rare word walked past", &of("rare"), Way::WalkPast(1_000), "petitions_pkey").of_rows(2_000.0),
        Hot::list("a rare word", &of("rare"), Way::Hits(10_000), "texts_by_word"),
        Hot::list("an unknown word", &of("chưa từng có"), Way::Hits(10_000), "texts_by_word"),
        Hot::list("a rare and a common word", &missed, Way::Hits(10_000), "texts_by_word"),
    ]);
}

#[test]
fn what_waits_is_found_without_what_is_done() {
    let gateway = "md5('g1')::uuid";
    let oldest = QuarantineQuery { oldest_first: true, limit: PAGE, ..QuarantineQuery::default() };
    let after = Some(ItemRef { message: MessageId(70_000), index: 0 });
    let newest = QuarantineQuery { after, limit: PAGE, ..QuarantineQuery::default() };
    let mut portals = QuarantineQuery { channel: Some("portal".to_owned()), ..newest.clone() };
    portals.fault_code = Some("missing".to_owned());
    check(&[
        Hot::prepared("unfinished messages", message::UNFINISHED, &[gateway, "7", "50"], "messages_unfinished"),
        Hot::made("quarantine, oldest first", message::quarantine_page(&oldest), "items_in_quarantine"),
        Hot::made("quarantine, newest first", message::quarantine_page(&newest), "items_in_quarantine"),
        Hot::made("quarantine of a channel", message::quarantine_page(&portals), "items_in_quarantine"),
        Hot::prepared("next due time", delivery_list::NEXT_AT, &[], "deliveries_due"),
    ]);
}

#[test]
fn pages_of_deliveries_come_out_of_an_index() {
    let query = DeliveryQuery { limit: PAGE, ..DeliveryQuery::default() };
    let of = |state: DeliveryState| DeliveryQuery { state: Some(state), ..query.clone() };
    let petition = Some(PetitionId(uuid::Uuid::from_u128(0x70_000)));
    let after = Some(DeliveryId(uuid::Uuid::from_u128(0x70_000)));
    let made = |name: &str, query: &DeliveryQuery, index| Hot::made(name, delivery_list::page(query), index);
    check(&[
        made("deliveries", &query, "deliveries_pkey"),
        made("deliveries further on", &DeliveryQuery { after, ..query.clone() }, "deliveries_pkey"),
        made("deliveries of a petition", &DeliveryQuery { petition, ..query.clone() }, "deliveries_by_petition"),
        made("deliveries that wait", &of(DeliveryState::Pending), "deliveries_pending"),
        made("dead letters", &of(DeliveryState::DeadLetter), "deliveries_dead"),
        made("parked", &of(DeliveryState::Parked), "deliveries_parked"),
    ]);
}
