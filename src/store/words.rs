//! Full text: how words are cut and folded, on every engine the same way for what is stored and for what is asked.
//!
//! Only "every word occurs" is asked, so a petition's text is kept as its distinct words, without their places.

use std::{cmp::Ordering, sync::LazyLock};

use unicode_normalization::char::{decompose_canonical, is_combining_mark};

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
    let mut joined = String::with_capacity(folded.len());
    for word in distinct(cut(&folded)) {
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
    distinct(cut(&folded).take(WORDS_MAX)).map(str::to_owned).collect()
}

/// The words in order, each once. Words are short: nearly all are told apart, and told to be the same, by their first
/// sixteen bytes as one number.
fn distinct<'a>(words: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    let mut keyed: Vec<(u128, &str)> = words.map(|word| (key_of(word), word)).collect();
    keyed.sort_unstable_by(order);
    keyed.dedup_by(|a, b| order(a, b).is_eq());
    keyed.into_iter().map(|(_, word)| word)
}

/// Texts say the same words again and again: where neither is longer than its key, equal keys are equal words.
fn order(a: &(u128, &str), b: &(u128, &str)) -> Ordering {
    let is_told_by_keys = a.1.len() <= KEY_BYTES && b.1.len() <= KEY_BYTES;
    a.0.cmp(&b.0).then_with(|| if is_told_by_keys { Ordering::Equal } else { a.1.cmp(b.1) })
}

/// What of a word its key holds.
const KEY_BYTES: usize = 16;

/// The first sixteen bytes as a number, which orders as they do.
fn key_of(word: &str) -> u128 {
    let mut first = [0; KEY_BYTES];
    let length = word.len().min(first.len());
    first[..length].copy_from_slice(&word.as_bytes()[..length]);
    u128::from_be_bytes(first)
}

/// Appends `text` with marks taken off (`ế` is `e`, `đ` is `d`, composed or not), in lower case, and a space for all that
/// is neither letter nor digit: what is left are words and spaces, which every engine cuts alike.
fn fold(text: &str, words: &mut String) {
    for letter in text.chars() {
        match FOLDED.get(letter as usize) {
            Some(&DROPPED) => {}
            Some(&folded) if folded != NOT_ONE => words.push(char::from(folded)),
            _ => fold_letter(letter, words),
        }
    }
}

/// Letters up to here are looked up: Latin with all marks that Vietnamese has.
const LOOKED_UP: u32 = 0x2000;
/// In the table: a mark, of which nothing is left.
const DROPPED: u8 = 0;
/// In the table: what is not folded into one ASCII sign.
const NOT_ONE: u8 = 0x80;

/// What [`fold_letter`] makes of each of the first letters: texts are folded with each change of a petition, and working
/// it out anew each time cost a third of what recording one took.
static FOLDED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut folded = String::new();
    let of = |letter: char| {
        folded.clear();
        fold_letter(letter, &mut folded);
        match folded.as_bytes() {
            [] => DROPPED,
            [one] => *one,
            _ => NOT_ONE,
        }
    };
    (0..LOOKED_UP).map(|code| char::from_u32(code).expect("no surrogate is as low")).map(of).collect()
});

fn fold_letter(letter: char, words: &mut String) {
    decompose_canonical(letter, |part| match part {
        'đ' | 'Đ' => words.push('d'),
        ascii if ascii.is_ascii_alphanumeric() => words.push(ascii.to_ascii_lowercase()),
        ascii if ascii.is_ascii() => words.push(' '),
        mark if is_combining_mark(mark) => {}
        other if other.is_alphanumeric() => words.extend(other.to_lowercase().filter(|it| !is_combining_mark(*it))),
        _ => words.push(' '),
    });
}

/// The words of a folded text, each no longer than is looked at.
fn cut(folded: &str) -> impl Iterator<Item = &str> {
    let end_of = |word: &str| word.char_indices().nth(LETTERS_MAX).map_or(word.len(), |(end, _)| end);
    folded.split_ascii_whitespace().map(move |word| &word[..end_of(word)])
}

#[cfg(test)]
mod tests {
    use unicode_normalization::UnicodeNormalization;

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
    fn every_letter_is_folded_as_its_decomposition_is() {
        let (latin, some_others) = (0..0x3000, (0x3000..=u32::from(char::MAX)).step_by(61));
        for letter in latin.chain(some_others).filter_map(char::from_u32) {
            let (mut folded, mut expected) = (String::new(), String::new());
            fold(&letter.to_string(), &mut folded);
            for part in letter.nfd().filter(|part| !is_combining_mark(*part)) {
                match part.to_ascii_lowercase() {
                    'đ' | 'Đ' => expected.push('d'),
                    ascii if ascii.is_ascii_alphanumeric() => expected.push(ascii),
                    other if other.is_alphanumeric() => {
                        expected.extend(other.to_lowercase().filter(|it| !is_combining_mark(*it)));
                    }
                    _ => expected.push(' '),
                }
            }
            assert_eq!(folded, expected, "{letter:?}");
        }
    }

    #[test]
    fn the_words_of_a_petition_are_in_order_and_each_is_there_once() {
        let long = ["trach-nhiem-giai-trinh-a", "trach-nhiem-giai", "trach-nhiem-giai-trinh-A", "trach-nhiem-giai"];
        let words = ["bao", "an", "bao", "anh", "a"].into_iter().chain(long);
        let sorted: Vec<&str> = distinct(words).collect();
        assert_eq!(sorted[..4], ["a", "an", "anh", "bao"]);
        assert_eq!(sorted[4..], ["trach-nhiem-giai", "trach-nhiem-giai-trinh-A", "trach-nhiem-giai-trinh-a"]);
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
