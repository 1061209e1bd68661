//! Full text: what `crate::store::words` cuts, as this engine's index takes it.

use super::writer::Tx;
use crate::store::{StoreError, words::words_asked};

/// Makes a petition's text findable; what was there under the same row is replaced. A new petition has nothing there, and
/// is spared the look.
pub(super) fn text_put_in_tx(tx: &Tx<'_>, pk: i64, words: &str, is_new: bool) -> Result<(), StoreError> {
    let sql = if is_new {
        "INSERT INTO petition_fts (rowid, words) VALUES (?1, ?2)"
    } else {
        "INSERT OR REPLACE INTO petition_fts (rowid, words) VALUES (?1, ?2)"
    };
    tx.sql(sql)?.execute(rusqlite::params![pk, words])?;
    Ok(())
}

/// The engine's form of a query: every word, quoted, so that nothing of it can be read as an operator. `None` when there
/// is no word in it.
pub(super) fn query_of(text: &str) -> Option<String> {
    let quoted: Vec<String> = words_asked(text).iter().map(|word| format!("\"{word}\"")).collect();
    (!quoted.is_empty()).then(|| quoted.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_a_query_is_quoted_and_none_is_no_query() {
        assert_eq!(query_of("bảo OR NEAR(hiểm*").as_deref(), Some(r#""bao" "hiem" "near" "or""#));
        assert_eq!(query_of("?!"), None);
    }
}
