//! All contents, from one place to another.

use std::sync::Mutex;

use super::{
    proxy::{Proxy, Way, says},
    *,
};

/// What became of each content: a letter and the beginning of its name.
async fn run(seen: impl Stream<Item = Result<Seen, CopyError>>) -> Result<Vec<String>, CopyError> {
    let told = seen.map_ok(|seen| match seen {
        Seen::Copied(blob) => format!("copied {}", &blob.sha256[..4]),
        Seen::AlreadyHad(blob) => format!("had {}", &blob.sha256[..4]),
        Seen::Sound(blob) => format!("sound {}", &blob.sha256[..4]),
        Seen::Damaged(blob) => format!("damaged {}", &blob.sha256[..4]),
        Seen::Unreadable(blob, _) => format!("unreadable {}", &blob.sha256[..4]),
    });
    told.try_collect().await
}

async fn fill(world: &World, count: u32) -> Vec<String> {
    let mut names = Vec::new();
    for number in 0..count {
        let content = Bytes::from(format!("tệp số {number}"));
        names.push(world.blobs.put_bytes(content).await.unwrap().sha256);
    }
    names.sort();
    names
}

fn all(what: &str, names: &[String]) -> Vec<String> {
    names.iter().map(|name| format!("{what} {}", &name[..4])).collect()
}

#[tokio::test]
async fn contents_move_from_a_folder_to_a_bucket_and_back_in_the_order_of_their_names() {
    let (folder, bucket) = (World::in_folder().await, World::in_bucket(S3Server::shared()).await);
    let mut names = fill(&folder, 40).await;
    assert_eq!(run(copy(folder.blobs.shelf(), &bucket.blobs)).await.unwrap(), all("copied", &names));
    assert_eq!(run(copy(folder.blobs.shelf(), &bucket.blobs)).await.unwrap(), all("had", &names));
    let back = World::in_folder().await;
    let from = Shelf::configured(&bucket.config).await.unwrap();
    names.push(NOTHING.to_owned());
    names.sort();
    assert_eq!(run(copy(&from, &back.blobs)).await.unwrap(), all("copied", &names));
    assert_eq!(run(verify_all(back.blobs.shelf())).await.unwrap(), all("sound", &names));
    assert_eq!(back.blobs.shelf().extent().await.unwrap().0, 41);
    assert_eq!(back.blobs.shelf().extent().await.unwrap(), from.extent().await.unwrap());
}

#[tokio::test]
async fn what_is_damaged_is_told_and_not_copied() {
    on_each(async |world| {
        let names = fill(&world, 6).await;
        world.damage(&names[2]).await;
        world.blobs.shelf.store().put(&"ab/README".into(), "what does not belong".into()).await.unwrap();
        let mut expected = all("sound", &names);
        expected[2] = expected[2].replace("sound", "damaged");
        let mut seen = run(verify_all(world.blobs.shelf())).await.unwrap();
        seen.retain(|it| it != "sound e3b0");
        assert_eq!(seen, expected);
        let to = World::in_folder().await;
        let mut seen = run(copy(world.blobs.shelf(), &to.blobs)).await.unwrap();
        seen.retain(|it| it != "copied e3b0");
        assert_eq!(seen, expected.iter().map(|it| it.replace("sound", "copied")).collect::<Vec<_>>());
        assert_eq!(to.blobs.stat(&names[2]).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_storage_that_goes_away_ends_a_copy_and_a_check() {
    let server = S3Server::start(None);
    let (folder, bucket) = (World::in_folder().await, World::in_bucket(&server).await);
    fill(&folder, 5).await;
    server.kill();
    let gone = run(copy(folder.blobs.shelf(), &bucket.blobs)).await.unwrap_err();
    assert!(matches!(&gone, CopyError::To { place, .. } if place.starts_with("s3://")), "{gone:?}");
    let gone = run(verify_all(bucket.blobs.shelf())).await.unwrap_err();
    assert!(matches!(gone, CopyError::From { .. }), "{gone:?}");
}

#[tokio::test]
async fn one_content_that_cannot_be_read_stops_nothing_and_three_in_a_row_do() {
    let server = S3Server::shared();
    let unread = Arc::new(Mutex::new(Vec::<String>::new()));
    let refused = Arc::clone(&unread);
    let proxy = Proxy::start(server.address(), move |way, bytes| {
        let is_asked = |name: &String| says(bytes, &format!("/{name} HTTP"));
        way == Way::ToServer && says(bytes, "GET ") && refused.lock().unwrap().iter().any(is_asked)
    })
    .await;
    let world = World::of(Some(config::S3 { endpoint: proxy.address.parse().unwrap(), ..bucket(server) })).await;
    let names = fill(&world, 8).await;
    unread.lock().unwrap().push(names[1].clone());
    let mut expected = all("sound", &names);
    expected[1] = expected[1].replace("sound", "unreadable");
    let mut seen = run(verify_all(world.blobs.shelf())).await.unwrap();
    seen.retain(|it| it != "sound e3b0");
    assert_eq!(seen, expected);
    unread.lock().unwrap().extend(names[2..4].to_vec());
    let to = World::in_folder().await;
    for gone in [run(verify_all(world.blobs.shelf())).await, run(copy(world.blobs.shelf(), &to.blobs)).await] {
        assert!(matches!(&gone, Err(CopyError::From { .. })), "{gone:?}");
    }
}
