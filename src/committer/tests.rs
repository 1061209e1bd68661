//! What callers of the committer are promised.

use bytes::Bytes;
use futures::{FutureExt, future::join_all};

use super::{
    queue::{BATCH_WRITES_MAX, WAITING_BULK_MAX, WAITING_WRITES_MAX},
    *,
};
use crate::store::suite::{Bench, locked_sqlite_bench, message, sqlite_bench};

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
    assert!(task.lanes.wait().await);
    assert_eq!(task.lanes.gather().len(), BATCH_WRITES_MAX);
    assert_eq!((task.lanes.waiting(Urgency::People), task.lanes.gather().len()), (1, 1));
    hand_in_many(3 * 1024 * 1024, 3);
    assert_eq!(task.lanes.gather().len(), 2, "two fit, the third waits for the next batch");
    assert_eq!(task.lanes.gather().len(), 1);
    hand_in_many(20 * 1024 * 1024, 1);
    hand_in_many(1, 1);
    assert_eq!(task.lanes.gather().len(), 1, "one that is larger than a batch goes alone");
}

/// Hands in so many messages that wait.
fn hand_in_messages(committer: &Committer, count: usize, size_bytes: usize) -> Vec<Waiting<'_>> {
    let hand_in_one = |_| {
        let mut call: Waiting<'_> = Box::pin(committer.journal(message_of(size_bytes)));
        hand_in(&mut call);
        call
    };
    (0..count).map(hand_in_one).collect()
}

type Waiting<'a> = futures::future::BoxFuture<'a, Result<MessageId, StoreError>>;

/// How many writes of each urgency wait: the gateway's own, people's, bulk.
fn waiting(task: &CommitterTask) -> [usize; 3] {
    [Urgency::Own, Urgency::People, Urgency::Bulk].map(|urgency| task.lanes.waiting(urgency))
}

#[tokio::test]
async fn a_form_is_in_the_next_batch_however_much_bulk_waits() {
    let (bench, committer, mut task) = parts().await;
    let bulk = committer.with(Urgency::Bulk);
    let _import = hand_in_messages(&bulk, 400, 1);
    let mut form = Box::pin(committer.change(bench.new_petition("form")));
    hand_in(&mut form);
    let mut duty = Box::pin(bulk.pause("portal", true, "a reason"));
    hand_in(&mut duty);
    assert_eq!(waiting(&task), [1, 1, 400]);
    let batch = task.lanes.gather();
    assert!(matches!((&batch[0].write, &batch[1].write), (Write::Pause { .. }, Write::Change(_))), "in this order");
    assert_eq!((batch.len(), waiting(&task)), (130, [0, 0, 272]), "bulk gets a quarter of a batch beside people");
    // Somebody was there a moment ago, and may be again: bulk makes this batch no longer, the one after it is whole.
    assert_eq!([task.lanes.gather().len(), task.lanes.gather().len()], [128, 144]);
}

#[tokio::test]
async fn bulk_goes_on_whatever_people_do() {
    let (_bench, committer, mut task) = parts().await;
    let bulk = committer.with(Urgency::Bulk);
    let _forms = hand_in_messages(&committer, WAITING_WRITES_MAX, 1);
    let _import = hand_in_messages(&bulk, 100, 1);
    assert_eq!((task.lanes.gather().len(), waiting(&task)), (512, [0, 576, 36]));
    assert_eq!((task.lanes.gather().len(), waiting(&task)), (512, [0, 100, 0]));
    task.lanes.empty().for_each(drop);
    // Where people's writes fill batches with their bytes alone, every second one begins with bulk.
    let _large = hand_in_messages(&committer, 4, 8 * 1024 * 1024);
    let _import = hand_in_messages(&bulk, 2, 1);
    let of_bulk = |batch: Vec<Job>| batch.iter().filter(|job| job.size_bytes < 1024 * 1024).count();
    assert_eq!([0; 3].map(|_| of_bulk(task.lanes.gather())), [0, 2, 0]);
}

#[tokio::test]
async fn bulk_that_finds_no_room_waits_and_is_not_refused() {
    let (bench, committer, task) = parts().await;
    let bulk = committer.with(Urgency::Bulk);
    let calls = (0..3 * WAITING_BULK_MAX).map(|_| bulk.journal(message_of(1)));
    let mut import = Box::pin(join_all(calls));
    hand_in(&mut import);
    assert_eq!(waiting(&task), [0, 0, WAITING_BULK_MAX]);
    assert!(timeout(2 * ADMISSION_WAIT, &mut import).await.is_err(), "longer than people would wait");
    let answers = with_task(task, import).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(bench.store.counts().await.unwrap().messages, 3 * WAITING_BULK_MAX as u64);
}

#[tokio::test]
async fn callers_are_turned_away_soon_when_too_much_waits() {
    let (bench, committer, task) = parts().await;
    let mut large: Vec<_> = (0..2).map(|_| Box::pin(committer.journal(message_of(31 * 1024 * 1024)))).collect();
    for call in &mut large {
        hand_in(call);
    }
    let refused = committer.journal(message_of(4 * 1024 * 1024)).await;
    assert!(matches!(refused, Err(StoreError::Full)), "too many bytes wait: {refused:?}");
    let mut small: Vec<_> = (2..WAITING_WRITES_MAX).map(|_| Box::pin(committer.journal(message_of(1)))).collect();
    for call in &mut small {
        hand_in(call);
    }
    let refused = committer.journal(message_of(1)).await;
    assert!(matches!(refused, Err(StoreError::Full)), "too many writes wait: {refused:?}");
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
            matches!(
                (&clash, &beside),
                (Err(StoreError::Engine(_) | StoreError::Damaged(_)), Ok(Committed::New { .. }))
            ),
            "{clash:?} {beside:?}"
        );
        assert!(matches!(committer.change(bench.new_petition("PA-3")).await, Ok(Committed::Duplicate { .. })));
    })
    .await;
}

#[tokio::test]
async fn callers_are_turned_away_at_once_while_the_store_takes_no_writes() {
    let (_bench, committer, task) = parts().await;
    *task.busy.lock().unwrap() = Some(Instant::now().checked_sub(2 * BUSY_MAX).unwrap());
    for urgency in [Urgency::Own, Urgency::People, Urgency::Bulk] {
        let refused = committer.with(urgency).journal(message_of(1)).now_or_never();
        assert!(matches!(refused, Some(Err(StoreError::Unavailable(_)))), "{urgency:?}: {refused:?}");
    }
    with_task(task, async {
        committer.leave().await.unwrap();
        assert!(committer.journal(message_of(1)).await.is_ok(), "a sign of life found out that it takes writes again");
    })
    .await;
}

#[tokio::test]
async fn whoever_waits_is_turned_away_when_the_store_takes_nothing() {
    let (bench, somebody) = locked_sqlite_bench();
    let (committer, task) = super::committer(Arc::clone(&bench.store)).await.unwrap();
    let of_people = hand_in_messages(&committer, 600, 1);
    let bulk = committer.with(Urgency::Bulk);
    let of_bulk = hand_in_messages(&bulk, 500, 1);
    with_task(task, async {
        for answer in join_all(of_people.into_iter().chain(of_bulk)).await {
            assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
        }
        drop(somebody);
        committer.leave().await.unwrap();
        committer.journal(message_of(1)).await.unwrap();
    })
    .await;
}
