//! All contents of a place, in the order of their names: copied to another place, or checked against their names.
//!
//! Both go on at a content that is damaged or cannot be read, and tell it: one bad sector must not hide the state of all
//! other contents. A copy can be stopped and begun again at any time; what has arrived is passed over then.

use std::{future, io};

use futures::{Stream, StreamExt, TryStreamExt, stream};

use super::{BlobError, Blobs, Shelf, StoredBlob, name};

/// Contents under way at once: enough to hide the time that each request takes.
const AT_ONCE_MAX: usize = 4;
/// So many in a row that cannot be read are no longer the contents' fault: the storage is away.
const UNREADABLE_IN_A_ROW_MAX: u32 = 3;

/// What became of one content.
#[derive(Debug)]
pub enum Seen {
    /// It is at the other place now, and is what its name says.
    Copied(StoredBlob),
    /// The other place had it, with the same size.
    AlreadyHad(StoredBlob),
    /// It is what its name says.
    Sound(StoredBlob),
    /// It is not what its name says. It was not copied.
    Damaged(StoredBlob),
    /// It cannot be read. It was not copied.
    Unreadable(StoredBlob, io::Error),
}

/// Why going through all contents had to be given up.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// They cannot be listed or read.
    #[error("the contents in {place} cannot be read")]
    From {
        /// Where they are.
        place: String,
        /// Why not.
        #[source]
        source: BlobError,
    },
    /// They cannot be kept.
    #[error("contents cannot be kept in {place}")]
    To {
        /// Where they should go.
        place: String,
        /// Why not.
        #[source]
        source: BlobError,
    },
}

impl Shelf {
    /// How many contents there are, and their bytes: for a progress bar.
    ///
    /// # Errors
    /// They cannot be listed.
    pub async fn extent(&self) -> Result<(u64, u64), CopyError> {
        let (mut count, mut bytes) = (0, 0);
        for shard in 0..name::SHARDS {
            for blob in self.list(shard).await.map_err(|source| from(self, source))? {
                count += 1;
                bytes += blob.size_bytes;
            }
        }
        Ok((count, bytes))
    }
}

/// Copies every content that is not at the other place.
pub fn copy<'a>(shelf: &'a Shelf, to: &'a Blobs) -> impl Stream<Item = Result<Seen, CopyError>> + 'a {
    let todo = stream::iter(0..name::SHARDS).then(move |shard| missing(shelf, to, shard));
    let todo = todo.map_ok(|contents| stream::iter(contents.into_iter().map(Ok))).try_flatten();
    let done = todo.map_ok(move |(blob, is_there)| copy_one(shelf, to, blob, is_there)).try_buffered(AT_ONCE_MAX);
    given_up(shelf, done)
}

/// Checks every content against its name.
pub fn verify_all(shelf: &Shelf) -> impl Stream<Item = Result<Seen, CopyError>> + '_ {
    let todo = stream::iter(0..name::SHARDS).then(move |shard| async move {
        let contents = shelf.list(shard).await.map_err(|source| from(shelf, source))?;
        Ok(stream::iter(contents.into_iter().map(Ok)))
    });
    let done = todo.try_flatten().map_ok(move |blob| verify_one(shelf, blob)).try_buffered(AT_ONCE_MAX);
    given_up(shelf, done)
}

/// The contents of a shard, each with whether the other place has it.
async fn missing(shelf: &Shelf, to: &Blobs, shard: u16) -> Result<Vec<(StoredBlob, bool)>, CopyError> {
    let contents = shelf.list(shard).await.map_err(|source| from(shelf, source))?;
    if contents.is_empty() {
        return Ok(Vec::new());
    }
    let there = to.shelf().list(shard).await.map_err(|source| CopyError::To { place: place(to.shelf()), source })?;
    let with_whether = |blob: StoredBlob| {
        let found = there.binary_search_by(|it| it.sha256.cmp(&blob.sha256));
        let is_there = found.is_ok_and(|index| there[index].size_bytes == blob.size_bytes);
        (blob, is_there)
    };
    Ok(contents.into_iter().map(with_whether).collect())
}

async fn copy_one(shelf: &Shelf, to: &Blobs, blob: StoredBlob, is_there: bool) -> Result<Seen, CopyError> {
    if is_there {
        return Ok(Seen::AlreadyHad(blob));
    }
    let content = match shelf.get(&blob.sha256, 0).await {
        Ok(Some(content)) => content,
        Ok(None) => return Ok(Seen::Unreadable(blob, io::ErrorKind::NotFound.into())),
        Err(error) => return unreadable(shelf, blob, error),
    };
    match to.put_as(&blob.sha256, content).await {
        Ok(blob) => Ok(Seen::Copied(blob)),
        Err(BlobError::OtherContent) => Ok(Seen::Damaged(blob)),
        Err(BlobError::Source(error)) => Ok(Seen::Unreadable(blob, error)),
        Err(source) => Err(CopyError::To { place: place(to.shelf()), source }),
    }
}

async fn verify_one(shelf: &Shelf, blob: StoredBlob) -> Result<Seen, CopyError> {
    match shelf.verify(&blob.sha256).await {
        Ok(true) => Ok(Seen::Sound(blob)),
        Ok(false) => Ok(Seen::Damaged(blob)),
        Err(error) => unreadable(shelf, blob, error),
    }
}

fn unreadable(shelf: &Shelf, blob: StoredBlob, error: BlobError) -> Result<Seen, CopyError> {
    match error {
        BlobError::Storage(error) => Ok(Seen::Unreadable(blob, error)),
        other => Err(from(shelf, other)),
    }
}

/// Ends with an error where too many contents in a row cannot be read.
fn given_up<'a>(
    shelf: &'a Shelf,
    seen: impl Stream<Item = Result<Seen, CopyError>> + 'a,
) -> impl Stream<Item = Result<Seen, CopyError>> + 'a {
    seen.scan(0, move |in_a_row, seen| {
        let seen = match seen {
            Ok(Seen::Unreadable(_, error)) if *in_a_row + 1 == UNREADABLE_IN_A_ROW_MAX => {
                Err(from(shelf, BlobError::Storage(error)))
            }
            seen => seen,
        };
        *in_a_row = if matches!(seen, Ok(Seen::Unreadable(..))) { *in_a_row + 1 } else { 0 };
        future::ready(Some(seen))
    })
}

fn from(shelf: &Shelf, source: BlobError) -> CopyError {
    CopyError::From { place: place(shelf), source }
}

fn place(shelf: &Shelf) -> String {
    shelf.place().to_owned()
}
