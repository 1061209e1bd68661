//! A channel made of paper: its far side pushes lines of text and is never called.
//!
//! `PA-1|text` is a petition, `PA-2|` one without a text (refused), `nonsense` makes the whole message unreadable until
//! the adapter has learnt to read it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use channel_sdk::{
    Fault, Inbound, Notice, Remote, Verdict,
    adapter::{Abilities, Adapter, Decoded, Feed, Item, Outcome, Page, PushReply, RawMessage},
    fault::FaultCode,
    inbound::{Draft, Extensions},
    model::{Agency, Attachment, Field, PetitionKind, Petitioner, PetitionerKind},
    notice::NoticeKind,
    remote::{Fetched, RemoteError, Reply, Request},
};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use petition_gateway::channels::{Channel, Parts};

/// The channel's name.
pub(crate) const PAPER: &str = "paper";

/// What the adapter has learnt.
#[derive(Default)]
pub(crate) struct Paper {
    /// Whether `nonsense` can be read now.
    pub(crate) reads_nonsense: AtomicBool,
    /// Whether it has a text for petitions that come without one.
    pub(crate) fills_gaps: AtomicBool,
}

/// A running channel of paper.
pub(crate) fn channel(paper: &Arc<Paper>) -> Channel {
    Channel::new(Parts {
        name: PAPER.to_owned(),
        kind: "paper",
        agency: "000.00.00.G07".to_owned(),
        base_url: "https://paper.example.vn".to_owned(),
        adapter: paper.clone(),
        remote: Arc::new(Nobody),
        enabled: true,
        at_once: 8,
        poll: BTreeMap::from([("sheets".to_owned(), Duration::from_secs(300))]),
    })
}

#[async_trait::async_trait]
impl Adapter for Paper {
    fn abilities(&self) -> Abilities {
        Abilities {
            feeds: vec![Feed { name: "sheets", interval: Duration::from_secs(300), reads_destructively: false }],
            carries: vec![NoticeKind::Accepted, NoticeKind::Answered],
            ..Abilities::default()
        }
    }

    fn decode(&self, raw: &RawMessage) -> Result<Decoded, Vec<Fault>> {
        let text = std::str::from_utf8(&raw.body).unwrap();
        if text == "nonsense" && !self.reads_nonsense.load(Ordering::Relaxed) {
            return Err(vec![Fault::new(FaultCode::Malformed, "", "không đọc được (cannot be read)")]);
        }
        let text = if text == "nonsense" { "PA-90|now it makes sense\nPA-91|and this too" } else { text };
        let filling = if self.fills_gaps.load(Ordering::Relaxed) { "filled in" } else { "" };
        let items = text.lines().enumerate().map(|(number, line)| item(number, line, filling)).collect();
        Ok(Decoded { items, warnings: Vec::new() })
    }

    fn acknowledge(&self, _: &RawMessage, _: &Outcome) -> PushReply {
        PushReply { status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::new() }
    }

    async fn pull(&self, _: &dyn Remote, _: &str, _: Option<&str>, _: Timestamp) -> Result<Page, RemoteError> {
        Ok(Page { raw: None, next: None, more: false })
    }

    async fn fetch(&self, _: &dyn Remote, _: &str, _: &Attachment) -> Result<Fetched, Verdict> {
        Err(Verdict::Reject { reason: "paper has no files".to_owned() })
    }

    async fn deliver(&self, _: &dyn Remote, _: &Notice) -> Verdict {
        Verdict::Delivered { remote_reference: None }
    }

    async fn probe(&self, _: &dyn Remote) -> Result<(), RemoteError> {
        Ok(())
    }
}

fn item(number: usize, line: &str, filling: &str) -> Item {
    let (external_id, text) = line.split_once('|').unwrap();
    let text = if text.is_empty() { filling } else { text };
    let draft = Draft {
        external_id: external_id.to_owned(),
        revision: 0,
        kind: PetitionKind::Petition,
        subject: format!("Về {external_id}"),
        body: text.to_owned(),
        field: Field::default(),
        petitioner: Petitioner::of(PetitionerKind::Citizen),
        receiving_agency: Agency::default(),
        forwarding_agency: Agency::default(),
        sent_at: None,
        forwarded_at: None,
        due_on: None,
        public: false,
        assembly: None,
        attachments: Vec::new(),
        extensions: Extensions::new(),
    };
    Item {
        place: format!("dong[{number}]"),
        external_id: Some(external_id.to_owned()),
        message: Ok(Inbound::Petition(Box::new(draft))),
    }
}

/// A far side that is not there.
struct Nobody;

#[async_trait::async_trait]
impl Remote for Nobody {
    async fn call(&self, _: Request) -> Result<Reply, RemoteError> {
        Err(RemoteError::Unreachable("paper".to_owned()))
    }

    async fn download(&self, _: Request) -> Result<Fetched, RemoteError> {
        Err(RemoteError::Unreachable("paper".to_owned()))
    }
}
