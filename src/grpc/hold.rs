//! What a call holds of the gateway while it is under way: the bytes of its message, the place of a stream of answers.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tonic::{Status, body::Body};

use super::error::CallError;
use crate::admission::{Held, Permit};

/// So much of each message is free: nearly all are smaller, and together they are bounded by the number of calls.
const FREE_BYTES: usize = 64 * 1024;

/// A message whose bytes are counted while they come.
struct Metered {
    body: Body,
    held: Held,
    received: usize,
}

/// Counts the bytes of a request's message beyond the first few; one that finds no room for them is refused on the way.
/// They are held until the message is read whole and decoded; what is decoded from it, the committer's bounds hold.
pub(super) fn meter(request: &mut Request<Body>, held: Held) {
    let body = std::mem::take(request.body_mut());
    *request.body_mut() = Body::new(Metered { body, held, received: 0 });
}

impl HttpBody for Metered {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(piece) = frame.data_ref()
        {
            self.received += piece.len();
            let beyond = self.received.saturating_sub(FREE_BYTES);
            if !self.held.grow_to(beyond) {
                return Poll::Ready(Some(Err(CallError::BytesExhausted.into())));
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer that keeps its place until it has been given out.
struct Placed {
    body: Body,
    _permit: Permit,
}

/// Keeps the place for as long as the answer is being given out.
pub(super) fn hold(response: Response<Body>, permit: Permit) -> Response<Body> {
    response.map(|body| Body::new(Placed { body, _permit: permit }))
}

impl HttpBody for Placed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
