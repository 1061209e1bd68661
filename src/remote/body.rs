//! What a request carries: bytes, files streamed from the blob store, or both as `multipart/related` (RFC 2387).
//!
//! The size is known before the first byte leaves (far sides dislike chunked requests), and a body can be composed once
//! and streamed twice: for the signature, and after a refused token.

use std::io;

use bytes::Bytes;
use channel_sdk::remote::{Body, Part, RemoteError};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use http::HeaderValue;

use crate::blobs::Blobs;

/// A body, ready to be streamed as often as it must.
#[derive(Debug)]
pub(super) struct Composed {
    /// `Content-Type`; `None` for no body.
    pub(super) content_type: Option<HeaderValue>,
    /// The size of all pieces.
    pub(super) size_bytes: u64,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
enum Piece {
    Bytes(Bytes),
    Blob(String),
}

/// A blob could not be read to its end while it was sent.
#[derive(Debug, thiserror::Error)]
#[error("a blob could not be read to its end")]
pub(super) struct BlobBroke;

impl Composed {
    /// Composes a body; the blobs it names must be there.
    pub(super) async fn of(body: &Body, blobs: &Blobs) -> Result<Composed, RemoteError> {
        let mut composed = Composed { content_type: None, size_bytes: 0, pieces: Vec::new() };
        match body {
            Body::Empty => {}
            Body::Bytes { content_type, .. } | Body::Blob { content_type, .. } => {
                composed.content_type = Some(media_type(content_type));
                composed.add(body, blobs).await?;
            }
            Body::Related(parts) => composed.add_related(parts, blobs).await?,
        }
        Ok(composed)
    }

    /// The body for reqwest.
    pub(super) fn body(&self, blobs: &Blobs) -> reqwest::Body {
        match self.pieces.as_slice() {
            [Piece::Bytes(bytes)] => reqwest::Body::from(bytes.clone()),
            _ => reqwest::Body::wrap_stream(self.stream(blobs)),
        }
    }

    /// The bytes, piece after piece; a blob is opened when its turn comes.
    pub(super) fn stream(&self, blobs: &Blobs) -> impl Stream<Item = io::Result<Bytes>> + Send + Unpin + use<> {
        let blobs = blobs.clone();
        let pieces = stream::iter(self.pieces.clone()).then(move |piece| open(piece, blobs.clone()));
        Box::pin(pieces.try_flatten())
    }

    async fn add_related(&mut self, parts: &[Part], blobs: &Blobs) -> Result<(), RemoteError> {
        let Some(root) = parts.first() else {
            return Err(RemoteError::Blob("a multipart body without parts".to_owned()));
        };
        // 128 random bits stand in no part by chance.
        let boundary = format!("petition-gateway-{:032x}", rand::random::<u128>());
        let root_type = content_type_of(&root.body)?;
        let root_media_type = root_type.split(';').next().unwrap_or_default().trim();
        let content_type = format!(
            "multipart/related; boundary=\"{boundary}\"; type=\"{root_media_type}\"; start=\"<{}>\"",
            content_id(root)?
        );
        self.content_type = Some(header_value(&content_type)?);
        for (number, part) in parts.iter().enumerate() {
            let line_end = if number == 0 { "" } else { "\r\n" };
            let media_type = media_type(content_type_of(&part.body)?);
            let head = format!(
                "{line_end}--{boundary}\r\nContent-Type: {}\r\nContent-ID: <{}>\r\nContent-Transfer-Encoding: binary\r\n\r\n",
                media_type.to_str().unwrap_or(UNKNOWN_TYPE),
                content_id(part)?
            );
            self.add_bytes(Bytes::from(head));
            self.add(&part.body, blobs).await?;
        }
        self.add_bytes(Bytes::from(format!("\r\n--{boundary}--\r\n")));
        Ok(())
    }

    async fn add(&mut self, body: &Body, blobs: &Blobs) -> Result<(), RemoteError> {
        match body {
            Body::Bytes { bytes, .. } => self.add_bytes(bytes.clone()),
            Body::Blob { sha256, .. } => {
                let size = blobs.stat(sha256).await.map_err(|error| RemoteError::Blob(error.to_string()))?;
                self.size_bytes +=
                    size.ok_or_else(|| RemoteError::Blob("the file is not in the blob store".to_owned()))?;
                self.pieces.push(Piece::Blob(sha256.clone()));
            }
            Body::Empty | Body::Related(_) => {}
        }
        Ok(())
    }

    fn add_bytes(&mut self, bytes: Bytes) {
        self.size_bytes += bytes.len() as u64;
        self.pieces.push(Piece::Bytes(bytes));
    }
}

type Pieces = futures::stream::BoxStream<'static, io::Result<Bytes>>;

async fn open(piece: Piece, blobs: Blobs) -> io::Result<Pieces> {
    let broke = || io::Error::other(BlobBroke);
    match piece {
        Piece::Bytes(bytes) => Ok(stream::iter([Ok(bytes)]).boxed()),
        Piece::Blob(sha256) => {
            let blob = blobs.get(&sha256, 0).await.map_err(|_| broke())?.ok_or_else(broke)?;
            Ok(blob.map_err(move |_| broke()).boxed())
        }
    }
}

/// What a file is sent as when its own type cannot stand in a header.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// A media type as a header. A file's own type came from outside; one that cannot be sent is replaced.
fn media_type(text: &str) -> HeaderValue {
    match HeaderValue::from_str(text.trim()) {
        Ok(value) if !value.is_empty() && value.to_str().is_ok() => value,
        _ => HeaderValue::from_static(UNKNOWN_TYPE),
    }
}

fn header_value(text: &str) -> Result<HeaderValue, RemoteError> {
    HeaderValue::from_str(text).map_err(|_| RemoteError::Blob("a part's type cannot stand in a header".to_owned()))
}

fn content_type_of(body: &Body) -> Result<&str, RemoteError> {
    match body {
        Body::Bytes { content_type, .. } | Body::Blob { content_type, .. } => Ok(content_type),
        Body::Empty | Body::Related(_) => Err(RemoteError::Blob("a part must be bytes or a file".to_owned())),
    }
}

/// The part's id. It stands in a header and in the message: what would break out of either is refused.
fn content_id(part: &Part) -> Result<&str, RemoteError> {
    let id = part.content_id.as_str();
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"' | b'\\');
    if !id.is_empty() && id.bytes().all(is_plain) {
        Ok(id)
    } else {
        Err(RemoteError::Blob("a part's Content-ID cannot stand in a header".to_owned()))
    }
}
