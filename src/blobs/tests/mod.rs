//! What holds for a folder and for a bucket alike, on both; and then what is each one's own.

mod copying;
mod folder;
mod proxy;
mod s3;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures::TryStreamExt;
use object_store::ObjectStoreExt;
use s3_server::S3Server;
use sha2::{Digest, Sha256};

use super::*;

const LIMIT: u64 = 1024 * 1024;
/// What a probe keeps in a bucket.
const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A blob store, and what only a test may do to it.
struct World {
    config: config::Blobs,
    blobs: Blobs,
    _folder: tempfile::TempDir,
}

impl World {
    async fn in_folder() -> World {
        World::of(None).await
    }

    async fn in_bucket(server: &S3Server) -> World {
        World::of(Some(bucket(server))).await
    }

    async fn of(s3: Option<config::S3>) -> World {
        let folder = tempfile::tempdir().unwrap();
        let config = config::Blobs { folder: folder.path().join("blobs"), s3, attachment_bytes_max: LIMIT };
        let blobs = Blobs::configured(&config).await.unwrap();
        World { config, blobs, _folder: folder }
    }

    /// The places of all that is kept, but for what the probe keeps.
    async fn kept(&self) -> Vec<object_store::path::Path> {
        let found: Vec<_> = self.blobs.shelf.store().list(None).try_collect().await.unwrap();
        let places = found.into_iter().map(|it| it.location);
        places.filter(|it| !it.as_ref().starts_with("unfinished") && !it.as_ref().ends_with(NOTHING)).collect()
    }

    /// What is on its way in.
    fn spooled(&self) -> Vec<PathBuf> {
        let spooled = files(&self.config.folder.join("unfinished"));
        spooled.into_iter().filter(|path| !path.ends_with("lock")).collect()
    }

    /// Puts something else where a content is kept.
    async fn damage(&self, sha256: &str) {
        let store = self.blobs.shelf.store();
        store.put(&name::place_of(sha256).unwrap(), "something else".into()).await.unwrap();
    }

    async fn read(&self, sha256: &str, offset: u64) -> Option<Vec<u8>> {
        let stream = self.blobs.get(sha256, offset).await.unwrap()?;
        let pieces: Vec<Bytes> = stream.try_collect().await.unwrap();
        Some(pieces.concat())
    }
}

/// A place of its own in the bucket of a server.
fn bucket(server: &S3Server) -> config::S3 {
    config::S3 {
        endpoint: server.address().parse().unwrap(),
        bucket: s3_server::BUCKET.to_owned(),
        prefix: uuid::Uuid::now_v7().to_string(),
        region: "us-east-1".to_owned(),
        path_style: true,
        access_key_id: s3_server::GATEWAY.into(),
        secret_access_key: s3_server::SECRET.into(),
        ca_file: None,
        connect_timeout: Duration::from_secs(2),
        timeout: Duration::from_secs(20),
        retry_limit: Duration::ZERO,
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|number| (number * 31 % 251) as u8).collect()
}

fn name_of(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

/// The same test in a folder and in a bucket.
async fn on_each(test: impl AsyncFn(World)) {
    test(World::in_folder().await).await;
    test(World::in_bucket(S3Server::shared()).await).await;
}

#[tokio::test]
async fn a_content_is_read_back_whole_and_from_an_offset() {
    on_each(async |world| {
        let content = content(300_000);
        let blob = world.blobs.put(&content[..]).await.unwrap();
        assert_eq!(blob.sha256, name_of(&content));
        assert_eq!((blob.size_bytes, world.blobs.stat(&blob.sha256).await.unwrap()), (300_000, Some(300_000)));
        assert_eq!(world.read(&blob.sha256, 0).await.as_ref(), Some(&content));
        assert_eq!(world.read(&blob.sha256, 299_990).await.unwrap(), content[299_990..]);
        assert_eq!(world.read(&blob.sha256, 300_000).await, Some(Vec::new()));
        assert_eq!(world.read(&blob.sha256, 400_000).await, Some(Vec::new()));
        assert!(world.blobs.verify(&blob.sha256).await.unwrap());
        assert!(world.spooled().is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_same_content_twice_is_one_file_also_at_once() {
    on_each(async |world| {
        let content = Bytes::from_static("quyết định.pdf".as_bytes());
        let puts = (0..8).map(|_| world.blobs.put_bytes(content.clone()));
        let kept = futures::future::try_join_all(puts).await.unwrap();
        assert!(kept.windows(2).all(|pair| pair[0] == pair[1]));
        assert_eq!((world.kept().await.len(), world.spooled().len()), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn an_empty_content_is_a_content() {
    on_each(async |world| {
        let blob = world.blobs.put_bytes(Bytes::new()).await.unwrap();
        assert_eq!(world.read(&blob.sha256, 0).await, Some(Vec::new()));
        assert_eq!(world.read(&blob.sha256, 1).await, Some(Vec::new()));
        assert!(world.blobs.verify(&blob.sha256).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn what_is_too_large_or_breaks_off_leaves_nothing() {
    on_each(async |world| {
        let large = world.blobs.put(tokio::io::repeat(7)).await;
        assert!(matches!(large, Err(BlobError::TooLarge { size_bytes_max: LIMIT })), "{large:?}");
        let pieces = [Ok(Bytes::from_static(b"one")), Err(io::Error::other("cut off"))];
        let broken = world.blobs.put_stream(futures::stream::iter(pieces)).await;
        assert!(matches!(broken, Err(BlobError::Source(_))), "{broken:?}");
        assert!(world.kept().await.is_empty() && world.spooled().is_empty());
        let just_fits = world.blobs.put_bytes(Bytes::from(vec![0; LIMIT as usize])).await.unwrap();
        assert_eq!(just_fits.size_bytes, LIMIT);
    })
    .await;
}

#[tokio::test]
async fn a_name_that_is_no_digest_is_refused_and_an_unknown_one_is_not_there() {
    on_each(async |world| {
        let upper = "AB".repeat(32);
        for name in ["", "../../etc/passwd", "ab", upper.as_str(), "đ"] {
            assert!(matches!(world.blobs.stat(name).await, Err(BlobError::NotADigest)), "{name}");
            assert!(matches!(world.blobs.verify(name).await, Err(BlobError::NotADigest)), "{name}");
            assert!(matches!(world.blobs.get(name, 0).await.map(|_| ()), Err(BlobError::NotADigest)), "{name}");
        }
        let unknown = "ab".repeat(32);
        assert_eq!(world.blobs.stat(&unknown).await.unwrap(), None);
        assert!(world.read(&unknown, 0).await.is_none() && world.read(&unknown, 5).await.is_none());
        assert!(!world.blobs.verify(&unknown).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_content_that_changed_where_it_is_kept_is_found_out() {
    on_each(async |world| {
        let blob = world.blobs.put_bytes(Bytes::from_static(b"scan")).await.unwrap();
        world.damage(&blob.sha256).await;
        assert!(!world.blobs.verify(&blob.sha256).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_content_is_kept_under_a_name_only_if_it_is_that_one() {
    on_each(async |world| {
        let large = content(LIMIT as usize + 1);
        let stream = |bytes: &[u8]| futures::stream::iter([Ok(Bytes::copy_from_slice(bytes))]);
        let other = world.blobs.put_as(&name_of(b"scan"), stream(b"scam")).await;
        assert!(matches!(other, Err(BlobError::OtherContent)), "{other:?}");
        assert!(world.kept().await.is_empty() && world.spooled().is_empty());
        let kept = world.blobs.put_as(&name_of(&large), stream(&large)).await.unwrap();
        assert_eq!(kept.size_bytes, LIMIT + 1, "what was kept elsewhere is not measured again");
    })
    .await;
}

#[tokio::test]
async fn two_at_one_place_see_each_others_contents_and_clear_only_what_was_left() {
    on_each(async |world| {
        let left = world.config.folder.join("unfinished");
        std::fs::create_dir_all(left.join("killed")).unwrap();
        std::fs::write(left.join("killed/0"), b"half").unwrap();
        std::fs::write(left.join("0"), b"half, by a version without sub-folders").unwrap();
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        let (one, name) = (world.blobs.clone(), name_of(b"scan"));
        let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
        let putting = async { one.put_stream(stream).await };
        let joining = async {
            sender.send(Ok(Bytes::from_static(b"sc"))).await.unwrap();
            let two = Blobs::configured(&world.config).await.unwrap();
            assert_eq!(world.spooled().len(), 1, "the one that is on its way");
            let known = two.put_bytes(Bytes::from_static(b"known")).await.unwrap();
            assert_eq!(world.read(&known.sha256, 0).await.unwrap(), b"known");
            sender.send(Ok(Bytes::from_static(b"an"))).await.unwrap();
            drop(sender);
            two
        };
        let (blob, two) = tokio::join!(putting, joining);
        assert_eq!(blob.unwrap().sha256, name);
        assert!(two.verify(&name).await.unwrap());
        assert!(world.spooled().is_empty());
    })
    .await;
}
