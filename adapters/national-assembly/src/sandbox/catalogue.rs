//! Everything that the Assembly will ever hand out, made up at once by seed: letters, and the petitions in them.

use bytes::Bytes;
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use super::{
    places::{CONSTITUENCIES, DEPUTIES, PROVINCES},
    texts::{self, MATTERS},
};

/// The term and the session that everything belongs to.
pub(super) const TERM: &str = "XIV";
/// The session's number.
pub(super) const SESSION: u32 = 8;

/// A letter of Ban Dân nguyện: it covers one batch.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    /// `415/BDN`.
    pub(super) number: String,
    pub(super) date: Date,
    /// Whether its petitions are pushed to the ministry, all in one batch; otherwise the ministry pulls them.
    pub(super) pushed: bool,
}

/// A petition as it stands now.
#[derive(Clone)]
pub(super) struct Petition {
    pub(super) id: String,
    /// Its letter, by position.
    pub(super) letter: usize,
    pub(super) revision: u64,
    pub(super) province_code: &'static str,
    pub(super) province: &'static str,
    pub(super) constituency: &'static str,
    pub(super) deputy: Option<&'static str>,
    pub(super) field_code: &'static str,
    pub(super) field_name: &'static str,
    pub(super) body: String,
    pub(super) due_on: Date,
    pub(super) file: Option<File>,
}

/// A file that travels with a petition.
#[derive(Clone)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) media_type: &'static str,
    pub(super) content: Bytes,
}

/// The letters and the petitions, in the order in which they are released.
pub(super) fn make(seed: u64, count: u32, epoch: Timestamp) -> (Vec<Letter>, Vec<Petition>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let first_day = epoch.to_zoned(TimeZone::UTC).date();
    let mut letters = vec![letter(400, first_day, false)];
    let mut petitions = Vec::new();
    let mut number_in_pulled = 0;
    let mut pushes = false;
    while petitions.len() < count as usize {
        let left = count as usize - petitions.len();
        // A pulled run leaves as much for the pushed one after it, so that small worlds have both.
        let run = rng.random_range(5..=30).min(if pushes { left } else { left.div_ceil(2) });
        if pushes {
            letters.push(letter(400 + 15 * letters.len(), day(first_day, letters.len()), true));
        }
        for number in 1..=run {
            let at = if pushes { letters.len() - 1 } else { 0 };
            let number = if pushes { number } else { number_in_pulled + number };
            petitions.push(petition(&mut rng, &letters[at], at, number));
        }
        number_in_pulled += if pushes { 0 } else { run };
        pushes = !pushes;
    }
    (letters, petitions)
}

fn letter(number: usize, date: Date, pushed: bool) -> Letter {
    Letter { number: format!("{number}/BDN"), date, pushed }
}

fn day(first: Date, letters: usize) -> Date {
    first.saturating_add((letters as i64).days())
}

fn petition(rng: &mut ChaCha8Rng, letter: &Letter, at: usize, number: usize) -> Petition {
    let matter = MATTERS.choose(rng).unwrap_or(&MATTERS[0]);
    let (province_code, province) = *PROVINCES.choose(rng).unwrap_or(&PROVINCES[0]);
    let digits: String = letter.number.chars().take_while(char::is_ascii_digit).collect();
    let id = format!("{TERM}-{SESSION:02}-{digits:0>4}-{number:03}");
    Petition {
        letter: at,
        revision: 1,
        province_code,
        province,
        constituency: CONSTITUENCIES.choose(rng).unwrap_or(&CONSTITUENCIES[0]),
        deputy: rng.random_ratio(1, 15).then(|| *DEPUTIES.choose(rng).unwrap_or(&DEPUTIES[0])),
        field_code: matter.field_code,
        field_name: matter.field_name,
        body: texts::body(rng, matter, province),
        due_on: letter.date.saturating_add(60.days()),
        file: rng.random_ratio(1, 10).then(|| file(rng, &id)),
        id,
    }
}

fn file(rng: &mut ChaCha8Rng, id: &str) -> File {
    let mut content = format!("%PDF-1.4\n% Phụ lục {id}\n").into_bytes();
    let end = content.len() + rng.random_range(200..2_000);
    content.resize_with(end, || rng.random());
    File { name: format!("phụ lục {id}.pdf"), media_type: "application/pdf", content: content.into() }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn about_half_of_a_years_petitions_are_pushed_in_letters_of_at_most_thirty() {
        let (letters, petitions) = make(3, 127, Timestamp::UNIX_EPOCH);
        assert_eq!(petitions.len(), 127);
        assert_eq!(petitions.iter().map(|it| &it.id).collect::<HashSet<_>>().len(), 127);
        let pushed = petitions.iter().filter(|it| letters[it.letter].pushed).count();
        assert!((35..=92).contains(&pushed), "{pushed}");
        for (at, _) in letters.iter().enumerate().skip(1) {
            assert!((1..=30).contains(&petitions.iter().filter(|it| it.letter == at).count()));
        }
    }

    #[test]
    fn the_smallest_world_has_one_petition_to_pull() {
        let (letters, petitions) = make(3, 1, Timestamp::UNIX_EPOCH);
        assert!(petitions.len() == 1 && !letters[petitions[0].letter].pushed);
    }
}
