//! A ministry in memory: takes what is decoded, keeps the latest of each petition, confirms what was pulled.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use channel_sdk::{
    Adapter, Draft, Inbound, NoticeBody, Verdict,
    adapter::{Entrance, Item, ItemOutcome, ItemResult, Outcome, RawMessage},
    sandbox::FarSide,
};

use crate::{notice, wire::Wire};

/// A scan is tried again so often, however the far side misbehaves.
const TRIES: u32 = 100;

pub(crate) struct Ministry {
    pub(crate) adapter: Arc<dyn Adapter>,
    cursors: BTreeMap<String, String>,
    /// The latest revision of each petition.
    pub(crate) taken: BTreeMap<String, Draft>,
    /// Ids of items that were refused.
    pub(crate) refused: BTreeSet<String>,
    /// Petitions that were first seen in a push.
    pub(crate) pushed: usize,
    /// Pages that were handed on.
    pub(crate) pages: usize,
    pub(crate) code_lists: usize,
    confirmed: BTreeSet<(String, u64)>,
}

impl Ministry {
    pub(crate) fn new(adapter: Arc<dyn Adapter>) -> Ministry {
        Ministry {
            adapter,
            cursors: BTreeMap::new(),
            taken: BTreeMap::new(),
            refused: BTreeSet::new(),
            pushed: 0,
            pages: 0,
            code_lists: 0,
            confirmed: BTreeSet::new(),
        }
    }

    /// Pulls a feed until it has no more, and confirms what came.
    pub(crate) async fn pull_all(&mut self, wire: &Wire, feed: &str) {
        let now = "2019-10-01T00:00:00Z".parse().unwrap();
        for _ in 0..TRIES {
            let cursor = self.cursors.get(feed).cloned();
            let Ok(page) = self.adapter.pull(wire, feed, cursor.as_deref(), now).await else { continue };
            if let Some(raw) = page.raw {
                self.pages += 1;
                let items = self.adapter.decode(&raw).unwrap_or_else(|faults| panic!("{faults:?}")).items;
                for item in items {
                    self.take(item);
                }
                if self.adapter.abilities().carries.contains(&channel_sdk::notice::NoticeKind::Received) {
                    self.confirm(wire).await;
                }
            }
            self.cursors.extend(page.next.map(|next| (feed.to_owned(), next)));
            if !page.more {
                return;
            }
        }
        panic!("{feed} never ends");
    }

    fn take(&mut self, item: Item) -> ItemOutcome {
        let result = match item.message {
            Ok(Inbound::Petition(draft)) => {
                let id = draft.external_id.clone();
                let known = self.taken.get(&id).map(|known| known.revision);
                if known.is_none_or(|known| draft.revision > known) {
                    self.taken.insert(id.clone(), *draft);
                }
                let petition_id = format!("HS-{id}");
                if known.is_some() { ItemResult::AlreadyHad { petition_id } } else { ItemResult::Taken { petition_id } }
            }
            Ok(Inbound::CodeList(_)) => {
                self.code_lists += 1;
                ItemResult::Taken { petition_id: String::new() }
            }
            Ok(_) => panic!("this channel has no other message"),
            Err(faults) => {
                self.refused.extend(item.external_id.clone());
                ItemResult::Refused(faults)
            }
        };
        ItemOutcome { external_id: item.external_id, result }
    }

    /// Confirms everything that is held, each revision once, until the far side has it.
    async fn confirm(&mut self, wire: &Wire) {
        for (id, draft) in &self.taken {
            if !self.confirmed.insert((id.clone(), draft.revision)) {
                continue;
            }
            let mut receipt = notice(id, &format!("r-{id}-{}", draft.revision), NoticeBody::Received);
            receipt.revision = draft.revision;
            let mut tries = 0;
            loop {
                match self.adapter.deliver(wire, &receipt).await {
                    Verdict::Delivered { .. } => break,
                    Verdict::Retry { .. } | Verdict::Unknown { .. } if tries < TRIES => tries += 1,
                    verdict => panic!("the receipt was not taken: {verdict:?}"),
                }
            }
        }
    }

    /// Takes pushes until there are none; every third reply is lost on the way.
    pub(crate) fn take_pushes(&mut self, far: &dyn FarSide) {
        // An undersized batch waits a while for the rest of its letter.
        let mut idle = 0;
        while idle < 30 {
            let Some(push) = far.next_push() else {
                idle += 1;
                continue;
            };
            let raw = RawMessage {
                entrance: Entrance::Push,
                route: format!("{} {}", push.method, push.path),
                content_type: push.content_type.clone(),
                received_at: "2019-10-01T00:00:00Z".parse().unwrap(),
                body: push.body.clone(),
            };
            let items = self.adapter.decode(&raw).unwrap_or_else(|faults| panic!("{faults:?}")).items;
            let outcomes: Vec<ItemOutcome> = items.into_iter().map(|item| self.take(item)).collect();
            let new = outcomes.iter().filter(|it| matches!(it.result, ItemResult::Taken { .. })).count();
            self.pushed += new;
            let reply = self.adapter.acknowledge(&raw, &Outcome::Items(outcomes));
            let answer: Option<(u16, Bytes)> = (push.id % 3 != 0).then(|| (reply.status.as_u16(), reply.body));
            far.pushed(&push, answer);
        }
    }
}
