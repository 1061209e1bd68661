//! What is kept of a change as text: JSON of its records, and the words by which it is found.
//!
//! Callers make it ready before they hand the change in. An engine has one place that writes and everybody waits for it:
//! what is done there costs all, what is done before costs its caller alone and on as many cores as there are.

use std::sync::OnceLock;

use super::{Change, StoreError, columns::to_json, words};

/// The texts of a change, once they were asked for. What they are made of must not be altered after that.
#[derive(Debug, Default)]
pub struct Texts(OnceLock<Ready>);

/// A copy of a change may be meant to become another one, so its texts are made anew.
impl Clone for Texts {
    fn clone(&self) -> Texts {
        Texts::default()
    }
}

/// The texts themselves.
#[derive(Debug)]
pub(in crate::store) struct Ready {
    /// The petition.
    pub(in crate::store) doc: String,
    /// The bodies of the events, in order.
    pub(in crate::store) bodies: Vec<String>,
    /// The errands of the deliveries, in order.
    pub(in crate::store) errands: Vec<String>,
    /// The petition's words, where the change alters them.
    pub(in crate::store) words: Option<String>,
}

impl Change {
    /// Makes everything ready that the change will be kept as. Asked for or not, the engine writes the same.
    ///
    /// # Errors
    /// A record cannot be told as JSON, which the engine would find out too.
    pub fn make_ready(&self) -> Result<(), StoreError> {
        self.ready().map(|_| ())
    }

    pub(in crate::store) fn ready(&self) -> Result<&Ready, StoreError> {
        if let Some(ready) = self.texts.0.get() {
            return Ok(ready);
        }
        let made = Ready {
            doc: to_json(&self.petition)?,
            bodies: self.events.iter().map(|event| to_json(&event.body)).collect::<Result<_, _>>()?,
            errands: self.deliveries.iter().map(|new| to_json(&new.errand)).collect::<Result<_, _>>()?,
            words: self
                .events
                .iter()
                .any(|event| words::are_changed_by(&event.body))
                .then(|| words::words_of(&self.petition)),
        };
        Ok(self.texts.0.get_or_init(|| made))
    }

    /// How many bytes the texts hold, as far as they are there.
    pub(crate) fn texts_bytes(&self) -> usize {
        self.texts.0.get().map_or(0, |it| {
            let all = it.bodies.iter().chain(&it.errands).chain(&it.words);
            it.doc.len() + all.map(String::len).sum::<usize>()
        })
    }
}
