//! A watcher who goes from gateway to gateway, by the number of the last event alone.

use std::time::Duration;

use petition_gateway::{
    demo::ministry::{books::Books, gateways::Gateways},
    pb::{self, watch_petitions_response::Item},
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tokio::{sync::mpsc, time::timeout};
use tonic::Status;

/// A gateway says every second that it lives; one that is silent for longer is left.
const SILENCE_MAX: Duration = Duration::from_secs(3);

/// Follows the events for ever: a few of them at each gateway, and on to the next, or as soon as one is silent. What came is
/// written into the books, and new events are handed on.
pub(super) async fn walk(
    gateways: Gateways,
    books: Books,
    mut draw: ChaCha8Rng,
    events: Option<mpsc::UnboundedSender<pb::PetitionEvent>>,
) {
    loop {
        let count = draw.random_range(1..60);
        if stay(&gateways, &books, count, events.as_ref()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Takes so many events from the next gateway.
async fn stay(
    gateways: &Gateways,
    books: &Books,
    count: u32,
    events: Option<&mpsc::UnboundedSender<pb::PetitionEvent>>,
) -> Result<(), Status> {
    let after_seq = i64::try_from(books.open().watched.last_seq).unwrap();
    let request = pb::WatchPetitionsRequest { after_seq, heartbeat_seconds: 1, ..Default::default() };
    let mut stream = gateways.next().watch_petitions(request).await?.into_inner();
    let mut left = count;
    while left > 0 {
        let silent = |_| Status::deadline_exceeded("the gateway is silent");
        let Some(message) = timeout(SILENCE_MAX, stream.message()).await.map_err(silent)?? else { break };
        if let Some(Item::Event(event)) = message.item {
            left -= 1;
            let is_new = books.open().saw(&event);
            if let Some(events) = events.filter(|_| is_new) {
                // Nobody listens any more at the end of the test.
                events.send(event).ok();
            }
        }
    }
    Ok(())
}
