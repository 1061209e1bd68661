//! `GetDossier` (hồ sơ điện tử): a petition with everything that happened to it, part by part.

use futures::{StreamExt, stream};
use tonic::{Request, Response, Status};

use super::{
    attachments::files,
    convert::{
        Sight,
        channel::{delivery, journalled},
        event::{self, Whose},
        names,
        petition::petition,
    },
    entrance::{BoxStream, bounded, deadline},
    error::CallError,
    petitions::Petitions,
    principal::caller,
};
use crate::{
    pb::{self, get_dossier_response::Part},
    petition::{Event, EventBody, PetitionId},
    store::{Delivery, DeliveryQuery, ItemRecord, StoreError},
};

/// Deliveries that are read at a time.
const DELIVERIES_PAGE: u32 = 500;

/// A part of a dossier that is still to be completed from the store, one by one while the client reads.
enum Pending {
    Ready(Box<Part>),
    Delivery(Box<Delivery>),
    Item(ItemRecord),
}

impl Petitions {
    /// Gives out a dossier.
    pub(super) async fn dossier(
        &self,
        request: Request<pb::GetDossierRequest>,
    ) -> Result<Response<BoxStream<pb::GetDossierResponse>>, Status> {
        let (deadline, caller) = (deadline(&request), caller(&request)?);
        let sight = Sight::of(&caller, 0, Sight::Full);
        let parts = self.dossier_parts(&request.into_inner().name, sight).await?;
        let petitions = self.clone();
        let stream = stream::iter(parts).then(move |part| {
            let petitions = petitions.clone();
            async move {
                let part = petitions.complete(part, sight).await?;
                Ok(pb::GetDossierResponse { part: Some(part) })
            }
        });
        Ok(Response::new(bounded(Box::pin(stream), deadline)))
    }

    /// The parts in their order.
    async fn dossier_parts(&self, name: &str, sight: Sight) -> Result<Vec<Pending>, CallError> {
        let id = names::parse_petition(name)?;
        let found = self.find(id).await?;
        let events = self.parts.store.event_list_of(id).await?;
        let deliveries = self.deliveries_of(id).await?;
        let items = self.parts.store.item_list_of(id).await?;
        let ready = |part| Pending::Ready(Box::new(part));
        let mut parts = vec![ready(Part::Petition(petition(found.clone(), sight, self.parts.clock.today())))];
        if sight == Sight::Full {
            parts.extend(files(found.clone(), id).map(|file| ready(Part::Attachment(file))));
        }
        let mut whose = Whose { channel: found.channel, external_id: found.external_id, kind: found.content.kind };
        parts.extend(events.into_iter().map(|it| {
            whose.kind = kind_after(&it).unwrap_or(whose.kind);
            ready(Part::Event(event::event(it, &whose, sight)))
        }));
        parts.extend(deliveries.into_iter().map(|it| Pending::Delivery(Box::new(it))));
        parts.extend(items.into_iter().map(Pending::Item));
        Ok(parts)
    }

    /// Every delivery of a petition, oldest first.
    async fn deliveries_of(&self, id: PetitionId) -> Result<Vec<Delivery>, StoreError> {
        let mut query = DeliveryQuery { petition: Some(id), limit: DELIVERIES_PAGE, ..DeliveryQuery::default() };
        let mut deliveries = Vec::new();
        loop {
            let page = self.parts.store.delivery_list(&query).await?;
            query.after = page.last().map(|it| it.id);
            let is_last = page.len() < DELIVERIES_PAGE as usize;
            deliveries.extend(page);
            if is_last {
                deliveries.reverse();
                return Ok(deliveries);
            }
        }
    }

    async fn complete(&self, part: Pending, sight: Sight) -> Result<Part, CallError> {
        Ok(match part {
            Pending::Ready(part) => *part,
            Pending::Delivery(it) => {
                let attempts = self.parts.store.attempt_list(it.id).await?;
                Part::Delivery(delivery(*it, attempts, sight))
            }
            Pending::Item(record) => {
                let item = self.parts.store.quarantine_get(record.item).await?;
                Part::Item(journalled(item.ok_or(StoreError::Damaged("item of a message"))?))
            }
        })
    }
}

/// The kind after an event that tells it.
fn kind_after(event: &Event) -> Option<channel_sdk::model::PetitionKind> {
    match &event.event.body {
        EventBody::Received { content, .. } | EventBody::Amended { content, .. } => Some(content.kind),
        _ => None,
    }
}
