//! Arenas for the collections that states have: one for each key group.
//!
//! An arena does not use again what is given back, so a list that grows leaves dead bytes behind. When a group has more of them than
//! live ones, its states move into a fresh arena and the old one goes: that is as much work as one group has state, a thousandth
//! of the partition's, and nobody else waits. A group that leaves the partition leaves no bytes here.

use super::group::another_arena;
use super::{Entity, KeyGroupTable};
use crate::element::{KEY_GROUPS, Key, KeyGroup, key_group};
use potoroo_runtime::arena::{Arena, ArenaBytes};

/// Fewer dead bytes in a group are not worth moving its states: all groups together keep 4 MiB of them at most.
const DEAD_BYTES_MIN: u64 = 4 * 1024;

/// See the module. Nothing is made before the first state that wants it.
#[derive(Debug)]
pub(crate) struct GroupArenas {
    partition: Arena,
    groups: Vec<Option<Arena>>,
}

impl GroupArenas {
    pub(crate) fn new(partition: Arena) -> Self {
        Self {
            partition,
            groups: Vec::new(),
        }
    }

    /// The partition's own.
    pub(crate) fn partition(&self) -> &Arena {
        &self.partition
    }

    /// For the state of a key with this hash.
    pub(crate) fn of(&mut self, hash: u64) -> &Arena {
        if self.groups.is_empty() {
            self.groups.resize(KEY_GROUPS, None);
        }
        let Self { partition, groups } = self;
        groups[usize::from(key_group(hash).0)].get_or_insert_with(|| another_arena(partition))
    }

    /// What a group's states have.
    #[inline]
    fn bytes(&self, group: KeyGroup) -> Option<ArenaBytes> {
        let arena = self.groups.get(usize::from(group.0))?.as_ref()?;
        Some(arena.bytes())
    }

    /// Moves the states of a group by `evacuate`, if it is time.
    #[inline]
    pub(crate) fn tidy<K: Key, S>(
        &mut self,
        group: KeyGroup,
        table: &mut KeyGroupTable<K, S>,
        evacuate: impl FnMut(&mut S, &Arena),
    ) {
        let bytes = self.bytes(group).unwrap_or_default();
        if bytes.dead > bytes.live.max(DEAD_BYTES_MIN) {
            self.compact(group, table, evacuate);
        }
    }

    #[cold]
    fn compact<K: Key, S>(
        &mut self,
        group: KeyGroup,
        table: &mut KeyGroupTable<K, S>,
        mut evacuate: impl FnMut(&mut S, &Arena),
    ) {
        let fresh = another_arena(&self.partition);
        table
            .group_mut(group)
            .for_each(|Entity { state, .. }| evacuate(state, &fresh));
        self.groups[usize::from(group.0)] = Some(fresh);
    }

    /// As [`tidy`](Self::tidy), for all groups: after states have gone in many of them.
    pub(crate) fn tidy_all<K: Key, S>(
        &mut self,
        table: &mut KeyGroupTable<K, S>,
        mut evacuate: impl FnMut(&mut S, &Arena),
    ) {
        for group in 0..self.groups.len() {
            let group = KeyGroup(u16::try_from(group).expect("at most KEY_GROUPS"));
            match self.bytes(group) {
                // All of them have gone. A state that is there may have nothing at the moment, and go on in this arena.
                Some(ArenaBytes { live: 0, .. }) if table.group_mut(group).next().is_none() => self.forget(group),
                _ => self.tidy(group, table, &mut evacuate),
            }
        }
    }

    /// The states of a group have gone, maybe to another partition, which moves what they have.
    pub(crate) fn forget(&mut self, group: KeyGroup) {
        if let Some(arena) = self.groups.get_mut(usize::from(group.0)) {
            *arena = None;
        }
    }
}
