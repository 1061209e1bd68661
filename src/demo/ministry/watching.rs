//! The ministry's watch: every event since the beginning, in order, resumed wherever it broke off.

use std::time::Duration;

use tokio::sync::mpsc;
use tonic::{Status, transport::Channel};

use super::{books::Books, gateways::Gateways};
use crate::pb::{self, petition_service_client::PetitionServiceClient, watch_petitions_response::Item};

/// After so many events the watch is broken off on purpose: resuming must neither repeat nor leave out, and a
/// demonstration of a minute would otherwise never see it.
const EVENTS_PER_STREAM: u32 = 1_000;

/// How long to wait before resuming a stream that broke.
const PAUSE: Duration = Duration::from_millis(200);

/// Watches until nobody wants the events any more.
pub(super) async fn watch(gateways: Gateways, books: Books, events: mpsc::Sender<pb::PetitionEvent>) {
    while !events.is_closed() {
        match one_stream(gateways.next(), &books, &events).await {
            Ok(()) => {}
            Err(status) => {
                tracing::info!(code = ?status.code(), "the watch broke off and is resumed");
                tokio::time::sleep(PAUSE).await;
            }
        }
        books.open().counts.resumed += 1;
    }
}

async fn one_stream(
    mut client: PetitionServiceClient<Channel>,
    books: &Books,
    events: &mpsc::Sender<pb::PetitionEvent>,
) -> Result<(), Status> {
    let after_seq = i64::try_from(books.open().watched.last_seq).unwrap_or_default();
    let request = pb::WatchPetitionsRequest { after_seq, heartbeat_seconds: 1, ..Default::default() };
    let mut stream = client.watch_petitions(request).await?.into_inner();
    let mut count = 0;
    while count < EVENTS_PER_STREAM {
        let Some(message) = stream.message().await? else { return Ok(()) };
        match message.item {
            Some(Item::Event(event)) => {
                count += 1;
                let is_new = books.open().saw(&event);
                if is_new && events.send(event).await.is_err() {
                    return Ok(());
                }
            }
            Some(Item::Progress(progress)) if progress.caught_up => {
                books.open().caught_up = u64::try_from(progress.seq).unwrap_or_default();
            }
            Some(Item::Progress(_)) | None => {}
        }
    }
    Ok(())
}
