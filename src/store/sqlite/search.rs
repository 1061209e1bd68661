//! Full text: how words are cut and folded, the same way for what is stored and for what is asked.

use std::collections::BTreeSet;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use super::writer::Tx;
use crate::{petition::Petition, store::StoreError};

/// The most words of a query that are looked at: people type a handful; each costs a walk of the index.
const WORDS_MAX: usize = 32;

/// Makes a petition's text findable; what was there under the same row is replaced.
pub(super) fn text_put_in_tx(tx: &Tx<'_>, pk: i64, petition: &Petition) -> Result<(), StoreError> {
    let answer = petition.answer().map_or("", |answer| answer.text.as_str());
    let mut words = String::with_capacity(petition.content.subject.len() + petition.content.body.len() + answer.len());
    for text in [&petition.content.subject, &petition.content.body, answer] {
        fold(text, &mut words);
        words.push(' ');
    }
    tx.sql("INSERT OR REPLACE INTO petition_fts (rowid, words) VALUES (?1, ?2)")?
        .execute(rusqlite::params![pk, words])?;
    Ok(())
}

/// The engine's form of a query: every word, quoted, so that nothing of it can be read as an operator. `None` when there
/// is no word in it.
pub(super) fn query_of(text: &str) -> Option<String> {
    let mut folded = String::with_capacity(text.len());
    fold(text, &mut folded);
    let words: BTreeSet<&str> = folded.split_ascii_whitespace().take(WORDS_MAX).collect();
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    (!quoted.is_empty()).then(|| quoted.join(" "))
}

/// Appends `text` with marks taken off (`ế` is `e`, `đ` is `d`, composed or not), in lower case, and a space for all that
/// is neither letter nor digit: what is left are words and spaces, which every tokenizer cuts alike.
fn fold(text: &str, words: &mut String) {
    for letter in text.nfd().filter(|letter| !is_combining_mark(*letter)) {
        match letter {
            'đ' | 'Đ' => words.push('d'),
            ascii if ascii.is_ascii_alphanumeric() => words.push(ascii.to_ascii_lowercase()),
            ascii if ascii.is_ascii() => words.push(' '),
            other if other.is_alphanumeric() => words.extend(other.to_lowercase().filter(|it| !is_combining_mark(*it))),
            _ => words.push(' '),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_case_and_composition_do_not_matter() {
        for text in ["Bảo hiểm THẤT nghiệp", "ba\u{309}o hie\u{302}\u{309}m that nghiep", "bao hiem thất nghiệp"]
        {
            assert_eq!(query_of(text).as_deref(), Some(r#""bao" "hiem" "nghiep" "that""#), "{text}");
        }
        assert_eq!(query_of("Đường đi").as_deref(), Some(r#""di" "duong""#));
    }

    #[test]
    fn nothing_in_a_query_is_read_as_an_operator() {
        assert_eq!(
            query_of(r#"a" OR words:b* NEAR(c) -d ^e"#).as_deref(),
            Some(r#""a" "b" "c" "d" "e" "near" "or" "words""#)
        );
    }

    #[test]
    fn a_query_without_words_asks_for_nothing() {
        assert_eq!(query_of(" ?! \u{301} "), None);
    }
}
