//! `petition submit`: records one petition, from a file of JSON or from options.

use std::path::PathBuf;

use clap::Args;
use petition_gateway::pb;
use serde_json::json;

use super::{draft, files};
use crate::cli::{
    connection::Gateway,
    failure::Failure,
    output::Output,
    rendering::{self, Privacy},
    words::said,
};

/// One petition to record.
#[derive(Debug, Args)]
pub(crate) struct Submit {
    /// The whole draft as JSON; the fields are those of PetitionDraft; - is standard input (tệp JSON)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kind", "subject", "body", "body_file"])]
    file: Option<PathBuf>,
    #[command(flatten)]
    options: draft::Options,
    /// Upload this file and attach it; may be repeated (tệp đính kèm)
    #[arg(long, value_name = "FILE")]
    attach: Vec<PathBuf>,
}

impl Submit {
    pub(crate) async fn run(self, mut gateway: Gateway, output: Output) -> Result<(), Failure> {
        let mut draft = match &self.file {
            Some(path) => draft::from_file(path)?,
            None => self.options.draft()?,
        };
        draft.attachments.extend(files::upload_all(&mut gateway, &self.attach, output).await?);
        let request_id = gateway.request_id;
        let request =
            gateway.call(pb::SubmitPetitionRequest { request_id: request_id.to_string(), petition: Some(draft) });
        let answer =
            gateway.petitions.submit_petition(request).await.map_err(Failure::change(request_id))?.into_inner();
        let petition = answer.petition.unwrap_or_default();
        if output.json {
            return output.record(&json!({
                "petition": rendering::json(&petition, Privacy::Hidden),
                "seq": answer.seq,
                "duplicate": answer.duplicate,
                "amended": answer.amended,
                "request_id": request_id,
            }));
        }
        let (name, seq) = (&petition.name, answer.seq);
        output.say(&match (answer.duplicate, answer.amended) {
            (true, _) => said!("{name} đã có từ trước (seq {seq})", "{name} was there already (seq {seq})"),
            (_, true) => said!("{name} đã sửa đổi (seq {seq})", "{name} is amended (seq {seq})"),
            _ => said!("{name} đã tiếp nhận (seq {seq})", "{name} is received (seq {seq})"),
        })
    }
}
