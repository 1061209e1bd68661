//! Files: streamed into the blob store and out of it, never whole in memory.

use std::io;

use bytes::Bytes;
use futures::{Stream, StreamExt, future, stream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::{
    convert::{
        Sight,
        checks::Checks,
        common::{self, signed},
        names,
        petition::held,
    },
    entrance::{BoxStream, bounded, deadline},
    error::{CallError, Thing},
    petitions::Petitions,
    principal::Caller,
    request_id,
};
use crate::{
    blobs::BlobError,
    pb::{self, download_attachment_response::Part as DownloadPart, upload_attachment_request::Part as UploadPart},
    petition::{Petition, PetitionId},
    store::StoreError,
};

/// The largest chunk of an upload; clients keep well below the limit of a message.
const CHUNK_BYTES_MAX: usize = 1024 * 1024;

impl Petitions {
    /// Keeps a file.
    pub(super) async fn upload(
        &self,
        _caller: &Caller,
        mut stream: Streaming<pb::UploadAttachmentRequest>,
    ) -> Result<pb::UploadAttachmentResponse, Status> {
        let header = match stream.message().await? {
            Some(pb::UploadAttachmentRequest { part: Some(UploadPart::Header(header)) }) => header,
            _ => return Err(out_of_form("header", "the first message must be the header").into()),
        };
        let announced = Announced::parse(header)?;
        crate::failpoint::at!("upload.header_read");
        let duplicate = match &announced.sha256 {
            Some(sha256) => self.parts.blobs.stat(sha256).await.map_err(CallError::from)?.is_some(),
            None => false,
        };
        let content = until_stopped(content(stream, announced.size_bytes), self.stop.clone());
        let blob = self.parts.blobs.put_stream(Box::pin(content)).await.map_err(refused_or_failed)?;
        if !announced.is(&blob.sha256, blob.size_bytes) {
            return Err(CallError::DigestMismatch.into());
        }
        crate::failpoint::at!("upload.before_answer");
        Ok(pb::UploadAttachmentResponse { sha256: blob.sha256, size_bytes: signed(blob.size_bytes), duplicate })
    }

    /// Gives a file out.
    pub(super) async fn download(
        &self,
        request: Request<pb::DownloadAttachmentRequest>,
    ) -> Result<Response<BoxStream<pb::DownloadAttachmentResponse>>, Status> {
        let deadline = deadline(&request);
        let stream = self.downloaded(request.into_inner()).await?;
        Ok(Response::new(bounded(stream, deadline)))
    }

    async fn downloaded(
        &self,
        request: pb::DownloadAttachmentRequest,
    ) -> Result<BoxStream<pb::DownloadAttachmentResponse>, CallError> {
        let mut checks = Checks::default();
        let offset = checks.not_negative("offset", request.offset);
        checks.done()?;
        let (id, sha256) = names::parse_attachment(&request.name)?;
        let mut file = file_of(self.find(id).await?, sha256)?;
        let size_bytes = self.parts.blobs.stat(sha256).await?.ok_or(StoreError::Damaged("file"))?;
        if offset > size_bytes {
            return Err(CallError::OffsetBeyondEnd { size_bytes });
        }
        file.size_bytes = signed(size_bytes);
        let content = self.parts.blobs.get(sha256, offset).await?.ok_or(StoreError::Damaged("file"))?;
        let header = pb::DownloadAttachmentResponse { part: Some(DownloadPart::Attachment(file)) };
        let chunks = content.map(|piece| match piece {
            Ok(piece) => Ok(pb::DownloadAttachmentResponse { part: Some(DownloadPart::Chunk(piece)) }),
            Err(error) => Err(CallError::from(BlobError::Storage(error)).into()),
        });
        Ok(Box::pin(stream::iter([Ok(header)]).chain(chunks)))
    }
}

/// The file of this digest among the petition's and its answers'; no other is given out.
fn file_of(petition: Petition, sha256: &str) -> Result<pb::Attachment, CallError> {
    let id = petition.id;
    let mut found = files(petition, id).filter(|file| file.sha256 == sha256).peekable();
    if found.peek().is_none() {
        return Err(CallError::NotFound(Thing::Attachment));
    }
    found.find(|file| file.held).ok_or(CallError::AttachmentNotHeld)
}

/// Every file of the petition, its supplements and all versions of the answer.
pub(super) fn files(petition: Petition, id: PetitionId) -> impl Iterator<Item = pb::Attachment> {
    let of_petition = petition.attachments.into_iter().map(move |file| held(id, file, Sight::Full));
    let of_answers = petition.answers.into_iter().flat_map(|answer| answer.attachments);
    of_petition.chain(of_answers.map(move |file| common::named_file(id, file, Sight::Full)))
}

/// What a header says of its file.
struct Announced {
    sha256: Option<String>,
    size_bytes: Option<u64>,
}

impl Announced {
    fn parse(header: pb::UploadHeader) -> Result<Announced, CallError> {
        let mut checks = Checks::default();
        request_id::parse(&mut checks, "header.request_id", &header.request_id);
        if !header.sha256.is_empty() && !names::is_digest(&header.sha256) {
            checks.format("header.sha256", "must be 64 lower-case hex digits, or empty");
        }
        let size_bytes = checks.not_negative("header.size_bytes", header.size_bytes);
        checks.done()?;
        let sha256 = Some(header.sha256).filter(|it| !it.is_empty());
        Ok(Announced { sha256, size_bytes: (size_bytes > 0).then_some(size_bytes) })
    }

    fn is(&self, sha256: &str, size_bytes: u64) -> bool {
        self.sha256.as_deref().is_none_or(|it| it == sha256) && self.size_bytes.is_none_or(|it| it == size_bytes)
    }
}

/// The chunks of an upload, at most the bytes that were announced.
fn content(
    stream: Streaming<pb::UploadAttachmentRequest>,
    announced: Option<u64>,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let mut received = 0;
    stream.map(move |message| {
        let chunk = match message.map_err(io::Error::other)?.part {
            Some(UploadPart::Chunk(chunk)) if chunk.len() <= CHUNK_BYTES_MAX => chunk,
            Some(UploadPart::Chunk(_)) => return Err(refuse("chunk", "must be at most 1 MiB")),
            Some(UploadPart::Header(_)) | None => return Err(refuse("chunk", "after the header come chunks only")),
        };
        received += chunk.len() as u64;
        if announced.is_some_and(|announced| received > announced) {
            return Err(io::Error::other(CallError::DigestMismatch));
        }
        Ok(chunk)
    })
}

/// The content, or its end by a refusal when the gateway stops: an upload has no upper length in time.
fn until_stopped(
    content: impl Stream<Item = io::Result<Bytes>> + Send,
    stop: CancellationToken,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let stopped = Box::pin(stop.clone().cancelled_owned());
    let refusal = move || io::Error::other(CallError::ShuttingDown { last_seq: None });
    let end = stream::once(async move { stop.is_cancelled().then(|| Err(refusal())) });
    content.take_until(stopped).chain(end.filter_map(future::ready))
}

fn refuse(field: &str, description: &str) -> io::Error {
    io::Error::other(out_of_form(field, description))
}

fn out_of_form(field: &str, description: &str) -> CallError {
    let mut checks = Checks::default();
    checks.format(field, description);
    checks.done().err().unwrap_or(CallError::DigestMismatch)
}

/// Takes our own refusal, or the client's broken stream, back out of what the blob store made of it.
fn refused_or_failed(error: BlobError) -> Status {
    let BlobError::Source(source) = error else { return CallError::from(error).into() };
    let kind = source.kind();
    let Some(inner) = source.into_inner() else {
        return CallError::from(BlobError::Source(io::Error::from(kind))).into();
    };
    match inner.downcast::<CallError>() {
        Ok(refusal) => (*refusal).into(),
        Err(other) => match other.downcast::<Status>() {
            Ok(status) => *status,
            Err(other) => CallError::from(BlobError::Source(io::Error::other(other))).into(),
        },
    }
}
