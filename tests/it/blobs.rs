//! Attachments of gateways that are processes: in a folder, in a bucket that several share, and on the way from one to
//! the other.

use std::path::{Path, PathBuf};

use s3_server::S3Server;
use serde_json::{Value, json};

use crate::cli_gateway::{ALL_ROLES, Gateway, Ran, binary, run};

const MIB: usize = 1024 * 1024;

/// A place of its own in the bucket; the secrets lie beside the configuration.
fn bucket(server: &S3Server) -> String {
    format!(
        "{ALL_ROLES}[blobs.s3]\nendpoint = \"{}\"\nbucket = \"{}\"\nprefix = \"{}\"\nretry_seconds = 0\n\
         access_key_id_file = \"s3-id\"\nsecret_access_key_file = \"s3-key\"\n",
        server.address(),
        s3_server::BUCKET,
        uuid::Uuid::now_v7(),
    )
}

fn folder_with_secrets() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("s3-id"), s3_server::GATEWAY).unwrap();
    std::fs::write(folder.path().join("s3-key"), s3_server::SECRET).unwrap();
    folder
}

/// A configuration that no gateway runs by.
fn config(folder: &Path, more: &str) -> PathBuf {
    let path = folder.join("gateway.toml");
    let base =
        "[gateway]\ndata_folder = \"data\"\n[grpc]\nlisten = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n";
    std::fs::write(&path, format!("{base}{more}")).unwrap();
    path
}

fn attach(gateway: &Gateway, name: &str, content: &[u8]) -> Value {
    let path = gateway.file(name, content);
    gateway.json("petition attach", &[path.to_str().unwrap()]).record()
}

fn copy(from: &Path, to: &Path, more: &[&str]) -> Ran {
    let mut command = binary();
    command.args(["blobs", "copy", "--from"]).arg(from).arg("--to").arg(to).args(more);
    run(command)
}

fn verify(config: &Path, more: &[&str]) -> Ran {
    let mut command = binary();
    command.args(["blobs", "verify", "--config"]).arg(config).args(more);
    run(command)
}

#[test]
fn attachments_move_to_a_bucket_while_the_gateway_runs_and_several_gateways_share_it() {
    let old = Gateway::start(ALL_ROLES);
    let (more, new_folder) = (bucket(S3Server::shared()), folder_with_secrets());
    let new = config(new_folder.path(), &more);
    for number in 0..3 {
        attach(&old, "đơn.pdf", format!("tệp số {number}").as_bytes());
    }
    let old_config = old.folder.path().join("gateway.toml");
    let counts = |ran: &Ran| {
        let record = ran.record();
        ["copied_count", "already_had_count", "damaged_count", "unreadable_count"]
            .map(|it| record[it].as_u64().unwrap())
    };
    assert_eq!(counts(&copy(&old_config, &new, &["--json"])), [3, 0, 0, 0]);
    attach(&old, "thêm.pdf", b"them");
    let again = copy(&old_config, &new, &[]);
    assert_eq!((again.code, again.out.as_str()), (0, "đã sao chép 1 (4 B) · đã có 3 · hỏng 0 · không đọc được 0\n"));

    let one = Gateway::start_in(new_folder, &more);
    let two = Gateway::start_in(folder_with_secrets(), &more);
    assert_eq!(attach(&two, "đơn.pdf", "tệp số 1".as_bytes())["duplicate"], json!(true), "it came from the folder");
    assert_ne!(attach(&one, "mới.pdf", b"moi")["duplicate"], json!(true));
    assert_eq!(attach(&two, "mới.pdf", b"moi")["duplicate"], json!(true), "it came through the other gateway");

    let back = tempfile::tempdir().unwrap();
    // The fifth and sixth: what was new, and the empty one that shows that writing works.
    assert_eq!(counts(&copy(&new_config(&one), back.path(), &["--json"])), [6, 0, 0, 0]);
    let told = verify(&new_config(&one), &["--json"]).record();
    assert_eq!((&told["sound_count"], &told["damaged_count"]), (&json!(6), &json!(0)));
}

fn new_config(gateway: &Gateway) -> PathBuf {
    gateway.folder.path().join("gateway.toml")
}

#[test]
fn what_is_damaged_is_listed_in_order_and_the_exit_code_says_so() {
    let gateway = Gateway::start(ALL_ROLES);
    let mut names: Vec<String> =
        (0..3).map(|number| attach(&gateway, "a", &[number])["sha256"].as_str().unwrap().to_owned()).collect();
    names.sort();
    let blobs = gateway.folder.path().join("data/blobs");
    for name in &names[1..] {
        std::fs::write(blobs.join(&name[..2]).join(&name[2..4]).join(name), "?").unwrap();
    }
    let told = verify(&new_config(&gateway), &["--json"]);
    assert_eq!(told.code, 65, "{told:?}");
    let records: Vec<Value> = told.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let damaged = |name: &String| json!({"sha256": name, "size_bytes": 1, "state": "damaged"});
    let summary = json!({"sound_count": 1, "sound_bytes": 1, "damaged_count": 2, "unreadable_count": 0});
    assert_eq!(records, [damaged(&names[1]), damaged(&names[2]), summary]);
    let page = verify(&new_config(&gateway), &["--lang", "en"]);
    let expected =
        format!("damaged     {}\ndamaged     {}\n1 sound (1 B) · 2 damaged · 0 unreadable\n", names[1], names[2]);
    assert_eq!((page.code, page.out), (65, expected));
    let to = tempfile::tempdir().unwrap();
    let copied = copy(&new_config(&gateway), to.path(), &[]);
    assert_eq!(copied.code, 65);
    assert!(copied.out.ends_with("đã sao chép 1 (1 B) · đã có 0 · hỏng 2 · không đọc được 0\n"), "{copied:?}");
}

#[test]
fn a_place_that_cannot_be_used_is_told_with_what_to_look_at() {
    let server = S3Server::shared();
    let folder = folder_with_secrets();
    let right = config(folder.path(), &bucket(server));
    let nowhere = folder.path().join("nowhere");
    assert_eq!(copy(&nowhere, &right, &[]).code, 2);
    std::fs::write(folder.path().join("s3-key"), "not the secret").unwrap();
    let mut serve = binary();
    serve.arg("serve").arg("--config").arg(&right);
    let (copied, verified, served) = (copy(folder.path(), &right, &[]), verify(&right, &[]), run(serve));
    for told in [&copied, &verified, &served] {
        assert_eq!(told.code, 69, "{told:?}");
        assert!(
            told.err.contains("does not know the access key, or it has another secret; check blobs.s3"),
            "{told:?}"
        );
        assert!(!told.err.contains("not the secret"));
    }
    assert!(copied.err.starts_with("lỗi: không mở được kho tệp: "), "{copied:?}");
    let wrong = config(folder.path(), "[blobs.s3]\nbucket = \"b\"\n");
    let told = verify(&wrong, &[]);
    assert_eq!(told.code, 64);
    assert!(told.out.contains("blobs.s3.endpoint: is missing"), "{told:?}");
}

#[test]
fn a_bucket_that_goes_away_is_told_as_such_and_comes_back_without_a_restart() {
    let server = S3Server::start(None);
    let gateway = Gateway::start_in(folder_with_secrets(), &bucket(&server));
    attach(&gateway, "một.pdf", b"mot");
    server.kill();
    let path = gateway.file("hai.pdf", b"hai");
    let refused = gateway.json("petition attach", &[path.to_str().unwrap()]);
    assert_eq!((refused.code, &refused.error()["reason"]), (69, &json!("STORE_UNAVAILABLE")));
    server.start_again();
    assert_eq!(attach(&gateway, "một.pdf", b"mot")["duplicate"], json!(true));
    attach(&gateway, "hai.pdf", b"hai");
}

/// A line of `/proc/<pid>/status`, in bytes.
fn memory(pid: u32, line: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|it| it.strip_prefix(line)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[test]
fn a_large_attachment_costs_a_gateway_little_memory_on_its_way_into_a_bucket() {
    let gateway = Gateway::start_in(folder_with_secrets(), &bucket(S3Server::shared()));
    // Whatever is allocated once is allocated by now.
    attach(&gateway, "nhỏ.pdf", &vec![1; 12 * MIB]);
    std::fs::write(format!("/proc/{}/clear_refs", gateway.pid()), "5").unwrap();
    let before = memory(gateway.pid(), "VmRSS");
    attach(&gateway, "lớn.pdf", &vec![2; 48 * MIB]);
    let added = memory(gateway.pid(), "VmHWM").saturating_sub(before);
    assert!(added <= 16 * MIB, "{} KiB", added / 1024);
}
