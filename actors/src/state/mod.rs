//! Keyed state: one entity per key, one table per key group, all in the partition's arena; and the timers of keys.
//!
//! A key group is what moves between partitions, so each has a table of its own, made with its first key. Lookups use
//! the hash that routed the record.

mod expiry;
mod lives;
mod moved;
mod timers;

pub(crate) use expiry::Expiry;
pub use expiry::TimeToLive;
use expiry::Touched;
pub(crate) use lives::{Agenda, Life};
pub(crate) use moved::{MovedEntities, MovedStates, in_groups, moves_entities};
pub(crate) use timers::{Due, Timers};

use crate::element::{KEY_GROUPS, Key, KeyGroup, key_group};
use potoroo_runtime::arena::{Arena, ArenaTable};

/// One key's state.
#[derive(Debug)]
pub struct Entity<K, S> {
    pub(crate) hash: u64,
    /// The key.
    pub key: K,
    /// Its state.
    pub state: S,
    /// Tells this entity from an earlier one of the same key.
    pub(crate) life: u32,
    /// When it was last touched, in the ticks of [`Expiry`]; nothing where state lives for ever.
    pub(crate) touched: u32,
}

/// The states of one partition's keys.
///
/// For operators that keep their own state by key; [`KeyedProcess`](crate::KeyedProcess) has one already.
#[derive(Debug)]
pub struct KeyGroupTable<K, S> {
    arena: Arena,
    groups: Box<[Option<ArenaTable<Entity<K, S>>>]>,
    entities: usize,
    lives: u32,
}

impl<K: Key, S> KeyGroupTable<K, S> {
    /// No keys yet.
    pub fn new(arena: Arena) -> Self {
        Self {
            arena,
            groups: (0..KEY_GROUPS).map(|_| None).collect(),
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
        let group = &mut groups[key_group(hash).0 as usize];
        let table = group.get_or_insert_with(|| ArenaTable::new_in(arena));
        table.find_or_insert_with(
            hash,
            |entity| is_key(&entity.key),
            |entity| entity.hash,
            || {
                *entities += 1;
                *lives = lives.wrapping_add(1);
                let (key, state) = make();
                Entity {
                    hash,
                    key,
                    state,
                    life: *lives,
                    touched: 0,
                }
            },
        )
    }

    /// The entity of a key, if there is one.
    #[inline]
    pub fn get_mut(&mut self, hash: u64, mut is_key: impl FnMut(&K) -> bool) -> Option<&mut Entity<K, S>> {
        let table = self.groups[key_group(hash).0 as usize].as_mut()?;
        table.find_mut(hash, |entity| is_key(&entity.key))
    }

    /// The entity of this life, if it is still there.
    pub(crate) fn find_life(&mut self, hash: u64, life: u32) -> Option<&mut Entity<K, S>> {
        let table = self.groups[key_group(hash).0 as usize].as_mut()?;
        table.find_mut(hash, |entity| entity.life == life)
    }

    /// Takes the entity out for which `is_it` holds.
    pub fn remove(&mut self, hash: u64, is_it: impl FnMut(&Entity<K, S>) -> bool) -> Option<Entity<K, S>> {
        let table = self.groups[key_group(hash).0 as usize].as_mut()?;
        let removed = table.remove(hash, is_it);
        self.entities -= usize::from(removed.is_some());
        removed
    }

    /// Takes out all entities of a group; the order has no meaning.
    pub fn take_group(&mut self, group: KeyGroup) -> Vec<Entity<K, S>> {
        let Some(mut table) = self.groups[usize::from(group.0)].take() else {
            return Vec::new();
        };
        self.entities -= table.len();
        table.drain().collect()
    }

    /// Takes an entity of another partition in, as a life of its own; gives it.
    pub(crate) fn put(&mut self, entity: Entity<K, S>) -> &mut Entity<K, S> {
        let Entity { hash, key, state, .. } = entity;
        // There is none yet: a key is in one partition.
        self.entity(hash, |_| false, || (key, state))
    }

    /// All entities; the order has no meaning.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entity<K, S>> {
        self.groups.iter_mut().flatten().flat_map(ArenaTable::iter_mut)
    }
}
