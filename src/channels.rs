//! The running channels: each name with its adapter, its far side and what it was seen to do.
//!
//! Intake, inbound, outbound and the gRPC services look channels up here; nobody holds an adapter of its own.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use channel_sdk::{
    adapter::{Abilities, Adapter, Guarantees},
    notice::NoticeKind,
    remote::Remote,
};
use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use crate::{
    outbound::breaker::{self, Breaker},
    remote::Pace,
    store::{ChannelHealth, OtherGateway},
};

/// The channel of petitions that ministry systems submit over gRPC; it has no far side.
pub const DIRECT: &str = "direct";

/// What deliveries are called in a channel's health, beside its feeds.
pub const DELIVERIES: &str = "deliveries";

/// Every running channel, by name.
#[derive(Clone, Default)]
pub struct Channels(Arc<BTreeMap<String, Arc<Channel>>>);

/// One running channel.
pub struct Channel {
    /// Its name, as configured.
    pub name: String,
    /// Its kind's name.
    pub kind: &'static str,
    /// The agency code that the channel knows us by.
    pub agency: String,
    /// The far side's address, for operators.
    pub base_url: String,
    /// Its codec and conversation.
    pub adapter: Arc<dyn Adapter>,
    /// Its far side.
    pub remote: Arc<dyn Remote>,
    /// What it can do, asked once.
    pub abilities: Abilities,
    /// Whether it runs. For one that does not, deliveries are made and wait.
    pub enabled: bool,
    /// How many calls its far side takes at once.
    pub at_once: u32,
    /// How often its feeds are pulled: feed name to interval; a feed that is not named is not pulled.
    pub poll: BTreeMap<String, Duration>,
    /// Woken to pull at once.
    pub sync: Notify,
    health: Mutex<ChannelHealth>,
    breaker: Mutex<Breaker>,
    pace: Option<Arc<Pace>>,
    sending: Semaphore,
    repairing: tokio::sync::Mutex<()>,
}

/// What a channel is made of.
pub struct Parts {
    /// Its name.
    pub name: String,
    /// Its kind's name.
    pub kind: &'static str,
    /// The agency code.
    pub agency: String,
    /// The far side's address.
    pub base_url: String,
    /// Its adapter.
    pub adapter: Arc<dyn Adapter>,
    /// Its far side.
    pub remote: Arc<dyn Remote>,
    /// Whether it runs.
    pub enabled: bool,
    /// How many calls its far side takes at once.
    pub at_once: u32,
    /// How often its feeds are pulled.
    pub poll: BTreeMap<String, Duration>,
}

impl Channel {
    /// A channel that has seen nothing yet.
    pub fn new(parts: Parts) -> Channel {
        Channel {
            abilities: parts.adapter.abilities(),
            name: parts.name,
            kind: parts.kind,
            agency: parts.agency,
            base_url: parts.base_url,
            adapter: parts.adapter,
            remote: parts.remote,
            enabled: parts.enabled,
            at_once: parts.at_once,
            sending: Semaphore::new(usize::try_from(parts.at_once.max(1)).unwrap_or(Semaphore::MAX_PERMITS)),
            repairing: tokio::sync::Mutex::default(),
            poll: parts.poll,
            sync: Notify::new(),
            health: Mutex::default(),
            breaker: Mutex::default(),
            pace: None,
        }
    }

    /// With what its far side guarantees, instead of what is usual for its kind.
    #[must_use]
    pub fn guaranteeing(mut self, guarantees: Guarantees) -> Channel {
        self.abilities.guarantees = guarantees;
        self
    }

    /// With these limits of its breaker.
    #[must_use]
    pub fn breaking_at(mut self, limits: breaker::Limits) -> Channel {
        self.breaker = Mutex::new(Breaker::new(limits));
        self
    }

    /// With the pace of its calls, which gateways share.
    #[must_use]
    pub fn at_pace(mut self, pace: Arc<Pace>) -> Channel {
        self.pace = Some(pace);
        self
    }

    /// The turn of one of the attempts begun: as many have it as the far side takes calls at once. Whoever waits for it has
    /// sent nothing, and can still be held back.
    pub async fn turn_to_send(&self) -> SemaphorePermit<'_> {
        self.sending.acquire().await.expect("the semaphore is never closed")
    }

    /// The turn to repair: two who repair the same would each do it.
    pub async fn turn_to_repair(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.repairing.lock().await
    }

    /// So many gateways have the channel now, this one included.
    pub fn shared_by(&self, gateways: u32) {
        if let Some(pace) = &self.pace {
            pace.share(gateways);
        }
    }

    /// The breaker of its deliveries.
    pub fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the channel can tell its far side this.
    pub fn carries(&self, kind: NoticeKind) -> bool {
        self.abilities.carries.contains(&kind)
    }

    /// What was seen of the far side.
    pub fn health(&self) -> ChannelHealth {
        let seen = self.health.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ChannelHealth { breaker: self.breaker().seen(), ..seen }
    }

    /// The far side answered as it should, as to `what`: a feed that fails is not hidden by another that works.
    pub fn succeeded(&self, what: &str, at: Timestamp) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        health.last_success_at = Some(at);
        health.failures.remove(what);
    }

    /// The far side did not answer as it should; true when it still did the last time, so that it is told once.
    pub fn failed(&self, what: &str, at: Timestamp, reason: String) -> bool {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        health.failures.insert(what.to_owned(), (at, reason)).is_none()
    }

    /// Every page of a feed was pulled.
    pub fn scanned(&self, at: Timestamp) {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).last_scan_at = Some(at);
    }
}

/// What all gateways see of a channel: deliveries are anybody's, its feeds are pulled by one of them.
pub fn health_among(own: ChannelHealth, name: &str, others: &[OtherGateway]) -> ChannelHealth {
    let mut all = own;
    for other in others {
        let Some(seen) = other.seen.get(name) else { continue };
        all.last_success_at = all.last_success_at.max(seen.last_success_at);
        all.last_scan_at = all.last_scan_at.max(seen.last_scan_at);
        // Each has its own; the one that stays open longest is shown.
        all.breaker = [all.breaker, seen.breaker].into_iter().flatten().max_by_key(|it| it.until);
        if other.holds.contains(name) {
            // What another gateway saw of the feeds before it lost its turn is over.
            all.failures.retain(|what, _| what == DELIVERIES);
        }
        let theirs = seen.failures.iter().filter(|(what, _)| *what == DELIVERIES || other.holds.contains(name));
        all.failures.extend(theirs.map(|(what, failure)| (what.clone(), failure.clone())));
    }
    all
}

impl ChannelHealth {
    /// The last failure of those that last: what, when, why.
    pub fn failure(&self) -> Option<(&str, Timestamp, &str)> {
        let failures = self.failures.iter().map(|(what, (at, reason))| (what.as_str(), *at, reason.as_str()));
        failures.max_by_key(|(_, at, _)| *at)
    }
}

impl Channels {
    /// These channels.
    pub fn new(channels: impl IntoIterator<Item = Channel>) -> Channels {
        Channels(Arc::new(channels.into_iter().map(|it| (it.name.clone(), Arc::new(it))).collect()))
    }

    /// The channel of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Channel>> {
        self.0.get(name)
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Channel>> {
        self.0.values()
    }
}
