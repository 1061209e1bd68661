//! Contents of attachments, on local disk, each under its own SHA-256.
//!
//! A content is named by what it is: the same file twice is kept once, a name never comes from outside, and whether a
//! content is still what it was can be checked at any time. What a file is called and whose it is stands in the store.
//!
//! A put is durable when it returns: written beside, flushed, then moved to its place. What a kill leaves beside is
//! cleared at the next start.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use tokio::{
    fs::{self, File, OpenOptions},
    io::{AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
};
use tokio_util::io::ReaderStream;

/// Bytes read and written at a time: few enough to hold for many transfers, enough to keep the disk busy.
const CHUNK_BYTES: usize = 64 * 1024;
/// The folder for what is being written.
const UNFINISHED: &str = "unfinished";

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
    /// The content could not be read to its end from where it comes; nothing of it was kept.
    #[error("the content could not be read to its end")]
    Source(#[source] io::Error),
    /// The disk failed or is full; nothing was kept.
    #[error("the blob store's disk failed")]
    Disk(#[source] io::Error),
}

/// A content that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlob {
    /// SHA-256 of the content, lower-case hex: its name.
    pub sha256: String,
    /// Its size.
    pub size_bytes: u64,
}

/// The blob store in one folder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Blobs {
    root: Arc<Path>,
    size_bytes_max: u64,
    next: Arc<AtomicU64>,
}

impl Blobs {
    /// Opens the blob store in `root`, makes it where there is none, and clears what an earlier run left unfinished.
    /// The gateway that holds the store's lock is the only one that may open its blobs.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub async fn open(root: impl Into<PathBuf>, size_bytes_max: u64) -> Result<Blobs, BlobError> {
        let root: PathBuf = root.into();
        let unfinished = root.join(UNFINISHED);
        fs::create_dir_all(&unfinished).await.map_err(BlobError::Disk)?;
        let mut left = fs::read_dir(&unfinished).await.map_err(BlobError::Disk)?;
        while let Some(entry) = left.next_entry().await.map_err(BlobError::Disk)? {
            fs::remove_file(entry.path()).await.map_err(BlobError::Disk)?;
        }
        Ok(Blobs { root: root.into(), size_bytes_max, next: Arc::default() })
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
        mut content: impl Stream<Item = io::Result<Bytes>> + Send + Unpin,
    ) -> Result<StoredBlob, BlobError> {
        let mut unfinished = self.begin().await?;
        while let Some(piece) = content.next().await {
            let piece = piece.map_err(BlobError::Source)?;
            if unfinished.size_bytes.saturating_add(piece.len() as u64) > self.size_bytes_max {
                return Err(BlobError::TooLarge { size_bytes_max: self.size_bytes_max });
            }
            unfinished.write(&piece).await?;
        }
        self.finish(unfinished).await
    }

    /// The content from byte `offset` on; `None` when it is not kept. An offset beyond the end gives nothing.
    ///
    /// # Errors
    /// See [`BlobError`]; the stream itself fails when the disk does.
    pub async fn get(
        &self,
        sha256: &str,
        offset: u64,
    ) -> Result<Option<impl Stream<Item = io::Result<Bytes>> + Send + Unpin + use<>>, BlobError> {
        let Some(mut file) = self.open_file(sha256).await? else { return Ok(None) };
        if offset > 0 {
            file.seek(io::SeekFrom::Start(offset)).await.map_err(BlobError::Disk)?;
        }
        Ok(Some(ReaderStream::with_capacity(file, CHUNK_BYTES)))
    }

    /// The size of a content; `None` when it is not kept.
    ///
    /// # Errors
    /// See [`BlobError`].
    pub async fn stat(&self, sha256: &str) -> Result<Option<u64>, BlobError> {
        match fs::metadata(self.path_of(sha256)?).await {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(BlobError::Disk(error)),
        }
    }

    /// Whether the content is kept and still what its name says.
    ///
    /// # Errors
    /// See [`BlobError`].
    pub async fn verify(&self, sha256: &str) -> Result<bool, BlobError> {
        let Some(mut file) = self.open_file(sha256).await? else { return Ok(false) };
        let mut digest = Sha256::new();
        let mut piece = vec![0; CHUNK_BYTES];
        loop {
            match file.read(&mut piece).await.map_err(BlobError::Disk)? {
                0 => return Ok(hex::encode(digest.finalize()) == sha256),
                count => digest.update(&piece[..count]),
            }
        }
    }

    async fn open_file(&self, sha256: &str) -> Result<Option<File>, BlobError> {
        match File::open(self.path_of(sha256)?).await {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(BlobError::Disk(error)),
        }
    }

    async fn begin(&self) -> Result<Unfinished, BlobError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.root.join(UNFINISHED).join(number.to_string());
        let file = OpenOptions::new().write(true).create_new(true).open(&path).await.map_err(BlobError::Disk)?;
        Ok(Unfinished { path, file, digest: Sha256::new(), size_bytes: 0 })
    }

    async fn finish(&self, mut unfinished: Unfinished) -> Result<StoredBlob, BlobError> {
        let sha256 = hex::encode(std::mem::take(&mut unfinished.digest).finalize());
        let blob = StoredBlob { sha256, size_bytes: unfinished.size_bytes };
        let is_known = self.stat(&blob.sha256).await? == Some(blob.size_bytes);
        let place = self.path_of(&blob.sha256)?;
        let folder = place.parent().unwrap_or(&self.root);
        if !is_known {
            self.move_in(&mut unfinished, folder, &place).await.map_err(BlobError::Disk)?;
        }
        // A known one too: the put that moved it in may not have come to this point yet.
        self.flush_folders(folder).await.map_err(BlobError::Disk)?;
        Ok(blob)
    }

    /// Flushes the content, then moves it to its place: what stands there is whole, whenever the power fails.
    async fn move_in(&self, unfinished: &mut Unfinished, folder: &Path, place: &Path) -> io::Result<()> {
        unfinished.file.flush().await?;
        unfinished.file.sync_all().await?;
        fs::create_dir_all(folder).await?;
        fs::rename(&unfinished.path, place).await
    }

    /// Flushes the entries that lead to a content, without which a power cut could lose the way to it.
    async fn flush_folders(&self, folder: &Path) -> io::Result<()> {
        let outer = folder.parent().unwrap_or(&self.root);
        for folder in [folder, outer, &self.root] {
            File::open(folder).await?.sync_all().await?;
        }
        Ok(())
    }

    /// `ab/cd/abcd…`: no folder grows beyond what tools can list.
    fn path_of(&self, sha256: &str) -> Result<PathBuf, BlobError> {
        let is_digest = sha256.len() == 64 && sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_digest {
            return Err(BlobError::NotADigest);
        }
        Ok(self.root.join(&sha256[..2]).join(&sha256[2..4]).join(sha256))
    }
}

/// A content on its way in. Dropped before it was moved to its place, it is removed.
struct Unfinished {
    path: PathBuf,
    file: File,
    digest: Sha256,
    size_bytes: u64,
}

impl Unfinished {
    async fn write(&mut self, piece: &[u8]) -> Result<(), BlobError> {
        self.file.write_all(piece).await.map_err(BlobError::Disk)?;
        self.digest.update(piece);
        self.size_bytes += piece.len() as u64;
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Gone already when it was moved; what cannot be removed now is cleared at the next start.
        drop(std::fs::remove_file(&self.path));
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;

    use super::*;

    const LIMIT: u64 = 1024 * 1024;

    async fn blobs() -> (tempfile::TempDir, Blobs) {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path().join("blobs"), LIMIT).await.unwrap();
        (folder, blobs)
    }

    async fn read(blobs: &Blobs, sha256: &str, offset: u64) -> Option<Vec<u8>> {
        let stream = blobs.get(sha256, offset).await.unwrap()?;
        let pieces: Vec<Bytes> = stream.try_collect().await.unwrap();
        Some(pieces.concat())
    }

    /// Every file under the folder, the unfinished ones included.
    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
    }

    #[tokio::test]
    async fn a_content_is_read_back_whole_and_from_an_offset() {
        let (_folder, blobs) = blobs().await;
        let content: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
        let blob = blobs.put(&content[..]).await.unwrap();
        assert_eq!(blob.sha256, hex::encode(Sha256::digest(&content)));
        assert_eq!((blob.size_bytes, blobs.stat(&blob.sha256).await.unwrap()), (300_000, Some(300_000)));
        assert_eq!(read(&blobs, &blob.sha256, 0).await.as_ref(), Some(&content));
        assert_eq!(read(&blobs, &blob.sha256, 299_990).await.unwrap(), content[299_990..]);
        assert_eq!(read(&blobs, &blob.sha256, 400_000).await, Some(Vec::new()));
        assert!(blobs.verify(&blob.sha256).await.unwrap());
    }

    #[tokio::test]
    async fn the_same_content_twice_is_one_file_also_at_once() {
        let (folder, blobs) = blobs().await;
        let content = Bytes::from_static("quyết định.pdf".as_bytes());
        let puts = (0..8).map(|_| blobs.put_bytes(content.clone()));
        let kept = futures::future::try_join_all(puts).await.unwrap();
        assert!(kept.windows(2).all(|pair| pair[0] == pair[1]));
        assert_eq!(files(folder.path()).len(), 1);
    }

    #[tokio::test]
    async fn an_empty_content_is_a_content() {
        let (_folder, blobs) = blobs().await;
        let blob = blobs.put_bytes(Bytes::new()).await.unwrap();
        assert_eq!(read(&blobs, &blob.sha256, 0).await, Some(Vec::new()));
    }

    #[tokio::test]
    async fn what_is_too_large_or_breaks_off_leaves_nothing() {
        let (folder, blobs) = blobs().await;
        let large = blobs.put(tokio::io::repeat(7)).await;
        assert!(matches!(large, Err(BlobError::TooLarge { size_bytes_max: LIMIT })), "{large:?}");
        let pieces = [Ok(Bytes::from_static(b"one")), Err(io::Error::other("cut off"))];
        let broken = blobs.put_stream(futures::stream::iter(pieces)).await;
        assert!(matches!(broken, Err(BlobError::Source(_))), "{broken:?}");
        assert!(files(folder.path()).is_empty());
        let just_fits = blobs.put_bytes(Bytes::from(vec![0; LIMIT as usize])).await.unwrap();
        assert_eq!(just_fits.size_bytes, LIMIT);
    }

    #[tokio::test]
    async fn a_name_that_is_no_digest_is_refused_and_an_unknown_one_is_not_there() {
        let (_folder, blobs) = blobs().await;
        let upper = "AB".repeat(32);
        for name in ["", "../../etc/passwd", "ab", upper.as_str(), "đ"] {
            assert!(matches!(blobs.stat(name).await, Err(BlobError::NotADigest)), "{name}");
            assert!(matches!(blobs.verify(name).await, Err(BlobError::NotADigest)), "{name}");
            assert!(matches!(blobs.get(name, 0).await.map(|_| ()), Err(BlobError::NotADigest)), "{name}");
        }
        let unknown = "ab".repeat(32);
        assert_eq!(blobs.stat(&unknown).await.unwrap(), None);
        assert!(read(&blobs, &unknown, 0).await.is_none());
        assert!(!blobs.verify(&unknown).await.unwrap());
    }

    #[tokio::test]
    async fn a_content_that_changed_on_disk_is_found_out() {
        let (folder, blobs) = blobs().await;
        let blob = blobs.put_bytes(Bytes::from_static(b"scan")).await.unwrap();
        std::fs::write(&files(folder.path())[0], b"scam").unwrap();
        assert!(!blobs.verify(&blob.sha256).await.unwrap());
    }

    #[tokio::test]
    async fn what_a_kill_left_unfinished_is_cleared_at_the_next_start_and_the_rest_stays() {
        let (folder, blobs) = blobs().await;
        let blob = blobs.put_bytes(Bytes::from_static(b"scan")).await.unwrap();
        std::fs::write(folder.path().join("blobs").join(UNFINISHED).join("0"), b"half").unwrap();
        let again = Blobs::open(folder.path().join("blobs"), LIMIT).await.unwrap();
        assert_eq!(files(folder.path()).len(), 1);
        assert!(again.verify(&blob.sha256).await.unwrap());
    }
}
