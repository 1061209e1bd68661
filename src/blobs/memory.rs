//! Contents in memory, for simulations: no file and no thread, so that nothing takes time but what is told to.

use std::{io, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use object_store::{ObjectStoreExt, memory::InMemory};
use sha2::{Digest, Sha256};

use super::{BlobError, StoredBlob, name, shelf::Shelf};

/// Where the contents are. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Memory(Arc<InMemory>);

impl Memory {
    pub(super) fn shelf(&self) -> Shelf {
        Shelf::new(Arc::clone(&self.0) as _, "memory".to_owned())
    }

    /// Keeps what a stream gives, if it is what was meant.
    pub(super) async fn keep(
        &self,
        mut content: impl Stream<Item = io::Result<Bytes>> + Send + Unpin,
        size_bytes_max: u64,
        is_meant: impl Fn(&StoredBlob) -> bool,
    ) -> Result<StoredBlob, BlobError> {
        let mut whole = BytesMut::new();
        while let Some(piece) = content.next().await {
            whole.extend_from_slice(&piece.map_err(BlobError::Source)?);
            if whole.len() as u64 > size_bytes_max {
                return Err(BlobError::TooLarge { size_bytes_max });
            }
        }
        let blob = StoredBlob { sha256: hex::encode(Sha256::digest(&whole)), size_bytes: whole.len() as u64 };
        if !is_meant(&blob) {
            return Err(BlobError::OtherContent);
        }
        let kept = self.0.put(&name::place_of(&blob.sha256)?, whole.freeze().into()).await;
        kept.map_err(|error| BlobError::Storage(error.into()))?;
        Ok(blob)
    }
}
