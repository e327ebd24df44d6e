//! What is due when, for entities: buckets by time, in the order in which they were filled.
//!
//! An entity is named by its hash and its life, which costs no copy of its key. Whoever takes an entry looks whether it still
//! means something: entries are not deleted. A bucket is made of blocks, so that one with millions of entries is not copied
//! when it grows, and its memory goes as they are taken.

use crate::element::Timestamp;
use std::collections::{BTreeMap, VecDeque};

/// How many entries a block has at most.
const BLOCK: usize = 1024;

/// Names an entity of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) hash: u64,
    pub(crate) life: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    by_time: BTreeMap<Timestamp, Bucket>,
}

#[derive(Debug, Default)]
struct Bucket {
    /// Blocks to which none is added any more, oldest first.
    full: VecDeque<Vec<Life>>,
    /// Those that came after.
    last: Vec<Life>,
    /// How many have been taken of the oldest block.
    taken: usize,
}

impl Bucket {
    fn add(&mut self, life: Life) {
        if self.last.len() == BLOCK {
            let full = std::mem::replace(&mut self.last, Vec::with_capacity(BLOCK));
            self.full.push_back(full);
        }
        self.last.push(life);
    }

    fn take(&mut self) -> Option<Life> {
        while self.full.front().is_some_and(|block| block.len() == self.taken) {
            self.full.pop_front();
            self.taken = 0;
        }
        let life = *self.full.front().unwrap_or(&self.last).get(self.taken)?;
        self.taken += 1;
        Some(life)
    }

    /// Takes out all whose hash `is_one` knows; blocks may be less than full then.
    fn take_of(&mut self, is_one: impl Fn(u64) -> bool) -> impl Iterator<Item = Life> {
        let oldest = self.full.front_mut().unwrap_or(&mut self.last);
        oldest.drain(..std::mem::take(&mut self.taken));
        let blocks = self.full.iter_mut().chain([&mut self.last]);
        blocks.flat_map(move |block| {
            let mut taken = Vec::new();
            taken.extend(block.extract_if(.., |life| is_one(life.hash)));
            taken
        })
    }

    fn is_empty(&self) -> bool {
        self.full.iter().chain([&self.last]).all(Vec::is_empty)
    }
}

impl Agenda {
    pub(crate) fn add(&mut self, time: Timestamp, life: Life) {
        self.by_time.entry(time).or_default().add(life);
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.by_time.first_key_value().map(|(time, _)| *time)
    }

    /// Takes out all entries of entities whose hash `is_one` knows, by time and then as they were added.
    pub(crate) fn take_of(&mut self, is_one: impl Fn(u64) -> bool) -> Vec<(Timestamp, Life)> {
        let mut taken = Vec::new();
        self.by_time.retain(|time, bucket| {
            taken.extend(bucket.take_of(&is_one).map(|life| (*time, life)));
            !bucket.is_empty()
        });
        taken
    }

    /// Takes the next that is due at `now`, with its time.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<(Timestamp, Life)> {
        loop {
            let mut first = self.by_time.first_entry()?;
            let time = *first.key();
            if time > now {
                return None;
            }
            match first.get_mut().take() {
                Some(life) => return Some((time, life)),
                None => drop(first.remove()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_of_several_blocks_keeps_its_order() {
        let life = |life| Life {
            hash: u64::from(life % 3),
            life,
        };
        let at = Timestamp::from_nanos(1);
        let numbers = |agenda: &mut Agenda, count| -> Vec<u32> {
            let all = std::iter::from_fn(|| agenda.take_due(at).map(|(_, life)| life.life));
            all.take(count).collect()
        };
        let block = BLOCK as u32;
        let mut agenda = Agenda::default();
        // One block, all of which is taken before more come.
        (0..block).for_each(|n| agenda.add(at, life(n)));
        assert_eq!(numbers(&mut agenda, BLOCK), (0..block).collect::<Vec<_>>());
        (0..3 * block).for_each(|n| agenda.add(at, life(n)));
        assert_eq!(numbers(&mut agenda, 100), (0..100).collect::<Vec<_>>());
        let moved = agenda.take_of(|hash| hash == 1);
        let expected = (100..3 * block).filter(|n| n % 3 == 1);
        assert!(moved.into_iter().map(|(_, life)| life.life).eq(expected));
        agenda.add(at, life(7));
        let rest = (100..3 * block).filter(|n| n % 3 != 1).chain([7]);
        assert_eq!(numbers(&mut agenda, usize::MAX), rest.collect::<Vec<_>>());
        assert_eq!(agenda.next(), None);
    }

    #[test]
    fn what_is_due_comes_by_time_and_then_as_it_was_added() {
        let life = |life| Life { hash: 1, life };
        let at = Timestamp::from_nanos;
        let mut agenda = Agenda::default();
        for (time, number) in [(5, 1), (3, 2), (5, 3), (9, 4)] {
            agenda.add(at(time), life(number));
        }
        assert_eq!(agenda.take_due(at(5)), Some((at(3), life(2))));
        assert_eq!(agenda.take_due(at(5)), Some((at(5), life(1))));
        agenda.add(at(5), life(5));
        assert_eq!(agenda.take_due(at(5)), Some((at(5), life(3))));
        assert_eq!(agenda.take_due(at(5)), Some((at(5), life(5))));
        assert_eq!(agenda.take_due(at(5)), None);
    }
}
