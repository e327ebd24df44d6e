//! The workloads as loops on one thread. Those of Nexmark are the program's.
//!
//! A loop makes a record, looks its state up, makes the result and drops it. In batches it does each of that for 1,024 records: what
//! one record waits for in memory, the next waits for at the same time.

use super::market::{Feed, Market, Message, SYMBOLS};
use super::words::Word;
use hashbrown::HashMap;
use potoroo::nexmark::total::Total;
use std::hint::black_box;

/// How many records make a batch.
const BATCH: usize = 1024;

#[inline]
fn count<W: Word>(counts: &mut HashMap<W, u64>, word: &W) -> u64 {
    if let Some(count) = counts.get_mut(word) {
        *count += 1;
        return *count;
    }
    counts.insert(word.clone(), 1);
    1
}

/// Word count, a record at a time.
pub(super) fn words<W: Word>(text: impl Iterator<Item = W>) -> Total {
    let mut total = Total::default();
    let mut counts = HashMap::new();
    for word in text {
        let count = count(&mut counts, &word);
        let (_, count) = black_box((word, count));
        total.add(count);
    }
    total
}

/// Word count, in batches.
pub(super) fn words_batched<W: Word>(mut text: impl Iterator<Item = W>) -> Total {
    let mut total = Total::default();
    let mut counts = HashMap::new();
    let mut words = Vec::with_capacity(BATCH);
    let mut results = Vec::with_capacity(BATCH);
    loop {
        words.extend(text.by_ref().take(BATCH));
        if words.is_empty() {
            return total;
        }
        results.extend(words.drain(..).map(|word| {
            let count = count(&mut counts, &word);
            (word, count)
        }));
        for (_, count) in black_box(&mut results).drain(..) {
            total.add(count);
        }
    }
}

/// Market spread.
pub(super) fn market(feed: impl Iterator<Item = Message>) -> Total {
    let mut total = Total::default();
    let mut markets = vec![Market::default(); SYMBOLS];
    for message in feed {
        if let Some(rejected) = markets[message.symbol() as usize].take(message) {
            total.add(black_box(rejected).id);
        }
    }
    total
}

/// What market spread gives if the sources come one after the other.
pub(super) fn market_one_after_the_other(records: u64, sources: usize) -> Total {
    market((0..sources).flat_map(|source| Feed::new(records, source, sources)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_market_gives_the_published_share() {
        let total = market(Feed::new(500_000, 0, 1));
        // 4 % of the orders, which are half of the messages.
        assert!((9_500..10_500).contains(&total.out), "{}", total.out);
    }
}
