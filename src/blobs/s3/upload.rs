//! From the spool into the bucket: a small content in one request, a larger one in parts.
//!
//! A part is read from the spool when the one before has arrived, so an upload holds one and no more, whatever its size:
//! a second on its way would gain little, for there are several uploads at once and the slow part of an attachment's way
//! is over. An upload that fails is aborted, so that the bucket keeps no half; only a kill cannot do that, for which the
//! bucket needs a life-cycle rule (see `[blobs.s3]`).

use std::{io, sync::Arc};

use object_store::{MultipartUpload, ObjectStoreExt};
use tokio::sync::Semaphore;

use crate::{
    blobs::{fault::Fault, name, shelf::Shelf, spool::Spooled},
    supervise,
};

/// The smallest part that S3 allows; 10,000 of them, the most it allows, hold more than the largest attachment.
const PART_BYTES: usize = 5 * 1024 * 1024;
/// Uploads at once, so that 80 MiB are the most that all of them hold. Others wait in their files.
pub(super) const UPLOADS_MAX: usize = 16;

/// A bucket to upload contents into. Cheap to clone.
#[derive(Clone)]
pub(in crate::blobs) struct Bucket {
    shelf: Shelf,
    room: Arc<Semaphore>,
}

impl Bucket {
    pub(in crate::blobs) fn new(shelf: Shelf) -> Bucket {
        Bucket { shelf, room: Arc::new(Semaphore::new(UPLOADS_MAX)) }
    }

    /// Uploads a content, to its end or to its abortion, even if whoever waits for it goes away.
    pub(in crate::blobs) async fn keep(&self, spooled: Spooled) -> io::Result<()> {
        let bucket = self.clone();
        supervise::outlive(async move {
            let _turn = bucket.room.acquire().await.expect("the semaphore is never closed");
            bucket.upload(&spooled).await
        })
        .await
    }

    async fn upload(&self, spooled: &Spooled) -> io::Result<()> {
        let place = name::place_of(&spooled.blob.sha256).map_err(io::Error::other)?;
        let size_bytes = spooled.blob.size_bytes;
        if size_bytes <= PART_BYTES as u64 {
            let length = usize::try_from(size_bytes).expect("a part fits into memory");
            let content = spooled.part(0, length).await?;
            return self.shelf.store().put(&place, content).await.map(drop).map_err(Fault::into_io);
        }
        let mut upload = self.shelf.store().put_multipart(&place).await.map_err(Fault::into_io)?;
        let kept = match send_parts(&mut *upload, spooled).await {
            Ok(()) => self.complete(&mut *upload, spooled).await,
            Err(error) => Err(error),
        };
        if kept.is_err()
            && let Err(error) = upload.abort().await
        {
            let error = Fault::into_io(error);
            tracing::warn!(%error, "a half upload stays in the bucket until its life-cycle rule ends it");
        }
        kept
    }

    async fn complete(&self, upload: &mut dyn MultipartUpload, spooled: &Spooled) -> io::Result<()> {
        let Err(error) = upload.complete().await else { return Ok(()) };
        // The reply may have been lost on its way, and a repeated request is refused then: what is there tells.
        match self.shelf.stat(&spooled.blob.sha256).await {
            Ok(Some(size_bytes)) if size_bytes == spooled.blob.size_bytes => Ok(()),
            _ => Err(Fault::into_io(error)),
        }
    }
}

async fn send_parts(upload: &mut dyn MultipartUpload, spooled: &Spooled) -> io::Result<()> {
    let mut offset = 0;
    while offset < spooled.blob.size_bytes {
        let left = spooled.blob.size_bytes - offset;
        let length = usize::try_from(left).unwrap_or(PART_BYTES).min(PART_BYTES);
        let part = spooled.part(offset, length).await?;
        upload.put_part(part).await.map_err(Fault::into_io)?;
        offset += length as u64;
    }
    Ok(())
}
