//! Each call of a cycle fails once: the first, the second, … until a cycle has no further one.

use std::{fs, path::PathBuf};

use super::{
    cycle::Site,
    strace::{Fault, Strace},
};

/// No cycle makes so many calls of one kind on one file; more would be the gateway spinning.
const CALLS_MAX: usize = 1_500;
/// Of the many writes of a cycle every so many are tried, and of all other calls each; `1` in the environment tries all.
const STRIDE: usize = 12;
const STRIDE_VARIABLE: &str = "PETITION_GATEWAY_TEST_STRIDE";
/// A cycle that a beat or a poll joins makes some calls more: the end is where so many in a row make no further one.
const CYCLES_WITHOUT: usize = 2;

/// What fails: calls, where, with which error.
struct Row {
    calls: &'static str,
    place: fn(&Site) -> Vec<PathBuf>,
    error: &'static str,
}

fn database(site: &Site) -> Vec<PathBuf> {
    ["gateway.db", "gateway.db-wal", "gateway.db-shm"].map(|name| site.data().join(name)).to_vec()
}

/// The folder in which contents land is known; that in which they come in is the one that is there.
fn spool(site: &Site) -> Vec<PathBuf> {
    let unfinished = site.data().join("blobs/unfinished");
    let own = fs::read_dir(&unfinished).unwrap().map(|it| it.unwrap().path()).find(|it| it.is_dir()).unwrap();
    (0..400).map(|number| own.join(number.to_string())).collect()
}

fn attachments(site: &Site) -> Vec<PathBuf> {
    vec![site.data().join("blobs")]
}

/// Fails each call of a row once, a cycle for each; how many there were.
async fn each_fails_once(row: Row) {
    let mut site = Site::open(None).await;
    site.cycle().await;
    let (mut befallen, mut without) = (0, 0);
    let usual = if row.calls == "pwrite64" { STRIDE } else { 1 };
    let stride = std::env::var(STRIDE_VARIABLE).map_or(usual, |it| it.parse().unwrap());
    for at in (1..=CALLS_MAX).step_by(stride) {
        let paths = (row.place)(&site);
        let fault = Fault { calls: row.calls, paths, effect: format!("error={}:when={at}", row.error) };
        let strace = Strace::attach(site.gateway().pid(), &fault);
        site.cycle().await;
        let count = strace.befallen();
        drop(strace);
        site.until_ready(true).await;
        befallen += usize::from(count > 0);
        without = if count > 0 { 0 } else { without + 1 };
        if without > CYCLES_WITHOUT {
            break;
        }
    }
    assert!(befallen > 0, "{} {}: the cycle makes no such call", row.calls, row.error);
    assert!(without > 0, "{} {}: the calls of a cycle have no end", row.calls, row.error);
    eprintln!("{} {}: {befallen} calls failed, callers were told {:?}", row.calls, row.error, site.refusals);
    site.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_each_write_of_the_store_may_fail() {
    each_fails_once(Row { calls: "pwrite64", place: database, error: "EIO" }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_each_write_of_the_store_may_find_a_full_disk() {
    each_fails_once(Row { calls: "pwrite64", place: database, error: "ENOSPC" }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_each_flush_of_the_store_may_fail() {
    each_fails_once(Row { calls: "fdatasync,fsync", place: database, error: "EIO" }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_each_write_of_a_file_may_find_a_full_disk() {
    each_fails_once(Row { calls: "write", place: spool, error: "ENOSPC" }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_each_flush_of_a_file_may_fail() {
    each_fails_once(Row { calls: "fsync,fdatasync", place: spool, error: "EIO" }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_each_file_may_find_no_place() {
    each_fails_once(Row { calls: "openat,rename", place: spool, error: "ENOSPC" }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_each_flush_of_a_folder_of_files_may_fail() {
    each_fails_once(Row { calls: "fsync,openat", place: attachments, error: "EIO" }).await;
}
