//! What the Assembly's system shows of what it has: the search interface tells whether a petition is answered and how, and
//! the batch of everything tells revisions. Neither has all, so both are read, the search first.
//!
//! A system without the search shows no answers; then only what came in can be compared.

use std::collections::BTreeMap;

use channel_sdk::{
    Notice, Remote, Reply, Request,
    adapter::RawMessage,
    listing::{Listed, Listing, Shown},
    notice::NoticeBody,
    remote::RemoteError,
    tree::{Limits, Node},
    xml,
};
use http::{HeaderValue, Method, header};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::{
    config::{Config, Interface},
    converse::{FEED_BATCHES, FEED_SEARCH, PAGES_MAX, raw, succeeded},
    decode, encode, multipart,
    protocol::Protocol,
};

/// Rows on a page of the search: what a screen shows at most, so that a year is listed in some hundred calls.
const PAGE_ROWS: usize = 100;
/// `tuThoiDiem` of everything there ever was.
const BEGINNING: &str = "1970-01-01T00:00:00Z";
/// The cursor after the search's last page: the batches follow.
const BATCHES: &str = "batches";

/// Names of the search interface as it is published; what they hold here are codes and texts of the ministry's own.
const STATE: &str = "trangThai";
const PROGRESS: &str = "tienDoGiaiQuyet";
const ANSWER: &str = "noiDungTraLoi";
/// `trangThai` of a petition that waits for an answer.
const OPEN: &str = "1";
/// How `tienDoGiaiQuyet` begins once the ministry's receipt is there; its id of the petition follows.
const TAKEN: &str = "Đã tiếp nhận: ";
/// The whole of it before.
const WAITING: &str = "Chờ tiếp nhận";

/// Facts of a listed petition.
const FACT_ANSWER: &str = "answer";
const FACT_RECEIPT: &str = "receipt";
/// Of either fact: it is not there.
const NONE: &str = "none";

/// One page; the cursor is the page's number and what the page before it showed, or [`BATCHES`].
pub(crate) async fn list(
    protocol: &Protocol,
    config: &Config,
    remote: &dyn Remote,
    cursor: Option<&str>,
) -> Result<Listing, RemoteError> {
    let cursor = cursor.unwrap_or_default();
    if cursor == BATCHES {
        return batches(protocol, config, remote).await;
    }
    let (number, before) = cursor.split_once(' ').unwrap_or((cursor, ""));
    let page = number.parse::<usize>().unwrap_or(1);
    let reply = search(protocol, remote, page, "").await?;
    let has_batches = config.interface == Interface::Batch;
    let after = has_batches.then(|| BATCHES.to_owned());
    if page == 1 && has_batches && matches!(reply.status.as_u16(), 404 | 405 | 501) {
        return Ok(Listing { next: after, ..Listing::default() });
    }
    succeeded(&reply)?;
    let rows = decode::listed_rows(protocol, &reply.body)
        .ok_or_else(|| RemoteError::NoAnswer("the answer is no page of the search".to_owned()))?;
    let items: Vec<Listed> = rows.iter().filter_map(|(id, facts)| Some(listed(id.as_deref()?, facts))).collect();
    let unreadable = u32::try_from(rows.len() - items.len()).unwrap_or(u32::MAX);
    let shown = digest_of_ids(rows.iter().map(|(id, _)| id.as_deref().unwrap_or_default()));
    let is_the_same_again = !items.is_empty() && before == shown;
    if !rows.is_empty() && (page >= PAGES_MAX || is_the_same_again) {
        // Taken for the whole list it would make everything beyond it unknown there.
        return Err(RemoteError::NoAnswer("the search does not end, or does not know PageIndex".to_owned()));
    }
    let next = if rows.is_empty() { after } else { Some(format!("{} {shown}", page + 1)) };
    Ok(Listing { items, unreadable, next })
}

/// Which petitions a page shows: the same ones as on the page before are those of a far side that shows one page for ever.
fn digest_of_ids<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    digest(&ids.collect::<Vec<_>>().join(" "))
}

fn listed(external_id: &str, row: &BTreeMap<String, String>) -> Listed {
    let mut facts = BTreeMap::new();
    let is_open = row.get(STATE).is_some_and(|state| state == OPEN);
    match row.get(ANSWER).filter(|text| !text.trim().is_empty()) {
        Some(text) => drop(facts.insert(FACT_ANSWER.to_owned(), digests(text))),
        None if is_open => drop(facts.insert(FACT_ANSWER.to_owned(), NONE.to_owned())),
        None => {}
    }
    match row.get(PROGRESS).map(|progress| (progress.as_str(), progress.strip_prefix(TAKEN))) {
        Some((_, Some(id))) => drop(facts.insert(FACT_RECEIPT.to_owned(), id.to_owned())),
        Some((WAITING, None)) => drop(facts.insert(FACT_RECEIPT.to_owned(), NONE.to_owned())),
        _ => {}
    }
    Listed { external_id: external_id.to_owned(), facts, ..Listed::default() }
}

/// Everything in one document, as the protocol gives it.
async fn batches(protocol: &Protocol, config: &Config, remote: &dyn Remote) -> Result<Listing, RemoteError> {
    let request = of_session(Request::get(protocol.path("batches")), config).query("tuThoiDiem", BEGINNING);
    let reply = remote.call(request).await?;
    if matches!(reply.status.as_u16(), 204 | 304) {
        return Ok(Listing::default());
    }
    succeeded(&reply)?;
    let items = revisions(protocol, &reply)
        .ok_or_else(|| RemoteError::NoAnswer("the answer is no batch of the protocol".to_owned()))?;
    Ok(Listing { items, ..Listing::default() })
}

fn of_session(request: Request, config: &Config) -> Request {
    let mut request = request;
    request.headers.insert(header::ACCEPT, HeaderValue::from_static("application/xml, multipart/related"));
    let session = config.session.map(|session| session.to_string());
    let asked = [("khoa", config.term.clone()), ("kyHop", session)];
    asked.into_iter().fold(request, |request, (name, value)| match value {
        Some(value) => request.query(name, value),
        None => request,
    })
}

fn revisions(protocol: &Protocol, reply: &Reply) -> Option<Vec<Listed>> {
    let document = match multipart::is_related(reply.content_type()) {
        true => multipart::read(reply.content_type(), &reply.body).ok()?.root,
        false => reply.body.clone(),
    };
    let root = xml::read(&document, &Limits::default()).ok()?;
    let root = protocol.expect_root(root, "batch_root").ok()?;
    let items = root.children(protocol.constant("batch_item")).filter_map(|node| revision(protocol, node));
    Some(items.collect())
}

fn revision(protocol: &Protocol, node: &Node) -> Option<Listed> {
    let record = protocol.map("petition").read(node).record;
    let external_id = record.text("external_id").filter(|id| !id.is_empty())?.to_owned();
    let revision = record.integer("revision").and_then(|it| u64::try_from(it).ok()).filter(|it| *it > 0);
    Some(Listed { external_id, revision, ..Listed::default() })
}

/// One petition: of the batches by `ma`, of the search by `MaKn`. A system that knows no `ma` gives its whole batch, which
/// is as good.
pub(crate) async fn read_one(
    protocol: &Protocol,
    config: &Config,
    remote: &dyn Remote,
    external_id: &str,
    now: Timestamp,
) -> Result<Option<RawMessage>, RemoteError> {
    let (feed, reply) = match config.interface {
        Interface::Batch => {
            let request = of_session(Request::get(protocol.path("batches")), config);
            (FEED_BATCHES, remote.call(request.query("ma", external_id)).await?)
        }
        Interface::Search => (FEED_SEARCH, search(protocol, remote, 1, external_id).await?),
    };
    if matches!(reply.status.as_u16(), 204 | 404 | 410) {
        return Ok(None);
    }
    succeeded(&reply)?;
    Ok(Some(raw(feed, &reply, now)))
}

async fn search(protocol: &Protocol, remote: &dyn Remote, page: usize, id: &str) -> Result<Reply, RemoteError> {
    let query = protocol.constant("search_query");
    let query = query.replace("{page}", &page.to_string()).replace("{page_size}", &PAGE_ROWS.to_string());
    // The id goes in as JSON has it, so that whatever stands in one stays a text.
    let id = serde_json::Value::from(id).to_string();
    let query = query.replace("\"MaKn\":\"\"", &format!("\"MaKn\":{id}"));
    remote.call(Request::new(Method::POST, protocol.path("search")).bytes("application/json", query)).await
}

/// What the listing says of a notice: a receipt by our id, an answer by its text.
pub(crate) fn shows(protocol: &Protocol, listed: &Listed, notice: &Notice) -> Shown {
    let of = |fact: &str, ours: &str| match listed.facts.get(fact).map(String::as_str) {
        None => Shown::CannotTell,
        Some(NONE) => Shown::No,
        Some(theirs) if theirs.split(' ').any(|it| it == ours) => Shown::Yes,
        Some(_) => Shown::Other,
    };
    match &notice.body {
        // One receipt cannot be told from that of an earlier revision.
        NoticeBody::Received => match of(FACT_RECEIPT, &notice.petition_id) {
            Shown::Yes if notice.revision > 1 => Shown::CannotTell,
            shown => shown,
        },
        NoticeBody::Answered { .. } | NoticeBody::Declined { .. } | NoticeBody::Forwarded { .. } => {
            match encode::text(protocol, notice) {
                Some(text) => of(FACT_ANSWER, &digest(&text)),
                None => Shown::CannotTell,
            }
        }
        _ => Shown::CannotTell,
    }
}

/// The digest of a text, white space aside.
fn digest(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    hex::encode(Sha256::digest(words.join(" ")))
}

/// The digests of a text that came as itself or as HTML: nobody says which.
fn digests(text: &str) -> String {
    format!("{} {}", digest(text), digest(&plain(text)))
}

/// HTML without its tags and entities.
fn plain(html: &str) -> String {
    let mut plain = String::with_capacity(html.len());
    let mut is_tag = false;
    for letter in html.chars() {
        match letter {
            '<' => is_tag = true,
            '>' if is_tag => {
                is_tag = false;
                plain.push(' ');
            }
            _ if is_tag => {}
            other => plain.push(other),
        }
    }
    /// `&amp;` comes last: what it makes is no entity.
    const ENTITIES: [(&str, &str); 6] =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&")];
    ENTITIES.iter().fold(plain, |plain, (entity, letter)| plain.replace(entity, letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_known_again_however_it_is_shown() {
        let is_known = |shown: &str, ours: &str| digests(shown).split(' ').any(|it| it == digest(ours));
        assert!(is_known("<p>Bộ xin trả lời:<br/>A &lt; B &amp; C</p>", "Bộ xin trả lời:\r\nA < B & C"));
        assert!(is_known("Bộ xin trả lời: A < B > C", "Bộ xin trả lời: A < B > C"));
        assert!(!is_known("Bộ xin trả lời.", "Bộ đã trả lời."));
    }

    #[test]
    fn what_stands_nowhere_in_a_row_says_nothing_and_what_is_plainly_absent_does() {
        let row = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert!(listed("1", &row(&[(STATE, "2")])).facts.is_empty());
        let open = listed("1", &row(&[(STATE, "1"), (PROGRESS, WAITING)])).facts;
        assert_eq!((open[FACT_ANSWER].as_str(), open[FACT_RECEIPT].as_str()), (NONE, NONE));
        let taken = listed("1", &row(&[(PROGRESS, "Đã tiếp nhận: abc")])).facts;
        assert_eq!(taken[FACT_RECEIPT], "abc");
    }
}
