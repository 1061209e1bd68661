//! A statement that is put together from what a query asks, with its values.
//!
//! It is planned anew each time, with the values in hand: which index serves best depends on how rare they are.

use std::borrow::Cow;

use deadpool_postgres::ClientWrapper;
use tokio_postgres::{
    Row,
    types::{ToSql, Type},
};
use uuid::Uuid;

use super::rows::text;
use crate::store::StoreError;

/// A value of a statement.
#[derive(Clone)]
pub(super) enum Value {
    Integer(i64),
    Id(Uuid),
    Text(String),
    Texts(Vec<String>),
}

impl Value {
    /// A text as the database can hold it.
    pub(super) fn text(plain: &str) -> Value {
        Value::Text(text(plain).into_owned())
    }

    /// Several of them.
    pub(super) fn texts(plain: &[String]) -> Value {
        Value::Texts(plain.iter().map(|it| text(it)).map(Cow::into_owned).collect())
    }

    fn with_type(&self) -> (&(dyn ToSql + Sync), Type) {
        match self {
            Value::Integer(it) => (it, Type::INT8),
            Value::Id(it) => (it, Type::UUID),
            Value::Text(it) => (it, Type::TEXT),
            Value::Texts(it) => (it, Type::TEXT_ARRAY),
        }
    }
}

/// The statement so far.
#[derive(Clone, Default)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

impl Statement {
    /// Takes a value in; gives the name by which the statement may speak of it, as often as it likes.
    pub(super) fn value(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    /// Adds a condition.
    pub(super) fn and(&mut self, condition: &str) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
    }

    /// Its rows, in one round trip.
    pub(super) async fn rows(&self, conn: &ClientWrapper) -> Result<Vec<Row>, StoreError> {
        let values: Vec<_> = self.values.iter().map(Value::with_type).collect();
        Ok(conn.query_typed(&self.sql, &values).await?)
    }
}
