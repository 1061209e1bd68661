//! A small gateway against a sandbox that misbehaves in every way at once: in the end both agree on every petition.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use channel_sdk::{
    Adapter, Draft, Inbound, NoticeBody, Verdict,
    adapter::{Decoded, ItemOutcome, ItemResult, Outcome, RawMessage},
    model::Answer,
    remote::Remote,
    sandbox::{FarSide, Mischief},
};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::{
    cycle::{notice, now, raw_of},
    over_http::{Client, settings, with_portal},
    scripted::adapter,
};

/// What a gateway keeps, as far as this test needs it.
#[derive(Default)]
struct Desk {
    petitions: BTreeMap<String, Draft>,
    revisions: BTreeMap<String, BTreeSet<u64>>,
    /// How often each withdrawal was heard.
    withdrawn: BTreeMap<String, usize>,
    supplements: BTreeSet<String>,
    ratings: BTreeMap<String, u8>,
    refused: usize,
    /// What is still to be told, in order.
    outbox: Vec<(String, usize, NoticeBody)>,
    told: BTreeMap<String, usize>,
}

impl Desk {
    fn owe(&mut self, id: &str, body: NoticeBody) {
        let number = self.told.entry(id.to_owned()).or_default();
        *number += 1;
        self.outbox.push((id.to_owned(), *number, body));
    }

    fn take(&mut self, decoded: Decoded, pushed: bool) -> Vec<ItemOutcome> {
        let items = decoded.items.into_iter();
        items
            .map(|item| {
                let result = match item.message {
                    Ok(message) => self.take_message(message, pushed),
                    Err(faults) => {
                        self.refused += 1;
                        ItemResult::Refused(faults)
                    }
                };
                ItemOutcome { external_id: item.external_id, result }
            })
            .collect()
    }

    fn take_message(&mut self, message: Inbound, pushed: bool) -> ItemResult {
        let id = message.external_id().unwrap_or_default().to_owned();
        let petition_id = format!("HS-{id}");
        match message {
            Inbound::Petition(draft) => {
                if !self.revisions.entry(id.clone()).or_default().insert(draft.revision) {
                    return ItemResult::AlreadyHad { petition_id };
                }
                let is_new = self.petitions.insert(id.clone(), *draft).is_none();
                if !pushed {
                    self.owe(&id, NoticeBody::Received);
                }
                if is_new {
                    self.work_on(&id);
                }
            }
            Inbound::Withdrawal(_) => *self.withdrawn.entry(id).or_default() += 1,
            Inbound::Supplement(_) => drop(self.supplements.insert(id)),
            Inbound::Rating(rating) => drop(self.ratings.insert(id, rating.score)),
            other => panic!("{other:?}"),
        }
        ItemResult::Taken { petition_id }
    }

    fn work_on(&mut self, id: &str) {
        let note = String::new;
        if self.petitions.len().is_multiple_of(20) {
            let question = "Đề nghị bổ sung nơi nộp hồ sơ".to_owned();
            self.owe(id, NoticeBody::InformationRequested { question, reply_by: None });
        }
        self.owe(id, NoticeBody::Accepted { note: note() });
        self.owe(id, NoticeBody::InProgress { note: note() });
        let answer = Answer {
            version: 1,
            text: text(id),
            document: None,
            resolution: None,
            resolution_due_on: None,
            public: true,
            attachments: Vec::new(),
        };
        self.owe(id, NoticeBody::Answered { answer });
        self.owe(id, NoticeBody::Closed { note: note() });
    }
}

fn text(id: &str) -> String {
    format!("Trả lời về {id}")
}

struct Gateway {
    adapter: Arc<dyn Adapter>,
    desk: Desk,
    cursors: BTreeMap<&'static str, String>,
    journal: usize,
    clock: Timestamp,
}

impl Gateway {
    fn receive(&mut self, raw: &RawMessage, pushed: bool) -> Option<Vec<ItemOutcome>> {
        self.journal += 1;
        self.adapter.decode(raw).ok().map(|decoded| self.desk.take(decoded, pushed))
    }

    async fn pull(&mut self, remote: &dyn Remote, feed: &'static str) {
        self.clock += SignedDuration::from_mins(1);
        for _ in 0..1000 {
            let cursor = self.cursors.get(feed).cloned();
            let Ok(page) = self.adapter.pull(remote, feed, cursor.as_deref(), self.clock).await else { continue };
            if let Some(raw) = &page.raw {
                self.receive(raw, false).unwrap();
            }
            if let Some(next) = page.next {
                self.cursors.insert(feed, next);
            }
            if !page.more {
                return;
            }
        }
        panic!("{feed} does not end");
    }

    async fn deliver(&mut self, remote: &dyn Remote) {
        for (id, number, body) in std::mem::take(&mut self.desk.outbox) {
            let mut notice = notice(&id, number, body);
            notice.revision = self.desk.petitions[&id].revision;
            let mut verdict = Verdict::Reject { reason: "never tried".to_owned() };
            for _ in 0..100 {
                verdict = self.adapter.deliver(remote, &notice).await;
                if !matches!(verdict, Verdict::Retry { .. } | Verdict::Unknown { .. }) {
                    break;
                }
            }
            assert!(matches!(verdict, Verdict::Delivered { .. }), "{id} {number}: {verdict:?}");
        }
    }

    fn be_pushed(&mut self, portal: &dyn FarSide) {
        let mut pushes = 0;
        while let Some(push) = portal.next_push() {
            let raw = raw_of(&push);
            let outcomes = self.receive(&raw, true).unwrap();
            let reply = self.adapter.acknowledge(&raw, &Outcome::Items(outcomes));
            pushes += 1;
            // Every seventh answer is lost on the way.
            let answer = (pushes % 7 != 0).then(|| (reply.status.as_u16(), reply.body));
            portal.pushed(&push, answer);
        }
    }
}

async fn run(portal: &Arc<dyn FarSide>, client: &Client, format: &str) -> Gateway {
    let adapter = adapter(&format!("format = \"{format}\"\npage_size = 20\noverlap_minutes = 0"));
    let mut gateway = Gateway { adapter, desk: Desk::default(), cursors: BTreeMap::new(), journal: 0, clock: now() };
    let mut quiet = 0;
    while quiet < 3 {
        portal.release(50);
        let before = gateway.journal;
        gateway.pull(client, "pakn").await;
        gateway.be_pushed(portal.as_ref());
        gateway.deliver(client).await;
        gateway.pull(client, "danh-gia").await;
        // Two pages are always asked for: the empty ones of the two lists.
        let idle = gateway.journal <= before + 2 && portal.unreleased() == 0;
        quiet = if idle { quiet + 1 } else { 0 };
    }
    gateway
}

async fn agrees_in_the_end(format: &'static str) {
    let mut settings = settings(300);
    settings.mischief = Mischief {
        slow_per_mille: 5,
        slow_by_ms: 2,
        server_error_per_mille: 100,
        error_after_commit_per_mille: 100,
        too_many_per_mille: 50,
        duplicate_per_mille: 50,
        reserve_page_per_mille: 100,
        edited_per_mille: 50,
        out_of_order_per_mille: 300,
        broken_item_per_mille: 30,
        withdrawn_per_mille: 50,
        ..Mischief::default()
    };
    with_portal(settings, async |portal, client| {
        let gateway = run(&portal, &client, format).await;
        let desk = &gateway.desk;
        assert_eq!(portal.complaints(), Vec::<String>::new());
        let accounts = portal.accounts();
        assert_eq!(accounts.len(), 300);
        let broken = accounts.iter().filter(|account| !account.sound).count();
        assert!(broken > 0 && desk.refused >= broken);
        assert!(desk.withdrawn.values().any(|&heard| heard > 1), "withdrawals are served again");
        for account in accounts {
            let id = &account.external_id;
            assert!(account.handed_out, "{id} was never handed out");
            assert_eq!(desk.petitions.contains_key(id), account.sound, "{id}");
            if !account.sound {
                continue;
            }
            assert_eq!(desk.petitions[id].revision, account.revision, "{id}");
            assert_eq!(account.petition_id, Some(format!("HS-{id}")));
            assert_eq!(desk.withdrawn.contains_key(id), account.withdrawn, "{id}");
            assert_eq!(desk.ratings.get(id).copied(), account.rating, "{id}");
            if !account.withdrawn {
                let asked = account.statuses.iter().any(|status| status == "05");
                assert_eq!(desk.supplements.contains(id), asked, "{id}");
                assert_eq!(account.statuses.last().map(String::as_str), Some("11"), "{id}");
                assert_eq!(account.answers, 1, "{id}");
                let digest = hex::encode(Sha256::digest(text(id)));
                assert_eq!(account.answer_sha256, Some(digest), "{id}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn under_every_mischief_both_sides_agree_in_the_end_in_json() {
    agrees_in_the_end("json").await;
}

#[tokio::test]
async fn under_every_mischief_both_sides_agree_in_the_end_in_xml() {
    agrees_in_the_end("xml").await;
}

#[tokio::test]
async fn the_same_seed_makes_the_same_petitions() {
    let mut seen = Vec::new();
    for _ in 0..2 {
        with_portal(settings(50), async |portal, client| {
            portal.release(50);
            let adapter = adapter("");
            let page = adapter.pull(&client, "pakn", None, now()).await.unwrap();
            seen.push(page.raw.unwrap().body);
        })
        .await;
    }
    assert_eq!(seen[0], seen[1]);
}
