//! `migrate`: brings the store's schema forward, before the gateways are replaced by newer ones; `--check` only looks.
//!
//! A store that is not there yet is made by the first gateway as well, and a SQLite store is brought forward by its only
//! gateway; one that several gateways share is brought forward by this command alone, at a time that somebody chose.

use clap::Args;
use petition_gateway::{
    config,
    store::{self, Migrated, OpenError, Schema},
};
use serde_json::json;

use super::{
    check_config::{self, ConfigFile},
    failure::{Exit, Failure, causes},
    output::Output,
    words::{Said, said},
};

/// `migrate`
#[derive(Debug, Args)]
pub(crate) struct Migrate {
    #[command(flatten)]
    file: ConfigFile,
    /// Change nothing, and end with 1 if there is something to do (chỉ kiểm tra, không thay đổi gì)
    #[arg(long)]
    check: bool,
}

impl Migrate {
    pub(crate) async fn run(self, output: Output) -> Result<(), Failure> {
        let config = match self.file.load() {
            Ok(config) => config,
            Err(problems) => {
                check_config::tell(&problems, output)?;
                return Err(Failure::Told(Exit::Config));
            }
        };
        if self.check { check(config.store, output).await } else { migrate(config.store, output).await }
    }
}

async fn check(store: config::Store, output: Output) -> Result<(), Failure> {
    let schema = store::schema_check(store).await.map_err(|error| not_opened(&error))?;
    if output.json {
        output.record(&record(&schema))?;
    } else {
        output.say(&standing(&schema))?;
    }
    if schema.is_behind() {
        return Err(Failure::Told(Exit::Refused));
    }
    if schema.is_too_new() {
        return Err(Failure::Told(Exit::Unavailable));
    }
    Ok(())
}

async fn migrate(store: config::Store, output: Output) -> Result<(), Failure> {
    let Migrated { before, schema } = store::migrate(store).await.map_err(|error| not_opened(&error))?;
    if output.json {
        let mut told = record(&schema);
        told["version_before"] = json!(before);
        return output.record(&told);
    }
    let Schema { store, found, .. } = &schema;
    output.say(&match before {
        0 => said!(
            "đã tạo kho {store}, lược đồ phiên bản {found}",
            "made the store {store}, with schema version {found}"
        ),
        _ if before == *found => standing(&schema),
        _ => said!(
            "đã chuyển lược đồ của kho {store} từ phiên bản {before} sang {found}",
            "brought the schema of the store {store} from version {before} to {found}"
        ),
    })
}

fn record(schema: &Schema) -> serde_json::Value {
    json!({
        "store": schema.store,
        "version": schema.found,
        "known_version": schema.known,
        "oldest_version_that_may_serve": schema.oldest,
        "to_do": schema.is_behind(),
    })
}

fn standing(schema: &Schema) -> Said {
    let Schema { store, found, known, .. } = schema;
    if *found == 0 {
        return said!(
            "kho {store} chưa có; `migrate` hoặc cổng đầu tiên sẽ tạo, lược đồ phiên bản {known}",
            "the store {store} is not there yet: `migrate` or the first gateway makes it, with schema version {known}"
        );
    }
    if schema.is_behind() {
        return said!(
            "lược đồ của kho {store} ở phiên bản {found}, cổng này cần phiên bản {known}: sao lưu rồi chạy `migrate`",
            "the schema of the store {store} has version {found}, this gateway needs {known}: back it up, then run `migrate`"
        );
    }
    if schema.is_too_new() {
        return said!(
            "lược đồ của kho {store} ở phiên bản {found}, cổng này chỉ biết phiên bản {known}: dùng cổng mới hơn",
            "the schema of the store {store} has version {found}, this gateway knows only {known}: use the newer gateway"
        );
    }
    said!(
        "lược đồ của kho {store} ở phiên bản {found}: không cần làm gì",
        "the schema of the store {store} has version {found}: there is nothing to do"
    )
}

fn not_opened(error: &OpenError) -> Failure {
    let cause = causes(error);
    Failure::Ended(
        Exit::Unavailable,
        said!("không mở được kho dữ liệu: {cause}", "the store cannot be opened: {cause}"),
    )
}
