//! A table of keys in the order in which they came, in an arena.
//!
//! The entries lie in one vector, and a hash table finds their places: so a window can be given result by result, in slices and
//! in an order that no hash decides, and then be dropped whole.

use crate::element::Key;
use potoroo_runtime::arena::{Arena, ArenaTable, ArenaVec};

/// An entry of the table.
#[derive(Debug)]
pub(super) struct Entry<K, V> {
    hash: u64,
    pub(super) key: K,
    pub(super) value: V,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Dense<K, V> {
    entries: ArenaVec<Entry<K, V>>,
    /// The high half of an entry's hash, and its place.
    places: ArenaTable<(u32, u32)>,
}

impl<K: Key, V> Dense<K, V> {
    pub(super) fn new_in(arena: &Arena) -> Self {
        Self {
            entries: ArenaVec::new_in(arena),
            places: ArenaTable::new_in(arena),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entry at a place.
    pub(super) fn at(&self, place: usize) -> Option<&Entry<K, V>> {
        self.entries.get(place)
    }

    /// The entry of a key, made when it is first seen.
    #[inline]
    pub(super) fn entry(
        &mut self,
        hash: u64,
        mut is_key: impl FnMut(&K) -> bool,
        make: impl FnOnce() -> (K, V),
    ) -> &mut Entry<K, V> {
        let Self { entries, places } = self;
        let high = (hash >> 32) as u32;
        let next = entries.len();
        let (_, place) = *places.find_or_insert_with(
            hash,
            |(other, place)| *other == high && is_key(&entries[*place as usize].key),
            |(_, place)| entries[*place as usize].hash,
            || (high, u32::try_from(next).expect("fewer than 2^32 keys in a window")),
        );
        let place = place as usize;
        if place == next {
            let (key, value) = make();
            entries.push(Entry { hash, key, value });
        }
        &mut entries[place]
    }

    /// Takes out all entries whose hash `is_one` knows; the others move up.
    pub(super) fn take_of(&mut self, is_one: impl Fn(u64) -> bool) -> Vec<Entry<K, V>> {
        let mut taken = Vec::new();
        if !self.entries.iter().any(|entry| is_one(entry.hash)) {
            return taken;
        }
        // The hashes stay with the entries, so the places are found anew.
        self.places.drain().for_each(drop);
        let all: Vec<Entry<K, V>> = self.entries.drain(..).collect();
        for entry in all {
            if is_one(entry.hash) {
                taken.push(entry);
            } else {
                self.push(entry);
            }
        }
        taken
    }

    /// Takes in entries of keys that are not here.
    pub(super) fn put(&mut self, entries: Vec<Entry<K, V>>) {
        entries.into_iter().for_each(|entry| self.push(entry));
    }

    fn push(&mut self, entry: Entry<K, V>) {
        let Entry { hash, key, value } = entry;
        self.entry(hash, |_| false, || (key, value));
    }
}
