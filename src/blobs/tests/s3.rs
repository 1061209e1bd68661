//! What is a bucket's own: wrong configurations are told, large contents go in parts, and what breaks leaves no half.

use std::sync::atomic::{AtomicUsize, Ordering};

use object_store::{
    aws::AmazonS3Builder,
    signer::{SignedUrlOptions, Signer},
};

use super::{
    proxy::{Proxy, Way, says},
    *,
};

const MIB: usize = 1024 * 1024;

/// A world behind a proxy, for contents of tens of megabytes.
async fn behind(proxy: &Proxy, s3: config::S3) -> World {
    let endpoint = proxy.address.parse().unwrap();
    let mut world = World::of(Some(config::S3 { endpoint, ..s3 })).await;
    world.blobs.size_bytes_max = 64 * MIB as u64;
    world
}

/// The multipart uploads that were begun and are neither whole nor aborted, of a whole server.
async fn half_uploads(server: &S3Server) -> usize {
    let s3 = AmazonS3Builder::new()
        .with_endpoint(server.address())
        .with_allow_http(true)
        .with_bucket_name(s3_server::BUCKET)
        .with_access_key_id(s3_server::GATEWAY)
        .with_secret_access_key(s3_server::SECRET)
        .build()
        .unwrap();
    let options = SignedUrlOptions::default().with_query([("uploads", "")]);
    let url = s3.signed_url_opts(::http::Method::GET, &"".into(), Duration::from_secs(60), &options).await.unwrap();
    let answer = reqwest::get(url).await.unwrap().error_for_status().unwrap().text().await.unwrap();
    answer.matches("<UploadId>").count()
}

async fn refused(s3: config::S3) -> String {
    let folder = tempfile::tempdir().unwrap();
    let config = config::Blobs { folder: folder.path().to_owned(), s3: Some(s3), attachment_bytes_max: LIMIT };
    let (keep, read) = (Blobs::configured(&config).await.unwrap_err(), Shelf::configured(&config).await.unwrap_err());
    assert_eq!(keep.to_string(), read.to_string());
    assert!(!format!("{keep:?} {keep} {config:?}").contains(s3_server::SECRET));
    keep.to_string()
}

#[tokio::test]
async fn what_does_not_fit_is_told_at_the_start() {
    let server = S3Server::shared();
    let right = bucket(server);
    let wrong_secret = config::S3 { secret_access_key: "wrong".into(), ..right.clone() };
    let wrong_id = config::S3 { access_key_id: "nobody".into(), ..right.clone() };
    for wrong in [wrong_secret, wrong_id] {
        let told = refused(wrong).await;
        assert!(told.contains("does not know the access key, or it has another secret"), "{told}");
        assert!(!told.contains("wrong") && !told.contains("nobody"), "{told}");
    }
    let told = refused(config::S3 { bucket: "no-such-bucket".to_owned(), ..right.clone() }).await;
    assert!(told.starts_with(&format!("there is no bucket no-such-bucket at {}/", server.address())), "{told}");
    for (endpoint, secure) in [("http://127.0.0.1:1", "http"), ("https://127.0.0.1:1", "https")] {
        let told = refused(config::S3 { endpoint: endpoint.parse().unwrap(), ..right.clone() }).await;
        let expected = format!("no S3 server answers at {secure}://127.0.0.1:1/ (Connection refused");
        assert!(told.starts_with(&expected), "{told}");
    }
}

#[tokio::test]
async fn who_may_only_read_can_read_and_is_told_at_the_start_of_a_gateway() {
    let server = S3Server::shared();
    let world = World::in_bucket(server).await;
    let blob = world.blobs.put_bytes(Bytes::from_static(b"scan")).await.unwrap();
    let mut config = world.config.clone();
    config.s3.as_mut().unwrap().access_key_id = s3_server::READER.into();
    let told = Blobs::configured(&config).await.unwrap_err().to_string();
    assert!(told.starts_with("the access key may not write to bucket attachments; it needs"), "{told}");
    let shelf = Shelf::configured(&config).await.unwrap();
    assert!(shelf.verify(&blob.sha256).await.unwrap());
}

#[tokio::test]
async fn the_certificate_of_the_server_is_checked_against_the_roots() {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let (certificate_file, key_file) = (folder.path().join("s3.pem"), folder.path().join("s3.key"));
    std::fs::write(&certificate_file, certificate.pem()).unwrap();
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    let server = S3Server::start(Some((&certificate_file, &key_file)));
    assert!(server.address().starts_with("https://"));
    let unknown = bucket(&server);
    let told = refused(unknown.clone()).await;
    assert!(told.contains("certificate") && told.contains("check blobs.s3.endpoint"), "{told}");
    let world = World::of(Some(config::S3 { ca_file: Some(certificate_file), ..unknown.clone() })).await;
    let blob = world.blobs.put_bytes(Bytes::from_static(b"scan")).await.unwrap();
    assert!(world.blobs.verify(&blob.sha256).await.unwrap());
    let told = refused(config::S3 { ca_file: Some(key_file), ..unknown }).await;
    assert!(told.contains("blobs.s3.ca_file holds no certificate"), "{told}");
}

#[tokio::test]
async fn a_large_content_goes_in_parts_and_comes_back_whole() {
    let server = S3Server::shared();
    let parts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&parts);
    let proxy = Proxy::start(server.address(), move |way, bytes| {
        let begun = way == Way::ToServer && says(bytes, "partNumber=");
        counted.fetch_add(usize::from(begun), Ordering::Relaxed);
        false
    })
    .await;
    let world = behind(&proxy, bucket(server)).await;
    let content = content(20 * MIB + 17);
    let blob = world.blobs.put(&content[..]).await.unwrap();
    assert_eq!((blob.size_bytes, parts.load(Ordering::Relaxed)), (content.len() as u64, 5));
    assert!(world.read(&blob.sha256, 0).await.unwrap() == content);
    assert_eq!(world.read(&blob.sha256, 20 * MIB as u64).await.unwrap(), content[20 * MIB..]);
    assert_eq!((world.kept().await.len(), world.spooled().len()), (1, 0));
    let again = world.blobs.put(&content[..]).await.unwrap();
    assert_eq!((again, parts.load(Ordering::Relaxed)), (blob, 5), "what is there is not uploaded again");
}

#[tokio::test]
async fn an_upload_that_breaks_is_aborted_and_the_next_one_succeeds() {
    let server = S3Server::start(None);
    let mut cuts = 0;
    let proxy = Proxy::start(server.address(), move |way, bytes| {
        let cut = way == Way::ToServer && says(bytes, "partNumber=3") && cuts == 0;
        cuts += usize::from(cut);
        cut
    })
    .await;
    let world = behind(&proxy, bucket(&server)).await;
    let content = content(12 * MIB);
    let broken = world.blobs.put(&content[..]).await;
    assert!(matches!(broken, Err(BlobError::Storage(_))), "{broken:?}");
    assert!(world.kept().await.is_empty() && world.spooled().is_empty());
    assert_eq!(half_uploads(&server).await, 0);
    assert_eq!(world.blobs.stat(&name_of(&content)).await.unwrap(), None);
    let blob = world.blobs.put(&content[..]).await.unwrap();
    assert!(world.blobs.verify(&blob.sha256).await.unwrap());
}

#[tokio::test]
async fn a_reply_that_is_lost_is_asked_after() {
    let server = S3Server::shared();
    let (mut is_completing, mut lost) = (false, false);
    let proxy = Proxy::start(server.address(), move |way, bytes| {
        is_completing |= way == Way::ToServer && says(bytes, "<CompleteMultipartUpload");
        let cut = way == Way::FromServer && is_completing && !lost;
        lost |= cut;
        cut
    })
    .await;
    let world = behind(&proxy, bucket(server)).await;
    let blob = world.blobs.put(&content(6 * MIB)[..]).await.unwrap();
    assert!(world.blobs.verify(&blob.sha256).await.unwrap());
}

#[tokio::test]
async fn a_server_that_is_killed_within_an_upload_leaves_an_error_and_no_content() {
    let server = Arc::new(S3Server::start(None));
    let killed = Arc::clone(&server);
    let mut has_died = false;
    let proxy = Proxy::start(server.address(), move |way, bytes| {
        if way == Way::ToServer && says(bytes, "partNumber=3") && !has_died {
            has_died = true;
            killed.kill();
        }
        false
    })
    .await;
    let world = behind(&proxy, bucket(&server)).await;
    let small = world.blobs.put_bytes(Bytes::from_static(b"scan")).await.unwrap();
    let content = content(12 * MIB);
    let broken = world.blobs.put(&content[..]).await;
    let Err(BlobError::Storage(error)) = broken else { panic!("{broken:?}") };
    assert!(error.to_string().starts_with("no answer from the S3 server"), "{error}");
    assert!(world.spooled().is_empty());
    let away = world.blobs.stat(&small.sha256).await;
    assert!(matches!(away, Err(BlobError::Storage(_))), "away is not the same as not there");
    server.start_again();
    assert_eq!(world.blobs.stat(&name_of(&content)).await.unwrap(), None);
    assert_eq!(world.read(&name_of(&content), 0).await, None);
    assert_eq!(world.read(&small.sha256, 0).await.unwrap(), b"scan");
    let blob = world.blobs.put(&content[..]).await.unwrap();
    assert!(world.blobs.verify(&blob.sha256).await.unwrap());
}

#[tokio::test]
async fn a_download_that_breaks_goes_on_or_ends_with_an_error_and_is_never_short() {
    let server = S3Server::shared();
    let s3 = bucket(server);
    let mut writer = World::of(Some(s3.clone())).await;
    writer.blobs.size_bytes_max = 64 * MIB as u64;
    let content = content(4 * MIB);
    let blob = writer.blobs.put(&content[..]).await.unwrap();
    for (retry_limit, cuts_max) in [(Duration::from_secs(10), 1), (Duration::ZERO, usize::MAX)] {
        let (mut passed, mut cuts) = (0, 0);
        let proxy = Proxy::start(server.address(), move |way, bytes| {
            passed += if way == Way::FromServer { bytes.len() } else { 0 };
            let cut = passed > 2 * MIB && cuts < cuts_max;
            cuts += usize::from(cut);
            cut
        })
        .await;
        let world = behind(&proxy, config::S3 { retry_limit, ..s3.clone() }).await;
        let stream = world.blobs.get(&blob.sha256, 0).await.unwrap().unwrap();
        let read: Result<Vec<Bytes>, io::Error> = stream.try_collect().await;
        match cuts_max {
            1 => assert!(read.unwrap().concat() == content, "it went on where it was"),
            _ => assert!(read.is_err()),
        }
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_a_whole_content() {
    let server = S3Server::shared();
    let second = Arc::new(tokio::sync::Notify::new());
    let seen = Arc::clone(&second);
    let proxy = Proxy::start(server.address(), move |_, bytes| {
        if says(bytes, "partNumber=2") {
            seen.notify_one();
        }
        false
    })
    .await;
    let world = behind(&proxy, bucket(server)).await;
    let content = content(12 * MIB);
    tokio::select! {
        put = world.blobs.put(&content[..]) => panic!("it was still under way: {put:?}"),
        () = second.notified() => {}
    }
    let whole = async {
        while world.blobs.stat(&name_of(&content)).await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), whole).await.unwrap();
    assert!(world.blobs.verify(&name_of(&content)).await.unwrap());
    assert_eq!(world.kept().await.len(), 1);
}
