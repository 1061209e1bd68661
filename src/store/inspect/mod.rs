//! Looking into a store that gateways work on, row by row, without trusting any of it: what `petition-gateway audit` reads.
//!
//! The store is only read, and nobody who writes waits for it. Rows come page by page on one snapshot, so that what is read
//! together belongs together; whoever goes through much takes a new snapshot now and then ([`Inspection::renew`]), because an
//! old one keeps the engine from clearing away behind it (the write-ahead log, dead rows).
//!
//! It judges nothing: what is legal is said in `crate::audit`.

mod rows;
#[cfg(test)]
mod tests;
mod views;

use async_trait::async_trait;
use jiff::Timestamp;

pub use self::rows::{
    AttemptRow, Counters, DeliveryRow, EventRow, Found, HistoryRow, ItemRow, Listed, LostRequest, MessageRow,
    PetitionRow, Tallies, Unreadable, delivery_state,
};
pub(in crate::store) use self::views::{View, integer};
use self::{
    rows::{found, limit, nanos, numbers},
    views::View as Statement,
};
use super::{OpenError, Schema, StoreError, copy::Row, open::inspection_open, pk::pk_at_millisecond};
use crate::{clock::SharedClock, config};

/// Whether anybody works on the store, and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// The store's time.
    pub now: Timestamp,
    /// Whether a gateway is alive on it.
    pub is_served: bool,
}

/// A store on one engine, as it is inspected.
#[async_trait]
pub(in crate::store) trait Pages: Send + Sync {
    /// How people know the store; without secrets.
    fn name(&self) -> &str;

    /// Takes a new snapshot.
    async fn renew(&self) -> Result<(), StoreError>;

    /// The rows of a statement with these parameters. A value that is not what its column says is told as absent.
    async fn read(&self, view: &'static View, params: &[i64]) -> Result<Vec<Row>, StoreError>;

    /// The counters, in this engine's own way: events, messages, deliveries.
    fn counters(&self) -> &'static View;

    /// How many petitions can be found by their words.
    fn findable(&self) -> &'static View;

    /// The store's time, and whether a gateway is alive.
    async fn watch(&self) -> Result<Watch, StoreError>;
}

/// The rows that a channel's counts count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Petitions.
    Petitions,
    /// Journalled messages.
    Messages,
    /// Items in quarantine.
    Quarantined,
    /// Deliveries, each state for itself.
    Deliveries,
}

/// Rows that were written in order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growing {
    /// Events.
    Events,
    /// Journalled messages.
    Messages,
    /// Deliveries.
    Deliveries,
}

/// A store that is looked into.
pub struct Inspection {
    pages: Box<dyn Pages>,
}

/// Opens a store to be looked into, whoever works on it meanwhile. `clock` is this machine's.
///
/// # Errors
/// There is none, or it is of another version.
pub async fn inspect(store: &config::Store, clock: SharedClock) -> Result<Inspection, OpenError> {
    Ok(Inspection { pages: inspection_open(store, clock).await? })
}

impl Inspection {
    /// How people know the store; without secrets.
    pub fn name(&self) -> &str {
        self.pages.name()
    }

    /// Takes a new snapshot: what is read from now on is as it stands now.
    ///
    /// # Errors
    /// As all that follow: the store cannot be read.
    pub async fn renew(&self) -> Result<(), StoreError> {
        self.pages.renew().await
    }

    /// The store's time, and whether a gateway is alive on it.
    pub async fn watch(&self) -> Result<Watch, StoreError> {
        self.pages.watch().await
    }

    /// What was counted, and what is there.
    pub async fn counters(&self) -> Result<Counters, StoreError> {
        let counted = self.pages.read(self.pages.counters(), &[]).await?;
        let [seq, message, delivery] = counted.first().and_then(numbers).ok_or(StoreError::Damaged("counter"))?;
        let last = self.read(&views::LAST_ROWS, &[]).await?;
        let [event_last, message_last, delivery_last] =
            last.first().and_then(numbers).ok_or(StoreError::Damaged("counter"))?;
        Ok(Counters { seq, message, delivery, last: (event_last, message_last, delivery_last) })
    }

    /// Events after a number.
    pub async fn events(&self, after: i64, rows: u32) -> Result<Vec<Found<EventRow>>, StoreError> {
        self.all(&views::EVENTS, &[after, limit(rows)], rows::event).await
    }

    /// Petitions after a row.
    pub async fn petitions(&self, after: i64, rows: u32) -> Result<Vec<Found<PetitionRow>>, StoreError> {
        self.all(&views::PETITIONS, &[after, limit(rows)], rows::petition).await
    }

    /// The events of the petitions after a row up to a row, by petition.
    pub async fn histories(&self, after: i64, until: i64) -> Result<Vec<Found<HistoryRow>>, StoreError> {
        self.all(&views::HISTORIES, &[after, until], rows::history).await
    }

    /// Messages after a number.
    pub async fn messages(&self, after: i64, rows: u32) -> Result<Vec<Found<MessageRow>>, StoreError> {
        self.all(&views::MESSAGES, &[after, limit(rows)], rows::message).await
    }

    /// The bytes of the messages after a number up to a number.
    pub async fn bodies(&self, after: i64, until: i64) -> Result<Vec<Found<(i64, Vec<u8>)>>, StoreError> {
        self.all(&views::BODIES, &[after, until], rows::body).await
    }

    /// The items of the messages after a number up to a number, by message and place.
    pub async fn items(&self, after: i64, until: i64) -> Result<Vec<Found<ItemRow>>, StoreError> {
        self.all(&views::ITEMS, &[after, until], rows::item).await
    }

    /// Whether a message is not dealt with.
    pub async fn is_unfinished(&self, message: i64) -> Result<bool, StoreError> {
        Ok(!self.read(&views::UNFINISHED, &[message]).await?.is_empty())
    }

    /// Deliveries after a number.
    pub async fn deliveries(&self, after: i64, rows: u32) -> Result<Vec<Found<DeliveryRow>>, StoreError> {
        self.all(&views::DELIVERIES, &[after, limit(rows)], rows::delivery).await
    }

    /// The attempts of the deliveries after a number up to a number.
    pub async fn attempts(&self, after: i64, until: i64) -> Result<Vec<Found<AttemptRow>>, StoreError> {
        self.all(&views::ATTEMPTS, &[after, until], rows::attempt).await
    }

    /// The counts that are kept of each channel.
    pub async fn tallies(&self) -> Result<Vec<Found<(String, Tallies)>>, StoreError> {
        self.all(&views::CHANNELS, &[], rows::tallies).await
    }

    /// What those count, counted: channel, state of a delivery, rows.
    pub async fn counted(&self, what: Counted) -> Result<Vec<Found<(String, i64, i64)>>, StoreError> {
        let view = match what {
            Counted::Petitions => &views::COUNTED_PETITIONS,
            Counted::Messages => &views::COUNTED_MESSAGES,
            Counted::Quarantined => &views::COUNTED_QUARANTINED,
            Counted::Deliveries => &views::COUNTED_DELIVERIES,
        };
        self.all(view, &[], rows::counted).await
    }

    /// Channel and feed of every cursor.
    pub async fn cursors(&self) -> Result<Vec<Found<(String, String)>>, StoreError> {
        self.all(&views::CURSORS, &[], rows::cursor).await
    }

    /// Channel and name of every code list.
    pub async fn code_lists(&self) -> Result<Vec<Found<(String, String)>>, StoreError> {
        self.all(&views::CODE_LISTS, &[], rows::code_list).await
    }

    /// Callers' keys that were answered with an event after `after` that is not there.
    pub async fn lost_requests(&self, after: i64, rows: u32) -> Result<Vec<Found<LostRequest>>, StoreError> {
        self.all(&views::LOST_REQUESTS, &[after, limit(rows)], rows::lost_request).await
    }

    /// How many callers' keys were answered with an event after `after`.
    pub async fn requests(&self, after: i64) -> Result<i64, StoreError> {
        let rows = self.read(&views::REQUESTS, &[after]).await?;
        let [count] = rows.first().and_then(numbers).ok_or(StoreError::Damaged("request"))?;
        Ok(count)
    }

    /// How many petitions can be found by their words.
    pub async fn findable(&self) -> Result<i64, StoreError> {
        let rows = self.pages.read(self.pages.findable(), &[]).await?;
        let [count] = rows.first().and_then(numbers).ok_or(StoreError::Damaged("full text"))?;
        Ok(count)
    }

    /// The row of petitions before those received at or after `since`.
    pub fn petitions_before(&self, since: Timestamp) -> i64 {
        pk_at_millisecond(since.as_millisecond()) - 1
    }

    /// The last row before those of `since` and later: found by halving, since rows stand in order of time.
    pub async fn row_before(&self, what: Growing, since: Timestamp) -> Result<i64, StoreError> {
        let counters = self.counters().await?;
        let (view, last) = match what {
            Growing::Events => (&views::EVENT_TIMES, counters.last.0),
            Growing::Messages => (&views::MESSAGE_TIMES, counters.last.1),
            Growing::Deliveries => (&views::DELIVERY_TIMES, counters.last.2),
        };
        let (mut before, mut until) = (0, last);
        while before < until {
            let middle = before + (until - before) / 2;
            let next = self.read(view, &[middle]).await?;
            match next.first().and_then(numbers) {
                Some([row, at]) if at < nanos(since) => before = row,
                _ => until = middle,
            }
        }
        Ok(before)
    }

    async fn read(&self, view: &'static Statement, params: &[i64]) -> Result<Vec<Row>, StoreError> {
        self.pages.read(view, params).await
    }

    async fn all<T>(
        &self,
        view: &'static Statement,
        params: &[i64],
        read: impl Fn(Row) -> Option<T>,
    ) -> Result<Vec<Found<T>>, StoreError> {
        Ok(self.read(view, params).await?.into_iter().map(|row| found(row, &read)).collect())
    }
}

/// A store is looked into as this version knows it.
pub(in crate::store) fn has_to_be_known(schema: Schema) -> Result<(), OpenError> {
    let Schema { store, found, known, .. } = schema;
    match found {
        0 => Err(OpenError::Missing(store)),
        _ if found < known => Err(OpenError::Older { store, found, known }),
        _ if found > known => Err(OpenError::Newer { store, found, known }),
        _ => Ok(()),
    }
}
