//! A far side that is called only while that is allowed: as long as a lease lasts, or as long as it is this gateway's turn.
//!
//! A gateway may be held up at any line for any time (a stopped process, a machine that sleeps), and what it held is
//! somebody else's by then. So before each call it looks once more; a call that is not made is one that did not leave.

use async_trait::async_trait;
use channel_sdk::remote::{Fetched, Remote, RemoteError, Reply, Request};

/// A far side behind a condition.
pub struct Guarded<'a, May> {
    remote: &'a dyn Remote,
    may_call: May,
}

impl<'a, May: Fn() -> bool + Send + Sync> Guarded<'a, May> {
    /// Calls `remote` as long as `may_call` says so.
    pub fn new(remote: &'a dyn Remote, may_call: May) -> Guarded<'a, May> {
        Guarded { remote, may_call }
    }

    fn look(&self) -> Result<(), RemoteError> {
        let over = || RemoteError::Unreachable("đã quá lượt (it is another gateway's turn by now)".to_owned());
        (self.may_call)().then_some(()).ok_or_else(over)
    }
}

#[async_trait]
impl<May: Fn() -> bool + Send + Sync> Remote for Guarded<'_, May> {
    async fn call(&self, request: Request) -> Result<Reply, RemoteError> {
        self.look()?;
        self.remote.call(request).await
    }

    async fn download(&self, request: Request) -> Result<Fetched, RemoteError> {
        self.look()?;
        self.remote.download(request).await
    }
}
