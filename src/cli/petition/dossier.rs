//! `petition dossier`: the electronic dossier (hồ sơ điện tử), part by part as it comes: it has no upper size.

use clap::Args;
use petition_gateway::pb;

use crate::cli::{
    connection::Gateway,
    failure::Failure,
    output::Output,
    page,
    rendering::{self, Privacy},
    resource, words,
};

/// Whose dossier.
#[derive(Debug, Args)]
pub(crate) struct Dossier {
    /// `petitions/{petition}`, or only its id
    petition: String,
    /// With texts and personal data (kèm nội dung và dữ liệu cá nhân)
    #[arg(long)]
    full: bool,
}

impl Dossier {
    pub(crate) async fn run(self, mut gateway: Gateway, output: Output) -> Result<(), Failure> {
        let request = pb::GetDossierRequest { name: resource::petition(&self.petition) };
        let mut parts = gateway.petitions.get_dossier(request).await.map_err(Failure::read)?.into_inner();
        while let Some(part) = parts.message().await.map_err(Failure::read)? {
            let record = rendering::json(&part, Privacy::from_flag(self.full));
            if output.json {
                output.line(&record.to_string())?;
                continue;
            }
            let kind = record["part"].as_str().unwrap_or_default();
            output.line(&format!("== {} ==", words::heading(kind, output.lang)))?;
            output.bytes(page::of(&record[kind], output.lang).as_bytes())?;
            output.line("")?;
        }
        Ok(())
    }
}
