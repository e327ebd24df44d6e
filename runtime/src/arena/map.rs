//! A hash map in an arena.
//!
//! Our own name around hashbrown's, so that a new version of that is no change of our public face. It lacks a choice of
//! the hash function; whoever brings hashes of his own uses [`ArenaTable`](super::ArenaTable).

use super::evacuate::Evacuate;
use super::handle::Arena;
use hashbrown::hash_map;
use hashbrown::{DefaultHashBuilder, HashMap};
use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::iter::FusedIterator;
use std::ops::Index;

/// A hash map in an arena.
///
/// The hash function is hashbrown's default, foldhash with a seed of its own for each map: fast, and iteration order
/// differs from run to run. It is *not* resistant to an adversary who chooses keys and can observe the map; put such
/// keys through a keyed cryptographic hash first, or use [`std::collections::HashMap`].
///
/// A growing map leaves its smaller table behind as dead bytes, about as many as are live in the end: give a capacity
/// where it is known.
#[derive(Clone)]
pub struct ArenaMap<K, V>(HashMap<K, V, DefaultHashBuilder, Arena>);

impl<K, V> ArenaMap<K, V> {
    /// An empty map in `arena`; it allocates with the first entry.
    pub fn new_in(arena: &Arena) -> Self {
        Self(HashMap::new_in(arena.clone()))
    }

    /// An empty map with room for `capacity` entries.
    pub fn with_capacity_in(capacity: usize, arena: &Arena) -> Self {
        Self(HashMap::with_capacity_in(capacity, arena.clone()))
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

    /// How many entries there is room for.
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// All entries, in no meaningful order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&K, &V)> {
        self.0.iter()
    }

    /// All entries, their values to be changed.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&K, &mut V)> {
        self.0.iter_mut()
    }

    /// All keys.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &K> {
        self.0.keys()
    }

    /// All values.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> {
        self.0.values()
    }

    /// All values, to be changed.
    pub fn values_mut(&mut self) -> impl ExactSizeIterator<Item = &mut V> {
        self.0.values_mut()
    }

    /// Keeps the entries for which `keep` holds.
    pub fn retain(&mut self, keep: impl FnMut(&K, &mut V) -> bool) {
        self.0.retain(keep);
    }

    /// Takes all entries out and keeps the room; what is not taken is dropped with the iterator.
    pub fn drain(&mut self) -> impl ExactSizeIterator<Item = (K, V)> + '_ {
        self.0.drain()
    }

    /// Drops all entries and keeps the room.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<K: Eq + Hash, V> ArenaMap<K, V> {
    /// Makes room for `additional` entries more.
    pub fn reserve(&mut self, additional: usize) {
        self.0.reserve(additional);
    }

    /// The value of `key`.
    #[inline]
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.0.get(key)
    }

    /// The value of `key`, to be changed.
    #[inline]
    pub fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.0.get_mut(key)
    }

    /// Whether there is an entry of `key`.
    #[inline]
    pub fn contains_key<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(key)
    }

    /// Sets the value of `key`; gives the one that was there. The key itself stays the first one.
    #[inline]
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    /// Takes the entry of `key` out.
    #[inline]
    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.0.remove(key)
    }

    /// The value of `key`, made by `make` if there is none.
    #[inline]
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        self.0.entry(key).or_insert_with(make)
    }
}

impl<K: Eq + Hash, V> Extend<(K, V)> for ArenaMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        self.0.extend(entries);
    }
}

/// The value of a key that is there; panics if it is not.
impl<K: Eq + Hash + Borrow<Q>, Q: Eq + Hash + ?Sized, V> Index<&Q> for ArenaMap<K, V> {
    type Output = V;

    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("no entry of this key")
    }
}

/// The entries of an [`ArenaMap`], by value.
pub struct ArenaMapIntoIter<K, V>(
    /// None if there is none: of a map that has never had any, hashbrown forgets the allocator when it is taken apart, and
    /// with it a count of the arena, which would then never go.
    Option<hash_map::IntoIter<K, V, Arena>>,
);

impl<K, V> ArenaMapIntoIter<K, V> {
    fn of(map: HashMap<K, V, DefaultHashBuilder, Arena>) -> Self {
        Self((!map.is_empty()).then(|| map.into_iter()))
    }
}

impl<K, V> Iterator for ArenaMapIntoIter<K, V> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        self.0.as_mut()?.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.as_ref().map_or((0, Some(0)), Iterator::size_hint)
    }
}

impl<K, V> ExactSizeIterator for ArenaMapIntoIter<K, V> {}
impl<K, V> FusedIterator for ArenaMapIntoIter<K, V> {}

impl<K, V> fmt::Debug for ArenaMapIntoIter<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArenaMapIntoIter").field("left", &self.len()).finish()
    }
}

impl<K, V> IntoIterator for ArenaMap<K, V> {
    type Item = (K, V);
    type IntoIter = ArenaMapIntoIter<K, V>;

    fn into_iter(self) -> ArenaMapIntoIter<K, V> {
        ArenaMapIntoIter::of(self.0)
    }
}

impl<K: Eq + Hash, V: PartialEq> PartialEq for ArenaMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K: Eq + Hash, V: Eq> Eq for ArenaMap<K, V> {}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for ArenaMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Moves the entries, and evacuates their keys and values unless those are leaves.
///
/// The keys of a map that is in the new arena already cannot be reached and stay where they are.
impl<K: Eq + Hash + Evacuate, V: Evacuate> Evacuate for ArenaMap<K, V> {
    fn evacuate(&mut self, to: &Arena) {
        if self.arena().is_same(to) {
            if !V::is_leaf() {
                self.values_mut().for_each(|value| value.evacuate(to));
            }
            return;
        }
        let fresh = HashMap::with_capacity_and_hasher_in(self.len(), self.0.hasher().clone(), to.clone());
        for (mut key, mut value) in ArenaMapIntoIter::of(std::mem::replace(&mut self.0, fresh)) {
            key.evacuate(to);
            value.evacuate(to);
            self.0.insert(key, value);
        }
    }
}
