//! A disk that takes nothing for a while, or takes it slowly.

use std::time::Duration;

use petition_gateway::pb;
use tokio::time::sleep;
use tonic::Code;

use super::{
    cycle::Site,
    disk::Disk,
    strace::{Fault, Strace},
};
use crate::{support::new_request_id, together::petitioners::draft};

/// Nothing is taken, everything is refused clearly, and what is there can be read.
async fn nothing_is_acknowledged(site: &Site) {
    let mut ministry = site.ministry().await;
    for number in 0..5 {
        let external_id = format!("KHÔNG-{number}");
        let request = pb::SubmitPetitionRequest { request_id: new_request_id(), petition: Some(draft(&external_id)) };
        let refusal = ministry.petitions.submit_petition(request).await.unwrap_err();
        assert_eq!(refusal.code(), Code::Unavailable, "{refusal:?}");
        assert!(!ministry.list("").await.is_empty(), "what is there can be read");
    }
}

/// Everything fails from now on: told, and over when the disk works again.
async fn the_disk_fails_for_a_while(error: &str) {
    let mut site = Site::open(None).await;
    site.cycle().await;
    let paths = ["gateway.db", "gateway.db-wal", "gateway.db-shm"].map(|name| site.data().join(name)).to_vec();
    let effect = format!("error={error}:when=1+");
    let strace = Strace::attach(site.gateway().pid(), &Fault { calls: "pwrite64,fdatasync,fsync", paths, effect });
    nothing_is_acknowledged(&site).await;
    site.until_ready(false).await;
    assert!(strace.befallen() > 0);
    drop(strace);
    site.until_ready(true).await;
    site.cycle().await;
    site.audit_but_for(5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_while_the_disk_fails_nothing_is_acknowledged_and_health_says_so() {
    the_disk_fails_for_a_while("EIO").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_while_the_disk_is_read_only_nothing_is_acknowledged_and_health_says_so() {
    the_disk_fails_for_a_while("EROFS").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_a_disk_that_is_really_full_stops_nothing_for_good() {
    let disk = Disk::mount(48);
    let mut site = Site::open(Some(disk.path())).await;
    site.cycle().await;
    disk.fill();
    // The room that the log had already is used up first: what goes into it is durable and may be acknowledged.
    let mut ministry = site.ministry().await;
    let mut taken = 0;
    let refusal = loop {
        let external_id = format!("ĐẦY-{taken}");
        let mut petition = draft(&external_id);
        petition.body = "nội dung dài ".repeat(5_000);
        let request = pb::SubmitPetitionRequest { request_id: new_request_id(), petition: Some(petition) };
        match ministry.petitions.submit_petition(request).await {
            Ok(answer) => site.was_told(external_id, answer.into_inner()),
            Err(refusal) => break refusal,
        }
        taken += 1;
        assert!(taken < 1_000, "the disk is never full");
    };
    assert_eq!(refusal.code(), Code::Unavailable, "{refusal:?}");
    site.until_ready(false).await;
    assert!(!ministry.list("").await.is_empty(), "what is there can be read");
    disk.clear();
    site.until_ready(true).await;
    site.cycle().await;
    // The refused one may be found: nobody was told that it is not there, only that it is not known to be.
    site.audit_but_for(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_flushes_that_take_seconds_are_waited_for_and_told() {
    let mut site = Site::open(None).await;
    site.cycle().await;
    let paths = ["gateway.db", "gateway.db-wal"].map(|name| site.data().join(name)).to_vec();
    let effect = "delay_exit=6000000:when=1+".to_owned();
    let strace = Strace::attach(site.gateway().pid(), &Fault { calls: "fdatasync,fsync", paths, effect });
    // Beats are written every few seconds by themselves.
    site.until_ready(false).await;
    drop(strace);
    site.until_ready(true).await;
    sleep(Duration::from_millis(100)).await;
    site.cycle().await;
    site.audit().await;
}
