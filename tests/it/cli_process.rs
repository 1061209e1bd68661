//! The binary as a process: exit codes, signals, broken pipes, and who may do what by which certificate.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::Stdio,
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

use crate::cli_gateway::{ALL_ROLES, Gateway, binary, run};

#[test]
fn check_config_tells_every_problem_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.toml");
    std::fs::write(&file, "[gateway]\nagecny = \"x\"\nstop_seconds = \"soon\"\n\n[store]\nurl = \"oracle:x\"\n")
        .unwrap();
    let check = |json: bool| {
        let mut command = binary();
        command.arg("check-config").arg("--config").arg(&file).args(json.then_some("--json"));
        run(command)
    };
    let told = check(true);
    assert_eq!(told.code, 64);
    let told: Value = serde_json::from_str(&told.out).unwrap();
    let places: Vec<(i64, &str)> = told["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["line"].as_i64().unwrap(), it["key"].as_str().unwrap()))
        .collect();
    assert_eq!(places, [(2, "gateway.agecny"), (3, "gateway.stop_seconds"), (6, "store.url")]);
    let told = check(false);
    assert_eq!(told.code, 64);
    assert!(told.out.contains("cấu hình có 3 lỗi") && told.out.contains("wrong.toml:2: gateway.agecny"), "{told:?}");

    let mut command = binary();
    command.args(["check-config", "--json"]);
    assert_eq!(run(command).record(), json!({"valid": true, "problems": []}));
    let mut command = binary();
    command.arg("serve").arg("--config").arg(&file);
    assert_eq!(run(command).code, 64);
}

#[test]
fn exit_codes_tell_what_to_do() {
    let code = |line: &str| {
        let mut command = binary();
        command.args(line.split(' '));
        run(command).code
    };
    assert_eq!(code("--help"), 0);
    assert_eq!(code("petition lsit"), 2);
    assert_eq!(code("petition list --status nowhere"), 2);
    assert_eq!(code("petition list --address https://127.0.0.1:1"), 2, "no --ca");
    assert_eq!(code("petition list --address http://192.0.2.1:7443"), 2, "plain beyond this machine");
    assert_eq!(code("petition submit --address http://127.0.0.1:1 --file /nowhere.json"), 69);
    assert_eq!(code("petition list --address http://127.0.0.1:1"), 69);
}

#[test]
fn what_a_role_does_not_allow_is_refused() {
    let gateway = Gateway::start("[security.loopback]\nroles = [\"reader\"]\n");
    assert_eq!(gateway.json("petition list", &[]).records().len(), 0);
    for line in ["petition submit --kind feedback --body x", "channel pause direct --reason x"] {
        let refused = gateway.json(line, &[]);
        assert_eq!((refused.code, &refused.error()["reason"]), (77, &json!("ROLE_MISSING")), "{line}");
    }
}

/// An authority, the gateway's certificate, and one for each of two callers, as PEM files in a folder.
fn certificates(folder: &Path) {
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    write("ca.pem", params.self_signed(&key).unwrap().pem());
    let issuer = Issuer::new(params, key);
    for (name, common_name) in [("gateway", "localhost"), ("known", "case-system"), ("stranger", "stranger")] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        write(&format!("{name}.pem"), params.signed_by(&key, &issuer).unwrap().pem());
        write(&format!("{name}.key"), key.serialize_pem());
    }
}

#[test]
fn who_calls_is_told_by_the_certificate() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let gateway = Gateway::start_in(
        folder,
        "tls = { certificate_file = \"gateway.pem\", key_file = \"gateway.key\", client_ca_file = \"ca.pem\" }\n\
         [[security.principals]]\nname = \"case-system\"\ncertificate = { subject_cn = \"case-system\" }\n\
         roles = [\"ministry_system\"]\n",
    );
    let call = |who: Option<&str>| {
        let path = |name: String| gateway.folder.path().join(name);
        let mut command = binary();
        command.args(["petition", "list", "--address"]).arg(format!("https://{}", gateway.grpc));
        command.arg("--ca").arg(path("ca.pem".to_owned()));
        if let Some(who) = who {
            command.arg("--certificate").arg(path(format!("{who}.pem"))).arg("--key").arg(path(format!("{who}.key")));
        }
        run(command)
    };
    assert_eq!(call(Some("known")).code, 0, "{:?}", call(Some("known")));
    assert_eq!(call(Some("stranger")).code, 77, "{:?}", call(Some("stranger")));
    assert_eq!(call(None).code, 69, "{:?}", call(None));
    let mut plain = gateway.command("petition list");
    plain.env("PETITION_GATEWAY_ADDRESS", format!("http://{}", gateway.grpc));
    assert_eq!(run(plain).code, 69);
}

#[test]
fn a_stop_is_clean_and_a_watch_learns_where_to_go_on() {
    let mut gateway = Gateway::start(ALL_ROLES);
    gateway.json("petition submit --kind feedback --full-name X --body", &["Một phản ánh"]).record();
    let mut watch = gateway.command("petition watch");
    let mut watch = watch.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(watch.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("đã tiếp nhận"), "{line}");
    assert_eq!(gateway.terminate().code(), Some(0));
    let ended = watch.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(69));
    let told = String::from_utf8(ended.stderr).unwrap();
    assert!(told.contains("--after 1"), "{told}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let gateway = Gateway::start(ALL_ROLES);
    for number in 0..3 {
        let body = format!("Phản ánh số {number}");
        gateway.json("petition submit --kind feedback --full-name X --body", &[&body]).record();
    }
    let mut command = gateway.command("petition watch --json");
    let mut watch = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(watch.stdout.take());
    gateway.json("petition submit --kind feedback --full-name X --body", &["Thêm một"]).record();
    let ended = watch.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), "");
}

#[test]
fn every_shell_gets_its_completion() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let mut command = binary();
        command.args(["completion", shell]);
        let script = run(command);
        assert_eq!(script.code, 0);
        assert!(script.out.contains("request-information"), "{shell}");
    }
}
