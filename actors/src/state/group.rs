//! The entities of one key group: none, a table of them, or pages of them with a table of their places.
//!
//! In a hash table up to half of the places are free, and to grow it moves all that is in it. That is cheap for what is small or
//! few, and one look-up is one place in memory. Large entities, once there are many, lie in [pages](super::pages) instead.
//!
//! An arena does not use again what is given back. So a table that is not small has an arena of its own, and growing means to
//! move it into another one: the first goes, and what it took can be used by others.

use super::Entity;
use super::pages::Pages;
use crate::element::Key;
use potoroo_runtime::arena::{Arena, ArenaTable, SubArena};

/// Entities of more bytes lie in pages once they fill more than one.
const IN_TABLE_BYTES_MAX: usize = 48;

/// Tables of fewer bytes are not worth an arena of their own: all that one of them leaves behind when it grows comes to less.
const OWN_ARENA_BYTES_MIN: usize = 1024;

/// A table with less than this part of its bytes in use is moved to a smaller one.
const SPARSE_PART: usize = 8;

/// How many entries a new table has room for.
const FIRST_ENTRIES: usize = 3;

/// See the module.
#[derive(Debug)]
pub(super) enum Group<K, S> {
    Empty,
    Table(ArenaTable<Entity<K, S>>),
    Paged(Box<Pages<K, S>>),
}

/// An arena of the same actor. It goes with the last collection in it, since each has a handle.
pub(super) fn another_arena(arena: &Arena) -> Arena {
    SubArena::new_in(arena, |_| ()).arena().clone()
}

/// Moves a table to where there is room for as many entries again. `arena` is the partition's, which a table leaves for good
/// when it is not small any more: what it leaves there is never used again.
pub(super) fn grow<T>(table: &mut ArenaTable<T>, arena: &Arena, rehash: impl Fn(&T) -> u64) {
    let entries = (2 * table.len()).max(FIRST_ENTRIES);
    if table.arena().is_same(arena) && entries * size_of::<T>() < OWN_ARENA_BYTES_MIN {
        table.move_to(arena, entries, rehash);
    } else {
        table.move_to(&another_arena(arena), entries, rehash);
    }
}

/// Moves a table to where there is room for twice what is in it.
pub(super) fn shrink<T>(table: &mut ArenaTable<T>, arena: &Arena, rehash: impl Fn(&T) -> u64) {
    let entries = (2 * table.len()).max(FIRST_ENTRIES);
    table.move_to(&another_arena(arena), entries, rehash);
}

/// Whether nearly all of a table that is not small is free.
#[inline]
pub(super) fn is_sparse<T>(table: &ArenaTable<T>) -> bool {
    let bytes = table.bytes();
    bytes > OWN_ARENA_BYTES_MIN && table.len() * size_of::<T>() * SPARSE_PART < bytes
}

impl<K: Key, S> Group<K, S> {
    const IN_PAGES: bool = size_of::<Entity<K, S>>() > IN_TABLE_BYTES_MAX;

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Table(table) => table.len(),
            Self::Paged(pages) => pages.len(),
        }
    }

    /// Whether there has to be more room before an entity comes.
    #[inline]
    fn is_full(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Table(table) => table.len() == table.capacity(),
            Self::Paged(pages) => pages.is_full(),
        }
    }

    #[cold]
    fn grow(&mut self, arena: &Arena) {
        match self {
            Self::Empty => {
                let mut table = ArenaTable::new_in(arena);
                grow(&mut table, arena, Entity::hash);
                *self = Self::Table(table);
            }
            Self::Table(table) if Self::IN_PAGES && table.len() >= Pages::<K, S>::SLOTS => {
                let mut pages = Pages::new_in(arena, 2 * table.len());
                for entity in table.drain() {
                    pages.insert(entity.hash(), entity, arena);
                }
                *self = Self::Paged(Box::new(pages));
            }
            Self::Table(table) => grow(table, arena, Entity::hash),
            Self::Paged(pages) => pages.make_room(arena),
        }
    }

    /// Gives memory back after an entity has gone.
    #[inline]
    fn tidy(&mut self, arena: &Arena) {
        let is_much = match self {
            Self::Empty => false,
            Self::Table(table) => is_sparse(table),
            Self::Paged(pages) => pages.is_sparse(),
        };
        if is_much {
            self.shrink(arena);
        }
    }

    #[cold]
    fn shrink(&mut self, arena: &Arena) {
        match self {
            Self::Empty => {}
            Self::Table(table) => shrink(table, arena, Entity::hash),
            Self::Paged(pages) if pages.is_few() => {
                let mut table = ArenaTable::new_in(arena);
                let entities = pages.take_all();
                let room = (2 * entities.len()).max(FIRST_ENTRIES);
                table.move_to(&another_arena(arena), room, Entity::hash);
                for entity in entities {
                    table.find_or_insert_with(entity.hash(), |_| false, Entity::hash, || entity);
                }
                *self = Self::Table(table);
            }
            Self::Paged(pages) => pages.shrink(arena),
        }
    }

    /// The entity with this hash that `is_it` knows, made by `make` on first sight.
    #[inline]
    pub(super) fn entity(
        &mut self,
        arena: &Arena,
        hash: u64,
        is_it: impl FnMut(&Entity<K, S>) -> bool,
        make: impl FnOnce() -> Entity<K, S>,
    ) -> &mut Entity<K, S> {
        if self.is_full() {
            self.grow(arena);
        }
        match self {
            Self::Table(table) => table.find_or_insert_with(hash, is_it, Entity::hash, make),
            Self::Paged(pages) => match pages.find(hash, is_it) {
                Some(place) => pages.at_mut(place),
                None => pages.insert(hash, make(), arena),
            },
            Self::Empty => unreachable!("it has grown"),
        }
    }

    /// The entity with this hash that `is_it` knows, if there is one.
    #[inline]
    pub(super) fn find_mut(
        &mut self,
        hash: u64,
        is_it: impl FnMut(&Entity<K, S>) -> bool,
    ) -> Option<&mut Entity<K, S>> {
        match self {
            Self::Empty => None,
            Self::Table(table) => table.find_mut(hash, is_it),
            Self::Paged(pages) => {
                let place = pages.find(hash, is_it)?;
                Some(pages.at_mut(place))
            }
        }
    }

    /// Has the processor fetch the entity with this hash.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64) {
        match self {
            Self::Empty => {}
            Self::Table(table) => table.prefetch(hash),
            Self::Paged(pages) => pages.prefetch(hash),
        }
    }

    /// Takes the entity out that `is_it` knows.
    pub(super) fn remove(
        &mut self,
        arena: &Arena,
        hash: u64,
        is_it: impl FnMut(&Entity<K, S>) -> bool,
    ) -> Option<Entity<K, S>> {
        let removed = match self {
            Self::Empty => None,
            Self::Table(table) => table.remove(hash, is_it),
            Self::Paged(pages) => pages.remove(hash, is_it),
        };
        self.tidy(arena);
        removed
    }

    /// Takes all out.
    pub(super) fn take_all(&mut self) -> Vec<Entity<K, S>> {
        match std::mem::replace(self, Self::Empty) {
            Self::Empty => Vec::new(),
            Self::Table(mut table) => table.drain().collect(),
            Self::Paged(mut pages) => pages.take_all(),
        }
    }

    /// All, in an order without meaning.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entity<K, S>> {
        let (table, pages) = match self {
            Self::Empty => (None, None),
            Self::Table(table) => (Some(table), None),
            Self::Paged(pages) => (None, Some(pages)),
        };
        let in_table = table.into_iter().flat_map(ArenaTable::iter_mut);
        in_table.chain(pages.into_iter().flat_map(|pages| pages.iter_mut()))
    }
}
