//! How much memory a write holds while it waits.

use crate::store::Write;

/// What a write costs beside its texts, about: rows, keys, the answer's channel.
const WRITE_BYTES: usize = 1_024;

/// About how many bytes a write holds: its long texts.
pub(super) fn size_of(write: &Write) -> usize {
    WRITE_BYTES
        + match write {
            Write::Journal(message) => message.body.len(),
            Write::Change(change) => {
                let content = &change.petition.content;
                let extensions: usize = content.extensions.values().map(String::len).sum();
                let answers: usize = change.petition.answers.iter().map(|answer| answer.text.len()).sum();
                // Petition and event each hold it, and both again as they will be kept.
                2 * (content.body.len() + extensions) + answers + change.texts_bytes()
            }
            Write::Items(items) => items.len() * WRITE_BYTES,
            Write::Reconcile(step) => step.rows() * WRITE_BYTES / 4,
            Write::CodeList { list, .. } => list.entries.iter().map(|(code, name)| code.len() + name.len()).sum(),
            Write::MessageDone(_)
            | Write::Reopen(_)
            | Write::TakeOver(_)
            | Write::Beat(_)
            | Write::Leave
            | Write::Sync(_)
            | Write::Claim(_)
            | Write::Settle(_)
            | Write::Retry(_)
            | Write::SendAgain(_)
            | Write::Pause { .. } => 0,
        }
}
