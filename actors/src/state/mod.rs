//! Keyed state: one entity per key, one table per key group, all in the partition's arena; and the timers of keys.
//!
//! A key group is what moves between partitions, so each has a table of its own, made with its first key. Lookups use
//! the hash that routed the record; where it is needed later it is that of the key, which is cheaper than to keep it.

mod arenas;
mod coming;
mod expiry;
mod group;
mod lives;
mod moved;
mod pages;
#[cfg(test)]
mod tests;
mod timers;

pub(crate) use arenas::GroupArenas;
pub(crate) use coming::Coming;
pub(crate) use expiry::Expiry;
pub use expiry::TimeToLive;
use expiry::Touched;
pub(crate) use lives::{Agenda, Life};
pub(crate) use moved::{MovedEntities, MovedStates, in_groups, moves_entities};
pub(crate) use timers::{Due, Timers};

use crate::element::{KEY_GROUPS, Key, KeyGroup, key_group};
use group::Group;
use potoroo_runtime::arena::Arena;

/// State of more bytes is not expected in the processor's own caches: what a core has for itself is shared with batches under way.
/// Below, to fetch ahead costs more than it gains (350 symbols: 43 million records a second with it and 45 without).
const CACHED_BYTES_MAX: usize = 256 * 1024;

/// One key's state.
#[derive(Debug)]
pub struct Entity<K, S> {
    /// The key.
    pub key: K,
    /// Its state.
    pub state: S,
    /// Tells this entity from an earlier one of the same key.
    pub(crate) life: u32,
    /// When it was last touched, in the ticks of [`Expiry`]; nothing where state lives for ever.
    pub(crate) touched: u32,
}

impl<K: Key, S> Entity<K, S> {
    /// The frozen hash of its key.
    #[inline]
    pub(crate) fn hash(&self) -> u64 {
        self.key.hash64()
    }
}

/// The states of one partition's keys.
///
/// For operators that keep their own state by key; [`KeyedProcess`](crate::KeyedProcess) has one already.
#[derive(Debug)]
pub struct KeyGroupTable<K, S> {
    arena: Arena,
    groups: Box<[Group<K, S>]>,
    entities: usize,
    lives: u32,
}

impl<K: Key, S> KeyGroupTable<K, S> {
    /// No keys yet.
    pub fn new(arena: Arena) -> Self {
        Self {
            arena,
            groups: (0..KEY_GROUPS).map(|_| Group::Empty).collect(),
            entities: 0,
            lives: 0,
        }
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.entities
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.entities == 0
    }

    /// The entity with this hash whose key `is_key` knows, made by `make` on first sight.
    #[inline]
    pub fn entity(
        &mut self,
        hash: u64,
        mut is_key: impl FnMut(&K) -> bool,
        make: impl FnOnce() -> (K, S),
    ) -> &mut Entity<K, S> {
        let Self {
            arena,
            groups,
            entities,
            lives,
        } = self;
        groups[key_group(hash).0 as usize].entity(
            arena,
            hash,
            |entity| is_key(&entity.key),
            || {
                let (key, state) = make();
                *entities += 1;
                *lives = lives.wrapping_add(1);
                Entity {
                    key,
                    state,
                    life: *lives,
                    touched: 0,
                }
            },
        )
    }

    /// Whether there is so much that it is worth it to [`prefetch`](Self::prefetch).
    #[inline]
    pub(crate) fn exceeds_cache(&self) -> bool {
        self.entities * size_of::<Entity<K, S>>() > CACHED_BYTES_MAX
    }

    /// Has the processor fetch the entity with this hash, if there is one.
    #[inline]
    pub(crate) fn prefetch(&self, hash: u64) {
        self.groups[key_group(hash).0 as usize].prefetch(hash);
    }

    fn group(&mut self, hash: u64) -> &mut Group<K, S> {
        &mut self.groups[key_group(hash).0 as usize]
    }

    /// The entity of a key, if there is one.
    #[inline]
    pub fn get_mut(&mut self, hash: u64, mut is_key: impl FnMut(&K) -> bool) -> Option<&mut Entity<K, S>> {
        self.group(hash).find_mut(hash, |entity| is_key(&entity.key))
    }

    /// The entity of this life, if it is still there.
    pub(crate) fn find_life(&mut self, hash: u64, life: u32) -> Option<&mut Entity<K, S>> {
        self.group(hash).find_mut(hash, |entity| entity.life == life)
    }

    /// Takes the entity out for which `is_it` holds.
    pub fn remove(&mut self, hash: u64, is_it: impl FnMut(&Entity<K, S>) -> bool) -> Option<Entity<K, S>> {
        let removed = self.groups[key_group(hash).0 as usize].remove(&self.arena, hash, is_it);
        self.entities -= usize::from(removed.is_some());
        removed
    }

    /// Takes out all entities of a group; the order has no meaning.
    pub fn take_group(&mut self, group: KeyGroup) -> Vec<Entity<K, S>> {
        let group = &mut self.groups[usize::from(group.0)];
        self.entities -= group.len();
        group.take_all()
    }

    /// Takes an entity of another partition in, as a life of its own; gives it.
    pub(crate) fn put(&mut self, entity: Entity<K, S>) -> &mut Entity<K, S> {
        let hash = entity.hash();
        let Entity { key, state, .. } = entity;
        // There is none yet: a key is in one partition.
        self.entity(hash, |_| false, || (key, state))
    }

    /// The entities of a group; the order has no meaning.
    pub(crate) fn group_mut(&mut self, group: KeyGroup) -> impl Iterator<Item = &mut Entity<K, S>> {
        self.groups[usize::from(group.0)].iter_mut()
    }

    /// All entities; the order has no meaning.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entity<K, S>> {
        self.groups.iter_mut().flat_map(Group::iter_mut)
    }
}
