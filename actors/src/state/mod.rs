//! Keyed state: one entity per key, one table per key group, all in the partition's arena.
//!
//! A key group is what moves between partitions, so each has a table of its own, made with its first key. Lookups use
//! the hash that routed the record. It lacks expiry and deletion.

use crate::element::{KEY_GROUPS, Key, Keyed, key_group};
use potoroo_runtime::arena::{Arena, ArenaTable};

/// One key's state.
#[derive(Debug)]
struct Entity<K, S> {
    hash: u64,
    key: K,
    state: S,
}

/// The states of one partition's keys.
#[derive(Debug)]
pub(crate) struct KeyGroupTable<K, S> {
    arena: Arena,
    groups: Box<[Option<ArenaTable<Entity<K, S>>>]>,
    entities: usize,
}

impl<K: Key, S> KeyGroupTable<K, S> {
    /// No keys yet.
    pub(crate) fn new(arena: Arena) -> Self {
        Self {
            arena,
            groups: (0..KEY_GROUPS).map(|_| None).collect(),
            entities: 0,
        }
    }

    /// The number of keys.
    pub(crate) fn len(&self) -> usize {
        self.entities
    }

    /// The state of a record's key, made by `init` on first sight.
    #[inline]
    pub(crate) fn state_of<T>(&mut self, keyed: &Keyed<K, T>, init: impl FnOnce(&K) -> S) -> &mut S {
        let Self {
            arena,
            groups,
            entities,
        } = self;
        let group = &mut groups[key_group(keyed.hash).0 as usize];
        let table = group.get_or_insert_with(|| ArenaTable::new_in(arena));
        let entity = table.find_or_insert_with(
            keyed.hash,
            |entity| entity.key == keyed.key,
            |entity| entity.hash,
            || {
                *entities += 1;
                Entity {
                    hash: keyed.hash,
                    key: keyed.key.clone(),
                    state: init(&keyed.key),
                }
            },
        );
        &mut entity.state
    }
}
