//! An operator who has nothing but the command line: a channel, what it refused, and what could not be delivered.

use std::{net::SocketAddr, sync::Arc};

use serde_json::{Value, json};

use crate::{
    cli_gateway::{Ran, command_at, run},
    support::{Scripted, World, WorldSettings, eventually, scripted_far_side},
};

const NAME: &str = "Đỗ Văn Thử";

/// A gateway whose portal answers as it is told; nothing is pulled from it.
async fn world() -> (World, Arc<Scripted>) {
    let (script, address) = scripted_far_side().await;
    let world = World::with(WorldSettings { more: channel(address), ..WorldSettings::default() }).await;
    (world, script)
}

fn channel(address: SocketAddr) -> String {
    format!(
        "[channels.portal]\nkind = \"government-portal\"\nbase_url = \"http://{address}\"\nauth = {{ type = \"none\" }}\n\
         push = {{ hmac_secret_file = \"push.secret\" }}\npoll = {{ enabled = false }}\n"
    )
}

fn json(world: &World, line: &str, more: &[&str]) -> Ran {
    let mut command = command_at(&world.grpc().to_string(), &format!("--json {line}"));
    command.args(more);
    run(command)
}

fn say(world: &World, line: &str) -> Ran {
    run(command_at(&world.grpc().to_string(), line))
}

fn petition(id: &str) -> Value {
    json!({
        "maPAKN": id, "phienBan": 1, "loaiPAKN": "3", "tieuDe": "Hỏi về chế độ thai sản", "noiDung": "Xin hỏi.",
        "linhVuc": {"ma": "BHXH", "ten": "Bảo hiểm xã hội"},
        "nguoiGui": {"loai": "1", "hoTen": NAME, "maTinh": "01", "anDanh": false},
        "coQuanTiepNhan": "000.00.00.G07", "ngayGui": "2026-03-02T09:15:00+07:00",
        "ngayChuyen": "2026-03-02T16:22:00+07:00", "hanXuLy": "2026-03-23", "trangThai": "02", "congKhai": true
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_finds_what_was_refused_reads_it_and_puts_it_aside() {
    let (world, _script) = world().await;
    let body = petition("PAKN-2026-0000001").to_string();
    let broken = &body.as_bytes()[..body.len() / 2 - 1];
    assert_eq!(world.push("portal", "/pakn", "application/json", broken).await.0, 400);

    let listed = json(&world, "quarantine list --channel portal", &[]).record();
    let name = listed["name"].as_str().unwrap();
    assert!(name.starts_with("channels/portal/quarantine/"), "{name}");
    let code = listed["faults"][0]["code"].as_str().unwrap();
    assert_eq!(json(&world, &format!("quarantine list --code {code}"), &[]).records().len(), 1);
    let short = name.replace("channels/portal/quarantine/", "portal/");
    let table = say(&world, "quarantine list").out;
    assert!(table.contains("đang cách ly") && table.contains(&short), "{table}");

    let shown = json(&world, &format!("quarantine show {name}"), &[]);
    assert!(shown.record().get("raw").is_none() && !shown.out.contains("Thử"));
    let file = world.folder.path().join("raw.json");
    json(&world, &format!("quarantine show {name} --raw"), &[file.to_str().unwrap()]).record();
    assert_eq!(std::fs::read(file).unwrap(), broken);

    let again = json(&world, &format!("quarantine reprocess {short}"), &[]).record();
    assert_eq!((&again["taken_count"], &again["refused_count"]), (&json!(0), &json!(1)), "{again}");
    let discarded = json(&world, &format!("quarantine discard {short} --reason"), &["cắt cụt, đã gửi lại"]).record();
    assert_eq!(discarded["state"], "discarded");
    assert_eq!(json(&world, "quarantine list", &[]).records().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_tries_a_dead_letter_again_once_the_far_side_is_mended() {
    let (world, script) = world().await;
    script.answer("/", 422, "application/json", r#"{"maLoi": "X"}"#);
    let body = petition("PAKN-2026-0000002").to_string();
    assert_eq!(world.push("portal", "/pakn", "application/json", body).await.0, 200);
    let petitions = json(&world, "petition list --channel portal", &[]);
    assert!(!petitions.out.contains(NAME));
    let name = petitions.record()["name"].as_str().unwrap().to_owned();
    json(&world, &format!("petition accept {name}"), &[]).record();

    let letter = eventually("the delivery is a dead letter", || async {
        let letters = json(&world, &format!("delivery list --state dead_letter --petition {name}"), &[]).records();
        letters.into_iter().next()
    })
    .await;
    let delivery = letter["name"].as_str().unwrap();
    assert!(letter.get("reason").is_none(), "the reason may quote the far side");
    let shown = json(&world, &format!("delivery show {delivery} --full"), &[]).record();
    assert!(!shown["reason"].as_str().unwrap().is_empty());
    assert_eq!(shown["attempts"][0]["verdict"], "reject");

    script.answer("/", 200, "application/json", "{}");
    assert_eq!(json(&world, &format!("delivery retry {delivery}"), &[]).record()["state"], "pending");
    eventually("the delivery is delivered", || async {
        let shown = json(&world, &format!("delivery show {delivery}"), &[]).record();
        (shown["state"] == "delivered").then_some(())
    })
    .await;
    let refused = json(&world, &format!("delivery retry {delivery}"), &[]);
    assert_eq!((refused.code, &refused.error()["reason"]), (1, &json!("ALREADY_DELIVERED")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_pauses_a_channel_and_lets_it_go_on() {
    let (world, _script) = world().await;
    assert_eq!(json(&world, "channel pause portal --reason", &["bảo trì phía đối tác"]).record()["state"], "paused");
    let shown = say(&world, "channel show portal");
    assert!(shown.out.contains("tạm dừng") && shown.out.contains("bảo trì phía đối tác"), "{}", shown.out);
    let refused = json(&world, "channel sync portal", &[]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert_eq!(json(&world, "channel resume portal", &[]).record()["state"], "active");
    assert_eq!(say(&world, "channel resume portal").out, "channels/portal đang hoạt động\n");
    let unknown = say(&world, "channel show nowhere --lang en");
    assert_eq!(unknown.code, 1);
    assert!(unknown.err.starts_with("error: there is no such channel"), "{}", unknown.err);
}
