//! `petition-gateway audit`, the binary that operators run: silent about what gateways made, also while they work, and loud
//! about damage.

use std::{path::Path, sync::Arc};

use channel_sdk::sandbox::Mischief;
use petition_gateway::pb;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    cli_gateway::{ALL_ROLES, Gateway, Ran, binary, run},
    support::{Ministry, channel_config, serve, write_secrets},
};

fn audit(folder: &Path, more: &[&str]) -> Ran {
    let mut command = binary();
    command.args(["audit", "--config"]).arg(folder.join("gateway.toml")).args(more);
    run(command)
}

/// The findings, and the last line with the counts.
fn told(ran: &Ran) -> (Vec<Value>, Value) {
    let mut records: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sum = records.pop().unwrap_or_else(|| panic!("{ran:?}"));
    (records, sum)
}

fn assert_sound(ran: &Ran) -> Value {
    let (told, sum) = told(ran);
    let findings: Vec<Value> = told.into_iter().filter(|it| it["weight"] == "finding").collect();
    assert_eq!((ran.code, &sum["sound"], findings.as_slice()), (0, &json!(true), &[] as &[Value]), "{ran:?}");
    sum
}

#[test]
fn a_year_of_a_ministry_on_sqlite_leaves_a_store_in_which_everything_holds() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = binary();
    demo.args(["demo", "--petitions", "80", "--voter-petitions", "30", "--seconds", "3", "--json", "--folder"]);
    demo.arg(folder.path());
    assert_eq!(run(demo).code, 0);
    let sum = assert_sound(&audit(folder.path(), &["--json"]));
    for section in ["events", "petitions", "journal", "deliveries", "channels", "requests", "files"] {
        assert!(sum["rows"][section].as_u64() > Some(0), "{section}: {sum}");
    }
    let page = audit(folder.path(), &[]);
    assert!(page.out.contains("toàn vẹn, không có lỗi"), "{page:?}");
}

/// Submits and decides until the gateway is gone.
async fn work(mut ministry: Ministry, client: usize) {
    for number in 0.. {
        let draft = pb::PetitionDraft {
            external_id: format!("L-{client}-{number}"),
            kind: pb::PetitionKind::Feedback.into(),
            body: format!("Phản ánh {client}-{number}"),
            petitioner: Some(pb::Petitioner { kind: pb::PetitionerKind::Citizen.into(), ..Default::default() }),
            ..Default::default()
        };
        let request = pb::SubmitPetitionRequest { request_id: uuid::Uuid::now_v7().to_string(), petition: Some(draft) };
        let Ok(answer) = ministry.petitions.submit_petition(request).await else { return };
        let name = answer.into_inner().petition.unwrap().name;
        let request_id = uuid::Uuid::now_v7().to_string();
        let accept = pb::AcceptPetitionRequest { name, request_id, ..Default::default() };
        if ministry.petitions.accept_petition(accept).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_beside_a_gateway_under_load_finds_nothing_and_neither_does_one_after_a_kill() {
    let mischief = Mischief::default();
    let portal = serve(&government_portal::KIND, 60, mischief).await;
    let folder = tempfile::tempdir().unwrap();
    write_secrets(folder.path());
    let config = format!(
        "{ALL_ROLES}[outbound]\nschedule = [\"100ms\", \"200ms\", \"500ms\", \"1s\"]\n{}poll.pakn.interval = \"100ms\"\n",
        channel_config("portal", "government-portal", portal.address)
    );
    let gateway = Gateway::start_in(folder, &config);
    portal.side.release(60);
    let mut clients = JoinSet::new();
    for client in 0..6 {
        clients.spawn(work(Ministry::connect(gateway.grpc.parse().unwrap()).await, client));
    }
    let place = Arc::new(gateway.folder.path().to_owned());
    let mut events = Vec::new();
    for _ in 0..4 {
        let place = Arc::clone(&place);
        let ran = tokio::task::spawn_blocking(move || audit(&place, &["--json"])).await.unwrap();
        let sum = assert_sound(&ran);
        assert_eq!(sum["served"], true);
        events.push(sum["rows"]["events"].as_u64());
    }
    assert!(events.is_sorted() && events[0] < events[3], "there was a load: {events:?}");
    let home = gateway.kill();
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    assert_sound(&audit(&place, &["--json"]));
    drop(home);
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_to_a_sqlite_store_is_named_with_what_it_means_and_what_to_do() {
    let mut gateway = Gateway::start(ALL_ROLES);
    let ministry = Ministry::connect(gateway.grpc.parse().unwrap()).await;
    let mut clients = JoinSet::new();
    clients.spawn(work(ministry, 0));
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert!(gateway.terminate().success());
    let folder = gateway.folder.path();
    let file = find(folder);
    assert_sound(&audit(folder, &["--json"]));
    let conn = rusqlite::Connection::open(file).unwrap();
    conn.execute_batch("UPDATE dossiers SET doc = replace(doc, 'Phản ánh', 'Khen'); DELETE FROM events WHERE seq = 1")
        .unwrap();

    let ran = audit(folder, &["--json"]);
    assert_eq!(ran.code, 65, "{ran:?}");
    let (findings, sum) = told(&ran);
    assert_eq!((&sum["sound"], &sum["found"]["event_missing"]), (&json!(false), &json!(1)), "{sum}");
    let missing = findings.iter().find(|finding| finding["what"] == "event_missing").unwrap();
    assert_eq!((&missing["row"], &missing["weight"]), (&json!("event 1"), &json!("finding")));
    assert!(missing["meaning"]["vi"].as_str().unwrap().contains("thiếu sự kiện"), "{missing}");
    assert!(missing["action"]["en"].as_str().unwrap().contains("back the store up"), "{missing}");
    assert!(!ran.out.contains("Khen") && !ran.out.contains("L-0-"), "no personal data: {ran:?}");

    let page = audit(folder, &["--lang", "en", "--section", "events", "--skip-files"]);
    assert_eq!(page.code, 65);
    assert!(page.out.starts_with("FAULT  events  event_missing  event 1\n"), "{}", page.out);
    assert!(page.out.contains("What to do:") && !page.out.contains("petition_differs"), "{}", page.out);
    assert_sound(&audit(folder, &["--json", "--section", "channels"]));
}

fn find(folder: &Path) -> std::path::PathBuf {
    let files = walk(folder);
    let file = files.into_iter().find(|file| std::fs::read(file).is_ok_and(|it| it.starts_with(b"SQLite format 3")));
    file.expect("a gateway on SQLite has one file")
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn an_audit_without_a_store_or_a_configuration_says_so() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("gateway.toml"), "[gateway]\ndata_folder = \"nowhere\"\n").unwrap();
    let ran = audit(folder.path(), &["--lang", "en"]);
    assert_eq!(ran.code, 69, "{ran:?}");
    assert!(ran.err.contains("there is no store") && !folder.path().join("nowhere").exists(), "{ran:?}");
    std::fs::write(folder.path().join("gateway.toml"), "[nothing]\n").unwrap();
    assert_eq!(audit(folder.path(), &[]).code, 64);
}
