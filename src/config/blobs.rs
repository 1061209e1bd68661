//! `[blobs]` and `[blobs.s3]`: where attachments are stored.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::Url;
use secrecy::SecretString;

use super::{address, reader::Section};

/// Where attachments are stored.
#[derive(Debug, Clone)]
pub struct Blobs {
    /// The folder, by SHA-256 below; with `s3` only for what is not uploaded yet.
    pub folder: PathBuf,
    /// The bucket that several gateways share.
    pub s3: Option<S3>,
    /// The largest attachment that is taken in or sent.
    pub attachment_bytes_max: u64,
}

/// A bucket of S3-compatible storage. `Debug` shows no secret: they are kept in types that do not print them.
#[derive(Debug, Clone)]
pub struct S3 {
    /// The server's address, without the bucket.
    pub endpoint: Url,
    /// The bucket.
    pub bucket: String,
    /// What stands before every name, without slashes around it; empty for none.
    pub prefix: String,
    /// The region that requests are signed for.
    pub region: String,
    /// Whether the bucket stands in the path and not in the host's name.
    pub path_style: bool,
    /// Who we are.
    pub access_key_id: SecretString,
    /// What requests are signed with.
    pub secret_access_key: SecretString,
    /// A root that the server's certificate may come from, beside the system's.
    pub ca_file: Option<PathBuf>,
    /// For connecting.
    pub connect_timeout: Duration,
    /// For the answer to one request, and for the next bytes of it.
    pub timeout: Duration,
    /// How long a request that failed is repeated.
    pub retry_limit: Duration,
}

/// The keys that have no default: whoever gives one of them means to use S3.
const CHOSEN: [&str; 8] = [
    "endpoint",
    "bucket",
    "prefix",
    "access_key_id_file",
    "access_key_id_env",
    "secret_access_key_file",
    "secret_access_key_env",
    "ca_file",
];

/// A signed request is refused by the server when it is repeated for longer than this.
const RETRY_SECONDS_MAX: u64 = 240;

pub(super) fn read(mut section: Section<'_>, data_folder: &Path) -> Blobs {
    // A relative folder lies in the data folder, not beside the configuration file.
    let folder = data_folder.join(section.text("folder"));
    let attachment_bytes_max = section.integer("attachment_bytes_max", 1024..=2 * 1024 * 1024 * 1024);
    let s3 = read_s3(section.table("s3"));
    section.finish();
    Blobs { folder, s3, attachment_bytes_max }
}

fn read_s3(mut section: Section<'_>) -> Option<S3> {
    const ENDPOINT: &str = "PETITION_GATEWAY_BLOBS_S3_ENDPOINT";
    let region = section.text("region");
    let path_style = section.boolean("path_style");
    let connect_timeout = section.seconds("connect_timeout_seconds", 1..=60);
    let timeout = section.seconds("timeout_seconds", 1..=600);
    let retry_limit = section.seconds("retry_seconds", 0..=RETRY_SECONDS_MAX);
    let given = CHOSEN.map(|key| section.has(key));
    if !given.contains(&true) && section.variable(ENDPOINT).is_none() {
        section.finish();
        return None;
    }
    let (endpoint, place) = section.address("endpoint", ENDPOINT);
    let endpoint = match endpoint.as_str() {
        // That it is missing was said.
        "" => None,
        text => address::parse(text, "https://s3.example.gov.vn", "access_key_id_file and secret_access_key_file")
            .map_err(|wrong| section.push(place.problem(wrong)))
            .ok(),
    };
    if !path_style && endpoint.as_ref().is_some_and(|it| it.domain().is_none()) {
        section.fault("path_style", "false puts the bucket before the endpoint's host, which must be a name for that");
    }
    let s3 = S3 {
        endpoint: endpoint.unwrap_or_else(|| Url::parse("http://localhost").expect("a well-formed address")),
        bucket: read_bucket(&mut section),
        prefix: read_prefix(&mut section),
        region,
        path_style,
        access_key_id: section.secret("access_key_id"),
        secret_access_key: section.secret("secret_access_key"),
        ca_file: section.file_maybe("ca_file"),
        connect_timeout,
        timeout,
        retry_limit,
    };
    section.finish();
    Some(s3)
}

fn read_bucket(section: &mut Section<'_>) -> String {
    let bucket = section.text("bucket");
    let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    if section.has("bucket") && !((3..=63).contains(&bucket.len()) && bucket.bytes().all(fits)) {
        section.fault("bucket", "a bucket's name has 3 to 63 of the signs a-z, 0-9, - and .");
    }
    bucket
}

/// Plain signs only, so that no server sees the names otherwise than they are written.
fn read_prefix(section: &mut Section<'_>) -> String {
    const SIGNS_MAX: usize = 200;
    let prefix = section.text_maybe("prefix").unwrap_or_default();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_part = |part: &str| !part.is_empty() && part != "." && part != ".." && part.bytes().all(fits);
    if section.has("prefix") && !(prefix.len() <= SIGNS_MAX && prefix.split('/').all(is_part)) {
        let message = format!(
            "must be names of the signs a-z, A-Z, 0-9, -, _ and . with a / between them, {SIGNS_MAX} signs at most"
        );
        section.fault("prefix", message);
    }
    prefix
}
