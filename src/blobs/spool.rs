//! Where a content is while it comes in: its name is known only at its end, so it is hashed on its way into a file.
//!
//! Every process (and every `Blobs` of it) has a sub-folder of its own below `unfinished`, locked for as long as it
//! lives. What a kill leaves behind is a folder that nobody has locked; the next start clears it. So a gateway and a
//! command that copies may use one folder at the same time.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use object_store::PutPayload;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

use super::{BlobError, StoredBlob, shelf::CHUNK_BYTES};

/// The folder for what is being written.
const UNFINISHED: &str = "unfinished";
/// In `unfinished`: held while sub-folders are made and cleared. In a sub-folder: held by whose it is.
const LOCK: &str = "lock";

/// The place for unfinished contents. Cheap to clone; the last clone removes it.
#[derive(Clone)]
pub(super) struct Spool {
    own: Arc<Own>,
    next: Arc<AtomicU64>,
}

/// Fields are dropped in order: the folder goes while its lock is still held.
struct Own {
    folder: TempDir,
    _lock: File,
}

impl Spool {
    /// Makes a place below `root`, which is made too, and clears what others left there when they were killed.
    pub(super) async fn open(root: &Path) -> io::Result<Spool> {
        let unfinished = root.join(UNFINISHED);
        let opening = tokio::task::spawn_blocking(move || open(&unfinished)).await;
        let own = opening.expect("opening a spool does not panic")?;
        Ok(Spool { own: Arc::new(own), next: Arc::default() })
    }

    /// Takes a content in, to its end; nothing stays of one that breaks off or is too large.
    pub(super) async fn take(
        &self,
        mut content: impl Stream<Item = io::Result<Bytes>> + Send + Unpin,
        size_bytes_max: u64,
    ) -> Result<Spooled, BlobError> {
        let (mut file, mut spooled) = self.begin().await.map_err(BlobError::Storage)?;
        let (mut digest, mut size_bytes) = (Sha256::new(), 0_u64);
        while let Some(piece) = content.next().await {
            let piece = piece.map_err(BlobError::Source)?;
            size_bytes = size_bytes.saturating_add(piece.len() as u64);
            if size_bytes > size_bytes_max {
                return Err(BlobError::TooLarge { size_bytes_max });
            }
            file.write_all(&piece).await.map_err(BlobError::Storage)?;
            digest.update(&piece);
            crate::failpoint::at!("blob.piece_written");
        }
        file.flush().await.map_err(BlobError::Storage)?;
        spooled.blob = StoredBlob { sha256: hex::encode(digest.finalize()), size_bytes };
        crate::failpoint::at!("blob.spooled");
        Ok(spooled)
    }

    async fn begin(&self) -> io::Result<(tokio::fs::File, Spooled)> {
        let path = self.own.folder.path().join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        let file = tokio::fs::OpenOptions::new().read(true).write(true).create_new(true).open(&path).await?;
        let reader = file.try_clone().await?.into_std().await;
        let blob = StoredBlob { sha256: String::new(), size_bytes: 0 };
        Ok((file, Spooled { blob, file: Arc::new(reader), path, _own: Arc::clone(&self.own) }))
    }
}

fn open(unfinished: &Path) -> io::Result<Own> {
    fs::create_dir_all(unfinished)?;
    let gate = lock_file(&unfinished.join(LOCK))?;
    // Held by others only for as long as this takes.
    gate.lock()?;
    for entry in fs::read_dir(unfinished)? {
        let entry = entry?;
        if entry.file_name() == LOCK {
            continue;
        }
        if !entry.file_type()?.is_dir() {
            // Left by a version that had no sub-folders.
            gone(fs::remove_file(entry.path()))?;
        } else if is_left(&entry.path())? {
            gone(fs::remove_dir_all(entry.path()))?;
        }
    }
    let folder = TempDir::with_prefix_in("", unfinished)?;
    let lock = lock_file(&folder.path().join(LOCK))?;
    lock.lock()?;
    Ok(Own { folder, _lock: lock })
}

/// What whose it is has just removed itself is gone all the same.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn lock_file(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).open(path)
}

/// Whether nobody uses a sub-folder any more. One without lock was left before it had one: whoever makes one holds the
/// gate, and so do we.
fn is_left(folder: &Path) -> io::Result<bool> {
    let lock = match File::options().write(true).open(folder.join(LOCK)) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    match lock.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// A whole content that waits for its place. Dropped, it is gone, unless it was moved away.
pub(super) struct Spooled {
    /// Its name and size.
    pub(super) blob: StoredBlob,
    path: PathBuf,
    file: Arc<File>,
    _own: Arc<Own>,
}

impl Spooled {
    /// The file to move to its place.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Flushes the content to the disk.
    pub(super) async fn flush(&self) -> io::Result<()> {
        let file = Arc::clone(&self.file);
        tokio::task::spawn_blocking(move || file.sync_all()).await.expect("flushing a file does not panic")
    }

    /// `length` bytes of the content from `offset` on, in small pieces: the allocator keeps what is freed of large ones
    /// for later, and so twice of what is needed would stay taken.
    pub(super) async fn part(&self, offset: u64, length: usize) -> io::Result<PutPayload> {
        let file = Arc::clone(&self.file);
        let read = move || {
            let pieces = (0..length).step_by(CHUNK_BYTES).map(|begin| {
                let mut piece = vec![0; CHUNK_BYTES.min(length - begin)];
                file.read_exact_at(&mut piece, offset + begin as u64).map(|()| Bytes::from(piece))
            });
            pieces.collect::<io::Result<PutPayload>>()
        };
        tokio::task::spawn_blocking(read).await.expect("reading a file does not panic")
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        // Gone already when it was moved; what cannot be removed now goes with the folder.
        drop(fs::remove_file(&self.path));
    }
}
