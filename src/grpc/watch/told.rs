//! An event as watchers are told of it: rendered once for all who see the same of it.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use prost::Message;
use tokio::sync::OnceCell;

use super::Watchers;
use crate::{
    grpc::convert::{
        Sight,
        event::{self, Whose},
    },
    pb::{self, watch_petitions_response::Item},
    petition::Event,
    store::StoreError,
};

/// An event, with what is worked out of it once.
pub(super) struct Told {
    pub(super) event: Event,
    whose: OnceCell<Arc<Whose>>,
    full: OnceLock<Bytes>,
    basic: OnceLock<Bytes>,
    anonymous: OnceLock<Bytes>,
}

impl Told {
    pub(super) fn new(event: Event) -> Told {
        let (full, basic, anonymous) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Told { event, whose: OnceCell::new(), full, basic, anonymous }
    }

    /// Whose event it is.
    pub(super) async fn whose(&self, watchers: &Watchers) -> Result<&Arc<Whose>, StoreError> {
        self.whose.get_or_try_init(|| watchers.whose(&self.event)).await
    }

    /// The message about it.
    pub(super) fn message(&self, whose: &Whose, sight: Sight) -> pb::PetitionEvent {
        event::event(self.event.clone(), whose, sight)
    }

    /// The message about it, as it is sent.
    pub(super) fn rendered(&self, whose: &Whose, sight: Sight) -> Bytes {
        let rendered = match sight {
            Sight::Full => &self.full,
            Sight::Basic => &self.basic,
            Sight::Anonymous => &self.anonymous,
        };
        rendered.get_or_init(|| bytes_of(Item::Event(self.message(whose, sight)))).clone()
    }
}

/// A message of a watch, as it is sent.
pub(super) fn bytes_of(item: Item) -> Bytes {
    pb::WatchPetitionsResponse { item: Some(item) }.encode_to_vec().into()
}
