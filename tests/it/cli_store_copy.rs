//! Moving house by the real binary: `store copy` from SQLite to PostgreSQL and back, killed on the way, and what clients have
//! in hand afterwards. The engines are chosen here, so the tests' names tell them.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use channel_sdk::model::{Agency, Field, PetitionKind, Petitioner, PetitionerKind};
use jiff::Timestamp;
use petition_gateway::{
    clock::SystemClock,
    pb,
    petition::{Content, NewEvent, Petition, PetitionId, receive},
    store::{Change, Texts, Write},
};
use postgres_server::{Database, Server};
use serde_json::{Value, json};

use crate::{
    cli_gateway::{ALL_ROLES, Gateway, Ran, binary, run},
    support::{Ministry, TestStore, new_request_id},
};

fn command(what: &str, from: &str, to: &str) -> Command {
    let mut command = binary();
    command.args(["--lang", "en", "store", what, "--from", from, "--to", to]);
    command
}

fn copy(from: &str, to: &str, more: &[&str]) -> Ran {
    let mut command = command("copy", from, to);
    command.args(more);
    run(command)
}

fn sqlite(folder: &Path, name: &str) -> String {
    format!("sqlite:{}", folder.join(name).display())
}

/// What a client has in hand.
struct InHand {
    submitted: pb::SubmitPetitionRequest,
    name: String,
    page_token: String,
    last_seq: i64,
}

fn submission(request_id: String, external_id: &str) -> pb::SubmitPetitionRequest {
    let petition = pb::PetitionDraft {
        external_id: external_id.to_owned(),
        kind: pb::PetitionKind::Feedback.into(),
        body: format!("Chậm trả kết quả {external_id}"),
        petitioner: Some(pb::Petitioner { kind: pb::PetitionerKind::Citizen.into(), ..Default::default() }),
        ..Default::default()
    };
    pb::SubmitPetitionRequest { request_id, petition: Some(petition) }
}

async fn submit(ministry: &mut Ministry, submitted: &pb::SubmitPetitionRequest) -> String {
    let answer = ministry.petitions.submit_petition(submitted.clone()).await.unwrap();
    answer.into_inner().petition.unwrap().name
}

async fn page(ministry: &mut Ministry, page_token: &str) -> (Vec<String>, String) {
    let request = pb::ListPetitionsRequest {
        page_size: 3,
        page_token: page_token.to_owned(),
        order_by: "receive_time".to_owned(),
        ..Default::default()
    };
    let page = ministry.petitions.list_petitions(request).await.unwrap().into_inner();
    (page.petitions.into_iter().map(|petition| petition.name).collect(), page.next_page_token)
}

/// The next event after `seq`: its number and its petition.
async fn event_after(ministry: &mut Ministry, seq: i64) -> (i64, String) {
    let request = pb::WatchPetitionsRequest { after_seq: seq, ..Default::default() };
    let mut stream = ministry.petitions.watch_petitions(request).await.unwrap().into_inner();
    loop {
        if let Some(pb::watch_petitions_response::Item::Event(event)) = stream.message().await.unwrap().unwrap().item {
            return (event.seq, event.petition);
        }
    }
}

/// Seven petitions, one of them accepted, and what a client keeps of that.
async fn begin(ministry: &mut Ministry) -> InHand {
    let submitted = submission(new_request_id(), "PA-0");
    let name = submit(ministry, &submitted).await;
    for number in 1..7 {
        submit(ministry, &submission(new_request_id(), &format!("PA-{number}"))).await;
    }
    ministry.accept(&name).await;
    let (_, page_token) = page(ministry, "").await;
    InHand { submitted, name, page_token, last_seq: 8 }
}

/// What a client has in hand is good on this store, and what it does next is numbered on.
async fn goes_on(ministry: &mut Ministry, held: &mut InHand, rest_of_page: &[String]) {
    assert_eq!(submit(ministry, &held.submitted).await, held.name, "the same call again is the same petition");
    assert_eq!(page(ministry, &held.page_token).await.0, rest_of_page);
    let new = submit(ministry, &submission(new_request_id(), &format!("after {}", held.last_seq))).await;
    assert_eq!(event_after(ministry, held.last_seq).await, (held.last_seq + 1, new));
    held.last_seq += 1;
    assert_eq!(ministry.list("").await.len() as i64, held.last_seq - 1, "one event each, but for one petition");
}

fn table<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["tables"].as_array().unwrap().iter().find(|table| table["table"] == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_go_on_with_what_they_have_in_hand_from_sqlite_to_postgresql_and_back() {
    let place = Server::shared().database();
    let gateway = Gateway::start(ALL_ROLES);
    let folder = gateway.folder.path().to_owned();
    let old = sqlite(&folder, "data/gateway.db");
    let mut ministry = Ministry::connect(gateway.grpc.parse().unwrap()).await;
    let mut held = begin(&mut ministry).await;
    let rest = page(&mut ministry, &held.page_token).await.0;
    let refused = copy(&old, &place.url(), &[]);
    assert!(refused.code == 69 && refused.err.contains("in use by another gateway"), "{refused:?}");
    // Not even its last words are waited for: what it acknowledged is there.
    let home = gateway.kill();
    let report = copy(&old, &place.url(), &["--json"]).record();
    assert_eq!((&report["equal"], &table(&report, "events")["to"]["rows"]), (&json!(true), &json!(8)), "{report}");
    let on_postgresql = format!("{ALL_ROLES}[store]\nurl = \"{}\"\n", place.url());
    let mut gateway = Gateway::start_in(home, &on_postgresql);
    let mut ministry = Ministry::connect(gateway.grpc.parse().unwrap()).await;
    goes_on(&mut ministry, &mut held, &rest).await;
    let refused = copy(&place.url(), &sqlite(&folder, "data/back.db"), &[]);
    assert!(refused.code == 69 && refused.err.contains("1 gateway(s) run on"), "{refused:?}");
    assert!(gateway.terminate().success());

    let told = copy(&place.url(), &sqlite(&folder, "data/back.db"), &[]);
    assert!(told.code == 0 && told.out.contains("hold the same") && told.out.contains("What to do next"), "{told:?}");
    let home = gateway.kill();
    let gateway = Gateway::start_in(home, &format!("{ALL_ROLES}[store]\nurl = \"sqlite:back.db\"\n"));
    let mut ministry = Ministry::connect(gateway.grpc.parse().unwrap()).await;
    goes_on(&mut ministry, &mut held, &rest).await;
}

/// How many petitions a store has that takes a while to be copied: several pages of each table.
const MANY: usize = 9_000;

/// Such a store, as `large.db` in the folder.
async fn large(folder: &Path) -> String {
    let store = TestStore::default().open(&folder.join("made"), Arc::new(SystemClock)).await;
    for numbers in (0..MANY).collect::<Vec<_>>().chunks(1_000) {
        let batch: Vec<Write> = numbers.iter().map(|number| Write::Change(Box::new(change(*number)))).collect();
        store.write(batch.into()).await.unwrap();
    }
    drop(store);
    sqlite(folder, "made/gateway.db")
}

fn change(number: usize) -> Change {
    let content = Content {
        kind: PetitionKind::Feedback,
        subject: "Chậm trả kết quả".to_owned(),
        body: format!("Hồ sơ số {number} nộp đã hai tháng, chưa có kết quả."),
        field: Field { code: "KHAC".to_owned(), name: "Khác".to_owned() },
        petitioner: Petitioner::of(PetitionerKind::Citizen),
        receiving_agency: Agency::default(),
        forwarding_agency: Agency::default(),
        sent_at: None,
        forwarded_at: None,
        due_on: None,
        public: true,
        assembly: None,
        attachments: Vec::new(),
        extensions: Default::default(),
    };
    let event = NewEvent {
        petition_id: PetitionId(uuid::Uuid::from_u128(1 + number as u128)),
        version: 1,
        at: Timestamp::from_second(1_560_000_000 + number as i64).unwrap(),
        actor: "channel:portal".to_owned(),
        body: receive("portal", &format!("PA-{number}"), 1, content),
    };
    let petition = Petition::begin(&event).unwrap();
    Change {
        expected_version: None,
        petition,
        events: vec![event],
        deliveries: Vec::new(),
        request: None,
        item: None,
        settle: None,
        differences: Vec::new(),
        texts: Texts::default(),
    }
}

/// A copy that is under way.
fn start(from: &str, to: &str) -> Child {
    command("copy", from, to).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Waits until the copy's mark has moved on, and gives it; `None` when the copy came to its end before.
fn moved_on(child: &mut Child, mark: impl Fn() -> Option<String>) -> Option<String> {
    let before = mark();
    loop {
        let now = mark();
        if now.is_some() && now != before {
            return now;
        }
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Kills a copy each time that it has got on a little, then lets it come to its end.
fn killed_and_resumed(from: &str, to: &str, mark: impl Fn() -> Option<String>) {
    for round in 0..3 {
        let mut child = start(from, to);
        assert!(moved_on(&mut child, &mark).is_some(), "round {round}: nothing is left to be killed");
        // SIGKILL: nothing of it is told.
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let report = copy(from, to, &["--json"]).record();
    let rows = |key: &str| report[key].as_u64().unwrap();
    assert_eq!((&report["equal"], &report["unfindable_petitions"]), (&json!(true), &json!(0)));
    assert!(rows("rows") > 3 * MANY as u64 && rows("rows_before") > 4_000, "{report}");
    assert_eq!(run(command("compare", from, to)).code, 0);
}

fn mark_of(place: &Database) -> Option<String> {
    let rows = place.try_run("SELECT table_name || ' ' || rows FROM copy_in_progress").ok()?;
    rows.iter().flatten().next().map(ToString::to_string)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_killed_again_and_again_comes_to_its_end_on_postgresql_and_on_sqlite() {
    let (folder, place) = (tempfile::tempdir().unwrap(), Server::shared().database());
    let from = large(folder.path()).await;
    tokio::task::spawn_blocking(move || {
        killed_and_resumed(&from, &place.url(), || mark_of(&place));
        let file = folder.path().join("back.db");
        let mark = || {
            let conn = rusqlite::Connection::open_with_flags(&file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
            let sql = "SELECT table_name || ' ' || rows FROM copy_in_progress";
            conn.query_row(sql, [], |row| row.get(0)).ok()
        };
        killed_and_resumed(&place.url(), &sqlite(folder.path(), "back.db"), mark);
        assert_eq!(run(command("compare", &from, &sqlite(folder.path(), "back.db"))).code, 0);
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_stopped_says_how_to_go_on_and_no_gateway_opens_it_on_sqlite_or_postgresql() {
    let (folder, place) = (tempfile::tempdir().unwrap(), Server::shared().database());
    let from = large(folder.path()).await;
    tokio::task::spawn_blocking(move || {
        let mut command = command("copy", &from, &place.url());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        moved_on(&mut child, || mark_of(&place)).unwrap();
        assert!(Command::new("sh").args(["-c", &format!("kill -s INT {}", child.id())]).status().unwrap().success());
        let ended = child.wait_with_output().unwrap();
        let told = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(75), "{told}");
        assert!(told.contains("the same command goes on where it stopped"), "{told}");

        let config = folder.path().join("gateway.toml");
        std::fs::write(&config, format!("[store]\nurl = \"{}\"\n", place.url())).unwrap();
        let mut serve = binary();
        serve.args(["--json", "serve", "--config"]).arg(&config);
        let refused = run(serve);
        assert!(refused.code == 69 && refused.err.contains("holds an unfinished copy of sqlite:"), "{refused:?}");

        // By configurations, as operators name stores whose passwords are nobody's business.
        let other = folder.path().join("other.toml");
        std::fs::write(&other, "[gateway]\ndata_folder = \"other\"\n").unwrap();
        let (config, other) = (config.to_str().unwrap(), other.to_str().unwrap());
        let refused = copy(config, other, &[]);
        assert!(refused.code == 1 && refused.err.contains("is itself an unfinished copy"), "{refused:?}");
        assert_eq!(copy(&from, config, &[]).code, 0);
        assert_eq!(copy(config, other, &[]).code, 0);
        let refused = copy(&from, config, &[]);
        assert!(refused.code == 1 && refused.err.contains("is not empty (table petitions)"), "{refused:?}");
    })
    .await
    .unwrap();
}

#[test]
fn stores_that_differ_are_told_with_an_exit_code_of_their_own_on_sqlite_and_postgresql() {
    let (folder, place) = (tempfile::tempdir().unwrap(), Server::shared().database());
    let (from, to) = (sqlite(folder.path(), "a.db"), place.url());
    let made = |url: &str| copy(&from, url, &[]).code;
    assert_eq!(made(&to), 69, "there is none");
    let config = folder.path().join("a.toml");
    std::fs::write(&config, "[gateway]\ndata_folder = \".\"\n[store]\nurl = \"sqlite:a.db\"\n").unwrap();
    let mut migrate = binary();
    migrate.args(["migrate", "--config"]).arg(&config);
    assert_eq!(run(migrate).code, 0);
    assert_eq!(made(&to), 0);
    place.run("INSERT INTO cursors (channel, feed, cursor, at) VALUES ('portal', 'pakn', '7', 0)");
    let told = run(command("compare", &from, &to));
    assert!(told.code == 65 && told.out.contains("0 ≠ 1"), "{told:?}");
    assert!(told.out.contains("differ in 1 table(s)"), "{told:?}");
    let mut json = command("compare", &to, &from);
    json.arg("--json");
    let told = run(json);
    let report: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!((told.code, &report["equal"], &table(&report, "cursors")["equal"]), (65, &json!(false), &json!(false)));
    assert_eq!(table(&report, "events")["equal"], json!(true));
    for (from, to, code) in [
        (from.as_str(), from.as_str(), 2),
        (from.as_str(), "postgres://gateway:bi-mat@localhost/petitions", 2),
        (from.as_str(), "nowhere.toml", 2),
        (from.as_str(), "postgres://gateway@127.0.0.1:1/petitions", 69),
    ] {
        let refused = copy(from, to, &[]);
        assert_eq!(refused.code, code, "{refused:?}");
        assert!(!refused.err.contains("bi-mat"), "{refused:?}");
    }
}
