//! What is due when, for entities: buckets by time, in the order in which they were filled.
//!
//! An entity is named by its hash and its life, which costs no copy of its key. Whoever takes an entry looks whether it still
//! means something: entries are not deleted.

use crate::element::Timestamp;
use std::collections::BTreeMap;

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
    lives: Vec<Life>,
    /// How many have been taken.
    taken: usize,
}

impl Agenda {
    pub(crate) fn add(&mut self, time: Timestamp, life: Life) {
        self.by_time.entry(time).or_default().lives.push(life);
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.by_time.first_key_value().map(|(time, _)| *time)
    }

    /// Takes out all entries of entities whose hash `is_one` knows, by time and then as they were added.
    pub(crate) fn take_of(&mut self, is_one: impl Fn(u64) -> bool) -> Vec<(Timestamp, Life)> {
        let mut taken = Vec::new();
        self.by_time.retain(|time, bucket| {
            bucket.lives.drain(..std::mem::take(&mut bucket.taken));
            taken.extend(
                bucket
                    .lives
                    .extract_if(.., |life| is_one(life.hash))
                    .map(|life| (*time, life)),
            );
            !bucket.lives.is_empty()
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
            let bucket = first.get_mut();
            match bucket.lives.get(bucket.taken) {
                Some(life) => {
                    bucket.taken += 1;
                    return Some((time, *life));
                }
                None => drop(first.remove()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
