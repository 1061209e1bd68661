//! Conversations with the Assembly's system: what is pulled and how the place is kept, deliveries, the probe.
//!
//! Every feed reads again what it may have missed and hands on only what changed since it was last handed on: cursors
//! carry digests of the documents that were dealt with, so that reading again costs no journal.

use channel_sdk::{
    Notice, Remote, Reply, Request, Verdict,
    adapter::{Entrance, Page, RawMessage},
    model::Attachment,
    remote::{Fetched, RemoteError},
    tree::Limits,
    verdict::{Complaint, Syntax, not_fetched, page_instead_of_file, verdict_with},
    xml,
};
use http::{HeaderValue, Method, header};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::{
    address,
    config::{Config, Interface},
    decode, encode,
    protocol::Protocol,
};

/// Batches of voters' petitions.
pub(crate) const FEED_BATCHES: &str = "kien-nghi";
/// Pages of the search interface.
pub(crate) const FEED_SEARCH: &str = "tim-kiem";
/// The search interface's list of fields.
pub(crate) const FEED_FIELDS: &str = "danh-muc";

/// A scan that is longer has met a far side that never ends: at 20 items a page this is 200,000 petitions.
pub(crate) const PAGES_MAX: usize = 10_000;

/// Pages whose digests are kept; a cursor of more than 9 kB is none. Pages beyond are handed on at every scan.
const DIGESTS_MAX: usize = 512;

/// One page of `feed`.
pub(crate) async fn pull(
    protocol: &Protocol,
    config: &Config,
    remote: &dyn Remote,
    feed: &str,
    cursor: Option<&str>,
    now: Timestamp,
) -> Result<Page, RemoteError> {
    match feed {
        FEED_SEARCH => search(protocol, config, remote, cursor, now).await,
        FEED_FIELDS => fields(protocol, remote, cursor, now).await,
        _ => batches(protocol, config, remote, cursor, now).await,
    }
}

/// Where the pulling of batches stands, as `<since> <digest> <whole at> <digest of the whole>`.
///
/// `since` is the far side's own time, from its `Date` header: its clock decides what "since" means, and ours may
/// differ. Parts and wholes have digests of their own, because they are different documents of the same petitions.
#[derive(Default)]
struct Place {
    since: String,
    part: String,
    whole_at: Option<Timestamp>,
    whole: String,
}

impl Place {
    fn of(cursor: Option<&str>) -> Place {
        let mut words = cursor.unwrap_or("").split(' ').map(str::to_owned);
        let mut word = || words.next().unwrap_or_default();
        Place { since: word(), part: word(), whole_at: word().parse().ok(), whole: word() }
    }

    /// Whether everything must be read again: there is no time to begin from, or the last whole reading is old.
    fn needs_whole(&self, now: Timestamp, minutes: i64) -> bool {
        let old = self.whole_at.and_then(|at| at.checked_add(SignedDuration::from_mins(minutes)).ok());
        self.since.is_empty() || old.is_none_or(|old| old <= now)
    }

    fn cursor(&self) -> String {
        let whole_at = self.whole_at.map(|at| at.to_string()).unwrap_or_default();
        format!("{} {} {whole_at} {}", self.since, self.part, self.whole)
    }
}

/// Everything that changed since the cursor's time, less the overlap, in one document; from time to time everything.
async fn batches(
    protocol: &Protocol,
    config: &Config,
    remote: &dyn Remote,
    cursor: Option<&str>,
    now: Timestamp,
) -> Result<Page, RemoteError> {
    let mut place = Place::of(cursor);
    let whole = place.needs_whole(now, config.reread_minutes);
    let mut request = Request::get(protocol.path("batches"));
    request.headers.insert(header::ACCEPT, HeaderValue::from_static("application/xml, multipart/related"));
    let session = config.session.map(|session| session.to_string());
    let since = (!whole).then(|| place.since.clone());
    for (name, value) in [("khoa", config.term.clone()), ("kyHop", session), ("tuThoiDiem", since)] {
        request = match value {
            Some(value) => request.query(name, value),
            None => request,
        };
    }
    let reply = remote.call(request).await?;
    if matches!(reply.status.as_u16(), 204 | 304) {
        return Ok(Page { raw: None, next: None, more: false });
    }
    succeeded(&reply)?;
    let overlap = SignedDuration::from_mins(config.overlap_minutes);
    place.since = reply.date().unwrap_or(now).saturating_sub(overlap).unwrap_or(Timestamp::UNIX_EPOCH).to_string();
    let digest = digest(&reply.body);
    let before = if whole { &mut place.whole } else { &mut place.part };
    let changed = *before != digest;
    *before = digest;
    place.whole_at = if whole { Some(now) } else { place.whole_at };
    Ok(Page { raw: changed.then(|| raw(FEED_BATCHES, &reply, now)), next: Some(place.cursor()), more: false })
}

/// One page of the search. Every scan begins at page 1: a peer that continued from the page its count pointed to lost
/// edited answers and records that shifted.
///
/// The cursor is `<page> <digest>,<digest>,…`: the page to ask for, and what each page held when it was last handed on.
async fn search(
    protocol: &Protocol,
    config: &Config,
    remote: &dyn Remote,
    cursor: Option<&str>,
    now: Timestamp,
) -> Result<Page, RemoteError> {
    let (page, digests) = cursor.and_then(|cursor| cursor.split_once(' ')).unwrap_or(("1", ""));
    let page = page.parse::<usize>().unwrap_or(1).max(1);
    let mut digests: Vec<String> = digests.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect();
    let query = protocol.constant("search_query");
    let query = query.replace("{page}", &page.to_string()).replace("{page_size}", &config.page_size.to_string());
    let request = Request::new(Method::POST, protocol.path("search")).bytes("application/json", query);
    let reply = remote.call(request).await?;
    succeeded(&reply)?;
    let rows = decode::rows(protocol, &reply.body);
    let digest = digest(&reply.body);
    // A far side that does not know `PageIndex` shows its first page for ever.
    let ignores_pages = page > 1 && digests.first() == Some(&digest);
    if rows == Some(0) || ignores_pages {
        digests.truncate(page - 1);
        return Ok(Page { raw: None, next: Some(format!("1 {}", digests.join(","))), more: false });
    }
    let changed = digests.get(page - 1) != Some(&digest);
    if page <= digests.len() {
        digests[page - 1] = digest;
    } else if page <= DIGESTS_MAX {
        digests.push(digest);
    }
    // What is no page of the search goes to quarantine; asking for more of it would fill it.
    let more = rows.is_some() && page < PAGES_MAX;
    let next = if more { page + 1 } else { 1 };
    let next = Some(format!("{next} {}", digests.join(",")));
    Ok(Page { raw: changed.then(|| raw(FEED_SEARCH, &reply, now)), next, more })
}

/// The list of fields; the cursor is its digest.
async fn fields(
    protocol: &Protocol,
    remote: &dyn Remote,
    cursor: Option<&str>,
    now: Timestamp,
) -> Result<Page, RemoteError> {
    let reply = remote.call(Request::get(protocol.path("search_lists"))).await?;
    succeeded(&reply)?;
    let digest = digest(&reply.body);
    let changed = cursor != Some(digest.as_str());
    Ok(Page { raw: changed.then(|| raw(FEED_FIELDS, &reply, now)), next: Some(digest), more: false })
}

pub(crate) fn raw(feed: &str, reply: &Reply, now: Timestamp) -> RawMessage {
    RawMessage {
        entrance: Entrance::Pull,
        route: feed.to_owned(),
        content_type: reply.content_type().to_owned(),
        received_at: now,
        body: reply.body.clone(),
    }
}

/// Sixteen digits tell documents of one address apart.
fn digest(body: &[u8]) -> String {
    hex::encode(&Sha256::digest(body)[..8])
}

pub(crate) fn succeeded(reply: &Reply) -> Result<(), RemoteError> {
    match reply.status.as_u16() {
        200 => Ok(()),
        status @ (401 | 403) => Err(RemoteError::Credentials(format!("HTTP {status}"))),
        status => Err(RemoteError::Status(status)),
    }
}

/// The content of a file that the search shows.
pub(crate) async fn fetch(remote: &dyn Remote, attachment: &Attachment) -> Result<Fetched, Verdict> {
    let request =
        address::request(&attachment.remote_id).map_err(|it| Verdict::Reject { reason: it.reason().to_owned() })?;
    let fetched = remote.download(request).await.map_err(|error| not_fetched(&error))?;
    page_instead_of_file(attachment, &fetched).map_or(Ok(fetched), Err)
}

/// Delivers a notice; "I have this already" (409) is as good as a success.
pub(crate) async fn deliver(protocol: &Protocol, remote: &dyn Remote, notice: &Notice) -> Verdict {
    let request = match encode::request(protocol, notice) {
        Ok(request) => request,
        Err(fault) => return Verdict::Reject { reason: fault.to_string() },
    };
    let result = remote.call(request).await;
    match (verdict_with(&result, &[409], &[Syntax::Xml], |reply| complaint(protocol, reply)), result) {
        (Verdict::Delivered { .. }, Ok(reply)) => Verdict::Delivered { remote_reference: reference(protocol, &reply) },
        (verdict, _) => verdict,
    }
}

/// Code and place of a `Loi` document; one without a code is an error all the same, and other documents are none.
fn complaint(protocol: &Protocol, reply: &Reply) -> Option<Complaint> {
    let node = xml::read(&reply.body, &Limits::default()).ok()?;
    let root = protocol.constant("error_root");
    let is_error = node.name == root;
    if !is_error && reply.status.is_success() {
        return None;
    }
    let mut record = protocol.map("error").take(node).record;
    let place = record.take_text("place").map(|place| place.replace('@', "."));
    let code = record.take_text("code").filter(|code| !code.is_empty() || !is_error);
    let code = code.unwrap_or_else(|| if is_error { root.to_owned() } else { String::new() });
    Some(Complaint { code, fields: place.into_iter().collect() })
}

/// The Assembly's reference, where its reply has one; a reply without one is as good.
fn reference(protocol: &Protocol, reply: &Reply) -> Option<String> {
    let node = xml::read(&reply.body, &Limits::default()).ok()?;
    protocol.map("taken").take(node).record.take_text("reference")
}

/// Asks for something small.
pub(crate) async fn probe(protocol: &Protocol, config: &Config, remote: &dyn Remote) -> Result<(), RemoteError> {
    let request = match config.interface {
        // Nothing changes after the last day that a date can name, so the answer is an empty batch.
        Interface::Batch => Request::get(protocol.path("batches")).query("tuThoiDiem", "9999-01-01T00:00:00Z"),
        Interface::Search => Request::get(protocol.path("search_lists")),
    };
    succeeded(&remote.call(request).await?)
}
