//! Made-up petitions and answers in Vietnamese, of the lengths and with the oddities of real ones.
//!
//! A petition has 150 to 2,500 characters, most of them under 1,000; an answer up to 6,000. Most are in composed
//! letters (NFC); some are decomposed (NFD), have no-break spaces, either kind of line break or none, or stray HTML:
//! whoever carries them must carry them byte for byte. All of it is drawn from the generator that is handed in.

use rand::Rng;
use unicode_normalization::UnicodeNormalization;

use super::{
    people::draw,
    phrases::{self, Matter},
};

/// A made-up petition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Tiêu đề.
    pub subject: String,
    /// Nội dung.
    pub body: String,
}

/// The shortest petition, in characters.
const BODY_CHARS_MIN: usize = 150;
/// The longest petition, in characters; what portals allow.
const BODY_CHARS_MAX: usize = 2_500;

/// A petition about the field of this code; an unknown code gets what fits everywhere.
pub fn petition(rng: &mut impl Rng, field: &str) -> Text {
    let matter = matter(field);
    let subject = draw(rng, matter.subjects).to_owned();
    let target = length(rng);
    let mut paragraphs = vec![draw(rng, phrases::GREETINGS).to_owned(), draw(rng, matter.openings).to_owned()];
    let mut count = paragraphs.iter().map(|it| it.chars().count()).sum::<usize>();
    let mut last = "";
    while count < target {
        let sentence = if rng.random_ratio(1, 2) { draw(rng, matter.details) } else { draw(rng, phrases::DETAILS) };
        if sentence == last {
            continue;
        }
        last = sentence;
        count += sentence.chars().count() + 1;
        append(rng, &mut paragraphs, sentence);
    }
    paragraphs.push(format!("{} {}", draw(rng, matter.requests), draw(rng, phrases::CLOSINGS)));
    let body = weathered(rng, &paragraphs);
    Text { subject, body: body.chars().take(BODY_CHARS_MAX).collect() }
}

/// The ministry's answer to a petition about the field of this code.
pub fn answer(rng: &mut impl Rng, field: &str) -> String {
    /// The longest answer, in characters, without its last paragraph.
    const CHARS_MAX: usize = 5_500;
    let matter = matter(field);
    let target = if rng.random_ratio(1, 8) { rng.random_range(1_500..CHARS_MAX) } else { rng.random_range(300..1_500) };
    let mut paragraphs = vec![draw(rng, phrases::ANSWER_OPENINGS).to_owned(), draw(rng, matter.bases).to_owned()];
    let mut count = paragraphs.iter().map(|it| it.chars().count()).sum::<usize>();
    while count < target {
        let sentence = draw(rng, phrases::ANSWER_DETAILS);
        count += sentence.chars().count() + 1;
        append(rng, &mut paragraphs, sentence);
    }
    paragraphs.push(draw(rng, phrases::ANSWER_CLOSINGS).to_owned());
    paragraphs.join("\n\n")
}

fn matter(field: &str) -> &'static Matter {
    phrases::MATTERS.iter().find(|it| it.field == field).unwrap_or(&phrases::ANY_MATTER)
}

/// Two in three are short, one in three anything up to the limit; room is left for the last paragraph.
fn length(rng: &mut impl Rng) -> usize {
    let longest = BODY_CHARS_MAX - 400;
    if rng.random_ratio(2, 3) { rng.random_range(BODY_CHARS_MIN..700) } else { rng.random_range(700..longest) }
}

/// Goes on in the last paragraph, or begins a new one.
fn append(rng: &mut impl Rng, paragraphs: &mut Vec<String>, sentence: &str) {
    match paragraphs.last_mut() {
        Some(last) if paragraphs_go_on(rng) => {
            last.push(' ');
            last.push_str(sentence);
        }
        _ => paragraphs.push(sentence.to_owned()),
    }
}

fn paragraphs_go_on(rng: &mut impl Rng) -> bool {
    rng.random_ratio(3, 4)
}

/// The text as it comes out of somebody's keyboard and somebody's form.
fn weathered(rng: &mut impl Rng, paragraphs: &[String]) -> String {
    let text = match rng.random_range(0..100) {
        0..50 => paragraphs.join("\n"),
        50..75 => paragraphs.join("\r\n"),
        75..85 => paragraphs.join("\n\n"),
        // A form that lost its line breaks.
        85..95 => paragraphs.join(" "),
        // Copied out of an editor.
        _ => paragraphs.iter().map(|it| format!("<p>{it}&nbsp;</p>")).collect(),
    };
    match rng.random_range(0..100) {
        0..8 => text.nfd().collect(),
        8..20 => text.replace(", ", ",\u{a0}"),
        20..24 => format!("{text}  \t"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn many() -> Vec<Text> {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let fields: Vec<&str> = phrases::MATTERS.iter().map(|it| it.field).chain(["KHAC"]).collect();
        (0..1_000).map(|at| petition(&mut rng, fields[at % fields.len()])).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_petitions() {
        assert_eq!(many(), many());
    }

    #[test]
    fn petitions_have_the_lengths_and_oddities_of_real_ones() {
        let all = many();
        let lengths: Vec<usize> = all.iter().map(|it| it.body.chars().count()).collect();
        assert!(lengths.iter().all(|it| (BODY_CHARS_MIN..=BODY_CHARS_MAX).contains(it)));
        assert!(lengths.iter().any(|it| *it > 2_000));
        let share = |odd: fn(&str) -> bool| all.iter().filter(|it| odd(&it.body)).count();
        assert!(share(|it| it.contains("\r\n")) > 100);
        assert!(share(|it| it.contains('\u{a0}')) > 50);
        assert!(share(|it| it.contains("<p>")) > 20);
        assert!((30..200).contains(&share(|it| it.nfc().ne(it.chars()))));
        assert!(all.iter().all(|it| !it.subject.is_empty() && it.subject.chars().count() <= 200));
    }

    #[test]
    fn answers_stay_below_six_thousand_characters() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let longest = (0..300).map(|_| answer(&mut rng, "BHTN").chars().count()).max().unwrap();
        assert!((3_000..6_000).contains(&longest), "{longest}");
    }
}
