//! Entities in pages of one size, and a hash table of their places.
//!
//! The places are 8 bytes each, so that what a hash table leaves free and moves when it grows is little; the entities stay where
//! they are, until the last one takes the place of one that goes. So all pages but the last are full, and an empty one goes: its
//! memory is given back whatever happens in others.

use super::Entity;
use super::group::{another_arena, grow, is_sparse, shrink};
use crate::element::Key;
use potoroo_runtime::arena::{Arena, ArenaTable, ArenaVec};
use potoroo_runtime::sys::cache::prefetch;

/// With what an arena needs for itself, a page takes a power of two from the system.
const PAGE_BYTES: usize = 32 * 1024 - 64;

/// Below this part of a page, entities lie better in a table.
const FEW_PART: usize = 8;

/// Where an entity is, and of its hash what the table looks at: the low bits say where to look, the seven highest are compared.
#[derive(Clone, Copy, Debug)]
struct Place {
    hash: ShortHash,
    at: u32,
}

/// 32 bits of a hash. The table of a group may have 2^25 places before more of them collide than have to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ShortHash(u32);

impl ShortHash {
    const LOW_BITS: u32 = 25;

    #[inline]
    fn of(hash: u64) -> Self {
        let low = hash as u32 & ((1 << Self::LOW_BITS) - 1);
        Self(((hash >> 57) as u32) << Self::LOW_BITS | low)
    }

    /// What the table is given for a hash, now and when it grows.
    #[inline]
    fn spread(self) -> u64 {
        let low = self.0 & ((1 << Self::LOW_BITS) - 1);
        u64::from(self.0 >> Self::LOW_BITS) << 57 | u64::from(low)
    }
}

impl Place {
    #[inline]
    fn spread(&self) -> u64 {
        self.hash.spread()
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Pages<K, S> {
    places: ArenaTable<Place>,
    pages: Vec<ArenaVec<Entity<K, S>>>,
}

#[inline]
fn entity_at<K: Key, S>(pages: &[ArenaVec<Entity<K, S>>], at: u32) -> &Entity<K, S> {
    let (page, slot) = Pages::<K, S>::slot(at as usize);
    &pages[page][slot]
}

impl<K: Key, S> Pages<K, S> {
    /// How many entities a page has room for.
    pub(super) const SLOTS: usize = match PAGE_BYTES / size_of::<Entity<K, S>>() {
        0 => 1,
        slots => slots,
    };

    /// No entities, and room for the places of so many.
    pub(super) fn new_in(arena: &Arena, entities: usize) -> Self {
        let mut places = ArenaTable::new_in(arena);
        places.move_to(&another_arena(arena), entities, Place::spread);
        Self {
            places,
            pages: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    #[inline]
    fn slot(at: usize) -> (usize, usize) {
        (at / Self::SLOTS, at % Self::SLOTS)
    }

    /// Whether [`make_room`](Self::make_room) comes before the next entity.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.places.len() == self.places.capacity()
    }

    pub(super) fn make_room(&mut self, arena: &Arena) {
        grow(&mut self.places, arena, Place::spread);
    }

    /// Whether [`shrink`](Self::shrink) gives something back.
    #[inline]
    pub(super) fn is_sparse(&self) -> bool {
        self.is_few() || is_sparse(&self.places)
    }

    /// Whether pages are not worth it.
    #[inline]
    pub(super) fn is_few(&self) -> bool {
        self.len() < Self::SLOTS / FEW_PART || self.len() == 0
    }

    pub(super) fn shrink(&mut self, arena: &Arena) {
        shrink(&mut self.places, arena, Place::spread);
        self.pages.shrink_to_fit();
    }

    /// The place of the entity with this hash that `is_it` knows.
    #[inline]
    pub(super) fn find(&self, hash: u64, mut is_it: impl FnMut(&Entity<K, S>) -> bool) -> Option<u32> {
        let hash = ShortHash::of(hash);
        let is_here = |place: &Place| place.hash == hash && is_it(entity_at(&self.pages, place.at));
        self.places.find(hash.spread(), is_here).map(|place| place.at)
    }

    /// Has the processor fetch the entity with this hash; its place is waited for.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64) {
        let hash = ShortHash::of(hash);
        if let Some(place) = self.places.find(hash.spread(), |place| place.hash == hash) {
            prefetch(entity_at(&self.pages, place.at));
        }
    }

    #[inline]
    pub(super) fn at_mut(&mut self, at: u32) -> &mut Entity<K, S> {
        let (page, slot) = Self::slot(at as usize);
        &mut self.pages[page][slot]
    }

    /// Adds an entity that is not here. There is room for its place.
    pub(super) fn insert(&mut self, hash: u64, entity: Entity<K, S>, arena: &Arena) -> &mut Entity<K, S> {
        let at = u32::try_from(self.len()).expect("fewer than 2^32 keys in a key group");
        let (page, slot) = Self::slot(at as usize);
        if page == self.pages.len() {
            self.pages
                .push(ArenaVec::with_capacity_in(Self::SLOTS, &another_arena(arena)));
        }
        let page = &mut self.pages[page];
        page.push(entity);
        let hash = ShortHash::of(hash);
        self.places
            .find_or_insert_with(hash.spread(), |_| false, Place::spread, || Place { hash, at });
        &mut page[slot]
    }

    /// Takes the entity out that `is_it` knows.
    pub(super) fn remove(&mut self, hash: u64, mut is_it: impl FnMut(&Entity<K, S>) -> bool) -> Option<Entity<K, S>> {
        let Self { places, pages } = self;
        let hash = ShortHash::of(hash);
        let place = places.remove(hash.spread(), |place| {
            place.hash == hash && is_it(entity_at(pages, place.at))
        })?;
        let page = pages.last_mut()?;
        let last = page.pop()?;
        if page.is_empty() {
            pages.pop();
        }
        // One place has gone already, so this is that of the last entity.
        let last_at = places.len() as u32;
        if place.at == last_at {
            return Some(last);
        }
        let last_hash = ShortHash::of(last.hash());
        if let Some(moved) = places.find_mut(last_hash.spread(), |other| other.at == last_at) {
            moved.at = place.at;
        }
        Some(std::mem::replace(self.at_mut(place.at), last))
    }

    /// Takes all out.
    pub(super) fn take_all(&mut self) -> Vec<Entity<K, S>> {
        self.places.drain().for_each(drop);
        std::mem::take(&mut self.pages).into_iter().flatten().collect()
    }

    /// All, in an order without meaning.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entity<K, S>> {
        self.pages.iter_mut().flat_map(|page| page.iter_mut())
    }
}
