//! What callers of the committer are promised.

use bytes::Bytes;
use futures::{FutureExt, future::join_all};

use super::*;
use crate::store::suite::{Bench, message, sqlite_bench};

async fn parts() -> (Bench, Committer, CommitterTask) {
    let bench = sqlite_bench();
    let (committer, task) = committer(Arc::clone(&bench.store)).await.unwrap();
    (bench, committer, task)
}

/// Runs `work` with the committer's task beside it, and stops that afterwards.
async fn with_task<T>(task: CommitterTask, work: impl Future<Output = T>) -> T {
    let stop = CancellationToken::new();
    let work = async {
        let result = work.await;
        stop.cancel();
        result
    };
    tokio::join!(task.run(stop.clone()), work).1
}

/// Hands the write in without waiting for its answer.
fn hand_in<T>(call: &mut (impl Future<Output = T> + Unpin)) {
    // Unconstrained: the runtime would make a task that hands in hundreds at once wait in between.
    assert!(tokio::task::unconstrained(call).now_or_never().is_none(), "handed in and waiting");
}

fn message_of(size_bytes: usize) -> NewMessage {
    NewMessage { body: Bytes::from(vec![b' '; size_bytes]), ..message("portal", "") }
}

#[tokio::test]
async fn every_caller_gets_its_own_answer() {
    let (bench, committer, task) = parts().await;
    let calls = (0..200).map(|number| committer.change(bench.new_petition(&format!("PA-{}", number / 2))));
    let answers = with_task(task, join_all(calls)).await;
    let new = answers.iter().filter(|it| matches!(it, Ok(Committed::New { .. }))).count();
    let known = answers.iter().filter(|it| matches!(it, Ok(Committed::Duplicate { .. }))).count();
    assert_eq!((new, known), (100, 100));
    assert_eq!(bench.store.counts().await.unwrap().petitions, 100);
}

#[tokio::test]
async fn watchers_are_told_the_last_number_before_the_caller_is() {
    let (bench, committer, task) = parts().await;
    let mut seqs = committer.seq_changes();
    assert_eq!(*seqs.borrow_and_update(), Seq(0));
    let told = with_task(task, async {
        committer.change(bench.new_petition("PA-1")).await.unwrap();
        committer.change(bench.new_petition("PA-2")).await.unwrap();
        let last = *seqs.borrow_and_update();
        committer.change(bench.new_petition("PA-2")).await.unwrap();
        (last, seqs.has_changed().unwrap())
    });
    assert_eq!(told.await, (Seq(2), false), "a repeat is no news");
    let (again, _task) = super::committer(Arc::clone(&bench.store)).await.unwrap();
    assert_eq!(*again.seq_changes().borrow(), Seq(2), "a new start knows the last number");
}

#[tokio::test]
async fn whoever_delivers_is_woken_by_what_may_be_due_and_by_nothing_else() {
    let (bench, committer, task) = parts().await;
    let due = committer.deliveries_due();
    with_task(task, async {
        committer.change(bench.new_petition("PA-1")).await.unwrap();
        committer.journal(message_of(1)).await.unwrap();
        assert!(due.notified().now_or_never().is_none());
        committer.change(bench.new_petition_with_delivery("PA-2")).await.unwrap();
        assert!(due.notified().now_or_never().is_some());
        committer.pause("portal", false, "").await.unwrap();
        assert!(due.notified().now_or_never().is_some());
    })
    .await;
}

#[tokio::test]
async fn what_was_handed_in_before_the_stop_is_committed_and_nothing_after_it() {
    let (bench, committer, task) = parts().await;
    let mut calls: Vec<_> =
        (0..700).map(|number| Box::pin(committer.change(bench.new_petition(&format!("PA-{number}"))))).collect();
    for call in &mut calls {
        hand_in(call);
    }
    let stop = CancellationToken::new();
    stop.cancel();
    task.run(stop).await;
    for answer in join_all(calls).await {
        assert!(matches!(answer, Ok(Committed::New { .. })), "{answer:?}");
    }
    let late = committer.change(bench.new_petition("late")).await;
    assert!(matches!(late, Err(StoreError::Unavailable(_))), "{late:?}");
    assert_eq!(bench.store.counts().await.unwrap().petitions, 700);
}

#[tokio::test]
async fn a_batch_is_bounded_by_writes_and_by_bytes() {
    let (_bench, committer, mut task) = parts().await;
    let mut calls = Vec::new();
    let mut hand_in_many = |size_bytes: usize, count: usize| {
        for _ in 0..count {
            let mut call = Box::pin(committer.journal(message_of(size_bytes)));
            hand_in(&mut call);
            calls.push(call);
        }
    };
    hand_in_many(1, BATCH_WRITES_MAX + 1);
    let first = task.queue.recv().await.unwrap();
    let (batch, left_over) = task.gather(first);
    assert_eq!((batch.len(), left_over.is_none(), task.queue.len()), (BATCH_WRITES_MAX, true, 1));
    drop(task.queue.recv().await);
    hand_in_many(3 * 1024 * 1024, 3);
    let first = task.queue.recv().await.unwrap();
    let (batch, left_over) = task.gather(first);
    assert_eq!((batch.len(), left_over.is_some()), (2, true), "two fit, the third waits for the next batch");
    hand_in_many(20 * 1024 * 1024, 1);
    let large = task.queue.recv().await.unwrap();
    assert_eq!(task.gather(large).0.len(), 1, "one that is larger than a batch goes alone");
}

#[tokio::test]
async fn callers_are_turned_away_soon_when_too_much_waits() {
    let (bench, committer, task) = parts().await;
    let mut large: Vec<_> = (0..2).map(|_| Box::pin(committer.journal(message_of(31 * 1024 * 1024)))).collect();
    for call in &mut large {
        hand_in(call);
    }
    let refused = committer.journal(message_of(4 * 1024 * 1024)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "too many bytes wait: {refused:?}");
    let mut small: Vec<_> = (2..WAITING_WRITES_MAX).map(|_| Box::pin(committer.journal(message_of(1)))).collect();
    for call in &mut small {
        hand_in(call);
    }
    let refused = committer.journal(message_of(1)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "too many writes wait: {refused:?}");
    with_task(task, async {
        assert!(join_all(large).await.iter().all(Result::is_ok));
        assert!(join_all(small).await.iter().all(Result::is_ok));
        assert!(committer.journal(message_of(1)).await.is_ok(), "there is room again");
    })
    .await;
    assert_eq!(bench.store.counts().await.unwrap().messages, WAITING_WRITES_MAX as u64 + 1);
}

#[tokio::test]
async fn a_write_that_the_engine_refuses_fails_alone() {
    let (bench, committer, task) = parts().await;
    let known = bench.new_petition("PA-1");
    let mut clash = bench.new_petition("PA-2");
    clash.petition.id = known.petition.id;
    with_task(task, async {
        committer.change(known).await.unwrap();
        let (clash, beside) = tokio::join!(committer.change(clash), committer.change(bench.new_petition("PA-3")));
        assert!(
            matches!((&clash, &beside), (Err(StoreError::Engine(_)), Ok(Committed::New { .. }))),
            "{clash:?} {beside:?}"
        );
        assert!(matches!(committer.change(bench.new_petition("PA-3")).await, Ok(Committed::Duplicate { .. })));
    })
    .await;
}
