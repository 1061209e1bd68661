//! `[channels.<name>.guarantees]`: where a far side guarantees more or less than others of its kind.

use channel_sdk::Guarantees;

use crate::config::reader::Section;

/// What the table says, and for the rest what is usual for the kind.
pub(super) fn read(mut section: Section<'_>, usual: Guarantees) -> Guarantees {
    let mut of = |key: &str, usual: bool| if section.has(key) { section.boolean(key) } else { usual };
    let (honours_key, answers_by_reference) =
        (of("honours_key", usual.honours_key), of("answers_by_reference", usual.answers_by_reference));
    let acknowledges_later = match section.span_maybe("acknowledged_within") {
        Some(span) => Some(span).filter(|span| !span.is_zero()),
        None => usual.acknowledges_later,
    };
    section.finish();
    Guarantees { honours_key, answers_by_reference, acknowledges_later, ..usual }
}
