//! What the portal shows of what it has: the same list that is pulled, from its beginning and whole, and one petition at
//! its own address. A listing tells revisions and statuses; what became of one of our messages the portal is asked.

use std::collections::BTreeMap;

use channel_sdk::{
    adapter::RawMessage,
    listing::{Listed, Listing, Shown, Standing},
    notice::{Notice, NoticeKind},
    remote::{Remote, RemoteError, segment},
};
use jiff::Timestamp;

use crate::{
    GovernmentPortal,
    converse::{local, raw, success},
    decode::is_same_agency,
    items::{self, List},
};

/// The fact that tells `trangThai`, by the gateway's name of it.
const STATUS: &str = "status";

impl GovernmentPortal {
    /// One page of everything since [`crate::config::Portal::pull_from`]; the cursor is the portal's own token.
    pub(crate) async fn list_page(
        &self,
        remote: &dyn Remote,
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<Listing, RemoteError> {
        let mut request = self.get(self.path("petitions", &[])?);
        request = request.query("tuThoiDiem", local(self.portal.pull_from)).query("coQuan", &self.portal.agency);
        request = request.query("soLuong", self.portal.page_size.to_string());
        if let Some(token) = token {
            request = request.query("conTro", token);
        }
        let page = raw("pakn", success(remote.call(request).await?)?, now);
        // What is no page would end the listing, and everything beyond it would seem to be missing there.
        let unread = || RemoteError::NoAnswer("the answer is no list of the protocol".to_owned());
        let after = self.after(&page).ok_or_else(unread)?;
        let message = self.list(&page).ok_or_else(unread)?;
        let placed = items::items(&self.words, message, List::Petitions).map_err(|_| unread())?;
        let count = placed.len();
        let items: Vec<Listed> = placed.into_iter().filter_map(|(_, node)| self.listed(&node.ok()?)).collect();
        let unreadable = u32::try_from(count - items.len()).unwrap_or(u32::MAX);
        let next = after.token.filter(|_| after.more);
        if next.is_some() && next.as_deref() == token {
            return Err(RemoteError::NoAnswer("the list leads back to the same page".to_owned()));
        }
        Ok(Listing { items, unreadable, next })
    }

    fn listed(&self, node: &channel_sdk::tree::Node) -> Option<Listed> {
        // Whatever else is wrong with it: what of it can be compared is.
        let record = self.words.map("petition").read(node).record;
        let external_id = record.text("external_id").filter(|id| !id.is_empty())?.to_owned();
        let status = record.code("status");
        let receiver = record.text("receiving_agency.code").unwrap_or("");
        let standing = match status {
            Some("withdrawn") => Some(Standing::Withdrawn),
            Some("forwarded") if !receiver.is_empty() && !is_same_agency(receiver, &self.portal.agency) => {
                Some(Standing::Anothers)
            }
            Some(_) => Some(Standing::Ours),
            None => None,
        };
        let revision = record.integer("revision").and_then(|it| u64::try_from(it).ok()).filter(|it| *it > 0);
        let facts: BTreeMap<String, String> =
            status.map(|status| (STATUS.to_owned(), status.to_owned())).into_iter().collect();
        Some(Listed { external_id, revision, standing, facts })
    }

    /// One petition whole.
    pub(crate) async fn read_petition(
        &self,
        remote: &dyn Remote,
        external_id: &str,
        now: Timestamp,
    ) -> Result<Option<RawMessage>, RemoteError> {
        if matches!(external_id, "" | "." | "..") {
            return Ok(None);
        }
        let path = format!("{}/{}", self.path("petitions", &[])?, segment(external_id));
        let reply = remote.call(self.get(path)).await?;
        if matches!(reply.status.as_u16(), 404 | 410) {
            return Ok(None);
        }
        Ok(Some(raw(&format!("pakn/{}", segment(external_id)), success(reply)?, now)))
    }
}

/// The list tells the last status alone: that another stands there may mean that a message is missing, and that ours stands
/// there does not say which of several such messages put it there.
pub(crate) fn shows(listed: &Listed, notice: &Notice) -> Shown {
    let told = match notice.body.kind() {
        NoticeKind::Received => return Shown::CannotTell,
        NoticeKind::Accepted => "accepted",
        NoticeKind::Declined => "declined",
        NoticeKind::Forwarded => "forwarded",
        NoticeKind::InformationRequested => "information_requested",
        NoticeKind::Assigned | NoticeKind::InProgress | NoticeKind::DeadlineExtended | NoticeKind::Reopened => {
            "in_progress"
        }
        NoticeKind::Answered => "answered",
        NoticeKind::Published => "published",
        NoticeKind::Closed => "closed",
    };
    match listed.facts.get(STATUS) {
        Some(status) if status != told => Shown::Other,
        _ => Shown::CannotTell,
    }
}
