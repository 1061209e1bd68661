//! The kind `government-portal`: the Government's system for feedback and petitions of citizens and businesses
//! (hệ thống tiếp nhận, trả lời phản ánh, kiến nghị), as a ministry meets it.
//!
//! # What travels
//! - **In, pulled** (feeds): `pakn` (petitions, new and changed; also withdrawals and moves to another agency),
//!   `danh-gia` (ratings), `danh-muc/linh-vuc`, `danh-muc/co-quan`, `danh-muc/trang-thai` (code lists, by their ETag).
//! - **In, pushed** (below `/channels/<name>`): `POST /pakn` (one petition or an array), `POST /pakn/{ma}/rut`
//!   (withdrawn), `POST /pakn/{ma}/bo-sung` (supplementary information), `POST /pakn/{ma}/danh-gia` (rating). The reply
//!   has one result for each item: `DA_TIEP_NHAN` or `DA_CO` with `maHoSo`, or `TU_CHOI` with code, field and reason.
//! - **Out**: `xac-nhan` (receipt), `trang-thai` (accepted 03, at work 04, information asked for 05, declined 07,
//!   published 09, closed 11), `chuyen` (forwarded), `tra-loi` (the answer, its files uploaded before it).
//!
//! The portal has no status for an assignment, an extension or a reopening: each is told as 04, with the unit, the new
//! due date or the reason.
//!
//! # Settings (`[channels.<name>.settings]`)
//! | key | default | |
//! | --- | --- | --- |
//! | `page_size` | 100 | items on a pulled page, 1 to 100 |
//! | `overlap_minutes` | 10 | how far each scan reaches back before the start of the last one |
//! | `pull_from` | 2000-01-01 | from when the first scan asks |
//! | `format` | `"json"` | the syntax that we send and ask for; `"xml"` is the other. What arrives may be in either |
//! | `confirm_pushes` | false | send `xac-nhan` for pushed petitions too |
//! | `pushed_items_max` | 1000 | items in one pushed array |
//!
//! # Dialect
//! Names, codes and paths are data: `dialect.toml` beside this file is the default, and a channel may name its own.
//! The portal's partner interface is not published; the default is built from the law's terms.
//!
//! # What the portal guarantees
//! It honours `Idempotency-Key` and says by `GET …/trang-thai` whether it has the message of a key. A portal that does not
//! is told so in its table, below `[channels.<name>.guarantees]`.
//!
//! # Its far side
//! [`KIND`] brings a portal for the demo and the tests. Nine in ten of its petitions wait to be pulled, the others are
//! pushed. What is not the ministry's comes under the field `KHAC` with the extension `goiYChuyen.ma` (the agency that it
//! belongs to); a complaint in disguise has the extension `phanLoaiSoBo` = `khieu-nai`. In its accounts, `statuses` has
//! every code told, those that an answer (06) and a forwarding (08) imply included.
//!
//! # What it is not
//! No store, no network, no clock: the gateway hands in the remote and the time. Addresses, credentials, retries and
//! the schedule belong to the gateway.

mod acknowledge;
mod config;
mod converse;
mod cursor;
mod decode;
mod encode;
mod items;
mod listing;
mod message;
mod sandbox;
mod split;
mod words;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use channel_sdk::{
    Adapter, Fault, Guarantees, Kind, Known, Notice, Remote, Verdict,
    adapter::{Abilities, Built, Decoded, Feed, Outcome, Page, PushReply, RawMessage, Route, Settings},
    listing::{Listed, Listing, Shown},
    model::Attachment,
    notice::NoticeKind,
    remote::{Fetched, RemoteError},
};
use http::Method;
use jiff::Timestamp;

use config::Portal;
use words::Words;

/// The kind of channel that this crate makes.
pub const KIND: Kind = Kind {
    name: "government-portal",
    summary: "the Government's portal for feedback and petitions of citizens and businesses (REST, JSON or XML)",
    default_dialect: include_str!("dialect.toml"),
    build,
    sandbox: sandbox::sandbox,
};

/// The adapter of one channel.
struct GovernmentPortal {
    portal: Portal,
    words: Words,
}

fn build(settings: Settings) -> Built {
    let portal = Portal::read(&settings.agency, &settings.table);
    let words = Words::read(&settings.dialect);
    match (portal, words) {
        (Ok(portal), Ok(words)) => Ok(Arc::new(GovernmentPortal { portal, words })),
        (portal, words) => {
            let faults = portal.err().into_iter().chain(words.err());
            Err(faults.flatten().collect())
        }
    }
}

/// A citizen's question waits hours for a person; a minute is soon enough, and gentle with the portal.
const PETITIONS_INTERVAL: Duration = Duration::from_secs(60);
/// Nobody waits for a rating.
const RATINGS_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// Code lists change a few times a year, and an unchanged one costs the portal nothing.
const CODE_LISTS_INTERVAL: Duration = Duration::from_secs(6 * 60 * 60);

const FEEDS: &[(&str, Duration)] = &[
    ("pakn", PETITIONS_INTERVAL),
    ("danh-gia", RATINGS_INTERVAL),
    ("danh-muc/linh-vuc", CODE_LISTS_INTERVAL),
    ("danh-muc/co-quan", CODE_LISTS_INTERVAL),
    ("danh-muc/trang-thai", CODE_LISTS_INTERVAL),
];

/// What changed is served again to whoever asks for the same time again.
fn feed(&(name, interval): &(&'static str, Duration)) -> Feed {
    Feed { name, interval, reads_destructively: false }
}

const ROUTES: &[&str] = &["/pakn", "/pakn/{ma}/rut", "/pakn/{ma}/bo-sung", "/pakn/{ma}/danh-gia"];

#[async_trait]
impl Adapter for GovernmentPortal {
    fn abilities(&self) -> Abilities {
        Abilities {
            feeds: FEEDS.iter().map(feed).collect(),
            routes: ROUTES.iter().map(|&pattern| Route { method: Method::POST, pattern }).collect(),
            carries: NoticeKind::ALL.to_vec(),
            confirms_pushes: self.portal.confirm_pushes,
            fetches: true,
            lists: true,
            guarantees: Guarantees {
                honours_key: true,
                answers_by_reference: true,
                takes_several_steps: true,
                acknowledges_later: None,
            },
        }
    }

    fn decode(&self, raw: &RawMessage) -> Result<Decoded, Vec<Fault>> {
        decode::decode(&self.portal, &self.words, raw)
    }

    fn acknowledge(&self, raw: &RawMessage, outcome: &Outcome) -> PushReply {
        let Outcome::Items(items) = outcome else { return acknowledge::acknowledge(&self.words, raw, outcome) };
        // An item may have been decoded into two, and only decoding again tells which; few messages can have such.
        let may_be_two = items.windows(2).any(|two| two[0].external_id == two[1].external_id);
        let decoded = may_be_two.then(|| self.decode(raw).ok()).flatten();
        match decoded.filter(|decoded| decoded.items.len() == items.len()) {
            Some(decoded) => {
                let places: Vec<&str> = decoded.items.iter().map(|item| item.place.as_str()).collect();
                let merged = Outcome::Items(acknowledge::merged(items, &places));
                acknowledge::acknowledge(&self.words, raw, &merged)
            }
            None => acknowledge::acknowledge(&self.words, raw, outcome),
        }
    }

    async fn pull(
        &self,
        remote: &dyn Remote,
        feed: &str,
        cursor: Option<&str>,
        now: Timestamp,
    ) -> Result<Page, RemoteError> {
        if feed.starts_with("danh-muc/") {
            self.pull_code_list(remote, feed, cursor, now).await
        } else {
            self.pull_scan(remote, feed, cursor, now).await
        }
    }

    async fn fetch(&self, remote: &dyn Remote, external_id: &str, attachment: &Attachment) -> Result<Fetched, Verdict> {
        self.fetch_file(remote, external_id, attachment).await
    }

    async fn deliver(&self, remote: &dyn Remote, notice: &Notice) -> Verdict {
        self.tell(remote, notice).await
    }

    async fn ask(&self, remote: &dyn Remote, notice: &Notice) -> Result<Known, RemoteError> {
        self.ask_about(remote, notice).await
    }

    async fn list(&self, remote: &dyn Remote, cursor: Option<&str>, now: Timestamp) -> Result<Listing, RemoteError> {
        self.list_page(remote, cursor, now).await
    }

    async fn read_one(
        &self,
        remote: &dyn Remote,
        external_id: &str,
        now: Timestamp,
    ) -> Result<Option<RawMessage>, RemoteError> {
        self.read_petition(remote, external_id, now).await
    }

    fn shows(&self, listed: &Listed, notice: &Notice) -> Shown {
        listing::shows(listed, notice)
    }

    async fn probe(&self, remote: &dyn Remote) -> Result<(), RemoteError> {
        self.ask_alive(remote).await
    }
}
