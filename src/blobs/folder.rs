//! The local folder: contents are moved in, not written through `object_store`.
//!
//! Reading goes through `object_store` as from a bucket. Keeping does not: its local store takes a content whose name is
//! known and would write it a second time, while a content of 100 MB that was hashed on its way into a file beside needs
//! only a rename. The order is what `LocalFileSystem::with_fsync` does too: the content is flushed, then renamed, then
//! the folders that lead to it are flushed. So what stands at its place is whole, whenever the power fails.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use object_store::local::LocalFileSystem;
use tokio::fs::{self, File};

use super::{OpenError, name, shelf::Shelf, spool::Spooled};

/// A local folder to move contents into. Cheap to clone.
#[derive(Clone)]
pub(super) struct Folder(Arc<Path>);

impl Folder {
    pub(super) fn new(root: &Path) -> Folder {
        Folder(root.into())
    }

    /// Moves a content in; one that `is_known` is only made sure of, because the put that moved it in may not have come
    /// to its end yet.
    pub(super) async fn keep(&self, spooled: &Spooled, is_known: bool) -> io::Result<()> {
        let place = name::place_of(&spooled.blob.sha256).map_err(io::Error::other)?;
        let place = self.0.join(place.as_ref());
        let folder = place.parent().unwrap_or(&self.0);
        if !is_known {
            spooled.flush().await?;
            crate::failpoint::at!("blob.flushed");
            fs::create_dir_all(folder).await?;
            fs::rename(spooled.path(), &place).await?;
            crate::failpoint::at!("blob.renamed");
        }
        self.flush_folders(folder).await
    }

    /// Flushes the entries that lead to a content, without which a power cut could lose the way to it.
    async fn flush_folders(&self, folder: &Path) -> io::Result<()> {
        let outer = folder.parent().unwrap_or(&self.0);
        for folder in [folder, outer, &self.0] {
            File::open(folder).await?.sync_all().await?;
        }
        Ok(())
    }
}

/// The contents in a folder, which must be there.
pub(super) async fn shelf(root: PathBuf) -> Result<Shelf, OpenError> {
    let fault = |source| OpenError::Folder { folder: root.clone(), source };
    let is_folder = fs::metadata(&root).await.map_err(fault)?.is_dir();
    if !is_folder {
        return Err(fault(io::ErrorKind::NotADirectory.into()));
    }
    let store = LocalFileSystem::new_with_prefix(&root).map_err(|error| fault(error.into()))?;
    Ok(Shelf::new(Arc::new(store), root.display().to_string()))
}
