//! A bucket of S3-compatible storage, shared by several gateways.
//!
//! Contents are named by what they are: two gateways that keep the same one at the same time write the same bytes to the
//! same place, so nothing has to be agreed between them, and nothing is ever changed or deleted.

mod client;
mod probe;
mod upload;

use std::{sync::Arc, time::Duration};

use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, RetryConfig, StaticCredentialProvider,
    aws::{AmazonS3, AmazonS3Builder, AwsCredential},
    client::{HttpClient, HttpConnector},
    prefix::PrefixStore,
};
use reqwest::Url;
use secrecy::ExposeSecret;

pub use self::probe::ProbeError;
pub(super) use self::upload::Bucket;
use super::{OpenError, shelf::Shelf};
use crate::config;

/// What is to be done in a bucket, and so what the access key must allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Contents are read.
    Read,
    /// Contents are read and kept.
    Keep,
}

/// The contents in a bucket, after the server has shown that it answers, knows us and has the bucket.
pub(super) async fn shelf(config: &config::S3, access: Access) -> Result<Shelf, OpenError> {
    let store: Arc<dyn ObjectStore> = match config.prefix.as_str() {
        "" => Arc::new(connect(config)?),
        prefix => Arc::new(PrefixStore::new(connect(config)?, prefix)),
    };
    probe::probe(&*store, config, access).await.map_err(OpenError::Probe)?;
    Ok(Shelf::new(store, format!("s3://{}/{}", config.bucket, config.prefix)))
}

fn connect(config: &config::S3) -> Result<AmazonS3, OpenError> {
    // Not from the environment, nor from a cloud's metadata service: only what was configured signs.
    let credentials = StaticCredentialProvider::new(AwsCredential {
        key_id: config.access_key_id.expose_secret().to_owned(),
        secret_key: config.secret_access_key.expose_secret().to_owned(),
        token: None,
    });
    let store = AmazonS3Builder::new()
        .with_endpoint(endpoint(config))
        .with_virtual_hosted_style_request(!config.path_style)
        .with_region(&config.region)
        .with_bucket_name(&config.bucket)
        .with_credentials(Arc::new(credentials))
        .with_retry(retry(config.retry_limit))
        .with_http_connector(Ours(client::build(config)?))
        .build();
    store.map_err(|error| OpenError::Bucket(error.to_string()))
}

/// Where `object_store` looks for the bucket: it puts the bucket behind an address, but not before one.
fn endpoint(config: &config::S3) -> String {
    let mut endpoint: Url = config.endpoint.clone();
    if !config.path_style
        && let Some(host) = config.endpoint.host_str()
    {
        let host = format!("{}.{host}", config.bucket);
        endpoint.set_host(Some(&host)).expect("a bucket before a host's name is one, which the configuration checks");
    }
    endpoint.as_str().trim_end_matches('/').to_owned()
}

/// Through a restart or fail-over of the server, and no longer: whoever waits here holds a file, an upload's turn and a
/// caller, and comes again anyway.
fn retry(limit: Duration) -> RetryConfig {
    /// A server that refuses connections at once is asked this often at most.
    const RETRIES_MAX: usize = 10;
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(200), max_backoff: Duration::from_secs(5), base: 2.0 };
    RetryConfig { backoff, max_retries: RETRIES_MAX, retry_timeout: limit }
}

/// Hands our own client to `object_store`, whose default would take up a proxy of the environment and follow redirects.
#[derive(Debug)]
struct Ours(reqwest::Client);

impl HttpConnector for Ours {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_stands_in_the_path_or_before_the_host() {
        let mut config = config::S3 {
            endpoint: "https://s3.example.gov.vn:9000/".parse().unwrap(),
            bucket: "attachments".to_owned(),
            prefix: String::new(),
            region: "us-east-1".to_owned(),
            path_style: true,
            access_key_id: "gateway".into(),
            secret_access_key: "secret".into(),
            ca_file: None,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            retry_limit: Duration::from_secs(20),
        };
        assert_eq!(endpoint(&config), "https://s3.example.gov.vn:9000");
        config.path_style = false;
        assert_eq!(endpoint(&config), "https://attachments.s3.example.gov.vn:9000");
    }
}
