//! The gateways that the ministry speaks to: each call goes to the next of them, and one that is not answered goes, under the
//! same key, to the one after it. The demonstration has a single one, which is then asked again.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tonic::{Code, Status, transport::Channel};

use super::books::Books;
use crate::{demo::client::MESSAGE_BYTES_MAX, pb::petition_service_client::PetitionServiceClient};

/// A call is repeated for at most this long; a gateway that is away for longer has failed the demonstration.
const PATIENCE: Duration = Duration::from_secs(60);

/// The first and the longest pause between attempts.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Connections to gateways on one store. Cheap to clone; clones take turns together.
#[derive(Clone)]
pub struct Gateways {
    clients: Arc<[PetitionServiceClient<Channel>]>,
    turn: Arc<AtomicUsize>,
    books: Books,
}

impl Gateways {
    /// These, at least one; what had to be repeated is written into the books.
    pub fn new(connections: impl IntoIterator<Item = Channel>, books: Books) -> Gateways {
        let client = |channel| PetitionServiceClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
        Gateways { clients: connections.into_iter().map(client).collect(), turn: Arc::default(), books }
    }

    /// The next one.
    pub fn next(&self) -> PetitionServiceClient<Channel> {
        self.clients[self.turn.fetch_add(1, Ordering::Relaxed) % self.clients.len()].clone()
    }

    /// Repeats a call under its key while the gateways say "not now", or say nothing.
    ///
    /// # Errors
    /// What a gateway answered, or the last refusal when patience ends.
    pub async fn persist<T, F, Fut>(&self, call: F) -> Result<T, Status>
    where
        F: Fn(PetitionServiceClient<Channel>) -> Fut,
        Fut: Future<Output = Result<T, Status>>,
    {
        let mut pause = PAUSE;
        let mut waited = Duration::ZERO;
        loop {
            match call(self.next()).await {
                Err(status) if is_passing(&status) && waited < PATIENCE => {
                    self.books.open().counts.retries += 1;
                    tokio::time::sleep(pause).await;
                    waited += pause;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                answer => return answer,
            }
        }
    }
}

/// Whether the same call may be answered another time: the gateway said so, or its connection broke (a status with a cause
/// was made on this side).
fn is_passing(status: &Status) -> bool {
    let codes = [Code::Unavailable, Code::Aborted, Code::DeadlineExceeded, Code::ResourceExhausted, Code::Cancelled];
    codes.contains(&status.code()) || status.source().is_some()
}
