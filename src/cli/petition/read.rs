//! `petition get`, `list` and `search`. Lists never show personal data; `get` does with `--full`, and without it does not
//! even ask for it.

use clap::Args;
use petition_gateway::pb;

use crate::cli::{
    connection::Gateway,
    contract,
    failure::Failure,
    output::Output,
    paging::Paging,
    rendering::{self, Privacy},
    resource,
    words::said,
};

const COLUMNS: &[&str] =
    &["name", "status", "kind", "channel", "external_id", "field.display_name", "receive_time", "due_date", "overdue"];

/// One petition.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// `petitions/{petition}`, or only its id
    petition: String,
    /// With texts, attachments and personal data (kèm nội dung và dữ liệu cá nhân)
    #[arg(long)]
    full: bool,
}

impl Get {
    pub(crate) async fn run(self, mut gateway: Gateway, output: Output) -> Result<(), Failure> {
        let view = if self.full { pb::PetitionView::Full } else { pb::PetitionView::Basic };
        let name = resource::petition(&self.petition);
        let request = gateway.call(pb::GetPetitionRequest { name, view: view.into() });
        let answer = gateway.petitions.get_petition(request).await.map_err(Failure::read)?.into_inner();
        output.record(&rendering::json(&answer.petition.unwrap_or_default(), Privacy::from_flag(self.full)))?;
        if !self.full {
            output.note(&said!("(nội dung và dữ liệu cá nhân: --full)", "(texts and personal data: --full)"));
        }
        Ok(())
    }
}

/// What narrows a list; the conditions all hold.
#[derive(Debug, Args)]
struct Narrow {
    /// Only in one of these statuses (trạng thái)
    #[arg(long, value_delimiter = ',', value_parser = contract::names("PetitionStatus"))]
    status: Vec<String>,
    /// Only open ones (còn phải xử lý)
    #[arg(long, conflicts_with_all = ["status", "ended"])]
    open: bool,
    /// Only ended ones (đã xong)
    #[arg(long, conflicts_with = "status")]
    ended: bool,
    /// Only of these kinds (loại)
    #[arg(long, value_delimiter = ',', value_parser = contract::names("PetitionKind"))]
    kind: Vec<String>,
    /// Only of these fields, by code (lĩnh vực)
    #[arg(long, value_delimiter = ',')]
    field: Vec<String>,
    /// Only from these channels (kênh)
    #[arg(long, value_delimiter = ',')]
    channel: Vec<String>,
    /// Only with this id of the channel's (mã của kênh)
    #[arg(long)]
    external_id: Option<String>,
    /// Only overdue ones (quá hạn)
    #[arg(long)]
    overdue: bool,
    /// A filter as ListPetitions takes it, for example `due_date < 2026-12-31` (bộ lọc)
    #[arg(long)]
    filter: Option<String>,
}

impl Narrow {
    fn filter(&self) -> String {
        let list = |key: &str, values: &[String]| {
            let values = values.iter().map(|it| quoted(it)).collect::<Vec<_>>().join(",");
            (!values.is_empty()).then(|| format!("{key} = {values}"))
        };
        let conditions = [
            list("status", &self.status),
            self.open.then(|| "open = true".to_owned()),
            self.ended.then(|| "open = false".to_owned()),
            list("kind", &self.kind),
            list("field", &self.field),
            list("channel", &self.channel),
            self.external_id.as_ref().map(|it| format!("external_id = {}", quoted(it))),
            self.overdue.then(|| "overdue = true".to_owned()),
            self.filter.clone().filter(|it| !it.trim().is_empty()),
        ];
        conditions.into_iter().flatten().collect::<Vec<_>>().join(" AND ")
    }
}

/// A value as the filter's grammar takes it.
fn quoted(value: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "._:+/-".contains(letter);
    if !value.is_empty() && value.chars().all(is_plain) {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Petitions, page by page.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    narrow: Narrow,
    /// `receive_time desc`, `receive_time` or `due_date` (thứ tự)
    #[arg(long, value_name = "ORDER", default_value = "")]
    order_by: String,
    #[command(flatten)]
    paging: Paging,
}

impl List {
    pub(crate) async fn run(self, mut gateway: Gateway, output: Output) -> Result<(), Failure> {
        let mut progress = self.paging.begin();
        let mut records = Vec::new();
        loop {
            let request = gateway.call(pb::ListPetitionsRequest {
                page_size: progress.page_size(),
                page_token: progress.token.clone(),
                filter: self.narrow.filter(),
                order_by: self.order_by.clone(),
                view: pb::PetitionView::Basic.into(),
            });
            let page = gateway.petitions.list_petitions(request).await.map_err(Failure::read)?.into_inner();
            records.extend(page.petitions.iter().map(|it| rendering::json(it, Privacy::Hidden)));
            if !progress.go_on(page.petitions.len(), page.next_page_token, output) {
                break;
            }
        }
        output.list(&records, COLUMNS)
    }
}

/// Petitions by their words.
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Words that must all occur in subject, body or answer (từ khóa)
    #[arg(required = true)]
    words: Vec<String>,
    #[command(flatten)]
    narrow: Narrow,
    #[command(flatten)]
    paging: Paging,
}

impl Search {
    pub(crate) async fn run(self, mut gateway: Gateway, output: Output) -> Result<(), Failure> {
        let mut progress = self.paging.begin();
        let mut records = Vec::new();
        loop {
            let request = gateway.call(pb::SearchPetitionsRequest {
                query: self.words.join(" "),
                filter: self.narrow.filter(),
                page_size: progress.page_size(),
                page_token: progress.token.clone(),
                view: pb::PetitionView::Basic.into(),
            });
            let page = gateway.petitions.search_petitions(request).await.map_err(Failure::read)?.into_inner();
            records.extend(page.petitions.iter().map(|it| rendering::json(it, Privacy::Hidden)));
            if !progress.go_on(page.petitions.len(), page.next_page_token, output) {
                break;
            }
        }
        output.list(&records, COLUMNS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_become_one_filter() {
        let narrow = Narrow {
            status: vec!["received".to_owned(), "accepted".to_owned()],
            open: false,
            ended: false,
            kind: vec![],
            field: vec!["Lao động".to_owned()],
            channel: vec!["portal".to_owned()],
            external_id: Some("a\"b".to_owned()),
            overdue: true,
            filter: Some("due_date < 2026-12-31".to_owned()),
        };
        assert_eq!(
            narrow.filter(),
            "status = received,accepted AND field = \"Lao động\" AND channel = portal AND external_id = \"a\\\"b\" \
             AND overdue = true AND due_date < 2026-12-31"
        );
    }
}
