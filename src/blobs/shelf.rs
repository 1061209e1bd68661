//! Contents to be read: by name, from an offset, checked, listed; from a folder or a bucket alike.

use std::{fmt, io, sync::Arc};

use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream, stream::BoxStream};
use object_store::{GetOptions, GetRange, GetResult, GetResultPayload, ObjectStore, ObjectStoreExt};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::{BlobError, StoredBlob, fault::Fault, name};

/// Bytes read at a time: few enough to hold for many transfers, enough to keep the disk busy.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;

type Pieces = BoxStream<'static, io::Result<Bytes>>;

/// A place with contents, for reading. Cheap to clone.
#[derive(Clone)]
pub struct Shelf {
    store: Arc<dyn ObjectStore>,
    place: Arc<str>,
}

/// The store itself is not shown: it holds credentials.
impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shelf").field(&self.place).finish()
    }
}

impl Shelf {
    pub(super) fn new(store: Arc<dyn ObjectStore>, place: String) -> Shelf {
        Shelf { store, place: place.into() }
    }

    pub(super) fn store(&self) -> &dyn ObjectStore {
        &*self.store
    }

    /// Where the contents are, for people.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The content from byte `offset` on; `None` when it is not kept. An offset beyond the end gives nothing.
    ///
    /// # Errors
    /// See [`BlobError`]; the stream itself fails when the storage does, and never ends early without an error.
    pub async fn get(
        &self,
        sha256: &str,
        offset: u64,
    ) -> Result<Option<impl Stream<Item = io::Result<Bytes>> + Send + Unpin + use<>>, BlobError> {
        let place = name::place_of(sha256)?;
        let mut options = GetOptions::default();
        if offset > 0 {
            // A range that begins at the end is no range, for a bucket.
            match self.stat(sha256).await? {
                None => return Ok(None),
                Some(size_bytes) if offset >= size_bytes => return Ok(Some(stream::empty().boxed())),
                Some(_) => options.range = Some(GetRange::Offset(offset)),
            }
        }
        let Some(found) = known(self.store.get_opts(&place, options).await)? else { return Ok(None) };
        pieces(found).await.map(Some).map_err(BlobError::Storage)
    }

    /// The size of a content; `None` when it is not kept.
    ///
    /// # Errors
    /// See [`BlobError`].
    pub async fn stat(&self, sha256: &str) -> Result<Option<u64>, BlobError> {
        let found = self.store.head(&name::place_of(sha256)?).await;
        Ok(known(found)?.map(|found| found.size))
    }

    /// Whether the content is kept and still what its name says.
    ///
    /// # Errors
    /// See [`BlobError`].
    pub async fn verify(&self, sha256: &str) -> Result<bool, BlobError> {
        let Some(mut content) = self.get(sha256, 0).await? else { return Ok(false) };
        let mut digest = Sha256::new();
        while let Some(piece) = content.try_next().await.map_err(BlobError::Storage)? {
            digest.update(&piece);
        }
        Ok(hex::encode(digest.finalize()) == sha256)
    }

    /// The contents of one shard (see [`name::SHARDS`]) in the order of their names. What does not belong is passed
    /// over.
    pub(super) async fn list(&self, shard: u16) -> Result<Vec<StoredBlob>, BlobError> {
        let shard = name::shard(shard);
        let found = self.store.list(Some(&shard)).map_ok(|found| name::content_at(&found));
        let mut found: Vec<StoredBlob> =
            found.try_filter_map(|it| async { Ok(it) }).try_collect().await.map_err(storage)?;
        found.sort_by(|a, b| a.sha256.cmp(&b.sha256));
        Ok(found)
    }
}

/// What was found, if anything was.
fn known<T>(found: object_store::Result<T>) -> Result<Option<T>, BlobError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) => match Fault::of(&error) {
            Fault::NotFound => Ok(None),
            _ => Err(storage(error)),
        },
    }
}

fn storage(error: object_store::Error) -> BlobError {
    BlobError::Storage(Fault::into_io(error))
}

async fn pieces(found: GetResult) -> io::Result<Pieces> {
    let length = found.range.end - found.range.start;
    let pieces = match found.payload {
        GetResultPayload::File(file, _) => {
            let mut file = tokio::fs::File::from_std(file);
            file.seek(io::SeekFrom::Start(found.range.start)).await?;
            ReaderStream::with_capacity(file.take(length), CHUNK_BYTES).boxed()
        }
        GetResultPayload::Stream(pieces) => pieces.map_err(Fault::into_io).boxed(),
    };
    Ok(whole(pieces, length))
}

/// The pieces, or an error where they end before `length` bytes have come: a short content must not pass for whole.
fn whole(pieces: Pieces, length: u64) -> Pieces {
    let next = |(mut pieces, missing): (Pieces, u64)| async move {
        match pieces.try_next().await? {
            Some(piece) => {
                let missing = missing.saturating_sub(piece.len() as u64);
                Ok(Some((piece, (pieces, missing))))
            }
            None if missing > 0 => Err(io::ErrorKind::UnexpectedEof.into()),
            None => Ok(None),
        }
    };
    stream::try_unfold((pieces, length), next).boxed()
}
