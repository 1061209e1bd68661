//! Contents of attachments, each under its own SHA-256: in a local folder, or in a bucket of S3-compatible storage that
//! several gateways share.
//!
//! A content is named by what it is: the same file twice is kept once, a name never comes from outside, and whether a
//! content is still what it was can be checked at any time. What a file is called and whose it is stands in the store.
//!
//! A put is durable when it returns. The name is known only at the end, so a content comes into a file of the spool first;
//! from there it is moved to its place in the folder, or uploaded. Of one that breaks off, nothing is kept.
//!
//! Reading is the same for both and goes through `object_store`; only keeping differs.

mod copy;
mod fault;
mod folder;
mod memory;
mod name;
mod s3;
mod shelf;
mod spool;
#[cfg(test)]
mod tests;

use std::{io, path::PathBuf};

use bytes::Bytes;
use futures::Stream;
use tokio::io::AsyncRead;
use tokio_util::io::ReaderStream;

pub use self::{
    copy::{CopyError, Seen, copy, verify_all},
    s3::ProbeError,
    shelf::Shelf,
};
use self::{
    folder::Folder,
    memory::Memory,
    s3::{Access, Bucket},
    shelf::CHUNK_BYTES,
    spool::Spool,
};
use crate::config;

/// Why a blob could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The content is larger than the limit; nothing of it was kept.
    #[error("the content is larger than {size_bytes_max} bytes")]
    TooLarge {
        /// The limit.
        size_bytes_max: u64,
    },
    /// The name is not a SHA-256 in lower-case hex.
    #[error("not a SHA-256 of 64 lower-case hex digits")]
    NotADigest,
    /// The content is not what its name says; nothing of it was kept.
    #[error("the content is not what its name says")]
    OtherContent,
    /// The content could not be read to its end from where it comes; nothing of it was kept.
    #[error("the content could not be read to its end")]
    Source(#[source] io::Error),
    /// The disk failed or is full, or the S3 server failed; nothing was kept.
    #[error("the blob store failed")]
    Storage(#[source] io::Error),
}

/// Why the blob store cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder.
    #[error("the folder {folder} of attachments cannot be used")]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// `blobs.s3.ca_file`.
    #[error("blobs.s3.ca_file holds no certificate (PEM) that can be read")]
    CaFile,
    /// TLS.
    #[error("TLS towards blobs.s3.endpoint cannot be set up; has the system no root certificates?")]
    Tls(#[source] reqwest::Error),
    /// What `object_store` does not take for a bucket.
    #[error("[blobs.s3] names no bucket: {0}")]
    Bucket(String),
    /// The server.
    #[error(transparent)]
    Probe(ProbeError),
}

/// A content that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlob {
    /// SHA-256 of the content, lower-case hex: its name.
    pub sha256: String,
    /// Its size.
    pub size_bytes: u64,
}

/// The blob store. Cheap to clone.
#[derive(Clone)]
pub struct Blobs {
    shelf: Shelf,
    landing: Landing,
    size_bytes_max: u64,
}

/// Where contents go: from the spool, or into memory.
#[derive(Clone)]
enum Landing {
    Folder(Spool, Folder),
    Bucket(Spool, Bucket),
    Memory(Memory),
}

impl std::fmt::Debug for Blobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Blobs").field(&self.shelf).finish()
    }
}

impl Blobs {
    /// Opens the blob store in `folder`, makes it where there is none, and clears what a kill left unfinished.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub async fn open(folder: impl Into<PathBuf>, size_bytes_max: u64) -> Result<Blobs, OpenError> {
        let folder = folder.into();
        let spool = open_spool(&folder).await?;
        let landing = Landing::Folder(spool, Folder::new(&folder));
        Ok(Blobs { shelf: folder::shelf(folder).await?, landing, size_bytes_max })
    }

    /// A blob store in memory, as long as it lives, without any thread or file. For simulations, whose time is not the
    /// machine's.
    pub fn in_memory(size_bytes_max: u64) -> Blobs {
        let memory = Memory::default();
        Blobs { shelf: memory.shelf(), landing: Landing::Memory(memory), size_bytes_max }
    }

    /// Opens the blob store that is configured: the bucket if there is one, which is asked whether it can be used, and
    /// the folder otherwise.
    ///
    /// # Errors
    /// The folder or the bucket cannot be used.
    pub async fn configured(config: &config::Blobs) -> Result<Blobs, OpenError> {
        let Some(s3) = &config.s3 else {
            return Blobs::open(&config.folder, config.attachment_bytes_max).await;
        };
        let spool = open_spool(&config.folder).await?;
        let shelf = s3::shelf(s3, Access::Keep).await?;
        let landing = Landing::Bucket(spool, Bucket::new(shelf.clone()));
        Ok(Blobs { shelf, landing, size_bytes_max: config.attachment_bytes_max })
    }

    /// Keeps what `reader` gives.
    ///
    /// # Errors
    /// See [`BlobError`].
    pub async fn put(&self, reader: impl AsyncRead + Send + Unpin) -> Result<StoredBlob, BlobError> {
        self.put_stream(ReaderStream::with_capacity(reader, CHUNK_BYTES)).await
    }

    /// Keeps a content that is in memory.
    ///
    /// # Errors
    /// See [`BlobError`].
    pub async fn put_bytes(&self, content: Bytes) -> Result<StoredBlob, BlobError> {
        self.put_stream(futures::stream::iter([Ok(content)])).await
    }

    /// Keeps what a stream gives, piece by piece.
    ///
    /// # Errors
    /// See [`BlobError`].
    pub async fn put_stream(
        &self,
        content: impl Stream<Item = io::Result<Bytes>> + Send + Unpin,
    ) -> Result<StoredBlob, BlobError> {
        self.keep(content, self.size_bytes_max, |_| true).await
    }

    /// Keeps a content only if it is the one that is named so; of any size, for it was kept elsewhere before.
    ///
    /// # Errors
    /// See [`BlobError`].
    pub async fn put_as(
        &self,
        sha256: &str,
        content: impl Stream<Item = io::Result<Bytes>> + Send + Unpin,
    ) -> Result<StoredBlob, BlobError> {
        self.keep(content, u64::MAX, |blob| blob.sha256 == sha256).await
    }

    /// The content from byte `offset` on; `None` when it is not kept. An offset beyond the end gives nothing.
    ///
    /// # Errors
    /// See [`Shelf::get`].
    pub async fn get(
        &self,
        sha256: &str,
        offset: u64,
    ) -> Result<Option<impl Stream<Item = io::Result<Bytes>> + Send + Unpin + use<>>, BlobError> {
        self.shelf.get(sha256, offset).await
    }

    /// The size of a content; `None` when it is not kept.
    ///
    /// # Errors
    /// See [`BlobError`].
    pub async fn stat(&self, sha256: &str) -> Result<Option<u64>, BlobError> {
        self.shelf.stat(sha256).await
    }

    /// Whether the content is kept and still what its name says.
    ///
    /// # Errors
    /// See [`BlobError`].
    pub async fn verify(&self, sha256: &str) -> Result<bool, BlobError> {
        self.shelf.verify(sha256).await
    }

    /// Everything that is kept, to be read.
    pub fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// Keeps what a stream gives, if it is what was meant.
    async fn keep(
        &self,
        content: impl Stream<Item = io::Result<Bytes>> + Send + Unpin,
        size_bytes_max: u64,
        is_meant: impl Fn(&StoredBlob) -> bool,
    ) -> Result<StoredBlob, BlobError> {
        let spool = match &self.landing {
            Landing::Folder(spool, _) | Landing::Bucket(spool, _) => spool,
            Landing::Memory(memory) => return memory.keep(content, size_bytes_max, is_meant).await,
        };
        let spooled = spool.take(content, size_bytes_max).await?;
        let blob = spooled.blob.clone();
        if !is_meant(&blob) {
            return Err(BlobError::OtherContent);
        }
        let is_known = self.stat(&blob.sha256).await? == Some(blob.size_bytes);
        let kept = match &self.landing {
            Landing::Folder(_, folder) => folder.keep(&spooled, is_known).await,
            Landing::Bucket(_, bucket) if !is_known => bucket.keep(spooled).await,
            Landing::Bucket(..) | Landing::Memory(_) => Ok(()),
        };
        kept.map_err(BlobError::Storage)?;
        crate::failpoint::at!("blob.kept");
        Ok(blob)
    }
}

impl Shelf {
    /// Opens what is configured for reading: nothing is made or changed there.
    ///
    /// # Errors
    /// The folder or the bucket cannot be used.
    pub async fn configured(config: &config::Blobs) -> Result<Shelf, OpenError> {
        match &config.s3 {
            Some(s3) => s3::shelf(s3, Access::Read).await,
            None => folder::shelf(config.folder.clone()).await,
        }
    }

    /// Opens a folder for reading.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub async fn of_folder(folder: impl Into<PathBuf>) -> Result<Shelf, OpenError> {
        folder::shelf(folder.into()).await
    }
}

async fn open_spool(folder: &std::path::Path) -> Result<Spool, OpenError> {
    Spool::open(folder).await.map_err(|source| OpenError::Folder { folder: folder.to_owned(), source })
}
