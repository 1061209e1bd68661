//! `petition attach` and `download`: files by their content. A file is uploaded once and then named by its SHA-256; a
//! broken download goes on where it was.

use std::path::{Path, PathBuf};

use clap::Args;
use futures::{Stream, StreamExt, stream};
use indicatif::ProgressBar;
use petition_gateway::pb::{self, download_attachment_response, upload_attachment_request};
use sha2::{Digest, Sha256};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
};
use uuid::Uuid;

use crate::cli::{
    connection::Gateway,
    failure::{Exit, Failure},
    output::{Output, Unit},
    rendering::{self, Privacy},
    resource,
    words::said,
};

/// What the contract allows in one message is 1 MiB; smaller chunks move the progress bar.
const CHUNK_BYTES: usize = 256 * 1024;

/// Files to upload.
#[derive(Debug, Args)]
pub(crate) struct Attach {
    /// The files
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

impl Attach {
    pub(crate) async fn run(self, mut gateway: Gateway, output: Output) -> Result<(), Failure> {
        for path in &self.files {
            let stored = upload(&mut gateway, path, output).await?;
            if output.json {
                let mut record = rendering::json(&stored, Privacy::Hidden);
                record["file"] = path.display().to_string().into();
                output.record(&record)?;
            } else {
                output.line(&format!("{}  {}", stored.sha256, path.display()))?;
            }
        }
        Ok(())
    }
}

/// Uploads files and names them as a draft, a supplement or an answer does.
///
/// # Errors
/// A file cannot be read or was refused.
pub(crate) async fn upload_all(
    gateway: &mut Gateway,
    paths: &[PathBuf],
    output: Output,
) -> Result<Vec<pb::Attachment>, Failure> {
    let mut attachments = Vec::with_capacity(paths.len());
    for path in paths {
        let stored = upload(gateway, path, output).await?;
        attachments.push(pb::Attachment {
            file_name: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            media_type: media_type_of(path).to_owned(),
            sha256: stored.sha256,
            ..Default::default()
        });
    }
    Ok(attachments)
}

/// Each file is an intent of its own: the content tells the gateway whether it has it already.
async fn upload(gateway: &mut Gateway, path: &Path, output: Output) -> Result<pb::UploadAttachmentResponse, Failure> {
    let mut file = File::open(path).await.map_err(Failure::file(path))?;
    let (sha256, size) = digest(&mut file).await.map_err(Failure::file(path))?;
    file.rewind().await.map_err(Failure::file(path))?;
    let request_id = Uuid::now_v7();
    let header = pb::UploadHeader {
        request_id: request_id.to_string(),
        sha256,
        size_bytes: i64::try_from(size).unwrap_or(i64::MAX),
    };
    let bar = output.progress(Some(size), Unit::Bytes);
    let sent = gateway.petitions.upload_attachment(parts(header, file, bar.clone())).await;
    bar.finish_and_clear();
    Ok(sent.map_err(Failure::change(request_id))?.into_inner())
}

/// The header, then the content as it is read. A file that cannot be read on ends the stream; the gateway then misses
/// bytes of the announced size and refuses.
fn parts(header: pb::UploadHeader, file: File, bar: ProgressBar) -> impl Stream<Item = pb::UploadAttachmentRequest> {
    let header = upload_attachment_request::Part::Header(header);
    let chunks = stream::unfold((file, bar), |(mut file, bar)| async move {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        let read = (&mut file).take(CHUNK_BYTES as u64).read_to_end(&mut chunk).await.ok()?;
        bar.inc(read as u64);
        (read > 0).then(|| (upload_attachment_request::Part::Chunk(chunk.into()), (file, bar)))
    });
    stream::iter([header]).chain(chunks).map(|part| pb::UploadAttachmentRequest { part: Some(part) })
}

/// A file of a petition, and where it goes.
#[derive(Debug, Args)]
pub(crate) struct Download {
    /// `petitions/{petition}/attachments/{sha256}`, or `{petition}/{sha256}`
    attachment: String,
    /// Where to write it; - is standard output (tệp đích)
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

impl Download {
    pub(crate) async fn run(self, mut gateway: Gateway, output: Output) -> Result<(), Failure> {
        let name = resource::attachment(&self.attachment);
        if self.output == Path::new("-") {
            return to_output(&mut gateway, name, output).await;
        }
        let mut part = self.output.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        let expected = name.rsplit('/').next().unwrap_or_default().to_owned();
        let found = to_file(&mut gateway, name, &part, output).await?;
        if found.0 != expected {
            tokio::fs::remove_file(&part).await.map_err(Failure::file(&part))?;
            return Err(Failure::Ended(
                Exit::TryAgain,
                said!("nội dung không đúng mã băm; tải lại từ đầu", "the content has another digest; download it anew"),
            ));
        }
        tokio::fs::rename(&part, &self.output).await.map_err(Failure::file(&self.output))?;
        let (path, (sha256, size)) = (self.output.display(), found);
        if output.json {
            let record = serde_json::json!({"file": path.to_string(), "sha256": sha256, "size_bytes": size});
            return output.record(&record);
        }
        output.say(&said!("đã ghi {size} byte vào {path}", "{size} bytes are in {path}"))
    }
}

async fn to_output(gateway: &mut Gateway, name: String, output: Output) -> Result<(), Failure> {
    let request = pb::DownloadAttachmentRequest { name, offset: 0 };
    let mut messages = gateway.petitions.download_attachment(request).await.map_err(Failure::read)?.into_inner();
    while let Some(message) = messages.message().await.map_err(Failure::read)? {
        if let Some(download_attachment_response::Part::Chunk(chunk)) = message.part {
            output.bytes(&chunk)?;
        }
    }
    Ok(())
}

/// Goes on after what an earlier attempt left in the file; tells digest and size of the whole.
async fn to_file(gateway: &mut Gateway, name: String, path: &Path, output: Output) -> Result<(String, u64), Failure> {
    let had = tokio::fs::metadata(path).await.map_or(0, |it| it.len());
    let request = pb::DownloadAttachmentRequest { name, offset: i64::try_from(had).unwrap_or(i64::MAX) };
    let mut messages = gateway.petitions.download_attachment(request).await.map_err(Failure::read)?.into_inner();
    let file = File::options().create(true).append(true).open(path).await;
    let mut file = file.map_err(Failure::file(path))?;
    let mut bar = ProgressBar::hidden();
    while let Some(message) = messages.message().await.map_err(Failure::read)? {
        match message.part {
            Some(download_attachment_response::Part::Attachment(about)) => {
                bar = output.progress(u64::try_from(about.size_bytes).ok(), Unit::Bytes);
                bar.set_position(had);
            }
            Some(download_attachment_response::Part::Chunk(chunk)) => {
                file.write_all(&chunk).await.map_err(Failure::file(path))?;
                bar.inc(chunk.len() as u64);
            }
            None => {}
        }
    }
    bar.finish_and_clear();
    file.sync_all().await.map_err(Failure::file(path))?;
    let mut whole = File::open(path).await.map_err(Failure::file(path))?;
    digest(&mut whole).await.map_err(Failure::file(path))
}

async fn digest(file: &mut File) -> std::io::Result<(String, u64)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut size = 0;
    loop {
        let read = file.read(&mut buffer).await?;
        if read == 0 {
            return Ok((hex::encode(hasher.finalize()), size));
        }
        hasher.update(&buffer[..read]);
        size += read as u64;
    }
}

/// The media types that petitions come with.
fn media_type_of(path: &Path) -> &'static str {
    let extension = path.extension().and_then(|it| it.to_str()).unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "pdf" => "application/pdf",
        "doc" => "application/msword",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xls" => "application/vnd.ms-excel",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "txt" => "text/plain",
        "xml" => "application/xml",
        "zip" => "application/zip",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_upload_sends_the_header_and_then_all_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("don.pdf");
        let content = vec![7; CHUNK_BYTES * 2 + 5];
        std::fs::write(&path, &content).unwrap();
        let file = File::open(&path).await.unwrap();
        let sent = parts(pb::UploadHeader::default(), file, ProgressBar::hidden()).collect::<Vec<_>>().await;
        assert!(matches!(sent[0].part, Some(upload_attachment_request::Part::Header(_))));
        let bytes = sent[1..].iter().flat_map(|message| match &message.part {
            Some(upload_attachment_request::Part::Chunk(chunk)) => chunk.to_vec(),
            _ => panic!("one header only"),
        });
        assert_eq!(bytes.collect::<Vec<_>>(), content);
    }

    #[test]
    fn media_types_are_guessed_from_names() {
        assert_eq!(media_type_of(Path::new("a/Đơn.PDF")), "application/pdf");
        assert_eq!(media_type_of(Path::new("không-đuôi")), "application/octet-stream");
    }
}
