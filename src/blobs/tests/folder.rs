//! What is the folder's own.

use super::*;

#[tokio::test]
async fn a_folder_of_the_first_version_is_read_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let name = name_of(b"scan");
    let place = folder.path().join(&name[..2]).join(&name[2..4]);
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join(&name), b"scan").unwrap();
    let blobs = Blobs::open(folder.path(), LIMIT).await.unwrap();
    assert_eq!(blobs.stat(&name).await.unwrap(), Some(4));
    assert!(blobs.verify(&name).await.unwrap());
    let again = blobs.put_bytes(Bytes::from_static(b"scan")).await.unwrap();
    assert_eq!(again.sha256, name);
    assert_eq!(files(&place), [place.join(&name)]);
}

#[tokio::test]
async fn a_folder_to_read_from_is_not_made_and_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let absent = Shelf::of_folder(folder.path().join("absent")).await.unwrap_err();
    assert!(matches!(&absent, OpenError::Folder { source, .. } if source.kind() == io::ErrorKind::NotFound));
    std::fs::write(folder.path().join("file"), "").unwrap();
    let file = Shelf::of_folder(folder.path().join("file")).await.unwrap_err();
    assert!(matches!(&file, OpenError::Folder { source, .. } if source.kind() == io::ErrorKind::NotADirectory));
    Shelf::of_folder(folder.path()).await.unwrap();
    assert_eq!(files(folder.path()), [folder.path().join("file")]);
}

#[tokio::test]
async fn the_last_user_of_a_spool_removes_it() {
    let world = World::in_folder().await;
    let World { blobs, config, .. } = world;
    let other = blobs.clone();
    drop(blobs);
    other.put_bytes(Bytes::from_static(b"scan")).await.unwrap();
    drop(other);
    let unfinished = config.folder.join("unfinished");
    assert_eq!(files(&unfinished), [unfinished.join("lock")]);
}
