//! A far side that answers what the input says, and what must hold for how an adapter takes it.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use channel_sdk::{
    Adapter, Notice, Remote, Reply, Request, Verdict,
    remote::{Fetched, RemoteError},
};
use futures::executor::block_on;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;

use crate::stain::assert_clean;

/// A cursor is kept in the store with every page.
const CURSOR_BYTES_MAX: usize = 32 * 1024;

/// Nobody makes a delivery wait for longer.
const PATIENCE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Answers everything with one reply, and keeps what it was asked.
pub(crate) struct FarSide {
    reply: Reply,
    pub(crate) asked: Mutex<Vec<Request>>,
}

impl FarSide {
    /// One that answers with `status` and `body`; `line` stands in each header that an adapter reads.
    pub(crate) fn new(status: u16, line: &[u8], body: &[u8]) -> FarSide {
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_bytes(line) {
            for name in [header::DATE, header::ETAG, header::RETRY_AFTER, header::CONTENT_TYPE] {
                headers.insert(name, value.clone());
            }
        }
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        let reply = Reply { status, headers, body: Bytes::copy_from_slice(body) };
        FarSide { reply, asked: Mutex::default() }
    }

    /// What it was asked.
    pub(crate) fn requests(self) -> Vec<Request> {
        self.asked.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Remote for FarSide {
    async fn call(&self, request: Request) -> Result<Reply, RemoteError> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        Ok(self.reply.clone())
    }

    async fn download(&self, request: Request) -> Result<Fetched, RemoteError> {
        self.call(request).await?;
        Ok(Fetched { sha256: "ab".repeat(32), size_bytes: 1, media_type: String::new() })
    }
}

/// Pulls with the cursor that the input gives, and goes on with the cursor that comes back.
pub(crate) fn pulls(adapter: &dyn Adapter, feed: &str, cursor: &str, far_side: &FarSide) {
    let now = Timestamp::UNIX_EPOCH + Duration::from_secs(1_575_622_920);
    let mut cursor = (!cursor.is_empty()).then(|| cursor.to_owned());
    for _ in 0..3 {
        let page = |cursor: Option<&str>| block_on(adapter.pull(far_side, feed, cursor, now));
        let (one, other) = (page(cursor.as_deref()), page(cursor.as_deref()));
        let (Ok(one), Ok(other)) = (one, other) else { return };
        assert!(one.next == other.next && one.more == other.more, "the same page gives two cursors");
        let Some(next) = one.next else { return };
        let before = cursor.as_ref().map_or(0, String::len);
        assert!(next.len() <= before.max(CURSOR_BYTES_MAX) + 256, "a cursor of {} bytes", next.len());
        cursor = Some(next);
    }
}

/// Delivers; the verdict waits no longer than it may and says nothing that the reply's body said.
pub(crate) fn delivers(adapter: &dyn Adapter, notice: &Notice, far_side: &FarSide, is_stained: bool) {
    let verdict = block_on(adapter.deliver(far_side, notice));
    if let Verdict::Retry { not_before: Some(patience), .. } = &verdict {
        assert!(*patience <= PATIENCE_MAX, "{patience:?}");
    }
    if let Verdict::Delivered { remote_reference } = &verdict {
        assert!(remote_reference.as_ref().is_none_or(|it| it.chars().count() <= 200));
    } else if is_stained {
        assert_clean(&format!("{verdict:?}"));
    }
}
