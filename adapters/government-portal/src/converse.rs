//! The conversations with the portal: pulling, fetching files, delivering, asking whether it is alive.
//!
//! The remote that is handed in owns addresses, credentials, time-outs and limits; here stands only what is asked.

use channel_sdk::{
    adapter::{Entrance, Page, RawMessage},
    fault::Fault,
    model::Attachment,
    notice::{Known, Notice, NoticeBody, Verdict},
    remote::{Body, Fetched, Remote, RemoteError, Reply, Request},
    tree::{Content, Node},
    verdict::{Complaint, Syntax, not_fetched, page_instead_of_file, verdict_with},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    GovernmentPortal,
    config::Format,
    cursor::{After, Cursor},
    decode,
    encode::{self, Told},
    message::Message,
};

/// "Already": the portal has this message from before.
const ALREADY: &[u16] = &[409];

/// A portal that answers so to a question does not know the question, and asking it again would not help.
const NOT_TO_BE_ASKED: &[u16] = &[400, 404, 405, 410, 422, 501];

/// Portals reply in the syntax of the request or in the one they prefer; both are read.
const SYNTAXES: &[Syntax] = &[Syntax::Json, Syntax::Xml];

/// Entity tags longer than this are no tags.
const ETAG_BYTES_MAX: usize = 1000;

impl GovernmentPortal {
    /// One page of petitions or ratings.
    pub(crate) async fn pull_scan(
        &self,
        remote: &dyn Remote,
        feed: &str,
        cursor: Option<&str>,
        now: Timestamp,
    ) -> Result<Page, RemoteError> {
        let cursor = Cursor::read(&self.portal, cursor);
        let path = if feed == "pakn" { "petitions" } else { "ratings" };
        let mut request = self.get(self.path(path, &[])?).query("tuThoiDiem", local(cursor.since));
        if feed == "pakn" {
            request = request.query("coQuan", &self.portal.agency);
            request = request.query("soLuong", self.portal.page_size.to_string());
        }
        if let Some(token) = &cursor.token {
            request = request.query("conTro", token);
        }
        let reply = remote.call(request).await?;
        if cursor.token.is_some() && matches!(reply.status.as_u16(), 400 | 404 | 410 | 422) {
            // The portal no longer knows the page's token: the scan begins anew at the next turn.
            return Ok(Page { raw: None, next: Some(cursor.begun_anew().kept()), more: false });
        }
        let clock = reply.date().unwrap_or(now);
        let healed = cursor.healed(&self.portal, clock).map(|healed| healed.kept());
        if healed.is_some() && matches!(reply.status.as_u16(), 400 | 422) {
            // A portal may well refuse to tell what changed since tomorrow.
            return Ok(Page { raw: None, next: healed, more: true });
        }
        let raw = raw(feed, success(reply)?, now);
        let (next, more) = match self.after(&raw) {
            Some(_) if healed.is_some() => (healed, true),
            Some(after) => {
                let (next, more) = cursor.after(&self.portal, clock, &after);
                (Some(next.kept()), more)
            }
            // What came is journalled all the same; the cursor stays, and the page is asked for again.
            None => (None, false),
        };
        Ok(Page { raw: Some(raw), next, more })
    }

    /// What a page says about the next one; `None` when it is no page at all.
    pub(crate) fn after(&self, raw: &RawMessage) -> Option<After> {
        let message = self.list(raw)?;
        let reading = self.words.map("page").take(message.around());
        let token = reading.record.text("token").filter(|token| !token.is_empty());
        let more = match reading.record.boolean("more") {
            Some(more) => more,
            // A page that does not say, or not understandably, whether it is the last one is so only when it is empty
            // or tells no way on.
            None => token.is_some() && message.has_items(self.words.constant("list")),
        };
        Some(After { token: token.map(str::to_owned), more })
    }

    /// The list that came, as far as it can be made out; `None` for what is no list at all.
    pub(crate) fn list(&self, raw: &RawMessage) -> Option<Message> {
        let (list, one) = (self.words.constant("list"), self.words.constant("petition_root"));
        let message = Message::read(raw, list, one).ok().or_else(|| Message::guess(raw))?;
        decode::is_list(&self.words, raw, &message).then_some(message)
    }

    /// A code list, unless it is still the one whose tag is the cursor.
    pub(crate) async fn pull_code_list(
        &self,
        remote: &dyn Remote,
        feed: &str,
        etag: Option<&str>,
        now: Timestamp,
    ) -> Result<Page, RemoteError> {
        let name = feed.trim_start_matches("danh-muc/");
        let mut request = self.get(self.path("code_list", &[("danhMuc", name)])?);
        if let Some(tag) = etag.and_then(|tag| HeaderValue::from_str(tag).ok()) {
            request.headers.insert(header::IF_NONE_MATCH, tag);
        }
        let reply = remote.call(request).await?;
        if reply.status == StatusCode::NOT_MODIFIED {
            return Ok(Page { raw: None, next: None, more: false });
        }
        let tag = reply.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok());
        let tag = tag.filter(|tag| tag.len() <= ETAG_BYTES_MAX).map(str::to_owned);
        let raw = raw(feed, success(reply)?, now);
        // The tag of something that is no list would keep us from asking for the list.
        let next = if self.list(&raw).is_some() { tag } else { None };
        Ok(Page { raw: Some(raw), next, more: false })
    }

    /// The content of a petitioner's file. Whether it is the announced one the gateway judges.
    pub(crate) async fn fetch_file(
        &self,
        remote: &dyn Remote,
        external_id: &str,
        attachment: &Attachment,
    ) -> Result<Fetched, Verdict> {
        if attachment.remote_id.is_empty() {
            return Err(Verdict::Reject { reason: "the file was announced without maTep".to_owned() });
        }
        let parts = [("ma", external_id), ("maTep", attachment.remote_id.as_str())];
        let path = self.words.path("attachment", &parts).map_err(|fault| impossible(&fault))?;
        let request = Request::get(path);
        let fetched = remote.download(request).await.map_err(|error| not_fetched(&error))?;
        if let Some(verdict) = page_instead_of_file(attachment, &fetched) {
            return Err(verdict);
        }
        Ok(fetched)
    }

    /// Tells one notice; an answer's files travel before it.
    pub(crate) async fn tell(&self, remote: &dyn Remote, notice: &Notice) -> Verdict {
        let told = match encode::encode(&self.words, self.portal.format, notice) {
            Ok(told) => told,
            Err(fault) => return impossible(&fault),
        };
        if let NoticeBody::Answered { answer } = &notice.body {
            for attachment in &answer.attachments {
                match self.upload(remote, notice, attachment).await {
                    Verdict::Delivered { .. } => {}
                    // The address is the content's digest: the same file again leaves the same file there, and of the
                    // answer itself nothing has left yet.
                    Verdict::Unknown { reason, not_before } => return Verdict::Retry { reason, not_before },
                    other => return other,
                }
            }
        }
        self.post(remote, notice, told).await
    }

    async fn upload(&self, remote: &dyn Remote, notice: &Notice, attachment: &Attachment) -> Verdict {
        let parts = [("ma", notice.external_id.as_str()), ("sha256", attachment.sha256.as_str())];
        let path = match self.words.path("upload", &parts) {
            Ok(path) => path,
            Err(fault) => return impossible(&fault),
        };
        // A key of its own, stable over retries: the delivery's key belongs to the answer itself.
        let key = format!("{}.{}", notice.delivery_id, attachment.sha256);
        let mut request = self.asking(Request::new(Method::PUT, path)).key(&key);
        let content_type = match attachment.media_type.as_str() {
            "" => "application/octet-stream",
            media_type => media_type,
        };
        request.body = Body::Blob { content_type: content_type.to_owned(), sha256: attachment.sha256.clone() };
        verdict_with(&remote.call(request).await, ALREADY, SYNTAXES, |reply| self.complaint(reply))
    }

    async fn post(&self, remote: &dyn Remote, notice: &Notice, told: Told) -> Verdict {
        let path = match self.words.path(told.path, &[("ma", &notice.external_id)]) {
            Ok(path) => path,
            Err(fault) => return impossible(&fault),
        };
        let request = self.asking(Request::new(Method::POST, path)).bytes(told.content_type, told.body);
        let result = remote.call(request.key(&notice.delivery_id)).await;
        match verdict_with(&result, ALREADY, SYNTAXES, |reply| self.complaint(reply)) {
            Verdict::Delivered { .. } => {
                Verdict::Delivered { remote_reference: result.ok().and_then(|reply| self.reference(&reply)) }
            }
            other => other,
        }
    }

    /// Asks the portal whether it has the message of this delivery, by its key.
    pub(crate) async fn ask_about(&self, remote: &dyn Remote, notice: &Notice) -> Result<Known, RemoteError> {
        let Ok(path) = self.words.path("status", &[("ma", &notice.external_id)]) else { return Ok(Known::CannotTell) };
        let reply = remote.call(self.get(path).key(&notice.delivery_id)).await?;
        if NOT_TO_BE_ASKED.contains(&reply.status.as_u16()) {
            return Ok(Known::CannotTell);
        }
        let Some(root) = tree(&success(reply)?) else { return Ok(Known::CannotTell) };
        let record = self.words.map("reference").read(&root).record;
        Ok(match record.boolean("known") {
            Some(true) => Known::Has { remote_reference: record.text("reference").map(str::to_owned) },
            Some(false) => Known::HasNot,
            None => Known::CannotTell,
        })
    }

    fn reference(&self, reply: &Reply) -> Option<String> {
        self.words.map("reference").read(&tree(reply)?).record.take_text("reference")
    }

    /// The error code and the fields that a refusal names; its texts stay behind, for they may quote the petition.
    fn complaint(&self, reply: &Reply) -> Option<Complaint> {
        let (root, map) = (tree(reply)?, self.words.map("error"));
        // An error document is one without a code too, and with one that is no text.
        let at = map.place_of("code").unwrap_or_default();
        let has_code = root.child(&at).is_some_and(|it| it.content != Content::Null && it.text().is_none());
        let is_error = has_code || root.name == self.words.constant("error_root");
        let record = map.read(&root).record;
        let details = record.list("details").iter().filter_map(|detail| detail.as_record());
        let fields = details.filter_map(|detail| detail.text("field")).map(str::to_owned).collect();
        let code = record.text("code").unwrap_or_default();
        let code = if code.is_empty() && is_error { self.words.constant("error_root") } else { code };
        Some(Complaint { code: code.to_owned(), fields })
    }

    /// Asks for the smallest code list: it needs our credentials and changes nothing.
    pub(crate) async fn ask_alive(&self, remote: &dyn Remote) -> Result<(), RemoteError> {
        let path = self.path("code_list", &[("danhMuc", "trang-thai")])?;
        success(remote.call(self.get(path)).await?).map(drop)
    }

    /// The address of a call that is not about one notice.
    pub(crate) fn path(&self, name: &str, parts: &[(&str, &str)]) -> Result<String, RemoteError> {
        self.words.path(name, parts).map_err(|fault| RemoteError::Unreachable(fault.to_string()))
    }

    pub(crate) fn get(&self, path: String) -> Request {
        self.asking(Request::get(path))
    }

    /// `request` with the syntax that we ask for.
    fn asking(&self, mut request: Request) -> Request {
        let accept = match self.portal.format {
            Format::Json => "application/json",
            Format::Xml => "application/xml",
        };
        request.headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        request
    }
}

/// The verdict on what can never be asked: an id that is no path segment, a notice that the dialect cannot carry.
fn impossible(fault: &Fault) -> Verdict {
    Verdict::Reject { reason: format!("the call cannot be made: {fault}") }
}

/// A reply that says something; every other status is an error of the attempt.
pub(crate) fn success(reply: Reply) -> Result<Reply, RemoteError> {
    match reply.status.as_u16() {
        200..=299 => Ok(reply),
        status @ (401 | 403) => Err(RemoteError::Credentials(format!("HTTP {status}"))),
        status => Err(RemoteError::Status(status)),
    }
}

pub(crate) fn raw(feed: &str, reply: Reply, now: Timestamp) -> RawMessage {
    let content_type = content_type(&reply.headers);
    RawMessage { entrance: Entrance::Pull, route: feed.to_owned(), content_type, received_at: now, body: reply.body }
}

/// The body of a reply, where it can be read, by its first character: not every portal declares it rightly.
fn tree(reply: &Reply) -> Option<Node> {
    let undeclared = Reply { headers: HeaderMap::new(), ..reply.clone() };
    Message::read(&raw("", undeclared, Timestamp::UNIX_EPOCH), "", "").ok().map(|message| message.root)
}

fn content_type(headers: &HeaderMap) -> String {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned()
}

/// An instant as the portal writes it: whole seconds, Vietnamese time.
pub(crate) fn local(instant: Timestamp) -> String {
    let zoned = instant.to_zoned(TimeZone::fixed(jiff::tz::offset(7)));
    zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}
