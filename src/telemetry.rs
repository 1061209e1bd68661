//! What the process writes about itself: structured lines to standard error, for people or for machines.
//!
//! The gateway's own lines follow `[log] level`; libraries never say more than warnings, because their finer levels
//! print what travels (frames, headers, statements), and that is personal data. So may be what a panic says.

use std::{io::Write, panic, thread};

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

/// From now on a panic tells where it happened, and not with what: a slice at a wrong place quotes the whole text, and an
/// adapter's text is a person's petition. Set before anything else, for every command.
pub fn tell_panics_without_payload() {
    panic::set_hook(Box::new(|panicked| {
        let place = panicked.location().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        let thread = thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        if tracing::dispatcher::has_been_set() {
            tracing::error!(panic.place = %place, thread.name = thread, "a panic: a defect of the gateway");
        } else {
            // Whoever cannot be told on standard error cannot be told at all.
            drop(writeln!(std::io::stderr().lock(), "a panic: a defect of the gateway, at {place} in thread {thread}"));
        }
    }));
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

    /// Set for the process in which this test panics on purpose; whether its lines are structured.
    const PANICS: &str = "PETITION_GATEWAY_TEST_PANICS";

    fn panic_with_a_name(is_structured: bool) {
        tell_panics_without_payload();
        if is_structured {
            init(Log { level: LogLevel::Trace, format: LogFormat::Json }).unwrap();
        }
        let slice = |text: &str, at: usize| text[..at].len();
        let work = std::thread::Builder::new().name("decoding".to_owned()).spawn(move || slice("Nguyễn Thị Mẫu", 5));
        assert!(work.unwrap().join().is_err());
        std::process::exit(0);
    }

    #[test]
    fn a_panic_tells_its_place_and_thread_and_nothing_of_the_text_it_fell_over() {
        if let Ok(how) = std::env::var(PANICS) {
            panic_with_a_name(how == "structured");
        }
        let name = "telemetry::tests::a_panic_tells_its_place_and_thread_and_nothing_of_the_text_it_fell_over";
        for how in ["structured", "plain"] {
            let mut child = std::process::Command::new(std::env::current_exe().unwrap());
            let ended = child.args(["--exact", name, "--nocapture"]).env(PANICS, how).output().unwrap();
            let said = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert!(ended.status.success(), "{said}");
            assert!(said.contains("src/telemetry.rs:") && said.contains("decoding"), "{how}: {said}");
            assert_eq!(said.lines().filter(|line| line.starts_with('{')).count(), usize::from(how == "structured"));
            assert!(!said.contains("Nguy") && !said.contains("char boundary"), "{how}: {said}");
        }
    }

    #[test]
    fn libraries_say_no_more_than_warnings_whatever_the_level() {
        let targets = targets(LogLevel::Trace);
        assert!(targets.would_enable("petition_gateway::store", &Level::TRACE));
        assert!(targets.would_enable("hyper::proto", &Level::WARN));
        assert!(!targets.would_enable("hyper::proto", &Level::INFO));
        assert!(!targets.would_enable("reqwest::connect", &Level::TRACE));
    }
}
