//! A small mutator: changes inputs of a corpus, from a seed, so that a run can be had again.
//!
//! It knows nothing of formats and has no feedback; that is libFuzzer's work. It cuts, swaps, repeats, splices two inputs,
//! and puts in words that decoders stumble over.

use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

/// An input never grows beyond this: the short run looks for faults of logic, and limits have tests of their own.
const BYTES_MAX: usize = 16 * 1024;

/// What decoders stumble over.
const WORDS: &[&[u8]] = &[
    b"<",
    b">",
    b"/>",
    b"</",
    b"&",
    b"&#0;",
    b"&#x110000;",
    b"&lt;",
    b"]]>",
    b"<![CDATA[",
    b"<!--",
    b"-->",
    b"<?",
    b"?>",
    b"<!DOCTYPE",
    b"xmlns=\"\"",
    b"xmlns:a=\"u\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"\\",
    b"null",
    b"true",
    b"-0",
    b"1e999",
    b"9223372036854775808",
    b"0001-01-01",
    b"9999-12-31T23:59:59Z",
    b"\xEF\xBB\xBF",
    b"\xFF\xFE",
    b"\xC0\xAF",
    b"\xED\xA0\x80",
    b"\xF4\x90\x80\x80",
    b"\0",
    b"\r\n",
    b"\n",
    b"\n----\n",
    b"--b-27",
    b"--b-27--",
    b"..",
    b"%2e%2e",
    b"%00",
    b"//",
    b"\\",
    b"+",
    b" AND ",
    b"e\xCC\x82\xCC\x81",
    b"\xE2\x80\xAE",
    b"=",
    b"'",
];

/// Changes inputs.
pub struct Mutator {
    random: ChaCha8Rng,
}

impl Mutator {
    /// One that does the same for the same seed.
    pub fn new(seed: u64) -> Mutator {
        Mutator { random: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// An input of the corpus, changed in one to five places.
    pub fn next(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = corpus.choose(&mut self.random).cloned().unwrap_or_default();
        for _ in 0..self.random.random_range(1..=5) {
            self.change(&mut input, corpus);
        }
        input.truncate(BYTES_MAX);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let at = self.random.random_range(0..=input.len());
        let to = (at + self.random.random_range(0..32)).min(input.len());
        match self.random.random_range(0..8) {
            0 => input.truncate(at),
            1 => drop(input.drain(at..to)),
            2 => {
                let piece = input[at..to].to_vec();
                input.splice(at..at, piece);
            }
            3 => {
                let byte = self.random.random();
                input.insert(at, byte);
            }
            4 if at < input.len() => input[at] ^= 1 << self.random.random_range(0..8),
            5 => {
                let other = corpus.choose(&mut self.random).map(Vec::as_slice).unwrap_or_default();
                let from = self.random.random_range(0..=other.len());
                let until = (from + self.random.random_range(0..256)).min(other.len());
                input.splice(at..at, other[from..until].iter().copied());
            }
            6 if at < input.len() => input[at] = self.random.random(),
            _ => {
                let word = WORDS.choose(&mut self.random).copied().unwrap_or_default();
                input.splice(at..at, word.iter().copied());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_inputs() {
        let corpus = [b"one".to_vec(), b"another".to_vec()];
        let (mut one, mut other) = (Mutator::new(7), Mutator::new(7));
        assert!((0..1000).all(|_| one.next(&corpus) == other.next(&corpus)));
    }

    #[test]
    fn an_empty_corpus_gives_inputs_too() {
        let mut mutator = Mutator::new(1);
        assert!((0..100).any(|_| !mutator.next(&[]).is_empty()));
    }
}
