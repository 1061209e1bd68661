//! `check-config`: everything that is wrong with a configuration, at once, each with file, line and key. Starts nothing.

use std::path::{Path, PathBuf};

use clap::Args;
use petition_gateway::{
    adapters::KINDS,
    config::{Config, Environment, Problem},
};
use serde_json::json;

use super::{
    failure::{Exit, Failure},
    output::Output,
    words::said,
};

/// Where the configuration stands.
#[derive(Debug, Args)]
pub(crate) struct ConfigFile {
    /// The configuration file; the defaults alone without it (tệp cấu hình)
    #[arg(long, env = "PETITION_GATEWAY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    /// The file that a command names otherwise.
    pub(crate) fn at(path: &Path) -> ConfigFile {
        ConfigFile { config: Some(path.to_owned()) }
    }

    /// The configuration, checked.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn load(&self) -> Result<Config, Vec<Problem>> {
        Config::load(self.config.as_deref(), &Environment::of_process(), KINDS).map_err(|error| error.0)
    }
}

/// `check-config`
#[derive(Debug, Args)]
pub(crate) struct CheckConfig {
    #[command(flatten)]
    file: ConfigFile,
}

impl CheckConfig {
    pub(crate) fn run(&self, output: Output) -> Result<(), Failure> {
        let problems = self.file.load().err().unwrap_or_default();
        tell(&problems, output)?;
        if problems.is_empty() { Ok(()) } else { Err(Failure::Told(Exit::Config)) }
    }
}

/// Tells what is wrong, as a result.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn tell(problems: &[Problem], output: Output) -> Result<(), Failure> {
    if output.json {
        let told =
            problems.iter().map(|it| json!({"file": it.file, "line": it.line, "key": it.key, "message": it.message}));
        return output.record(&json!({"valid": problems.is_empty(), "problems": told.collect::<Vec<_>>()}));
    }
    if problems.is_empty() {
        return output.say(&said!("cấu hình đúng", "the configuration is right"));
    }
    let count = problems.len();
    output.say(&said!("cấu hình có {count} lỗi:", "the configuration has {count} problem(s):"))?;
    problems.iter().try_for_each(|problem| output.line(&format!("  {problem}")))
}
