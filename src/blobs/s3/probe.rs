//! The first requests to a bucket: whether everything that was configured fits, told so that it can be mended.

use futures::StreamExt;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

use super::Access;
use crate::{
    blobs::{fault::Fault, name},
    config,
};

/// SHA-256 of nothing. Keeping the empty content shows that we may write, and leaves nothing that is not a content: so
/// the access key needs no right to delete.
const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Why a bucket cannot be used, and what to look at. No text holds a secret.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ProbeError {
    /// Nobody answers.
    #[error(
        "no S3 server answers at {endpoint} ({why}); check blobs.s3.endpoint, the network, and for https blobs.s3.ca_file"
    )]
    Unreachable {
        /// Where.
        endpoint: String,
        /// What the connection says.
        why: String,
    },
    /// The access key or its secret.
    #[error(
        "the S3 server at {endpoint} does not know the access key, or it has another secret; check blobs.s3.access_key_id_file and secret_access_key_file (or …_env)"
    )]
    AccessKey {
        /// Where.
        endpoint: String,
    },
    /// The rights of the access key.
    #[error(
        "the access key may not {act} bucket {bucket}; it needs s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and s3:AbortMultipartUpload on its objects"
    )]
    Denied {
        /// What it may not do.
        act: &'static str,
        /// Where.
        bucket: String,
    },
    /// The bucket.
    #[error("there is no bucket {bucket} at {endpoint}; make it, or check blobs.s3.bucket and blobs.s3.path_style")]
    NoBucket {
        /// Where.
        endpoint: String,
        /// Which.
        bucket: String,
    },
    /// The region.
    #[error("bucket {bucket} is in another region or at another address; check blobs.s3.region and blobs.s3.endpoint")]
    Region {
        /// Which.
        bucket: String,
    },
    /// The clocks.
    #[error(
        "the clock of the S3 server at {endpoint} and ours differ by more than a signature allows; set both by NTP"
    )]
    Clock {
        /// Where.
        endpoint: String,
    },
    /// Anything else.
    #[error("the S3 server at {endpoint} refuses to {act} bucket {bucket}: {what}")]
    Refused {
        /// Where.
        endpoint: String,
        /// Which.
        bucket: String,
        /// What was tried.
        act: &'static str,
        /// Its own word for it.
        what: String,
    },
}

pub(super) async fn probe(store: &dyn ObjectStore, config: &config::S3, access: Access) -> Result<(), ProbeError> {
    if let Some(Err(error)) = store.list(Some(&name::shard(0))).next().await {
        return Err(told(&error, config, "list"));
    }
    if access == Access::Keep {
        let place = name::place_of(NOTHING).expect("a SHA-256");
        store.put(&place, PutPayload::new()).await.map_err(|error| told(&error, config, "write to"))?;
    }
    Ok(())
}

fn told(error: &object_store::Error, config: &config::S3, act: &'static str) -> ProbeError {
    let (endpoint, bucket) = (config.endpoint.to_string(), config.bucket.clone());
    match Fault::of(error) {
        Fault::NoAnswer(why) => ProbeError::Unreachable { endpoint, why },
        Fault::AccessKey => ProbeError::AccessKey { endpoint },
        Fault::Denied => ProbeError::Denied { act, bucket },
        Fault::NoBucket | Fault::NotFound => ProbeError::NoBucket { endpoint, bucket },
        Fault::Region => ProbeError::Region { bucket },
        Fault::Clock => ProbeError::Clock { endpoint },
        Fault::Other(what) | Fault::Disk(_, what) => ProbeError::Refused { endpoint, bucket, act, what },
    }
}
