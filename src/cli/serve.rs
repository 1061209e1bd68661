//! `serve`: the gateway itself, until SIGTERM or SIGINT; a second signal stops it at once.
//!
//! What is wrong with the configuration is told as `check-config` tells it; from then on the process speaks through its
//! log, on standard error.

use std::sync::Arc;

use clap::Args;
use petition_gateway::{
    app::{self, AppError},
    clock::SystemClock,
    supervise::Ended,
    telemetry,
};

use super::{
    check_config::{self, ConfigFile},
    failure::{Exit, Failure, causes},
    output::Output,
    words::said,
};

/// `serve`
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    file: ConfigFile,
}

impl Serve {
    pub(crate) async fn run(self, output: Output) -> Result<(), Failure> {
        let config = match self.file.load() {
            Ok(config) => config,
            Err(problems) => {
                check_config::tell(&problems, output)?;
                return Err(Failure::Told(Exit::Config));
            }
        };
        #[cfg(feature = "failpoints")]
        petition_gateway::failpoint::arm()
            .map_err(|error| Failure::Ended(Exit::Config, said!("cổng không khởi động được: {error}", "{error}")))?;
        telemetry::init(config.log).expect("nobody else in this process sets logging up");
        match app::serve(config, Arc::new(SystemClock)).await {
            // What was cut off lies in the store and goes on at the next start.
            Ok(Ended::Clean | Ended::CutOff { .. }) => Ok(()),
            Ok(Ended::TaskEnded { task, .. }) => Err(Failure::Ended(
                Exit::Internal,
                said!(
                    "cổng đã dừng vì phần `{task}` dừng bất thường",
                    "the gateway stopped: its part `{task}` ended by itself"
                ),
            )),
            Err(error) => Err(not_started(&error)),
        }
    }
}

fn not_started(error: &AppError) -> Failure {
    let exit = match error {
        AppError::Open(_) | AppError::Store(_) | AppError::Blobs(_) | AppError::Listen { .. } => Exit::Unavailable,
        AppError::Tls(_) | AppError::Remote { .. } => Exit::Config,
        _ => Exit::Internal,
    };
    let cause = causes(error);
    Failure::Ended(exit, said!("cổng không khởi động được: {cause}", "the gateway cannot start: {cause}"))
}
