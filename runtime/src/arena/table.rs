//! A hash table in an arena, for callers that bring the hashes themselves.
//!
//! For keyed state that was routed by a hash before it is looked up. It lacks a hasher: that is
//! [`ArenaMap`](super::ArenaMap).

use super::handle::Arena;
use crate::sys::cache::prefetch;
use hashbrown::HashTable;
use std::fmt;

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

    /// The arena that it is in.
    pub fn arena(&self) -> &Arena {
        self.0.allocator()
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many entries it may hold before it has to grow or to be tidied.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// What it takes in the arena, free places included.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.0.allocation_size()
    }

    /// The entry with this `hash` for which `is_it` holds.
    #[inline]
    pub fn find(&self, hash: u64, is_it: impl FnMut(&T) -> bool) -> Option<&T> {
        self.0.find(hash, is_it)
    }

    /// The entry with this `hash` for which `is_it` holds, to be changed.
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

    /// Asks the processor to fetch what [`find`](Self::find) will look at for this `hash`, without waiting for it.
    ///
    /// Who knows early which entries come next, and asks a few ahead, waits for many places in memory at a time instead of for
    /// one after the other. It costs as much as to find an entry that is at hand, so it is worth it for tables that exceed
    /// the processor's caches. If another entry looks alike, that one is fetched.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        // The first whose tag is that of the hash: it need not be looked at for that, only where the tags are.
        if let Some(entry) = self.0.find(hash, |_| true) {
            prefetch(entry);
        }
    }

    /// Takes the entry with this `hash` out for which `is_it` holds.
    #[inline]
    pub fn remove(&mut self, hash: u64, is_it: impl FnMut(&T) -> bool) -> Option<T> {
        let entry = self.0.find_entry(hash, is_it).ok()?;
        Some(entry.remove().0)
    }

    /// All entries, in no meaningful order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    /// All entries, to be changed, but for what their hashes depend on.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut()
    }

    /// Takes all entries out, in no meaningful order; the room for them is kept.
    pub fn drain(&mut self) -> impl Iterator<Item = T> {
        self.0.drain()
    }

    /// Moves the table into `to`. `rehash` gives an entry's hash; the entries themselves are moved as they are.
    pub fn evacuate_with(&mut self, to: &Arena, rehash: impl Fn(&T) -> u64) {
        if !self.0.allocator().is_same(to) {
            self.move_to(to, self.len(), rehash);
        }
    }

    /// Moves the table into `to`, with room for `capacity` entries, or for those that there are. A table that would grow
    /// in its own arena leaves the smaller one behind there; one that moves leaves it to an arena that goes.
    pub fn move_to(&mut self, to: &Arena, capacity: usize, rehash: impl Fn(&T) -> u64) {
        let fresh = HashTable::with_capacity_in(capacity.max(self.len()), to.clone());
        let old = std::mem::replace(&mut self.0, fresh);
        // Of a table that has never had an entry, hashbrown forgets the allocator when it is taken apart, and with it a count
        // of the arena, which would then never go.
        let old = (!old.is_empty()).then_some(old);
        for entry in old.into_iter().flatten() {
            let hash = rehash(&entry);
            self.0.insert_unique(hash, entry, &rehash);
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for ArenaTable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
