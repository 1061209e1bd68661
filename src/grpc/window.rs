//! How much of imports is under way at once for each client: so many items, and so many bytes of them.
//!
//! All imports of a client share one window, so that ten of them take no more of the gateway than one. A window that is
//! full slows the stream down (nothing more is read from it); it refuses nothing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::admission::Client;

/// Items under way at once: half a batch of the committer, so that one client fills commits and leaves room for others.
const ITEMS: usize = 256;
/// Bytes that an item may have before it counts as two, and so on: 16 MiB for all of them together.
const ITEM_BYTES: usize = 64 * 1024;

/// The windows of all clients that import now. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Windows(Arc<Mutex<HashMap<Client, Weak<Semaphore>>>>);

/// A client's window, shared by its imports.
pub(super) struct Window(Arc<Semaphore>);

impl Windows {
    /// The client's window; a new one if it imports nothing else now.
    pub(super) fn of(&self, client: Client) -> Window {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(&client).and_then(Weak::upgrade) {
            return Window(known);
        }
        all.retain(|_, window| window.strong_count() > 0);
        let window = Arc::new(Semaphore::new(ITEMS));
        all.insert(client, Arc::downgrade(&window));
        Window(window)
    }
}

impl Window {
    /// Waits until there is room for an item of this size; given back when dropped.
    pub(super) async fn room(&self, size_bytes: usize) -> OwnedSemaphorePermit {
        let places = (size_bytes / ITEM_BYTES + 1).min(ITEMS);
        let places = u32::try_from(places).expect("there are few places");
        Arc::clone(&self.0).acquire_many_owned(places).await.expect("a window is never closed")
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use tokio::task::unconstrained;

    use super::*;

    /// Room for an item, if there is some now.
    fn room(window: &Window, size_bytes: usize) -> Option<OwnedSemaphorePermit> {
        // Unconstrained: the runtime would make a task that asks for hundreds at once wait in between.
        unconstrained(window.room(size_bytes)).now_or_never()
    }

    #[test]
    fn imports_of_one_client_share_a_window_and_those_of_others_do_not() {
        let windows = Windows::default();
        let (first, second, other) = (windows.of(1), windows.of(1), windows.of(2));
        let mut held: Vec<_> =
            (0..ITEMS).map(|number| room(if number % 2 == 0 { &first } else { &second }, 100).unwrap()).collect();
        assert!(room(&first, 100).is_none() && room(&second, 100).is_none());
        assert!(room(&other, 100).is_some());
        drop(held.pop());
        assert!(room(&second, 100).is_some());
    }

    #[test]
    fn large_items_take_more_of_it_and_the_largest_all() {
        let windows = Windows::default();
        let window = windows.of(1);
        let held = room(&window, ITEM_BYTES * 128).unwrap();
        assert!(room(&window, ITEM_BYTES * 127).is_none());
        drop(held);
        assert!(room(&window, usize::MAX).is_some());
    }

    #[test]
    fn nobody_is_remembered_who_imports_nothing() {
        let windows = Windows::default();
        for client in 0..100 {
            drop(windows.of(client));
        }
        assert_eq!(windows.0.lock().unwrap().len(), 1);
    }
}
