//! Timers of keys: at most one for each key, time and number.
//!
//! They are due in the order of time, number, hash and setting, which is the same in every run. A timer belongs to one
//! life of its key's state: when that is deleted, its timers are, too.

use crate::element::{Key, Timestamp};
use std::collections::BTreeMap;

/// A timer that is due.
#[derive(Debug)]
pub(crate) struct Due<K> {
    pub(crate) time: Timestamp,
    pub(crate) number: u32,
    pub(crate) hash: u64,
    pub(crate) key: K,
    pub(crate) life: u32,
}

/// The keys whose timers stand at the same place in the order; nearly always one.
#[derive(Debug)]
enum Keys<K> {
    One(K, u32),
    More(Vec<(K, u32)>),
}

/// The timers of one partition.
#[derive(Debug)]
pub(crate) struct Timers<K> {
    by_time: BTreeMap<(Timestamp, u32, u64), Keys<K>>,
}

impl<K: Key> Timers<K> {
    pub(crate) fn new() -> Self {
        Self {
            by_time: BTreeMap::new(),
        }
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.by_time.first_key_value().map(|((time, ..), _)| *time)
    }

    /// When the last one is due.
    pub(crate) fn last(&self) -> Option<Timestamp> {
        self.by_time.last_key_value().map(|((time, ..), _)| *time)
    }

    /// Sets a timer; once more is the same as once.
    pub(crate) fn set(&mut self, time: Timestamp, number: u32, hash: u64, key: &K, life: u32) {
        use std::collections::btree_map::Entry;
        match self.by_time.entry((time, number, hash)) {
            Entry::Vacant(place) => {
                place.insert(Keys::One(key.clone(), life));
            }
            Entry::Occupied(mut place) => match place.get_mut() {
                Keys::One(known, known_life) if known == key => *known_life = life,
                Keys::More(all) => match all.iter_mut().find(|(known, _)| known == key) {
                    Some((_, known_life)) => *known_life = life,
                    None => all.push((key.clone(), life)),
                },
                one @ Keys::One(..) => {
                    let Keys::One(known, known_life) = std::mem::replace(one, Keys::More(Vec::new())) else {
                        unreachable!("matched above");
                    };
                    *one = Keys::More(vec![(known, known_life), (key.clone(), life)]);
                }
            },
        }
    }

    /// Deletes a timer; says whether there was one.
    pub(crate) fn delete(&mut self, time: Timestamp, number: u32, hash: u64, key: &K) -> bool {
        let place = (time, number, hash);
        match self.by_time.get_mut(&place) {
            Some(Keys::One(known, _)) if known == key => {
                self.by_time.remove(&place);
                true
            }
            Some(Keys::More(all)) => {
                let before = all.len();
                all.retain(|(known, _)| known != key);
                let deleted = all.len() < before;
                if all.is_empty() {
                    self.by_time.remove(&place);
                }
                deleted
            }
            _ => false,
        }
    }

    /// Takes out all timers of the keys whose hash `is_one` knows.
    pub(crate) fn take_of(&mut self, is_one: impl Fn(u64) -> bool) -> Vec<Due<K>> {
        let places: Vec<_> = self
            .by_time
            .keys()
            .filter(|(.., hash)| is_one(*hash))
            .copied()
            .collect();
        let mut taken = Vec::new();
        for place in places {
            let (time, number, hash) = place;
            let due = |(key, life)| Due {
                time,
                number,
                hash,
                key,
                life,
            };
            match self.by_time.remove(&place) {
                Some(Keys::One(key, life)) => taken.push(due((key, life))),
                Some(Keys::More(all)) => taken.extend(all.into_iter().map(due)),
                None => {}
            }
        }
        taken
    }

    /// Takes the first timer that is due at `now`.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<Due<K>> {
        let mut first = self.by_time.first_entry()?;
        let (time, number, hash) = *first.key();
        if time > now {
            return None;
        }
        let (key, life) = match first.get_mut() {
            Keys::More(all) if all.len() > 1 => all.remove(0),
            _ => match first.remove() {
                Keys::One(key, life) => (key, life),
                Keys::More(mut all) => all.pop()?,
            },
        };
        Some(Due {
            time,
            number,
            hash,
            key,
            life,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: i64) -> Timestamp {
        Timestamp::from_nanos(n)
    }

    fn due(timers: &mut Timers<u32>, now: i64) -> Vec<(i64, u32, u32)> {
        let all = std::iter::from_fn(|| timers.take_due(at(now)));
        all.map(|due| (due.time.nanos(), due.number, due.key)).collect()
    }

    #[test]
    fn t3_the_same_timer_is_set_once_and_may_be_deleted_and_set_again() {
        let mut timers = Timers::new();
        for _ in 0..3 {
            timers.set(at(5), 0, 77, &1, 1);
        }
        timers.set(at(5), 1, 77, &1, 1);
        assert!(timers.delete(at(5), 1, 77, &1));
        assert!(!timers.delete(at(5), 1, 77, &1));
        timers.set(at(5), 1, 77, &1, 1);
        assert_eq!(due(&mut timers, 4), []);
        assert_eq!(due(&mut timers, 5), [(5, 0, 1), (5, 1, 1)]);
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn keys_of_one_hash_have_timers_of_their_own() {
        let mut timers = Timers::new();
        for key in [3, 1, 2, 1] {
            timers.set(at(5), 0, 77, &key, 1);
        }
        assert!(timers.delete(at(5), 0, 77, &1));
        assert!(!timers.delete(at(5), 0, 77, &9));
        assert_eq!(due(&mut timers, 9), [(5, 0, 3), (5, 0, 2)]);
    }
}
