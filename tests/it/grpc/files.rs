//! Files, up and down.

use bytes::Bytes;
use petition_gateway::pb::{
    self, download_attachment_response::Part as Down, petition_service_client::PetitionServiceClient,
    upload_attachment_request::Part as Up,
};
use sha2::{Digest, Sha256};
use tonic::{Code, Status, transport::Channel};

use super::{
    said::{accept, answer, assert_refused, fields, metadata, new_id, submit},
    served::{ATTACHMENT_BYTES_MAX, Served},
};

type Client = PetitionServiceClient<Channel>;

fn content(size: usize) -> Bytes {
    (0..size).map(|n| u8::try_from(n % 251).unwrap()).collect()
}

fn digest(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

fn header(sha256: &str, size_bytes: i64) -> Up {
    Up::Header(pb::UploadHeader { request_id: new_id(), sha256: sha256.to_owned(), size_bytes })
}

async fn send(client: &mut Client, parts: Vec<Up>) -> Result<pb::UploadAttachmentResponse, Status> {
    let messages = parts.into_iter().map(|part| pb::UploadAttachmentRequest { part: Some(part) });
    client.upload_attachment(futures::stream::iter(messages)).await.map(tonic::Response::into_inner)
}

async fn upload(client: &mut Client, content: &Bytes) -> pb::UploadAttachmentResponse {
    let mut parts = vec![header("", 0)];
    parts.extend(content.chunks(300_000).map(|chunk| Up::Chunk(Bytes::copy_from_slice(chunk))));
    send(client, parts).await.unwrap()
}

async fn download(client: &mut Client, name: &str, offset: i64) -> Result<(pb::Attachment, Vec<u8>), Status> {
    let request = pb::DownloadAttachmentRequest { name: name.to_owned(), offset };
    let mut stream = client.download_attachment(request).await?.into_inner();
    let Some(Down::Attachment(file)) = stream.message().await?.unwrap().part else { panic!("no header") };
    let mut content = Vec::new();
    while let Some(message) = stream.message().await? {
        let Some(Down::Chunk(chunk)) = message.part else { panic!("no chunk") };
        assert!(chunk.len() <= 1024 * 1024);
        content.extend(chunk);
    }
    Ok((file, content))
}

fn named(sha256: &str) -> Vec<pb::Attachment> {
    let file_name = "đơn.pdf".to_owned();
    let media_type = "application/pdf".to_owned();
    vec![pb::Attachment { file_name, media_type, sha256: sha256.to_owned(), ..Default::default() }]
}

#[tokio::test]
async fn a_file_comes_back_as_it_went_up_whole_or_from_any_place() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let sent = content(1_000_003);
    let stored = upload(&mut client, &sent).await;
    assert_eq!((stored.sha256.as_str(), stored.size_bytes), (digest(&sent).as_str(), 1_000_003));
    let mut request = submit("HD-1", "Kèm đơn");
    request.petition.as_mut().unwrap().attachments = named(&stored.sha256);
    let petition = client.submit_petition(request).await.unwrap().into_inner().petition.unwrap();
    let file = &petition.attachments[0];
    assert!(file.held && file.id == 1 && file.size_bytes == 1_000_003);
    let (told, whole) = download(&mut client, &file.name, 0).await.unwrap();
    assert_eq!(told.file_name, "đơn.pdf");
    assert_eq!(digest(&whole), stored.sha256);
    let (told, rest) = download(&mut client, &file.name, 999_999).await.unwrap();
    assert_eq!((told.size_bytes, rest.as_slice()), (1_000_003, &sent[999_999..]));
    assert_eq!(download(&mut client, &file.name, 1_000_003).await.unwrap().1, Vec::<u8>::new());
    let beyond = download(&mut client, &file.name, 1_000_004).await;
    let status = assert_refused(beyond, Code::OutOfRange, "OFFSET_BEYOND_END");
    assert_eq!(metadata(&status, "size_bytes"), "1000003");
}

#[tokio::test]
async fn a_file_of_an_answer_is_given_out_too_and_no_other_is() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let (ours, others) = (upload(&mut client, &content(10)).await, upload(&mut client, &content(11)).await);
    let name = client.submit_petition(submit("HD-1", "Một")).await.unwrap().into_inner().petition.unwrap().name;
    client.accept_petition(accept(&name)).await.unwrap();
    let mut request = answer(&name, "Xem văn bản kèm theo");
    request.attachments = named(&ours.sha256);
    let answered = client.answer_petition(request).await.unwrap().into_inner().petition.unwrap();
    let file = answered.answer.unwrap().attachments.remove(0);
    assert_eq!((file.size_bytes, file.held), (10, true));
    assert_eq!(download(&mut client, &file.name, 0).await.unwrap().1, content(10));
    let stranger = format!("{name}/attachments/{}", others.sha256);
    assert_refused(download(&mut client, &stranger, 0).await, Code::NotFound, "ATTACHMENT_NOT_FOUND");
}

#[tokio::test]
async fn a_content_that_is_not_what_was_announced_is_refused() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let sent = content(1_000);
    let chunk = || Up::Chunk(sent.clone());
    let right = send(&mut client, vec![header(&digest(&sent), 1_000), chunk()]).await.unwrap();
    assert!(!right.duplicate);
    let again = send(&mut client, vec![header(&digest(&sent), 1_000), chunk()]).await.unwrap();
    assert!(again.duplicate);
    for wrong in [header(&digest(b"other"), 0), header("", 999), header("", 1_001)] {
        let refused = send(&mut client, vec![wrong, chunk()]).await;
        assert_refused(refused, Code::InvalidArgument, "DIGEST_MISMATCH");
    }
}

#[tokio::test]
async fn an_upload_out_of_form_is_refused() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    for parts in [vec![], vec![Up::Chunk(content(1))], vec![header("", 0), header("", 0)]] {
        assert_refused(send(&mut client, parts).await, Code::InvalidArgument, "INVALID_REQUEST");
    }
    let large = vec![header("", 0), Up::Chunk(content(1024 * 1024 + 1))];
    let status = assert_refused(send(&mut client, large).await, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(fields(&status), ["chunk"]);
    let odd = Up::Header(pb::UploadHeader { request_id: String::new(), sha256: "AB".to_owned(), size_bytes: -1 });
    let status = send(&mut client, vec![odd]).await.unwrap_err();
    assert_eq!(fields(&status), ["header.request_id", "header.sha256", "header.size_bytes"]);
}

#[tokio::test]
async fn a_file_beyond_the_limit_is_refused_with_the_limit() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let mut parts = vec![header("", 0)];
    parts.extend((0..4).map(|_| Up::Chunk(content(1024 * 1024))));
    let status = assert_refused(send(&mut client, parts).await, Code::InvalidArgument, "FILE_TOO_LARGE");
    assert_eq!(metadata(&status, "bytes_max"), ATTACHMENT_BYTES_MAX.to_string());
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let served = Served::new().await;
    let mut client = served.petitions().await;
    let sent = content(1_000);
    let (sender, mut receiver) = tokio::sync::mpsc::channel(4);
    sender.send(pb::UploadAttachmentRequest { part: Some(header(&digest(&sent), 2_000)) }).await.unwrap();
    sender.send(pb::UploadAttachmentRequest { part: Some(Up::Chunk(sent.clone())) }).await.unwrap();
    let stream = futures::stream::poll_fn(move |cx| receiver.poll_recv(cx));
    let call = client.upload_attachment(stream);
    assert!(tokio::time::timeout(std::time::Duration::from_millis(200), call).await.is_err());
    let mut request = submit("HD-1", "Một");
    request.petition.as_mut().unwrap().attachments = named(&digest(&sent));
    let refused = client.submit_petition(request).await;
    assert_refused(refused, Code::FailedPrecondition, "ATTACHMENT_NOT_UPLOADED");
}
