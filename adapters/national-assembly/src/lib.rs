//! The kind `national-assembly`: voters' and deputies' petitions that the National Assembly passes on (kiến nghị cử tri).
//!
//! # For operators
//!
//! A channel of this kind speaks one of two interfaces of the Assembly's system, chosen by `interface`:
//!
//! - `"batch"` (the default): XML batches (`DanhSachKienNghi`), pulled from `GET /kien-nghi` and pushed to
//!   `POST /channels/<name>/kien-nghi`, alone or as `multipart/related` with their files. What was pulled is confirmed
//!   (`POST /kien-nghi/xac-nhan`); what was pushed is confirmed by the reply. Answers go to `POST /tra-loi` with their
//!   resolution class; a refusal or a forwarding goes there too, as the class that the dialect names.
//! - `"search"`: the JSON search of a province's system, pages of `POST /api/RequestOut/PublishUserSearch`. It is only
//!   read: nothing is confirmed or answered there. Its files (`tepDinhKem[].duongDan`) are fetched where the address is a
//!   path below the far side's base address.
//!
//! Keys of `[channels.<name>.settings]`:
//!
//! | key | interface | default | meaning |
//! | --- | --- | --- | --- |
//! | `interface` | | `"batch"` | `"batch"` or `"search"` |
//! | `term` | batch | all | only this term (khóa), in Roman numerals |
//! | `session` | batch | all | only this session (kỳ họp) |
//! | `overlap_minutes` | batch | 1440 | how far each pull reaches back behind the last one |
//! | `reread_minutes` | batch | 10 | how often everything is read again, whatever its time; 0 for always |
//! | `page_size` | search | 20 | items on a page |
//!
//! Names of elements, paths, codes and texts stand in `dialect.toml`; a channel may name a copy of its own.
//! Elements are matched by expanded names, whatever their prefix. What no rule speaks of is kept as an extension.
//! A wrong total is a warning; everything else that is wrong refuses the item it belongs to, and only what cannot be
//! read at all, or is another document, is refused whole.
//!
//! The Assembly's system honours `Idempotency-Key`; it cannot be asked whether it has a message. One that does not honour
//! keys is told so below `[channels.<name>.guarantees]`.
//!
//! # In reading order
//! `config`, `protocol` (the dialect, checked), `decode`, `encode`, `acknowledge`, `address`, `converse`, `listing`, `multipart`,
//! [`report`] (the session report), and `sandbox` (the Assembly's system for the demo and the tests).

mod acknowledge;
mod address;
mod config;
mod converse;
mod decode;
mod encode;
mod listing;
mod multipart;
mod protocol;
pub mod report;
mod sandbox;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use channel_sdk::{
    Adapter, Fault, Guarantees, Kind, Notice, Remote, Verdict,
    adapter::{Abilities, Built, Decoded, Feed, Outcome, Page, PushReply, RawMessage, Route, Settings},
    listing::{Listed, Listing, Shown},
    model::Attachment,
    notice::NoticeKind,
    remote::{Fetched, RemoteError},
};
use http::Method;
use jiff::Timestamp;

use crate::{
    config::{Config, Interface},
    protocol::Protocol,
};

/// The kind.
pub const KIND: Kind = Kind {
    name: "national-assembly",
    summary: "Kiến nghị cử tri: voters' and deputies' petitions from the National Assembly, in XML batches or by search",
    default_dialect: include_str!("dialect.toml"),
    build,
    sandbox: sandbox::make,
};

/// Batches come a few times a day; a minute is soon enough to be answered the same day and costs next to nothing.
const BATCH_INTERVAL: Duration = Duration::from_secs(60);

/// A scan of the search reads every page.
const SEARCH_INTERVAL: Duration = Duration::from_secs(15 * 60);

/// A code list changes when the ministry does.
const FIELDS_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

struct Assembly {
    config: Config,
    protocol: Protocol,
}

fn build(settings: Settings) -> Built {
    match (Config::read(&settings.table), Protocol::read(&settings.dialect)) {
        (Ok(config), Ok(protocol)) => Ok(Arc::new(Assembly { config, protocol })),
        (config, protocol) => Err([config.err(), protocol.err()].into_iter().flatten().flatten().collect()),
    }
}

/// Both interfaces serve the same to whoever asks again.
fn feed(name: &'static str, interval: Duration) -> Feed {
    Feed { name, interval, reads_destructively: false }
}

#[async_trait]
impl Adapter for Assembly {
    fn abilities(&self) -> Abilities {
        match self.config.interface {
            Interface::Batch => Abilities {
                feeds: vec![feed(converse::FEED_BATCHES, BATCH_INTERVAL)],
                routes: vec![Route { method: Method::POST, pattern: "/kien-nghi" }],
                carries: vec![NoticeKind::Received, NoticeKind::Answered, NoticeKind::Declined, NoticeKind::Forwarded],
                confirms_pushes: false,
                fetches: false,
                lists: true,
                // The interface has no question about a message: what is in doubt goes out again under its key.
                guarantees: Guarantees { honours_key: true, ..Guarantees::default() },
            },
            Interface::Search => Abilities {
                feeds: vec![feed(converse::FEED_SEARCH, SEARCH_INTERVAL), feed(converse::FEED_FIELDS, FIELDS_INTERVAL)],
                fetches: true,
                lists: true,
                ..Abilities::default()
            },
        }
    }

    fn decode(&self, raw: &RawMessage) -> Result<Decoded, Vec<Fault>> {
        decode::decode(&self.protocol, raw)
    }

    fn acknowledge(&self, _raw: &RawMessage, outcome: &Outcome) -> PushReply {
        acknowledge::reply(&self.protocol, outcome)
    }

    async fn pull(
        &self,
        remote: &dyn Remote,
        feed: &str,
        cursor: Option<&str>,
        now: Timestamp,
    ) -> Result<Page, RemoteError> {
        converse::pull(&self.protocol, &self.config, remote, feed, cursor, now).await
    }

    async fn fetch(
        &self,
        remote: &dyn Remote,
        _external_id: &str,
        attachment: &Attachment,
    ) -> Result<Fetched, Verdict> {
        match self.config.interface {
            Interface::Batch => {
                let reason = "this channel has no address for files: they travel inside the batch".to_owned();
                Err(Verdict::Reject { reason })
            }
            Interface::Search => converse::fetch(remote, attachment).await,
        }
    }

    async fn deliver(&self, remote: &dyn Remote, notice: &Notice) -> Verdict {
        converse::deliver(&self.protocol, remote, notice).await
    }

    async fn list(&self, remote: &dyn Remote, cursor: Option<&str>, _: Timestamp) -> Result<Listing, RemoteError> {
        listing::list(&self.protocol, &self.config, remote, cursor).await
    }

    async fn read_one(
        &self,
        remote: &dyn Remote,
        external_id: &str,
        now: Timestamp,
    ) -> Result<Option<RawMessage>, RemoteError> {
        listing::read_one(&self.protocol, &self.config, remote, external_id, now).await
    }

    fn shows(&self, listed: &Listed, notice: &Notice) -> Shown {
        listing::shows(&self.protocol, listed, notice)
    }

    async fn probe(&self, remote: &dyn Remote) -> Result<(), RemoteError> {
        converse::probe(&self.protocol, &self.config, remote).await
    }
}
