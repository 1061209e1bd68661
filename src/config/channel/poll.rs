//! `[channels.<name>.poll]`: what is pulled, and how often.

use std::time::Duration;

use channel_sdk::adapter::Feed;

use crate::config::reader::Section;

/// How one feed is pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPlan {
    /// The feed's name.
    pub name: &'static str,
    /// How long to wait after the last page before asking again.
    pub interval: Duration,
    /// Whether it is pulled at all.
    pub enabled: bool,
}

/// Asking more often than this is a mistake; the far side would say 429.
const INTERVAL_MIN: Duration = Duration::from_millis(50);

pub(super) fn read(mut section: Section<'_>, feeds: &[Feed]) -> Vec<FeedPlan> {
    let all = section.boolean("enabled");
    let mut plans = Vec::new();
    for feed in feeds {
        let mut table = section.table(feed.name);
        let interval = table.span_maybe("interval").unwrap_or(feed.interval);
        if interval < INTERVAL_MIN {
            table.fault("interval", "must be at least 50ms");
        }
        let enabled = if table.has("enabled") { table.boolean("enabled") } else { true };
        table.finish();
        plans.push(FeedPlan { name: feed.name, interval, enabled: all && enabled });
    }
    section.finish();
    plans
}
