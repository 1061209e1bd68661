//! A bounded XML reader and writer over the [`crate::tree::Node`] tree.
//!
//! The reader takes UTF-8 only, expands namespaces, and knows no document type definition: `DOCTYPE` is refused, so
//! there is no entity to expand beyond the five of XML and character references. Comments and processing instructions
//! are skipped.
//!
//! Text is exact, more so than XML 1.0 asks: a literal carriage return is kept although section 2.11 would fold it, and
//! white space in attributes is kept although section 3.3.3 would, because senders who forget to escape them mean them
//! all the same. The writer puts carriage returns, and line breaks and tabs in attributes, as character references, so
//! that every reader gives back what was written.
//!
//! A list that is refused for one of its items is taken apart by [`part`], so that the others are read all the same.

mod part;
mod read;
mod write;

pub use part::{Parted, Torn, part};
pub use read::read;
pub use write::write;

/// The namespace that the prefix `xml` is bound to everywhere.
const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// Whether XML 1.0 allows the character (section 2.2).
fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{1_0000}'..)
}

/// Where the first character stands that XML 1.0 does not allow.
fn first_forbidden(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    // Nearly every text is let through here, many bytes at a time; the careful look is for the others.
    if !bytes.chunks(SUSPECTED_AT_ONCE).any(may_hold_forbidden) {
        return None;
    }
    let control = bytes.iter().position(|byte| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r'));
    // U+FFFE and U+FFFF, the only others that a `str` can hold.
    let nonchar = bytes.windows(3).position(|it| it[0] == 0xEF && it[1] == 0xBF && it[2] >= 0xBE);
    match (control, nonchar) {
        (Some(control), Some(nonchar)) => Some(control.min(nonchar)),
        (found, other) => found.or(other),
    }
}

/// Bytes that are looked at before anything is decided: a loop without a way out is compiled to wide instructions.
const SUSPECTED_AT_ONCE: usize = 1024;

fn may_hold_forbidden(bytes: &[u8]) -> bool {
    let suspect = |byte: u8| {
        let (control, nonchar) = (byte < b' ', byte == 0xEF);
        let blank = (byte == b'\t') | (byte == b'\n') | (byte == b'\r');
        (control & !blank) | nonchar
    };
    bytes.iter().fold(false, |found, byte| found | suspect(*byte))
}

/// Whether `name` may name an element or attribute once its prefix is off (an `NCName`).
fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(starts_name) && characters.all(continues_name)
}

fn starts_name(character: char) -> bool {
    matches!(character,
        'A'..='Z' | 'a'..='z' | '_'
        | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}'
        | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
        | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{1_0000}'..='\u{E_FFFF}')
}

fn continues_name(character: char) -> bool {
    starts_name(character)
        || matches!(character, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}
