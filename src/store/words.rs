//! Full text: how words are cut and folded, on every engine the same way for what is stored and for what is asked.
//!
//! Only "every word occurs" is asked, so a petition's text is kept as its distinct words, without their places.

use std::collections::BTreeSet;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::petition::{EventBody, Petition};

/// The most words of a query that are looked at: people type a handful; each costs a walk of the index.
const WORDS_MAX: usize = 32;

/// The most letters of a word that are looked at. Vietnamese syllables have seven; what is longer is a web address or
/// garbage. PostgreSQL refuses an index entry of more than a third of a page, 2,700 bytes: these are at most 256.
const LETTERS_MAX: usize = 64;

/// Status moves leave the words as they are; only these change what can be found.
pub(in crate::store) fn are_changed_by(event: &EventBody) -> bool {
    matches!(event, EventBody::Received { .. } | EventBody::Amended { .. } | EventBody::Answered { .. })
}

/// The distinct words of a petition's subject, body and answer in force, in order, with a space between them.
pub(in crate::store) fn words_of(petition: &Petition) -> String {
    let answer = petition.answer().map_or("", |answer| answer.text.as_str());
    let mut folded = String::with_capacity(petition.content.subject.len() + petition.content.body.len() + answer.len());
    for text in [&petition.content.subject, &petition.content.body, answer] {
        fold(text, &mut folded);
        folded.push(' ');
    }
    let words: BTreeSet<&str> = cut(&folded).collect();
    let mut joined = String::with_capacity(folded.len());
    for word in words {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(word);
    }
    joined
}

/// The distinct words that a query asks for, in order; none when there is no word in it.
pub(in crate::store) fn words_asked(text: &str) -> Vec<String> {
    let mut folded = String::with_capacity(text.len());
    fold(text, &mut folded);
    let words: BTreeSet<&str> = cut(&folded).take(WORDS_MAX).collect();
    words.into_iter().map(str::to_owned).collect()
}

/// Appends `text` with marks taken off (`ế` is `e`, `đ` is `d`, composed or not), in lower case, and a space for all that
/// is neither letter nor digit: what is left are words and spaces, which every engine cuts alike.
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

/// The words of a folded text, each no longer than is looked at.
fn cut(folded: &str) -> impl Iterator<Item = &str> {
    let end_of = |word: &str| word.char_indices().nth(LETTERS_MAX).map_or(word.len(), |(end, _)| end);
    folded.split_ascii_whitespace().map(move |word| &word[..end_of(word)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_case_and_composition_do_not_matter() {
        for text in ["Bảo hiểm THẤT nghiệp", "ba\u{309}o hie\u{302}\u{309}m that nghiep", "bao hiem thất nghiệp"]
        {
            assert_eq!(words_asked(text), ["bao", "hiem", "nghiep", "that"], "{text}");
        }
        assert_eq!(words_asked("Đường đi"), ["di", "duong"]);
    }

    #[test]
    fn nothing_in_a_query_is_more_than_a_word() {
        let asked = words_asked("a\" OR words:b* NEAR(c) -d ^e {f,g}\\'h\0i\u{10FFFE}");
        assert_eq!(asked, ["a", "b", "c", "d", "e", "f", "g", "h", "i", "near", "or", "words"]);
    }

    #[test]
    fn a_query_without_words_asks_for_nothing() {
        assert!(words_asked(" ?! \u{301} ").is_empty());
    }

    #[test]
    fn a_long_word_is_cut_between_letters_and_alike_in_what_is_stored_and_asked() {
        let long = "ệ文𝐚".repeat(100);
        let [word] = &words_asked(&long)[..] else { panic!("one word became several") };
        assert_eq!(word.chars().count(), LETTERS_MAX);
        assert_eq!(words_asked(&format!("{long}!")), words_asked(&format!("{word}khác")));
    }
}
