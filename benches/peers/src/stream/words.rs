//! W1, word count: 100,000 words, the frequent ones far more often than the rare ones (Zipf, exponent 1), counted; each record
//! gives the word and its count so far.
//!
//! A word is its rank, or 16 bytes in the record, or a `String` of its own. The words of source `p` are a function of the seed
//! and `p` alone, so the sum over all counts is known whatever the order: it is `c (c + 1) / 2` over the words.

use potoroo::nexmark::total::Total;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

/// How many different words there are.
pub const WORDS: usize = 100_000;

/// The seed of source 0; each further source has the next.
const SEED: u64 = 0x5EED;

/// `SplitMix64`.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// For source `source`.
    pub(super) fn of_source(source: usize) -> Self {
        Self(SEED + source as u64)
    }

    #[inline]
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = self.0;
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// One of so many, from a random number.
#[inline]
pub(super) fn one_of(random: u64, many: usize) -> usize {
    (((random >> 32) * many as u64) >> 32) as usize
}

/// The records that source `source` of `sources` makes, of `records` in all.
pub(super) fn share(records: u64, source: usize, sources: usize) -> u64 {
    records / sources as u64 + u64::from((source as u64) < records % sources as u64)
}

/// How words are told from each other.
pub trait Word: Clone + Eq + Hash + Send + Sync + 'static {
    /// The word of this rank.
    fn of_rank(rank: usize) -> Self;

    /// A record of this word. `words` has all of them, by rank.
    #[inline]
    fn record(words: &[Self], rank: u32) -> Self {
        words[rank as usize].clone()
    }

    /// Where it is counted, the same on every worker.
    #[inline]
    fn route(&self) -> u64 {
        foldhash::fast::FixedState::default().hash_one(self)
    }
}

impl Word for u32 {
    fn of_rank(rank: usize) -> Self {
        rank as Self
    }

    #[inline]
    fn record(_: &[Self], rank: u32) -> Self {
        rank
    }

    #[inline]
    fn route(&self) -> u64 {
        u64::from(*self).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32
    }
}

impl Word for String {
    fn of_rank(rank: usize) -> Self {
        format!("word-{rank:06}")
    }
}

impl Word for [u8; 16] {
    fn of_rank(rank: usize) -> Self {
        let mut bytes = [0; 16];
        let text = String::of_rank(rank);
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        bytes
    }
}

/// A place of the alias table: which word it is up to `below`, and which beyond.
#[derive(Clone, Copy, Debug)]
struct Place {
    below: u32,
    other: u32,
}

/// All words, and how often they come.
#[derive(Debug)]
pub struct Lexicon<W> {
    places: Vec<Place>,
    words: Vec<W>,
}

impl<W: Word> Lexicon<W> {
    /// Vose's table, with two stacks.
    #[must_use]
    pub fn new() -> Arc<Self> {
        let weights = (0..WORDS).map(|rank| 1.0 / (rank as f64 + 1.0));
        let sum: f64 = weights.clone().sum();
        let mut weights: Vec<f64> = weights.map(|weight| weight * WORDS as f64 / sum).collect();
        let mut places: Vec<Place> = (0..WORDS as u32)
            .map(|rank| Place {
                below: u32::MAX,
                other: rank,
            })
            .collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..WORDS).partition(|rank| weights[*rank] < 1.0);
        while let (Some(less), Some(more)) = (small.pop(), large.pop()) {
            places[less] = Place {
                below: (weights[less] * f64::from(u32::MAX)) as u32,
                other: more as u32,
            };
            weights[more] -= 1.0 - weights[less];
            if weights[more] < 1.0 { &mut small } else { &mut large }.push(more);
        }
        let words = (0..WORDS).map(W::of_rank).collect();
        Arc::new(Self { places, words })
    }

    #[inline]
    fn rank(&self, random: u64) -> u32 {
        let index = one_of(random, WORDS);
        let place = self.places[index];
        if random as u32 <= place.below {
            index as u32
        } else {
            place.other
        }
    }

    /// What source `source` of `sources` gives, of `records` in all.
    #[must_use]
    pub fn text(self: &Arc<Self>, records: u64, source: usize, sources: usize) -> Text<W> {
        Text {
            lexicon: self.clone(),
            random: Random::of_source(source),
            left: share(records, source, sources),
        }
    }

    /// What must come out.
    #[must_use]
    pub fn expected(self: &Arc<Self>, records: u64, sources: usize) -> Total {
        let mut counts = vec![0_u64; WORDS];
        for source in 0..sources {
            let mut random = Random::of_source(source);
            for _ in 0..share(records, source, sources) {
                counts[self.rank(random.next()) as usize] += 1;
            }
        }
        Total {
            out: records,
            chk: counts.iter().map(|count| count * (count + 1) / 2).sum(),
        }
    }
}

/// The words of one source.
#[derive(Debug)]
pub struct Text<W> {
    lexicon: Arc<Lexicon<W>>,
    random: Random,
    left: u64,
}

impl<W: Word> Iterator for Text<W> {
    type Item = W;

    #[inline]
    fn next(&mut self) -> Option<W> {
        self.left = self.left.checked_sub(1)?;
        let rank = self.lexicon.rank(self.random.next());
        Some(W::record(&self.lexicon.words, rank))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_million_words_give_the_published_sum() {
        let expected = Lexicon::<u32>::new().expected(5_000_000, 1);
        assert_eq!((expected.out, expected.chk), (5_000_000, 0x20_b93a_f84d));
    }

    #[test]
    fn sources_share_all_records() {
        for (records, sources) in [(0, 1), (7, 2), (8, 3), (2, 5)] {
            let shares = (0..sources).map(|source| share(records, source, sources));
            assert_eq!(shares.sum::<u64>(), records);
        }
    }
}
