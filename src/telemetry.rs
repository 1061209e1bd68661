//! What the process writes about itself: structured lines to standard error, for people or for machines.
//!
//! The gateway's own lines follow `[log] level`; libraries never say more than warnings, because their finer levels
//! print what travels (frames, headers, statements), and that is personal data.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    adapters::KINDS,
    config::{Log, LogFormat, LogLevel},
};

/// The crates whose lines are ours, beside those of the channel kinds.
const OURS: [&str; 2] = ["petition_gateway", "channel_sdk"];

/// A subscriber was installed before.
#[derive(Debug, thiserror::Error)]
#[error("logging was set up before")]
pub struct AlreadySet;

/// Sets logging up for the process, once.
///
/// # Errors
/// When it was set up before.
pub fn init(log: Log) -> Result<(), AlreadySet> {
    let lines = match log.format {
        LogFormat::Text => tracing_subscriber::fmt::layer().with_writer(std::io::stderr).boxed(),
        LogFormat::Json => tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr).boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(targets(log.level))).try_init().map_err(|_| AlreadySet)
}

fn targets(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let others = level.min(LevelFilter::WARN);
    let kinds = KINDS.iter().map(|kind| kind.name.replace('-', "_"));
    let ours = OURS.into_iter().map(str::to_owned).chain(kinds);
    Targets::new().with_default(others).with_targets(ours.map(|name| (name, level)))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn libraries_say_no_more_than_warnings_whatever_the_level() {
        let targets = targets(LogLevel::Trace);
        assert!(targets.would_enable("petition_gateway::store", &Level::TRACE));
        assert!(targets.would_enable("hyper::proto", &Level::WARN));
        assert!(!targets.would_enable("hyper::proto", &Level::INFO));
        assert!(!targets.would_enable("reqwest::connect", &Level::TRACE));
    }
}
