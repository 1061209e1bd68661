//! What loading tells an operator.

use std::sync::Arc;

use ::http::{HeaderMap, Method, StatusCode};
use async_trait::async_trait;
use channel_sdk::{
    Adapter, Fault, Notice, Remote, Verdict,
    adapter::{Abilities, Built, Decoded, Feed, Outcome, Page, PushReply, RawMessage, Route, Settings, SettingsFault},
    model::Attachment,
    remote::{Fetched, RemoteError},
    sandbox::{FarSide, SandboxSettings},
};
use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::{channel::Auth, *};
use crate::security::Role;

/// A kind that wants `page_size` in its settings and a table `codes` in its dialect.
pub(crate) const POSTBOX: Kind = Kind {
    name: "post-box",
    summary: "a made-up kind",
    default_dialect: "[codes]\n",
    build: build_postbox,
    sandbox: no_sandbox,
};

struct Postbox;

fn build_postbox(settings: Settings) -> Built {
    let mut faults = Vec::new();
    if settings.table.get("page_size").is_some_and(|size| size.as_integer().is_none_or(|size| size > 100)) {
        let message = "must be an integer up to 100".to_owned();
        faults.push(SettingsFault { in_dialect: false, key: "page_size".to_owned(), message });
    }
    let dialect: toml::Table = settings.dialect.parse().unwrap();
    if dialect["codes"].get("07").is_some() {
        let message = "stands for a code that there is no more".to_owned();
        faults.push(SettingsFault { in_dialect: true, key: "codes.07".to_owned(), message });
    }
    if faults.is_empty() { Ok(Arc::new(Postbox)) } else { Err(faults) }
}

fn no_sandbox(_: SandboxSettings) -> Arc<dyn FarSide> {
    panic!("no test asks for it")
}

#[async_trait]
impl Adapter for Postbox {
    fn abilities(&self) -> Abilities {
        let feed = |name| Feed { name, interval: Duration::from_secs(30), reads_destructively: false };
        let route = |method, pattern| Route { method, pattern };
        let routes = vec![route(Method::POST, "/letters"), route(Method::PUT, "/letters/{id}/text")];
        Abilities { feeds: vec![feed("letters"), feed("ratings")], routes, ..Abilities::default() }
    }
    fn decode(&self, _: &RawMessage) -> Result<Decoded, Vec<Fault>> {
        Ok(Decoded::default())
    }
    fn acknowledge(&self, raw: &RawMessage, outcome: &Outcome) -> PushReply {
        let body = match outcome {
            Outcome::Unreadable(faults) => format!("{}: {}", raw.route, faults[0].code.as_str()),
            _ => raw.route.clone(),
        };
        PushReply { status: StatusCode::BAD_REQUEST, headers: HeaderMap::new(), body: body.into() }
    }
    async fn pull(&self, _: &dyn Remote, _: &str, _: Option<&str>, _: Timestamp) -> Result<Page, RemoteError> {
        Err(RemoteError::Status(404))
    }
    async fn fetch(&self, _: &dyn Remote, _: &str, _: &Attachment) -> Result<Fetched, Verdict> {
        Err(Verdict::Reject { reason: String::new() })
    }
    async fn deliver(&self, _: &dyn Remote, _: &Notice) -> Verdict {
        Verdict::Reject { reason: String::new() }
    }
    async fn probe(&self, _: &dyn Remote) -> Result<(), RemoteError> {
        Ok(())
    }
}

use std::time::Duration;

/// A channel that needs no files.
const CHANNEL: &str =
    "[channels.box]\nkind = \"post-box\"\nbase_url = \"https://box.example.vn\"\nauth.type = \"none\"\n";

fn read(text: &str) -> Result<Config, ConfigError> {
    read_with(text, &Environment::default())
}

fn read_with(text: &str, environment: &Environment) -> Result<Config, ConfigError> {
    Config::read("gateway.toml", Path::new("/nowhere"), text, environment, &[POSTBOX])
}

/// Every problem, a line each.
fn problems(text: &str) -> String {
    match read(text) {
        Ok(_) => "none".to_owned(),
        Err(ConfigError(all)) => all.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"),
    }
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(problems(text), expected.join("\n"));
}

#[test]
fn the_defaults_alone_are_a_configuration() {
    let config = read("").unwrap();
    assert_eq!(config.gateway.agency.code, "000.00.00.G07");
    assert!(matches!(config.store, Store::Sqlite { file } if file == Path::new("data/gateway.db")));
    assert!(config.channels.is_empty());
    let total: Duration = config.outbound.schedule.iter().sum();
    assert!(total >= Duration::from_secs(9 * 86_400), "a nine-day holiday is bridged");
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_file_line_and_key() {
    check(
        "[gateway]\nagensy = \"G07\"\nstop_seconds = \"soon\"\n\n[grpc]\nlisten = \"0.0.0.0:50051\"\n\n\
         [grpc.limits]\nmessage_bytes_max = 1\n\n[outbound]\nschedule = [\"5s\", \"later\"]\n\n[log]\nlevel = \"inform\"\n\n[chanels]\n",
        &[
            "gateway.toml:2: gateway.agensy: unknown key; did you mean `agency`?",
            "gateway.toml:3: gateway.stop_seconds: must be an integer, is a string",
            "gateway.toml:6: grpc.listen: a listener beyond loopback needs [grpc.tls] with certificate_file, key_file and client_ca_file",
            "gateway.toml:9: grpc.limits.message_bytes_max: must lie between 65536 and 67108864",
            "gateway.toml:12: outbound.schedule: must be a span such as \"500ms\", \"30s\", \"2m\", \"3h\" or \"9d\"",
            "gateway.toml:15: log.level: must be one of \"error\", \"warn\", \"info\", \"debug\", \"trace\"; did you mean \"info\"?",
            "gateway.toml:17: chanels: unknown key; did you mean `channels`?",
        ],
    );
}

#[test]
fn broken_syntax_does_not_hide_the_other_problems() {
    let told = problems("[gateway\nagency = \n[store]\nurl = \"mysql://u:secret@h/d\"\n");
    assert!(told.contains("gateway.toml:1: not valid TOML"), "{told}");
    assert!(told.contains("gateway.toml:4: store.url: must be \"sqlite:<file>\" or "), "{told}");
    assert!(!told.contains("secret"), "{told}");
}

#[test]
fn a_channel_is_checked_down_to_its_kind_and_its_dialect() {
    let folder = tempfile::tempdir().unwrap();
    let dialect = folder.path().join("box.toml");
    std::fs::write(&dialect, "[codes]\n01 = \"new\"\n07 = \"gone\"\n").unwrap();
    let dialect = dialect.display();
    check(
        &format!(
            "{CHANNEL}dialect_file = \"{dialect}\"\n[channels.box.settings]\npage_size = 1000\n\
             [channels.Other_Box]\nkind = \"postbox\"\nbase_url = \"http://box.example.vn\"\nauth.type = \"oauth\"\n\
             [channels.third]\nkind = \"post-box\"\nbase_url = \"https://u:p@box.example.vn\"\npol = 1\n"
        ),
        &[
            &format!("{dialect}:3: codes.07: stands for a code that there is no more"),
            "gateway.toml:7: channels.box.settings.page_size: must be an integer up to 100",
            "gateway.toml:8: channels.Other_Box: a channel's name has 1 to 40 of the signs a-z, 0-9 and -",
            "gateway.toml:9: channels.Other_Box.kind: there is no such kind of channel; there are post-box; did you mean \"post-box\"?",
            "gateway.toml:10: channels.Other_Box.base_url: plain http:// is for loopback only: petitions are personal data; use https://",
            "gateway.toml:11: channels.Other_Box.auth.type: must be one of none, oauth2, basic, bearer, hmac, mtls; did you mean \"oauth2\"?",
            "gateway.toml:12: channels.third.auth.type: is missing",
            "gateway.toml:14: channels.third.base_url: must not carry credentials; they belong into [.auth]",
            "gateway.toml:15: channels.third.pol: unknown key; did you mean `poll`?",
        ],
    );
}

#[test]
fn feeds_take_their_interval_from_the_kind_or_the_table() {
    let config =
        read(&format!("{CHANNEL}[channels.box.poll]\nletters.interval = \"5s\"\nratings.enabled = false\n")).unwrap();
    let feeds: Vec<_> =
        config.channels[0].feeds.iter().map(|feed| (feed.name, feed.interval.as_secs(), feed.enabled)).collect();
    assert_eq!(feeds, [("letters", 5, true), ("ratings", 30, false)]);
    check(
        &format!("{CHANNEL}[channels.box.poll]\nleters.interval = \"5s\"\n"),
        &["gateway.toml:6: channels.box.poll.leters: unknown key; did you mean `letters`?"],
    );
}

#[test]
fn a_channel_takes_what_it_does_not_say_from_the_channel_defaults() {
    let text =
        format!("[channel_defaults.limits]\nconcurrency = 3\n{CHANNEL}[channels.box.limits]\ntimeout_seconds = 7\n");
    let limits = read(&text).unwrap().channels.remove(0).limits;
    assert_eq!((limits.concurrency, limits.timeout.as_secs(), limits.connect_timeout.as_secs()), (3, 7, 5));
}

#[test]
fn secrets_come_from_files_or_the_environment_and_are_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "from a file\n").unwrap();
    let channel = "[channels.box]\nkind = \"post-box\"\nbase_url = \"https://box.example.vn\"\n[channels.box.auth]\ntype = \"bearer\"\n";
    let environment = Environment::of([("BOX_TOKEN", "from the environment")]);
    let by_file = format!("{channel}token_file = \"{}\"\n", file.display());
    let by_env = format!("{channel}token_env = \"BOX_TOKEN\"\n");
    for (text, expected) in [(by_file, "from a file"), (by_env, "from the environment")] {
        let config = read_with(&text, &environment).unwrap();
        let Auth::Bearer { token } = &config.channels[0].auth else { panic!("a bearer token was configured") };
        assert_eq!(token.expose_secret(), expected);
        assert!(!format!("{config:?}{environment:?}").contains(expected));
    }
    check(
        &format!("{channel}token_file = \"no-such-file\"\ntoken = \"in the clear\"\n"),
        &[
            "gateway.toml:6: channels.box.auth.token_file: cannot read /nowhere/no-such-file: entity not found",
            "gateway.toml:7: channels.box.auth.token: unknown key; did you mean `token_env`?",
        ],
    );
    std::fs::write(&file, [0xff, 0xfe]).unwrap();
    check(
        &format!("{channel}token_file = \"{}\"\n", file.display()),
        &[&format!("gateway.toml:6: channels.box.auth.token_file: {} is not UTF-8", file.display())],
    );
    check(
        &format!("{channel}token_env = \"NOT_SET\"\n"),
        &["gateway.toml:6: channels.box.auth.token_env: the environment variable NOT_SET is not set"],
    );
    check(channel, &["gateway.toml:4: channels.box.auth.token: name a file in token_file or a variable in token_env"]);
}

#[test]
fn addresses_may_come_from_the_environment() {
    let environment = Environment::of([
        ("PETITION_GATEWAY_GRPC_LISTEN", "127.0.0.1:1"),
        ("PETITION_GATEWAY_HTTP_LISTEN", "nonsense"),
        ("PETITION_GATEWAY_CHANNEL_BOX_BASE_URL", "http://127.0.0.1:9/far"),
    ]);
    let ConfigError(told) = read_with(CHANNEL, &environment).unwrap_err();
    let told: Vec<String> = told.iter().map(Problem::to_string).collect();
    assert_eq!(
        told,
        ["environment variable PETITION_GATEWAY_HTTP_LISTEN: http.listen: must be an address and a port such as \
          \"127.0.0.1:8080\" or \"[::1]:8080\""]
    );
}

#[test]
fn principals_have_one_certificate_and_known_roles() {
    let text = "[[security.principals]]\nname = \"case\"\ncertificate = { subject_cn = \"case\" }\nroles = [\"ministry_system\"]\n";
    let config = read(&format!("{text}[security.loopback]\nroles = [\"reader\"]\n")).unwrap();
    let loopback = config.principals.recognise(&crate::security::Peer::Loopback).unwrap();
    assert!(loopback.roles.contains(Role::Reader));
    check(
        &format!(
            "{text}[[security.principals]]\nname = \"case\"\ncertificate = {{ subject_cn = \"a\", san_dns = \"b\" }}\nroles = [\"operators\"]\n\
             [[security.principals]]\nname = \"third\"\ncertificate = {{ sha256 = \"12\" }}\n"
        ),
        &[
            "gateway.toml:6: security.principals[1].name: stands for another principal already",
            "gateway.toml:7: security.principals[1].certificate: must have exactly one of subject_cn, san_uri, san_dns, sha256",
            "gateway.toml:8: security.principals[1].roles: must be of ministry_system, operator, reader; did you mean \"operator\"?",
            "gateway.toml:9: security.principals[2].roles: is missing",
            "gateway.toml:11: security.principals[2].certificate.sha256: must not be empty; a sha256 is 64 hex digits, colons allowed",
        ],
    );
}

#[test]
fn the_example_lacks_nothing_but_its_files() {
    let text = include_str!("../../config/example.toml");
    let read = Config::read("example.toml", Path::new("/"), text, &Environment::empty(), crate::adapters::KINDS);
    let ConfigError(told) = read.unwrap_err();
    for problem in &told {
        assert!(problem.message.starts_with("cannot read /etc/petition-gateway/"), "{problem}");
    }
    assert_eq!(told.len(), 11);
}

const S3: &str = "[blobs.s3]\nendpoint = \"https://s3.example.gov.vn\"\nbucket = \"attachments\"\n\
                  access_key_id_env = \"S3_ID\"\nsecret_access_key_env = \"S3_KEY\"\n";

#[test]
fn attachments_lie_in_a_folder_until_a_bucket_is_named() {
    let config = read("[gateway]\ndata_folder = \"/var/lib/gateway\"\n[blobs.s3]\nretry_seconds = 5\n").unwrap();
    assert_eq!(config.blobs.folder, Path::new("/var/lib/gateway/blobs"));
    assert!(config.blobs.s3.is_none());
    let environment = Environment::of([("S3_ID", "gateway"), ("S3_KEY", "rất bí mật")]);
    let config = read_with(&format!("{S3}prefix = \"bo/cong\"\n"), &environment).unwrap();
    assert!(!format!("{config:?}").contains("rất bí mật"));
    let s3 = config.blobs.s3.unwrap();
    assert_eq!((s3.endpoint.as_str(), s3.bucket.as_str()), ("https://s3.example.gov.vn/", "attachments"));
    assert_eq!((s3.prefix.as_str(), s3.region.as_str(), s3.path_style), ("bo/cong", "us-east-1", true));
    assert_eq!(s3.secret_access_key.expose_secret(), "rất bí mật");
    assert_eq!((s3.timeout.as_secs(), s3.retry_limit.as_secs()), (30, 20));
}

#[test]
fn everything_that_is_wrong_with_a_bucket_is_told() {
    check(
        "[blobs.s3]\nendpoint = \"http://s3.example.gov.vn\"\nbucket = \"Tệp\"\nprefix = \"/a\"\n\
         secret_access_key = \"in the clear\"\nretry_seconds = 3600\npath_stile = true\n",
        &[
            "gateway.toml:1: blobs.s3.access_key_id: name a file in access_key_id_file or a variable in access_key_id_env",
            "gateway.toml:1: blobs.s3.secret_access_key: name a file in secret_access_key_file or a variable in secret_access_key_env",
            "gateway.toml:2: blobs.s3.endpoint: plain http:// is for loopback only: petitions are personal data; use https://",
            "gateway.toml:3: blobs.s3.bucket: a bucket's name has 3 to 63 of the signs a-z, 0-9, - and .",
            "gateway.toml:4: blobs.s3.prefix: must be names of the signs a-z, A-Z, 0-9, -, _ and . with a / between them, 200 signs at most",
            "gateway.toml:5: blobs.s3.secret_access_key: unknown key; did you mean `secret_access_key_env`?",
            "gateway.toml:6: blobs.s3.retry_seconds: must lie between 0 and 240",
            "gateway.toml:7: blobs.s3.path_stile: unknown key; did you mean `path_style`?",
        ],
    );
    let told = problems(&format!("{}path_style = false\n", S3.replace("s3.example.gov.vn", "192.0.2.7")));
    assert!(told.contains("gateway.toml:6: blobs.s3.path_style: false puts the bucket before"), "{told}");
    check(
        "[blobs.s3]\nbucket = \"attachments\"\naccess_key_id_env = \"S3_ID\"\nsecret_access_key_file = \"no-such-file\"\n",
        &[
            "gateway.toml:1: blobs.s3.endpoint: is missing",
            "gateway.toml:3: blobs.s3.access_key_id_env: the environment variable S3_ID is not set",
            "gateway.toml:4: blobs.s3.secret_access_key_file: cannot read /nowhere/no-such-file: entity not found",
        ],
    );
}

#[test]
fn the_endpoint_of_a_bucket_may_come_from_the_environment() {
    let environment = Environment::of([
        ("PETITION_GATEWAY_BLOBS_S3_ENDPOINT", "http://127.0.0.1:9000"),
        ("S3_ID", "gateway"),
        ("S3_KEY", "bí mật"),
    ]);
    let s3 = read_with(S3, &environment).unwrap().blobs.s3.unwrap();
    assert_eq!(s3.endpoint.as_str(), "http://127.0.0.1:9000/");
    let wrong = Environment::of([("PETITION_GATEWAY_BLOBS_S3_ENDPOINT", "s3://user:password@host")]);
    let told = read_with("", &wrong).unwrap_err().to_string();
    assert!(
        told.contains("environment variable PETITION_GATEWAY_BLOBS_S3_ENDPOINT: blobs.s3.endpoint: must begin"),
        "{told}"
    );
    assert!(told.contains("blobs.s3.bucket: is missing") && !told.contains("password"), "{told}");
}
