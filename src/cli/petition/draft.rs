//! Drafts as operators give them: in a file of JSON, or as options of `petition submit`.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use clap::Args;
use petition_gateway::pb;
use serde_json::Value;

use crate::cli::{
    contract,
    failure::Failure,
    reading::{self, Wrong},
    resource,
    words::said,
};

/// A draft is at most 4 MiB on the wire, and its JSON not much more.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The draft's parts, given as options. What is personal data is safer in a file than on a command line, which others
/// on the machine can see.
#[derive(Debug, Args)]
#[command(next_help_heading = "Draft (nội dung)")]
pub(crate) struct Options {
    /// Channel it came through; direct without this (kênh)
    #[arg(long)]
    channel: Option<String>,
    /// The sender's own id (mã của bên gửi)
    #[arg(long)]
    external_id: Option<String>,
    /// What is asked of the ministry (loại)
    #[arg(long, required_unless_present = "file", value_parser = contract::names("PetitionKind"))]
    kind: Option<String>,
    /// Subject (tiêu đề)
    #[arg(long)]
    subject: Option<String>,
    /// Body (nội dung)
    #[arg(long, conflicts_with = "body_file")]
    body: Option<String>,
    /// File with the body, UTF-8; - is standard input (tệp nội dung)
    #[arg(long, value_name = "FILE")]
    body_file: Option<PathBuf>,
    /// Code of the field (mã lĩnh vực)
    #[arg(long)]
    field: Option<String>,
    /// Name of the field (tên lĩnh vực)
    #[arg(long)]
    field_name: Option<String>,
    /// Who sends it (loại người gửi)
    #[arg(long, default_value = "citizen", value_parser = contract::names("PetitionerKind"))]
    petitioner_kind: String,
    /// Petitioner's name (họ tên); a file is safer for personal data
    #[arg(long)]
    full_name: Option<String>,
    /// Petitioner's e-mail (thư điện tử)
    #[arg(long)]
    email: Option<String>,
    /// Petitioner's telephone (điện thoại)
    #[arg(long)]
    telephone: Option<String>,
    /// Petitioner's address (địa chỉ)
    #[arg(long = "petitioner-address")]
    petitioner_address: Option<String>,
    /// Petitioner's province, by code (mã tỉnh)
    #[arg(long)]
    province: Option<String>,
    /// Name of the business or organisation (tên tổ chức)
    #[arg(long)]
    organisation: Option<String>,
    /// The petitioner asked not to be named (ẩn danh)
    #[arg(long)]
    anonymous: bool,
    /// The petition may be published (được công khai)
    #[arg(long)]
    publishable: bool,
}

impl Options {
    /// The draft that the options say.
    ///
    /// # Errors
    /// The file with the body cannot be read.
    pub(crate) fn draft(self) -> Result<pb::PetitionDraft, Failure> {
        let body = match &self.body_file {
            Some(path) => text_of(path)?,
            None => self.body.unwrap_or_default(),
        };
        let field = (self.field.is_some() || self.field_name.is_some()).then(|| pb::Field {
            code: self.field.unwrap_or_default(),
            display_name: self.field_name.unwrap_or_default(),
        });
        Ok(pb::PetitionDraft {
            channel: self.channel.as_deref().map(resource::channel).unwrap_or_default(),
            external_id: self.external_id.unwrap_or_default(),
            kind: self.kind.map_or(0, |it| contract::number("PetitionKind", &it)),
            subject: self.subject.unwrap_or_default(),
            body,
            field,
            petitioner: Some(pb::Petitioner {
                kind: contract::number("PetitionerKind", &self.petitioner_kind),
                full_name: self.full_name,
                email: self.email,
                telephone: self.telephone,
                address: self.petitioner_address,
                province_code: self.province,
                organisation_name: self.organisation,
                anonymous: self.anonymous,
                ..Default::default()
            }),
            publishable: self.publishable,
            ..Default::default()
        })
    }
}

/// The draft in a file of JSON; `-` is standard input.
///
/// # Errors
/// The file cannot be read, or everything that is wrong with it.
pub(crate) fn from_file(path: &Path) -> Result<pb::PetitionDraft, Failure> {
    let text = text_of(path)?;
    from_json(text.as_bytes()).map_err(|wrongs| Failure::Content { path: path.to_owned(), wrongs })
}

/// The draft that some JSON says.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn from_json(json: &[u8]) -> Result<pb::PetitionDraft, Vec<Wrong>> {
    reading::message(&parse(json)?)
}

/// Bytes as JSON. The parser's own words may quote what it read, so only the place is told.
///
/// # Errors
/// Where it is not JSON.
pub(crate) fn parse(json: &[u8]) -> Result<Value, Vec<Wrong>> {
    serde_json::from_slice::<Value>(json).map_err(|error| {
        let place = format!("{}:{}", error.line(), error.column());
        let what = match std::str::from_utf8(json) {
            Ok(_) => said!("không phải JSON", "is not JSON"),
            Err(_) => said!("không phải UTF-8", "is not UTF-8"),
        };
        vec![Wrong { place, what }]
    })
}

/// The text of a file of bounded size; `-` is standard input.
///
/// # Errors
/// It cannot be read, is too large, or is not UTF-8.
pub(crate) fn text_of(path: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
    };
    read.map_err(Failure::file(path))?;
    let shown = path.display();
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Failure::Usage(said!("{shown} lớn hơn 8 MiB", "{shown} is larger than 8 MiB")));
    }
    String::from_utf8(bytes).map_err(|_| Failure::Usage(said!("{shown} không phải UTF-8", "{shown} is not UTF-8")))
}
