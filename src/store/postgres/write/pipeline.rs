//! Many statements in one round trip: each is sent before the first is answered, and they are carried out in order.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

use deadpool_postgres::ClientWrapper;
use tokio_postgres::{Error, Row, types::ToSql};

/// A value of a statement.
pub(super) type Value<'a> = Box<dyn ToSql + Sync + Send + 'a>;

/// One statement with its values.
pub(super) struct Step<'a> {
    pub(super) sql: &'static str,
    pub(super) values: Vec<Value<'a>>,
}

impl<'a> Step<'a> {
    pub(super) fn new(sql: &'static str, values: Vec<Value<'a>>) -> Step<'a> {
        Step { sql, values }
    }
}

/// What is sent: plain text without values, which may be several commands, or a prepared statement.
pub(super) enum Sent<'a> {
    Text(&'static str),
    Step(Step<'a>),
}

type Answer<'c> = Pin<Box<dyn Future<Output = Result<Vec<Row>, Error>> + Send + 'c>>;

/// Carries out the steps in order and gives the rows of each. After the first that fails the rest is refused by the
/// database, and its error is given.
pub(super) async fn run(conn: &ClientWrapper, steps: &[Sent<'_>]) -> Result<Vec<Vec<Row>>, Error> {
    let mut prepared = Vec::with_capacity(steps.len());
    for sent in steps {
        prepared.push(match sent {
            // Once for each connection; from then on it is at hand.
            Sent::Step(step) => Some(conn.prepare_cached(step.sql).await?),
            Sent::Text(_) => None,
        });
    }
    let answers: Vec<Answer<'_>> = steps
        .iter()
        .zip(&prepared)
        .map(|(sent, statement)| -> Answer<'_> {
            match (sent, statement) {
                (Sent::Step(step), Some(statement)) => Box::pin(async move {
                    let values: Vec<&(dyn ToSql + Sync)> =
                        step.values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
                    conn.query(statement, &values).await
                }),
                (Sent::Text(text), _) => Box::pin(async move { conn.batch_execute(text).await.map(|()| Vec::new()) }),
                (Sent::Step(_), None) => unreachable!("every step was prepared"),
            }
        })
        .collect();
    in_order(answers).await
}

/// Polls all, always in the same order: a statement is sent when it is polled first.
async fn in_order(mut answers: Vec<Answer<'_>>) -> Result<Vec<Vec<Row>>, Error> {
    let mut rows: Vec<Option<Vec<Row>>> = answers.iter().map(|_| None).collect();
    poll_fn(move |cx| {
        let mut is_done = true;
        for (answer, rows) in answers.iter_mut().zip(&mut rows).filter(|(_, rows)| rows.is_none()) {
            match answer.as_mut().poll(cx) {
                Poll::Ready(Ok(ready)) => *rows = Some(ready),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => is_done = false,
            }
        }
        crate::failpoint::at!("postgres.sent");
        if !is_done {
            return Poll::Pending;
        }
        Poll::Ready(Ok(std::mem::take(&mut rows).into_iter().flatten().collect()))
    })
    .await
}
