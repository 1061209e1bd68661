//! `certificates`: a set of throw-away certificates for trials: an authority, the gateway's, and one for every caller.

use std::path::PathBuf;

use clap::Args;
use petition_gateway::demo::{
    DemoError,
    certificates::{AUTHORITY, CLIENTS, Certificates, SERVER},
};
use serde_json::json;

use super::{
    failure::{Exit, Failure},
    output::Output,
    words::{Lang, Said, said},
};

/// `certificates`
#[derive(Debug, Args)]
pub(crate) struct MakeCertificates {
    /// Where they are written; made if it is not there (thư mục)
    #[arg(long, value_name = "FOLDER")]
    folder: PathBuf,
    /// Replace a set that is there; nothing signed by the old authority is trusted then (ghi đè)
    #[arg(long)]
    force: bool,
}

impl MakeCertificates {
    pub(crate) fn run(&self, output: Output) -> Result<(), Failure> {
        let certificates = Certificates::make(&self.folder, self.force).map_err(|error| self.failure(&error))?;
        let path = |file: &str| certificates.path(file).display().to_string();
        if output.json {
            let pair =
                |name: &str| json!({"certificate": path(&format!("{name}.pem")), "key": path(&format!("{name}.key"))});
            let clients = CLIENTS.iter().map(|(name, ..)| ((*name).to_owned(), pair(name)));
            let clients: serde_json::Map<_, _> = clients.collect();
            return output.record(&json!({"ca": path(AUTHORITY), "server": pair(SERVER), "clients": clients}));
        }
        output.say(&said!(
            "Chứng thư dùng thử; không dùng cho hệ thống thật: khóa của cơ quan cấp không được lưu lại.",
            "Certificates for trials only, not for a real system: the authority's key is not kept."
        ))?;
        let row = |file: String, vi: &str, en: &str| {
            let what = if output.lang == Lang::Vi { vi } else { en };
            vec![file, what.to_owned()]
        };
        let mut rows = vec![
            row(
                path(AUTHORITY),
                "cơ quan cấp: ai kiểm tra chứng thư thì tin tệp này",
                "the authority: what everybody trusts",
            ),
            row(
                path("server.{pem,key}"),
                "máy chủ: localhost, 127.0.0.1, ::1",
                "the gateway's own: localhost, 127.0.0.1, ::1",
            ),
        ];
        rows.extend(CLIENTS.iter().map(|(name, vi, en)| row(path(&format!("{name}.{{pem,key}}")), vi, en)));
        let headings = [Said::of("Tệp".into(), "File".into()), Said::of("Là".into(), "Is".into())];
        output.table(headings.iter().map(|it| it.in_lang(output.lang).to_owned()).collect(), rows)
    }

    fn failure(&self, error: &DemoError) -> Failure {
        match error {
            DemoError::Exists(path) => {
                let path = path.display();
                Failure::Usage(said!(
                    "{path} đã có; thêm --force để ghi đè",
                    "{path} is there already; --force replaces the whole set"
                ))
            }
            other => Failure::Ended(Exit::Internal, said!("{other}", "{other}")),
        }
    }
}
