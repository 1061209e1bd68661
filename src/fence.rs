//! Work that goes on only while this gateway may do it: as long as a lease lasts, or as long as it is its turn.
//!
//! A gateway may be held up at any line for any time (a stopped process, a machine that sleeps), and what it held is
//! somebody else's by then. So before each step of the work it looks once more: a call that waits for its place in a queue
//! when the lease ends is not made any more. What is on its way already is, and the far side knows it by its key.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

/// Works as long as `may` says so; `None` when it does not any more.
pub async fn while_allowed<T>(may: impl Fn() -> bool, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|cx| if may() { work.as_mut().poll(cx).map(Some) } else { Poll::Ready(None) }).await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn work_stops_at_the_next_step_after_it_is_no_longer_allowed() {
        let (may, steps) = (Cell::new(true), Cell::new(0));
        let work = async {
            for step in 1..=3 {
                steps.set(step);
                // Held up here, as a stopped process is.
                may.set(step < 2);
                tokio::task::yield_now().await;
            }
        };
        assert_eq!(while_allowed(|| may.get(), work).await, None);
        assert_eq!(steps.get(), 2);
        assert_eq!(while_allowed(|| true, async { 7 }).await, Some(7));
    }
}
