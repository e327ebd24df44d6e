//! Entities and what is on the agenda for them, on their way to another partition.

use super::lives::{Agenda, Life};
use super::{Entity, Expiry, KeyGroupTable, Touched};
use crate::element::{Key, KeyGroup, Timestamp, key_group};
use std::any::Any;
use std::collections::HashMap;

/// Knows the hashes of keys in these groups, which are a few.
pub(crate) fn in_groups(groups: &[KeyGroup]) -> impl Fn(u64) -> bool {
    |hash| groups.contains(&key_group(hash))
}

/// See the module.
pub(crate) struct MovedEntities<K, S> {
    entities: Vec<Entity<K, S>>,
    agenda: Vec<(Timestamp, Life)>,
}

impl<K: Key, S: Send + 'static> MovedEntities<K, S> {
    /// Takes the entities of these groups out.
    pub(crate) fn take(
        groups: &[KeyGroup],
        table: &mut KeyGroupTable<K, S>,
        agenda: &mut Agenda,
    ) -> Box<dyn Any + Send> {
        Box::new(Self {
            entities: groups.iter().flat_map(|group| table.take_group(*group)).collect(),
            agenda: agenda.take_of(in_groups(groups)),
        })
    }

    /// Puts them into another partition.
    pub(crate) fn put(state: Box<dyn Any + Send>, table: &mut KeyGroupTable<K, S>, agenda: &mut Agenda) {
        let moved = state.downcast::<Self>();
        let moved = moved.expect("all partitions of a stage have the same operator");
        // Lives are counted by each partition for itself.
        let mut lives = HashMap::with_capacity(moved.entities.len());
        for entity in moved.entities {
            let before = (entity.hash(), entity.life);
            lives.insert(before, table.put(entity).life);
        }
        for (time, Life { hash, life }) in moved.agenda {
            // What stands there for lives that are over is left behind.
            if let Some(life) = lives.get(&(hash, life)) {
                agenda.add(time, Life { hash, life: *life });
            }
        }
    }
}

/// Entities that may expire, on their way to another partition.
pub(crate) struct MovedStates<K, S>(Vec<(Option<Touched>, Entity<K, S>)>);

/// The life that an entity has here, by its hash and the life that it had before.
pub(crate) type NewLives = HashMap<(u64, u32), u32>;

impl<K: Key, S> MovedStates<K, S> {
    /// Takes the entities of these groups out.
    pub(crate) fn take(groups: &[KeyGroup], table: &mut KeyGroupTable<K, S>, expiry: &Expiry) -> Self {
        let entities = groups.iter().flat_map(|group| table.take_group(*group));
        Self(entities.map(|entity| (expiry.touched(&entity), entity)).collect())
    }

    /// Puts them into another partition, where lives are counted anew. `settle` is given each with its hash.
    pub(crate) fn put(
        self,
        table: &mut KeyGroupTable<K, S>,
        expiry: &mut Expiry,
        mut settle: impl FnMut(u64, &mut S),
    ) -> NewLives {
        let mut lives = HashMap::with_capacity(self.0.len());
        for (touched, entity) in self.0 {
            let before = (entity.hash(), entity.life);
            let here = table.put(entity);
            lives.insert(before, here.life);
            settle(before.0, &mut here.state);
            if let Some(touched) = touched {
                expiry.came(here, touched);
            }
        }
        lives
    }
}

/// What an operator does about key groups that move whose states are one table and one agenda, by the names of the fields.
macro_rules! moves_entities {
    ($table:ident, $agenda:ident) => {
        const MOVES_GROUPS: bool = true;

        fn take_groups(&mut self, groups: &[$crate::element::KeyGroup]) -> Box<dyn std::any::Any + Send> {
            $crate::state::MovedEntities::take(groups, &mut self.$table, &mut self.$agenda)
        }

        fn put_groups(&mut self, state: Box<dyn std::any::Any + Send>) {
            $crate::state::MovedEntities::put(state, &mut self.$table, &mut self.$agenda);
        }
    };
}

pub(crate) use moves_entities;
