//! Moving a store in and out of this engine: what is its own, how tables are gone through, a database that is away for a while.

use super::{
    super::{
        PostgresStore,
        copy::{planning, select},
    },
    connected, place,
    wire::Wire,
};
use crate::{
    clock::SystemClock,
    config,
    store::{
        copy::{self, TABLES, table},
        sqlite::SqliteStore,
        suite::{Bench, everything},
    },
};

/// Tables, and columns of tables, that mean nothing on another store or are made anew.
const OWN: [&str; 8] = [
    "petition_gateway_schema",
    "texts",
    "gateways",
    "turns",
    "listings",
    "counters.one",
    "messages.owner",
    "channels.sync_asked",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_column_is_either_copied_or_this_engines_own() {
    let place = place();
    PostgresStore::open_at(&place.url(), Bench::clock()).await;
    let columns = "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns \
                   WHERE table_schema = 'public'";
    let mut found = 0;
    for column in place.run(columns) {
        let [of, name, sort, may_be_absent] = &column[..] else { panic!("{column:?}") };
        if OWN.contains(&of.as_str()) || OWN.contains(&format!("{of}.{name}").as_str()) {
            continue;
        }
        let known = table(of).and_then(|table| table.columns.iter().find(|column| column.name == name));
        let known = known.unwrap_or_else(|| panic!("{of}.{name} is not copied"));
        let sorts = match known.sort {
            copy::Sort::Integer => "bigint",
            copy::Sort::Boolean => "boolean",
            copy::Sort::Uuid => "uuid",
            copy::Sort::Text | copy::Sort::Json => "text",
            copy::Sort::Bytes => "bytea",
        };
        assert_eq!((sort.as_str(), may_be_absent == "YES"), (sorts, known.may_be_absent), "{of}.{name}");
        found += 1;
    }
    assert_eq!(found, TABLES.iter().map(|table| table.columns.len()).sum::<usize>());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_table_is_sorted_before_it_is_read() {
    let place = place();
    PostgresStore::open_at(&place.url(), Bench::clock()).await;
    let client = connected(&place).await.writer().await.unwrap();
    client.batch_execute(&planning(true)).await.unwrap();
    for table in &TABLES {
        let plan = client.query(&format!("EXPLAIN {}", select(table)), &[]).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
        assert!(plan.iter().all(|line| !line.contains("Sort")), "{}: {plan:?}", table.name);
        assert_eq!(plan[0].contains("Index"), table.key_in_order().count() > 0, "{plan:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_goes_on_over_a_connection_that_is_lost_before_a_commit_or_after() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("from.db");
    let clock = Bench::clock();
    let bench = Bench::new(SqliteStore::open(file.to_str().unwrap(), clock.clone()).unwrap(), clock, ());
    everything::fill(&bench).await;
    drop(bench);
    let (from, place) = (config::store_of_url(&format!("sqlite:{}", file.display())).unwrap(), place());
    let wire = Wire::to(&place);
    let to = config::store_of_url(&wire.url).unwrap();
    let mut tables = Vec::new();
    let mut told = |progress: copy::Progress| {
        if progress.phase == copy::Phase::Copy && !tables.contains(&progress.table) {
            match progress.table {
                "dossiers" => wire.lose_next_reply_to_a_commit(),
                "messages" => wire.cut_before_next_commit(),
                _ => {}
            }
            tables.push(progress.table);
        }
    };
    assert!(copy::copy(&from, &to, false, &mut told).await.unwrap().is_equal());
    assert_eq!(wire.lost(), 2);
    crate::store::open(to, std::sync::Arc::new(SystemClock)).await.unwrap();
}
