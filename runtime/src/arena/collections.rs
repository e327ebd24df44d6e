//! Collections whose memory is an actor's state arena.
//!
//! Our own names around `allocator-api2` and `hashbrown`, so that a new version of either is no change of our public
//! face. They hold what the engine and the first applications need and grow with their users; a growing table leaves
//! its old buffers in the arena as dead bytes, so give a capacity where it is known.

use super::handle::Arena;
use allocator_api2::vec::Vec as VecIn;
use hashbrown::HashTable;
use std::fmt;
use std::ops::{Deref, DerefMut};

/// A vector in an arena. Dereferences to a slice.
pub struct ArenaVec<T>(VecIn<T, Arena>);

impl<T> ArenaVec<T> {
    /// An empty vector in `arena`; it allocates with the first element.
    pub fn new_in(arena: &Arena) -> Self {
        Self(VecIn::new_in(arena.clone()))
    }

    /// An empty vector with room for `capacity` elements.
    pub fn with_capacity_in(capacity: usize, arena: &Arena) -> Self {
        Self(VecIn::with_capacity_in(capacity, arena.clone()))
    }

    /// Appends `value`.
    pub fn push(&mut self, value: T) {
        self.0.push(value);
    }

    /// Takes the last element off.
    pub fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }

    /// Drops all elements and keeps the room.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<T> Deref for ArenaVec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for ArenaVec<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for ArenaVec<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A hash table in an arena, for callers that bring the hash of each entry themselves.
///
/// Keyed state is routed by a hash long before it is looked up; this table uses that same hash, so that nothing is
/// hashed twice. Entries are found by the hash and a predicate.
pub struct ArenaTable<T>(HashTable<T, Arena>);

impl<T> ArenaTable<T> {
    /// An empty table in `arena`; it allocates with the first entry.
    pub fn new_in(arena: &Arena) -> Self {
        Self(HashTable::new_in(arena.clone()))
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entry with this `hash` for which `is_it` holds.
    #[inline]
    pub fn find_mut(&mut self, hash: u64, is_it: impl FnMut(&T) -> bool) -> Option<&mut T> {
        self.0.find_mut(hash, is_it)
    }

    /// The entry with this `hash` for which `is_it` holds, made by `make` if there is none. `rehash` gives an entry's
    /// hash when the table grows.
    #[inline]
    pub fn find_or_insert_with(
        &mut self,
        hash: u64,
        is_it: impl FnMut(&T) -> bool,
        rehash: impl Fn(&T) -> u64,
        make: impl FnOnce() -> T,
    ) -> &mut T {
        self.0.entry(hash, is_it, rehash).or_insert_with(make).into_mut()
    }

    /// All entries, in no meaningful order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }
}

impl<T: fmt::Debug> fmt::Debug for ArenaTable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(all(test, not(potoroo_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn a_table_is_a_map(keys in proptest::collection::vec(0_u64..200, 0..400)) {
            let arena = Arena::new();
            let _turn = arena.enter();
            let mut table: ArenaTable<(u64, u64)> = ArenaTable::new_in(&arena);
            let mut model = HashMap::new();
            // A poor hash on purpose: many entries share one.
            let hash = |key: u64| key % 7;
            for key in keys {
                let entry = table.find_or_insert_with(
                    hash(key),
                    |(k, _)| *k == key,
                    |(k, _)| hash(*k),
                    || (key, 0),
                );
                entry.1 += 1;
                *model.entry(key).or_insert(0) += 1;
            }
            prop_assert_eq!(table.len(), model.len());
            for (key, count) in table.iter() {
                prop_assert_eq!(model.get(key), Some(count));
            }
        }
    }
}
